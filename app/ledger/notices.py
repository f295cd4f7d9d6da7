"""What time alone brings about and cards or shoppers must learn: points that wake, and points that are about to end.

Each walk goes along (moment, account) once, from where the last one stopped: two numbers in `cursors`, moved in the transaction that
tells a page of accounts. So nothing is told twice, nothing is left out after a stop, and no lot is looked at again.
"""
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from app.clock import from_ms, rfc3339, to_ms
from app.db import Database, Transaction, write_transaction
from app.ledger import expiry_store
from app.ledger.posting import LIVE
from app.ledger.rules import FOREVER, SPENDABLE
from app.ledger.store import Reader
from app.programs import service as programs
from app.updates import service as updates

BALANCE_EXPIRING = "balance.expiring"
WARNED = (*SPENDABLE, "membership")
PAGE = 100                     # lots of one transaction
DAY_MS = 86_400_000

Place = tuple[int, int]        # a moment in ms, and an account
Look = Callable[[Reader, int, Place, int], Awaitable[list[Place]]]
Tell = Callable[[Transaction, Sequence[Place]], Awaitable[int]]


async def mature_due(db: Database, now: datetime) -> int:
    """Tell the cards of accounts whose pending points, memberships or frozen visits can be used from now on; returns how many."""
    async def tell(tx: Transaction, page: Sequence[Place]) -> int:
        cards = await _cards(tx, [account_id for _, account_id in page])
        told = [card for its in cards.values() for card in its]
        await updates.append_many(tx, told, now)
        return len(told)

    return await _walk(db, "waking", 0, to_ms(now), expiry_store.waking, tell)


async def warn_due(db: Database, now: datetime) -> int:
    """An event `balance.expiring` for each account and end that comes nearer than one of its programme's warn_days; returns how many.

    Its newest card is told too: a wallet that can announce an end (Google's) asks for it then.

    Once for each end and number of days, whatever runs again; where several numbers have passed at once (the server was off), only
    for the smallest. Details: days, ends_at, amounts (unit → how much ends). What was put in later than so many days before its
    end is warned of by the smaller numbers alone.
    """
    told = 0
    offered = {program.id: program for business in await programs.list_businesses(db)
               for program in await programs.list_programs(db, business.id)}
    for days in sorted({days for program in offered.values() for days in program.rules.warn_days}):
        until = to_ms(now) + days * DAY_MS

        async def tell(tx: Transaction, page: Sequence[Place], days: int = days) -> int:
            return await _warn(tx, page, days, offered, now)

        told += await _walk(db, f"ending in {days}", until - DAY_MS, until, expiry_store.due, tell)
    return told


async def _walk(db: Database, name: str, start: int, until: int, look: Look, tell: Tell) -> int:
    """Tell page after page of what lies behind the place where `name` stopped (`start`, the first time) up to `until`."""
    told, is_done = 0, False
    while not is_done:
        place = await _place(db, name) or (start, 0)
        if place[0] > until:
            return told
        page = await look(db, until, place, PAGE)
        is_done = not page
        # At the end beyond all accounts: what is put in behind this place from now on was never so far from its end.
        reached = page[-1] if page else (until, FOREVER)

        async def act(tx: Transaction, place: Place = place, page: Sequence[Place] = page, reached: Place = reached) -> int:
            await updates.hold_cursor(tx, f"{name}: moment")
            if (await _place(tx, name) or place) != place:
                return 0                                       # somebody else told this page
            await updates.set_cursor(tx, f"{name}: moment", reached[0])
            await updates.set_cursor(tx, f"{name}: account", reached[1])
            return await tell(tx, page) if page else 0

        told += await write_transaction(db, act)
    return told


async def _place(reader: Reader, name: str) -> Place | None:
    moment = await updates.find_cursor(reader, f"{name}: moment")
    return (moment, await updates.find_cursor(reader, f"{name}: account")) if moment else None


async def _warn(tx: Transaction, page: Sequence[Place], days: int, offered: dict[int, programs.Program], now: datetime) -> int:
    """Events for these ends and accounts, where the account's programme warns of them by `days` and by no smaller number already."""
    ids = sorted({account_id for _, account_id in page})
    amounts: dict[Place, dict[str, int]] = defaultdict(dict)
    for row in await expiry_store.ending(tx, ids, WARNED, page[0][0], page[-1][0]):
        amounts[row["expires_at"], row["account_id"]][row["unit"]] = int(row["amount"])
    accounts = {row["id"]: row for row in await expiry_store.accounts(tx, ids)}
    cards = await _cards(tx, ids)
    events = []
    for end, account_id in dict.fromkeys(page):
        program = offered.get(accounts[account_id]["program_id"])
        its = cards.get(account_id)
        if program is None or not its or not amounts[end, account_id] or not _is_warned(program.rules.warn_days, days, end, now):
            continue
        details = {"days": days, "ends_at": rfc3339(from_ms(end)), "amounts": amounts[end, account_id]}
        events.append((accounts[account_id]["business_id"], its[-1][1], None, details))
    await updates.emit_many(tx, BALANCE_EXPIRING, events, now)
    await updates.append_many(tx, [(business_id, card_id) for business_id, card_id, _, _ in events], now)
    return len(events)


def _is_warned(warn_days: Sequence[int], days: int, end: int, now: datetime) -> bool:
    smaller = max([other for other in warn_days if other < days], default=0)
    return days in warn_days and from_ms(end) > now + timedelta(days=smaller)


async def _cards(tx: Transaction, accounts: Sequence[int]) -> dict[int, list[tuple[int, int]]]:
    """Account → (business, card) of its cards that are in use, oldest first."""
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for card in await expiry_store.cards_of(tx, sorted(set(accounts))):
        if card["status"] in LIVE:
            found[card["account_id"]].append((card["business_id"], card["id"]))
    return found
