"""A gateway of the operator's own: one HTTPS POST of JSON a message.

`webhook+https://user:secret@host/path`: sent to `https://host/path` with the user and secret as Basic credentials, and signed with the
secret: `Tessera-Signature: t=<unix seconds>,v1=<hex HMAC-SHA-256 of "<t>.<body>">`. The body is
`{"to": "+7…", "text": "…", "sender": "…", "ref": "…", "report": "https://…"}`; a receiver drops a `ref` that it has seen. 2xx: taken (an
`id` in a JSON answer is kept); 429 and 503: not now; 401 and 403: our credentials; 402: no money; other 4xx: never.
A receiver that knows more posts `{"id": "…" or "ref": "…", "state": "delivered"}` to `report`, signed the same way.
"""
import hmac
import re
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import unquote, urlsplit

import httpx2
import msgspec

from app.clock import Clock, SystemClock, from_ms
from app.secrets import same
from app.sms import rules
from app.sms.gateways import Forged, Gateway, Incoming, Report, Result
from app.sms.wire import Ask, Reply, Wire

HEADER = "Tessera-Signature"
# A report that was caught on its way cannot be played again later.
CLOCKS_APART = timedelta(minutes=5)
KINDS = {401: rules.CONFIG, 402: rules.NO_FUNDS, 403: rules.CONFIG, 408: rules.UNKNOWN, 429: rules.THROTTLED, 503: rules.TEMPORARY}
STATES = frozenset({"accepted", "delivered", "undelivered", "expired", "rejected"})


class Answer(msgspec.Struct):
    """What a receiver may say about a message that it took."""

    id: str | None = None


class Webhook:
    """Posts each message to one address."""

    reply = ("", "text/plain")

    def __init__(self, address: str, transport: httpx2.AsyncBaseTransport | None = None, *, name: str = "webhook",
                 clock: Clock | None = None, report_url: str = "") -> None:
        """address: as the settings hold it; transport: for tests."""
        parts = urlsplit(address.removeprefix("webhook+"))
        userinfo, _, place = parts.netloc.rpartition("@")
        user, _, secret = userinfo.partition(":")
        self.name, self._address, self._clock, self._report_url = name, address, clock or SystemClock(), report_url
        self._url = parts._replace(netloc=place).geturl()
        self._auth = (unquote(user), unquote(secret)) if user else None
        self._secret = unquote(secret)
        self._transport = transport

    def reporting_to(self, address: str) -> Gateway:
        """Nobody without the secret could sign a report, so nobody else is told where one goes."""
        if not self._secret:
            return self
        return Webhook(self._address, self._transport, name=self.name, clock=self._clock, report_url=address)

    async def send(self, to_e164: str, text: str, sender: str, client_ref: str) -> Result:
        message = {"to": to_e164, "text": text, "sender": sender, "ref": client_ref}
        if self._report_url:
            message["report"] = self._report_url
        body = msgspec.json.encode(message)
        headers = {"Content-Type": "application/json"}
        if self._secret:
            headers[HEADER] = signed(self._secret, int(self._clock.now().timestamp()), body)
        return await Wire(self._transport).send(Ask(self._url, content=body, headers=headers, auth=self._auth), read_answer)

    def reports_in(self, incoming: Incoming) -> Sequence[Report]:
        self._check(incoming)
        told = dict(incoming.fields)
        state, provider_id, ref = told.get("state", ""), told.get("id", ""), told.get("ref", "")
        if state not in STATES or not (provider_id or ref):
            raise ValueError("no report about a message")
        return [Report(provider_id, state, told.get("code", "")[:20], ref=ref)]

    def pokes_in(self, incoming: Incoming) -> Sequence[str]:
        return ()

    def _check(self, incoming: Incoming) -> None:
        found = re.fullmatch(r"t=(\d{1,12}),v1=[0-9a-f]{64}", incoming.headers.get(HEADER.lower(), ""))
        if not self._secret or found is None or not same(found[0], signed(self._secret, int(found[1]), incoming.body)):
            raise Forged("its signature is not the receiver's")
        if abs(from_ms(int(found[1]) * 1000) - self._clock.now()) > CLOCKS_APART:
            raise Forged("its signature is of another time")


def signed(secret: str, at: int, body: bytes) -> str:
    """The header's value; at: unix seconds."""
    return f"t={at},v1={hmac.digest(secret.encode(), f'{at}.'.encode() + body, 'sha256').hex()}"


def read_answer(reply: Reply) -> Result:
    if 200 <= reply.status < 300:
        try:
            return Result(rules.ACCEPTED, provider_id=msgspec.json.decode(reply.body, type=Answer).id)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # Taken all the same: the contract is the status, the id only helps to ask later.
            return Result(rules.ACCEPTED)
    return Result(KINDS.get(reply.status, rules.UNKNOWN if reply.status >= 500 else rules.PERMANENT), raw_code=str(reply.status))
