import asyncio
import re
from datetime import timedelta

import msgspec
import pytest

from app.clock import local_day, to_ms
from app.db import write_transaction
from app.ledger import operations_store, origins_store, sealing, service
from app.ledger.operations_store import Filter
from app.ledger.rules import NotEnoughPoints
from app.ledger.service import Draft, Receipt, ReceiptUsed
from app.ledger.verify import verify
from app.programs import service as programs
from tests.money import NOON, RULES, make_bed
from tests.plans import steps_of


async def move(db, bed, points, *, at=NOON, now=None, end=None, receipt=None, who=None):
    """Earn (> 0) or spend (< 0) as one operation."""
    now = now or at

    async def act(tx):
        await service.lock(tx, bed.business_id, [bed.account_id])
        purse = await service.purse_of(tx, bed.account_id, at, now)
        if points > 0:
            purse.earn(points, to_ms(end) if end else None)
        else:
            purse.spend(-points)
        draft = Draft("sale", bed.program_id, bed.account_id, bed.card_id, to_ms(at), 1, texts={"receipt": receipt} if receipt else None)
        slip = Receipt(receipt, None, str(local_day(at, "Europe/Moscow")), "sale") if receipt else None
        return await service.post(tx, who or bed.key, draft, purse, now, slip)
    return await write_transaction(db, act)


async def clean(db, now=NOON):
    await sealing.seal_pending(db)
    assert await verify(db, now) == []
    return True


async def test_an_operation_is_written_with_entries_lot_balance_update_and_event(db, bed):
    operation = await move(db, bed, 50, end=NOON + timedelta(days=3))
    entries = await db.fetch_all("SELECT account_id, book, amount, lot_id FROM entries ORDER BY line")
    lot = await db.fetch_one("SELECT id, granted, remaining FROM lots")
    assert [tuple(entry) for entry in entries] == [(bed.account_id, "account", 50, lot["id"]), (None, "issued", -50, None)]
    assert tuple(lot)[1:] == (50, 50)
    assert await service.balances(db, bed.account_id) == operation.balances == {"points": 50}
    assert [(change.amount, change.why, change.expires_at) for change in operation.changes] == [
        (50, "earned", to_ms(NOON + timedelta(days=3)))]
    assert await db.fetch_val("SELECT operation_id FROM events WHERE kind = 'operation.created'") == operation.id
    waiting = "updates" if db.engine == "sqlite" else "update_queue"
    assert await db.fetch_val(f"SELECT card_id FROM {waiting}") == bed.card_id
    assert await clean(db)


async def test_what_is_read_back_equals_what_was_answered(db, bed):
    await move(db, bed, 80, end=NOON + timedelta(days=3))
    answered = await move(db, bed, -30, receipt="A-1")
    await move(db, bed, 5)
    await sealing.seal_pending(db)
    read = await operations_store.find_operation(db, bed.business_id, answered.id)
    assert answered.hash in (None, read.hash) and read.hash is not None
    assert read.balances == answered.balances == {"points": 50}
    assert (read.changes, read.texts, read.at, read.recorded_at) == (answered.changes, answered.texts, answered.at, answered.recorded_at)
    assert read.receipt == "A-1" and read.actor_name == "till 2"
    assert await operations_store.find_operation(db, bed.business_id + 1, answered.id) is None


async def test_pages_of_operations_come_newest_first_and_miss_none(db, bed):
    other = await make_bed(db, "leaf")
    await move(db, other, 1)
    made = [(await move(db, bed, 10, at=NOON + timedelta(minutes=n % 3), now=NOON + timedelta(hours=1))).id for n in range(7)]
    for account in (None, bed.account_id):
        seen, before = [], None
        while page := await operations_store.list_operations(
                db, operations_store.Filter(bed.business_id, account_id=account, before=before), 3):
            seen += page
            before = to_ms(page[-1].at), page[-1].id
        assert sorted(operation.id for operation in seen) == made
        order = [(operation.at, operation.id) if account is None else operation.id for operation in seen]
        assert order == sorted(order, reverse=True)
        assert {operation.id: operation.balances["points"] for operation in seen} == {made[n]: 10 * (n + 1) for n in range(7)}


async def test_operations_are_found_by_receipt_kind_and_time(db, bed):
    first = await move(db, bed, 10, receipt="A-1")
    second = await move(db, bed, 10, at=NOON + timedelta(hours=2), receipt="A-2")

    async def found(**wanted):
        return [operation.id for operation in await operations_store.list_operations(
            db, operations_store.Filter(bed.business_id, **wanted), 10)]
    assert await found(receipt="A-1") == [first.id]
    assert await found(since_ms=to_ms(NOON) + 1) == [second.id]
    assert await found(until_ms=to_ms(second.at)) == [first.id]
    assert await found(kind="sale", location_id=bed.location_id) == []


async def test_a_receipt_counts_once_per_place_and_local_day(db, bed):
    await move(db, bed, 10, receipt="A-1")
    with pytest.raises(ReceiptUsed):
        await move(db, bed, 10, receipt="A-1")
    assert await service.balances(db, bed.account_id) == {"points": 10}
    await move(db, bed, 10, at=NOON + timedelta(days=1), receipt="A-1")
    assert await clean(db)


@pytest.mark.goal("M4")
async def test_a_hundred_concurrent_redemptions_of_ten_from_a_hundred_succeed_exactly_ten_times(db, bed):
    await move(db, bed, 100)
    results = await asyncio.gather(*[move(db, bed, -10) for _ in range(100)], return_exceptions=True)
    assert sum(isinstance(result, NotEnoughPoints) for result in results) == 90
    assert await service.balances(db, bed.account_id) == {"points": 0}
    assert await clean(db)


