"""The simulated phone's side of Apple's update service: the five calls as iOS makes them, nothing more forgiving.

Apple, "Adding a Web Service to Update Passes" and its endpoint pages. What iOS would answer with silence is an error here.
"""
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlsplit

import httpx2

USER_AGENT = "passd/1.0 CFNetwork/3860.100.1 Darwin/27.0.0"
PKPASS = "application/vnd.apple.pkpass"


class WireError(Exception):
    """The call failed; `can_retry` when iOS would try it again by itself (5xx, time-outs, broken connections)."""

    def __init__(self, text: str, *, can_retry: bool = False) -> None:
        self.can_retry = can_retry
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Listed:
    """An answer to "what changed?"; tag None with 204."""

    serials: tuple[str, ...]
    tag: str | None


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer to "get pass"; data None with 304. last_modified is the header as it came, "" when there was none."""

    data: bytes | None
    last_modified: str


class Wire:
    """Makes the calls with one HTTP client; `seen` holds a line about the last one, without secrets, for the phone's log."""

    def __init__(self, http: httpx2.AsyncClient, device: str) -> None:
        self.seen = ""
        self._http, self._device = http, device

    async def download(self, address: str) -> bytes:
        """A pass from the web, as Safari fetches it. Raises WireError unless it is a plain 200 of the right type."""
        answer = await self._call("GET", address, {"Accept": f"{PKPASS},*/*"})
        if answer.status_code != 200:
            raise WireError(f"The address answered {answer.status_code}.")
        check_type(answer, PKPASS)
        return answer.content

    async def register(self, service: str, pass_type: str, serial: str, token: str, push_token: str) -> bool:
        """True when the registration is new (201), False when it was there (200)."""
        answer = await self._call("POST", self._registration(service, pass_type, serial), authorised(token), {"pushToken": push_token})
        expect(answer, 200, 201)
        return answer.status_code == 201

    async def unregister(self, service: str, pass_type: str, serial: str, token: str) -> None:
        expect(await self._call("DELETE", self._registration(service, pass_type, serial), authorised(token)), 200)

    async def list_changed(self, service: str, pass_type: str, tag: str | None) -> Listed:
        """No Authorization: iOS sends none here."""
        address = self._registration(service, pass_type)
        answer = await self._call("GET", address if tag is None else f"{address}?passesUpdatedSince={quote(tag, safe='')}")
        expect(answer, 200, 204)
        if answer.status_code == 204:
            return Listed((), None)
        check_type(answer, "application/json")
        try:
            told = answer.json()
            serials, new_tag = told["serialNumbers"], told["lastUpdated"]
        except (ValueError, KeyError, TypeError):
            raise WireError("Server response was malformed (serialNumbers or lastUpdated is missing).") from None
        if not isinstance(new_tag, str) or not isinstance(serials, list) or not all(isinstance(serial, str) for serial in serials):
            # A number here makes iOS ignore the answer (Apple forum 694992).
            raise WireError("Server response was malformed (lastUpdated must be a string, serialNumbers a list of strings).")
        return Listed(tuple(serials), new_tag)

    async def get_pass(self, service: str, pass_type: str, serial: str, token: str, last_modified: str) -> Fetched:
        """last_modified: the header of the version held, "" for none."""
        headers = authorised(token) | ({"If-Modified-Since": last_modified} if last_modified else {})
        answer = await self._call("GET", f"{service}/v1/passes/{quote(pass_type, safe='')}/{quote(serial, safe='')}", headers)
        expect(answer, 200, 304)
        if answer.status_code == 304:
            if answer.content:
                raise WireError("Server response was malformed (304 with a body).")
            return Fetched(None, last_modified)
        check_type(answer, PKPASS)
        return Fetched(answer.content, http_date(answer.headers.get("last-modified", "")))

    async def log(self, service: str, lines: list[str]) -> None:
        """Whatever becomes of it: a phone does not complain about complaining."""
        try:
            await self._call("POST", f"{service}/v1/log", None, {"logs": lines})
        except WireError:
            return

    def _registration(self, service: str, pass_type: str, serial: str = "") -> str:
        base = f"{service}/v1/devices/{self._device}/registrations/{quote(pass_type, safe='')}"
        return f"{base}/{quote(serial, safe='')}" if serial else base

    async def _call(self, method: str, address: str, headers: dict[str, str] | None = None, body: object = None) -> httpx2.Response:
        began = datetime.now(UTC)
        shown = f"{method} {short(address)}"
        try:
            answer = await self._http.request(method, address, headers={"User-Agent": USER_AGENT} | (headers or {}), json=body)
        except httpx2.HTTPError as exc:
            self.seen = f"{shown} {type(exc).__name__}"
            raise WireError(f"No answer ({type(exc).__name__}).", can_retry=True) from exc
        except (httpx2.InvalidURL, ValueError) as exc:
            self.seen = shown
            raise WireError(f"Not an address: {exc}.") from exc
        # A wallet keeps no cookies, so the service must not need them.
        self._http.cookies.clear()
        took_ms = (datetime.now(UTC) - began).total_seconds() * 1000
        size = f", {len(answer.content) / 1000:.1f} kB" if answer.content else ""
        self.seen = f"{shown} {answer.status_code}{size}, {took_ms:.0f} ms"
        if answer.status_code >= 500 or answer.status_code == 429:
            raise WireError(f"The server answered {answer.status_code}.", can_retry=True)
        if 300 <= answer.status_code < 400 and answer.status_code != 304:
            raise WireError("The server answered with a redirect, which a wallet does not follow.")
        return answer


def authorised(token: str) -> dict[str, str]:
    return {"Authorization": f"ApplePass {token}"}


def expect(answer: httpx2.Response, *statuses: int) -> None:
    if answer.status_code == 401:
        raise WireError("Authentication failure.")
    if answer.status_code not in statuses:
        raise WireError(f"The server answered {answer.status_code}; only {' or '.join(map(str, statuses))} is understood.")


def check_type(answer: httpx2.Response, wanted: str) -> None:
    sent = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent != wanted:
        raise WireError(f"The Content-Type is {sent or 'missing'}; a phone takes {wanted} only.")


def http_date(text: str) -> str:
    """`text` if it is an HTTP date, else ""."""
    try:
        parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return ""
    return text


def short(address: str) -> str:
    """The address as a log may show it: without host, and without the part that is a secret or only long."""
    parts = urlsplit(address)
    segments = ["…" if len(segment) > 20 and not segment.startswith("pass.") else segment for segment in parts.path.split("/")]
    if len(segments) > 2 and segments[1] == "c":
        segments[2] = "…"
    return "/".join(segments) + (f"?{parts.query}" if parts.query else "")
