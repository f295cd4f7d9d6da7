"""Events that the server finds by itself: birthdays, first activations, long absences. Jobs call these; each gives a gift once."""
import functools
from collections.abc import Awaitable, Callable, Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from app.cards import service as cards
from app.clock import from_ms, local_day, to_ms
from app.db import Database, Transaction, write_transaction
from app.errors import Refused
from app.ledger import service as ledger
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.programs.terms import Rule
from app.sales import happenings_store as store
from app.sales.happenings import ABSENT, ACTIVATED, BIRTHDAY, JudgedBy, happen_in
from app.sales.happenings_store import Occasion
from app.sales.recording import Codes
from app.updates import service as updates
from app.web.principal import system

CHUNK = 100
MORNING = 9                             # gifts that can wait wake nobody
DAY = timedelta(days=1)
FIRST_ABSENCES = timedelta(days=30)     # how far back a new rule looks: a gift to everybody who ever left would be a flood
FIRST_ACTIVATIONS = timedelta(days=1)
OVERLAP = timedelta(minutes=10)         # what a slow transaction committed behind the last look
ONCE = "first"
LEAP_DAY, DAY_BEFORE = "02-29", "02-28"


async def give_birthdays(db: Database, now: datetime) -> int:
    """For each rule of the event `birthday`, those whose day is from birthday_before days ahead to birthday_after days ago, once a year.

    Returns how many gifts were given."""
    given = 0
    for program, version, in_force in await _programs(db, BIRTHDAY, now):
        for rule in _running(program, in_force, BIRTHDAY, now):
            today = local_day(now, program.time_zone)
            for year, days in _by_year(today, rule.when.birthday_before or 0, rule.when.birthday_after or 0).items():
                key = f"{year}/{rule.key}"
                read = functools.partial(store.birthdays, business_id=program.business_id, program_id=program.id, days=days, key=key)
                given += await _all(db, program, read, _alone(version, in_force, rule), BIRTHDAY, 1, lambda _, key=key: key, now)  # type: ignore[misc]
    return given


async def give_absences(db: Database, now: datetime) -> int:
    """For each rule of the event `absent`, those whose last visit was event_days days ago, once an absence."""
    given = 0
    for program, version, in_force in await _programs(db, ABSENT, now):
        for rule in _running(program, in_force, ABSENT, now):
            if rule.when.event_days is None:
                continue
            cursor, suffix = f"absent/{program.id}/{rule.key}", f"/{rule.key}"
            until = to_ms(now - rule.when.event_days * DAY)
            since = min(await updates.find_cursor(db, cursor) or until - _ms(FIRST_ABSENCES), until) - _ms(DAY)
            read = functools.partial(store.absences, business_id=program.business_id, program_id=program.id, since=since, until=until,
                                     suffix=suffix)
            given += await _all(db, program, read, _alone(version, in_force, rule), ABSENT, rule.when.event_days,
                                lambda occasion, suffix=suffix: f"{occasion.what}{suffix}", now)  # type: ignore[misc]
            await write_transaction(db, functools.partial(updates.move_cursor, name=cursor, number=until))
    return given


async def give_activations(db: Database, now: datetime) -> int:
    """Rules of the event `activated`, for accounts whose first card was activated since the last run, by the rules of that moment."""
    given = 0
    for program, *_ in await _programs(db, ACTIVATED, now, at_night=True):
        cursor = f"activated/{program.id}"
        since = min(await updates.find_cursor(db, cursor) or to_ms(now - FIRST_ACTIVATIONS), to_ms(now)) - _ms(OVERLAP)
        read = functools.partial(store.activations, business_id=program.business_id, program_id=program.id, since=since, key=ONCE)

        async def rules_of(occasion: Occasion, program: programs.Program = program) -> JudgedBy:
            return await programs.rules_at(db, program, from_ms(occasion.what))

        given += await _all(db, program, read, rules_of, ACTIVATED, 1, lambda _: ONCE, now)
        await write_transaction(db, functools.partial(updates.move_cursor, name=cursor, number=to_ms(now)))
    return given


