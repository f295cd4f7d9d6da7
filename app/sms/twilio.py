"""Twilio's Programmable Messaging: `twilio://SID:token@api.twilio.com?from=+15005550006` (or `service=MG…`).

With an API key: `twilio://SK…:secret@api.twilio.com?account=AC…&token=<auth token>&…`; the auth token signs what Twilio says to us.
Source: Twilio, "Message resource", "Validating requests"; twilio 9.13 for the signature.
"""
import base64
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from app.secrets import same
from app.sms import addresses, rules
from app.sms.gateways import Balance, Forged, Incoming, Report, Result, Said
from app.sms.wire import Ask, Reply, Wire, minor_of, number_in

LIFE_SECONDS = 14_400
STATES = {"accepted": "accepted", "scheduled": "accepted", "queued": "accepted", "sending": "accepted", "sent": "accepted",
          "delivered": "delivered", "read": "delivered", "partially_delivered": "undelivered", "undelivered": "undelivered",
          "failed": "undelivered", "canceled": "cancelled"}
# Codes that stop the gateway: our account, or what may be sent from it. 20005 and 21603 … are not in our reference; they stop nothing
# that would have gone out.
_CONFIG = frozenset({20003, 20005, 21408, 21606})
_SENDER = frozenset({21603, 21606, 21659, 21660, 21704})
_THROTTLED = frozenset({20429, 21611})
OPTED_OUT = 21610


def open_gateway(name: str, address: str) -> "Twilio":
    parsed = addresses.parse_address(address, "api.twilio.com")
    return Twilio(name, parsed.base, parsed.options.get("account", parsed.user), (parsed.user, parsed.password),
                  parsed.options.get("token", parsed.password), parsed.options.get("from", ""), parsed.options.get("service", ""),
                  parsed.options.get("shared_key", ""))


@dataclass(frozen=True)
class Twilio:
    """auth: user and password of the API; token: the account's auth token, which signs; shared_key: signs where SHA-256 is set up."""

    name: str
    base: str
    account: str
    auth: tuple[str, str] = field(repr=False)
    token: str = field(repr=False)
    sender: str = ""
    service: str = ""
    shared_key: str = field(default="", repr=False)
    report_url: str = ""
    wire: Wire = field(default_factory=Wire, repr=False)
    reply = ("<Response/>", "text/xml")

    def reporting_to(self, address: str) -> "Twilio":
        return replace(self, report_url=address)

    async def send(self, to_e164: str, text: str, sender: str, client_ref: str) -> Result:
        form = {"To": to_e164, "Body": text, "ValidityPeriod": str(LIFE_SECONDS), "SmartEncoded": "true"}
        if chosen := addresses.sender_of(sender, self.sender):
            form["From"] = chosen
        else:
            form["MessagingServiceSid"] = self.service
        if self.report_url:
            form["StatusCallback"] = f"{self.report_url}?ref={client_ref}"
        return await self.wire.send(Ask(f"{self._resource}/Messages.json", form=form, auth=self.auth), read_answer)

    @property
    def _resource(self) -> str:
        return f"{self.base}/2010-04-01/Accounts/{self.account}"

    async def status(self, provider_id: str, to_e164: str) -> Report | None:
        told = await self.wire.ask(Ask(f"{self._resource}/Messages/{provider_id}.json", auth=self.auth, method="GET"))
        state = STATES.get(str(told.get("status"))) if told else None
        if told is None or state is None or told.get("sid") != provider_id:
            return None
        currency = str(told.get("price_unit") or "")
        return Report(provider_id, state, _code(told.get("error_code")), _price(told, currency), currency)

    async def balance(self) -> Balance | None:
        told = await self.wire.ask(Ask(f"{self._resource}/Balance.json", auth=self.auth, method="GET")) or {}
        currency = str(told.get("currency") or "")
        amount = minor_of(told.get("balance"), currency, rounds_up=False)
        return None if amount is None else Balance(amount, currency)

    def reports_in(self, incoming: Incoming) -> Sequence[Report]:
        self._check(incoming)
        form = dict(incoming.fields)
        state = STATES.get(form.get("MessageStatus", form.get("SmsStatus", "")))
        provider_id = form.get("MessageSid") or form.get("SmsSid")
        if not provider_id or form.get("AccountSid") != self.account:
            raise ValueError("no report about a message of ours")
        if state is None:
            return []
        return [Report(provider_id, state, form.get("ErrorCode", ""), ref=incoming.where.get("ref", ""))]

    def pokes_in(self, incoming: Incoming) -> Sequence[str]:
        return ()

    def said_in(self, incoming: Incoming) -> Said | None:
        self._check(incoming)
        form = dict(incoming.fields)
        return Said(form["From"], form.get("Body", "")) if form.get("From", "").startswith("+") else None

    def _check(self, incoming: Incoming) -> None:
        """Raises Forged unless the account's token (or the shared key, where Twilio says so) signed exactly this."""
        is_sha256 = "HMAC_SHA256" in incoming.headers.get("x-twilio-webhooks-signature-settings", "")
        key = self.shared_key if is_sha256 else self.token
        given = incoming.headers.get("x-twilio-signature", "")
        pairs = incoming.fields if incoming.method == "POST" else ()
        if not key or not any([same(given, signature(key, url, pairs, "sha256" if is_sha256 else "sha1"))
                               for url in spellings(incoming.url)]):
            raise Forged("its signature is not Twilio's")


