"""Sales of every kind of programme, through the services."""
import asyncio
from datetime import timedelta

import msgspec
import pytest

from app.benefits.rules import LevelNeeded, OutOfStock, VoucherElsewhere, VoucherUsed
from app.cards import service as cards
from app.cards.rules import CardProvisional
from app.errors import Invalid, NotFound
from app.ledger import service as ledger
from app.ledger.rules import NotEnoughPoints
from app.programs import service as programs
from app.programs import terms
from app.programs.terms import Said
from app.sales import case, service
from app.sales.rules import ConfirmationNeeded, OwnCard, SaleRequest
from app.standing import service as standings
from app.standing.uses import CampaignUsedUp
from app.web.principal import Principal
from tests.money import NOON, RULES, add_card
from tests.sales.conftest import make_till, refused

STAMPS = msgspec.structs.replace(RULES, earn_points=0, stamps=terms.Stamps(terms.Conversion(3, ("coffee",)), by="item", skus=("cup",)))
LEVELS = msgspec.structs.replace(RULES, levels=terms.Levels((
    terms.Level("bronze", Said("Bronze"), 0), terms.Level("gold", Said("Gold"), 100_000, earn_points=10))))


def cups(number, price=1_000):
    return [{"sku": "cup", "quantity": number, "amount": number * price}]


def changed(**what):
    return msgspec.structs.replace(RULES, **what)


async def test_cashback_is_earned_and_spent_in_money(open_till):
    till = await open_till(changed(unit="money", earn_points=500, earn_per_minor=10_000, worth_minor=1))
    first = await till.sell(100_000)
    assert (first.balances, first.gained("earned", unit="money")) == ({"money": 5_000}, 5_000)
    second = await till.sell(20_000, 5_000)
    assert (second.to_pay_minor, second.balances) == (15_000, {"money": 750})


async def test_pending_points_pay_for_nothing_until_their_days_are_over(open_till):
    till = await open_till(changed(pending_days=14))
    sale = await till.sell(100_000)
    shown = await ledger.shown(till.db, till.bed.account_id, till.now)
    assert (sale.balances, shown.available, shown.pending) == ({"points": 50}, {"points": 0}, {"points": 50})
    await refused(till, NotEnoughPoints, till.sell(10_000, 1))
    till.later(days=15)
    assert (await till.sell(10_000, 50)).gained("redeemed") == -50


async def test_points_that_burn_down_end_in_parts(open_till):
    till = await open_till(changed(fades=(terms.Fade(7, 5_000), terms.Fade(14, 5_000))))
    await till.sell(200_000)
    for days, left in ((6, 100), (2, 50), (7, 0)):
        till.later(days=days)
        await ledger.expire_due(till.db, till.now)
        assert await till.balance() == left


async def test_points_live_from_the_last_activity_on(open_till):
    till = await open_till(changed(lot_days=30, lot_end="activity"))
    await till.sell(100_000)
    till.later(days=25)
    await till.sell(10_000)
    till.later(days=25)
    await ledger.expire_due(till.db, till.now)
    assert await till.balance() == 55
    till.later(days=10)
    await ledger.expire_due(till.db, till.now)
    assert await till.balance() == 0


async def test_a_full_stamp_card_becomes_a_voucher_and_the_rest_stays(open_till):
    till = await open_till(STAMPS)
    await till.reward()
    assert (await till.sell(2_000, lines=cups(2))).balances == {"points": 0, "stamps": 2}
    sale = await till.sell(5_000, lines=cups(5))
    assert (sale.balances["stamps"], [voucher.issued_by for voucher in await till.vouchers()]) == (1, [sale.id, sale.id])
    assert sale.texts["vouchers"]["issued"] == [["conversion:stamps", ["coffee"]]] * 2
    assert [(change.unit, change.amount, change.why) for change in sale.changes] == [("stamps", 5, "earned"), ("stamps", -6, "converted")]


async def test_without_carry_over_the_rest_of_the_card_ends_with_the_voucher(open_till):
    till = await open_till(msgspec.structs.replace(STAMPS, stamps=msgspec.structs.replace(
        STAMPS.stamps, card=terms.Conversion(3, ("coffee",), carry_over=False))))
    await till.reward()
    await till.sell(5_000, lines=cups(5))
    assert await till.balance("stamps") == 0
    assert len(await till.vouchers()) == 1


async def test_stamps_wait_where_their_reward_is_out_of_stock(open_till):
    till = await open_till(STAMPS)
    await till.reward(stock=1)
    assert (await till.sell(6_000, lines=cups(6))).balances["stamps"] == 3
    assert (len(await till.vouchers()), await till.stock()) == (1, 0)


