"""SMS.ru: `smsru://api_id@sms.ru?from=Name`.

Source: sms.ru/api. A refusal stands inside an answer whose outside is OK: both are read. Its reports are not signed: they move a state
and nothing else. They demand that a public form which sends messages is protected; ours has limits and a proof of work.
"""
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.sms import addresses, rules
from app.sms.gateways import DUPLICATE, Balance, Gateway, Incoming, Report, Result
from app.sms.wire import Ask, Reply, Wire, minor_of, number_in

LIFE_MINUTES = 240
CURRENCY = "RUB"
MOST_REPORTS = 100
OK = 100
STATES = {100: "accepted", 101: "accepted", 102: "accepted", 103: "delivered", 110: "delivered", 104: "expired", 105: "undelivered",
          106: "undelivered", 107: "undelivered", 108: "rejected", 150: "undelivered"}
KINDS = {200: rules.CONFIG, 201: rules.NO_FUNDS, 204: rules.CONFIG, 206: rules.NO_FUNDS, 220: rules.TEMPORARY, 231: DUPLICATE,
         500: rules.TEMPORARY, **dict.fromkeys(range(300, 306), rules.CONFIG)}
BAD_SENDER = 204


def open_gateway(name: str, address: str) -> "SmsRu":
    parsed = addresses.parse_address(address, "sms.ru")
    return SmsRu(name, parsed.base, parsed.user, parsed.options.get("from", ""))


@dataclass(frozen=True)
class SmsRu:
    name: str
    base: str
    api_id: str = field(repr=False)
    sender: str = ""
    wire: Wire = field(default_factory=Wire, repr=False)
    # Anything else, and the report comes again.
    reply = ("100", "text/plain")

    def reporting_to(self, address: str) -> Gateway:
        return self             # the address is set in the cabinet

    async def send(self, to_e164: str, text: str, sender: str, client_ref: str) -> Result:
        asked = {"to": addresses.digits_of(to_e164), "msg": text, "ttl": str(LIFE_MINUTES)}
        if chosen := addresses.sender_of(sender, self.sender):
            asked["from"] = chosen
        return await self.wire.send(self._ask("sms/send", asked), lambda reply: read_answer(reply, asked["to"]))

    def _ask(self, what: str, asked: Mapping[str, str]) -> Ask:
        return Ask(f"{self.base}/{what}", form={"api_id": self.api_id, "json": "1", **asked})

    async def status(self, provider_id: str, to_e164: str) -> Report | None:
        told = await self.wire.ask(self._ask("sms/status", {"sms_id": provider_id})) or {}
        found = told.get("sms")
        inside = found.get(provider_id) if isinstance(found, dict) else None
        code = number_in(inside.get("status_code")) if isinstance(inside, dict) else None
        if inside is None or code not in STATES:
            return None
        cost = None if inside.get("cost") is None else minor_of(inside["cost"], CURRENCY, rounds_up=True)
        return Report(provider_id, STATES[code], str(code), cost, CURRENCY)

    async def balance(self) -> Balance | None:
        told = await self.wire.ask(self._ask("my/balance", {})) or {}
        amount = minor_of(told.get("balance"), CURRENCY, rounds_up=False) if number_in(told.get("status_code")) == OK else None
        return None if amount is None else Balance(amount, CURRENCY)

    def reports_in(self, incoming: Incoming) -> Sequence[Report]:
        """Each field `data[n]` is a text of lines: `sms_status`, the id, the code, perhaps a moment. Other kinds are passed over."""
        entries = [value.split("\n") for name, value in incoming.fields if re.fullmatch(r"data(\[\d*\])?", name)]
        if not entries:
            raise ValueError("no reports")
        found = []
        for lines in entries[:MOST_REPORTS]:
            kind, provider_id, code = [line.strip() for line in (*lines, "", "")[:3]]
            state = STATES.get(number_in(code) or 0)
            if kind == "sms_status" and provider_id and state is not None:
                found.append(Report(provider_id, state, code))
        return found

    def pokes_in(self, incoming: Incoming) -> Sequence[str]:
        return ()


def read_answer(reply: Reply, to: str) -> Result:
    told = reply.data()
    outside = number_in(told.get("status_code")) if told else None
    if told is None or outside is None or not 200 <= reply.status < 300:
        if reply.status in (401, 403):
            return Result(rules.CONFIG, raw_code=str(reply.status))
        definite = 400 <= reply.status < 500 and reply.status not in (408, 429)
        kind = rules.THROTTLED if reply.status == 429 else rules.PERMANENT if definite else rules.UNKNOWN
        return Result(kind, raw_code=str(reply.status))
    if outside != OK:
        return _refused(outside)
    numbers = told.get("sms")
    inside = numbers.get(to) if isinstance(numbers, dict) else None
    code = number_in(inside.get("status_code")) if isinstance(inside, dict) else None
    if inside is None or code is None:
        return Result(rules.UNKNOWN, raw_code="unreadable")
    if code != OK:
        return _refused(code)
    provider_id = inside.get("sms_id")
    cost = None if inside.get("cost") is None else minor_of(inside["cost"], CURRENCY, rounds_up=True)
    return Result(rules.ACCEPTED, str(provider_id) if provider_id else None, number_in(inside.get("sms_count")), cost, currency=CURRENCY)


def _refused(code: int) -> Result:
    """101 to 103 in place of 100 is a message that went on at once."""
    if code in STATES and STATES[code] in ("accepted", "delivered"):
        return Result(rules.UNKNOWN, raw_code=str(code))
    return Result(KINDS.get(code, rules.PERMANENT), raw_code=str(code), about_sender=code == BAD_SENDER)
