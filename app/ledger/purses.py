"""An account's lots read into purses, and what ended taken from them before anything else is done."""
from collections.abc import Sequence
from datetime import datetime

from app.clock import to_ms
from app.db import Transaction
from app.ledger import store
from app.ledger.operations import Draft
from app.ledger.posting import post
from app.ledger.rules import POINTS, Purse, Purses
from app.ledger.store import Reader
from app.programs.service import Program
from app.web.principal import Principal, system


async def purses_of(reader: Reader, account_id: int, at: datetime, now: datetime, units: Sequence[str]) -> Purses:
    """The account's lots of these units, the programme's own first, to be judged at `at`; where that is before `now`, with what
    ended in between. The balances of all other units are read in the same query; a READ_ONLY one needs no more to be put into.
    """
    lots, stored = await store.lots_of(reader, account_id, units)
    at_ms, now_ms = to_ms(at), to_ms(now)
    ended = await store.ended_since(reader, account_id, at_ms, now_ms) if at_ms < now_ms else {}
    return Purses(at_ms, [Purse(lots[unit], at_ms, ended.get(unit, ()), unit, stored) for unit in units], stored)


async def purse_of(reader: Reader, account_id: int, at: datetime, now: datetime, unit: str = POINTS) -> Purse:
    """As `purses_of`, of one unit."""
    return (await purses_of(reader, account_id, at, now, (unit,)))[unit]


async def settle(tx: Transaction, who: Principal, purse: Purse | Purses, program: Program, account_id: int, card_id: int,
                 now: datetime) -> None:
    """Take from a locked account what ended before the purses' moment, as an operation of its own, whether or not the job ran."""
    each = [purse] if isinstance(purse, Purse) else purse.in_order
    if sum([one.expire() for one in each]):
        draft = Draft("expiry", program.id, account_id, card_id, purse.at_ms, program.rules_version)
        await post(tx, system(who.business_id), draft, purse, now)
        purse.next_operation()
