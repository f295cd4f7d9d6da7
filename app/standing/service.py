"""Where a shopper stands: what rules ask about the person behind a card, and the level that they hold."""
import functools
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from app.audit import service as audit
from app.cards import service as cards
from app.cards.rules import Card
from app.clock import from_ms, local_day, midnight_after, to_ms
from app.db import Database, Transaction, write_transaction
from app.errors import FieldError, Forbidden, Invalid
from app.ledger import service as ledger
from app.ledger import store as ledger_store
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.programs.terms import Level
from app.segments import service as segments
from app.standing import levels, needs, store
from app.standing.baskets import (
    Favourite,
    Offer,
    Product,
    choose_favourite,
    favourite_of,
    forget_lines,
    list_products,
    offers_of,
    remember_lines,
    renew_offers,
    set_product,
)
from app.standing.levels import BY_HAND, Change, Held, Next
from app.standing.rules import Standing
from app.standing.store import Reader
from app.standing.uses import CampaignUsedUp, count_uses, take_back_uses
from app.text import N_
from app.updates import service as updates
from app.web.principal import Principal, system

__all__ = ["CampaignUsedUp", "Favourite", "LevelRow", "Next", "Offer", "Product", "Standing", "after", "choose_favourite", "count_uses",
           "favourite_of", "forget_lines", "history", "level_at", "level_now", "list_products", "next_level", "offers_of", "remember_lines",
           "renew_offers", "review_due", "set_by_hand", "set_imported", "set_product", "standing_of", "take_back_uses"]

TIER_CHANGED = "tier.changed"
REASON_MOST = 500
CURSOR = "levels.reviewed"
OVERLAP = timedelta(hours=1)        # what a slow transaction committed behind the last look is seen by the next


class LevelRow(NamedTuple):
    """One line of a level's history. reason: reached | lost | grace | by_hand | by_hand_ended | merged; note: a manager's words."""

    level: str | None
    reason: str
    until: datetime | None
    note: str | None
    actor_kind: str
    actor_id: int | None
    operation_id: int | None
    at: datetime


# Reading.
async def standing_of(reader: Reader, program: programs.Program, rules: ProgramRules, card: Card, at: datetime, now: datetime) -> Standing:
    """What `rules` may ask about the person behind `card` for a receipt of `at`; spendable and held are the caller's to fill in.

    rules: the version that judges, which may be older than the programme's. Reads only what these rules ask for.
    """
    wanted = needs.of(rules)
    is_closed = program.earns_until_at is not None and to_ms(at) >= program.earns_until_at
    if not any(wanted):
        return Standing(is_closed=is_closed)
    found = await store.facts(reader, wanted, {
        "account_id": card.account_id, "business_id": program.business_id, "program_id": program.id, "customer_id": card.customer_id,
        "at": to_ms(at), **(_day(at, program.time_zone) if wanted.day_caps or wanted.visits_today else {})})
    words = {what: word for what, word, _ in found}
    numbers = {what: number for what, _, number in found}
    birthday = words.get("birthday")
    return Standing(
        level=_known(rules, "level" in words, words.get("level")),
        is_member=not wanted.membership or await ledger.alive(reader, card.account_id, "membership", at, now),
        birthday=date.fromisoformat(birthday) if birthday else None,
        is_first=wanted.first_purchase and "bought" not in words,
        favourite=words.get("favourite"),
        segments=await segments.keys_of(reader, program.business_id, card.account_id, wanted.segments, now)
        if wanted.segments else frozenset(),
        offers={word: number for what, word, number in found if what == "offer"},
        uses={(word, what): number for what, word, number in found if what in ("day", "person", "campaign")},
        visits_today=numbers.get("visits", 0),
        is_closed=is_closed)


def _day(at: datetime, zone: str) -> dict[str, Any]:
    """The business's local day of a moment, and from when to when it lasts (epoch ms)."""
    day = local_day(at, zone)
    return {"day": day.isoformat(), "day_from": to_ms(midnight_after(day - timedelta(days=1), zone)),
            "day_to": to_ms(midnight_after(day, zone))}


