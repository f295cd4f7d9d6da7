"""A clock that is set back by an hour, set ahead by a day, walks minute by minute, or crosses a change of summer time (goal F9).

Order is the sequence of commits and never the clock; a life ends at the moment that was written down when it began.
"""
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from app.benefits.rules import VoucherEnded
from app.clock import FixedClock, to_ms
from app.db import write_transaction
from app.ledger import sealing
from app.ledger import service as ledger
from app.ledger.verify import verify
from app.programs.terms import Membership, Plan, Said
from app.sales import purchases, service
from app.sales.service import RefundRequest, SaleRequest
from app.secrets import new_secret
from app.staff import rules as staff_rules
from app.staff import service as staff
from app.updates import service as updates
from tests.benefits.giving import add_reward, give, use
from tests.money import NOON, RULES, make_bed

pytestmark = pytest.mark.goal("F9")

HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
JUMPS = [-HOUR, DAY, -HOUR, *[MINUTE] * 5, DAY, -HOUR]
MOMENT = timedelta(milliseconds=1)
LASTING = msgspec.structs.replace(RULES, lot_days=3)
CLUB = msgspec.structs.replace(LASTING, membership=Membership((Plan("days", Said("days"), 3, 1_000),)))
# (zone, a noon before the clocks change, the end of a life of three days)
CHANGES = [
    ("Europe/Berlin", datetime(2026, 10, 23, 10, tzinfo=UTC), datetime(2026, 10, 26, 23, tzinfo=UTC)),      # a day of 25 hours
    ("Europe/Berlin", datetime(2027, 3, 26, 11, tzinfo=UTC), datetime(2027, 3, 29, 22, tzinfo=UTC)),        # one of 23
    ("Africa/Cairo", datetime(2026, 4, 20, 10, tzinfo=UTC), datetime(2026, 4, 23, 22, tzinfo=UTC)),         # the midnight itself is skipped
]


async def number_and_read(db, seen):
    """What a device reads on from its tag; gives the new tag."""
    await updates.number_pending(db)
    return [*seen, *[update.number for update in await updates.since(db, seen[-1] if seen else 0, 100)]]


async def test_the_ledger_s_order_is_that_of_its_sequence_and_update_tags_neither_go_back_nor_skip_one(db):
    bed, clock, done, tags = await make_bed(db, rules=LASTING), FixedClock(NOON), [], []
    for jump in JUMPS:
        sold = (await service.sell(db, bed.key, SaleRequest(bed.card_id, 40_000), None, clock.now())).operation
        clock.advance(seconds=jump.total_seconds())
        await ledger.expire_due(db, clock.now())
        tags = await number_and_read(db, tags)
        back = (await service.refund(db, bed.manager, RefundRequest(sold.id, 10_000), None, clock.now())).operation
        tags = await number_and_read(db, tags)
        done += [sold.id, back.id]
    await sealing.seal_pending(db)
    assert await verify(db, clock.now()) == []
    chain = await db.fetch_all("SELECT seq, operation_id FROM chain WHERE business_id = :id ORDER BY seq", {"id": bed.business_id})
    assert [row["seq"] for row in chain] == list(range(1, len(chain) + 1))
    assert [row["operation_id"] for row in chain if row["operation_id"] in done] == done
    assert tags == list(range(1, len(tags) + 1))
    assert len(tags) >= len(done)


@pytest.mark.parametrize(("zone", "noon", "end"), CHANGES)
async def test_points_memberships_and_vouchers_end_at_the_local_midnight_also_where_the_clocks_change(sqlite_db, zone, noon, end):
    bed = await make_bed(sqlite_db, rules=CLUB, zone=zone)
    await add_reward(bed)
    await purchases.buy_plan(sqlite_db, bed.key, bed.card_id, "days", None, noon)
    await service.sell(sqlite_db, bed.key, SaleRequest(bed.card_id, 100_000), None, noon)
    voucher = await give(bed, "coffee", now=noon, days=3)
    for now, lives in ((end - MOMENT, True), (end, False), (end + DAY, False)):
        assert (await ledger.purse_of(sqlite_db, bed.account_id, now, now)).spendable == (50 if lives else 0)
        assert await ledger.alive(sqlite_db, bed.account_id, "membership", now) == lives
    with pytest.raises(VoucherEnded):
        await use(bed, voucher, now=end)
    await use(bed, voucher, now=end - MOMENT)


