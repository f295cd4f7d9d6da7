"""SMS Aero, API v2: `smsaero://mail@example.com:key@gate.smsaero.ru?from=Name`.

Source: smsaero.ru/integration (v2); smsaero-api 3.2. What its callbacks hold is not written down anywhere we could read, so one is
only a knock: the message is asked after at once.
"""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from app.sms import addresses, rules
from app.sms.gateways import Balance, Incoming, Report, Result
from app.sms.wire import Ask, Reply, Wire, minor_of, number_in

CURRENCY = "RUB"
USUAL_SENDER = "SMS Aero"
STATES = {0: "accepted", 1: "delivered", 2: "undelivered", 3: "accepted", 4: "accepted", 6: "rejected", 8: "accepted"}
KINDS = {401: rules.CONFIG, 402: rules.NO_FUNDS, 403: rules.CONFIG, 408: rules.UNKNOWN, 429: rules.THROTTLED}


def open_gateway(name: str, address: str) -> "SmsAero":
    parsed = addresses.parse_address(address, "gate.smsaero.ru")
    return SmsAero(name, parsed.base, (parsed.user, parsed.password), parsed.options.get("from", USUAL_SENDER))


@dataclass(frozen=True)
class SmsAero:
    name: str
    base: str
    auth: tuple[str, str] = field(repr=False)
    sender: str = USUAL_SENDER
    report_url: str = ""
    wire: Wire = field(default_factory=Wire, repr=False)
    reply = ("OK", "text/plain")

    def reporting_to(self, address: str) -> "SmsAero":
        return replace(self, report_url=address)

    async def send(self, to_e164: str, text: str, sender: str, client_ref: str) -> Result:
        asked = {"number": addresses.digits_of(to_e164), "text": text, "sign": addresses.sender_of(sender, self.sender)}
        if self.report_url:
            asked |= {"callbackUrl": f"{self.report_url}?ref={client_ref}", "callbackFormat": "JSON"}
        return await self.wire.send(self._ask("sms/send", asked), read_answer)

    def _ask(self, what: str, asked: Mapping[str, object]) -> Ask:
        return Ask(f"{self.base}/v2/{what}", json=asked, auth=self.auth)

    async def status(self, provider_id: str, to_e164: str) -> Report | None:
        told = _data(await self.wire.ask(self._ask("sms/status", {"id": number_in(provider_id)})) or {})
        code = number_in(told.get("status"))
        if code not in STATES or str(told.get("id")) != provider_id:
            return None
        return Report(provider_id, STATES[code], str(code), _cost(told), CURRENCY)

    async def balance(self) -> Balance | None:
        told = _data(await self.wire.ask(self._ask("balance", {})) or {})
        amount = minor_of(told.get("balance"), CURRENCY, rounds_up=False)
        return None if amount is None else Balance(amount, CURRENCY)

    def reports_in(self, incoming: Incoming) -> Sequence[Report]:
        return ()

    def pokes_in(self, incoming: Incoming) -> Sequence[str]:
        told = dict(incoming.fields)
        return [value for value in (told.get("id", ""), incoming.where.get("ref", "")) if value]


def read_answer(reply: Reply) -> Result:
    """A refusal has no code but a sentence, which stays where it is: it may repeat the text."""
    told = reply.data() or {}
    if told.get("result") == "no credits":
        return Result(rules.NO_FUNDS, raw_code="no credits")
    if told.get("result") == "reject":
        return Result(rules.PERMANENT, raw_code="reject")
    if reply.status in KINDS:
        return Result(KINDS[reply.status], raw_code=str(reply.status))
    if told.get("success") is False and reply.status < 500:
        return Result(rules.PERMANENT, raw_code=f"refused {reply.status}")
    if not 200 <= reply.status < 300:
        return Result(rules.PERMANENT if 400 <= reply.status < 500 else rules.UNKNOWN, raw_code=str(reply.status))
    data = _data(told)
    if number_in(data.get("id")) is None:
        return Result(rules.UNKNOWN, raw_code="unreadable")
    if number_in(data.get("status")) == 6:
        return Result(rules.PERMANENT, str(data["id"]), raw_code="6")
    return Result(rules.ACCEPTED, str(data["id"]), None, _cost(data), currency=CURRENCY)


def _data(told: Mapping[str, object]) -> Mapping[str, object]:
    """What an answer is about; a list of one where several numbers could have been asked for."""
    data = told.get("data") if told.get("success") is True else None
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    return data if isinstance(data, dict) else {}


def _cost(data: Mapping[str, object]) -> int | None:
    return None if data.get("cost") is None else minor_of(data["cost"], CURRENCY, rounds_up=True)
