"""The services beside an accountant (goal M6), on both engines.

Every push: 208 runs of 50 steps on SQLite, as many of each kind, and 10 of 30 on PostgreSQL. `make nightly` (TESSERA_NIGHTLY): 5,000
of 200, and 200 of 50.
The runs of a push are the same each time, so that what is red is the change's fault; those of the night are new, and a failure prints
how to repeat it.
"""
import asyncio
import itertools
import os
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from app.db import open_database
from app.ledger import sealing
from app.ledger.verify import verify
from tests import engines
from tests.model.machine import START
from tests.model.programmes import KINDS
from tests.model.shop import Shop

MEMORY = Path("/dev/shm")
NIGHTLY = bool(os.environ.get("TESSERA_NIGHTLY"))
_numbers = itertools.count(1)


def bounds(runs, steps):
    return settings(max_examples=runs, stateful_step_count=steps, deadline=None, database=None, print_blob=True, derandomize=not NIGHTLY,
                    suppress_health_check=list(HealthCheck))


class OnSqlite(Shop):
    """Each run has a file of its own; in memory, for what a power cut leaves is not the question here."""

    def begin(self):
        self.folder = Path(tempfile.mkdtemp(prefix="tessera-model-", dir=MEMORY if MEMORY.is_dir() else None))
        self.loop = asyncio.new_event_loop()
        self.db = open_database(engines.sqlite_url(self.folder, migrated=True))
        self.run(self.db.connect())

    def end(self):
        self.run(self.db.disconnect())
        self.loop.close()
        shutil.rmtree(self.folder)


@pytest.mark.goal("M6")
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_books_of_a_programme_of_each_kind_agree_with_the_accountant(kind):
    # Drawn among all, a kind would have 2 runs and another one 30.
    machine = type("Books", (OnSqlite,), {"only": kind})
    run_state_machine_as_test(machine, settings=bounds(5_000 // len(KINDS), 200) if NIGHTLY else bounds(16, 50))


class OnPostgresql(Shop):
    """All runs share a database and a loop; each has a business of its own. What verify finds is asked once, at the end."""

    shared = None

    def begin(self):
        if OnPostgresql.shared is None:
            loop, db = asyncio.new_event_loop(), open_database(engines.new_postgres_url(engines.migrated_postgres()))
            loop.run_until_complete(db.connect())
            OnPostgresql.shared = loop, db
        self.loop, self.db = OnPostgresql.shared

    def slug(self):
        return f"shop-{next(_numbers)}"

    def findings(self):
        return []

    def end(self):
        pass


OnPostgresql.TestCase.settings = bounds(200, 50) if NIGHTLY else bounds(10, 30)


@pytest.mark.goal("M6")
class TestBooksOnPostgresql(OnPostgresql.TestCase):
    @classmethod
    def tearDownClass(cls):
        loop, db = OnPostgresql.shared
        try:
            loop.run_until_complete(sealing.seal_pending(db))
            assert loop.run_until_complete(verify(db, START + timedelta(days=400))) == []
        finally:
            loop.run_until_complete(db.disconnect())
            loop.close()
