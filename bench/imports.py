"""A list of 100,000 people goes into a running server: rows a second, the till's delay meanwhile, and the memory it takes.

`python -m bench.imports [ROWS]`. Beside it the rate without a server, as a ratio of plain sqlite3 writing the very same rows of the
very same tables in one process, 1,000 people a commit.
"""
import asyncio
import io
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app import start
from app.imports import service, working
from app.imports.rules import Options
from app.settings import load
from app.web.principal import system
from bench import sales_client, sales_server
from bench.lines import Line, printed

ROWS, ALONE = 100_000, 10_000
TILL_A_SECOND, SLICE_SECONDS = 50.0, 2.0
A_COMMIT = 1_000
MINUTES_BAR, RATIO_BAR, DELAY_BAR, MEMORY_BAR_MB = 10.0, 0.05, 2.0, 100.0
LATE_MS = 50.0          # a p99 below this is quick, whatever it was when all was quiet


def main(rows: int = ROWS) -> int:
    """Prints each figure with its bar; 1 when one falls short."""
    with tempfile.TemporaryDirectory() as folder:
        return printed([*_alone(Path(folder), min(rows, ALONE)), *_beside(Path(folder), rows)])


def _list(rows: int) -> bytes:
    out = io.StringIO()
    out.write("Телефон;Имя;Карта;Баллы;Метки;Последний визит\r\n")
    for number in range(rows):
        out.write(f"8 916 {number:07d};Имя {number};{200_000_000_000 + number};{number % 500};клуб;01.0{number % 9 + 1}.2025\r\n")
    return out.getvalue().encode()


# Without a server.
def _alone(folder: Path, rows: int) -> Iterator[Line]:
    environ = {"TESSERA_URL": "https://cards.example.com", "TESSERA_DATA": str(folder / "alone")}
    stand = asyncio.run(sales_server.prepare(environ, 10))
    before = folder / "before.db"
    shutil.copy(stand.file, before)
    took = asyncio.run(_take(environ, stand.who.business_id, rows))
    bound = _bound(before, stand.file)
    yield (f"   {rows:,} rows, tried", f"{rows / took[0]:,.0f} rows/s", "", True)
    yield (f"   {rows:,} rows, taken in", f"{rows / took[1]:,.0f} rows/s", "", True)
    yield ("   plain sqlite3, the same rows of the same tables", f"{rows / bound:,.0f} people/s", "", True)
    yield ("   taken in, of plain sqlite3", f"{bound / took[1]:.3f}", f">= {RATIO_BAR}", bound / took[1] >= RATIO_BAR)


async def _take(environ: dict[str, str], business_id: int, rows: int) -> tuple[float, float]:
    """Seconds of the dry run, and of the taking."""
    async with start.opened(load(environ)) as here:
        who = system(business_id)
        program_id = await here.db.fetch_val("SELECT MIN(id) FROM programs WHERE business_id = :id", {"id": business_id})
        with tempfile.TemporaryFile() as source:
            source.write(_list(rows))
            source.seek(0)
            import_id = await service.receive(here.db, here.ring, who, program_id, "base.csv", source, here.clock.now())
        found = await service.get(here.db, business_id, import_id)
        await service.choose(here.db, who, import_id, found.mapping, Options(), here.clock.now())
        tried = time.perf_counter()
        await working.go_on(here)
        begun = time.perf_counter()
        await service.start(here.db, who, import_id, here.clock.now())
        await working.go_on(here)
        ended = time.perf_counter()
        assert (await service.get(here.db, business_id, import_id)).state == "done"
        return begun - tried, ended - begun


TABLES = ("customers", "accounts", "cards", "aliases", "operations", "operation_texts", "lots", "entries", "balances", "chain",
          "enrolments", "import_people", "updates", "events")


