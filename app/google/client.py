"""The only file that talks to Google: one request, one answer, nothing raised for what a network does."""
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    import httpx2

# Google answers within a second; a press waits behind this, and a queue of many is held up by it.
ANSWER_SECONDS, CONNECT_SECONDS = 10.0, 5.0
ANSWER_CAP = 256 * 1024
LONGEST_MESSAGE = 300


class Answer(NamedTuple):
    """status 0: none came, `reason` says why; body: its JSON, {} where there is none; date: the server's clock, if it told."""

    status: int
    reason: str = ""
    message: str = ""
    body: Mapping[str, Any] = {}
    date: datetime | None = None


class Wire:
    """Connections to Google, kept open between requests."""

    def __init__(self, transport: "httpx2.AsyncBaseTransport | None" = None) -> None:
        import httpx2  # loaded where it is used: a server without Google does not pay for it

        self._failures = (httpx2.HTTPError, httpx2.InvalidURL)
        self._http = httpx2.AsyncClient(transport=transport, timeout=httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
                                        follow_redirects=False, limits=httpx2.Limits(max_connections=8, max_keepalive_connections=4))

    async def close(self) -> None:
        await self._http.aclose()

    async def send(self, method: str, address: str, body: Mapping[str, Any] | None = None, *, token: str) -> Answer:
        """A request of the REST API; the body as JSON."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return await self._answer(method, address, headers, msgspec.json.encode(body) if body is not None else None, None)

    async def post_form(self, address: str, form: Mapping[str, str]) -> Answer:
        """A request for a token."""
        return await self._answer("POST", address, {}, None, form)

    async def _answer(self, method: str, address: str, headers: Mapping[str, str], content: bytes | None,
                      form: Mapping[str, str] | None) -> Answer:
        try:
            found = await self._http.request(method, address, headers=headers, content=content, data=form)
        except self._failures as error:
            return Answer(0, type(error).__name__)
        return read_answer(found.status_code, found.content[:ANSWER_CAP], found.headers.get("date", ""))


def read_answer(status: int, content: bytes, date: str = "") -> Answer:
    """What an answer says, whatever its shape: REST's `{"error": {…}}`, the token endpoint's `{"error": "…"}`, or a proxy's page."""
    try:
        body = msgspec.json.decode(content) if content else {}
    except msgspec.DecodeError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    reason, message = "", ""
    error = body.get("error")
    if isinstance(error, dict):
        listed = error.get("errors")
        first = listed[0] if isinstance(listed, list) and listed else None
        reason, message = str(first.get("reason", "")) if isinstance(first, dict) else "", str(error.get("message", ""))
    elif isinstance(error, str):
        reason, message = error, str(body.get("error_description", ""))
    return Answer(status, reason[:LONGEST_MESSAGE], message[:LONGEST_MESSAGE], body, _moment(date))


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else None
