"""A QR code on the till's screen."""
import asyncio
from datetime import timedelta

import pytest

from app import secrets
from app.enrolment import screen, service
from app.enrolment.ways import WayClosed
from app.errors import Expired, Invalid, NotFound
from app.limits.rules import LimitReached
from tests.enrolment.joining import ANNA, TERMS
from tests.shops import make_card


@pytest.fixture
async def offered(joining):
    """(the code's id, its address on the phone)"""
    here, shop = joining.here, joining.shop
    shown = await screen.offer(here.db, here.ring, shop.cashier, shop.program_id, here.clock.now())
    return shown, "/q/" + screen.token_of(here.ring, await screen.get(here.db, shop.business_id, shown))


async def state(joining, shown):
    here = joining.here
    return (await screen.state_of(here.db, await screen.get(here.db, joining.shop.business_id, shown), here.clock.now()))[0]


async def test_the_phone_before_the_screen_has_its_card_without_a_message(client, joining, offered):
    shown, address = offered
    assert await state(joining, shown) == "waiting"
    assert "og:title" in (await client.get(address)).text
    taken = await client.post(address, data={"phone": "8 (916) 123-12-34"})
    assert taken.status_code == 303 and await state(joining, shown) == "opened"
    assert (await client.get(taken.headers["location"])).status_code == 200
    done = await client.post(taken.headers["location"], data=TERMS)
    assert done.headers["location"].startswith("/c/") and await state(joining, shown) == "taken"
    [enrolment] = await joining.all("enrolments")
    assert (enrolment["source"], enrolment["location_id"], enrolment["actor_kind"], enrolment["actor_id"]) == (
        "screen", joining.shop.location_id, "staff", joining.shop.cashier.id)
    [card] = await joining.all("cards")
    assert (card["source"], card["status"], card["location_id"]) == ("screen", "active", joining.shop.location_id)
    assert await joining.all("messages") == []


async def test_looking_at_the_code_a_hundred_times_changes_nothing(client, joining, offered):
    shown, address = offered
    before = await joining.counts()
    for _ in range(50):
        assert (await client.get(address)).status_code == 200
        assert (await client.head(address)).status_code == 200
    assert await joining.counts() == before and await state(joining, shown) == "waiting"


async def test_of_twenty_phones_at_once_one_takes_the_code(joining, offered):
    here, token = joining.here, offered[1].removeprefix("/q/")
    tries = [screen.take(here.db, here.ring, here.settings, token, f"+7916123{number:04}", "ru", "10.0.0.1", here.clock.now())
             for number in range(20)]
    told = await asyncio.gather(*tries, return_exceptions=True)
    assert len([one for one in told if isinstance(one, screen.Taken)]) == 1
    assert len([one for one in told if isinstance(one, Expired)]) == 19
    assert len(await joining.all("enrolments")) == 1


async def test_a_used_code_an_old_one_and_one_that_never_was_are_one_page(client, joining, offered):
    address = offered[1]
    await client.post(address, data={"phone": ANNA})
    used, unknown = await client.get(address), await client.get("/q/" + secrets.new_token())
    here, shop = joining.here, joining.shop
    old = await screen.offer(here.db, here.ring, shop.cashier, shop.program_id, here.clock.now())
    token = screen.token_of(here.ring, await screen.get(here.db, shop.business_id, old))
    here.clock.advance(minutes=5)
    for answer in (used, unknown, await client.get(f"/q/{token}"), await client.post(f"/q/{token}", data={"phone": ANNA})):
        assert (answer.status_code, answer.text) == (410, used.text)
    assert await state(joining, old) == "over"


async def test_a_number_that_the_business_knows_is_proven_by_a_message_and_shown_to_nobody(client, joining, offered):
    card = await make_card(joining.here, joining.shop, phone=ANNA)
    taken = await client.post(offered[1], data={"phone": ANNA})
    assert taken.status_code == 200 and "/a/" not in taken.text and "Анна" not in taken.text
    await joining.deliver()
    assert joining.inbox.path().startswith("/c/") and await state(joining, offered[0]) == "texted"
    assert [row["id"] for row in await joining.all("cards")] == [card.id]


