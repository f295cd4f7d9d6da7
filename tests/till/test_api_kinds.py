"""Programmes of every kind through the API: what their cards show, and what their sales say."""
import pytest

from app.benefits import service as benefits
from app.benefits.rules import RewardWish
from app.programs.rules import ProgramRules
from app.programs.terms import (
    Charity,
    Conversion,
    Earn,
    Favourite,
    Gift,
    Level,
    Levels,
    Membership,
    Package,
    Plan,
    Rule,
    Said,
    Stamps,
    Visits,
    When,
)
from tests.shops import make_card, make_shop
from tests.till.calling import Till, on_sqlite, written

pytestmark = on_sqlite

SILVER = Level("silver", Said("Silver", "Серебро"), 100_000, discount_bp=500)
LEVELS = Levels((Level("basic", Said("Basic", "Базовый"), 0), SILVER))


async def test_what_only_the_server_counts_is_never_shown(client, here):
    shop = await make_shop(here, "levels", rules=ProgramRules(earn_points=5, levels=LEVELS, charity=Charity(Said("Fund", "Фонд"), 300)))
    till, card = Till(client, here, shop), await make_card(here, shop)
    answer = await till.post("/sales", {"card": till.id("card", card.id), "amount": 120_000})
    assert answer.status_code == 201, answer.text
    sold = answer.json()
    assert sold["balances"] == {"points": 60, "stamps": 0, "visits": 0, "money": 0, "donated": 300}
    assert [(change["unit"], change["amount"]) for change in sold["changes"]] == [("points", 60), ("donated", 300)]
    seen = (await till.get(f"/cards/{sold['card']}")).json()
    assert (seen["balances"], seen["pending"]) == (sold["balances"], {"points": 0})


async def put(till, path, body):
    return await till.client.put(f"/api/v1{path}", json=body, headers=till.headers)


@pytest.fixture
async def open_shop(client, here):
    """Gives a till and a card of a programme with these rules; rewards: wishes of its catalogue."""
    async def make(rules, *rewards, card=True, slug="corner"):
        shop = await make_shop(here, slug, rules=rules)
        for reward in rewards:
            await benefits.create_reward(here.db, shop.who, shop.program_id, reward, here.clock.now())
        till = Till(client, here, shop)
        return till, till.id("card", (await make_card(here, shop)).id) if card else ""

    return make


def reward(key="coffee", kind="text", **more):
    return RewardWish(key, kind, Said(key.title(), "Кофе"), **more)


