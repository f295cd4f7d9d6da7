"""A gateway of the operator's own: one HTTPS POST of JSON a message.

`webhook+https://user:secret@host/path`: sent to `https://host/path` with the user and secret as Basic credentials. The body is
`{"to": "+7…", "text": "…", "sender": "…", "ref": "…"}`; a receiver drops a `ref` that it has seen. 2xx: taken (an `id` in a JSON
answer is kept); 429 and 503: not now; 401 and 403: our credentials; 402: no money; other 4xx: never.
"""
from urllib.parse import urlsplit

import httpx2
import msgspec

from app.sms import rules
from app.sms.gateways import Result

TIMEOUT = httpx2.Timeout(15.0, connect=5.0)
ANSWER_CAP = 64 * 1024
KINDS = {401: rules.CONFIG, 402: rules.NO_FUNDS, 403: rules.CONFIG, 408: rules.UNKNOWN, 429: rules.THROTTLED, 503: rules.TEMPORARY}


class Answer(msgspec.Struct):
    """What a receiver may say about a message that it took."""

    id: str | None = None


class Webhook:
    """Posts each message to one address."""

    name = "webhook"

    def __init__(self, address: str, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        """address: as the settings hold it; transport: for tests."""
        parts = urlsplit(address.removeprefix("webhook+"))
        self._url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        self._auth = httpx2.BasicAuth(parts.username or "", parts.password or "") if parts.username else None
        self._transport = transport

    async def send(self, to_e164: str, text: str, sender: str, client_ref: str) -> Result:
        body = msgspec.json.encode({"to": to_e164, "text": text, "sender": sender, "ref": client_ref})
        try:
            async with httpx2.AsyncClient(transport=self._transport, timeout=TIMEOUT, auth=self._auth, follow_redirects=False) as client:
                answer = await client.post(self._url, content=body, headers={"Content-Type": "application/json"})
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as exc:
            return Result(rules.TEMPORARY, raw_code=type(exc).__name__)
        except httpx2.HTTPError as exc:
            # The first byte may have gone out: the receiver may have the message.
            return Result(rules.UNKNOWN, raw_code=type(exc).__name__)
        return read_answer(answer.status_code, answer.content[:ANSWER_CAP])


def read_answer(status: int, body: bytes) -> Result:
    if 200 <= status < 300:
        try:
            return Result(rules.ACCEPTED, provider_id=msgspec.json.decode(body, type=Answer).id)
        except msgspec.DecodeError:
            # Taken all the same: the contract is the status, the id only helps to ask later.
            return Result(rules.ACCEPTED)
    if 300 <= status < 400:
        return Result(rules.CONFIG, raw_code=str(status))
    return Result(KINDS.get(status, rules.UNKNOWN if status >= 500 else rules.PERMANENT), raw_code=str(status))
