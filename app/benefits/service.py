"""Vouchers: issued, used, taken back, ended. Beside them, for other rooms, what `rewards` and `promo` do.

An act here runs inside the caller's transaction, which holds the account's lock; a refusal is raised before anything was written
that the caller could want to keep, except where a sentence says otherwise.
"""
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial

import msgspec

from app import secrets
from app.benefits import rewards as catalogue
from app.benefits import rules, store, vouchers_store
from app.benefits.promo import claim_promo, find_promo, release_promo
from app.benefits.rewards import add_pieces, change_reward, close_reward, count_open, create_reward, get_reward, list_rewards, pieces_of
from app.benefits.rules import (
    OutOfStock,
    Promo,
    Reward,
    RewardClosed,
    RewardWish,
    Voucher,
    VoucherElsewhere,
    VoucherUsed,
    check_level,
    check_voucher,
)
from app.benefits.store import Reader
from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.errors import NotFound, Unavailable
from app.ledger import store as ledger_store
from app.programs.store import Program
from app.updates import service as updates
from app.web.principal import Principal

__all__ = ["OutOfStock", "Promo", "Reward", "RewardWish", "Voucher", "add_pieces", "change_reward", "check_level", "check_voucher",
           "claim_promo", "close_reward", "count_open", "create_reward", "draw_codes", "expire_due", "find_promo", "find_voucher",
           "get_reward", "get_voucher", "issue", "list_rewards", "pieces_of", "release_promo", "reopen_used", "reward_by_id", "use", "void",
           "void_issued", "vouchers_of", "vouchers_of_operation"]

TRIES = 8
AT_ONCE = 200


def draw_codes(count: int) -> list[str]:
    """Random codes of vouchers, drawn before the transaction: ten digits, the last a check digit.

    The first is 1 to 6: a Russian phone number without its +7 has ten digits too, and begins with 9.
    """
    bodies = [str(100_000_000 + int(secrets.new_digits(14)) % 600_000_000) for _ in range(count)]
    return [body + rules.luhn_digit(body) for body in bodies]


async def vouchers_of(reader: Reader, business_id: int, account_id: int, now: datetime) -> list[Voucher]:
    """The account's open vouchers, also those that begin later; soonest end first."""
    return await vouchers_store.open_of(reader, business_id, account_id, to_ms(now))


async def vouchers_of_operation(reader: Reader, business_id: int, operation_id: int, *, used: bool) -> list[Voucher]:
    """Those that an operation used, else those that it issued, as they stand now."""
    return await vouchers_store.of_operation(reader, business_id, operation_id, used=used)


async def reward_by_id(reader: Reader, business_id: int, program_id: int, reward_id: int) -> Reward:
    """Also a closed one. Raises NotFound."""
    reward = await store.find_by_id(reader, business_id, reward_id)
    if reward is None or reward.program_id != program_id:
        raise NotFound()
    return reward


async def find_voucher(reader: Reader, business_id: int, code: str) -> Voucher | None:
    """By what was typed or scanned: spaces and hyphens do not count; whatever its status."""
    digits = rules.fold(code)
    return await vouchers_store.find_by_code(reader, business_id, digits) if rules.is_voucher_code(digits) else None


async def get_voucher(reader: Reader, business_id: int, voucher_id: int) -> Voucher:
    """Raises NotFound."""
    voucher = await vouchers_store.find(reader, business_id, voucher_id)
    if voucher is None:
        raise NotFound()
    return voucher


async def issue(tx: Transaction, who: Principal, program: Program, account_id: int, rewards: Sequence[str], source: str,
                operation_id: int | None, now: datetime, *, code: str, days: int | None = None,
                starts_at: datetime | None = None, closed_too: bool = False) -> Voucher:
    """A voucher for one of `rewards` (keys), good from `starts_at` (now) to the end of its last local day.

    code: of draw_codes; days: its life, None for the first reward's. With one reward its stock is taken now, and a code that comes
    with it is handed out; with several, when it is used. closed_too: what was promised on paper before the reward was closed. Raises
    NotFound for a reward that never was, RewardClosed and OutOfStock (having written nothing: the caller may go on without the voucher).
    """
    found = [await get_reward(tx, who.business_id, program.id, key) for key in rewards]
    if len(found) == 1:
        await catalogue.take(tx, found[0], closed_too=closed_too)
    elif not closed_too and all(reward.is_closed for reward in found):
        raise RewardClosed()
    begins = starts_at or now
    ends = rules.life_of(begins, found[0].days if days is None else days, program.time_zone)
    row = {"business_id": who.business_id, "program_id": program.id, "account_id": account_id,
           "rewards": msgspec.json.encode(list(rewards)).decode(), "source": source, "starts_at": to_ms(begins), "ends_at": to_ms(ends),
           "issued_by": operation_id, "created_at": to_ms(now)}
    for _ in range(TRIES):
        if (voucher_id := await vouchers_store.insert(tx, {**row, "code": code})) is not None:
            break
        code = rules.next_code(code)
    else:
        raise Unavailable()
    if len(found) == 1:
        await catalogue.hand_out(tx, found[0], voucher_id)
    return await get_voucher(tx, who.business_id, voucher_id)