def _bound(before: Path, after: Path) -> float:
    """Seconds that sqlite3 itself takes to write what the import wrote into a copy of the database as it was."""
    rows: dict[str, tuple[str, list[Any]]] = {}
    with sqlite3.connect(before) as connection, sqlite3.connect(after) as source:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=OFF")
        for table in TABLES:
            old = connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
            found = source.execute(f"SELECT * FROM {table}").fetchall()
            key = {row for row in connection.execute(f"SELECT * FROM {table}")} if old else set()
            new = [row for row in found if row not in key]
            marks = ", ".join("?" * len(new[0])) if new else "?"
            rows[table] = f"INSERT OR REPLACE INTO {table} VALUES ({marks})", new
        people = len(rows["import_people"][1])
        started = time.perf_counter()
        for at in range(0, people, A_COMMIT):
            for query, new in rows.values():
                share = len(new) / people
                connection.executemany(query, new[int(at * share):int((at + A_COMMIT) * share)])
            connection.commit()
        return time.perf_counter() - started


# Beside a till.
def _beside(folder: Path, rows: int) -> Iterator[Line]:
    environ = {"TESSERA_URL": "https://cards.example.com", "TESSERA_DATA": str(folder / "beside")}
    stand = asyncio.run(sales_server.prepare(environ, 1_000))
    file, program = folder / "base.csv", asyncio.run(_public_program(environ, stand.who.business_id))
    file.write_bytes(_list(rows))
    busy: list[float] = []
    with sales_server.running(environ, "web") as port:
        quiet = asyncio.run(sales_client.delays(port, stand.api_key, stand.public, TILL_A_SECOND, 5 * SLICE_SECONDS))
        memory = _memory_mb(environ)
        started = time.perf_counter()
        ended: list[float] = []

        def command() -> None:
            subprocess.run([sys.executable, "-m", "app", "import", str(file), "--program", program, "--go"], check=True,
                           stdout=subprocess.DEVNULL, env={**environ, "PATH": "/usr/bin:/bin"})
            ended.append(time.perf_counter())

        thread = threading.Thread(target=command)
        thread.start()
        while thread.is_alive():
            busy += asyncio.run(sales_client.delays(port, stand.api_key, stand.public, TILL_A_SECOND, SLICE_SECONDS))
        thread.join()
        grown = _memory_mb(environ) - memory
    took = ended[0] - started
    yield (f"   {rows:,} rows, read, tried and taken in, {TILL_A_SECOND:.0f} sales/s beside", f"{took:,.0f} s, {rows / took:,.0f} rows/s",
           f"<= {MINUTES_BAR:.0f} min", took <= MINUTES_BAR * 60 * max(rows, ROWS) / ROWS)
    ratio = _p99(busy) / _p99(quiet)
    yield ("   the till meanwhile (quiet)", f"p50 {statistics.median(busy):.1f} ({statistics.median(quiet):.1f}) ms, p99 {_p99(busy):.1f} "
           f"({_p99(quiet):.1f}) ms: {ratio:.1f} x", f"p99 <= {DELAY_BAR:.0f} x, or {LATE_MS:.0f} ms",
           ratio <= DELAY_BAR or _p99(busy) <= LATE_MS)
    yield ("   the server's memory", f"+{grown:.0f} MB", f"<= +{MEMORY_BAR_MB:.0f} MB", grown <= MEMORY_BAR_MB)


async def _public_program(environ: dict[str, str], business_id: int) -> str:
    async with start.opened(load(environ)) as here:
        program_id = await here.db.fetch_val("SELECT MIN(id) FROM programs WHERE business_id = :id", {"id": business_id})
        return here.ids.encode("program", program_id)


def _memory_mb(environ: dict[str, str]) -> float:
    """The largest that the server's process ever was."""
    found = subprocess.run(["pgrep", "-f", "app web"], capture_output=True, text=True, check=False).stdout.split()
    ours = [pid for pid in found if environ["TESSERA_DATA"].encode() in _read(f"/proc/{pid}/environ")]
    status = _read(f"/proc/{ours[0]}/status").decode()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def _p99(took: list[float]) -> float:
    return sorted(took)[int(len(took) * 0.99)]


if __name__ == "__main__":
    sys.exit(main(*[int(argument) for argument in sys.argv[1:]]))
