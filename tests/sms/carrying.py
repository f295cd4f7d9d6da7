"""A business that sends messages through gateways that a test wrote down."""
from typing import Any

from app.db import Database, write_transaction
from app.sms import delivery, service
from app.sms.gateways import Balance, Gateways, Report, Result
from app.sms.service import Order
from app.web.principal import Principal

LINK = "https://cards.example.com/a/123456789ABC"
PHONE = "+79161231234"


class Scripted:
    """A gateway that answers what the test wrote down; the last answer stays."""

    def __init__(self, name: str, *answers: Result | str) -> None:
        self.name = name
        self.answers = [answer if isinstance(answer, Result) else Result(answer) for answer in answers or ("accepted",)]
        self.given: list[tuple[str, str, str, str]] = []

    async def send(self, to_e164: str, text: str, sender: str, client_ref: str) -> Result:
        self.given.append((to_e164, text, sender, client_ref))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Asked(Scripted):
    """One that can be asked, too."""

    def __init__(self, name: str, *answers: Result | str) -> None:
        super().__init__(name, *answers)
        self.reports: dict[str, Report] = {}
        self.questions: list[tuple[str, str]] = []
        self.left: Balance | None = None
        self.balances_asked = 0

    async def status(self, provider_id: str, to_e164: str) -> Report | None:
        self.questions.append((provider_id, to_e164))
        return self.reports.get(provider_id)

    async def balance(self) -> Balance | None:
        self.balances_asked += 1
        return self.left


class Outbox:
    """One business that sends messages through some gateways."""

    def __init__(self, db: Database, ring: Any, settings: Any, clock: Any, business_id: int) -> None:
        self.db, self.ring, self.settings, self.clock, self.business_id = db, ring, settings, clock, business_id
        self.gateways = Gateways([], clock)

    async def queue(self, e164: str = PHONE, **parts: Any) -> int:
        order = Order(self.business_id, e164, "activation", "Кофе", LINK, "ru", **parts)
        who = Principal(self.business_id, self.business_id, "shopper")
        return await write_transaction(self.db, lambda tx: service.queue(tx, self.ring, self.settings, who, order, self.clock.now()))

    def use(self, *gateways: Any) -> None:
        self.gateways = Gateways(gateways, self.clock, self.settings.address)

    async def deliver(self) -> int:
        return await delivery.deliver_due(self.db, self.ring, self.gateways, self.clock, lambda: 0.5)

    async def row(self, message_id: int = 1) -> dict[str, Any]:
        found = await self.db.fetch_one("SELECT * FROM messages WHERE id = :id", {"id": message_id})
        assert found is not None
        return dict(found)

    async def audited(self) -> list[str]:
        return [row["action"] for row in await self.db.fetch_all("SELECT action FROM audit_entries ORDER BY id")]
