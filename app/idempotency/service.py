"""Claiming a key before an act, keeping its answer after it."""
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from app.clock import to_ms
from app.db import Database, Transaction, WriterBusy, write_transaction
from app.idempotency import store
from app.idempotency.rules import KEPT, Key, KeyInUse, KeyReused

_encode = msgspec.json.Encoder().encode
KEPT_MS = KEPT // KEPT.resolution // 1000
SWEEP = 500          # rows a transaction: some milliseconds of the writer


class Kept(NamedTuple):
    """What was answered the first time: the status and what must be equal again (ids, amounts, balances; no names)."""

    status: int
    answer: dict[str, Any]


async def claim(tx: Transaction, business_id: int, key: Key | None, now: datetime) -> Kept | None:
    """None: go on, and `keep` the answer in the same transaction. Kept: answer this again and write nothing.

    Raises KeyReused where the key stands for another request; KeyInUse where a twin did not end in time.
    """
    if key is None:
        return None
    now_ms = to_ms(now)
    try:
        if await store.claim(tx, business_id, key.text, key.fingerprint, now_ms, now_ms - KEPT_MS):
            return None
    except WriterBusy as busy:
        raise KeyInUse(retry_after=1) from busy
    row = await store.find(tx, business_id, key.text)
    if row is None or row["status"] is None:
        # Swept between two statements, or claimed twice within one transaction: nothing to replay, nothing was done.
        raise KeyInUse(retry_after=1)
    if bytes(row["fingerprint"]) != key.fingerprint:
        raise KeyReused()
    kept = Kept(row["status"], msgspec.json.decode(row["answer"]))
    key.before[:] = [kept.answer]
    return kept


async def look(db: Database, business_id: int, key: Key | None, now: datetime) -> Kept | None:
    """What this very request was answered with before, claiming nothing; None where it was not answered yet."""
    row = await store.find_since(db, business_id, key.text, to_ms(now) - KEPT_MS) if key else None
    if key is None or row is None or row["status"] is None or bytes(row["fingerprint"]) != key.fingerprint:
        return None
    kept = Kept(row["status"], msgspec.json.decode(row["answer"]))
    key.before[:] = [kept.answer]
    return kept


async def keep(tx: Transaction, business_id: int, key: Key | None, status: int, answer: dict[str, Any]) -> None:
    """Remember the answer of the request that claimed `key`. Only 2xx: a refusal leaves no trace and is judged anew."""
    assert 200 <= status < 300
    if key is not None:
        await store.keep(tx, business_id, key.text, status, _encode(answer).decode())


async def forget_old(db: Database, now: datetime) -> int:
    """Delete the keys that are older than thirty days, in chunks; returns how many."""
    gone, oldest_ms = 0, to_ms(now) - KEPT_MS
    while True:
        chunk = await write_transaction(db, lambda tx: store.forget(tx, oldest_ms, SWEEP))
        gone += chunk
        if chunk < SWEEP:
            return gone