async def test_what_ended_and_was_taken_does_not_come_back_when_the_clock_is_set_back(sqlite_db):
    bed = await make_bed(sqlite_db, rules=LASTING, zone="UTC")
    end = datetime(2026, 11, 26, tzinfo=UTC)
    await service.sell(sqlite_db, bed.key, SaleRequest(bed.card_id, 100_000), None, NOON)
    await ledger.expire_due(sqlite_db, end)
    assert (await ledger.purse_of(sqlite_db, bed.account_id, end - HOUR, end - HOUR)).spendable == 0
    await ledger.expire_due(sqlite_db, end - HOUR)
    await ledger.expire_due(sqlite_db, end)
    assert await sqlite_db.fetch_val("SELECT COUNT(*) FROM operations WHERE kind = 'expiry'") == 1


async def test_a_clock_that_walks_by_minutes_ends_points_in_the_minute_of_their_midnight_and_once(sqlite_db):
    bed, end = await make_bed(sqlite_db, rules=LASTING, zone="Europe/Berlin"), datetime(2026, 11, 25, 23, tzinfo=UTC)
    await service.sell(sqlite_db, bed.key, SaleRequest(bed.card_id, 100_000), None, NOON)
    took = [await ledger.expire_due(sqlite_db, end + minute * MINUTE) for minute in range(-30, 30)]
    assert took == [0] * 30 + [1] + [0] * 29


async def invited(db, ring, bed, now):
    """The token of a one-time link that is made now."""
    token = new_secret()

    async def act(tx):
        number = await staff.create_staff(tx, ring, bed.business_id, email="olga@example.com", name="Olga", role="manager", now=now,
                                          password_hash=None)
        await staff.create_link(tx, ring, bed.business_id, number, token, now)

    await write_transaction(db, act)
    return token


@pytest.mark.parametrize("jumps", [[], [DAY], [-HOUR, DAY], [HOUR, -HOUR]])
async def test_a_link_never_works_after_the_moment_that_was_written_with_it(sqlite_db, ring, jumps):
    bed, clock = await make_bed(sqlite_db), FixedClock(NOON)
    token = await invited(sqlite_db, ring, bed, NOON)
    end = NOON + timedelta(seconds=staff_rules.LINK_SECONDS)
    for jump in jumps:
        clock.advance(seconds=jump.total_seconds())
        assert (await staff.peek_link(sqlite_db, ring, token, clock.now()))[0] == "Olga"
    clock.advance(seconds=(end - clock.now() - 5 * MINUTE).total_seconds())
    heard = []
    for _ in range(10):
        try:
            heard.append((await staff.peek_link(sqlite_db, ring, token, clock.now()))[0])
        except staff.LinkGone:
            heard.append(None)
        clock.advance(minutes=1)
    assert heard == ["Olga"] * 5 + [None] * 5
    with pytest.raises(staff.LinkGone):
        await staff.use_link(sqlite_db, ring, token, "three calm words", clock.now())


@pytest.mark.parametrize("kind", ["till", "console"])
def test_a_session_stands_neither_past_its_life_nor_idle_nor_before_it_began(kind):
    begun, life = to_ms(NOON), staff_rules.LIFE_SECONDS[kind] * 1000
    minutes = range(0, 26 * 60)
    stands = [staff_rules.is_live(begun, begun + minute * 60_000, begun + life, begun + minute * 60_000, kind) for minute in minutes]
    assert stands.count(True) == life // 60_000
    assert stands == sorted(stands, reverse=True), "one that ended never stands again"
    assert not staff_rules.is_live(begun, begun, begun + life, to_ms(NOON + DAY), kind)
    assert not staff_rules.is_live(begun, begun, begun + life, to_ms(NOON - HOUR), kind)
