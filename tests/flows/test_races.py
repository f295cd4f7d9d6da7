"""Many tills at once: what must happen once happens once, on both engines."""
import asyncio
from datetime import timedelta

import pytest

from app.cards.rules import CardEnded
from app.errors import Refused
from app.idempotency.rules import Key, KeyReused, fingerprint
from app.ledger import sealing
from app.ledger import service as ledger
from app.ledger.rules import NotEnoughPoints
from app.ledger.verify import verify
from app.sales import service
from app.sales.service import RefundRequest, SaleRequest
from tests.money import NOON, RULES, add_card, make_bed

BODY = b'{"card":"crd_1","amount":10000}'
KEY = Key("purchase-1", fingerprint("POST", "/api/v1/sales", BODY))


@pytest.fixture
async def bed(db):
    made = await make_bed(db, rules=RULES)
    yield made
    await sealing.seal_pending(db)
    assert await verify(db, NOON) == []


async def sell(db, bed, amount=10_000, redeem=0, key=None, now=NOON, who=None, receipt=None):
    return await service.sell(db, who or bed.key, SaleRequest(bed.card_id, amount, redeem, receipt), key, now)


async def give(db, bed, points):
    await service.adjust(db, bed.manager, bed.card_id, "points", points, "opening balance", None, NOON)


async def count(db, table="operations"):
    return await db.fetch_val(f"SELECT COUNT(*) FROM {table}")


@pytest.mark.goal("M3")
async def test_fifty_concurrent_requests_with_one_key_make_one_effect(db, bed):
    outcomes = await asyncio.gather(*[sell(db, bed, key=KEY) for _ in range(50)])
    assert await count(db) == 1
    assert len({outcome.operation.id for outcome in outcomes}) == 1
    assert sum(not outcome.is_replay for outcome in outcomes) == 1
    assert {outcome.operation.balances["points"] for outcome in outcomes} == {5}


@pytest.mark.goal("M3")
async def test_a_key_means_one_request_of_one_business_for_thirty_days(db, bed):
    first = await sell(db, bed, key=KEY)
    with pytest.raises(KeyReused):
        await sell(db, bed, 20_000, key=Key(KEY.text, fingerprint("POST", "/api/v1/sales", b"{}")))
    other = await make_bed(db, "leaf", RULES)
    assert (await sell(db, other, key=KEY)).is_replay is False
    again = await sell(db, bed, key=KEY, now=NOON + timedelta(hours=25))
    assert (again.is_replay, again.operation.id) == (True, first.operation.id)
    assert await count(db) == 2


@pytest.mark.goal("M3")
async def test_a_request_that_failed_after_claiming_its_key_is_done_once_when_it_is_repeated(db, bed, monkeypatch):
    async def fails(*_args, **_kwargs):
        raise ConnectionResetError
    with monkeypatch.context() as patched:
        patched.setattr("app.updates.service.emit", fails)
        with pytest.raises(ConnectionResetError):
            await sell(db, bed, key=KEY)
    assert [await count(db, table) for table in ("operations", "idempotency_keys", "lots", "entries")] == [0, 0, 0, 0]
    outcomes = await asyncio.gather(*[sell(db, bed, key=KEY) for _ in range(3)])
    assert await count(db) == 1 and len({outcome.operation.id for outcome in outcomes}) == 1


@pytest.mark.goal("M4")
async def test_a_hundred_tills_racing_for_a_hundred_points_get_ten_each_ten_times(db, bed):
    await give(db, bed, 100)
    outcomes = await asyncio.gather(*[sell(db, bed, 2_000, 10, Key(f"k{n}", b"f" * 32)) for n in range(100)], return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, NotEnoughPoints)]
    done = [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
    assert (len(done), len(refused)) == (10, 90)
    assert await ledger.balances(db, bed.account_id) == {"points": 0}
    assert await count(db, "idempotency_keys") == 10


async def test_two_tills_with_one_receipt_credit_it_once(db, bed):
    outcomes = await asyncio.gather(*[sell(db, bed, receipt="A-1", key=Key(f"k{n}", b"f" * 32)) for n in range(20)], return_exceptions=True)
    assert sum(isinstance(outcome, Refused) for outcome in outcomes) == 19
    assert await count(db) == 1


@pytest.mark.goal("M5")
async def test_a_sale_is_taken_back_once_however_many_ask(db, bed):
    sale = (await sell(db, bed, 100_000)).operation
    asks = [service.undo(db, bed.manager, sale.id, None, NOON) for _ in range(10)]
    asks += [service.refund(db, bed.manager, RefundRequest(sale.id, 60_000), None, NOON) for _ in range(10)]
    outcomes = await asyncio.gather(*asks, return_exceptions=True)
    assert sum(not isinstance(outcome, Exception) for outcome in outcomes) == 1
    assert all(isinstance(outcome, Refused) for outcome in outcomes if isinstance(outcome, Exception))


async def test_expiry_and_a_sale_never_both_take_the_same_points(db, bed):
    await give(db, bed, 100)
    later = NOON + timedelta(days=400)
    outcomes = await asyncio.gather(ledger.expire_due(db, later), *[sell(db, bed, 10_000, 10, now=later) for _ in range(5)],
                                    ledger.expire_due(db, later), return_exceptions=True)
    assert sum(isinstance(outcome, NotEnoughPoints) for outcome in outcomes) == 5
    assert await ledger.balances(db, bed.account_id) == {"points": 0}
    assert await db.fetch_val("SELECT COUNT(*) FROM operations WHERE kind = 'expiry'") == 1


async def test_a_card_that_ends_while_a_sale_waits_for_its_account_takes_none(db, bed):
    """PostgreSQL: the sale read the card before the lock, and must look again after it."""
    async def end():
        async def act(tx):
            await ledger.lock(tx, bed.business_id, [bed.account_id])
            await tx.execute("UPDATE cards SET status = 'expired' WHERE id = :id", {"id": bed.card_id})
        from app.db import write_transaction
        await write_transaction(db, act)
    outcomes = await asyncio.gather(end(), *[sell(db, bed) for _ in range(10)], return_exceptions=True)
    kept = await count(db)
    assert sum(isinstance(outcome, CardEnded) for outcome in outcomes) == 10 - kept


async def test_sales_of_many_cards_at_once_are_all_kept_and_sealed(db, bed):
    cards = [await add_card(db, bed.business_id, bed.program_id) for _ in range(20)]
    await asyncio.gather(*[service.sell(db, bed.key, SaleRequest(card, 10_000), None, NOON) for _, card in cards * 3])
    await sealing.seal_pending(db)
    assert await count(db) == await count(db, "chain") == 60