async def give_claimed(db: Database, now: datetime) -> int:
    """What rules give for coupons without a reward that were put on cards: the event is called like the batch, each coupon counts once."""
    given, cursor = 0, "claimed"
    after = max(0, await updates.find_cursor(db, cursor) - CHUNK)       # what a slow transaction committed behind the last look
    while page := await store.claimed_coupons(db, after, CHUNK):
        for row in page:
            program = await programs.get_program(db, row["business_id"], row["program_id"])
            judged_by, occasion = await programs.rules_at(db, program, now), Occasion(row["account_id"], row["card_id"], row["id"])
            given += await _one(db, program, judged_by, occasion, row["key"], 1, f"coupon-{row['id']}", now)
            after = row["id"]
        await write_transaction(db, functools.partial(updates.move_cursor, name=cursor, number=after))
    return given


async def _programs(db: Database, event: str, now: datetime, *, at_night: bool = False) -> list[tuple[programs.Program, int, ProgramRules]]:
    """Open programmes whose rules answer to the event, with the rules in force; unless at_night, only where it is day."""
    found = []
    for business_id, program_id in await store.programs_with(db, event):
        program = await programs.get_program(db, business_id, program_id)
        if at_night or now.astimezone(ZoneInfo(program.time_zone)).hour >= MORNING:
            found.append((program, *await programs.rules_at(db, program, now)))
    return found


def _running(program: programs.Program, in_force: ProgramRules, event: str, now: datetime) -> Iterator[Rule]:
    """The event's rules that hold today: an occasion is not used up by a campaign that has not begun."""
    today = local_day(now, program.time_zone).isoformat()
    if program.earns_until_at is not None and to_ms(now) >= program.earns_until_at:
        return
    for rule in in_force.rules:
        if rule.when.event == event and not rule.paused and (rule.starts_on or today) <= today <= (rule.ends_on or today):
            yield rule


def _alone(version: int, in_force: ProgramRules, rule: Rule) -> Callable[[Occasion], Awaitable[JudgedBy]]:
    """The programme with this rule only: each has its own days and its own key."""
    only = version, msgspec.structs.replace(in_force, rules=(rule,))

    async def rules_of(_: Occasion) -> JudgedBy:
        return only

    return rules_of


async def _all(db: Database, program: programs.Program, read: Callable[..., Awaitable[list[Occasion]]],
               rules_of: Callable[[Occasion], Awaitable[JudgedBy]], event: str, quantity: int,
               key_of: Callable[[Occasion], str], now: datetime) -> int:
    """Every occasion that `read` finds, a page and a transaction at a time; returns how many gave something."""
    given = after = 0
    while True:
        # A report: after an outage it may read many sales, which must hold nobody up.
        async with db.transaction(readonly=True) as report:
            page = await read(report, after=after, limit=CHUNK)
        if not page:
            return given
        for occasion in page:
            given += await _one(db, program, await rules_of(occasion), occasion, event, quantity, key_of(occasion), now)
        after = page[-1].account_id


async def _one(db: Database, program: programs.Program, judged_by: JudgedBy, occasion: Occasion, event: str, quantity: int, key: str,
               now: datetime) -> bool:
    codes = Codes()

    async def act(tx: Transaction) -> bool:
        codes.begin()
        await ledger.lock(tx, program.business_id, [occasion.account_id])
        card = await cards.get_card(tx, program.business_id, occasion.card_id)
        who = system(program.business_id)
        return await happen_in(tx, who, program, judged_by, card, event, quantity, key, codes, now) is not None

    try:
        return await write_transaction(db, act)
    except Refused:                     # a campaign that a till used up meanwhile: the next run judges anew
        return False


def _by_year(today: date, before: int, after: int) -> dict[int, list[str]]:
    """Year → the birthdays (MM-DD) that are celebrated in it on a day from `after` days ago to `before` days ahead.

    29 February is celebrated on the 28th of a year that has none.
    """
    found: dict[int, list[str]] = {}
    for number in range(-after, before + 1):
        day = today + number * DAY
        text = day.strftime("%m-%d")
        found.setdefault(day.year, []).append(text)
        if text == DAY_BEFORE and (day + DAY).day == 1:
            found[day.year].append(LEAP_DAY)
    return found


def _ms(length: timedelta) -> int:
    return length // timedelta(milliseconds=1)
