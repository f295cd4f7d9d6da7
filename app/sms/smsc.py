"""SMSC.ru: `smsc://login:password@smsc.ru?from=Name`, or `smsc://apikey@…`; the same for smsc.kz and the reserve host www2.smsc.ru.

Source: smsc.ru/api (HTTP). It answers 200 whatever happened. Its reports are not signed: they move a state and nothing else.
"""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.sms import addresses, rules
from app.sms.gateways import DUPLICATE, Balance, Gateway, Incoming, Report, Result
from app.sms.wire import Ask, Reply, Wire, minor_of, number_in

LIFE_HOURS = 4
STATES = {-2: "undelivered", -1: "accepted", 0: "accepted", 1: "delivered", 2: "delivered", 3: "expired", 4: "delivered", 20: "undelivered",
          22: "undelivered", 23: "rejected", 24: "undelivered", 25: "undelivered"}
# 4: our address is locked for a while, for asking wrongly too often; 9: this very text a minute ago (or too many at once).
KINDS = {2: rules.CONFIG, 3: rules.NO_FUNDS, 4: rules.THROTTLED, 9: DUPLICATE}


def open_gateway(name: str, address: str) -> "Smsc":
    parsed = addresses.parse_address(address, "smsc.ru")
    login = {"login": parsed.user, "psw": parsed.password} if parsed.password else {"apikey": parsed.user}
    return Smsc(name, parsed.base, login, parsed.options.get("from", ""), parsed.options.get("currency", "RUB"))


@dataclass(frozen=True)
class Smsc:
    """login: what stands in each body; currency: of the account."""

    name: str
    base: str
    login: Mapping[str, str] = field(repr=False)
    sender: str = ""
    currency: str = "RUB"
    wire: Wire = field(default_factory=Wire, repr=False)
    reply = ("OK", "text/plain")

    def reporting_to(self, address: str) -> Gateway:
        return self             # the address is set in the cabinet

    async def send(self, to_e164: str, text: str, sender: str, client_ref: str) -> Result:
        # With its + the number is left as it is; cost=2: send, and say the price.
        asked = {"phones": to_e164, "mes": text, "cost": "2", "valid": str(LIFE_HOURS), "translit": "0"}
        if chosen := addresses.sender_of(sender, self.sender):
            asked["sender"] = chosen
        return await self.wire.send(self._ask("send", asked), self.read_answer)

    def _ask(self, what: str, asked: Mapping[str, str]) -> Ask:
        return Ask(f"{self.base}/sys/{what}.php", form={**self.login, **asked, "charset": "utf-8", "fmt": "3"})

    def read_answer(self, reply: Reply) -> Result:
        told = reply.data()
        if told is None or not 200 <= reply.status < 300:
            return _without_words(reply)
        code = number_in(told.get("error_code"))
        if code is not None:
            return Result(KINDS.get(code, rules.PERMANENT), raw_code=str(code))
        if number_in(told.get("id")) is None:
            return Result(rules.UNKNOWN, raw_code="unreadable")
        cost = None if told.get("cost") is None else minor_of(told["cost"], self.currency, rounds_up=True)
        return Result(rules.ACCEPTED, str(told["id"]), number_in(told.get("cnt")), cost, currency=self.currency)

    async def status(self, provider_id: str, to_e164: str) -> Report | None:
        told = await self.wire.ask(self._ask("status", {"phone": to_e164, "id": provider_id, "all": "2"})) or {}
        code = number_in(told.get("status"))
        state = STATES.get(code) if code is not None and told.get("error_code") is None else None
        if state is None:
            return None
        cost = None if told.get("cost") is None else minor_of(told["cost"], self.currency, rounds_up=True)
        return Report(provider_id, state, str(code), cost, self.currency)

    async def balance(self) -> Balance | None:
        told = await self.wire.ask(self._ask("balance", {})) or {}
        amount = minor_of(told.get("balance"), self.currency, rounds_up=False)
        return None if amount is None else Balance(amount, self.currency)

    def reports_in(self, incoming: Incoming) -> Sequence[Report]:
        told = dict(incoming.fields)
        code = number_in(told.get("status"))
        if not told.get("id") or code is None:
            raise ValueError("no report about a message")
        state = STATES.get(code)
        return [] if state is None else [Report(told["id"], state, str(code))]

    def pokes_in(self, incoming: Incoming) -> Sequence[str]:
        return ()


def _without_words(reply: Reply) -> Result:
    """No JSON, or not a 200: a proxy's page, a 500, a lock."""
    if reply.status in (401, 403):
        return Result(rules.CONFIG, raw_code=str(reply.status))
    if reply.status == 429:
        return Result(rules.THROTTLED, raw_code="429")
    definite = 400 <= reply.status < 500 and reply.status != 408
    return Result(rules.PERMANENT if definite else rules.UNKNOWN, raw_code=str(reply.status))
