"""A change of a whole programme (its design, its rules, its name) reaches its cards one after another.

A hundred thousand phones that hear of it in one moment would ask for their passes in one moment, and phones that are told too often
stop listening. So the first thousand cards are told at once and the rest evenly. The row of the change is the work: a stop loses
nothing, and a newer change of the same programme takes over where the older one stood, so that no card is told of both later on.
"""
import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from app.clock import to_ms
from app.context import Context
from app.db import Transaction, write_transaction
from app.updates import service as updates
from app.updates import spreads_store as store
from app.updates.spreads_store import Reader, Spread

__all__ = ["CHANNEL", "Progress", "begin", "begin_all", "go_on", "progress"]

CHANNEL = "spreads"
AT_ONCE = 1000              # cards that are told right away
BATCH = 40                  # cards a transaction: a till that waits for one waits a few milliseconds
OPEN_MOST = 100             # programmes that one round looks at
MINUTE_MS = 60_000
LAST = 2**63 - 1


class Progress(NamedTuple):
    """How far the newest change of a programme has come: cards told, of how many that lie in a wallet; finished_at: epoch ms."""

    told: int
    total: int
    finished_at: int | None


async def begin(tx: Transaction, business_id: int, program_id: int, now: datetime) -> int:
    """Note, in the transaction that changes the programme, that all its cards changed; returns the spread's id.

    A change that is still under way ends here. The new one goes on after the card that was told last, at the pace that is left,
    and comes round to the others: whoever saves every minute delays nobody and gets no second thousand at once.
    """
    await store.lock(tx, business_id, program_id)
    older = await store.end_open(tx, business_id, program_id, to_ms(now))
    tx.notify(CHANNEL)
    return await store.insert(tx, business_id, program_id, older.after_card_id if older else 0, older.due_at if older else 0, to_ms(now))


async def begin_all(tx: Transaction, business_id: int, now: datetime) -> None:
    """`begin` for each programme of a business: its name or its places stand on all their cards."""
    for program_id in await store.programs_of(tx, business_id):
        await begin(tx, business_id, program_id, now)


async def go_on(here: Context) -> int:
    """The job: tell as many cards as the pace allows now; returns how many. Safe to repeat, and in two processes at once."""
    told, is_moving = 0, True
    while is_moving:
        steps = [await _step(here, spread) for spread in await store.open_ones(here.db, OPEN_MOST)]
        told += sum(step or 0 for step in steps)
        is_moving = any(step is not None for step in steps)
        await asyncio.sleep(0)          # whoever waits for the database comes first
    return told


async def progress(reader: Reader, business_id: int, program_id: int) -> Progress | None:
    """None for a programme that never changed as a whole."""
    newest = await store.newest(reader, business_id, program_id)
    if newest is None:
        return None
    # Cards that left their phones since they were told make the total smaller than what was told.
    total = max(newest.told, await store.count_in_wallets(reader, business_id, program_id))
    return Progress(newest.told, total, newest.finished_at)


def allowance(due_at: int, a_minute: int, now_ms: int) -> tuple[int, int]:
    """How many cards may be told now, and since when (epoch ms) that allowance has gathered: never more than AT_ONCE.

    A spread that has just begun (due_at 0) may tell AT_ONCE, and so may one that stood still for long; a due_at that is to come
    was written before the clock was set back.
    """
    since = max(due_at if due_at <= now_ms else 0, now_ms - AT_ONCE * MINUTE_MS // a_minute)
    return (now_ms - since) * a_minute // MINUTE_MS, since


def until_of(spread: Spread) -> int:
    """The last card id of the walk's present part: all from where it began, then those up to there."""
    return spread.from_card_id if spread.after_card_id < spread.from_card_id else LAST


async def _step(here: Context, spread: Spread) -> int | None:
    """Tell the next cards of one spread; returns how many, None where it must wait."""
    now, a_minute = here.clock.now(), here.settings.spread_a_minute
    may, since = allowance(spread.due_at, a_minute, to_ms(now))
    if may == 0:
        return None
    limit, until = min(may, BATCH), until_of(spread)
    # Read before the transaction: a programme with few cards in wallets is a long walk, and tills would wait for it.
    cards = await store.cards_in_wallets(here.db, spread, until, limit)
    is_through = len(cards) < limit or cards[-1] == until
    to, finished_at = cards[-1] if cards else spread.after_card_id, None
    if is_through and until == LAST and spread.from_card_id:
        to = 0
    elif is_through:
        finished_at = to_ms(now)
    due_at = since + len(cards) * MINUTE_MS // a_minute

    async def act(tx: Transaction) -> int:
        return await _tell(tx, spread, cards, to, due_at, finished_at, now)

    return await write_transaction(here.db, act)


async def _tell(tx: Transaction, spread: Spread, cards: Sequence[int], to: int, due_at: int, finished_at: int | None,
                now: datetime) -> int:
    """The cards' updates and the spread's new place commit together."""
    if not await store.advance(tx, spread, to, len(cards), due_at, finished_at):
        return 0
    await updates.append_many(tx, [(spread.business_id, card_id) for card_id in cards], now)
    return len(cards)