async def test_a_number_that_waits_with_a_purchase_on_its_card_is_not_taken_over_at_a_screen(client, joining, offered):
    told = await joining.start(ANNA)
    taken = await client.post(offered[1], data={"phone": ANNA})
    assert taken.status_code == 200 and (await service.get(joining.here.db, joining.shop.business_id, told.id)).status == "sent"


async def test_without_a_number_only_where_the_programme_of_stamps_says_so(client, joining, offered):
    refused = await client.post(offered[1], data={"phone": "+7 "})
    assert refused.status_code == 422 and await state(joining, offered[0]) == "waiting"
    with pytest.raises(Invalid):
        await joining.allow(anonymous=True)
    await joining.give_stamps()
    await joining.allow(anonymous=True)
    assert "nobody can bring the card back" in (await client.get(offered[1], headers={"accept-language": "en"})).text
    taken = await client.post(offered[1], data={"phone": ""})
    page = await client.get(taken.headers["location"], headers={"accept-language": "en"})
    assert "This is not my number" not in page.text and "number ending" not in page.text
    done = await client.post(taken.headers["location"], data=TERMS)
    assert done.status_code == 303
    [customer] = await joining.all("customers")
    assert customer["phone_sealed"] is None and customer["email_sealed"] is None
    assert [row["purpose"] for row in await joining.all("consents")] == ["terms", "marketing"]


async def test_a_way_that_is_closed_offers_no_code_and_a_cashier_has_so_many_an_hour(joining):
    here, shop = joining.here, joining.shop
    for _ in range(screen.STAFF_HOUR):
        await screen.offer(here.db, here.ring, shop.cashier, shop.program_id, here.clock.now())
    with pytest.raises(LimitReached):
        await screen.offer(here.db, here.ring, shop.cashier, shop.program_id, here.clock.now())
    await joining.allow(screen=False)
    with pytest.raises(WayClosed):
        await screen.offer(here.db, here.ring, shop.who, shop.program_id, here.clock.now())


async def test_another_business_has_no_such_code(joining, offered, other_shop):
    with pytest.raises(NotFound):
        await screen.get(joining.here.db, other_shop.business_id, offered[0])


async def test_a_card_that_exists_is_handed_over_once(client, joining):
    here, shop = joining.here, joining.shop
    card = await make_card(here, shop)
    shown = await screen.offer(here.db, here.ring, shop.cashier, shop.program_id, here.clock.now(), card.id)
    address = "/q/" + screen.token_of(here.ring, await screen.get(here.db, shop.business_id, shown))
    assert "Анна" not in (await client.get(address)).text
    taken = await client.post(address, data={})
    assert taken.status_code == 303 and "Анна" in (await client.get(taken.headers["location"])).text
    assert (await client.post(address, data={})).status_code == 410 and await state(joining, shown) == "taken"


async def test_codes_of_screens_are_forgotten_after_some_days(joining, offered):
    here = joining.here
    assert await screen.forget_old(here.db, here.clock.now()) == 0
    assert await screen.forget_old(here.db, here.clock.now() + timedelta(days=3)) == 1
    assert await joining.all("screen_links") == []


async def test_a_link_of_the_screen_dies_with_its_half_hour(client, joining, offered):
    taken = await client.post(offered[1], data={"phone": ANNA})
    joining.here.clock.advance(minutes=30)
    assert (await client.get(taken.headers["location"])).status_code == 410
    assert await service.expire_due(joining.here.db, joining.here.ring, joining.here.clock.now()) == 1
    assert [row["phone_hash"] for row in await joining.all("enrolments")] == [None]


async def test_a_number_typed_before_a_screen_cannot_be_silenced_by_whoever_typed_it(client, joining, offered):
    taken = await client.post(offered[1], data={"phone": ANNA})
    link = taken.headers["location"]
    assert "/not-me" not in (await client.get(link)).text
    assert (await client.post(f"{link}/not-me")).status_code == 200
    assert await joining.all("suppressions") == [] and [row["status"] for row in await joining.all("enrolments")] == ["refused"]
    await joining.start(ANNA)
    assert len(joining.inbox.messages) == 1
