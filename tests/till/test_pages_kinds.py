"""Every kind of programme at the cashier's page: what it shows, which acts it offers, what each does; without scripts."""
import re

import httpx2
import pytest
from msgspec.structs import replace

from app.benefits import promo
from app.benefits import service as benefits
from app.benefits.rules import RewardWish, Terms
from app.ledger import service as ledger
from app.programs.kinds import KINDS
from app.programs.rules import ProgramRules
from app.programs.terms import Discount, Rule, Said, When
from app.sales import purchases
from app.staff import service as staff
from tests.console.visiting import words_of
from tests.shops import PASSWORD, RULES, make_card, make_shop
from tests.till.calling import on_sqlite
from tests.till.test_pages import hidden

pytestmark = on_sqlite
HOST = {"Origin": "https://cards.example.com", "Accept-Language": "en"}


class Counter:
    """A cashier with one card of a shop before them."""

    def __init__(self, client, here, shop, card) -> None:
        self.client, self.here, self.shop, self.card = client, here, shop, card
        self.url = f"/till/cards/{here.ids.encode('card', card.id)}"

    async def page(self, url: str = "", language: str = "en") -> str:
        answer = await self.client.get(url or self.url, headers={"Accept-Language": language})
        assert answer.status_code == 200
        return words_of(answer).replace("\u00a0", " ").replace("\u202f", " ")

    async def press(self, act: str, **fields) -> httpx2.Response:
        page = (await self.client.get(self.url)).text
        return await self.client.post(self.url, data={**hidden(page), "act": act, **fields})

    async def done(self, act: str, **fields) -> str:
        """What the page says after an act that succeeded."""
        answer = await self.press(act, **fields)
        assert answer.status_code == 303, words_of(answer)
        return await self.page(answer.headers["location"])

    async def held(self) -> dict[str, int]:
        return (await ledger.shown(self.here.db, self.card.account_id, self.here.clock.now())).available


@pytest.fixture
def counter(client, here):
    async def open_(rules: ProgramRules, *rewards: RewardWish, points: int = 0) -> Counter:
        shop = await make_shop(here, rules=rules)
        for wish in rewards:
            await benefits.create_reward(here.db, shop.who, shop.program_id, wish, here.clock.now())
        card = await make_card(here, shop, points=points)
        client.headers.update(HOST)
        answer = await client.post("/till/sign-in", data={"email": "cashier@coffee.example.com", "password": PASSWORD})
        assert answer.status_code == 303
        return Counter(client, here, shop, card)
    return open_


COFFEE = RewardWish("gift", "product", Said("A coffee", "Кофе"), value=100, sku="C1")


async def test_stamps_are_shown_as_a_part_and_the_full_card_hands_out_a_voucher(counter) -> None:
    till = await counter(KINDS["stamps"].rules("RUB"), COFFEE)
    for count in range(1, 6):
        page = await till.done("earn", amount="250")
    assert f"{count} of 6" in page and "+1 stamp" in page
    page = await till.done("earn", amount="250")
    assert re.search(r"A voucher: A coffee \d{4}-\d{4}-\d\d", page) and "0 of 6" in page
    assert "Hand over a gift without a purchase" in page
    assert "0 из 6" in await till.page(language="ru")


async def test_a_voucher_is_handed_over_without_a_purchase_and_the_undo_opens_it_again(counter) -> None:
    till = await counter(KINDS["stamps"].rules("RUB"), COFFEE)
    for _ in range(6):
        await till.done("earn", amount="250")
    gift = re.search(r'name="gift" value="([^"]+)"', (await till.client.get(till.url)).text)[1]
    page = await till.done("give", gift=gift)
    assert "Hand over: A coffee" in page and "Hand over a gift without" not in page
    again = await till.press("give", gift=gift)
    assert again.status_code == 409 and "used already" in words_of(again)
    shown = await till.client.get("/till/sales")
    operation = re.search(r'name="operation" value="(op_\w+)"', shown.text)[1]
    assert (await till.press("undo", operation=operation)).status_code == 303
    assert "Hand over a gift without a purchase" in await till.page()


