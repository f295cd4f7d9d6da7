"""Recomputes every hash, entry, lot and balance from the rows and says what does not agree."""
import asyncio
import gc
import multiprocessing
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from typing import Any

from app.clock import to_ms
from app.db import Database, Transaction, open_database
from app.ledger import day_seals_store, verify_store
from app.ledger.verify_store import ENTRY, LOT, TEXTS
from app.ledger.walk import LIMIT, Finding, Range, Walk, gaps, shares

__all__ = ["Finding", "verify"]

SEALED_WITHIN_MS = 60_000      # PostgreSQL seals within a second; a minute forgives a runner that starts again
WORTH_A_PROCESS = 100_000      # links
FAR_SECONDS = 3600.0


async def verify(db: Database, now: datetime, *, workers: int = 1) -> list[Finding]:
    """Every finding, at most LIMIT; an empty list says that the whole ledger agrees with itself.

    The chain is walked page by page up to the link that is the newest when this begins, by `workers` processes where the ledger
    is large; then what came meanwhile, lots and balances, in one snapshot. Sales go on; memory: 8 bytes for each lot and each
    account and unit. A ledger so large that this takes longer than a report may wants `report_seconds` raised where it is opened.
    """
    newest = await verify_store.newest(db)
    known = {row[0]: row[1] for row in await verify_store.chains(db)}
    seals = [tuple(row) for row in await day_seals_store.every(db)]
    walk = await _walked(db, [Range(business_id, 0, seq) for business_id, seq in known.items() if seq], seals, newest, workers)
    walk.findings += gaps(seals)
    async with db.transaction(readonly=True):
        tx = db.connection()
        for row in await verify_store.chains(tx):
            if row[1] > known.get(row[0], 0):
                await walk.links(tx, Range(row[0], known.get(row[0], 0), row[1]))
        await _unsealed(tx, walk, to_ms(now))
        await _lots(tx, walk)
        await _balances(tx, walk)
        await _orphans(tx, walk)
    return walk.findings[:LIMIT]


async def _walked(db: Database, ranges: Sequence[Range], seals: Sequence[Any], newest: tuple[int, int], workers: int) -> Walk:
    walk = Walk(*newest)
    if workers > 1 and sum(part.upto - part.after for part in ranges) > WORTH_A_PROCESS:
        loop, url = asyncio.get_running_loop(), str(db.url)
        # Not forked: this process has threads and open connections.
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
            for part in asyncio.as_completed([
                    loop.run_in_executor(pool, _walk_elsewhere, url, share, seals[number::workers], newest)
                    for number, share in enumerate(shares(ranges, workers))]):
                walk.join(await part)
    elif ranges:
        await _walk(db, walk, ranges, seals)
    return walk


async def _walk(db: Database, walk: Walk, ranges: Sequence[Range], seals: Sequence[Any]) -> None:
    async with db.transaction(readonly=True):
        for one in ranges:
            await walk.links(db.connection(), one)
        await walk.days(db.connection(), seals)


def _walk_elsewhere(url: str, ranges: Sequence[Range], seals: Sequence[Any], newest: tuple[int, int]) -> Walk:
    """A process of its own: it only reads, and what it makes is freed by count, so that looking for cycles is time lost."""
    gc.disable()

    async def walked() -> Walk:
        walk = Walk(*newest)
        db = open_database(url, readonly=True, report_seconds=FAR_SECONDS, plain_rows=True)
        await db.connect()
        try:
            await _walk(db, walk, ranges, seals)
        finally:
            await db.disconnect()
        return walk

    return asyncio.run(walked())


async def _unsealed(tx: Transaction, walk: Walk, now_ms: int) -> None:
    """Operations that the chain does not hold yet, or does not hold any more; none where the walk met as many as there are."""
    if walk.operations == await verify_store.operations(tx):
        return
    rows = await verify_store.unsealed(tx, LIMIT)
    young = [row for row in rows if tx.engine == "postgresql" and row["recorded_at"] > now_ms - SEALED_WITHIN_MS]
    if young:
        walk.findings.append(Finding("unsealed", None, f"{len(young)} operations of the last minute wait to be sealed, from operation "
                                     f"{young[0]['id']} on.", is_fault=False))
    for row in rows:
        if row not in young:
            walk.findings.append(Finding("unsealed", row["business_id"],
                                         f"Operation {row['id']} is not sealed: its link of the chain is missing."))
    # What is not in the chain was not looked at by it.
    for page in range(0, len(rows), 200):
        some = rows[page:page + 200]
        moves: dict[int, list[Any]] = defaultdict(list)
        for move in await verify_store.moves_of(tx, [row["id"] for row in some]):
            moves[move[0]].append(move)
        for row in some:
            walk.texts += row["has_texts"]
            walk.add(row["business_id"], row["id"], moves[row["id"]])


async def _lots(tx: Transaction, walk: Walk) -> None:
    """Each lot's remainder against the sum of its entries."""
    after = 0
    while (lots := await verify_store.lots(tx, after)) and len(walk.findings) <= LIMIT:
        for lot_id, remaining, account_id in walk.lots.differing(lots):
            walk.findings.append(Finding("lot", None, f"Lot {lot_id} of account {account_id} says that {remaining} are left; "
                                         f"its entries say {walk.lots.of(lot_id)}."))
        after = lots[-1][0]


async def _balances(tx: Transaction, walk: Walk) -> None:
    """Each account's balances against the sums of its entries."""
    after = 0
    while (last := await verify_store.next_accounts(tx, after)) is not None and len(walk.findings) <= LIMIT:
        for account_id, unit, amount in await verify_store.balances_of_accounts(tx, after, last):
            sums = walk.accounts.get(unit)
            are = sums.of(account_id) if sums else 0
            if are != amount:
                walk.findings.append(_wrong_balance(account_id, unit, amount, are))
            if sums and are:
                sums.add(account_id, -are)
        after = last
    for unit, sums in walk.accounts.items():
        walk.findings += [_wrong_balance(account_id, unit, 0, sums.of(account_id)) for account_id in sums.ids()]


def _wrong_balance(account_id: int, unit: str, says: int, are: int) -> Finding:
    return Finding("balance", None, f"The balance of account {account_id} says {says} {unit}; its entries say {are}.")


async def _orphans(tx: Transaction, walk: Walk) -> None:
    """Rows that belong to nothing. Where there are exactly as many as the walk met, none can be one; else they are looked for."""
    entries, lots, texts = await verify_store.counts(tx)
    doubtful = [what for what, met, there in ((ENTRY, walk.entries, entries), (LOT, walk.made, lots), (TEXTS, walk.texts, texts))
                if met != there]
    for what, row_id in await verify_store.orphans(tx, [*doubtful, *verify_store.ALWAYS]):
        walk.findings.append(Finding("orphan", None, f"There is {what}: {row_id}."))
