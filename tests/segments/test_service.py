"""Segments over real rows, on both engines."""
import dataclasses
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.clock import to_ms
from app.db import Database
from app.errors import Forbidden, Invalid, NotFound
from app.programs.rules import ProgramRules
from app.programs.terms import Level, Levels, Said
from app.segments import service as segments
from app.segments.service import Filter, SegmentTaken
from tests.money import NOON, Bed, add_card, make_bed

RULES = ProgramRules(levels=Levels((Level("green", Said("Green"), 0), Level("gold", Said("Gold"), 1_000))))


@pytest.fixture
async def bed(db: Database) -> Bed:
    """One account with a card; `sold` gives it a past."""
    return await make_bed(db, rules=RULES)


async def sold(bed: Bed, days_ago: float, paid: int = 10_000, kind: str = "sale", of: int | None = None, back: int = 0) -> int:
    at = to_ms(NOON - timedelta(days=days_ago))
    return await bed.db.fetch_val(
        "INSERT INTO operations(business_id, acting_business_id, program_id, account_id, card_id, location_id, kind, of_operation_id, at, "
        "recorded_at, rules_version, amount_minor, to_pay_minor, pay_back_minor, actor_kind) VALUES (:b, :b, :p, :a, :c, :l, :kind, "
        "CAST(:of AS BIGINT), :at, :at, 1, :paid, :paid, :back, 'system') RETURNING id",
        {"b": bed.business_id, "p": bed.program_id, "a": bed.account_id, "c": bed.card_id, "l": bed.location_id, "kind": kind, "of": of,
         "at": at, "paid": paid, "back": back})


async def is_in(bed: Bed, asked: Filter, now: datetime = NOON) -> bool:
    """Whether the bed's account answers; the three ways of asking must agree."""
    found = [member.account_id for member in await segments.members(bed.db, bed.business_id, asked, now)]
    assert await segments.count(bed.db, bed.business_id, asked, now) == len(found)
    return bed.account_id in found


async def row(bed: Bed, query: str, **values: Any) -> Any:
    return await bed.db.fetch_val(query, values)


async def test_recency_counts_days_since_the_last_sale(bed: Bed) -> None:
    assert not await is_in(bed, Filter(last_sale_from=0))
    await sold(bed, 40)
    await sold(bed, 10)
    assert await is_in(bed, Filter(last_sale_from=10, last_sale_to=10))
    assert not await is_in(bed, Filter(last_sale_from=11))
    assert not await is_in(bed, Filter(last_sale_to=9))


async def test_frequency_and_spend_count_within_their_days_and_leave_out_what_was_undone(bed: Bed) -> None:
    await sold(bed, 100, 70_000)
    await sold(bed, 5, 10_000)
    undone = await sold(bed, 4, 20_000)
    assert await is_in(bed, Filter(sales_days=30, sales_from=2, sales_to=2))
    assert await is_in(bed, Filter(sales_days=30, spend_from=30_000, spend_to=30_000))
    await sold(bed, 4, 0, "undo", undone, back=20_000)
    assert await is_in(bed, Filter(sales_days=30, sales_from=1, sales_to=1))
    assert await is_in(bed, Filter(sales_days=30, spend_from=10_000, spend_to=10_000))


async def test_a_refund_lowers_the_spend_of_its_sales_day(bed: Bed) -> None:
    sale = await sold(bed, 40, 10_000)
    await sold(bed, 1, 0, "refund", sale, back=4_000)
    assert await is_in(bed, Filter(sales_days=50, spend_from=6_000, spend_to=6_000))
    assert await is_in(bed, Filter(sales_days=30, spend_to=0))


async def test_no_visit_for_some_days_includes_those_who_never_came_since_joining(bed: Bed) -> None:
    assert await is_in(bed, Filter(no_visit_days=30))
    young, _ = await add_card(bed.db, bed.business_id, bed.program_id, created=NOON - timedelta(days=5))
    found = await segments.members(bed.db, bed.business_id, Filter(no_visit_days=30), NOON)
    assert young not in [member.account_id for member in found]
    await sold(bed, 29)
    assert not await is_in(bed, Filter(no_visit_days=30))


