"""What a shopper has and can get stands on the card's page, and can be taken there."""
import functools
import json

import pytest

from app.benefits import service as benefits
from app.benefits.rules import RewardWish
from app.cards import service as cards
from app.clock import to_ms
from app.db import write_transaction
from app.ledger import day_seals, proofs
from app.ledger import service as ledger
from app.passes import faces
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.programs.terms import Conversion, Favourite, Gift, Level, Levels, Membership, Plan, Said, Stamps
from app.sales import purchases, refunds
from app.standing import service as standings
from tests.shops import make_card, make_shop

DAY = 86_400_000
EN = {"accept-language": "en"}
RULES = ProgramRules(
    earn_points=5, earn_per_minor=10_000, worth_minor=100, stamps=Stamps(card=Conversion(6, ("coffee",))),
    favourite=Favourite(2_000, 30, 1), levels=Levels((
        Level("base", Said("Guest", "Гость"), 0), Level("silver", Said("Silver", "Серебро"), 500_000, perks=Said("A free refill")))))


@pytest.fixture
async def shop_of_all(here, shop):
    now = here.clock.now()
    for wish in (RewardWish("coffee", "service", Said("Free coffee", "Кофе в подарок"), days=30),
                 RewardWish("mug", "service", Said("A mug", "Кружка"), unit="points", cost=50, stock=1),
                 RewardWish("tour", "service", Said("A tour", "Экскурсия"), unit="points", cost=5_000)):
        await benefits.create_reward(here.db, shop.who, shop.program_id, wish, now)
    await programs.change_rules(here.db, shop.who, shop.program_id, RULES, now)
    await standings.set_product(here.db, shop.who, "LATTE", "Latte", "coffee", True, now)
    return shop


async def test_balances_level_and_rewards_stand_on_the_page(client, here, shop_of_all, card, links):
    code = benefits.draw_codes(1)[0]
    program = await programs.get_program(here.db, shop_of_all.business_id, shop_of_all.program_id)
    await write_transaction(here.db, lambda tx: benefits.issue(
        tx, shop_of_all.who, program, card.account_id, ("coffee",), "conversion", None, here.clock.now(), code=code))
    page = (await client.get(links["card"], headers=EN)).text
    for said in ("120", "0 / 6", "Guest", "Silver", "Free coffee", "A mug", "A tour", "Latte"):
        assert said in page, said
    shared = (await client.get(links["pass"], headers=EN)).text
    assert "Free coffee" not in shared.split("How it works")[0] and "Take it" not in shared


async def test_what_is_in_reach_stands_first_and_what_is_missing_to_the_next_is_told(client, shop_of_all, links):
    page = (await client.get(links["card"], headers=EN)).text
    assert page.index("A mug") < page.index("A tour</span>")
    assert "<strong>4,880\u00a0points</strong> more to “A tour”" in page.replace("4\u00a0880", "4,880")
    assert '<progress value="120" max="5000"' in page
    assert "6\u00a0stamps more, and the gift is yours." in page and "off your next purchases" in page


async def test_a_reward_is_taken_once_however_often_the_form_is_sent(client, here, shop_of_all, card, links):
    await client.get(links["card"], headers=EN)
    for _ in range(2):
        answer = await client.post(f"{links['card']}/claim", data={"reward": "mug", "key": "k1"})
        assert (answer.status_code, answer.headers["location"]) == (303, f"{links['card']}?done=claimed#rewards")
    assert (await ledger.balances(here.db, card.account_id))["points"] == 70
    assert len(await benefits.vouchers_of(here.db, card.business_id, card.account_id, here.clock.now())) == 1
    page = (await client.get(links["card"], headers=EN)).text
    assert "None left at the moment." in page


@pytest.mark.parametrize(("reward", "status"), [("tour", 409), ("nothing", 404)])
async def test_what_cannot_be_taken_changes_nothing(client, here, shop_of_all, card, links, reward, status):
    answer = await client.post(f"{links['card']}/claim", data={"reward": reward, "key": "k1"})
    assert answer.status_code == status
    assert (await ledger.balances(here.db, card.account_id))["points"] == 120


async def test_through_the_pass_link_nothing_can_be_taken_or_chosen(client, here, shop_of_all, card, links):
    assert (await client.post(f"{links['pass']}/claim", data={"reward": "mug", "key": "k1"})).status_code == 404
    assert (await client.post(f"{links['pass']}/favourite", data={"sku": "LATTE"})).status_code == 404