async def test_a_voucher_in_a_purchase_is_shown_before_it_is_done(counter) -> None:
    off = RewardWish("gift", "money_off", Said("100 off", "Минус 100"), value=10_000)
    till = await counter(KINDS["stamps"].rules("RUB"), off)
    for _ in range(6):
        await till.done("earn", amount="250")
    use = re.search(r'name="use" value="([^"]+)"', (await till.client.get(till.url)).text)[1]
    seen = await till.press("earn", amount="490", use=use)
    said = words_of(seen).replace("\u00a0", " ")
    assert seen.status_code == 200 and "Nothing is done yet" in said and "390 ₽ to pay" in said and "Used: 100 off" in said
    assert (await till.held())["stamps"] == 0
    edited = await till.client.post(till.url, data={**hidden(seen.text), "act": "edit"})
    assert 'value="490"' in edited.text and "checked" in edited.text
    done = await till.client.post(till.url, data={**hidden(seen.text), "act": "earn"})
    assert done.status_code == 303 and "Done. To pay 390 ₽" in await till.page(done.headers["location"])
    assert "Use with this purchase" not in await till.page()


async def test_a_free_product_takes_off_the_price_that_the_cashier_types_for_it(counter) -> None:
    till = await counter(KINDS["stamps"].rules("RUB"), RewardWish("gift", "product", Said("A latte", "Латте"), sku="L1"))
    for _ in range(6):
        await till.done("earn", amount="250")
    page = (await till.client.get(till.url)).text
    use = re.search(r'name="use" value="([^"]+)"', page)[1]
    assert "Price of the product that is free" in page
    without = await till.press("earn", amount="490", use=use)
    assert "Nothing is taken off for “A latte”" in words_of(without)
    dearer = await till.press("earn", amount="490", price="491", use=use)
    assert dearer.status_code == 422 and "cannot cost more" in dearer.text and 'value="491"' in dearer.text
    unchosen = await till.press("earn", amount="490", price="190")
    assert unchosen.status_code == 422 and "Choose the one product" in unchosen.text
    seen = await till.press("earn", amount="490", price="190", use=use)
    assert "300 ₽ to pay" in words_of(seen).replace("\u00a0", " ") and "Nothing is taken off" not in seen.text
    done = await till.client.post(till.url, data={**hidden(seen.text), "act": "earn"})
    assert done.status_code == 303 and "Done. To pay 300 ₽" in await till.page(done.headers["location"])


async def test_what_changed_since_it_was_shown_is_shown_again_and_nothing_is_sold(counter) -> None:
    till = await counter(RULES, points=100)
    answer = await till.press("redeem", amount="100", points="", expect="9900")
    assert answer.status_code == 409 and "The amount to pay has changed" in words_of(answer)
    assert "50 ₽ to pay" in words_of(answer).replace("\u00a0", " ") and (await till.held())["points"] == 100
    done = await till.client.post(till.url, data={**hidden(answer.text), "act": "redeem"})
    assert done.status_code == 303 and (await till.held())["points"] == 52


async def test_a_large_redemption_is_done_only_when_the_shopper_confirmed_it(counter) -> None:
    till = await counter(replace(RULES, confirm_redeem_over=40), points=100)
    asked = await till.press("redeem", amount="100", points="")
    assert asked.status_code == 409 and "The shopper confirmed it" in words_of(asked) and (await till.held())["points"] == 100
    form = {**hidden(asked.text), "act": "redeem"}
    assert (await till.client.post(till.url, data=form)).status_code == 409 and (await till.held())["points"] == 100
    assert (await till.client.post(till.url, data={**form, "confirmed": "1"})).status_code == 303
    assert (await till.held())["points"] == 52


async def test_a_promo_code_is_tried_before_it_is_used_and_a_wrong_one_is_kept_with_its_sentence(counter) -> None:
    rule = Rule("autumn", Said("Autumn", "Осень"), Discount(share_bp=1_000), When(promo="autumn"))
    till = await counter(replace(RULES, rules=(rule,)))
    await promo.create_batch(till.here.db, till.shop.who, till.shop.program_id, Terms("autumn", "Autumn"), ["AUTUMN"],
                             till.here.clock.now())
    wrong = await till.press("earn", amount="1000", promo="SPRING")
    assert wrong.status_code == 409 and "no such promo code" in words_of(wrong) and 'value="SPRING"' in wrong.text
    seen = await till.press("earn", amount="1000", promo="autumn")
    assert "900 ₽ to pay" in words_of(seen).replace("\u00a0", " ")
    done = await till.client.post(till.url, data={**hidden(seen.text), "act": "earn"})
    assert done.status_code == 303 and (await till.held())["points"] == 45


