"""What somebody with the database file might do, and that `verify` says so."""
import asyncio
from datetime import timedelta

import pytest

from app.db import open_database
from app.ledger import sealing
from app.ledger.verify import verify
from app.ledger.walk import Range, shares
from tests import engines
from tests.ledger.conftest import tamper
from tests.ledger.test_service import move
from tests.money import NOON, make_bed


@pytest.fixture
async def ledger(db, bed):
    """Three businesses with some operations each; sealed."""
    for one in (bed, await make_bed(db, "leaf"), await make_bed(db, "third")):
        await move(db, one, 50, end=NOON + timedelta(days=9), receipt="A-1")
        await move(db, one, -20, receipt="A-2")
        await move(db, one, 7)
    await sealing.seal_pending(db)
    return db


async def test_an_untouched_ledger_has_nothing_to_find(ledger):
    assert await verify(ledger, NOON) == []


@pytest.mark.goal("M1")
@pytest.mark.parametrize(("statement", "kinds"), [
    ("UPDATE operations SET amount_minor = 1 WHERE id = 5", {"chain"}),
    ("UPDATE operations SET actor_id = NULL WHERE id = 5", {"chain"}),
    ("UPDATE operations SET text_hash = NULL WHERE id = 5", {"chain", "texts"}),
    ("UPDATE entries SET amount = amount + 1 WHERE operation_id = 5 AND line = 1", {"chain", "sum", "lot", "balance"}),
    ("UPDATE entries SET book = 'adjusted' WHERE operation_id = 5 AND line = 2", {"chain"}),
    ("UPDATE chain SET hash = (SELECT hash FROM chain WHERE operation_id = 1) WHERE operation_id = 5", {"chain"}),
    ("UPDATE operation_texts SET content = '{\"receipt\":\"A-9\"}' WHERE operation_id = 5", {"texts"}),
    ("UPDATE lots SET expires_at = expires_at + 1 WHERE operation_id = 4", {"chain"}),
    ("UPDATE lots SET created_at = created_at + 1 WHERE operation_id = 4", {"chain"}),
    ("UPDATE lots SET remaining = remaining + 1 WHERE operation_id = 4", {"lot"}),
    ("UPDATE balances SET amount = amount + 1 WHERE account_id = 2", {"balance"}),
    ("DELETE FROM balances WHERE account_id = 2", {"balance"}),
    ("DELETE FROM entries WHERE operation_id = 5 AND line = 1", {"chain", "sum", "lot", "balance"}),
    ("DELETE FROM chain WHERE operation_id = 5", {"chain", "unsealed"}),
    ("DELETE FROM chain WHERE operation_id = 6", {"unsealed"}),
    ("DELETE FROM operations WHERE id = 5", {"missing", "lot", "balance", "orphan"}),
    ("DELETE FROM operations WHERE id = 6", {"missing", "lot", "balance", "orphan"}),
    ("DELETE FROM operation_texts WHERE operation_id = 5", {"missing"}),
    ("DELETE FROM lots WHERE operation_id = 4", {"lot", "chain"}),
    ("DELETE FROM accounts WHERE id = 2", {"orphan"}),
    ("INSERT INTO lots(id, business_id, account_id, unit, operation_id, granted, remaining, created_at) "
     "SELECT 99, business_id, account_id, unit, operation_id, 5, 0, 0 FROM lots WHERE operation_id = 4", {"orphan"}),
])
async def test_one_changed_or_missing_row_is_found(ledger, statement, kinds):
    await tamper(ledger, statement)
    found = await verify(ledger, NOON + timedelta(hours=1))
    assert {finding.kind for finding in found} == kinds, found
    assert all(finding.is_fault for finding in found)


async def test_an_operation_cut_off_with_all_its_rows_is_missed_by_the_event_that_tells_of_it(ledger):
    await tamper(ledger, "DELETE FROM entries WHERE operation_id = 6", "DELETE FROM chain WHERE operation_id = 6",
                 "DELETE FROM lots WHERE operation_id = 6", "DELETE FROM operation_texts WHERE operation_id = 6",
                 "UPDATE balances SET amount = 30 WHERE account_id = 2", "DELETE FROM operations WHERE id = 6")
    assert [finding.sentence for finding in await verify(ledger, NOON)] == [
        "There is an event that tells of an operation that is gone: 6."]


