"""What a manager does on a card's page: levels by hand, tags, visits that rest, events, corrections of any unit."""
import pytest

from app.ledger import service as ledger
from app.programs.rules import ProgramRules
from app.programs.terms import Conversion, Earn, Level, Levels, Package, Rule, Said, Stamps, Visits, When
from app.sales import purchases
from tests.console.visiting import audited, rows, sign_in, value_of, words_of
from tests.shops import make_card, make_shop

LEVELS = Levels((Level("basic", Said("Basic", "Базовый"), 0), Level("gold", Said("Gold", "Золото"), 1_000_000)))
REVIEW = Rule("review", Said("A review", "Отзыв"), Earn(30), When(event="review"))
RICH = ProgramRules(earn_points=5, levels=LEVELS, rules=(REVIEW,), stamps=Stamps(Conversion(6, ("gift",))),
                    visits=Visits((Package("ten", Said("Ten", "Десять"), 10, 450_000, 90),), freeze_days=14))


@pytest.fixture
async def rich(here):
    return await make_shop(here, rules=RICH)


@pytest.fixture
async def card(here, rich):
    return await make_card(here, rich)


@pytest.fixture
async def manager(client, rich):
    return await sign_in(client, "manager@coffee.example.com")


def path_of(here, card, *steps):
    return "/".join((f"/console/cards/{here.ids.encode('card', card.id)}", *steps))


async def held(here, card):
    return (await ledger.shown(here.db, card.account_id, here.clock.now())).available


async def test_a_level_is_set_with_a_reason_and_an_end_and_stands_in_the_history(here, rich, manager, card):
    answer = await manager.post(path_of(here, card, "level"), {"level": "gold", "level_reason": "a friend of the house",
                                                               "level_until": "2026-12-31"})
    assert answer.status_code == 303
    page = await manager.page(answer.headers["location"])
    assert "The level is set." in page and "by hand · Manager · a friend of the house · until 31 December" in page
    assert "Золото" in await manager.page(path_of(here, card), "ru")
    assert (await audited(here, rich.business_id))[0] == "card.level_set"


@pytest.mark.parametrize(("field", "changes"), [("level_reason", {"level_reason": ""}), ("level_until", {"level_until": "2026-11-01"}),
                                                ("level_until", {"level_until": "soon"}), ("level", {"level": "platinum"})])
async def test_a_level_that_cannot_be_comes_back_with_what_was_typed(here, rich, manager, card, field, changes):
    before = await rows(here)
    answer = await manager.post(path_of(here, card, "level"), {"level": "gold", "level_reason": "why", "level_until": "", **changes})
    assert answer.status_code == 422 and 'aria-invalid="true"' in answer.text and await rows(here) == before
    if field != "level_reason":
        assert value_of(answer, "level_reason") == "why"


async def test_tags_are_given_and_taken(here, rich, manager, card):
    await manager.post(path_of(here, card, "tag"), {"tag": "VIP"})
    assert "vip" in await manager.page(path_of(here, card))
    await manager.post(path_of(here, card, "untag"), {"tag": "vip"})
    assert " vip " not in await manager.page(path_of(here, card))
    wrong = await manager.post(path_of(here, card, "tag"), {"tag": "%%"})
    assert wrong.status_code == 422 and value_of(wrong, "event_key") == ""


async def test_an_event_gives_what_the_rules_say_once(here, rich, manager, card):
    sent = {"event": "review", "event_key": "r-17", "event_quantity": "1"}
    answer = await manager.post(path_of(here, card, "event"), sent)
    assert "It is counted" in await manager.page(answer.headers["location"])
    assert (await manager.post(path_of(here, card, "event"), sent)).status_code == 303
    assert (await held(here, card))["points"] == 30
    wrong = await manager.post(path_of(here, card, "event"), {**sent, "event_key": "", "event_quantity": "x"})
    assert wrong.status_code == 422 and value_of(wrong, "event_quantity") == "x"


async def test_visits_rest_and_wake(here, rich, manager, card):
    assert "Let the visits rest" not in await manager.page(path_of(here, card))
    await purchases.buy_package(here.db, rich.cashier, card.id, "ten", None, here.clock.now())
    wrong = await manager.post(path_of(here, card, "freeze"), {"freeze_days": "many"})
    assert wrong.status_code == 422 and value_of(wrong, "freeze_days") == "many"
    await manager.post(path_of(here, card, "freeze"), {"freeze_days": "7"})
    page = (await manager.page(path_of(here, card))).replace("\u00a0", " ")
    assert "Still waiting 10 visits" in page and "Wake the visits now" in page
    await manager.post(path_of(here, card, "unfreeze"))
    assert (await held(here, card))["visits"] == 10


async def test_visits_live_longer_with_a_reason(here, rich, manager, card):
    assert "Let the visits live longer" not in await manager.page(path_of(here, card))
    await purchases.buy_package(here.db, rich.cashier, card.id, "ten", None, here.clock.now())
    last = await here.db.fetch_val("SELECT MAX(expires_at) FROM lots WHERE unit = 'visits'")
    wrong = await manager.post(path_of(here, card, "extend"), {"extend_days": "5", "extend_reason": ""})
    assert wrong.status_code == 422 and value_of(wrong, "extend_days") == "5"
    answer = await manager.post(path_of(here, card, "extend"), {"extend_days": "5", "extend_reason": "the pool was closed"})
    assert "The visits live longer." in await manager.page(answer.headers["location"])
    assert await here.db.fetch_val("SELECT MAX(expires_at) FROM lots WHERE unit = 'visits'") == last + 5 * 86_400_000
    assert "Пусть визиты живут дольше" in await manager.page(path_of(here, card), "ru")


@pytest.mark.parametrize(("unit", "typed", "after"), [("stamps", "4", 4), ("visits", "+2", 2), ("points", "15", 15)])
async def test_any_balance_of_the_programme_is_corrected(here, rich, manager, card, unit, typed, after):
    answer = await manager.post(path_of(here, card, "adjust"), {"unit": unit, "points": typed, "reason": "why", "key": "k1"})
    assert answer.status_code == 303 and (await held(here, card))[unit] == after


async def test_money_is_corrected_in_major_units(here, client):
    shop = await make_shop(here, "cash", rules=ProgramRules(unit="money", earn_points=500, worth_minor=1))
    card, manager = await make_card(here, shop), await sign_in(client, "manager@cash.example.com")
    await manager.post(path_of(here, card, "adjust"), {"points": "12,50", "reason": "why", "key": "k1"})
    assert (await held(here, card))["money"] == 1_250
    refused = await manager.post(path_of(here, card, "adjust"), {"points": "-20", "reason": "why", "key": "k2"})
    assert refused.status_code == 409 and value_of(refused, "points") == "-20"
    unknown = await manager.post(path_of(here, card, "adjust"), {"unit": "visits", "points": "2", "reason": "why", "key": "k3"})
    assert unknown.status_code == 422 and "do not hold that" in words_of(unknown)
