"""`verify` of a large ledger: 1,000,000 cards and 5,000,000 operations within 60 s, and what it finds.

`python -m bench.verify [CARDS OPERATIONS]`; the file of the full size is 2.5 GB and takes some minutes to make.
"""
import asyncio
import os
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from app.db import open_database
from app.ledger import day_seals
from app.ledger.verify import Finding, verify
from bench.ledger_fill import fill
from bench.lines import Line, printed

CARDS, OPERATIONS, BAR_SECONDS = 1_000_000, 5_000_000, 60.0


def main(cards: int = CARDS, operations: int = OPERATIONS) -> int:
    """Prints each figure with its bar; 1 when one falls short."""
    with tempfile.TemporaryDirectory() as folder:
        return printed(_lines(Path(folder) / "large.db", cards, operations))


def _lines(file: Path, cards: int, operations: int) -> Iterator[Line]:
    fill(str(file), cards, operations)
    days = asyncio.run(_sealed(file))
    found, took = asyncio.run(_verified(file))
    memory = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) // 1024
    bar = BAR_SECONDS * operations / OPERATIONS
    yield (f"   verify, {cards:,} cards, {operations:,} operations, {days} days", f"{took:.0f} s, {operations / took:,.0f} operations/s",
           f"<= {bar:.0f} s", took <= bar)
    yield ("   its findings; most memory of a process", f"{len(found)}; {memory} MB", "none", not found)
    middle = operations // 2
    _tamper(file, middle)
    found, _ = asyncio.run(_verified(file))
    names = {"one changed byte": middle, "one deleted row": middle + 100, "one reordered pair": middle + 200}
    for what, operation in names.items():
        shown = [finding.sentence for finding in found if f"peration {operation}" in finding.sentence]
        yield (f"   {what}", shown[0][:70] if shown else "not found", "found", bool(shown))


async def _sealed(file: Path) -> int:
    async with open_database(f"sqlite:///{file}") as db:
        return await day_seals.seal_days(db, datetime.now(UTC))


def _tamper(file: Path, middle: int) -> None:
    """As somebody with the file might: a kopeck more, an entry less, two links that change places."""
    with sqlite3.connect(file) as connection:
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE operations SET amount_minor = amount_minor + 1 WHERE id = ?", (middle,))
        connection.execute("DELETE FROM entries WHERE operation_id = ? AND line = 1", (middle + 100,))
        for before, after in ((middle + 200, -1), (middle + 201, middle + 200), (-1, middle + 201)):
            connection.execute("UPDATE chain SET operation_id = ? WHERE operation_id = ?", (after, before))
    connection.close()


async def _verified(file: Path) -> tuple[list[Finding], float]:
    async with open_database(f"sqlite:///{file}", readonly=True, report_seconds=3600.0) as db:
        started = time.perf_counter()
        found = await verify(db, datetime.now(UTC), workers=os.cpu_count() or 1)
        return found, time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main(*(int(text) for text in sys.argv[1:3])))