async def test_the_first_level_holds_those_who_never_had_another(bed: Bed) -> None:
    assert await is_in(bed, Filter(levels=("green",)))
    assert not await is_in(bed, Filter(levels=("gold",)))
    await row(bed, "INSERT INTO level_changes(business_id, account_id, level, reason, actor_kind, at) "
                   "VALUES (:b, :a, 'gold', 'reached', 'system', :at) RETURNING id",
              b=bed.business_id, a=bed.account_id, at=to_ms(NOON) - 1)
    assert await is_in(bed, Filter(levels=("gold",)))
    assert not await is_in(bed, Filter(levels=("green",)))


async def test_tags_are_given_and_taken_and_one_of_them_is_enough(bed: Bed) -> None:
    assert await segments.tag(bed.db, bed.manager, bed.customer_id, " VIP ", NOON) == ["vip"]
    assert await segments.tag(bed.db, bed.manager, bed.customer_id, "Друг_дома", NOON) == ["vip", "друг_дома"]
    assert await is_in(bed, Filter(tags=("друг_дома", "press")))
    assert not await is_in(bed, Filter(tags=("vi", "друг-дома")))
    assert await segments.untag(bed.db, bed.manager, bed.customer_id, "vip", NOON) == ["друг_дома"]
    assert await segments.untag(bed.db, bed.manager, bed.customer_id, "vip", NOON) == ["друг_дома"]
    assert await segments.tags_of(bed.db, bed.business_id, bed.customer_id) == ["друг_дома"]
    noted = await bed.db.fetch_all("SELECT action FROM audit_entries ORDER BY id")
    assert [entry[0] for entry in noted] == ["customer.tagged", "customer.tagged", "customer.untagged"]


async def test_a_tag_of_signs_and_another_businesss_customer_are_refused(bed: Bed) -> None:
    other = await make_bed(bed.db, "leaf")
    with pytest.raises(Invalid):
        await segments.tag(bed.db, bed.manager, bed.customer_id, '","', NOON)
    with pytest.raises(NotFound):
        await segments.tag(bed.db, other.manager, bed.customer_id, "vip", NOON)
    assert await segments.tags_of(bed.db, bed.business_id, bed.customer_id) == []


async def test_birthday_consent_balance_location_and_programme_are_asked(bed: Bed) -> None:
    await bed.db.execute("UPDATE customers SET birthday_on = '1996-11-25' WHERE id = :id", {"id": bed.customer_id})
    await bed.db.execute("INSERT INTO balances(account_id, unit, amount) VALUES (:a, 'stamps', 5)", {"a": bed.account_id})
    await sold(bed, 3)
    assert await is_in(bed, Filter(birthday_within=3))
    assert not await is_in(bed, Filter(birthday_within=2))
    assert await is_in(bed, Filter(balance_unit="stamps", balance_from=5))
    assert not await is_in(bed, Filter(balance_from=1))
    assert await is_in(bed, Filter(location=bed.location_id, sales_days=4))
    assert not await is_in(bed, Filter(location=bed.location_id, sales_days=2))
    assert await is_in(bed, Filter(program=bed.program_id, has_pass=False, marketing=False))
    assert not await is_in(bed, Filter(program=bed.program_id, has_pass=True))
    text = await row(bed, "INSERT INTO consent_texts(business_id, purpose, language, version, text, sha256, created_at) "
                          "VALUES (:b, 'marketing', 'ru', 1, 'x', :s, 1) RETURNING id", b=bed.business_id, s=b"s")
    await row(bed, "INSERT INTO consents(business_id, customer_id, consent_text_id, purpose, granted, channel, actor_kind, at) "
                   "VALUES (:b, :c, :t, 'marketing', 1, 'api', 'system', 1) RETURNING id", b=bed.business_id, c=bed.customer_id, t=text)
    assert await is_in(bed, Filter(marketing=True))


async def test_a_card_that_ended_and_a_merged_account_are_in_no_segment(bed: Bed) -> None:
    assert await is_in(bed, Filter(balance_from=0))
    await bed.db.execute("UPDATE cards SET status = 'replaced' WHERE id = :id", {"id": bed.card_id})
    assert not await is_in(bed, Filter(balance_from=0))
    await bed.db.execute("UPDATE cards SET status = 'active' WHERE id = :id", {"id": bed.card_id})
    account, _ = await add_card(bed.db, bed.business_id, bed.program_id)
    await bed.db.execute("UPDATE accounts SET merged_into = :into WHERE id = :id", {"id": bed.account_id, "into": account})
    assert not await is_in(bed, Filter(balance_from=0))


