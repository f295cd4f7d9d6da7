"""What can be done with points, inside the caller's transaction: lock an account, read its purses, post an operation."""
from datetime import datetime

from app.clock import to_ms
from app.db import Transaction
from app.ledger import store
from app.ledger.expiry import expire_due
from app.ledger.lives import extend, extend_membership, freeze, prolong, put, unfreeze
from app.ledger.moves import AlreadyMerged, move_account
from app.ledger.notices import BALANCE_EXPIRING, mature_due, warn_due
from app.ledger.operations import Draft, Operation
from app.ledger.origins_store import drawn_by, expired_of, made_by
from app.ledger.posting import LIVE, OPERATION_CREATED, UNSEALED, HasAccount, Receipt, ReceiptUsed, post
from app.ledger.purses import purse_of, purses_of, settle
from app.ledger.readings import (
    Expiring,
    Shown,
    alive,
    balances,
    card_of,
    expiring,
    first_end,
    home_of,
    lock,
    lock_home,
    member_ended,
    member_until,
    next_end,
    progress_of,
    shown,
    shown_with_ending,
)
from app.ledger.rules import UNITS, Lot, NotEnoughPoints, Purse, Purses
from app.ledger.store import merged_into
from app.programs import service as programs
from app.web.principal import Principal

__all__ = [
    "BALANCE_EXPIRING", "LIVE", "OPERATION_CREATED", "UNSEALED", "AlreadyMerged", "Draft", "Expiring", "Lot", "NotEnoughPoints",
    "Operation", "Purse", "Purses", "Receipt", "ReceiptUsed", "Shown", "alive", "balances", "card_of", "drawn_by", "expire_due",
    "expired_of", "expiring", "extend", "extend_membership", "first_end", "freeze", "home_of", "lock", "lock_home", "made_by",
    "mature_due", "member_ended", "member_until", "merged_into", "move_account", "next_end", "open_account", "post", "progress_of",
    "prolong", "purse_of", "purses_of", "put", "return_points", "settle", "shown", "shown_with_ending",
    "unfreeze", "warn_due", "welcome"]


async def open_account(tx: Transaction, business_id: int, program_id: int, customer_id: int | None, now: datetime) -> int:
    """A customer's account in a programme: the one there is, else a new one; without a customer always a new one."""
    return await store.open_account(tx, business_id, program_id, customer_id, to_ms(now))


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
