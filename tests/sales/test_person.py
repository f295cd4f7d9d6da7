"""What a sale knows of the person behind the card, through the till: levels, favourites, baskets, caps, segments."""
import asyncio
from datetime import timedelta

import msgspec

from app.ledger.rules import NotEnoughPoints
from app.ledger.verify import verify
from app.programs.terms import Caps, Discount, Earn, Favourite, Level, Levels, Offers, Rule, Said, When
from app.sales.words import hints
from app.segments import service as segments
from app.standing import service as standing
from app.standing.service import CampaignUsedUp
from tests.money import NOON, RULES, add_card
from tests.sales.conftest import refused

LEVELS = Levels((Level("green", Said("Green"), 0), Level("gold", Said("Gold"), 50_000, discount_bp=1_000)))
TEA = {"amount": 10_000, "sku": "tea", "name": "Tea"}
BUN = {"amount": 5_000, "sku": "bun", "name": "Bun"}


async def set_rules(till, **parts):
    await till.change_rules(msgspec.structs.replace(RULES, **parts), NOON - timedelta(days=300))


async def test_a_level_that_a_sale_reaches_counts_from_the_next_one_on_and_a_refund_takes_it(till):
    await set_rules(till, levels=LEVELS)
    first = await till.sell(50_000)
    assert (first.discount_minor, first.texts["level"]) == (0, "green")
    till.later(minutes=1)
    assert (await till.sell(10_000)).discount_minor == 1_000
    late = await till.sell(10_000, at=NOON - timedelta(minutes=1))
    assert late.discount_minor == 0
    await till.refund(first, 40_000)
    till.later(minutes=1)
    assert (await till.sell(10_000)).discount_minor == 0
    reasons = [row.reason for row in await standing.history(till.db, till.bed.business_id, till.bed.account_id)]
    assert reasons == ["lost", "reached"]


async def test_a_chosen_favourite_and_a_basket_of_offers_take_off_their_lines(till):
    await set_rules(till, favourite=Favourite(3_000), offers=Offers(2, 1_000))
    await till.sell(15_000, lines=[TEA, BUN])
    await standing.set_product(till.db, till.bed.manager, "tea", "Tea", None, True, NOON)
    await standing.choose_favourite(till.db, till.who, till.bed.card_id, "tea", NOON)
    assert await standing.renew_offers(till.db, NOON) == 1
    till.later(minutes=1)
    quoted = (await till.quote(15_000, lines=[TEA, BUN])).judgement
    assert [line.discount for line in quoted.lines] == [1_000 + 2_700, 500]       # the offer, then the favourite on what is left
    said = hints(await till.quote(15_000, lines=[TEA, BUN]), "en")
    assert "Offer the favourite product: Tea." in said and any("Tea −10" in each for each in said)


async def test_a_purchase_that_was_undone_is_not_what_the_next_basket_is_made_of(till):
    await set_rules(till, offers=Offers(2, 1_000, new_share_bp=0))
    await till.sell(10_000, lines=[TEA])
    await till.undo(await till.sell(5_000, lines=[BUN]))
    await standing.renew_offers(till.db, NOON)
    offered = {offer.sku: offer.why for offer in await standing.offers_of(till.db, till.bed.account_id, NOON)}
    assert offered == {"tea": "frequent", "bun": "new"}


async def test_tills_that_race_for_the_last_of_a_campaign_never_give_more_than_it_has(till):
    lucky = Rule("lucky", Said("Lucky"), Earn(40), caps=Caps(campaign=100))
    await set_rules(till, earn_points=0, rules=(lucky,))
    cards = [(await add_card(till.db, till.bed.business_id, till.bed.program_id))[1] for _ in range(5)]
    done = await asyncio.gather(*(till.sell(10_000, card_id=card) for card in cards), return_exceptions=True)
    assert {type(one) for one in done if isinstance(one, Exception)} <= {CampaignUsedUp}
    assert await till.db.fetch_val("SELECT CAST(SUM(amount) AS BIGINT) FROM balances WHERE unit = 'points'") <= 100
    for card in cards:
        await till.sell(10_000, card_id=card)
    assert await till.db.fetch_val("SELECT CAST(SUM(amount) AS BIGINT) FROM balances WHERE unit = 'points'") == 100


async def test_a_daily_cap_is_free_again_after_a_refund_and_on_the_next_day(till):
    await set_rules(till, earn_points=0, rules=(Rule("daily", Said("Daily"), Earn(10), caps=Caps(day=10)),))
    sale = await till.sell(10_000)
    assert await till.balance() == 10
    await till.sell(10_000)
    assert await till.balance() == 10
    await till.undo(sale)
    await till.sell(10_000)
    assert await till.balance() == 10
    till.later(days=1)
    await till.sell(10_000)
    assert await till.balance() == 20


async def test_a_segment_has_its_own_terms_and_a_first_purchase_is_one_only_once(till):
    await segments.create(till.db, till.bed.manager, "vips", "VIPs", segments.Filter(tags=("vip",)), NOON)
    await set_rules(till, rules=(Rule("vip", Said("VIP"), Discount(500), When(segments=("vips",))),
                                 Rule("first", Said("First"), Earn(100), When(first_purchase=True))))
    assert (await till.sell(10_000)).discount_minor == 0
    assert await till.balance() == 105
    await segments.tag(till.db, till.bed.manager, till.bed.customer_id, "vip", NOON)
    assert (await till.sell(10_000)).discount_minor == 500
    assert await till.balance() == 105 + 4


async def test_a_refused_sale_moves_no_level_and_fills_no_cap(till):
    await set_rules(till, levels=LEVELS, rules=(Rule("daily", Said("Daily"), Earn(10), caps=Caps(day=10)),))
    await refused(till, NotEnoughPoints, till.sell(50_000, 10**6))
    assert await till.db.fetch_val("SELECT COUNT(*) FROM level_changes") == 0
    assert await till.db.fetch_val("SELECT COUNT(*) FROM rule_uses") == 0
    assert await verify(till.db, till.now) == []