def _known(rules: ProgramRules, has_history: bool, key: str | None) -> str | None:
    """The level of a row, the one that everybody begins with where there is no row or the rules know it no more."""
    if has_history and (key is None or levels.find(rules.levels, key)):
        return key
    return levels.first(rules.levels)


async def level_at(reader: Reader, account_id: int, at: datetime) -> str | None:
    """The level that the account's history gives for `at`; None also where nothing changed yet (see `level_now`)."""
    row = await store.level_at(reader, account_id, to_ms(at))
    return row["level"] if row else None


async def level_now(reader: Reader, rules: ProgramRules, account_id: int, now: datetime) -> Level | None:
    """The level that is held, with the one that everybody begins with; None where the programme has none."""
    if rules.levels is None:
        return None
    row = await store.level_at(reader, account_id, to_ms(now))
    return levels.find(rules.levels, _known(rules, row is not None, row["level"] if row else None))


async def next_level(reader: Reader, rules: ProgramRules, account_id: int, held: str | None, now: datetime) -> Next | None:
    """The next level up and what of the measure is missing; None at the top and without levels.

    held: the key of the level that is held, which the caller has read (`level_now`, or `Standing.level`).
    """
    if rules.levels is None:
        return None
    return levels.following(rules.levels, held, await ledger.progress_of(reader, account_id, now, now))


async def history(reader: Reader, business_id: int, account_id: int, limit: int = 50) -> list[LevelRow]:
    """Newest first."""
    return [LevelRow(row["level"], row["reason"], from_ms(row["until_at"]) if row["until_at"] is not None else None, row["note"],
                     row["actor_kind"], row["actor_id"], row["operation_id"], from_ms(row["at"]))
            for row in await store.level_history(reader, business_id, account_id, limit)]


# Changing.
async def after(tx: Transaction, who: Principal, program: programs.Program, rules: ProgramRules, account_id: int, operation_id: int,
                progress: int, now: datetime) -> str | None:
    """Bring the level of a locked account up to date after an operation; returns the key of the one held then.

    progress: all that counts now, the operation's part included. now: when it is recorded: what happened before was judged already.
    """
    if rules.levels is None:
        return None
    held = await store.newest_level(tx, program.business_id, account_id)
    before = progress
    if levels.decide(rules.levels, held, progress, progress, to_ms(now), program.time_zone) is not None:
        before = progress - await store.progress_of_operation(tx, account_id, operation_id)
    return await _review(tx, who, program, rules, account_id, held, progress, before, now, operation_id)


async def _review(tx: Transaction, who: Principal, program: programs.Program, rules: ProgramRules, account_id: int, held: Held | None,
                  progress: int, before: int, now: datetime, operation_id: int | None = None) -> str | None:
    assert rules.levels is not None
    change = levels.decide(rules.levels, held, progress, before, to_ms(now), program.time_zone)
    if change is None:
        return _known(rules, held is not None, held.level if held else None)
    await _write(tx, who, rules, account_id, held, change, now, operation_id=operation_id)
    return change.level


async def _write(tx: Transaction, who: Principal, rules: ProgramRules, account_id: int, held: Held | None, change: Change, now: datetime, *,
                 operation_id: int | None = None, note: str | None = None) -> None:
    """A row of the history; where the level differs, also its event and the update of the cards that show it.

    operation_id: of an operation of this very transaction, which has told the cards already.
    """
    # A clock that was set back must not hide the new row behind older ones.
    at = max(to_ms(now), held.at if held else 0)
    await store.append_level(tx, who.business_id, account_id, change, at=at, actor_kind=who.kind, actor_id=who.id,
                             operation_id=operation_id, note=note)
    was = held.level if held else levels.first(rules.levels)
    if was == change.level:
        return
    shown = [card["id"] for card in await ledger_store.cards_of(tx, who.business_id, account_id) if card["status"] in ledger.LIVE]
    for card_id in shown if operation_id is None else ():
        await updates.append(tx, who.business_id, card_id, now)
    await updates.emit(tx, who.business_id, TIER_CHANGED, now, card_id=shown[0] if shown else None, operation_id=operation_id,
                       details={"from": was, "to": change.level})


