"""What a programme gave and took, month by month: the share that is spent, gift cards, what went to charity, vouchers and codes."""
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from app.clock import local_day
from app.coalition.service import month_of
from app.db import Database
from app.money import floor_div
from app.programs.store import Program
from app.reports import movements_store as store
from app.simulator import store as simulator_store

MONTHS = 12
WHOLE_BP = 10_000


@dataclass(frozen=True, slots=True)
class Month:
    """A month (YYYY-MM, of when it happened in the business's time zone). given, spent, ended, by_hand: of the programme's unit, what
    refunds took and gave back taken off; loaded: bought as a gift; donated: minor units; the rest are counts."""

    month: str
    given: int
    spent: int
    ended: int
    by_hand: int
    loaded: int
    donated: int
    vouchers_issued: int
    vouchers_used: int
    vouchers_ended: int
    codes_used: int

    @property
    def rate_bp(self) -> int | None:
        """Spent ÷ given, in basis points, rounded down; None where nothing was given."""
        given = self.given + self.loaded
        return floor_div(self.spent * WHOLE_BP, given) if given > 0 else None


@dataclass(frozen=True, slots=True)
class Movements:
    """months: newest first; outstanding: what is on all cards now, of the programme's unit."""

    months: Sequence[Month]
    outstanding: int


def months_until(today: date) -> list[str]:
    """The last MONTHS months, the newest first."""
    count = today.year * 12 + today.month - 1
    return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(count, count - MONTHS, -1)]


async def movements(db: Database, program: Program, now: datetime) -> Movements:
    """The last twelve months of a programme, on one snapshot."""
    business_id, zone = program.business_id, program.time_zone
    found = []
    async with db.transaction(readonly=True) as tx:
        for month in months_until(local_day(now, zone)):
            since, until = month_of(month, zone)
            books = {(row["unit"], row["book"]): int(row["amount"])
                     for row in await store.by_book(tx, business_id, program.id, since, until)}
            unit, vouchers = program.rules.unit, await store.vouchers(tx, business_id, program.id, since, until)
            found.append(Month(
                month, books.get((unit, "issued"), 0), -books.get((unit, "redeemed"), 0), -books.get((unit, "expired"), 0),
                books.get((unit, "adjusted"), 0), books.get((unit, "loaded"), 0), books.get(("donated", "issued"), 0),
                int(vouchers["issued"]), int(vouchers["used"]), int(vouchers["ended"]),
                await store.promo_uses(tx, business_id, program.id, since, until)))
        outstanding = await simulator_store.open_now(tx, business_id, program.id, program.rules.unit)
    return Movements(found, outstanding)