def spellings(url: str) -> list[str]:
    """The address with its port and without: Twilio signs one or the other."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return [parts._replace(netloc=place).geturl() for place in (host, f"{host}:{port}")]


def signature(key: str, url: str, pairs: Sequence[tuple[str, str]], algorithm: str = "sha1") -> str:
    """What X-Twilio-Signature holds for a POST of a form: names sorted, values of one name sorted and each once."""
    text = url + "".join(name + value for name, value in sorted(set(pairs)))
    return base64.b64encode(hmac.digest(key.encode(), text.encode(), algorithm)).decode()


def read_answer(reply: Reply) -> Result:
    """Unknown for every 5xx and for a good status around anything but a message's id."""
    told = reply.data() or {}
    code = number_in(told.get("code"))
    raw_code = str(code if code is not None else reply.status)
    if 200 <= reply.status < 300:
        return _taken(told)
    if reply.status == 429 or code in _THROTTLED:
        return Result(rules.THROTTLED, raw_code=raw_code)
    if reply.status >= 500:
        return Result(rules.UNKNOWN, raw_code=raw_code)
    if reply.status in (401, 403) or code in _CONFIG | _SENDER:
        return Result(rules.CONFIG, raw_code=raw_code, about_sender=code in _SENDER)
    if reply.status == 408:
        return Result(rules.UNKNOWN, raw_code=raw_code)
    return Result(rules.PERMANENT, raw_code=raw_code, wants_none=code == OPTED_OUT)


def _taken(told: dict[str, object]) -> Result:
    provider_id, status = told.get("sid"), told.get("status")
    if not isinstance(provider_id, str) or not provider_id:
        return Result(rules.UNKNOWN, raw_code="unreadable")
    if status in ("failed", "undelivered", "canceled"):
        code = number_in(told.get("error_code"))
        return Result(rules.PERMANENT, provider_id, raw_code=_code(code) or str(status), wants_none=code == OPTED_OUT)
    currency = str(told.get("price_unit") or "")
    return Result(rules.ACCEPTED, provider_id, number_in(told.get("num_segments")), _price(told, currency), currency=currency)


def _price(told: dict[str, object], currency: str) -> int | None:
    return None if told.get("price") is None else minor_of(told["price"], currency, rounds_up=True)


def _code(value: object) -> str:
    return "" if value is None else str(value)[:20]
