"""What can be done with points, inside the caller's transaction: lock an account, read its purses, post an operation."""
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.ledger import store
from app.ledger.lives import extend_membership, freeze, prolong, put, unfreeze
from app.ledger.operations import Draft, Operation
from app.ledger.origins_store import drawn_by, expired_of, made_by
from app.ledger.posting import LIVE, OPERATION_CREATED, UNSEALED, Receipt, ReceiptUsed, post
from app.ledger.readings import (
    Expiring,
    Shown,
    alive,
    balances,
    card_of,
    expiring,
    home_of,
    lock,
    lock_home,
    member_until,
    progress_of,
    shown,
)
from app.ledger.rules import POINTS, UNITS, Lot, NotEnoughPoints, Purse, Purses
from app.ledger.store import Reader
from app.programs import service as programs
from app.web.principal import Principal, system

__all__ = [
    "LIVE", "OPERATION_CREATED", "UNSEALED", "Draft", "Expiring", "Lot", "NotEnoughPoints", "Operation", "Purse", "Purses", "Receipt",
    "ReceiptUsed", "Shown", "alive", "balances", "card_of", "drawn_by", "expire_due", "expired_of", "expiring", "extend_membership",
    "freeze", "home_of", "lock", "lock_home", "made_by", "member_until", "open_account", "post", "progress_of", "prolong", "purse_of",
    "purses_of", "put", "return_points", "settle", "shown", "unfreeze", "welcome"]

CHUNK = 20                     # accounts of one transaction of the expiry: a few milliseconds of the writer


class HasAccount(Protocol):
    """A card, seen from here."""

    @property
    def id(self) -> int: ...
    @property
    def account_id(self) -> int: ...


async def open_account(tx: Transaction, business_id: int, program_id: int, customer_id: int | None, now: datetime) -> int:
    """A customer's account in a programme: the one there is, else a new one; without a customer always a new one."""
    return await store.open_account(tx, business_id, program_id, customer_id, to_ms(now))


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


async def settle(tx: Transaction, who: Principal, purse: Purse | Purses, program: programs.Program, account_id: int, card_id: int,
                 now: datetime) -> None:
    """Take from a locked account what ended before the purses' moment, as an operation of its own, whether or not the job ran."""
    each = [purse] if isinstance(purse, Purse) else list(purse.values())
    if sum([one.expire() for one in each]):
        draft = Draft("expiry", program.id, account_id, card_id, purse.at_ms, program.rules_version)
        await post(tx, system(who.business_id), draft, purse, now)
        purse.next_operation()


async def welcome(tx: Transaction, who: Principal, program: programs.Program, card: HasAccount, now: datetime) -> Operation | None:
    """The programme's welcome points, first stamps and trial membership, one operation; None where it gives none of them."""
    rules = program.rules
    first = rules.stamps.first if rules.stamps else 0
    trial = rules.membership.trial_days if rules.membership else 0
    if not (rules.welcome_points or first or trial):
        return None
    await lock(tx, program.business_id, [card.account_id])
    purses = await purses_of(tx, card.account_id, now, now, (rules.unit, "stamps", "membership"))
    if rules.welcome_points:
        put(purses[rules.unit], rules.welcome_points, rules, now, program.time_zone)
    if first:
        put(purses["stamps"], first, rules, now, program.time_zone)
    if trial:
        extend_membership(purses["membership"], trial, now, program.time_zone)
    return await post(tx, who, Draft("welcome", program.id, card.account_id, card.id, to_ms(now), program.rules_version), purses, now)


async def return_points(tx: Transaction, who: Principal, program: programs.Program, card: HasAccount, now: datetime) -> Operation | None:
    """Everything goes back by entries: a provisional card ended without having been anybody's. None where it held nothing."""
    await lock(tx, program.business_id, [card.account_id])
    purses = await purses_of(tx, card.account_id, now, now, UNITS)
    for purse in purses.values():
        purse.give_up()
    if not any([purse.legs for purse in purses.values()]):
        return None
    return await post(tx, who, Draft("return", program.id, card.account_id, card.id, to_ms(now), program.rules_version), purses, now)


async def expire_due(db: Database, now: datetime) -> int:
    """Take ended points from every account, some accounts a transaction; returns how many operations that made.

    Points are not spendable after their end, whether or not this ran.
    """
    posted = 0
    while due := await store.due_accounts(db, to_ms(now), CHUNK):
        posted += await write_transaction(db, lambda tx, due=due: _expire(tx, due, now))  # type: ignore[misc]
    return posted


async def _expire(tx: Transaction, due: Sequence[Any], now: datetime) -> int:
    posted = 0
    for row in due:
        await lock(tx, row["business_id"], [row["account_id"]])
        purse = await purse_of(tx, row["account_id"], now, now)
        if purse.expire():
            program = await programs.get_program(tx, row["business_id"], row["program_id"])
            cards = await store.cards_of(tx, row["business_id"], row["account_id"])
            draft = Draft("expiry", program.id, row["account_id"], cards[0]["id"], to_ms(now), program.rules_version)
            await post(tx, system(row["business_id"]), draft, purse, now)
            posted += 1
    return posted
