"""How fast a till finds a card by its barcode over HTTP (V4 of the design): beside an empty route, and in a business of 10,000 cards.

`python -m bench.lookup` runs the server twice as its operator would, with 10,000 and with a million cards, and asks all three in turns
with wrk. The cards that are asked for lie spread over all and have a shopper each, with a name and a phone.
"""
import asyncio
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from app import start
from app.cards.rules import passes_luhn
from app.context import Context
from app.customers import service as customers
from app.db import Transaction, write_transaction
from app.settings import load
from app.staff import service as staff
from app.web.principal import Principal
from bench import sales_server
from bench.ledger_fill import Filled, fill
from bench.lines import Line, printed
from bench.passes_http import empty

SMALL, LARGE, ASKED = 10_000, 1_000_000, 1_000
ROUNDS, SECONDS, CONNECTIONS = 7, 3, 16
EMPTY_BAR, SMALL_BAR = 0.5, 0.9
FIRST_ID = 10_000_000
SCRIPT = """
local codes = {%s}
function init() math.randomseed(os.time()) end
function request()
  return wrk.format("GET", "/api/v1/cards?code=" .. codes[math.random(#codes)], {["Authorization"] = "Bearer %s"})
end
"""


class Shop(NamedTuple):
    environ: dict[str, str]
    key: str
    codes: list[str]


def main() -> int:
    """Prints each figure with its bar; 1 when one falls short."""
    if not shutil.which("wrk"):
        print("V4 is not measured here: wrk is missing")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        return printed(_lines(Path(folder)))


def _lines(folder: Path) -> Iterator[Line]:
    small, large = _shop(folder, SMALL), _shop(folder, LARGE)
    nothing, few, many = [], [], []
    running = sales_server.running
    with empty() as empty_port, running(small.environ, "web") as small_port, running(large.environ, "web") as port:
        for _ in range(ROUNDS):
            nothing.append(_rate(folder, empty_port, None))
            few.append(_rate(folder, small_port, small))
            many.append(_rate(folder, port, large))
    yield ("   an empty Starlette JSON route", f"{statistics.median(nothing):.0f}/s", "", True)
    yield (f"   a card among {SMALL:,} found by its barcode", f"{statistics.median(few):.0f}/s", "", True)
    yield _judged(f"V4 a card among {LARGE:,}, of the empty route's rate", many, nothing, EMPTY_BAR)
    yield _judged(f"V4 a card among {LARGE:,}, of the rate among {SMALL:,}", many, few, SMALL_BAR)


def _judged(what: str, ours: Sequence[float], theirs: Sequence[float], bar: float) -> Line:
    ratio = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
    return (what, f"{ratio:.2f} ({statistics.median(ours):.0f}/s)", f">= {bar:.2f}", ratio >= bar)


def _shop(folder: Path, cards: int) -> Shop:
    """A business of so many cards, and sales of a fifth of them."""
    environ = {"TESSERA_URL": "https://cards.example.com", "TESSERA_LOG": "error", "TESSERA_DATA": str(folder / str(cards))}
    stand = asyncio.run(sales_server.prepare(environ, 100))
    [filled] = fill(str(stand.file), cards, cards // 5, first_id=FIRST_ID)
    return asyncio.run(_opened(environ, filled))


async def _opened(environ: dict[str, str], filled: Filled) -> Shop:
    settings, now = load(environ), datetime.now(UTC)
    all_codes = {card: f"9{card:015d}" for card in range(filled.first_card, filled.first_card + filled.cards)}
    ours = [card for card, code in all_codes.items() if passes_luhn(code)]
    asked = random.Random(1).sample(ours, min(ASKED, len(ours)))
    async with start.opened(settings) as here:
        owner = Principal(filled.business_id, filled.business_id, "staff", None, "Olga", "owner")
        _, key = await staff.create_key(here.db, here.ring, owner, "till", frozenset({"cards:read"}), None, now, per_second=0)
        await write_transaction(here.db, lambda tx: _shoppers(here, tx, filled, asked, now))
    return Shop(environ, key, [all_codes[card] for card in asked])


async def _shoppers(here: Context, tx: Transaction, filled: Filled, cards: list[int], now: datetime) -> None:
    for number, card in enumerate(cards):
        customer = await customers.create(tx, here.ring, filled.business_id, e164=f"+7916{number:07}", name="Анна Осипова", language="ru",
                                          now=now)
        await tx.execute("UPDATE accounts SET customer_id = :customer WHERE id = :account AND business_id = :business",
                         {"customer": customer, "account": card, "business": filled.business_id})


def _rate(folder: Path, port: int, shop: Shop | None) -> float:
    """Answers a second; raises where one was not 200 or found nobody. shop: None for the empty route."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--timeout", "20s"]
    if shop is not None:
        script = folder / "lookup.lua"
        script.write_text(SCRIPT % (",".join(f'"{code}"' for code in shop.codes), shop.key))
        command += ["-s", str(script)]
    told = subprocess.run([*command, f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True).stdout
    rate, read = (re.search(rf"{name}/sec:\s+([\d.]+)(KB|MB)?", told) for name in ("Requests", "Transfer"))
    if rate is None or read is None or "Socket errors" in told or "Non-2xx" in told:
        raise RuntimeError(told)
    # An answer without a card has some hundred bytes, with its headers.
    if shop is not None and float(read[1]) * {"KB": 1e3, "MB": 1e6}.get(read[2], 1) / float(rate[1]) < 800:
        raise RuntimeError(f"cards were not found: {told}")
    return float(rate[1])


if __name__ == "__main__":
    sys.exit(main())
