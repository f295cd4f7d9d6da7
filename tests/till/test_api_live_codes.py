"""Live codes through the API: who may spend where codes rotate, what a till is told, and the code by SMS."""
import pytest

from app.benefits import service as benefits
from app.benefits.rules import RewardWish
from app.cards import rotation
from app.programs import service as programs
from app.programs.terms import Said
from tests.enrolment.joining import Joining
from tests.shops import make_card, make_shop
from tests.till.calling import Till, on_sqlite, written


@pytest.fixture
async def card(till, here, shop):
    """Анна's card with 320 points, in a programme whose codes change every 30 seconds."""
    await rotation.choose(here.db, shop.who, shop.program_id, 30, False, here.clock.now())
    return await make_card(here, shop, points=320)


async def live(here, card) -> str:
    program = await programs.get_program(here.db, card.business_id, card.program_id)
    return (await rotation.live_code(here.db, here.ring, card, program, here.clock.now())).text


async def spend(till, points=100, **named):
    return await till.post("/sales", {"amount": 125_000, "redeem": {"points": points}, **named})


async def test_a_live_code_in_the_sale_spends_at_once(till, here, card):
    answer = await spend(till, code=await live(here, card))
    assert answer.status_code == 201, answer.text
    assert answer.json()["changes"][0] == {"unit": "points", "amount": -100, "why": "redeemed"}


@on_sqlite
async def test_a_still_code_earns_and_is_told_what_spending_needs(till, here, card):
    assert (await spend(till, points=0, code=card.code)).status_code == 201
    before = await written(here)
    for named in ({"code": card.code}, {"code": card.number}, {"code": "+79161231234"}, {"card": till.id("card", card.id)}):
        refused = await spend(till, **named)
        assert (refused.status_code, refused.json()["code"]) == (409, "live_code_needed")
        assert "live code" in refused.json()["detail"]
    assert await written(here) == before


@on_sqlite
async def test_a_quote_tells_beforehand_whether_spending_will_be_refused(till, here, card):
    async def quote(points, code):
        return (await till.post("/sales/quote", {"code": code, "amount": 125_000, "redeem": {"points": points}}, key=None)).json()

    told = await quote(100, card.code)
    assert told["live_code_needed"] and "live code" in told["hints"][0]
    assert not (await quote(0, card.code))["live_code_needed"]
    assert not (await quote(100, await live(here, card)))["live_code_needed"]


@on_sqlite
async def test_a_look_up_by_the_live_code_permits_the_sale_that_follows_it(till, here, card):
    found = (await till.get("/cards", code=await live(here, card))).json()["items"]
    assert [one["id"] for one in found] == [till.id("card", card.id)]
    here.clock.advance(minutes=4)
    assert (await spend(till, card=found[0]["id"])).status_code == 201
    here.clock.advance(minutes=2)
    assert (await spend(till, card=found[0]["id"])).json()["code"] == "live_code_needed"


@on_sqlite
async def test_a_picture_of_a_code_is_refused_everywhere_with_a_sentence(till, here, card):
    old = await live(here, card)
    here.clock.advance(seconds=90)
    for answer in (await spend(till, code=old), await spend(till, points=0, code=old), await till.get("/cards", code=old)):
        assert (answer.status_code, answer.json()["code"]) == (409, "code_outdated")
        assert "show the live code" in answer.json()["detail"]


@on_sqlite
async def test_guessing_live_codes_ends_with_a_wait(till, here, card):
    for _ in range(10):
        assert (await till.get("/cards", code=card.code + "00000000")).status_code == 409
    refused = await till.get("/cards", code=await live(here, card))
    assert refused.status_code == 429 and int(refused.headers["retry-after"]) > 0


@on_sqlite
async def test_a_lost_answer_is_repeated_although_its_live_code_is_old_by_now(till, here, card):
    body = {"code": await live(here, card), "amount": 125_000, "redeem": {"points": 100}}
    first = await till.post("/sales", body, key="sale-1")
    here.clock.advance(minutes=10)
    again = await till.post("/sales", body, key="sale-1")
    assert (again.status_code, again.json()["id"], again.headers["Idempotent-Replay"]) == (201, first.json()["id"], "true")


