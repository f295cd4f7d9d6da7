import re

import pytest

from app.cards import service as cards
from app.cards.rules import IssuedNumbers
from app.context import Context
from app.customers import service as customers
from app.db import write_transaction
from app.designs import service as designs
from app.designs.rules import default_content
from app.ledger import sealing
from app.ledger import service as ledger
from app.ledger.verify import verify
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.sales import service as sales
from tests import engines
from tests.enrolment.joining import ANNA, Joining
from tests.shops import RULES, make_card

EN = {"accept-language": "en"}


@pytest.fixture
def database_url(tmp_path):
    """What pages add is the same on both engines; the services behind them are tested on both where their SQL is new."""
    return engines.sqlite_url(tmp_path, migrated=True)


class Shopper:
    """A person with a card, its two links, and a browser that can type codes."""

    def __init__(self, here: Context, client, joining: Joining, card, links, phone: str | None) -> None:
        self.here, self.client, self.joining, self.card, self.phone = here, client, joining, card, phone
        self.page, self.shared = links["card"], links["pass"]

    async def confirm(self, way: str = "profile", page: str = "") -> None:
        """Asks for a code and types it. The clock moves on by two minutes, so that a second one may be asked for."""
        page = page or self.page
        assert (await self.client.post(f"{page}/code?to={way}")).status_code == 303
        await self.joining.deliver()
        done = await self.client.post(f"{page}/confirm?to={way}", data={"code": self.joining.inbox.link(self.phone)})
        assert (done.status_code, done.headers["location"]) == (303, f"{page}/{way}")

    async def get(self, rest: str = "", page: str = "") -> str:
        answer = await self.client.get((page or self.page) + rest, headers=EN)
        assert answer.status_code == 200, (rest, answer.status_code, answer.headers.get("location"))
        return answer.text

    async def post(self, rest: str, page: str = "", **data: str):
        return await self.client.post((page or self.page) + rest, data=data, headers=EN)

    async def code_to(self, e164: str) -> str:
        await self.joining.deliver()
        found = re.search(r"\d{6}$", self.joining.inbox.link(e164))
        assert found
        return found[0]


async def links_of(here: Context, card) -> dict[str, str]:
    async def act(tx):
        return {strength: f"/c/{await cards.page_link(tx, here.ring, card, strength, here.clock.now())}" for strength in ("card", "pass")}
    return await write_transaction(here.db, act)


@pytest.fixture
async def joining(here: Context, shop) -> Joining:
    return Joining(here, shop)


@pytest.fixture
async def anna(here: Context, shop, client, joining) -> Shopper:
    """Anna, with 120 points."""
    card = await make_card(here, shop, points=120)
    return Shopper(here, client, joining, card, await links_of(here, card), ANNA)


@pytest.fixture
async def nobody(here: Context, shop, client, joining) -> Shopper:
    """Whoever holds an anonymous card."""
    program = await programs.get_program(here.db, shop.business_id, shop.program_id)
    card, _ = await cards.issue_bearer(here.db, here.ring, shop.who, program, None, here.clock.now())
    return Shopper(here, client, joining, card, await links_of(here, card), None)


async def second_card(here: Context, shop, customer_id: int, points: int = 0, program_id: int | None = None,
                      rules: ProgramRules = RULES):
    """A card of the person in a second programme of the business, the Breakfast club."""
    now = here.clock.now()

    async def act(tx):
        program = program_id or await programs.create_program(tx, shop.business_id, slug="breakfast", name="Breakfast club", rules=rules,
                                                              number_prefix="473", now=now)
        if not program_id:
            await designs.create(tx, shop.business_id, program, default_content("Breakfast club"), "test", now)
        account_id = await ledger.open_account(tx, shop.business_id, program, customer_id, now)
        return await cards.issue(tx, here.ring, shop.who, program_id=program, account_id=account_id, status="active", source="api",
                                 numbers=IssuedNumbers.draw("473"), now=now)

    card = await write_transaction(here.db, act)
    if points:
        await sales.adjust(here.db, shop.who, card.id, "points", points, "a beginning", None, now)
    return card


async def only_mail(tx, here: Context, card) -> None:
    """Takes the person's number away and gives an address."""
    sealed = here.ring.seal_text(customers.EMAIL, "anna@example.com", str(card.business_id).encode())
    await tx.execute("UPDATE customers SET phone_sealed = NULL, phone_hash = NULL, phone_server_hash = NULL, phone_last4_hash = NULL, "
                     "email_sealed = :sealed WHERE id = :id", {"sealed": sealed, "id": card.customer_id})


async def books_agree(here: Context) -> None:
    await sealing.seal_pending(here.db)
    assert await verify(here.db, here.clock.now()) == []
