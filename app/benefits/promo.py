"""Promo codes: batches made and closed, a code looked up and used exactly as often as its terms allow."""
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from app.audit import service as audit
from app.benefits import promo_store, rules, store
from app.benefits.promo_store import Reader
from app.benefits.rules import (
    CODE_ALPHABET,
    Batch,
    CodeEnded,
    CodeNotYet,
    CodeOfAnotherProgram,
    CodesTaken,
    CodeUsedByYou,
    CodeUsedUp,
    KeyTaken,
    Promo,
    Terms,
    UnknownCode,
)
from app.clock import local_day, to_ms
from app.db import Database, Transaction, write_transaction
from app.errors import FieldError, Invalid, NotFound
from app.programs import service as programs
from app.secrets import random
from app.text import N_
from app.web.principal import Principal
from app.web.tables import csv_rows

AT_ONCE = 200               # codes a statement
SPARE = 16                  # drawn beside those wanted: one of them may exist already
EXPORTED_AT_ONCE = 500


def draw(count: int, length: int) -> list[str]:
    """`count` different random codes and some spare ones. Raises Invalid (rules.check_drawn)."""
    rules.check_drawn(count, length)
    drawn: dict[str, None] = {}
    while len(drawn) < count + SPARE:
        drawn["".join([random.choice(CODE_ALPHABET) for _ in range(length)])] = None
    return list(drawn)


async def list_batches(reader: Reader, business_id: int, program_id: int) -> list[Batch]:
    """Newest first."""
    return await promo_store.list_batches(reader, business_id, program_id)


async def get_batch(reader: Reader, business_id: int, program_id: int, key: str) -> Batch:
    """Raises NotFound."""
    batch = await promo_store.find_batch(reader, business_id, program_id, key)
    if batch is None:
        raise NotFound()
    return batch


async def has_coupons(reader: Reader, business_id: int, program_id: int, now: datetime) -> bool:
    """Whether a holder of one of the programme's cards may have a coupon to put on it."""
    return await promo_store.has_coupons(reader, business_id, program_id, to_ms(now))


async def create_batch(db: Database, who: Principal, program_id: int, terms: Terms, codes: Sequence[str], now: datetime, *,
                       count: int | None = None) -> Batch:
    """A batch with its codes: typed ones (rules.typed_codes), or `count` of those drawn (draw). Raises Invalid, KeyTaken, CodesTaken."""
    async def act(tx: Transaction) -> Batch:
        program = await programs.get_program(tx, who.business_id, program_id)
        rules.check_terms(terms, local_day(now, program.time_zone))
        reward = await store.find(tx, who.business_id, program_id, terms.reward) if terms.reward else None
        if terms.reward and (reward is None or reward.is_closed):
            raise Invalid(fields=[FieldError("reward", "reward", N_("Choose a reward of this programme that is given now."))])
        starts_at, ends_at = rules.window_of(terms, program.time_zone, now)
        batch_id = await promo_store.insert_batch(tx, {
            "business_id": who.business_id, "program_id": program_id, "key": terms.key, "name": terms.name.strip(), "kind": terms.kind,
            "reward": terms.reward, "uses": terms.uses, "per_person": terms.per_person, "total": terms.total, "starts_at": to_ms(starts_at),
            "ends_at": to_ms(ends_at) if ends_at else None, "created_at": to_ms(now), "created_by": who.name})
        if batch_id is None:
            raise KeyTaken()
        await _insert_codes(tx, who.business_id, batch_id, codes, count)
        await audit.record(tx, who, "promo.created", "promo_batch", batch_id, {"key": terms.key, "codes": count or len(codes)}, now=now)
        return await get_batch(tx, who.business_id, program_id, terms.key)

    return await write_transaction(db, act)


async def _insert_codes(tx: Transaction, business_id: int, batch_id: int, codes: Sequence[str], count: int | None) -> None:
    """count: so many of the codes are wanted, whichever are free; None: all of them."""
    wanted, made = len(codes) if count is None else count, 0
    waiting = list(codes)
    while made < wanted and waiting:
        chunk, waiting = waiting[:min(AT_ONCE, wanted - made)], waiting[min(AT_ONCE, wanted - made):]
        kept = await promo_store.insert_codes(tx, business_id, batch_id, chunk)
        if count is None and len(kept) < len(chunk):
            raise CodesTaken(params={"codes": ", ".join([code for code in chunk if code not in kept][:5])})
        made += len(kept)
    if made < wanted:
        raise Invalid(fields=[FieldError("length", "length", N_("Too many of these codes exist already. Choose longer ones."))])


async def close_batch(db: Database, who: Principal, program_id: int, key: str, now: datetime) -> None:
    """Its codes end now; a second time changes nothing. Raises NotFound."""
    async def act(tx: Transaction) -> None:
        batch = await get_batch(tx, who.business_id, program_id, key)
        if await promo_store.close_batch(tx, who.business_id, batch.id, to_ms(now)):
            await audit.record(tx, who, "promo.closed", "promo_batch", batch.id, {"key": key}, now=now)

    await write_transaction(db, act)


