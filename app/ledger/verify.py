"""Recomputes every hash, entry, lot and balance from the rows and says what does not agree."""
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.clock import to_ms
from app.db import Database, Transaction
from app.ledger import chain, chain_store, verify_store
from app.ledger.sealing import seal_row
from app.ledger.verify_store import PAGE

SEALED_WITHIN_MS = 60_000      # PostgreSQL seals within a second; a minute forgives a runner that starts again
SHOWN = 1_000                  # findings; a ledger with more is beyond reading them


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not agree, in a sentence for an operator. is_fault: False where it is only to be known."""

    kind: str
    business_id: int | None
    sentence: str
    is_fault: bool = True


async def verify(db: Database, now: datetime) -> list[Finding]:
    """Every finding, at most SHOWN; an empty list says that the whole ledger agrees with itself.

    Reads one snapshot, page by page: memory stays flat, and sales go on meanwhile. A database so large that this takes longer
    than a report may wants `report_seconds` raised where it is opened.
    """
    findings: list[Finding] = []
    async with db.transaction(readonly=True):
        tx = db.connection()
        for business_id in await verify_store.businesses(tx):
            await _chain_of(tx, business_id, findings)
        await _unsealed(tx, to_ms(now), findings)
        await _accounts(tx, findings)
        for what, row_id in await verify_store.orphans(tx):
            findings.append(Finding("orphan", None, f"There is {what}: {row_id}."))
    return findings[:SHOWN]


async def _chain_of(tx: Transaction, business_id: int, findings: list[Finding]) -> None:
    """Walk one business's chain from its first link: nothing missing, nothing changed."""
    seq, before = 0, chain.FIRST
    while links := await verify_store.links(tx, business_id, seq):
        entries: dict[int, list[Any]] = defaultdict(list)
        for entry in await chain_store.entries_of(tx, [link["operation_id"] for link in links]):
            entries[entry["operation_id"]].append(entry)
        for link in links:
            findings += _judge_link(business_id, seq, before, link, entries[link["operation_id"]])
            # From here on the stored hash is taken: one changed byte is one finding, not one for every later link.
            seq, before = link["seq"], bytes(link["hash"])
        if len(links) < PAGE or len(findings) > SHOWN:
            return


def _judge_link(business_id: int, seq: int, before: bytes, link: Any, entries: list[Any]) -> Iterator[Finding]:
    operation = f"operation {link['operation_id']}"
    if link["seq"] != seq + 1:
        yield Finding("chain", business_id, f"Links {seq + 1} to {link['seq'] - 1} of the chain are missing, before {operation}.")
        return
    if link["id"] is None:
        yield Finding("missing", business_id, f"{operation.capitalize()} is missing, though the chain holds its hash.")
        return
    if seal_row(before, link["seq"], link, entries) != bytes(link["hash"]):
        yield Finding("chain", business_id, f"{operation.capitalize()}, one of its entries or lots, or its hash was changed.")
    # An erasure empties salt and texts and leaves their row.
    if link["text_hash"] is not None and link["texts"] is None:
        yield Finding("missing", business_id, f"The row of the texts of {operation} is missing.")
    elif link["salt"] is not None and chain.text_hash(bytes(link["salt"]), link["content"]) != bytes(link["text_hash"] or b""):
        yield Finding("texts", business_id, f"The texts of {operation} were changed.")
    yield from _sums(business_id, link["operation_id"], entries)


def _sums(business_id: int, operation_id: int, entries: Iterable[Any]) -> Iterator[Finding]:
    sums: dict[str, int] = defaultdict(int)
    for entry in entries:
        sums[entry["unit"]] += entry["amount"]
    for unit, total in sums.items():
        if total:
            yield Finding("sum", business_id, f"The entries of operation {operation_id} sum to {total} {unit}, not to zero.")


async def _unsealed(tx: Transaction, now_ms: int, findings: list[Finding]) -> None:
    rows = await verify_store.unsealed(tx, SHOWN)
    young = [row for row in rows if tx.engine == "postgresql" and row["recorded_at"] > now_ms - SEALED_WITHIN_MS]
    if young:
        findings.append(Finding("unsealed", None, f"{len(young)} operations of the last minute wait to be sealed, from operation "
                                f"{young[0]['id']} on.", is_fault=False))
    old = [row for row in rows if row not in young]
    for row in old:
        findings.append(Finding("unsealed", row["business_id"], f"Operation {row['id']} is not sealed: its link of the chain is missing."))
    # What is not in the chain was not looked at by it.
    entries: dict[int, list[Any]] = defaultdict(list)
    for page in range(0, len(rows), PAGE):
        for entry in await chain_store.entries_of(tx, [row["id"] for row in rows[page:page + PAGE]]):
            entries[entry["operation_id"]].append(entry)
    for row in rows:
        findings += _sums(row["business_id"], row["id"], entries[row["id"]])


async def _accounts(tx: Transaction, findings: list[Finding]) -> None:
    """Each lot's remainder and each balance against the sum of its entries."""
    after = 0
    while (last := await verify_store.next_accounts(tx, after)) is not None and len(findings) <= SHOWN:
        lots = await verify_store.lots_of_accounts(tx, after, last)
        sums: dict[tuple[int, str], int] = defaultdict(int)
        for lot in lots:
            sums[lot["account_id"], lot["unit"]] += int(lot["amount"])
        findings += _judge_lots(lots)
        findings += _judge_balances(sums, await verify_store.balances_of_accounts(tx, after, last))
        after = last


def _judge_lots(lots: Sequence[Any]) -> Iterator[Finding]:
    for lot in lots:
        if lot["moved"] != lot["account_id"] or lot["owner"] != lot["account_id"] or lot["lot_unit"] != lot["unit"]:
            yield Finding("lot", None, f"Entries of account {lot['account_id']} move lot {lot['lot_id']}, which is not one of its lots.")
        elif lot["amount"] != lot["remaining"]:
            yield Finding("lot", None, f"Lot {lot['lot_id']} of account {lot['account_id']} says that {lot['remaining']} are left; "
                          f"its entries say {lot['amount']}.")


def _judge_balances(sums: dict[tuple[int, str], int], balances: Sequence[Any]) -> Iterator[Finding]:
    stored = {(row["account_id"], row["unit"]): row["amount"] for row in balances}
    for account_id, unit in sorted(sums.keys() | stored.keys()):
        says, are = stored.get((account_id, unit), 0), sums.get((account_id, unit), 0)
        if says != are:
            yield Finding("balance", None, f"The balance of account {account_id} says {says} {unit}; its entries say {are}.")