async def use(tx: Transaction, business_id: int, voucher_id: int, account_id: int, reward_key: str | None, operation_id: int | None,
              now: datetime) -> Reward:
    """The voucher becomes `reward_key` (None: its only reward), once; a closed reward too, for the promise was made before.

    Raises NotFound, VoucherElsewhere, VoucherUsed, VoucherVoid, VoucherEnded, VoucherNotYet, RewardNotChosen, OutOfStock.
    """
    voucher = await get_voucher(tx, business_id, voucher_id)
    if voucher.account_id != account_id:
        raise VoucherElsewhere()
    check_voucher(voucher, now)
    reward = await get_reward(tx, business_id, voucher.program_id, rules.chosen(voucher, reward_key))
    # One that was chosen before, and given back by a refund, may hold its code still.
    if len(voucher.rewards) > 1 and await store.piece_of(tx, business_id, reward.id, voucher_id) is None:
        await catalogue.take(tx, reward, closed_too=True)
        await catalogue.hand_out(tx, reward, voucher_id)
    if not await vouchers_store.set_used(tx, business_id, voucher_id, reward.id, operation_id):
        raise VoucherUsed()
    return reward


async def void(tx: Transaction, business_id: int, voucher_id: int) -> bool:
    """Takes an open voucher back, and gives its piece of the stock back; False where it was not open."""
    return await _end(tx, business_id, voucher_id, "void") is not None


async def void_issued(tx: Transaction, business_id: int, operation_id: int, kept: Collection[str] = ()) -> tuple[list[int], list[int]]:
    """Takes back what an operation issued: (the vouchers that are void now, those that were used already). kept: the sources of those
    that are left alone."""
    voided, used = [], []
    for voucher in await vouchers_store.of_operation(tx, business_id, operation_id, used=False):
        if voucher.source in kept:
            continue
        if await void(tx, business_id, voucher.id):
            voided.append(voucher.id)
        elif voucher.status == "used":
            used.append(voucher.id)
    return voided, used


async def reopen_used(tx: Transaction, business_id: int, operation_id: int, now: datetime, grace_end: int) -> list[int]:
    """What an operation used is open again, with the end it had, or until grace_end (epoch ms) where that has passed, as points that
    come back are; returns the vouchers' ids."""
    reopened = []
    for voucher in await vouchers_store.of_operation(tx, business_id, operation_id, used=True):
        if not await vouchers_store.reopen(tx, business_id, voucher.id, to_ms(now), grace_end):
            continue
        # Of several rewards one was taken from its shelf only when it was chosen.
        if len(voucher.rewards) > 1 and (reward := await store.find_by_id(tx, business_id, voucher.reward_id or 0)):
            await catalogue.put_back(tx, business_id, voucher.program_id, reward.key)
        reopened.append(voucher.id)
    return reopened


async def expire_due(db: Database, now: datetime) -> int:
    """Ends the vouchers of every business whose last day is over, some a transaction; returns how many.

    They are refused after their end whether or not this ran; it gives their stock back and takes them off the cards.
    """
    total = 0
    while due := await vouchers_store.ended(db, to_ms(now), AT_ONCE):
        total += await write_transaction(db, partial(_expire, [(row["business_id"], row["id"]) for row in due], now))
    return total


async def _expire(due: list[tuple[int, int]], now: datetime, tx: Transaction) -> int:
    ended = 0
    for business_id, voucher_id in due:
        if voucher := await _end(tx, business_id, voucher_id, "expired"):
            await touch(tx, business_id, voucher.account_id, now)
            ended += 1
    return ended


async def _end(tx: Transaction, business_id: int, voucher_id: int, status: str) -> Voucher | None:
    """The voucher that was open and is not any more; None where it was not."""
    if not await vouchers_store.set_status(tx, business_id, voucher_id, "open", status):
        return None
    voucher = await get_voucher(tx, business_id, voucher_id)
    if len(voucher.rewards) == 1:
        await catalogue.put_back(tx, business_id, voucher.program_id, voucher.rewards[0])
    return voucher


async def touch(tx: Transaction, business_id: int, account_id: int, now: datetime) -> None:
    """The account's cards show something else now."""
    for card in await ledger_store.cards_of(tx, business_id, account_id):
        await updates.append(tx, business_id, card["id"], now)