async def test_cashback_becomes_vouchers_at_a_threshold(open_till):
    till = await open_till(changed(convert=terms.Conversion(40, ("coffee",))))
    await till.reward(kind="money_off", value=5_000)
    assert (await till.sell(100_000)).balances == {"points": 10}
    [voucher] = await till.vouchers()
    sale = await till.sell(20_000, vouchers=[(voucher.id, None)])
    assert (sale.discount_minor, sale.to_pay_minor, sale.texts["vouchers"]["used"]) == (5_000, 15_000, [voucher.id])
    assert await till.vouchers() == []


async def test_a_voucher_is_used_once_and_by_its_own_card(open_till):
    till = await open_till(changed(convert=terms.Conversion(40, ("coffee",))))
    await till.reward()
    await till.sell(100_000)
    [voucher] = await till.vouchers()
    _, other = await add_card(till.db, till.bed.business_id, till.bed.program_id)
    await refused(till, VoucherElsewhere, till.sell(1_000, card_id=other, vouchers=[(voucher.id, None)]))
    await refused(till, NotFound, till.sell(1_000, vouchers=[(voucher.id + 99, None)]))
    await till.sell(1_000, vouchers=[(voucher.id, None)])
    await refused(till, VoucherUsed, till.sell(1_000, vouchers=[(voucher.id, None)]))


