"""`kill -9` while eight tills sell: no acknowledged sale is lost and no half one stays (goal F1; nightly runs 500 cycles)."""
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app.db import open_database
from app.ledger import sealing
from app.ledger.verify import verify
from tests.flows import till_process
from tests.money import NOON, add_card, make_bed

CYCLES = {"sqlite": int(os.environ.get("TESSERA_KILL_CYCLES", "20")), "postgresql": 3}


def kill_while_it_sells(url: str, journal: Path, business: int, cards: list[int], after_seconds: float) -> None:
    """Start a till, wait for its first answer, and kill it a moment later."""
    told = journal.read_text().count("ack") if journal.exists() else 0
    child = subprocess.Popen([sys.executable, "-m", "tests.flows.till_process", url, str(journal), str(business), *map(str, cards)])
    waiting = threading.Event()
    for _ in range(3000):
        if journal.exists() and journal.read_text().count("ack") > told:
            break
        assert child.poll() is None, "the till ended by itself"
        waiting.wait(0.01)
    waiting.wait(after_seconds)
    child.send_signal(signal.SIGKILL)
    child.wait()


def read(journal: Path) -> tuple[set[str], dict[str, int]]:
    """Keys that were tried, and the operation that was acknowledged for each of those that were."""
    tried, told = set(), {}
    for line in journal.read_text().splitlines():
        word, key, *operation = line.split()
        if word == "try":
            tried.add(key)
        else:
            told[key] = int(operation[0])
    return tried, told


@pytest.mark.goal("F1")
async def test_a_killed_server_loses_no_acknowledged_sale_and_keeps_no_half_one(database_url, tmp_path):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance, journal = random.Random(seed), tmp_path / "journal"
    async with open_database(database_url) as db:
        bed = await make_bed(db)
        cards = [bed.card_id] + [(await add_card(db, bed.business_id, bed.program_id))[1] for _ in range(5)]
        engine = db.engine
    settled: set[str] = set()
    for _ in range(CYCLES[engine]):
        kill_while_it_sells(database_url, journal, bed.business_id, cards, chance.uniform(0.02, 0.25))
        settled = await check(database_url, bed, cards, journal, settled)


async def check(url: str, bed, cards: list[int], journal: Path, settled: set[str]) -> set[str]:
    """Everything told is there once; what was under way is done once when it is repeated; the ledger agrees with itself."""
    tried, told = read(journal)
    async with open_database(url) as db:
        if db.engine == "sqlite":
            assert await db.fetch_val("PRAGMA integrity_check") == "ok"
        kept = {row["key"]: row["answer"] for row in await db.fetch_all("SELECT key, answer FROM idempotency_keys")}
        assert None not in kept.values()
        assert told.keys() <= kept.keys() <= tried
        for key in tried - settled:
            outcome = await till_process.sell(db, bed.business_id, cards, key)
            assert outcome.is_replay == (key in kept)
            assert outcome.operation.id == told.get(key, outcome.operation.id)
            assert outcome.operation.receipt == key
        assert await db.fetch_val("SELECT COUNT(*) FROM operations WHERE kind = 'sale'") == len(tried)
        await sealing.seal_pending(db)
        assert await verify(db, NOON) == []
    return tried