@on_sqlite
async def test_rewards_vouchers_and_their_handing_over_ask_for_a_live_code_too(till, here, shop, card):
    wish = RewardWish("coffee", "text", Said("Coffee"), unit="points", cost=50)
    reward = till.id("reward", (await benefits.create_reward(here.db, shop.who, shop.program_id, wish, here.clock.now())).id)
    path = f"/cards/{till.id('card', card.id)}"
    for answer in (await till.post(f"{path}/claims", {"reward": reward}),
                   await till.post("/sales", {"card": till.id("card", card.id), "amount": 10_000, "rewards": [reward]})):
        assert (answer.status_code, answer.json()["code"]) == (409, "live_code_needed")
    await till.get("/cards", code=await live(here, card))
    voucher = (await till.post(f"{path}/claims", {"reward": reward})).json()["vouchers"]["issued"][0]["id"]
    here.clock.advance(minutes=6)
    assert (await till.post(f"{path}/vouchers/use", {"voucher": voucher})).json()["code"] == "live_code_needed"
    assert (await spend(till, points=0, card=till.id("card", card.id), rewards=[voucher])).json()["code"] == "live_code_needed"
    await till.get("/cards", code=await live(here, card))
    assert (await till.post(f"{path}/vouchers/use", {"voucher": voucher})).status_code == 201


@on_sqlite
async def test_six_digits_by_sms_let_a_still_code_spend_for_five_minutes(till, here, shop, card):
    joining, path = Joining(here, shop), f"/cards/{till.id('card', card.id)}/confirmations"
    sent = await till.post(path, {})
    assert sent.json() == {"status": "sent", "until": "2026-11-22T09:10:00Z"}
    await joining.deliver()
    code = joining.inbox.link()
    assert len(code) == 6 and "кассир" in joining.inbox.messages[-1][1]
    wrong = await till.post(path, {"code": str(int(code) ^ 1).zfill(6)})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "code")
    assert (await spend(till, code=card.code)).status_code == 409
    assert (await till.post(path, {"code": code})).json() == {"status": "confirmed", "until": "2026-11-22T09:05:00Z"}
    assert (await spend(till, code=card.code)).status_code == 201
    assert (await till.post(path, {"code": code})).status_code == 422
    here.clock.advance(minutes=5, seconds=1)
    assert (await spend(till, code=card.code)).json()["code"] == "live_code_needed"


@on_sqlite
async def test_a_code_for_the_cashier_does_not_open_the_cards_page(till, client, here, shop, card):
    joining = Joining(here, shop)
    await till.post(f"/cards/{till.id('card', card.id)}/confirmations", {})
    await joining.deliver()
    page = (await till.post(f"/cards/{till.id('card', card.id)}/page-links")).json()["url"].removeprefix("https://cards.example.com")
    assert (await client.post(f"{page}/confirm", data={"code": joining.inbox.link()})).status_code == 422


@on_sqlite
async def test_a_programme_without_rotation_asks_for_nothing_and_confirms_nothing(till, here, shop):
    card = await make_card(here, shop, points=320)
    assert (await spend(till, code=card.code)).status_code == 201
    refused = await till.post(f"/cards/{till.id('card', card.id)}/confirmations", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "confirmation_not_needed")


@on_sqlite
async def test_another_business_confirms_and_spends_nothing_here(client, here, card):
    other = Till(client, here, await make_shop(here, "other"))
    assert (await other.post(f"/cards/{other.id('card', card.id)}/confirmations", {})).status_code == 404
    assert (await other.get("/cards", code=await live(here, card))).json()["items"] == []


@on_sqlite
async def test_the_switch_is_set_and_read_through_the_api(till, here, card):
    async def put(body):
        return await till.client.put(f"/api/v1/programs/{till.program}/rotation", json=body, headers=till.headers)

    assert (await till.get(f"/programs/{till.program}")).json()["rotation"] == {"seconds": 30, "static_redeems": False}
    made = await put({"seconds": 60, "static_redeems": True})
    assert (made.status_code, made.json()["rotation"]) == (200, {"seconds": 60, "static_redeems": True})
    assert (await spend(till, code=card.code)).status_code == 201
    wrong = await put({"seconds": 10})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "seconds")