async def set_by_hand(db: Database, who: Principal, card_id: int, level: str | None, reason: str, until: datetime | None,
                      now: datetime) -> None:
    """A manager gives a level (None: none), says why, and until when (None: until somebody changes it); spending does not move it.

    Raises Forbidden, NotFound, Invalid (fields level, reason, until).
    """
    if not who.may("manager"):
        raise Forbidden()

    async def act(tx: Transaction) -> None:
        card = await cards.get_card(tx, who.business_id, card_id)
        await ledger.lock(tx, who.business_id, [card.account_id])
        program = await programs.get_program(tx, who.business_id, card.program_id)
        if wrong := _wrong_by_hand(program.rules, level, reason, until, now):
            raise Invalid(fields=wrong)
        held = await store.newest_level(tx, who.business_id, card.account_id)
        change = Change(level, BY_HAND, to_ms(until) if until else None)
        await _write(tx, who, program.rules, card.account_id, held, change, now, note=reason.strip())
        await audit.record(tx, who, "card.level_set", "card", card.id, {"level": level}, now=now)

    await write_transaction(db, act)


async def set_imported(tx: Transaction, who: Principal, program: programs.Program, account_id: int, level: str, until: datetime,
                       now: datetime) -> None:
    """The level that somebody had in another system, on an account that the caller has locked; from `until` on what is spent counts."""
    assert levels.find(program.rules.levels, level) is not None
    held = await store.newest_level(tx, program.business_id, account_id)
    await _write(tx, who, program.rules, account_id, held, Change(level, BY_HAND, to_ms(until)), now)


def _wrong_by_hand(rules: ProgramRules, level: str | None, reason: str, until: datetime | None, now: datetime) -> Sequence[FieldError]:
    wrong = []
    if rules.levels is None or (level is not None and not levels.find(rules.levels, level)):
        wrong.append(FieldError("level", "unknown", N_("The programme has no such level.")))
    if not 1 <= len(reason.strip()) <= REASON_MOST:
        wrong.append(FieldError("reason", "required", N_("Say why, in 1 to 500 characters.")))
    if until is not None and until <= now:
        wrong.append(FieldError("until", "past", N_("Choose an end that lies ahead.")))
    return wrong


async def review_due(db: Database, now: datetime) -> int:
    """Levels whose grace or hand-set time ended, or whose progress was taken by time; returns how many were looked at.

    Follows the ends and the expiries since the last run, never all accounts.
    """
    last = await updates.find_cursor(db, CURSOR)
    since = min(last, to_ms(now)) - int(OVERLAP.total_seconds() * 1000)
    # A report: after an outage there may be many, and nobody waits for them.
    async with db.transaction(readonly=True) as report:
        due = await store.accounts_to_review(report, since, to_ms(now))
    for account_id, business_id, program_id in due:
        await write_transaction(db, functools.partial(_review_one, account_id, business_id, program_id, now))
    await write_transaction(db, lambda tx: updates.move_cursor(tx, CURSOR, to_ms(now)))
    return len(due)


async def _review_one(account_id: int, business_id: int, program_id: int, now: datetime, tx: Transaction) -> None:
    await ledger.lock(tx, business_id, [account_id])
    program = await programs.get_program(tx, business_id, program_id)
    if program.rules.levels is not None:
        progress = await ledger.progress_of(tx, account_id, now, now)
        held = await store.newest_level(tx, business_id, account_id)
        await _review(tx, system(business_id), program, program.rules, account_id, held, progress, progress, now)
