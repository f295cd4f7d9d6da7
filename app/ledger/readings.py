"""What others read of an account without changing it: balances, what waits, what ends, membership, progress, where it lives on."""
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from app.clock import from_ms, to_ms
from app.db import Transaction
from app.errors import NotFound
from app.ledger import store
from app.ledger.rules import FOREVER, SPENDABLE
from app.ledger.store import Reader


class Expiring(NamedTuple):
    """Points that end together, and when."""

    unit: str
    amount: int
    at: datetime


class Shown(NamedTuple):
    """Balances as people read them: what can be spent now, and what can be later. available + pending is the stored balance.

    Every unit that was ever moved is in available; in pending those that wait for something."""

    available: dict[str, int]
    pending: dict[str, int]


async def lock(tx: Transaction, business_id: int, account_ids: Sequence[int]) -> bool:
    """From here on nobody else changes these accounts before `tx` ends. Call it before reading them.

    Returns whether it may have waited, so that what was read before (a card's state) may be old: never on SQLite.
    """
    if tx.engine == "sqlite":
        return False
    for account_id in sorted(set(account_ids)):
        await store.lock(tx, business_id, account_id)
    return True


async def home_of(reader: Reader, business_id: int, account_id: int) -> int:
    """The account that an account's points live on: itself, or the one that it was merged into, however often. Raises NotFound."""
    while True:
        merged = await store.find_merged(reader, business_id, account_id)
        if merged is None:
            raise NotFound()
        if merged[0] is None:
            return account_id
        account_id = merged[0]


async def lock_home(tx: Transaction, business_id: int, account_id: int) -> int:
    """Lock the account and the one that its points live on, and give the latter: what a refund of an old sale begins with."""
    home = await home_of(tx, business_id, account_id)
    while True:
        await lock(tx, business_id, [account_id, home])
        again = await home_of(tx, business_id, home)
        if again == home:
            return home
        home = again


async def card_of(reader: Reader, business_id: int, account_id: int) -> int:
    """The newest card that shows an account, for an operation that no card was shown for. Raises NotFound."""
    cards = await store.cards_of(reader, business_id, account_id)
    if not cards:
        raise NotFound()
    return cards[0]["id"]


async def balances(reader: Reader, account_id: int) -> dict[str, int]:
    """What each unit stands at, pending included; a unit that was never moved is missing."""
    return await store.balances(reader, account_id)


async def shown(reader: Reader, account_id: int, now: datetime) -> Shown:
    """The balances, with what is pending apart."""
    available, pending = {}, {}
    for row in await store.balances_with_pending(reader, account_id, to_ms(now)):
        waiting = int(row["pending"])
        available[row["unit"]] = row["amount"] - waiting
        if waiting:
            pending[row["unit"]] = waiting
    return Shown(available, pending)


async def shown_with_ending(reader: Reader, account_id: int, now: datetime, *, within: timedelta = timedelta(days=60),
                            limit: int = 10) -> tuple[Shown, list[Expiring]]:
    """`shown`, and `expiring` of every unit, in one look."""
    available, pending = {}, {}
    ending: dict[tuple[int, str], int] = {}
    for unit, amount, waiting, ends_at in await store.held_and_ending(reader, account_id, SPENDABLE, to_ms(now), to_ms(now + within)):
        if ends_at is not None:
            ending[ends_at, unit] = ending.get((ends_at, unit), 0) + amount
        else:
            available[unit] = amount - waiting
            if waiting:
                pending[unit] = waiting
    return Shown(available, pending), [Expiring(unit, amount, from_ms(at)) for (at, unit), amount in sorted(ending.items())[:limit]]


async def expiring(reader: Reader, account_id: int, now: datetime, *, within: timedelta = timedelta(days=60),
                   limit: int = 10, unit: str | None = None) -> list[Expiring]:
    """What ends within a time, soonest first; unit: of one unit alone, None: of all that can be spent. What still waits to begin is
    no loss yet, and left out."""
    rows = await store.expiring(reader, account_id, (unit,) if unit else SPENDABLE, to_ms(now), to_ms(now + within), limit)
    return [Expiring(row["unit"], row["amount"], from_ms(row["expires_at"])) for row in rows]


async def next_end(reader: Reader, account_id: int, now: datetime, unit: str, *, within: timedelta) -> Expiring | None:
    """What ends next of `unit`, the programme's own; where nothing of it ends within the time, of anything that can be spent."""
    for each in (unit, None):
        if soon := await expiring(reader, account_id, now, within=within, limit=1, unit=each):
            return soon[0]
    return None


def first_end(ending: Sequence[Expiring], unit: str, until: datetime) -> Expiring | None:
    """As `next_end`, of a list that is whole until then."""
    soon = [each for each in ending if each.at <= until]
    return next((each for each in soon if each.unit == unit), soon[0] if soon else None)


async def progress_of(reader: Reader, account_id: int, at: datetime, now: datetime) -> int:
    """What counts towards the levels at `at`: all that was recorded until `now`, less what ended by `at` and no expiry took yet.

    One look at the balance and at what ended: the lots themselves, hundreds a year, are not read.
    """
    return await store.progress_of(reader, account_id, to_ms(min(at, now)))


async def alive(reader: Reader, account_id: int, unit: str, at: datetime, now: datetime | None = None) -> bool:
    """Whether the account had something of `unit` (a membership) at `at` that had begun and not ended.

    now: where `at` is earlier, also what an expiry has taken since counts; None: `at` is now.
    """
    if await store.has_alive(reader, account_id, unit, to_ms(at)):
        return True
    if now is None or at >= now:
        return False
    return bool((await store.ended_since(reader, account_id, to_ms(at), to_ms(now))).get(unit))


async def member_until(reader: Reader, account_id: int, at: datetime) -> datetime | None:
    """When the membership ends that is alive at `at`, renewals that were paid already included; None: there is none."""
    end = None
    for lot in await store.memberships(reader, account_id, to_ms(at)):
        if (lot.available_at or 0) <= (to_ms(at) if end is None else end):
            end = max(end or 0, lot.expires_at or FOREVER)
    return None if end is None or end >= FOREVER else from_ms(end)


async def member_ended(reader: Reader, account_id: int, at: datetime) -> datetime | None:
    """When the last membership ended that is over at `at`; None where there was none, or it was taken back."""
    end = await store.membership_ended(reader, account_id, to_ms(at))
    return None if end is None else from_ms(end)
