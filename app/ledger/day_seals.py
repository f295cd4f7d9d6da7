"""The end of each local day: its last link and the root over its hashes, to be printed or published; receipts prove themselves
against the root."""
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from app.clock import from_ms, local_day, midnight_after, to_ms
from app.db import Database, Transaction, write_transaction
from app.ledger import chain, day_seals_store, proofs, verify_store
from app.ledger.chain import OPERATION_FIELDS
from app.ledger.proofs import Day, Proof
from app.ledger.store import Reader
from app.programs import service as programs
from app.programs.store import Business

AFTER_MIDNIGHT = timedelta(minutes=5)          # what was begun before midnight is committed, and on PostgreSQL sealed
PAGE = 5_000
WINDOW = 5_000
SHOWN_DAYS = 400


@dataclass(frozen=True, slots=True)
class DaySeal:
    """A finished day of a business: its links, the hash of the last of them and the root over all; hashes are bytes."""

    day: str
    first_seq: int
    last_seq: int
    head: bytes
    root: bytes


async def seal_days(db: Database, now: datetime) -> int:
    """Seal every finished day with operations that is not sealed yet; returns how many. A repetition does nothing."""
    sealed = 0
    for business in await programs.list_businesses(db):
        while await _seal_next(db, business, now):
            sealed += 1
    return sealed


async def _seal_next(db: Database, business: Business, now: datetime) -> bool:
    newest = await day_seals_store.newest(db, business.id)
    first = (newest["last_seq"] if newest else 0) + 1
    links = await day_seals_store.links_after(db, business.id, first - 1, 1)
    if not links:
        return False
    day = local_day(from_ms(links[0]["recorded_at"]), business.time_zone)
    if newest:
        # A link written in the minutes after a seal belongs to the next day's, whatever its clock said.
        day = max(day, date.fromisoformat(newest["local_day"]) + timedelta(days=1))
    end = midnight_after(day, business.time_zone)
    if now < end + AFTER_MIDNIGHT or await day_seals_store.is_unsealed(db, business.id, WINDOW):
        return False
    hashes = await _hashes_until(db, business.id, first, to_ms(end))
    values = {"business_id": business.id, "local_day": day.isoformat(), "first_seq": first, "last_seq": first + len(hashes) - 1,
              "head": hashes[-1], "root": proofs.root(hashes), "now": to_ms(now)}

    async def act(tx: Transaction) -> None:
        await day_seals_store.insert(tx, values)

    await write_transaction(db, act)
    return True


async def _hashes_until(reader: Reader, business_id: int, first: int, end_ms: int) -> list[bytes]:
    """Of the links from `first` on, up to the first one that was recorded at or after end_ms; at least one."""
    found: list[bytes] = []
    while True:
        page = await day_seals_store.links_after(reader, business_id, first + len(found) - 1, PAGE)
        for link in page:
            if link["recorded_at"] >= end_ms and found:
                return found
            found.append(bytes(link["hash"]))
        if len(page) < PAGE:
            return found


async def list_days(reader: Reader, business_id: int, limit: int = SHOWN_DAYS) -> list[DaySeal]:
    """Newest first."""
    return [_seal(row) for row in await day_seals_store.list_days(reader, business_id, limit)]


def _seal(row: Any) -> DaySeal:
    return DaySeal(row["local_day"], row["first_seq"], row["last_seq"], bytes(row["head"]), bytes(row["root"]))


async def count(reader: Reader, business_id: int, account_id: int) -> int:
    """How many operations an account has: its newest receipt's number."""
    return await day_seals_store.count(reader, business_id, account_id)


async def operation_of_receipt(reader: Reader, business_id: int, account_id: int, number: int) -> int | None:
    """The operation behind a receipt's number: 1 is the account's first."""
    return await day_seals_store.numbered(reader, business_id, account_id, number) if number >= 1 else None


async def proof_of(reader: Reader, business: Business, operation_id: int) -> Proof | None:
    """What an operation's seal covers, with the way to its day's root once the day is over; None while it is not sealed."""
    link = await day_seals_store.link_of(reader, business.id, operation_id)
    if link is None:
        return None
    seq = link["seq"]
    [row] = await verify_store.links(reader, business.id, seq - 1, seq)
    moves = await verify_store.moves(reader, business.id, seq - 1, seq)
    made = {move[6]: chain.lot_row(*move[8:15]) for move in moves if move[7] == operation_id}
    before = await verify_store.hash_of(reader, business.id, seq - 1) if seq > 1 else chain.FIRST
    return Proof(
        format=proofs.FORMAT, business=business.name, seq=seq, before=before.hex(),
        operation=dict(zip(OPERATION_FIELDS, row[7:], strict=True)), text_hash=bytes(row[2]).hex() if row[2] else None,
        salt=bytes(row[3]).hex() if row[3] else None, texts=row[4], entries=[list(move[1:7]) for move in moves],
        lots=[list(made[lot]) for lot in sorted(made)], hash=bytes(link["hash"]).hex(), day=await _day_of(reader, business.id, seq))


async def _day_of(reader: Reader, business_id: int, seq: int) -> Day | None:
    row = await day_seals_store.covering(reader, business_id, seq)
    if row is None:
        return None
    seal = _seal(row)
    hashes = await day_seals_store.hashes(reader, business_id, seal.first_seq, seal.last_seq)
    return Day(seal.day, seal.first_seq, seal.last_seq, seal.head.hex(), seal.root.hex(), proofs.path(hashes, seq - seal.first_seq))