async def test_ended_points_are_taken_once_whoever_comes_first(db, bed):
    await move(db, bed, 50, end=NOON + timedelta(days=1))
    await move(db, bed, 7, end=NOON + timedelta(days=3))
    later = NOON + timedelta(days=2)
    assert await service.expire_due(db, NOON) == 0
    assert await service.expire_due(db, later) == 1
    assert await service.expire_due(db, later) == 0
    assert await service.balances(db, bed.account_id) == {"points": 7}
    newest = (await operations_store.list_operations(db, operations_store.Filter(bed.business_id), 1))[0]
    assert (newest.kind, newest.gained("expired"), newest.actor_kind, newest.card_id) == ("expiry", -50, "system", bed.card_id)
    assert await clean(db, later)


async def test_expiry_reaches_every_account_in_small_transactions(db, bed):
    beds = [await make_bed(db, f"b{n}") for n in range(25)]
    for one in beds:
        await move(db, one, 5, end=NOON + timedelta(days=1))
    assert await service.expire_due(db, NOON + timedelta(days=2)) == 25


async def test_points_are_not_spendable_after_their_end_though_no_job_ran(db, bed):
    await move(db, bed, 50, end=NOON + timedelta(days=1))
    with pytest.raises(NotEnoughPoints):
        await move(db, bed, -1, at=NOON + timedelta(days=1))


async def test_a_sale_that_arrives_late_spends_points_that_expired_meanwhile_once(db, bed):
    await move(db, bed, 50, end=NOON + timedelta(days=1))
    await service.expire_due(db, NOON + timedelta(days=1))
    now = NOON + timedelta(days=1, hours=2)
    spent = await move(db, bed, -30, at=NOON + timedelta(hours=1), now=now)
    assert [(change.amount, change.why) for change in spent.changes] == [(30, "revived"), (-30, "redeemed")]
    with pytest.raises(NotEnoughPoints):
        await move(db, bed, -21, at=NOON + timedelta(hours=1), now=now)
    await move(db, bed, -20, at=NOON + timedelta(hours=1), now=now)
    assert await service.balances(db, bed.account_id) == {"points": 0}
    assert await clean(db, now)


async def test_welcome_points_are_an_operation_like_any_other(db):
    bed = await make_bed(db, rules=msgspec.structs.replace(RULES, welcome_points=25, lot_days=10))
    program = await programs.get_program(db, bed.business_id, bed.program_id)

    class Card:
        id, account_id = bed.card_id, bed.account_id
    operation = await write_transaction(db, lambda tx: service.welcome(tx, bed.key, program, Card, NOON))
    assert (operation.kind, operation.gained("welcome"), operation.balances) == ("welcome", 25, {"points": 25})
    soon = await service.expiring(db, bed.account_id, NOON)
    assert [(end.amount, end.at.isoformat()) for end in soon] == [(25, "2026-12-02T21:00:00+00:00")]
    returned = await write_transaction(db, lambda tx: service.return_points(tx, bed.key, program, Card, NOON))
    assert (returned.kind, returned.gained("returned"), returned.balances) == ("return", -25, {"points": 0})
    assert await write_transaction(db, lambda tx: service.return_points(tx, bed.key, program, Card, NOON)) is None
    assert await clean(db)


async def test_a_programme_without_welcome_points_writes_nothing(db, bed):
    program = await programs.get_program(db, bed.business_id, bed.program_id)
    assert await write_transaction(db, lambda tx: service.welcome(tx, bed.key, program, None, NOON)) is None


async def test_a_customer_has_one_account_in_a_programme_and_nobody_has_as_many_as_needed(db, bed):
    async def opened(customer):
        return await write_transaction(db, lambda tx: service.open_account(tx, bed.business_id, bed.program_id, customer, NOON))
    assert await opened(bed.customer_id) == bed.account_id
    assert await opened(None) != await opened(None)


@pytest.mark.goal("M2")
@pytest.mark.parametrize("table", ["entries", "operations", "chain"])
async def test_the_ledger_refuses_to_change_or_delete_what_is_written(db, bed, table):
    await move(db, bed, 50)
    await sealing.seal_pending(db)
    before = [tuple(row) for row in await db.fetch_all(f"SELECT * FROM {table}")]
    for statement in (f"UPDATE {table} SET business_id = business_id", f"DELETE FROM {table}"):
        with pytest.raises(Exception, match="append-only"):
            await db.execute(statement)
    assert [tuple(row) for row in await db.fetch_all(f"SELECT * FROM {table}")] == before


@pytest.mark.parametrize("query", [name for name, text in vars(origins_store).items() if isinstance(text, str) and "RECURSIVE" in text
                                   and ("SELECT l.id, l." in text or "SELECT h.origin" in text or "SUM" in text)])
async def test_what_a_refund_looks_up_reads_its_own_lots_and_not_everybodys(sqlite_db, query):
    """SQLite walked all lots in the order of their ids to save itself a sort of three."""
    text = getattr(origins_store, query).format(ids=":id0")
    names = dict.fromkeys(re.findall(r":(\w+)", text), 1)
    plan = [row["detail"] for row in await sqlite_db.fetch_all(f"EXPLAIN QUERY PLAN {text}", names)]
    assert plan and not [line for line in plan if re.match(r"SCAN (l|e|o|lots|entries|operations)\b", line)], plan


async def test_the_operations_of_a_receipt_are_found_by_its_number(sqlite_db):
    steps = await steps_of(sqlite_db, lambda reader: operations_store.list_operations(reader, Filter(1, receipt="A-1", since_ms=1), 50))
    assert "SEARCH o USING INTEGER PRIMARY KEY (rowid=?)" in steps
    assert [step for step in steps if step.startswith("SEARCH receipts USING INDEX receipts_number (business_id=? AND number>?")], steps
