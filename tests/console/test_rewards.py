"""The catalogue in the console: what a manager types is what is given; wrong fields come back with a sentence and nothing is kept."""
import pytest

from app.benefits import service as benefits
from app.benefits.opening import open_program
from app.benefits.rules import RewardWish
from app.programs import service as programs
from app.programs.kinds import KINDS
from app.programs.terms import Said
from tests.console.visiting import audited, rows, sign_in, value_of, words_of

REWARDS = "/console/rewards"
COFFEE = {"name_en": "A free coffee", "name_ru": "Кофе в подарок", "kind": "product", "sku": "C1", "value": "90", "unit": "points",
          "cost": "150", "days": "14", "stock": "5", "stock_was": "", "level": "", "position": ""}


async def reward(here, shop, key="a-free-coffee"):
    return await benefits.get_reward(here.db, shop.business_id, shop.program_id, key)


async def test_an_empty_catalogue_says_what_will_stand_there(manager):
    assert "No reward yet" in await manager.page(REWARDS)
    assert "Пока нет наград" in await manager.page(REWARDS, "ru")


async def test_a_reward_is_added_with_its_numbers_and_listed(here, shop, manager):
    answer = await manager.post(REWARDS, COFFEE)
    assert answer.status_code == 303
    assert "The reward is in the catalogue." in words_of(await manager.get(answer.headers["location"]))
    made = await reward(here, shop)
    assert (made.kind, made.sku, made.value, made.unit, made.cost, made.days, made.stock) == ("product", "C1", 9_000, "points", 150, 14, 5)
    assert made.names == Said("A free coffee", "Кофе в подарок")
    page = await manager.page(REWARDS)
    assert "A free coffee given a product of the receipt, free · for 150 points · 5 left" in page
    assert (await audited(here, shop.business_id))[0] == "reward.created"


@pytest.mark.parametrize(("typed", "kind", "value"), [("12,5", "discount", 1_250), ("100", "discount", 10_000),
                                                      ("300.50", "money_off", 30_050)])
async def test_what_it_is_worth_is_read_as_its_kind_says(here, shop, manager, typed, kind, value):
    assert (await manager.post(REWARDS, {**COFFEE, "kind": kind, "value": typed})).status_code == 303
    assert (await reward(here, shop)).value == value


@pytest.mark.parametrize(("field", "changes"), [
    ("name", {"name_en": "", "name_ru": "", "kind": "service"}), ("kind", {"kind": "car"}), ("value", {"kind": "discount", "value": "140"}),
    ("value", {"value": "many"}), ("sku", {"sku": ""}), ("cost", {"cost": "0"}), ("cost", {"cost": "-5"}), ("days", {"days": "0"}),
    ("stock", {"stock": "some"}), ("unit", {"unit": "miles"})])
async def test_a_wrong_reward_comes_back_with_a_sentence_and_what_was_typed(here, shop, manager, field, changes):
    before = await rows(here)
    answer = await manager.post(REWARDS, {**COFFEE, **changes})
    assert answer.status_code == 422 and 'role="alert"' in answer.text and 'aria-invalid="true"' in answer.text
    assert value_of(answer, "days") == {**COFFEE, **changes}["days"]
    assert await rows(here) == before


async def test_a_second_reward_of_the_same_name_is_refused(here, shop, manager):
    await manager.post(REWARDS, COFFEE)
    before = await rows(here)
    answer = await manager.post(REWARDS, COFFEE)
    assert answer.status_code == 409 and "exists already" in words_of(answer)
    assert await rows(here) == before


async def test_a_reward_is_changed_and_a_stock_that_moved_is_said(here, shop, manager):
    await manager.post(REWARDS, COFFEE)
    page = await manager.get(f"{REWARDS}/a-free-coffee")
    assert (value_of(page, "stock_was"), value_of(page, "value")) == ("5", "90")
    changed = {**COFFEE, "name_en": "An espresso", "stock": "9", "stock_was": "5"}
    assert (await manager.post(f"{REWARDS}/a-free-coffee", changed)).status_code == 303
    assert ((await reward(here, shop)).names.en, (await reward(here, shop)).stock) == ("An espresso", 9)
    before = await rows(here)
    answer = await manager.post(f"{REWARDS}/a-free-coffee", {**changed, "stock": "12"})
    assert answer.status_code == 409 and "Meanwhile some of these were handed out" in words_of(answer)
    assert await rows(here) == before


async def test_a_closed_reward_is_not_given_until_it_is_opened_again(here, shop, manager):
    await manager.post(REWARDS, COFFEE)
    for act, closed, said in (("close", True, "Vouchers stay good."), ("open", False, "It is given again.")):
        answer = await manager.post(f"{REWARDS}/a-free-coffee/{act}")
        assert said in words_of(await manager.get(answer.headers["location"]))
        assert (await reward(here, shop)).is_closed == closed
    assert (await manager.post(f"{REWARDS}/a-free-coffee/burn")).status_code == 404


async def test_tickets_are_added_sealed_and_never_shown_again(here, shop, manager):
    await manager.post(REWARDS, {**COFFEE, "kind": "text", "sku": "", "stock": ""})
    answer = await manager.post(f"{REWARDS}/a-free-coffee/codes", {"pieces": "SEAT-1\nSEAT-2\n"})
    page = await manager.get(answer.headers["location"])
    assert "Each is handed out once." in words_of(page) and "2 left" in words_of(page) and "SEAT" not in page.text
    assert (await reward(here, shop)).has_pieces
    before = await rows(here)
    assert (await manager.post(f"{REWARDS}/a-free-coffee/codes", {"pieces": " "})).status_code == 422
    assert await rows(here) == before


async def test_another_businesss_rewards_do_not_exist_here(client, here, shop, other_shop, manager):
    tea = RewardWish("tea", "service", Said("Tea"))
    await benefits.create_reward(here.db, other_shop.who, other_shop.program_id, tea, here.clock.now())
    theirs = f"?program={here.ids.encode('program', other_shop.program_id)}"
    before = await rows(here)
    assert (await manager.get(f"{REWARDS}/tea")).status_code == 404
    assert (await manager.get(REWARDS + theirs)).status_code == 404
    assert (await manager.post(f"{REWARDS}/tea/close{theirs}")).status_code == 404
    assert await rows(here) == before
    stranger = await sign_in(client, "manager@leaf.example.com")
    assert "Tea" in await stranger.page(REWARDS)


async def test_a_form_without_its_token_changes_nothing(here, manager):
    before = await rows(here)
    assert (await manager.post(REWARDS, COFFEE, token="0" * 32)).status_code == 403
    assert await rows(here) == before


async def test_the_programme_is_chosen_on_the_page_where_there_are_several(here, shop, manager):
    assert 'aria-label="Programme"' not in (await manager.get(REWARDS)).text
    business = await programs.get_business(here.db, shop.business_id)
    kind = KINDS["stamps"]
    second = await open_program(here.db, shop.who, business, kind, Said("Coffee club", "Кофейный клуб"), "second", kind.rules("RUB"),
                                here.clock.now())
    url = f"{REWARDS}?program={here.ids.encode('program', second)}"
    first = (await manager.get(REWARDS)).text
    assert f'href="{url}"' in first
    assert 'aria-current="true"><bdi>Coffee club</bdi>' not in first
    assert 'aria-current="true"><bdi>Coffee club</bdi>' in (await manager.get(url)).text
