"""What a sale costs in a business with 10 thousand, 100 thousand and 1 million cards: flat within 1.2.

`python -m bench.scale` sells in one process on three files in turns, so that a slow spell hits all alike.
"""
import asyncio
import random
import statistics
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from app.db import open_database
from app.idempotency.rules import Key, fingerprint
from app.sales import service
from app.sales.service import SaleRequest
from bench import sales_server
from bench.kinds import busy
from bench.ledger_fill import fill
from bench.lines import Line, printed
from bench.sales_server import Stand

SIZES = (10_000, 100_000, 1_000_000)
ROUNDS, FIRST_ID, FLAT = 5, 10_000_000, 1.2


def main() -> int:
    """Prints each figure with its bar; 1 when one falls short."""
    with tempfile.TemporaryDirectory() as folder:
        return printed(_lines(Path(folder)))


def _lines(folder: Path) -> Iterator[Line]:
    stands = {size: _stand(folder, size) for size in SIZES}
    rates: dict[int, list[float]] = {size: [] for size in SIZES}
    for _ in range(ROUNDS):
        for size, stand in stands.items():
            rates[size].append(asyncio.run(_rate(stand)))
    for size in SIZES:
        cost = statistics.median([first / its for first, its in zip(rates[SIZES[0]], rates[size], strict=True)])
        yield (f"   a sale at {size:,} cards, two operations each", f"{cost:.2f} x ({statistics.median(rates[size]):.0f}/s)",
               f"<= {FLAT} x that of {SIZES[0]:,}", cost <= FLAT)


def _stand(folder: Path, size: int) -> Stand:
    environ = {"TESSERA_URL": "https://cards.example.com", "TESSERA_DATA": str(folder / str(size))}
    stand = asyncio.run(sales_server.prepare(environ, 1_000))
    fill(str(stand.file), size, 2 * size, first_id=FIRST_ID)
    return stand


async def _rate(stand: Stand) -> float:
    async with open_database(f"sqlite:///{stand.file}") as db:
        async def sale() -> None:
            text = f"k{random.getrandbits(64):x}"
            key = Key(text, fingerprint("POST", "/api/v1/sales", text.encode()))
            request = SaleRequest(random.choice(stand.cards)[0], 100_000, 10, receipt=text)
            await service.sell(db, stand.who, request, key, datetime.now(UTC))
        return await busy(sale)


if __name__ == "__main__":
    sys.exit(main())
