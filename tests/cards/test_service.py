"""Cards through the service, on both engines: finding, blocking, re-issuing, replacing, links."""
import asyncio
from dataclasses import dataclass

import pytest

from app.cards import rules, service
from app.cards.rules import Card, IssuedNumbers
from app.clock import FixedClock
from app.customers import service as customers
from app.db import write_transaction
from app.errors import NotFound
from app.idempotency.rules import Key
from app.ledger import service as ledger
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.programs.terms import Conversion, Stamps
from app.web.principal import Principal

PHONE = "+79161231234"
RULES = ProgramRules(earn_points=5, earn_per_minor=10_000, worth_minor=100)


@dataclass
class Corner:
    """A business with one programme and one active card of a customer with a phone."""

    business_id: int
    program_id: int
    who: Principal
    card: Card


async def corner_of(db, ring, clock: FixedClock, slug: str = "coffee") -> Corner:
    async def act(tx) -> Corner:
        business_id = await programs.create_business(tx, slug=slug, name="Coffee corner", country="RU", currency="RUB",
                                                     time_zone="Europe/Moscow", language="ru", now=clock.now())
        program_id = await programs.create_program(tx, business_id, slug="points", name="Points", rules=RULES, now=clock.now())
        who = Principal(business_id, business_id, "staff", 1, "Anna", "manager")
        customer_id = await customers.create(tx, ring, business_id, e164=PHONE, name="Анна", language="ru", now=clock.now())
        account_id = await ledger.open_account(tx, business_id, program_id, customer_id, clock.now())
        card = await service.issue(tx, ring, who, program_id=program_id, account_id=account_id, status="active", source="api",
                                   numbers=IssuedNumbers.draw("472"), now=clock.now())
        return Corner(business_id, program_id, who, card)

    return await write_transaction(db, act)


@pytest.fixture
async def corner(db, ring, clock) -> Corner:
    return await corner_of(db, ring, clock)


async def found(db, ring, clock, corner: Corner, text: str) -> service.Found:
    return await service.find(db, ring, corner.who, text, "RU", clock.now())


async def test_a_till_finds_a_card_by_code_number_old_number_and_phone(db, ring, clock, corner) -> None:
    await write_transaction(db, lambda tx: service.add_alias(tx, corner.card, "OLD-0017", clock.now()))
    for text in (corner.card.code, rules.in_fours(corner.card.code), corner.card.number, "OLD-0017", "8 916 123-12-34", PHONE):
        assert (await found(db, ring, clock, corner, text)).cards == (corner.card,), text


async def test_a_torn_scan_is_refused_before_any_look_up(db, ring, clock, corner) -> None:
    code = corner.card.code
    torn = code[:-1] + str((int(code[-1]) + 1) % 10)
    assert await found(db, ring, clock, corner, torn) == service.Found(problem="torn")
    assert (await found(db, ring, clock, corner, code[:13])).problem == "torn"


@pytest.mark.parametrize("text", ["", "nonsense", "Анна", "12", "x" * 1000, "\x00", "0000000000000000"])
async def test_nonsense_finds_nothing(db, ring, clock, corner, text: str) -> None:
    assert (await found(db, ring, clock, corner, text)).cards == ()


async def test_a_try_with_a_reserved_number_raises_an_alarm(db, ring, clock, corner) -> None:
    body = "99990000000000" + "0"
    assert (await found(db, ring, clock, corner, body + rules.luhn_digit(body))).problem == "reserved"
    assert await db.fetch_val("SELECT COUNT(*) FROM audit_entries WHERE action = 'card.reserved_tried'") == 1


@pytest.mark.goal("A3")
async def test_another_business_finds_nothing_of_it(db, ring, clock, corner) -> None:
    other = await corner_of(db, ring, clock, "leaf")
    for text in (corner.card.code, corner.card.number):
        assert await found(db, ring, clock, other, text) == service.Found(problem="unknown")
    assert (await found(db, ring, clock, other, PHONE)).cards == (other.card,)
    with pytest.raises(NotFound):
        await service.get_card(db, other.business_id, corner.card.id)
    with pytest.raises(NotFound):
        await service.block(db, other.who, corner.card.id, None, clock.now())