async def test_a_favourite_is_chosen_on_the_page(client, here, shop_of_all, card, links):
    assert (await client.post(f"{links['card']}/favourite", data={"sku": "LATTE"})).status_code == 303
    program = await programs.get_program(here.db, shop_of_all.business_id, shop_of_all.program_id)
    chosen = await standings.favourite_of(here.db, program, card.account_id, here.clock.now())
    assert chosen is not None and chosen.sku == "LATTE"
    assert (await client.post(f"{links['card']}/favourite", data={"sku": "NONE"})).status_code == 422


async def test_a_receipt_on_the_page_proves_itself(client, here, joining, card, links):
    await joining.credit(card)
    page = (await client.get(links["card"], headers=EN)).text
    assert f"{links['card']}/receipts/2" in page and f"{links['card']}/receipts/3" not in page
    receipt = await client.get(f"{links['card']}/receipts/2", headers=EN)
    assert receipt.status_code == 200 and "Purchase" in receipt.text and "Keep the proof" in receipt.text
    file = await client.get(f"{links['card']}/receipts/2/proof.json")
    proofs.check(proofs.parse(file.content))
    assert json.loads(file.content)["day"] is None
    here.clock.advance(days=1)
    await day_seals.seal_days(here.db, here.clock.now())
    proof = proofs.parse((await client.get(f"{links['card']}/receipts/2/proof.json")).content)
    proofs.check(proof)
    published = await client.get("/ledger/coffee")
    assert proof.day is not None and f"root {proof.day.root}" in published.text
    assert "Its day is over" in (await client.get(f"{links['card']}/receipts/2", headers=EN)).text


@pytest.mark.parametrize("number", ["0", "3", "-1", "x", "1e9", "99999999999999999999"])
async def test_receipts_that_are_not_there_are_not_found(client, joining, card, links, number):
    await joining.credit(card)
    assert (await client.get(f"{links['card']}/receipts/{number}")).status_code == 404
    assert (await client.get(f"{links['pass']}/receipts/1")).status_code == 404


async def test_a_gift_says_who_gave_it_and_hides_what_nobody_agreed_to(client, here):
    shop = await make_shop(here, "gifts", rules=ProgramRules(unit="money", worth_minor=1, gift=Gift()))
    card, now = await make_card(here, shop), here.clock.now()
    await here.db.execute("UPDATE accounts SET customer_id = NULL")         # whoever holds it
    links = {strength: await write_transaction(here.db, functools.partial(link_of, here, card, strength)) for strength in ("card", "pass")}
    page = (await client.get(links["card"], headers=EN)).text
    assert "What you agreed to" not in page and "A gift from" not in page
    made = await purchases.load_gift(here.db, shop.cashier, card.id, 100_000, None, now, giver=purchases.Giver("Vera <b>", "Be happy!"))
    page = (await client.get(links["card"], headers=EN)).text
    assert "A gift from Vera &lt;b&gt;" in page and "Be happy!" in page
    assert "Be happy!" not in (await client.get(links["pass"], headers=EN)).text
    await refunds.undo(here.db, shop.cashier, made.operation.id, None, now)
    assert "A gift from" not in (await client.get(links["card"], headers=EN)).text


async def link_of(here, card, strength, tx):
    return f"/c/{await cards.page_link(tx, here.ring, card, strength, here.clock.now())}"


async def test_a_closing_programme_says_both_days(client, here, shop, card, links):
    assert "is closing" not in (await client.get(links["card"], headers=EN)).text
    await here.db.execute("UPDATE programs SET earns_until_at = :first, spends_until_at = :last", {
        "first": to_ms(here.clock.now()) + 10 * DAY, "last": to_ms(here.clock.now()) + 40 * DAY})
    page = (await client.get(links["card"], headers=EN)).text
    assert "purchases count until 2 December" in page and "can be used until 1 January 2027" in page
    here.clock.advance(days=11)
    page = (await client.get(links["card"], headers=EN)).text
    assert "purchases bring nothing more" in page and "can be used until 1 January" in page


async def test_a_membership_that_is_over_says_when_it_ended(client, here, shop, card, links):
    rules = ProgramRules(discount_bp=1_000, membership=Membership((Plan("month", Said("Month"), 30, 100_000),)))
    await programs.change_rules(here.db, shop.who, shop.program_id, rules, here.clock.now())
    made = await purchases.buy_plan(here.db, shop.cashier, card.id, "month", None, here.clock.now())
    assert "Member until 22 December" in (await client.get(links["card"], headers=EN)).text
    here.clock.advance(days=40)
    assert "The membership ended on 22 December" in (await client.get(links["card"], headers=EN)).text
    program = await programs.get_program(here.db, shop.business_id, shop.program_id)
    face = await faces.face_of(here.db, here.ring, card, program, here.clock.now())
    assert face.valid_until.isoformat() == "2026-12-22"
    assert made.operation.kind == "purchase"
