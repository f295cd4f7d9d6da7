"""One HTTP exchange with a gateway, and what its failures mean: HTTPS, certificates checked, no redirects, little patience."""
import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

import httpx2
import msgspec

from app.money import minor_digits
from app.sms import addresses, rules
from app.sms.gateways import Result

CONNECT_SECONDS, TOTAL_SECONDS = 5.0, 15.0
ANSWER_CAP = 64 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came; body: at most ANSWER_CAP bytes of it."""

    status: int
    body: bytes

    def data(self) -> dict[str, Any] | None:
        """The JSON object that it holds; None for anything else."""
        try:
            told = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return None
        return told if isinstance(told, dict) else None


@dataclass(frozen=True, slots=True)
class Ask:
    """A request. form and json: the body's one of two; auth: Basic user and password. Credentials never stand in `url`."""

    url: str
    form: Mapping[str, str] | None = None
    json: Any = None
    auth: tuple[str, str] | None = None
    headers: Mapping[str, str] | None = None
    content: bytes | None = None
    method: str = "POST"


class Wire:
    """transport: for tests."""

    def __init__(self, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._transport = transport

    async def send(self, ask: Ask, read: Callable[[Reply], Result]) -> Result:
        """Sends a message with `ask`; `read` says what an answer means. Failures, redirects and our own mistakes become a Result."""
        try:
            reply = await self._exchange(ask)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as exc:
            # Nothing was said yet. A certificate that is not theirs mends itself for nobody: a person must look.
            return Result(rules.CONFIG if _is_certificate(exc) else rules.TEMPORARY, raw_code=type(exc).__name__)
        except (httpx2.HTTPError, TimeoutError) as exc:
            # The first byte may have gone out: the gateway may have the message.
            return Result(rules.UNKNOWN, raw_code=type(exc).__name__)
        if 300 <= reply.status < 400:
            return Result(rules.CONFIG, raw_code=str(reply.status))
        return read(reply)

    async def ask(self, ask: Ask) -> dict[str, Any] | None:
        """The JSON object of a good answer to a question; None for everything else, which is asked again some time."""
        try:
            reply = await self._exchange(ask)
        except (httpx2.HTTPError, TimeoutError):
            return None
        return reply.data() if 200 <= reply.status < 300 else None

    async def _exchange(self, ask: Ask) -> Reply:
        assert addresses.is_allowed(ask.url)
        timeout = httpx2.Timeout(TOTAL_SECONDS, connect=CONNECT_SECONDS)
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", **(ask.headers or {})}
        async with asyncio.timeout(TOTAL_SECONDS), httpx2.AsyncClient(
                transport=self._transport, verify=_trust(), timeout=timeout, follow_redirects=False) as client, client.stream(
                ask.method, ask.url, data=ask.form, json=ask.json, content=ask.content, headers=headers,
                auth=httpx2.BasicAuth(*ask.auth) if ask.auth else None) as answer:
            body = b""
            if "content-encoding" in answer.headers:        # a small answer can unpack to a large one
                return Reply(answer.status_code, body)
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) >= ANSWER_CAP:
                    break           # whoever says more has nothing to say
            return Reply(answer.status_code, body[:ANSWER_CAP])


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    """Made once: reading the authorities takes longer than sending a message."""
    return httpx2.create_ssl_context()


def _is_certificate(exc: BaseException | None) -> bool:
    while exc is not None:
        if isinstance(exc, ssl.SSLCertVerificationError):
            return True
        exc = exc.__cause__ or exc.__context__
    return False


def minor_of(amount: object, currency: str, *, rounds_up: bool) -> int | None:
    """An amount as gateways write it ("1.4", 0.0333, "-0.0075": what was taken) in minor units; None where it is none.

    rounds_up: a cost is never counted as less than it was, a balance never as more.
    """
    try:
        minor = Decimal(str(amount).strip()).scaleb(minor_digits(currency))
    except ArithmeticError:         # no number, or one beyond all reason
        return None
    if not minor.is_finite() or abs(minor) > 10**12:
        return None
    return int(abs(minor).to_integral_value("ROUND_CEILING") if rounds_up else minor.to_integral_value("ROUND_FLOOR"))


def number_in(value: object) -> int | None:
    """A code that is a number or the digits of one; None for anything else (also true and 1.5)."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = str(value).strip() if isinstance(value, str) else ""
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else None
