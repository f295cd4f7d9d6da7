"""Cards without a number, from a poster."""
import pytest

from app.enrolment import asking
from tests.enrolment.joining import TERMS

EN = {"accept-language": "en"}
WITHOUT = {"without": "1"}


@pytest.fixture
async def stamps(joining):
    await joining.give_stamps()
    await joining.allow(anonymous=True)
    return joining


async def test_a_poster_gives_a_card_without_a_number_and_says_that_it_cannot_be_brought_back(client, stamps):
    page = await client.get("/e/coffee?from=door", headers=EN)
    assert "nobody can bring them back" in page.text
    begun = await client.post("/e/coffee?from=door", data=WITHOUT)
    done = await client.post(begun.headers["location"], data=TERMS)
    assert (await client.get(done.headers["location"])).status_code == 200
    [enrolment] = await stamps.all("enrolments")
    assert (enrolment["source"], enrolment["poster"], enrolment["status"]) == ("poster", "door", "activated")
    assert await stamps.all("messages") == []


async def test_a_browser_has_one_a_day_and_is_led_back_to_it(client, stamps):
    begun = await client.post("/e/coffee", data=WITHOUT)
    done = await client.post(begun.headers["location"], data=TERMS)
    again = await client.post("/e/coffee", data=WITHOUT)
    assert again.headers["location"] == begun.headers["location"]
    found = await client.get(again.headers["location"])
    assert found.status_code == 303 and found.headers["location"] == done.headers["location"]
    assert len(await stamps.all("cards")) == 1


async def test_an_address_that_forgets_its_cookies_solves_puzzles_and_then_gets_no_more(client, stamps, monkeypatch):
    for _ in range(3):
        client.cookies.clear()
        assert (await client.post("/e/coffee", data=WITHOUT)).status_code == 303
    client.cookies.clear()
    assert "data-work" in (await client.post("/e/coffee", data=WITHOUT)).text
    monkeypatch.setattr(asking, "ADDRESS_SOFT", 100)
    monkeypatch.setattr(asking, "ANONYMOUS_TRIES", 4)
    client.cookies.clear()
    assert (await client.post("/e/coffee", data=WITHOUT)).status_code == 303
    client.cookies.clear()
    assert (await client.post("/e/coffee", data=WITHOUT)).status_code == 422
    assert len(await stamps.all("enrolments")) == 4


async def test_where_the_programme_says_nothing_of_it_nobody_gets_one(client, joining):
    assert "Without a number" not in (await client.get("/e/coffee", headers=EN)).text
    answer = await client.post("/e/coffee", data=WITHOUT, headers=EN)
    assert answer.status_code == 422 and "gives no cards this way" in answer.text
    assert await joining.all("enrolments") == []


async def test_rules_that_give_no_stamps_any_more_close_the_way(client, stamps):
    from app.programs import service as programs
    from tests.shops import RULES

    await programs.change_rules(stamps.here.db, stamps.shop.who, stamps.shop.program_id, RULES, stamps.here.clock.now())
    assert (await client.post("/e/coffee", data=WITHOUT)).status_code == 422