async def test_blocking_and_unblocking_are_told_and_written_down(db, ring, clock, corner) -> None:
    blocked = await service.block(db, corner.who, corner.card.id, None, clock.now())
    assert (blocked.status, blocked.blocked_at) == ("blocked", clock.now())
    with pytest.raises(rules.CardBlocked):
        await service.block(db, corner.who, corner.card.id, None, clock.now())
    free = await service.unblock(db, corner.who, corner.card.id, None, clock.now())
    assert free.status == "active"
    with pytest.raises(rules.CardNotBlocked):
        await service.unblock(db, corner.who, corner.card.id, None, clock.now())
    kinds = [row["kind"] for row in await db.fetch_all("SELECT kind FROM events ORDER BY id")]
    assert kinds == ["card.created", "card.activated", "card.blocked", "card.unblocked"]
    assert await db.fetch_val("SELECT COUNT(*) FROM audit_entries WHERE subject_id = :id", {"id": corner.card.id}) == 2


async def test_a_reissued_code_lives_and_the_old_one_is_dead_for_good(db, ring, clock, corner) -> None:
    changed = await service.reissue(db, corner.who, corner.card.id, None, clock.now())
    assert changed.code != corner.card.code
    assert (await found(db, ring, clock, corner, changed.code)).cards == (changed,)
    assert (await found(db, ring, clock, corner, corner.card.code)).problem == "retired"
    assert changed.number == corner.card.number


async def test_a_replaced_card_hands_its_account_to_a_new_one(db, ring, clock, corner) -> None:
    await write_transaction(db, lambda tx: service.page_link(tx, ring, corner.card, "card", clock.now()))
    new = await service.replace(db, corner.who, corner.card.id, None, "472", clock.now())
    old = await service.get_card(db, corner.business_id, corner.card.id)
    assert (old.status, old.replaced_by, new.account_id) == ("replaced", new.id, old.account_id)
    assert {new.number, new.code} & {old.number, old.code} == set()
    assert await db.fetch_val("SELECT COUNT(*) FROM page_links WHERE revoked_at IS NULL") == 0
    with pytest.raises(rules.CardEnded):
        await service.replace(db, corner.who, corner.card.id, None, "472", clock.now())


async def test_the_same_key_replaces_once_even_in_a_race(db, ring, clock, corner) -> None:
    key = Key("k", b"f" * 32)
    made = await asyncio.gather(*(service.replace(db, corner.who, corner.card.id, key, "472", clock.now()) for _ in range(8)))
    assert len({card.id for card in made}) == 1
    assert await db.fetch_val("SELECT COUNT(*) FROM cards") == 2


async def test_a_pages_link_is_the_same_each_time_and_opens_its_card_until_revoked(db, ring, clock, corner) -> None:
    async def link(strength: str) -> str:
        return await write_transaction(db, lambda tx: service.page_link(tx, ring, corner.card, strength, clock.now()))

    token = await link("card")
    assert token == await link("card")
    assert token != await link("pass")
    assert await service.card_by_token(db, ring, token) == (corner.card, "card")
    assert token not in str([tuple(row) for row in await db.fetch_all("SELECT * FROM page_links")])
    await service.revoke_links(db, corner.who, corner.card, clock.now())
    for dead in (token, "", "x" * 22, token[:-1]):
        assert await service.card_by_token(db, ring, dead) is None


async def test_a_new_name_reaches_every_card_of_the_customer(db, ring, clock, corner) -> None:
    before = await db.fetch_val("SELECT COUNT(*) FROM updates") + await db.fetch_val("SELECT COUNT(*) FROM update_queue")
    await write_transaction(db, lambda tx: service.rename_customer(tx, ring, corner.who, corner.card.customer_id, "Аня", clock.now()))
    after = await db.fetch_val("SELECT COUNT(*) FROM updates") + await db.fetch_val("SELECT COUNT(*) FROM update_queue")
    assert after == before + 1
    assert (await customers.get(db, ring, corner.business_id, corner.card.customer_id)).name == "Аня"


async def test_a_card_without_a_customer_collects_stamps_for_whoever_holds_it(db, ring, clock, corner):
    stamps = Stamps(Conversion(3, ("coffee",)), first=1)
    await programs.change_rules(db, corner.who, corner.program_id, ProgramRules(stamps=stamps), clock.now())
    program = await programs.get_program(db, corner.business_id, corner.program_id)
    key = Key("bearer-1", b"f" * 32)
    card, token = await service.issue_bearer(db, ring, corner.who, program, key, clock.now())
    again, same_token = await service.issue_bearer(db, ring, corner.who, program, key, clock.now())
    assert (card.customer_id, card.status, again.id, same_token) == (None, "active", card.id, token)
    assert (await service.card_by_token(db, ring, token))[0].id == card.id
    assert (await service.find(db, ring, corner.who, card.code, "RU", clock.now())).cards[0].id == card.id
    assert (await ledger.balances(db, card.account_id))["stamps"] == 1
    other, _ = await service.issue_bearer(db, ring, corner.who, program, None, clock.now())
    assert other.account_id != card.account_id
