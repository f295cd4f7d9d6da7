"""What no till, web shop or manager should send: each is refused with a sentence in both languages and leaves every table as it was."""
import asyncio
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from app.benefits import service as benefits
from app.benefits.rules import RewardWish
from app.clock import rfc3339
from app.programs.terms import Said
from tests.flows.world import Rows
from tests.shops import make_card
from tests.till.calling import Till, on_sqlite

RULES = {"earn_points": 5, "earn_per_minor": 10_000}
CYRILLIC = re.compile("[А-Яа-я]")


@dataclass
class Scene:
    """A till at a business with a card of 100 points, a sale, a refund of it, and a reward that is out."""

    till: Till
    card: str
    sale: str
    refund: str
    reward: str
    rows: Rows

    async def refused(self, path: str, body: Any, status: int, word: str, *, method: str = "POST") -> None:
        """The same in both languages, with a sentence in each; nothing is written by either."""
        said = []
        self.rows.keep()
        for language in ("en", "ru"):
            headers = {**self.till.headers, "Accept-Language": language, "Idempotency-Key": f"{word}-{language}"}
            answer = await self.till.client.request(method, f"/api/v1{path}", json=body, headers=headers)
            told = answer.json()
            assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json"), answer.text
            assert word in (told["code"], *(wrong["code"] for wrong in told.get("errors", ()))), answer.text
            said += [next((wrong["detail"] for wrong in told.get("errors", ()) if wrong["code"] == word), told["detail"])]
        assert self.rows.changed() == []
        assert not CYRILLIC.search(said[0])
        assert CYRILLIC.search(said[1])
        assert min(map(len, said)) > 15


@pytest.fixture
async def scene(till, here, shop, database_url):
    card = till.id("card", (await make_card(here, shop, points=100)).id)
    sale = (await till.post("/sales", {"card": card, "amount": 10_000})).json()["id"]
    refund = (await till.post(f"/sales/{sale}/refunds", {"amount": 4_000})).json()["id"]
    wish = RewardWish("coffee", "text", Said("Coffee", "Кофе"), unit="points", cost=10, stock=0)
    made = await benefits.create_reward(here.db, shop.who, shop.program_id, wish, here.clock.now())
    rows = Rows(database_url)
    yield Scene(till, card, sale, refund, till.id("reward", made.id), rows)
    rows.close()


def rule(**more: Any) -> dict[str, Any]:
    return {"key": "autumn", "name": {"en": "Autumn"}, "effect": {"do": "earn", "amount": 1}, **more}


@on_sqlite
@pytest.mark.goal("M7")
@pytest.mark.parametrize(("rules", "word"), [
    ({"fades": [{"days": 7, "share_bp": 5_000}], "lot_end": "activity"}, "contradiction"),
    ({"unit": "money", "worth_minor": 100}, "money_worth"),
    ({"earn_points": 5_000}, "gives_away"), ({"discount_bp": 12_000}, "out_of_range"), ({"largest_share_bp": 10_001}, "out_of_range"),
    ({"rules": [rule(effect={"do": "discount", "share_bp": 12_000})]}, "out_of_range"),
    ({"rules": [rule(starts_on="2026-12-02", ends_on="2026-12-01")]}, "window"),
    ({"rules": [rule(when={"amount_from": 200, "amount_to": 100})]}, "window"),
    ({"rules": [rule(when={"event": "review", "first_purchase": True})]}, "contradiction")])
async def test_rules_that_contradict_themselves_or_give_everything_away_are_refused(scene, rules, word):
    path = f"/programs/{scene.till.program}/rules"
    await scene.refused(path, {"rules": {**RULES, **rules}}, 422, word, method="PUT")
    await scene.refused(path + "/check", {"rules": {**RULES, **rules}}, 422, word)


@on_sqlite
@pytest.mark.goal("M7")
async def test_a_window_that_ends_before_it_begins_is_refused(scene):
    await scene.refused(f"/programs/{scene.till.program}/promo-batches", {
        "key": "autumn", "name": "Autumn", "count": 1, "starts_on": "2026-12-02", "ends_on": "2026-12-01"}, 422, "ends_before")
    await scene.refused(f"/programs/{scene.till.program}/closing", {
        "earns_until": "2027-02-01T00:00:00Z", "spends_until": "2027-01-01T00:00:00Z"}, 422, "before")