async def test_members_come_in_pages(bed: Bed) -> None:
    for _ in range(3):
        await add_card(bed.db, bed.business_id, bed.program_id)
    asked = Filter(balance_from=0)
    first = await segments.members(bed.db, bed.business_id, asked, NOON, limit=3)
    rest = await segments.members(bed.db, bed.business_id, asked, NOON, after=first[-1].account_id, limit=3)
    assert (len(first), len(rest)) == (3, 1)


async def test_a_sale_learns_in_which_of_its_rules_segments_the_account_is(bed: Bed) -> None:
    await segments.create(bed.db, bed.manager, "regulars", "Regulars", Filter(sales_days=30, sales_from=1), NOON)
    await segments.create(bed.db, bed.manager, "quiet", "Quiet", Filter(no_visit_days=30), NOON)
    await segments.create(bed.db, bed.manager, "green", "Green", Filter(levels=("green",), birthday_within=60, tags=("vip",)), NOON)
    asked = ("green", "quiet", "regulars", "unknown")
    assert await segments.keys_of(bed.db, bed.business_id, bed.account_id, asked, NOON) == {"quiet"}
    await sold(bed, 1)
    await segments.tag(bed.db, bed.manager, bed.customer_id, "vip", NOON)
    await bed.db.execute("UPDATE customers SET birthday_on = '1996-12-01' WHERE id = :id", {"id": bed.customer_id})
    assert await segments.keys_of(bed.db, bed.business_id, bed.account_id, asked, NOON) == {"green", "regulars"}
    await segments.close(bed.db, bed.manager, "regulars", NOON)
    assert await segments.keys_of(bed.db, bed.business_id, bed.account_id, asked, NOON) == {"green"}
    assert await segments.keys_of(bed.db, bed.business_id, bed.account_id, (), NOON) == frozenset()


async def test_segments_are_made_by_managers_once_a_key_and_named_within_their_business(bed: Bed) -> None:
    other = await make_bed(bed.db, "leaf")
    asked = Filter(tags=("vip",))
    with pytest.raises(Forbidden):
        await segments.create(bed.db, bed.cashier(), "vips", "VIPs", asked, NOON)
    with pytest.raises(Invalid) as refused:
        await segments.create(bed.db, bed.manager, "VIPs!", " ", Filter(location=other.location_id, program=other.program_id), NOON)
    assert [error.field for error in refused.value.fields] == ["key", "name", "location", "program"]
    assert await segments.list_segments(bed.db, bed.business_id) == []
    made = await segments.create(bed.db, bed.manager, "vips", "VIPs", asked, NOON)
    with pytest.raises(SegmentTaken):
        await segments.create(bed.db, bed.manager, "vips", "Others", asked, NOON)
    assert await segments.list_segments(bed.db, bed.business_id) == [made]
    assert await segments.keys_of(bed.db, other.business_id, other.account_id, ("vips",), NOON) == frozenset()
    with pytest.raises(NotFound):
        await segments.close(bed.db, other.manager, "vips", NOON)
    await segments.close(bed.db, bed.manager, "vips", NOON)
    assert await segments.list_segments(bed.db, bed.business_id) == []


def test_a_filter_with_a_question_that_there_is_not_is_refused() -> None:
    assert segments.parse('{"tags": ["vip"]}') == Filter(tags=("vip",))
    with pytest.raises(Invalid):
        segments.parse('{"shoe_size": 43}')


async def test_what_was_bought_with_a_card_that_was_merged_into_another_counts_for_that_one(bed: Bed) -> None:
    account, card = await add_card(bed.db, bed.business_id, bed.program_id)
    await sold(dataclasses.replace(bed, account_id=account, card_id=card), 10, 30_000)
    await sold(bed, 5, 20_000)
    asked = Filter(sales_from=2, spend_from=50_000, last_sale_to=20, location=bed.location_id)
    assert not await is_in(bed, asked)
    await bed.db.execute("UPDATE accounts SET merged_into = :into WHERE id = :id", {"into": bed.account_id, "id": account})
    assert await is_in(bed, asked)
    assert await is_in(bed, Filter(sales_to=2, spend_to=50_000)) and not await is_in(bed, Filter(no_visit_days=3, sales_from=3))
