"""The expiry run over 1,000,000 ended lots in a running server: lots a second, and the till's delay meanwhile.

`python -m bench.expiry [LOTS]` prints the delay as a ratio of its quiet value in the same server.
"""
import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench import sales_client, sales_server
from bench.ledger_fill import fill
from bench.lines import Line, printed
from bench.sales import P99_BAR_MS

LOTS, LOTS_A_CARD, FIRST_ID = 1_000_000, 4, 10_000_000
TILL_A_SECOND, SLICE_SECONDS, PATIENCE_SECONDS = 50.0, 2.0, 1_800.0
LEFT = "SELECT COUNT(*) FROM lots WHERE remaining > 0 AND expires_at IS NOT NULL AND expires_at <= :now"


def main(lots: int = LOTS) -> int:
    """Prints each figure with its bar; 1 when one falls short."""
    with tempfile.TemporaryDirectory() as folder:
        return printed(_lines(Path(folder), lots))


def _lines(folder: Path, lots: int) -> Iterator[Line]:
    environ = {"TESSERA_URL": "https://cards.example.com", "TESSERA_DATA": str(folder / "data")}
    stand = asyncio.run(sales_server.prepare(environ, 1_000))
    fill(str(stand.file), lots // LOTS_A_CARD, lots, days=1, redeem_every=0, first_id=FIRST_ID)
    busy: list[float] = []
    started = ended = time.perf_counter()
    with sales_server.running(environ, "web") as port:
        started = time.perf_counter()
        first = left = _left(stand.file)
        while left and time.perf_counter() - started < PATIENCE_SECONDS:
            busy += asyncio.run(sales_client.delays(port, stand.api_key, stand.public, TILL_A_SECOND, SLICE_SECONDS))
            left, ended = _left(stand.file), time.perf_counter()
        quiet = asyncio.run(sales_client.delays(port, stand.api_key, stand.public, TILL_A_SECOND, 5 * SLICE_SECONDS))
    took = ended - started
    yield (f"   expiry of {first:,} lots, a till at {TILL_A_SECOND:.0f} sales/s beside it",
           f"{(first - left) / took:,.0f} lots/s, {took:.0f} s", "all of them", not left)
    yield ("   the till meanwhile", f"p50 {statistics.median(busy):.1f} ms, p99 {_p99(busy):.1f} ms", f"p99 <= {P99_BAR_MS:.0f} ms",
           _p99(busy) <= P99_BAR_MS)
    yield ("   the till when all is quiet", f"p50 {statistics.median(quiet):.1f} ms, p99 {_p99(quiet):.1f} ms: "
           f"{_p99(busy) / _p99(quiet):.1f} x meanwhile", "", True)


def _left(file: Path) -> int:
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
        return connection.execute(LEFT, {"now": int(time.time() * 1000)}).fetchone()[0]


def _p99(took: list[float]) -> float:
    return sorted(took)[int(len(took) * 0.99)]


if __name__ == "__main__":
    sys.exit(main(*(int(text) for text in sys.argv[1:2])))
