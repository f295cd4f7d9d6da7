"""Vonage (Nexmo), SMS API: `vonage://key:secret@rest.nexmo.com?from=Name`; `&signature=<secret>&method=sha256`: reports are signed.

Source: Vonage, "SMS API"; vonage-sms 1.2, nexmo 2.5 for the signature.
"""
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from app.secrets import same
from app.sms import addresses, rules
from app.sms.gateways import Balance, Forged, Incoming, Report, Result, Said
from app.sms.wire import Ask, Reply, Wire, minor_of, number_in

LIFE_MS = 14_400_000
LONGEST_CALLBACK = 100
CURRENCY = "EUR"
METHODS = ("md5hash", "md5", "sha1", "sha256", "sha512")
STATES = {"accepted": "accepted", "buffered": "accepted", "delivered": "delivered", "expired": "expired", "failed": "undelivered",
          "rejected": "rejected"}
KINDS = {1: rules.THROTTLED, 4: rules.CONFIG, 5: rules.TEMPORARY, 8: rules.CONFIG, 9: rules.NO_FUNDS, 10: rules.TEMPORARY,
         11: rules.CONFIG, 14: rules.CONFIG, 15: rules.CONFIG, 23: rules.CONFIG, 29: rules.CONFIG, 32: rules.CONFIG}
BAD_SENDER = 15


def open_gateway(name: str, address: str) -> "Vonage":
    parsed = addresses.parse_address(address, "rest.nexmo.com")
    return Vonage(name, parsed.base, (parsed.user, parsed.password), parsed.options.get("from", ""),
                  parsed.options.get("signature", ""), parsed.options.get("method", "sha256"))


@dataclass(frozen=True)
class Vonage:
    """signing: the account's signature secret, which is not the API's; "": reports are unsigned, and count for as little as others'."""

    name: str
    base: str
    auth: tuple[str, str] = field(repr=False)
    sender: str
    signing: str = field(default="", repr=False)
    method: str = "sha256"
    report_url: str = ""
    wire: Wire = field(default_factory=Wire, repr=False)
    reply = ("", "text/plain")

    def reporting_to(self, address: str) -> "Vonage":
        return replace(self, report_url=address if len(address) <= LONGEST_CALLBACK else "")

    async def send(self, to_e164: str, text: str, sender: str, client_ref: str) -> Result:
        form = {"from": addresses.sender_of(sender, self.sender), "to": addresses.digits_of(to_e164), "text": text, "ttl": str(LIFE_MS),
                "client-ref": client_ref}
        if rules.size_of(text).encoding != "GSM-7":
            form["type"] = "unicode"        # or it arrives as question marks
        if self.report_url:
            form |= {"status-report-req": "1", "callback": self.report_url}
        return await self.wire.send(Ask(f"{self.base}/sms/json", form=form, auth=self.auth), read_answer)

    async def status(self, provider_id: str, to_e164: str) -> Report | None:
        """This API has no question for it: a message without a report ends as unknown."""
        return None

    async def balance(self) -> Balance | None:
        told = await self.wire.ask(Ask(f"{self.base}/account/get-balance", auth=self.auth, method="GET")) or {}
        amount = minor_of(told.get("value"), CURRENCY, rounds_up=False)
        return None if amount is None else Balance(amount, CURRENCY)

    def reports_in(self, incoming: Incoming) -> Sequence[Report]:
        told = self._checked(incoming)
        provider_id, state = told.get("messageId"), STATES.get(told.get("status", ""))
        if not provider_id:
            raise ValueError("no report about a message")
        if state is None:
            return []
        price = minor_of(told["price"], CURRENCY, rounds_up=True) if self.signing and told.get("price") else None
        ref = told.get("client-ref", "") if self.signing else ""
        return [Report(provider_id, state, told.get("err-code", ""), price, CURRENCY, ref)]

    def pokes_in(self, incoming: Incoming) -> Sequence[str]:
        return ()

    def said_in(self, incoming: Incoming) -> Said | None:
        told = self._checked(incoming)
        number = told.get("msisdn", "")
        return Said(f"+{number}", told.get("text", "")) if number.isascii() and number.isdigit() else None

    def _checked(self, incoming: Incoming) -> Mapping[str, str]:
        told = dict(incoming.fields)
        if self.signing and not same(told.get("sig", "").lower(), signature(self.signing, self.method, told)):
            raise Forged("its signature is not Vonage's")
        return told


def signature(secret: str, method: str, told: Mapping[str, str]) -> str:
    """`sig` for these parameters, in lower-case hex; "md5hash" is the account setting without an HMAC."""
    cleaned = {name: value.replace("&", "_").replace("=", "_") for name, value in told.items() if name != "sig"}
    text = "".join(f"&{name}={cleaned[name]}" for name in sorted(cleaned))
    if method == "md5hash":
        return hashlib.md5((text + secret).encode(), usedforsecurity=False).hexdigest()
    return hmac.digest(secret.encode(), text.encode(), method).hex()


def read_answer(reply: Reply) -> Result:
    """A long text is several parts, each with its own answer, all under a 200."""
    if reply.status in (401, 403):
        return Result(rules.CONFIG, raw_code=str(reply.status))
    if reply.status == 429:
        return Result(rules.THROTTLED, raw_code="429")
    parts = (reply.data() or {}).get("messages")
    if not 200 <= reply.status < 300:
        definite = 400 <= reply.status < 500 and reply.status != 408
        return Result(rules.PERMANENT if definite else rules.UNKNOWN, raw_code=str(reply.status))
    if not isinstance(parts, list) or not parts or not all(isinstance(part, dict) for part in parts):
        return Result(rules.UNKNOWN, raw_code="unreadable")
    failed = [part for part in parts if number_in(part.get("status")) != 0]
    if failed and len(failed) < len(parts):
        # Half a message went out, and its link is at the end: the whole once more, as after a break.
        return Result(rules.UNKNOWN, raw_code="parts")
    return _refused(failed[0]) if failed else _taken(parts)


def _refused(part: Mapping[str, object]) -> Result:
    code = number_in(part.get("status"))
    if code is None:
        return Result(rules.UNKNOWN, raw_code="unreadable")
    return Result(KINDS.get(code, rules.PERMANENT), raw_code=str(code), about_sender=code == BAD_SENDER)


def _taken(parts: Sequence[Mapping[str, object]]) -> Result:
    """The first part's id stands for all; the cost is all parts' together, each rounded up."""
    provider_id = parts[0].get("message-id")
    prices = [minor_of(part.get("message-price"), CURRENCY, rounds_up=True) for part in parts]
    cost = sum(price for price in prices if price is not None) if None not in prices else None
    return Result(rules.ACCEPTED, str(provider_id) if provider_id else None, len(parts), cost, currency=CURRENCY)