async def find_promo(reader: Reader, business_id: int, program_id: int, code: str, account_id: int | None, at: datetime) -> Promo:
    """A typed or scanned code as it stands for this account at `at`; uses nothing.

    account_id: None for a bearer. Raises UnknownCode, CodeOfAnotherProgram, CodeNotYet, CodeEnded, CodeUsedUp, CodeUsedByYou.
    """
    folded = rules.fold(code)
    row = await promo_store.find_code(reader, business_id, folded) if rules.CODE_LEAST <= len(folded) <= rules.CODE_MOST else None
    if row is None:
        raise UnknownCode()
    if row["program_id"] != program_id:
        raise CodeOfAnotherProgram()
    return await _usable(reader, row, account_id, to_ms(at))


async def find_by_id(reader: Reader, code_id: int, account_id: int | None, at: datetime) -> Promo:
    """The same for a coupon whose signature was checked. Raises UnknownCode, CodeNotYet, CodeEnded, CodeUsedUp, CodeUsedByYou."""
    row = await promo_store.code_by_id(reader, code_id)
    if row is None:
        raise UnknownCode()
    return await _usable(reader, row, account_id, to_ms(at))


async def _usable(reader: Reader, row: Any, account_id: int | None, at: int) -> Promo:
    """Judged as claim_promo will judge, so that a quote says what the sale would."""
    if row["starts_at"] > at:
        raise CodeNotYet()
    if (row["ends_at"] is not None and row["ends_at"] <= at) or (row["closed_at"] is not None and row["closed_at"] <= at):
        raise CodeEnded()
    found = promo_store.promo(row)
    await _check_person(reader, found, account_id)
    if (found.uses is not None and row["code_used"] >= found.uses) or (found.total is not None and row["used"] >= found.total):
        raise CodeUsedUp()
    return found


async def _check_person(reader: Reader, promo: Promo, account_id: int | None) -> None:
    if account_id is None or promo.per_person is None:
        return
    if await promo_store.count_of_person(reader, promo.business_id, promo.batch_id, account_id) >= promo.per_person:
        raise CodeUsedByYou()


async def claim_promo(tx: Transaction, promo: Promo, account_id: int | None, operation_id: int | None, who: Principal,
                      now: datetime) -> int:
    """Counts one use, exactly, however many tills ask at once; returns the use's id. The window was judged by find_promo.

    Raises CodeUsedUp, CodeUsedByYou: the caller's act ends with it.
    """
    # The batch first: whoever uses any of its codes waits here, so the counts below stay true until the commit.
    if not await promo_store.take_of_batch(tx, promo.batch_id):
        raise CodeUsedUp()
    await _check_person(tx, promo, account_id)
    if not await promo_store.take_of_code(tx, promo.code_id, promo.uses):
        raise CodeUsedUp()
    return await promo_store.insert_use(tx, {
        "business_id": promo.business_id, "promo_code_id": promo.code_id, "account_id": account_id, "operation_id": operation_id,
        "actor_kind": who.kind, "actor_id": who.id, "location_id": who.location_id, "at": to_ms(now)})


async def release_promo(tx: Transaction, operation_id: int, now: datetime) -> int:
    """The codes that an operation used may be used again; returns how many."""
    codes = await promo_store.give_back(tx, operation_id, to_ms(now))
    for code_id in codes:
        await promo_store.uncount(tx, code_id)
    return len(codes)


async def codes_of(reader: Reader, batch: Batch, *, skip: int = 0, limit: int = rules.MOST_CODES) -> list[tuple[int, str, int]]:
    """(row id, code, how often used) of a batch in the order in which its codes were made."""
    rows = await _all(partial(promo_store.list_codes, reader, batch.business_id, batch.id), skip + limit)
    return [(row["id"], row["code"], row["used"]) for row in rows[skip:]]


async def codes_after(reader: Reader, batch: Batch, after: int, limit: int) -> list[tuple[int, str, int]]:
    """The same, those after a code's row id."""
    rows = await promo_store.list_codes(reader, batch.business_id, batch.id, after, limit)
    return [(row["id"], row["code"], row["used"]) for row in rows]


async def newest_uses(reader: Reader, batch: Batch, limit: int) -> list[Any]:
    """code, at, account_id (None: a bearer's), place, taken_back_at; newest first."""
    return await promo_store.newest_uses(reader, batch.business_id, batch.id, limit)


async def _all(listed: Any, most: int) -> list[Any]:
    """In several reads, so that none of them holds others up for long."""
    found: list[Any] = []
    while len(found) < most:
        rows = await listed(found[-1]["id"] if found else 0, min(EXPORTED_AT_ONCE, most - len(found)))
        found += rows
        if len(rows) < EXPORTED_AT_ONCE:
            break
    return found


def export_lines(codes: Sequence[tuple[int, str, int]], addresses: Iterator[str] | None = None) -> str:
    """A batch as CSV: the code, how often it was used, and a coupon's address where there is one."""
    rows = [[rules.in_groups(code), used, *([next(addresses)] if addresses else [])] for _, code, used in codes]
    return csv_rows([["code", "used", *(["address"] if addresses else [])], *rows])
