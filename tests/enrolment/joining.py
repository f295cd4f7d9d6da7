"""What tests of joining share: starting, reading the message, finding the link in it."""
import re
from typing import Any

import msgspec

from app.benefits import service as benefits
from app.benefits.rules import RewardWish
from app.context import Context
from app.enrolment import service
from app.enrolment import ways as allowed
from app.enrolment.service import Told, Wish
from app.enrolment.ways import Ways
from app.programs import service as programs
from app.programs.terms import Conversion, Said, Stamps
from app.sales import service as sales
from app.sales.rules import SaleRequest
from app.sms import delivery
from app.sms.gateways import Gateways, Result
from tests.shops import RULES

ANNA = "+79161231234"
TERMS = {"terms": "on"}


class Inbox:
    """A carrier that delivers here."""

    name = "inbox"

    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []

    async def send(self, to_e164: str, text: str, sender: str, client_ref: str) -> Result:
        self.messages.append((to_e164, text))
        return Result("accepted")

    def link(self, e164: str = ANNA) -> str:
        """The newest link or code that went to a number: what stands last in the text."""
        return [text for to, text in self.messages if to == e164][-1].rpartition(" ")[2]

    def path(self, e164: str = ANNA) -> str:
        """The newest link without its host."""
        return re.sub(r"^https://[^/]+", "", self.link(e164))


class Joining:
    """A shop whose shoppers join it. Messages arrive as soon as they are asked for."""

    def __init__(self, here: Context, shop: Any) -> None:
        self.here, self.shop, self.inbox = here, shop, Inbox()

    async def give_stamps(self) -> None:
        """The programme gives stamps from now on."""
        now = self.here.clock.now()
        await benefits.create_reward(self.here.db, self.shop.who, self.shop.program_id,
                                     RewardWish("coffee", "text", Said("Coffee", "Кофе")), now)
        stamps = Stamps(Conversion(6, ("coffee",)))
        await programs.change_rules(self.here.db, self.shop.who, self.shop.program_id, msgspec.structs.replace(RULES, stamps=stamps), now)

    async def allow(self, **ways: bool) -> None:
        """These ways and no others but what is open by itself."""
        await allowed.set_ways(self.here.db, self.shop.who, self.shop.program_id, Ways(**ways), self.here.clock.now())

    async def deliver(self) -> None:
        await delivery.deliver_due(self.here.db, self.here.ring, Gateways([self.inbox], self.here.clock), self.here.clock)

    async def start(self, e164: str = ANNA, *, source: str = "till", who: Any = None, **parts: Any) -> Told:
        """A till types a number."""
        wish = Wish(parts.pop("program_id", self.shop.program_id), e164, source, parts.pop("language", "ru"), **parts)
        told = await service.start(self.here.db, self.here.ring, self.here.settings, who or self.shop.cashier, wish, self.here.clock.now())
        await self.deliver()
        return told

    async def credit(self, card: Any, amount: int = 50_000) -> None:
        """A first purchase on a card, provisional or not."""
        await sales.sell(self.here.db, self.shop.cashier, SaleRequest(card.id, amount), None, self.here.clock.now())

    async def all(self, table: str) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.here.db.fetch_all(f"SELECT * FROM {table} ORDER BY 1")]

    async def counts(self) -> dict[str, int]:
        """How many rows every table holds: nothing may change where nothing may change."""
        tables = ("enrolments", "activation_links", "customers", "accounts", "cards", "operations", "entries", "lots", "consents",
                  "messages", "page_links", "page_sessions", "page_codes", "passes", "events", "updates", "audit_entries", "limit_hits")
        return {table: await self.here.db.fetch_val(f"SELECT COUNT(*) FROM {table}") for table in tables}