async def test_two_tills_with_one_voucher_use_it_once(open_till):
    till = await open_till(changed(convert=terms.Conversion(40, ("coffee",))))
    await till.reward()
    await till.sell(100_000)
    [voucher] = await till.vouchers()
    done = await asyncio.gather(*[till.sell(1_000, vouchers=[(voucher.id, None)]) for _ in range(3)], return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["Operation", "VoucherUsed", "VoucherUsed"]


async def test_a_catalogue_reward_is_bought_with_the_purchase_and_its_stock_taken(open_till):
    till = await open_till(changed())
    await till.reward("mug", kind="product", sku="mug", unit="points", cost=30, stock=1)
    await till.adjust(100)
    sale = await till.sell(11_000, 10, catalogue=["mug"], lines=[{"sku": "mug", "amount": 1_000}, {"sku": "tea", "amount": 10_000}])
    assert (sale.discount_minor, sale.spent_minor, sale.balances["points"], await till.stock("mug")) == (1_000, 1_000, 64, 0)
    assert sale.texts["takes"] == {"points": 30}
    await refused(till, OutOfStock, till.sell(11_000, catalogue=["mug"]))
    await till.undo(sale)
    assert (await till.balance(), await till.stock("mug")) == (100, 1)


async def test_two_tills_with_the_last_of_a_reward_sell_it_once(open_till):
    till = await open_till(changed())
    await till.reward("mug", unit="points", cost=30, stock=1)
    _, other = await add_card(till.db, till.bed.business_id, till.bed.program_id)
    await till.adjust(100)
    await service.adjust(till.db, till.bed.manager, other, "points", 100, "a gift", None, till.now)
    done = await asyncio.gather(till.sell(1_000, catalogue=["mug"]), till.sell(1_000, catalogue=["mug"], card_id=other),
                                return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["Operation", "OutOfStock"]
    assert await till.stock("mug") == 0


async def test_levels_rise_with_what_was_spent_and_late_sales_are_judged_by_theirs(open_till):
    till = await open_till(LEVELS)
    first = await till.sell(100_000)
    assert first.gained("earned") == 50
    happened = till.now
    till.later(hours=2)
    assert (await till.sell(10_000)).gained("earned") == 10
    assert (await till.sell(10_000, at=happened - timedelta(hours=1))).gained("earned") == 5
    assert await standings.level_at(till.db, till.bed.account_id, till.now) == "gold"


async def test_a_reward_for_a_higher_level_is_not_sold_to_a_lower_one(open_till):
    till = await open_till(LEVELS)
    await till.reward("mug", unit="points", cost=1, level="gold")
    await till.adjust(10)
    await refused(till, LevelNeeded, till.sell(1_000, catalogue=["mug"]))
    await till.sell(100_000)
    await till.sell(1_000, catalogue=["mug"])


async def test_charity_moves_money_from_the_business_and_never_from_the_card(open_till):
    till = await open_till(changed(charity=terms.Charity(Said("Trees"), a_visit_minor=100, share_bp=100)))
    sale = await till.sell(100_000)
    assert (sale.balances["donated"], sale.to_pay_minor, sale.gained("earned")) == (1_100, 100_000, 50)


async def test_a_gift_that_ran_out_stops_no_sale(open_till):
    gift = terms.Rule("free", Said("Free"), terms.GiveVoucher("coffee"), terms.When(amount_from=1_000), caps=terms.Caps(person=5))
    till = await open_till(changed(rules=(gift,)))
    await till.reward(stock=1)
    first, second = await till.sell(1_000), await till.sell(1_000)
    assert [voucher.issued_by for voucher in await till.vouchers()] == [first.id]
    # What was not given does not count.
    assert [row["operation_id"] for row in await till.db.fetch_all("SELECT operation_id FROM rule_uses")] == [first.id]
    assert second.texts["rules"] == [["free", "voucher", 1]]


async def test_two_tills_with_the_last_gift_of_a_campaign_give_it_once(open_till):
    gift = terms.Rule("hundred", Said("Hundred"), terms.Earn(100), caps=terms.Caps(campaign=100))
    till = await open_till(changed(rules=(gift,)))
    _, other = await add_card(till.db, till.bed.business_id, till.bed.program_id)
    done = await asyncio.gather(till.sell(10_000), till.sell(10_000, card_id=other), return_exceptions=True)
    given = [one for one in done if not isinstance(one, Exception) and one.gained("earned") == 105]
    others = [one for one in done if one not in given]
    # The other till saw that nothing was left, or is told to ring it up again.
    assert len(given) == 1 and all(isinstance(one, CampaignUsedUp) or one.gained("earned") == 5 for one in others)
    assert await till.db.fetch_val("SELECT amount FROM rule_totals") == 100


async def test_a_membership_that_ended_gives_nothing_but_its_discount(open_till):
    till = await open_till(changed(discount_bp=1_000, membership=terms.Membership(
        (terms.Plan("year", Said("Year"), 365, 100_000),), discount_outside_bp=100)))
    sale = await till.sell(10_000)
    assert (sale.discount_minor, sale.gained("earned")) == (100, 0)


@pytest.mark.goal("S7")
async def test_a_redemption_above_the_limit_takes_a_live_confirmation(open_till):
    till = await open_till(changed(confirm_redeem_over=50))
    await till.adjust(100)
    problem = await refused(till, ConfirmationNeeded, till.sell(100_000, 51))
    assert (problem.code, problem.extra) == ("confirmation_needed", {"over": 50})
    await till.sell(100_000, 50)
    await till.adjust(100)
    await till.sell(100_000, 51, confirmed=True)


async def test_a_provisional_card_collects_stamps_and_uses_no_voucher(open_till):
    till = await open_till(STAMPS)
    await till.reward("mug", unit="points", cost=1)
    await till.reward()
    await till.db.execute("UPDATE cards SET status = 'provisional'")
    await till.sell(3_000, lines=cups(3))
    [voucher] = await till.vouchers()
    for wish in ({"vouchers": [(voucher.id, None)]}, {"catalogue": ["mug"]}, {"visits": 1}):
        await refused(till, CardProvisional, till.sell(1_000, **wish))
    await till.db.execute("UPDATE cards SET status = 'active'")
    await till.sell(1_000, vouchers=[(voucher.id, None)])


async def test_nobody_credits_a_card_of_their_own_and_the_attempt_is_on_record(till):
    staff_id = await till.db.fetch_val(
        "INSERT INTO staff(business_id, name, role, email_sealed, email_hash, customer_id, created_at) "
        "VALUES (:business, 'Vera', 'manager', :sealed, :sealed, :customer, 0) RETURNING id",
        {"business": till.bed.business_id, "customer": till.bed.customer_id, "sealed": b"x"})
    vera = Principal(till.bed.business_id, till.bed.business_id, "staff", id=staff_id, name="Vera", role="manager")
    before = (await till.rows())[:6]
    with pytest.raises(OwnCard):
        await till.sell(10_000, who=vera)
    with pytest.raises(OwnCard):
        await till.adjust(10, who=vera)
    assert (await till.rows())[:6] == before
    noted = await till.db.fetch_all("SELECT actor_id, subject_id FROM audit_entries WHERE action = 'card.own_refused'")
    assert [tuple(row) for row in noted] == [(staff_id, till.bed.card_id)] * 2
    await till.sell(10_000, who=till.bed.cashier())


async def test_lines_are_kept_as_they_were_judged(open_till):
    till = await open_till(STAMPS)
    sale = await till.sell(3_500, lines=cups(2))
    assert sale.texts["judged"] == [[2_000, 2_000, {"stamps": 2}], [1_500, 1_500, {}]]
    problem = await refused(till, Invalid, till.sell(1_000, lines=cups(2)))
    assert problem.fields[0][:2] == ("lines", "lines_exceed_amount")


@pytest.mark.parametrize("wish", [{"visits": 101}, {"visits": 1.5}, {"channel": "The Web"}, {"tenders": ["Cash!"]},
                                  {"catalogue": ["a"] * 21}, {"lines": [{"amount": "much"}]}])
async def test_what_no_till_can_mean_is_refused(till, wish):
    await refused(till, Invalid, till.sell(1_000, **wish))


async def test_a_quote_tells_the_standing_and_the_vouchers(open_till):
    till = await open_till(msgspec.structs.replace(STAMPS, levels=LEVELS.levels))
    await till.reward()
    await till.sell(4_000, lines=cups(4))
    quote = await till.quote(1_000)
    assert (quote.standing.level, quote.standing.held["stamps"], [voucher.rewards for voucher in quote.vouchers]) == (
        "bronze", 1, [("coffee",)])


async def test_a_plain_programme_reads_no_more_than_its_lots(sqlite_db):
    till = await make_till(sqlite_db)
    asked = []
    for name in ("fetch_all", "fetch_one", "fetch_val"):
        real = getattr(till.db, name)

        def ask(query, values=None, real=real):
            asked.append(query)
            return real(query, values)
        setattr(till.db, name, ask)
    card = await cards.get_card(till.db, till.bed.business_id, till.bed.card_id)
    await case.read(till.db, till.who, SaleRequest(card.id, 10_000), card, NOON)
    assert len(asked) == 3, asked              # the card, the programme with its rules, the lots with the balances


OFF = terms.Rule("off", Said("Off"), terms.GiveReward("fifth"), terms.When(amount_from=50_000))


async def test_a_reward_that_a_rule_gives_at_once_takes_money_off_and_its_stock_and_goes_back_with_the_sale(open_till):
    till = await open_till(changed(rules=(OFF,)))
    await till.reward("fifth", "discount", value=2_000, stock=1)
    quoted = (await till.quote(100_000)).judgement
    sale = await till.sell(100_000, expect_to_pay=quoted.to_pay)
    assert (sale.discount_minor, sale.to_pay_minor, await till.stock("fifth")) == (20_000, 80_000, 0)
    assert sale.texts["rules"] == [["*reward:fifth", "discount", 20_000], ["off", "reward", 1]]
    [given] = await till.db.fetch_all("SELECT status, issued_by, used_by FROM vouchers")
    assert tuple(given) == ("used", sale.id, sale.id)
    # None is left: quote and sale say the same, and the receipt costs what it costs.
    assert (await till.quote(100_000)).judgement.to_pay == (await till.sell(100_000)).to_pay_minor == 100_000
    await till.refund(sale, 30_000)
    assert await till.stock("fifth") == 0
    last = await till.refund(sale)
    assert (last.pay_back_minor, await till.stock("fifth")) == (50_000, 1)
    assert await till.db.fetch_val("SELECT status FROM vouchers") == "void" and last.texts["vouchers"]["voided"]
    assert (await till.sell(100_000)).to_pay_minor == 80_000


async def test_a_full_card_waits_where_a_rule_gives_the_last_piece_at_once(open_till):
    cups_give = terms.Rule("cups", Said("Cups"), terms.GiveReward("coffee"), terms.When(skus=("cup",)))
    till = await open_till(msgspec.structs.replace(STAMPS, rules=(cups_give,)))
    await till.reward("coffee", "product", sku="cup", stock=1)
    sale = await till.sell(4_000, lines=cups(4))
    assert (sale.to_pay_minor, sale.balances["stamps"], await till.vouchers(), await till.stock()) == (3_000, 3, [], 0)


async def test_of_two_tills_that_give_the_last_piece_at_once_one_is_asked_to_look_again(open_till, monkeypatch):
    till = await open_till(changed(rules=(OFF,)))
    await till.reward("fifth", "discount", value=2_000, stock=1)
    stale = await case.catalogue_of(till.db, await programs.get_program(till.db, till.bed.business_id, till.bed.program_id),
                                    changed(rules=(OFF,)))
    await till.sell(100_000)

    async def as_it_was(*_):
        return stale

    monkeypatch.setattr(case, "catalogue_of", as_it_was)
    await refused(till, OutOfStock, till.sell(100_000))
