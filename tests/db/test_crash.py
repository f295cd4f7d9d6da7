import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.db import open_database
from tests.db.ledger import create, kept


def killed_victim(url: str, after: int) -> set[str]:
    """The entries that a writing process told before `kill -9`, sent once it had told `after` of them."""
    process = subprocess.Popen([sys.executable, "-m", "tests.db.victim", url], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(after)]
    process.send_signal(signal.SIGKILL)
    told += process.communicate()[0].splitlines(keepends=True)
    return {line.decode().strip() for line in told if line.endswith(b"\n")}


@pytest.mark.goal("F1")
async def test_killing_a_process_that_writes_loses_nothing_that_it_told(engine_url: str):
    async with open_database(engine_url) as db:
        await create(db)
    told: set[str] = set()
    for _ in range(5):
        told |= killed_victim(engine_url, random.randrange(50, 400))
        async with open_database(engine_url) as db:
            assert told <= await kept(db)              # and the sums hold: no half transaction
            if db.engine == "sqlite":
                assert await db.fetch_val("PRAGMA integrity_check") == "ok"
