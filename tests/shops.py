"""Businesses for tests, made through the services as an operator would make them."""
from typing import Any

from app.cards import service as cards
from app.cards.rules import Card, IssuedNumbers
from app.console.founding import Wish, found
from app.context import Context
from app.customers import service as customers
from app.db import write_transaction
from app.ledger import service as ledger
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.staff import passwords
from app.staff import service as staff
from app.web.principal import SCOPES, Principal
from tests.conftest import Shop

PASSWORD = "three calm words"
# 5 points for every 100.00 paid, in proportion; a point pays 1.00, for at most half a receipt; no welcome points.
RULES = ProgramRules(earn_points=5, earn_per_minor=10_000, worth_minor=100, worth_points=1, largest_share_bp=5_000, lot_days=365)
_hashes: list[str] = []


async def make_shop(here: Context, slug: str = "coffee", name: str = "Coffee corner", rules: ProgramRules = RULES) -> Shop:
    """A business, one location, a points programme, owner, manager, cashier, agent (all with PASSWORD) and a key with all scopes.

    E-mails: owner@, manager@, cashier@ and agent@<slug>.example.com.
    """
    if not _hashes:
        _hashes.append(await passwords.hash_password(PASSWORD))
    now = here.clock.now()

    async def act(tx) -> tuple[int, int, int, dict[str, int]]:  # type: ignore[no-untyped-def]
        made = await found(tx, Wish(slug, name, "RU", "RUB", "Europe/Moscow", "en", rules=rules), now)
        location_id = await programs.create_location(tx, made.business_id, name="Pushkin Street", now=now)
        people = {role: await staff.create_staff(tx, here.ring, made.business_id, email=f"{role}@{slug}.example.com", name=role.title(),
                                                 role=role, now=now, password_hash=_hashes[0])
                  for role in ("owner", "manager", "cashier", "agent")}
        return made.business_id, location_id, made.program_id, people

    business_id, location_id, program_id, people = await write_transaction(here.db, act)
    owner = Principal(business_id, business_id, "staff", people["owner"], "Owner", "owner")
    cashier = Principal(business_id, business_id, "staff", people["cashier"], "Cashier", "cashier", location_id=location_id)
    key_id, api_key = await staff.create_key(here.db, here.ring, owner, "till 2", frozenset(SCOPES), None, now, per_second=0)
    key = Principal(business_id, business_id, "api_key", key_id, "till 2", scopes=frozenset(SCOPES))
    return Shop(business_id, location_id, program_id, owner, cashier, key, api_key)


async def add_person(here: Context, shop: Shop, role: str, name: str = "", *, at: str = "coffee.example.com", **kept: Any) -> int:
    """Somebody else who works there, with PASSWORD, at <name or role>@<at>, spaces as dots. kept: location_id, program_ids."""
    now, name = here.clock.now(), name or role.title()
    return await write_transaction(here.db, lambda tx: staff.create_staff(
        tx, here.ring, shop.business_id, email=f"{name.lower().replace(' ', '.')}@{at}", name=name, role=role, now=now,
        password_hash=_hashes[0], **kept))


async def make_card(here: Context, shop: Shop, phone: str | None = "+79161231234", name: str | None = "Анна", points: int = 0) -> Card:
    """An active card, with `points` by an adjustment."""
    now = here.clock.now()

    async def act(tx) -> Card:  # type: ignore[no-untyped-def]
        customer_id = await customers.create(tx, here.ring, shop.business_id, e164=phone, name=name, language="ru", now=now)
        account_id = await ledger.open_account(tx, shop.business_id, shop.program_id, customer_id, now)
        return await cards.issue(tx, here.ring, shop.who, program_id=shop.program_id, account_id=account_id, status="active", source="api",
                                 numbers=IssuedNumbers.draw("472"), now=now)

    card = await write_transaction(here.db, act)
    if points:
        from app.sales import service as sales

        await sales.adjust(here.db, shop.who, card.id, "points", points, "a beginning", None, now)
    return card