@on_sqlite
@pytest.mark.goal("M7")
async def test_a_reward_without_stock_is_refused(scene):
    await scene.refused(f"/cards/{scene.card}/claims", {"reward": scene.reward}, 409, "out_of_stock")
    await scene.refused("/sales", {"card": scene.card, "amount": 10_000, "rewards": [scene.reward]}, 409, "out_of_stock")


@on_sqlite
@pytest.mark.goal("M7", "A3")
async def test_a_promo_code_of_another_business_is_refused_like_one_that_nobody_has(scene, client, here, other_shop):
    theirs = Till(client, here, other_shop)
    made = await theirs.post(f"/programs/{theirs.program}/promo-batches", {"key": "winter", "name": "Winter", "codes": ["WINTER26"]})
    assert made.status_code == 201
    for code in ("WINTER26", "NOBODYS"):
        for path in ("/sales", "/sales/quote"):
            await scene.refused(path, {"card": scene.card, "amount": 10_000, "promo_code": code}, 409, "promo_unknown")


@on_sqlite
@pytest.mark.goal("M7", "A3")
async def test_rewards_and_vouchers_of_another_business_are_refused_like_those_that_nobody_has(scene, here, other_shop):
    wish = RewardWish("tea", "text", Said("Tea", "Чай"), unit="points", cost=1)
    theirs = await benefits.create_reward(here.db, other_shop.who, other_shop.program_id, wish, here.clock.now())
    for text in (scene.till.id("reward", theirs.id), scene.till.id("reward", 999_999), "rwd_1", scene.till.id("voucher", 999_999), "x"):
        await scene.refused("/sales", {"card": scene.card, "amount": 10_000, "rewards": [text]}, 422, "unknown")
        await scene.refused(f"/cards/{scene.card}/claims", {"reward": text}, 404, "not_found")


@on_sqlite
@pytest.mark.goal("M7")
async def test_a_refund_larger_than_the_sale_and_a_refund_of_a_refund_are_refused(scene):
    refunds = f"/sales/{scene.sale}/refunds"
    await scene.refused(refunds, {"amount": 6_001}, 409, "refund_exceeds_sale")
    await scene.refused(f"/sales/{scene.refund}/refunds", {"amount": 100}, 409, "not_a_sale")
    await scene.refused(f"/sales/{scene.refund}/refunds", {"rest": True}, 409, "not_a_sale")
    await scene.refused(f"/sales/{scene.refund}/undo", {}, 409, "not_a_sale")
    await scene.refused(refunds, {}, 422, "required")
    await scene.refused(refunds, {"rest": True, "amount": 100}, 422, "contradiction")


@on_sqlite
@pytest.mark.goal("M7")
async def test_an_operation_of_the_future_or_of_73_hours_ago_is_refused(scene, here):
    now = here.clock.now()
    for at, word in ((now + timedelta(minutes=6), "in_the_future"), (now - timedelta(hours=73), "too_old")):
        for path in ("/sales", "/sales/quote"):
            await scene.refused(path, {"card": scene.card, "amount": 10_000, "at": rfc3339(at)}, 422, word)


@pytest.mark.goal("M3")
async def test_two_tills_that_spend_the_last_points_sell_once_and_refuse_once_with_a_sentence(till, here, shop):
    card = till.id("card", (await make_card(here, shop, points=100)).id)
    body = {"card": card, "amount": 20_000, "redeem": {"points": 100}}
    answers = await asyncio.gather(*[till.post("/sales", {**body, "receipt": f"A-{number}"}) for number in range(6)])
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"not_enough_points"}
    held = (await till.get(f"/cards/{card}")).json()["balances"]["points"]
    assert held == next(answer.json()["balances"]["points"] for answer in answers if answer.status_code == 201)
    done = (await till.get(f"/cards/{card}/operations")).json()["items"]
    assert [one["kind"] for one in done] == ["sale", "adjustment"]
