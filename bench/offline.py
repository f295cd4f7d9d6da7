"""What a till did in an hour without a network, taken in: 500 signed operations in batches of fifty, beside the same sales made online.

`python -m bench.offline`. Both run in one process on one file, one after another and in turns, so that a slow spell hits both alike; the
signatures are made beforehand, as the till made them. Each line is the median of the rounds.
"""
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from app import secrets
from app.cards.rules import Card
from app.clock import SystemClock
from app.context import Context
from app.db import open_database
from app.idempotency.rules import Key, fingerprint
from app.ids import PublicIds
from app.offline.rules import MOST_ITEMS, Item
from app.sales import service as sales
from app.sales.service import SaleRequest
from app.secrets import KeyRing
from app.settings import load
from bench.lines import Line, printed
from tests import engines
from tests.conftest import Shop
from tests.offline import tilling
from tests.offline.tilling import Till
from tests.shops import make_card, make_shop

OPERATIONS, CARDS, ROUNDS = 500, 50, 5
RATIO_BAR, AGAIN_BAR = 0.55, 4.0


def main() -> int:
    """Prints each figure with its bar; 1 when one falls short."""
    with tempfile.TemporaryDirectory() as folder:
        return printed(_lines(asyncio.run(_rates(Path(folder)))))


def _lines(rates: list[tuple[float, float, float]]) -> Iterator[Line]:
    """rates: (online, taken in, taken in once more), operations a second, of each round."""
    online, first, again = (statistics.median(each) for each in zip(*rates, strict=True))
    ratio, repeated = (statistics.median([rate[at] / rate[0] for rate in rates]) for at in (1, 2))
    yield ("   the same sales online, one after another", f"{online:.0f}/s", "", True)
    yield (f"offline: {OPERATIONS} operations taken in", f"{ratio:.2f} of that ({first:.0f}/s, {OPERATIONS / first:.1f} s)",
           f">= {RATIO_BAR:.2f}", ratio >= RATIO_BAR)
    yield ("offline: the same batches once more", f"{repeated:.2f} of that ({again:.0f}/s)", f">= {AGAIN_BAR:.2f}", repeated >= AGAIN_BAR)


async def _rates(folder: Path) -> list[tuple[float, float, float]]:
    settings = load({"TESSERA_DATA": str(folder), "TESSERA_URL": "https://cards.example.com", "TESSERA_SECRET_KEY": secrets.new_key()})
    ring = KeyRing([secrets.new_key()])
    ring.use_lookup_key(b"l" * 32)
    async with open_database(engines.sqlite_url(folder, migrated=True)) as db:
        here = Context(settings, db, ring, PublicIds(b"i" * 32), SystemClock())
        shop = await make_shop(here)
        held = [await make_card(here, shop, phone=f"+7916{number:07d}", points=100) for number in range(CARDS)]
        till = await tilling.pair(here, shop)
        return [await _round(here, shop, held, till) for _ in range(ROUNDS)]


async def _round(here: Context, shop: Shop, held: list[Card], till: Till) -> tuple[float, float, float]:
    began = time.perf_counter()
    for _ in range(OPERATIONS):
        key = Key(secrets.new_token(22), fingerprint("POST", "/till/cards/x", b""))
        await sales.sell(here.db, shop.cashier, SaleRequest(random.choice(held).id, 49_000), key, here.clock.now())
    online = OPERATIONS / (time.perf_counter() - began)
    items = [till.make(here.clock.now(), random.choice(held).code, amount=49_000, to_pay=49_000) for _ in range(OPERATIONS)]
    return online, await _taken_in(till, items, repeated=False), await _taken_in(till, items, repeated=True)


async def _taken_in(till: Till, items: list[Item], *, repeated: bool) -> float:
    """Operations a second."""
    batches = [till.batch(items[at:at + MOST_ITEMS], items[at].counter) for at in range(0, len(items), MOST_ITEMS)]
    began = time.perf_counter()
    for batch in batches:
        answer = await tilling.service.receive(till.here, till.shop.cashier, batch, till.here.clock.now())
        assert all(each.state == "applied" and each.repeated is repeated for each in answer.items)
    return len(items) / (time.perf_counter() - began)


if __name__ == "__main__":
    sys.exit(main())