async def test_visits_are_sold_and_taken_one_by_one_and_no_amount_is_asked_for(counter) -> None:
    till = await counter(KINDS["visits"].rules("RUB"))
    assert 'name="amount"' not in (await till.client.get(till.url)).text
    page = await till.done("sell", what="package:five")
    assert "Done. To pay 2 500 ₽" in page and "+5 visits" in page
    page = await till.done("visit", visits="2")
    assert "The visit is counted" in page and "3 visits" in page
    wrong = await till.press("visit", visits="9")
    assert wrong.status_code == 409 and (await till.held())["visits"] == 3
    assert (await till.press("visit", visits="x")).status_code == 422
    assert (await till.press("sell", what="package:none")).status_code == 404


async def test_a_membership_that_is_over_says_so_and_is_sold(counter) -> None:
    till = await counter(KINDS["membership"].rules("RUB"))
    assert "No membership now" in await till.page() and "Sell a membership" in await till.page()
    assert "Сейчас членства нет" in await till.page(language="ru")
    page = await till.done("sell", what="plan:month")
    assert "A member until 22 December" in page and "Card is good" not in page
    assert "Card is good" in await till.page()


async def test_a_gift_card_is_loaded_spent_and_has_no_earning(counter) -> None:
    till = await counter(replace(KINDS["gift"].rules("RUB"), gift=replace(KINDS["gift"].rules("RUB").gift, amounts=())))
    wrong = await till.press("sell", what="gift", load="1", giver="Anna", words="Happy birthday")
    assert wrong.status_code == 422 and "cannot be loaded with this amount" in words_of(wrong) and 'value="Anna"' in wrong.text
    assert "+2 000 ₽" in await till.done("sell", what="gift", load="2000", giver="Anna")
    assert 'value="earn"' not in (await till.client.get(till.url)).text
    page = await till.done("redeem", amount="490,50", points="")
    assert "Done. To pay 0 ₽" in page and "1 509.50 ₽" in page
    assert (await till.press("redeem", amount="100", points="abc")).status_code == 422


async def test_a_reward_of_the_catalogue_becomes_a_voucher(counter) -> None:
    till = await counter(RULES, replace(COFFEE, unit="points", cost=60), points=100)
    page = await till.done("claim", reward="gift")
    assert "The reward is theirs" in page and "A voucher: A coffee" in page and "−60 points" in page
    assert "Take a reward for what is on the card" not in await till.page()
    assert (await till.press("claim", reward="gift")).status_code == 409
    assert (await till.press("claim", reward="nothing")).status_code == 404


async def test_a_reward_bought_with_the_purchase_is_handed_out_with_it(counter) -> None:
    till = await counter(RULES, replace(COFFEE, unit="points", cost=60), points=100)
    use = re.search(r'name="use" value="(rwd_\w+)"', (await till.client.get(till.url)).text)[1]
    seen = await till.press("earn", amount="1000", use=use)
    done = await till.client.post(till.url, data={**hidden(seen.text), "act": "earn"})
    assert "Hand over: A coffee" in await till.page(done.headers["location"]) and (await till.held())["points"] == 90


async def test_levels_name_themselves_and_a_new_one_is_told(counter) -> None:
    till = await counter(KINDS["tiers"].rules("RUB"))
    assert "Basic" in await till.page()
    assert "A new level: Silver" in await till.done("earn", amount="20000")
    assert "Серебро" in await till.page(language="ru")


async def test_charity_is_said_apart_from_what_can_be_spent(counter) -> None:
    till = await counter(KINDS["charity"].rules("RUB"))
    assert "10 ₽ to the fund" in await till.done("earn", amount="500")
    assert "Spend" not in await till.page()


async def test_a_cashiers_own_card_is_refused_with_a_sentence(counter) -> None:
    till = await counter(RULES, points=10)
    await staff.set_customer(till.here.db, till.shop.who, till.shop.cashier.id, till.card.customer_id, till.here.clock.now())
    answer = await till.press("earn", amount="100")
    assert answer.status_code == 409 and "This card is your own" in words_of(answer) and (await till.held())["points"] == 10


async def test_what_waits_is_shown_apart(counter) -> None:
    till = await counter(replace(RULES, pending_days=14))
    page = await till.done("earn", amount="1000")
    assert "Still waiting: 50 points" in page and "0 points" in page


async def test_an_undo_takes_a_sold_package_back(counter) -> None:
    till = await counter(KINDS["visits"].rules("RUB"))
    made = await purchases.buy_package(till.here.db, till.shop.cashier, till.card.id, "five", None, till.here.clock.now())
    answer = await till.press("undo", operation=till.here.ids.encode("operation", made.operation.id))
    assert answer.status_code == 303 and (await till.held())["visits"] == 0
