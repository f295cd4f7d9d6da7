"""Questions a manager asks: the start page's numbers, and cards by what they did. Each runs on one snapshot, capped in time."""
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.clock import from_ms, local_day, midnight_after, to_ms
from app.db import Database
from app.programs import service as programs
from app.reports import store
from app.reports.store import Part

__all__ = ["CardRow", "Part", "Today", "cards_of", "count_cards", "list_cards", "today"]

DAYS = 30
PAGE = 50
WHOLE = Part()


@dataclass(frozen=True, slots=True)
class CardRow:
    """A card in a list, with what its account did."""

    id: int
    number: str
    status: str
    customer_id: int | None
    balance: int
    visits: int
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class Today:
    """The last 30 local days beside the 30 before. points_open: None of a location, since points belong to none.

    days: (day, points earned), oldest first; before: the same of the 30 before.
    """

    new_cards: int
    new_cards_before: int
    visits: int
    visits_before: int
    visitors: int
    returned: int
    points_open: int | None
    days: tuple[tuple[date, int], ...]
    before: tuple[int, ...]

    @property
    def best_day(self) -> date | None:
        day, points = max(self.days, key=lambda each: each[1])
        return day if points else None


async def today(db: Database, business_id: int, now: datetime, part: Part = WHOLE) -> Today:
    """The start page's numbers, of a part of the business; days are those of the business's time zone, today included."""
    zone = (await programs.get_business(db, business_id)).time_zone
    last = local_day(now, zone)
    first, middle = last - timedelta(days=2 * DAYS - 1), last - timedelta(days=DAYS - 1)
    begin, cut, end = (to_ms(midnight_after(day - timedelta(days=1), zone)) for day in (first, middle, last + timedelta(days=1)))
    async with db.transaction(readonly=True) as tx:
        shown, earlier = await store.visits(tx, business_id, cut, end, part), await store.visits(tx, business_id, begin, cut, part)
        new = await store.count_new_cards(tx, business_id, cut, end, part)
        new_before = await store.count_new_cards(tx, business_id, begin, cut, part)
        points = await store.earned(tx, business_id, begin, end, part)
        open_points = await store.points_open(tx, business_id, part.program_ids) if part.location_id is None else None
    by_day: dict[date, int] = {}
    for at, earned in points:
        day = local_day(from_ms(at), zone)
        by_day[day] = by_day.get(day, 0) + earned
    spread = [(first + timedelta(days=number), by_day.get(first + timedelta(days=number), 0)) for number in range(2 * DAYS)]
    return Today(new, new_before, int(shown["visits"]), int(earlier["visits"]), shown["visitors"], int(shown["returned"]), open_points,
                 tuple(spread[DAYS:]), tuple(earned for _, earned in spread[:DAYS]))


async def list_cards(db: Database, business_id: int, *, status: str | None, sort: str, page: int,
                     program_ids: frozenset[int] | None = None) -> tuple[list[CardRow], bool]:
    """One page of cards, and whether there are more. sort: last, balance or visits; page: 0, 1, …"""
    async with db.transaction(readonly=True) as tx:
        rows = await store.list_cards(tx, business_id, status, sort, PAGE + 1, page * PAGE, Part(None, program_ids))
    return [_card(row) for row in rows[:PAGE]], len(rows) > PAGE


async def cards_of(db: Database, business_id: int, card_ids: list[int]) -> list[CardRow]:
    """These cards, in this order."""
    async with db.transaction(readonly=True) as tx:
        rows = [await store.card_row(tx, business_id, card_id) for card_id in card_ids]
    return [_card(row) for row in rows if row is not None]


async def count_cards(db: Database, business_id: int, program_ids: frozenset[int] | None = None) -> dict[str, int]:
    """How many cards stand in each status; "" for all that have not been replaced or erased."""
    async with db.transaction(readonly=True) as tx:
        counts = await store.count_cards(tx, business_id, Part(None, program_ids))
    return {"": sum(count for status, count in counts.items() if status not in ("replaced", "erased")), **counts}


def _card(row: store.Row) -> CardRow:
    return CardRow(row["id"], row["number"], row["status"], row["customer_id"], row["balance"], row["visits"],
                   from_ms(row["last_at"]) if row["last_at"] else None)
