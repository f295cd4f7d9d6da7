"""Practice at the till: the business's copy instead of the business, a card of it to practise on, and what was tried already."""
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.cards import service as cards
from app.cards import store as cards_store
from app.cards.rules import Card, IssuedNumbers
from app.context import Context
from app.customers import service as customers
from app.db import Transaction, write_transaction
from app.enrolment import issued
from app.ledger import service as ledger
from app.programs import service as programs
from app.programs.store import Program
from app.sales import adjustments
from app.sales import service as sales
from app.sandbox import service as sandbox
from app.web.principal import Principal, system

PAGE = "/till/practice"
CARDS_MOST, SOURCE = 6, "training"
NAMES = {"en": "Practice card", "ru": "Учебная карта"}
# What a practice card begins with, so that spending can be tried at once; by unit, and money in minor units.
BEGINNING = {"points": 300, "money": 30_000, "stamps": 2}
# What one learns in two minutes, in this order.
EXERCISES = ("scan", "earn", "undo", "spend", "new_card")


@dataclass(frozen=True, slots=True)
class PracticeCard:
    """A card of the copy, of a programme of the copy."""

    program: Program
    card: Card


async def principal_in(here: Context, who: Principal, now: datetime) -> Principal:
    """Somebody in training as every page of the till sees them: in the copy of their business, and kept to the copies of their part."""
    twin = await sandbox.twin_of(here.db, here.ring, who, now)
    places, copies = await sandbox.copies(here.db, twin)
    kept = places.get(who.kept_location_id, 0) if who.kept_location_id is not None else None
    return replace(
        who, business_id=twin, acting_business_id=twin, kept_location_id=kept,
        # A place that was chosen in training is a copy already.
        location_id=places.get(who.location_id, who.location_id if who.location_id in places.values() else None)
        if who.location_id is not None else None,
        program_ids=frozenset(copies[each] for each in who.program_ids if each in copies) if who.program_ids is not None else None)


async def cards_of(here: Context, who: Principal) -> list[PracticeCard]:
    """A practice card of each open programme, as far as `prepare` made them. who: in the copy."""
    assert who.training
    found = [(program, await cards_store.newest_of_source(here.db, who.business_id, program.id, SOURCE))
             for program in await _open_programs(here, who)]
    return [PracticeCard(program, card) for program, card in found if card is not None]


async def prepare(here: Context, who: Principal, now: datetime) -> None:
    """The copy as the business is today, and its practice cards. who: as their session began, in the business itself."""
    await sandbox.refresh(here.db, here.ring, who, now)
    await make_cards(here, await principal_in(here, who, now), now)


async def make_cards(here: Context, who: Principal, now: datetime) -> None:
    """The practice cards that are missing. who: in the copy."""
    there = {each.program.id for each in await cards_of(here, who)}
    for program in await _open_programs(here, who):
        if program.id not in there:
            await _make_card(here, program, now)


async def _open_programs(here: Context, who: Principal) -> list[Program]:
    return [program for program in await programs.list_programs(here.db, who.business_id)
            if program.closed_at is None and who.reaches(program_id=program.id)][:CARDS_MOST]


async def _make_card(here: Context, program: Program, now: datetime) -> None:
    # The copy's own act: whoever practises first is not the one who gave the card.
    tessera, numbers, language = system(program.business_id), IssuedNumbers.draw(program.number_prefix), program.language

    async def act(tx: Transaction) -> None:
        customer_id = await customers.create(tx, here.ring, program.business_id, name=NAMES.get(language, NAMES["en"]), language=language,
                                             now=now)
        account_id = await ledger.open_account(tx, program.business_id, program.id, customer_id, now)
        card = await cards.issue(tx, here.ring, tessera, program_id=program.id, account_id=account_id, status="active", source=SOURCE,
                                 numbers=numbers, now=now)
        await _begin_with(tx, tessera, program, card, now)

    await write_transaction(here.db, act)


async def _begin_with(tx: Transaction, tessera: Principal, program: Program, card: Card, now: datetime) -> None:
    await ledger.lock(tx, program.business_id, [card.account_id])
    for unit in adjustments.units_of(program.rules):
        if amount := BEGINNING.get(unit):
            await adjustments.adjust_in(tx, tessera, program, card, unit, amount, NAMES["en"], now)


async def done_since(here: Context, who: Principal, since: datetime, now: datetime) -> frozenset[str]:
    """Which of EXERCISES this person has done since then. A card that was served was scanned before."""
    page = await sales.list_operations(here.db, who, since=since, limit=200)
    own = [each for each in page.items if (each.actor_kind, each.actor_id) == (who.kind, who.id)]
    lines = await issued.issued(here.db, who.business_id, since, now + timedelta(seconds=1))
    tried = {"scan": bool(own), "earn": any(each.kind in ("sale", "visit", "purchase") for each in own),
             "undo": any(each.kind == "undo" for each in own), "spend": any(each.spent_minor or each.kind == "claim" for each in own),
             "new_card": any((each.actor_kind, each.actor_id) == (who.kind, who.id) and each.begun for each in lines)}
    return frozenset(name for name, is_done in tried.items() if is_done)