async def test_every_single_byte_of_an_operation_is_covered(ledger):
    """Each column in turn, so that none is forgotten when the table grows."""
    row = dict(await ledger.fetch_one("SELECT * FROM operations WHERE id = 5"))
    for column in row.keys() - {"id"}:
        changed = "'x'" if isinstance(row[column], str) else "NULL" if column == "text_hash" else f"COALESCE({column}, 0) + 1"
        before = row[column]
        await tamper(ledger, f"UPDATE operations SET {column} = {changed} WHERE id = 5")
        assert await verify(ledger, NOON), column
        await ledger.execute(f"UPDATE operations SET {column} = :before WHERE id = 5", {"before": before})
    assert await verify(ledger, NOON) == []


async def test_texts_that_an_erasure_emptied_are_no_finding(ledger):
    await ledger.execute("UPDATE operation_texts SET salt = NULL, content = NULL WHERE operation_id = 5")
    assert await verify(ledger, NOON) == []


async def test_what_waits_to_be_sealed_is_named_and_is_no_fault(db, bed):
    await move(db, bed, 50)
    found = await verify(db, NOON)
    assert [(finding.kind, finding.is_fault) for finding in found] == ([] if db.engine == "sqlite" else [("unsealed", False)])
    assert await sealing.seal_pending(db) == (0 if db.engine == "sqlite" else 1)
    assert await verify(db, NOON) == []


async def test_sealing_looks_back_for_what_was_left_behind(db, bed):
    for _ in range(3):
        await move(db, bed, 5)
    assert await sealing.seal_pending(db, everything=True) == (0 if db.engine == "sqlite" else 3)
    assert await verify(db, NOON) == []


async def test_on_postgresql_the_runner_seals_what_commits_while_it_runs():
    async with open_database(engines.new_postgres_url(engines.migrated_postgres())) as db:
        bed = await make_bed(db)
        await move(db, bed, 5)
        running = asyncio.create_task(sealing.run_sealing(db))
        try:
            async with asyncio.timeout(10):
                for sealed in (1, 2, 3):
                    while await db.fetch_val("SELECT COUNT(*) FROM chain") < sealed:
                        assert not running.done()
                    await move(db, bed, 5)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        await sealing.seal_pending(db)
        assert await verify(db, NOON) == []


async def test_several_processes_find_what_one_finds(ledger, monkeypatch):
    monkeypatch.setattr("app.ledger.verify.WORTH_A_PROCESS", 0)
    assert await verify(ledger, NOON, workers=2) == []
    await tamper(ledger, "UPDATE operations SET amount_minor = 1 WHERE id = 5",
                 "UPDATE lots SET remaining = remaining + 1 WHERE operation_id = 4",
                 "UPDATE balances SET amount = amount + 1 WHERE account_id = 1")
    assert {finding.kind for finding in await verify(ledger, NOON, workers=2)} == {"chain", "lot", "balance"}


def test_a_ledger_is_shared_out_evenly_and_nothing_is_left_out():
    parts = shares([Range(1, 0, 7), Range(2, 0, 1), Range(3, 0, 12)], 3)
    assert [sum(part.upto - part.after for part in share) for share in parts] == [7, 7, 6]
    assert [(part.business_id, seq) for share in parts for part in share for seq in range(part.after, part.upto)] == [
        (business_id, seq) for business_id, length in ((1, 7), (2, 1), (3, 12)) for seq in range(length)]


async def test_two_rows_that_changed_places_are_found(ledger):
    await tamper(ledger, "UPDATE chain SET operation_id = -4 WHERE operation_id = 4",
                 "UPDATE chain SET operation_id = 4 WHERE operation_id = 5",
                 "UPDATE chain SET operation_id = 5 WHERE operation_id = -4")
    assert [finding.kind for finding in await verify(ledger, NOON)] == ["chain", "chain"]
