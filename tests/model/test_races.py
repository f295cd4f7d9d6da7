"""Tills that race for one account, and for what there is only so much of, on both engines: invariants 1 to 5 hold after (goals M4, M6)."""
import asyncio
import random

import msgspec
import pytest

from app.benefits import service as benefits
from app.benefits.rules import RewardWish
from app.errors import TesseraError
from app.idempotency.rules import Key
from app.ledger import sealing
from app.ledger import service as ledger
from app.ledger.verify import verify
from app.programs.terms import Caps, Earn, Rule, Said, When
from app.sales import claims, happenings, merging, service
from app.sales.service import RefundRequest, SaleRequest
from tests.benefits.giving import add_batch
from tests.money import NOON, RULES, add_card, make_bed

SEEDS = range(3)


async def at_once(*works):
    """All of them together; gives what each answered, a refusal as its code."""
    async def one(work):
        try:
            return await work
        except TesseraError as refused:
            return refused.code

    return await asyncio.gather(*(one(work) for work in works))


def mug(cost, stock):
    return RewardWish("mug", "text", Said("Mug"), unit="points", cost=cost, stock=stock)


def key(number):
    return Key(f"race-{number}", b"r" * 32)


async def agreed(db, bed):
    """Balances are the sums of entries and of lots, entries sum to zero, and the chain is whole."""
    await sealing.seal_pending(db)
    assert await verify(db, NOON) == []
    assert await db.fetch_all("SELECT operation_id FROM entries WHERE business_id = :id GROUP BY operation_id, unit "
                              "HAVING SUM(amount) <> 0", {"id": bed.business_id}) == []


async def balance(db, account_id):
    return (await ledger.balances(db, account_id)).get("points", 0)


@pytest.mark.goal("M4")
@pytest.mark.parametrize("seed", SEEDS)
async def test_sales_refunds_claims_and_repeats_on_one_account_at_once_leave_what_some_order_of_them_leaves(db, seed):
    bed, dice = await make_bed(db, rules=msgspec.structs.replace(RULES, largest_share_bp=10_000)), random.Random(seed)
    await benefits.create_reward(db, bed.manager, bed.program_id, mug(30, 3), NOON)
    old = [(await service.sell(db, bed.key, SaleRequest(bed.card_id, 40_000), key(f"old-{number}"), NOON)).operation for number in range(4)]
    works = [lambda n=n: service.sell(db, bed.key, SaleRequest(bed.card_id, 10_000, 20), key(n // 2), NOON) for n in range(8)]
    works += [lambda n=n: service.refund(db, bed.manager, RefundRequest(old[n % 4].id, 25_000), key(f"back-{n}"), NOON) for n in range(8)]
    works += [lambda n=n: claims.claim(db, bed.key, bed.card_id, "mug", key(f"mug-{n}"), NOON) for n in range(5)]
    dice.shuffle(works)
    told = await at_once(*[work() for work in works])
    done = {answer.operation.id: answer.operation for answer in told if not isinstance(answer, str)}
    assert sum(one.kind == "refund" for one in done.values()) == 4, "of each sale one refund of more than its half"
    assert sum(one.kind == "sale" for one in done.values()) <= 4, "two requests of one key are one sale"
    assert sum(one.kind == "claim" for one in done.values()) <= 3, "as many mugs as there are"
    total = 4 * 20 + sum(change.amount for one in done.values() for change in one.changes if change.unit == "points")
    assert await balance(db, bed.account_id) == total
    await agreed(db, bed)


@pytest.mark.goal("M6")
@pytest.mark.parametrize("seed", SEEDS)
async def test_merges_amid_sales_and_refunds_lose_no_point_and_count_none_twice(db, seed):
    bed, dice = await make_bed(db), random.Random(seed)
    other_account, other = await add_card(db, bed.business_id, bed.program_id)
    cards = (bed.card_id, other)
    sold = [(await service.sell(db, bed.key, SaleRequest(card, 40_000), None, NOON)).operation for card in cards * 2]
    works = [lambda card=card: service.sell(db, bed.key, SaleRequest(card, 10_000, 2), None, NOON) for card in cards * 3]
    works += [lambda one=one: service.refund(db, bed.manager, RefundRequest(one.id, 20_000), None, NOON) for one in sold]
    works += [lambda: merging.merge(db, bed.manager, bed.card_id, other, None, NOON),
              lambda: merging.merge(db, bed.manager, other, bed.card_id, None, NOON)]
    dice.shuffle(works)
    told = await at_once(*[work() for work in works])
    done = [answer.operation for answer in told if not isinstance(answer, str)]
    assert sum(one.kind == "merge_in" for one in done) == 1
    gained = 4 * 20 + sum(change.amount for one in done if one.kind != "merge_in" for change in one.changes)
    assert await balance(db, bed.account_id) + await balance(db, other_account) == gained
    assert 0 in (await balance(db, bed.account_id), await balance(db, other_account))
    await agreed(db, bed)


async def test_a_campaign_s_cap_promo_codes_and_the_last_pieces_hold_against_ten_shoppers_at_once(db):
    rules = msgspec.structs.replace(RULES, rules=(
        Rule("gift", Said("gift"), Earn(10), caps=Caps(campaign=35)),
        Rule("review", Said("review"), Earn(7), When(event="review"), caps=Caps(campaign=20))))
    bed = await make_bed(db, rules=rules)
    shoppers = [await add_card(db, bed.business_id, bed.program_id) for _ in range(10)]
    await benefits.create_reward(db, bed.manager, bed.program_id, mug(1, 2), NOON)
    await at_once(*[service.sell(db, bed.key, SaleRequest(card, 10_000), None, NOON) for _, card in shoppers])
    await at_once(*[happenings.happen(db, bed.key, card, "review", 1, f"r-{card}", None, NOON) for _, card in shoppers])
    mugs = await at_once(*[claims.claim(db, bed.key, card, "mug", None, NOON) for _, card in shoppers])
    await add_batch(bed, "SUMMER", reward=None, uses=3, total=4)
    coded = await at_once(*[service.sell(db, bed.key, SaleRequest(card, 1_000, promo_code="summer"), None, NOON) for _, card in shoppers])
    given = {row["rule"]: int(row["n"]) for row in await db.fetch_all("SELECT rule, SUM(amount) AS n FROM rule_uses GROUP BY rule", {})}
    assert 0 < given["gift"] <= 35
    assert 0 < given["review"] <= 20
    assert sum(not isinstance(answer, str) for answer in mugs) <= 2
    assert sum(not isinstance(answer, str) for answer in coded) == await db.fetch_val("SELECT COUNT(*) FROM promo_uses") <= 3
    assert await db.fetch_val("SELECT stock FROM rewards WHERE key = 'mug'") >= 0
    lots = {row["rule"]: int(row["n"]) for row in await db.fetch_all(
        "SELECT rule, SUM(granted) AS n FROM lots WHERE rule IS NOT NULL GROUP BY rule", {})}
    assert lots == given, "what the caps counted is what was given"
    await agreed(db, bed)