async def sold(till, card, amount, **more):
    answer = await till.post("/sales", {"card": card, "amount": amount, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_level_is_told_with_the_card_the_quote_and_the_operation_that_reached_it(open_shop, here):
    till, card = await open_shop(ProgramRules(earn_points=5, levels=LEVELS))
    before = (await till.get(f"/cards/{card}")).json()["tier"]
    assert before == {"name": "Basic", "key": "basic", "discount_bp": 0, "earn": {"points": 5, "per_amount": 10_000}}
    first = await sold(till, card, 100_000)
    assert (first["tier"]["name"], first["discount"]) == ("Silver", 0)
    quote = (await till.post("/sales/quote", {"card": card, "amount": 100_000}, key=None)).json()
    assert (quote["card"]["tier"]["discount_bp"], quote["discount"], quote["to_pay"]) == (500, 5_000, 95_000)
    here.clock.advance(minutes=1)
    back = (await till.post(f"/sales/{first['id']}/refunds", {"rest": True})).json()
    assert back["tier"]["key"] == "basic"
    assert (await till.get(f"/operations/{first['id']}")).json()["tier"]["name"] == "Silver"
    till.headers["Accept-Language"] = "ru"
    assert (await till.get(f"/operations/{first['id']}")).json()["tier"]["name"] == "Серебро"


async def test_a_manager_sets_a_level_with_a_reason_and_an_end(open_shop, here):
    till, card = await open_shop(ProgramRules(earn_points=5, levels=LEVELS))
    wrong = await put(till, f"/cards/{card}/level", {"level": "gold", "reason": "", "until": "2026-11-01T00:00:00Z"})
    assert [each["field"] for each in wrong.json()["errors"]] == ["level", "reason", "until"]
    given = await put(till, f"/cards/{card}/level", {"level": "silver", "reason": "A friend", "until": "2026-12-01T00:00:00Z"})
    assert (given.status_code, given.json()["tier"]["key"]) == (200, "silver")


async def test_money_is_redeemed_in_money_and_waits_apart(open_shop, here):
    till, card = await open_shop(ProgramRules(unit="money", earn_points=500, worth_minor=1, pending_days=14))
    first = await sold(till, card, 100_000)
    assert first["changes"][0]["unit"] == "money"
    seen = (await till.get(f"/cards/{card}")).json()
    assert (seen["balances"]["money"], seen["pending"]) == (0, {"points": 0, "money": 5_000})
    here.clock.advance(days=16)
    quote = (await till.post("/sales/quote", {"card": card, "amount": 10_000, "redeem": {"money": 2_000}}, key=None)).json()
    assert (quote["redeemable"], quote["to_pay"]) == ({"points": 0, "amount": 5_000, "money": 5_000}, 8_000)
    assert quote["to_earn"] == {"points": 0, "stamps": 0, "money": 400}
    assert (await sold(till, card, 10_000, redeem={"money": 2_000}))["balances"]["money"] == 3_400
    both = await till.post("/sales", {"card": card, "amount": 10_000, "redeem": {"money": 1, "points": 1}})
    assert (both.status_code, both.json()["errors"][0]["field"]) == (422, "redeem.money")


async def test_points_are_not_money(till, here, shop):
    card = await make_card(here, shop, points=100)
    answer = await till.post("/sales", {"card": till.id("card", card.id), "amount": 10_000, "redeem": {"money": 100}})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "unit")


async def test_stamps_become_a_voucher_that_the_next_sale_uses_and_an_undo_gives_back(open_shop):
    rules = ProgramRules(stamps=Stamps(Conversion(2, ("coffee", "cake"))))
    till, card = await open_shop(rules, reward("coffee", "money_off", value=5_000), reward("cake", "discount", value=1_000))
    await sold(till, card, 10_000)
    full = await sold(till, card, 10_000)
    [voucher] = full["vouchers"]["issued"]
    assert (voucher["status"], [one["key"] for one in voucher["rewards"]]) == ("open", ["coffee", "cake"])
    seen = (await till.get(f"/cards/{card}")).json()
    assert (seen["vouchers"], seen["balances"]["stamps"]) == ([voucher], 0)
    quote = (await till.post("/sales/quote", {"card": card, "amount": 20_000}, key=None)).json()
    uses = {one["reward"]["key"]: one["use"] for one in quote["rewards"]}
    assert uses["coffee"].startswith(voucher["id"] + "/rwd_")
    none = await till.post("/sales", {"card": card, "amount": 20_000, "rewards": [voucher["id"]]})
    assert (none.status_code, none.json()["code"]) == (422, "reward_not_chosen")
    used = await sold(till, card, 20_000, rewards=[uses["coffee"]])
    assert (used["discount"], used["to_pay"], used["vouchers"]["used"][0]["id"]) == (5_000, 15_000, voucher["id"])
    again = await till.post("/sales", {"card": card, "amount": 20_000, "rewards": [uses["cake"]]})
    assert (again.status_code, again.json()["code"]) == (409, "voucher_used")
    await till.post(f"/sales/{used['id']}/undo")
    by_code = await sold(till, card, 20_000, rewards=[f"{voucher['code']}/{uses['cake'].partition('/')[2]}"])
    assert by_code["discount"] == 2_000


async def test_a_reward_is_claimed_or_bought_with_a_sale_and_no_reward_has_no_stock(open_shop, here):
    coffee = reward("coffee", "money_off", value=3_000, unit="points", cost=10, stock=1)
    till, card = await open_shop(ProgramRules(earn_points=5), coffee, reward("tea", unit="points", cost=10))
    await sold(till, card, 100_000)
    quote = (await till.post("/sales/quote", {"card": card, "amount": 10_000}, key=None)).json()
    [coffee, tea] = [one["use"] for one in quote["rewards"]]
    bought = await sold(till, card, 10_000, rewards=[coffee])
    assert (bought["discount"], bought["balances"]["points"]) == (3_000, 43)
    before = await written(here)
    for path, body in (("/sales", {"card": card, "amount": 10_000, "rewards": [coffee]}), (f"/cards/{card}/claims", {"reward": coffee})):
        answer = await till.post(path, body)
        assert (answer.status_code, answer.json()["code"]) == (409, "out_of_stock")
    assert await written(here) == before
    claimed = (await till.post(f"/cards/{card}/claims", {"reward": tea})).json()
    assert (claimed["kind"], claimed["vouchers"]["issued"][0]["rewards"][0]["key"]) == ("claim", "tea")
    assert (await till.post(f"/sales/{claimed['id']}/refunds", {"rest": True})).json()["balances"]["points"] == 43


async def test_a_promo_code_gives_its_reward_once_a_person(open_shop, other_shop, client, here):
    till, card = await open_shop(ProgramRules(earn_points=5), reward("gift", "money_off", value=1_000))
    made = await till.post(f"/programs/{till.program}/promo-batches", {"key": "summer", "name": "Summer", "reward": "gift", "uses": None,
                                                                      "codes": ["SUMMER26"]})
    assert made.status_code == 201, made.text
    assert (await sold(till, card, 10_000, promo_code="summer-26"))["discount"] == 1_000
    theirs = Till(client, here, other_shop)
    await theirs.post(f"/programs/{theirs.program}/promo-batches", {"key": "winter", "name": "Winter", "codes": ["WINTER26"]})
    before = await written(here)
    for code, word in (("SUMMER26", "promo_used_by_you"), ("WINTER26", "promo_unknown"), ("NOSUCH", "promo_unknown")):
        answer = await till.post("/sales", {"card": card, "amount": 10_000, "promo_code": code})
        assert (answer.status_code, answer.json()["code"]) == (409, word)
    assert await written(here) == before


async def test_packages_visits_and_freezes(open_shop):
    rules = ProgramRules(visits=Visits((Package("ten", Said("Ten", "Десять"), 10, 500_000, 90),), a_day=2, freeze_days=30))
    till, card = await open_shop(rules)
    bought = (await till.post(f"/cards/{card}/purchases", {"package": "ten", "receipt": "P-1"})).json()
    assert (bought["kind"], bought["balances"]["visits"], bought["to_pay"]) == ("purchase", 10, 500_000)
    assert (await till.post(f"/cards/{card}/visits", {"count": 2})).json()["balances"]["visits"] == 8
    third = await till.post(f"/cards/{card}/visits")
    assert third.status_code == 415                   # a body is needed, be it {}
    third = await till.post(f"/cards/{card}/visits", {})
    assert (third.status_code, third.json()["code"]) == (409, "visits_used_today")
    assert (await till.post(f"/cards/{card}/freeze", {"days": 10})).status_code == 201
    assert (await till.get(f"/cards/{card}")).json()["pending"] == {"points": 0, "visits": 8}
    assert (await till.post(f"/cards/{card}/unfreeze")).status_code == 201
    assert (await till.get(f"/cards/{card}")).json()["balances"]["visits"] == 8
    assert (await till.post(f"/cards/{card}/purchases", {"package": "ten", "plan": "year"})).json()["errors"][0]["field"] == "package"
    assert (await till.post(f"/cards/{card}/purchases", {"plan": "year"})).status_code == 404


async def test_a_membership_lasts_until_its_end_and_a_gift_card_is_spent_in_parts(open_shop):
    plans = (Plan("month", Said("Month", "Месяц"), 30, 100_000),)
    till, card = await open_shop(ProgramRules(discount_bp=1_000, membership=Membership(plans)))
    assert (await till.get(f"/cards/{card}")).json()["member_until"] is None
    await till.post(f"/cards/{card}/purchases", {"plan": "month"})
    assert (await till.get(f"/cards/{card}")).json()["member_until"] == "2026-12-22T21:00:00Z"
    assert (await sold(till, card, 10_000))["discount"] == 1_000
    gifts, gift = await open_shop(ProgramRules(unit="money", worth_minor=1, gift=Gift()), slug="gifts")
    small = await gifts.post(f"/cards/{gift}/purchases", {"gift": {"amount": 100}})
    assert (small.status_code, small.json()["errors"][0]["field"]) == (422, "gift.amount")
    loaded = await gifts.post(f"/cards/{gift}/purchases", {"gift": {"amount": 50_000, "name": "Olga"}})
    assert loaded.json()["balances"]["money"] == 50_000
    assert (await sold(gifts, gift, 20_000, redeem={"money": 20_000}))["balances"]["money"] == 30_000


async def test_an_event_counts_once_and_says_so(open_shop):
    rule = Rule("review", Said("Review", "Отзыв"), Earn(30), When(event="review"))
    till, card = await open_shop(ProgramRules(earn_points=5, rules=(rule,)))
    first = await till.post(f"/cards/{card}/events", {"event": "review", "key": "r-17"})
    assert (first.status_code, first.json()["balances"]["points"], first.json()["applied"]) == (
        201, 30, [{"rule": "review", "what": "earn", "amount": 30}])
    again = await till.post(f"/cards/{card}/events", {"event": "review", "key": "r-17"})
    assert (again.json()["id"], again.headers["Idempotent-Replay"]) == (first.json()["id"], "true")
    nothing = await till.post(f"/cards/{card}/events", {"event": "recycling", "key": "1"})
    assert (nothing.status_code, nothing.json()["code"]) == (409, "event_gives_nothing")


async def test_a_favourite_is_chosen_among_the_products_that_can_be_one(open_shop):
    till, card = await open_shop(ProgramRules(earn_points=5, favourite=Favourite(1_000, 30, 1)))
    assert (await till.get(f"/cards/{card}")).json()["favourite"] is None
    assert (await till.post(f"/cards/{card}/favourite", {"sku": "tea"})).status_code == 422
    await put(till, "/products", {"sku": "tea", "name": "Tea", "can_be_favourite": True})
    chosen = (await till.post(f"/cards/{card}/favourite", {"sku": "tea"})).json()
    assert (chosen["sku"], chosen["name"]) == ("tea", "Tea")
    assert (await till.get(f"/cards/{card}")).json()["favourite"] == chosen
    bought = await sold(till, card, 10_000, lines=[{"amount": 10_000, "sku": "tea"}])
    assert (bought["discount"], bought["applied"]) == (1_000, [{"rule": "*favourite", "what": "discount", "amount": 1_000}])


async def test_lines_are_refunded_piece_by_piece_and_may_not_exceed_the_receipt(open_shop, here):
    till, card = await open_shop(ProgramRules(earn_points=5))
    lines = [{"amount": 60_000, "quantity": 3, "sku": "a"}, {"amount": 40_000, "sku": "b"}]
    sale = await sold(till, card, 100_000, lines=lines)
    before = await written(here)
    more = await till.post("/sales", {"card": card, "amount": 90_000, "lines": lines})
    assert (more.status_code, more.json()["errors"][0]["code"]) == (422, "lines_exceed_amount")
    assert await written(here) == before
    one = (await till.post(f"/sales/{sale['id']}/refunds", {"lines": [{"line": 1, "quantity": 2}]})).json()
    assert (one["amount"], one["pay_back"], one["balances"]["points"]) == (40_000, 40_000, 30)
    rest = (await till.post(f"/sales/{sale['id']}/refunds", {"rest": True})).json()
    assert (rest["amount"], rest["balances"]["points"]) == (60_000, 0)


async def test_two_cards_become_one(open_shop, here):
    till, keep = await open_shop(ProgramRules(earn_points=5))
    lose = till.id("card", (await make_card(here, till.shop, phone="+79161235555")).id)
    await sold(till, lose, 100_000)
    merged = await till.post(f"/cards/{keep}/merge", {"card": lose})
    assert (merged.status_code, merged.json()["balances"]["points"]) == (201, 50), merged.text
    same = await till.post(f"/cards/{keep}/merge", {"card": keep})
    assert (same.status_code, same.json()["code"]) == (409, "same_card")


async def test_a_large_correction_waits_for_a_second_manager(open_shop):
    till, card = await open_shop(ProgramRules(earn_points=5, four_eyes_over=100, stamps=Stamps(Conversion(6, ("coffee",)))), reward())
    body = {"unit": "points", "amount": 500, "reason": "A jubilee"}
    asked = await till.post(f"/cards/{card}/adjustments", body, key="large")
    assert (asked.status_code, asked.json()["status"], asked.json()["card"]) == (202, "waiting", card)
    again = await till.post(f"/cards/{card}/adjustments", body, key="large")
    assert (again.status_code, again.json(), again.headers["Idempotent-Replay"]) == (202, asked.json(), "true")
    assert (await till.get("/approvals")).json() == {"items": [asked.json()], "next_cursor": None}
    assert (await till.post(f"/cards/{card}/adjustments", {**body, "unit": "stamps", "amount": 2})).json()["balances"]["stamps"] == 2
    assert (await till.post(f"/cards/{card}/adjustments", {**body, "unit": "visits", "amount": 2})).json()["errors"][0]["field"] == "unit"


async def test_a_voucher_is_handed_over_without_a_receipt_and_only_once(open_shop):
    till, card = await open_shop(ProgramRules(stamps=Stamps(Conversion(2, ("tea", "cake")))), reward("tea"), reward("cake"))
    await sold(till, card, 10_000)
    [voucher] = (await sold(till, card, 10_000))["vouchers"]["issued"]
    tea = voucher["rewards"][0]["id"]
    none = await till.post(f"/cards/{card}/vouchers/use", {"voucher": voucher["id"]})
    assert (none.status_code, none.json()["code"]) == (422, "reward_not_chosen")
    used = await till.post(f"/cards/{card}/vouchers/use", {"voucher": voucher["id"], "reward": tea})
    assert (used.status_code, used.json()["vouchers"]["used"][0]["id"]) == (201, voucher["id"])
    again = await till.post(f"/cards/{card}/vouchers/use", {"voucher": voucher["id"], "reward": tea})
    assert (again.status_code, again.json()["code"]) == (409, "voucher_used")
    await till.post(f"/sales/{used.json()['id']}/undo")
    assert [each["status"] for each in (await till.get(f"/cards/{card}")).json()["vouchers"]] == ["open"]


async def test_what_takes_something_off_a_purchase_is_not_handed_over_without_one(open_shop, here):
    till, card = await open_shop(ProgramRules(stamps=Stamps(Conversion(2, ("off",)))), reward("off", "money_off", value=5_000))
    await sold(till, card, 10_000)
    [voucher] = (await sold(till, card, 10_000))["vouchers"]["issued"]
    before = await written(here)
    refused = await till.post(f"/cards/{card}/vouchers/use", {"voucher": voucher["id"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "needs_receipt")
    assert await written(here) == before


async def test_prepaid_visits_live_longer_by_a_manager_who_says_why(open_shop, here):
    till, card = await open_shop(ProgramRules(visits=Visits((Package("ten", Said("Ten", "Десять"), 10, 500_000, 90),))))
    nothing = await till.post(f"/cards/{card}/extend", {"days": 5, "reason": "The pool was closed"})
    assert (nothing.status_code, nothing.json()["code"]) == (409, "not_enough")
    await till.post(f"/cards/{card}/purchases", {"package": "ten"})
    before = await written(here)
    for body, field in (({"days": 5, "reason": " "}, "reason"), ({"days": 366, "reason": "x"}, "days")):
        wrong = await till.post(f"/cards/{card}/extend", body)
        assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, field)
    assert await written(here) == before
    longer = await till.post(f"/cards/{card}/extend", {"days": 5, "reason": "The pool was closed"})
    assert (longer.status_code, longer.json()["reason"]) == (201, "The pool was closed")
    assert (await till.get(f"/cards/{card}")).json()["balances"]["visits"] == 10
