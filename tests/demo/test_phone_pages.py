import asyncio
import json

import httpx2
import pytest
from starlette.applications import Starlette

from app.clock import FixedClock
from app.context import Context
from app.demo import phone_pages
from app.demo.fakes.apns import FakeApns, Push
from app.demo.phone import Phone
from app.settings import load
from app.web.events import Broker
from tests.demo.conftest import NOON, PASS_TYPE

GOOD_HEADERS = {":method": "POST", ":path": "/3/device/x", "apns-topic": PASS_TYPE}
CARD_PAGE = "http://127.0.0.1:9/c/aVerySecretToken"


@pytest.fixture
async def here(tmp_path, root_pem, service):
    settings = load({"TESSERA_DATA": str(tmp_path)}, demo=True)
    made = Context(settings, None, None, None, FixedClock(NOON), {"broker": Broker()})
    made.extras["demo.phone"] = Phone(root_pem=root_pem, clock=made.clock, transport=service, retry_seconds=())
    yield made
    await made.extras["demo.phone"].close()


@pytest.fixture
async def browser(here):
    app = Starlette(routes=phone_pages.routes)
    app.state.context = here
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=here.settings.url) as made:
        yield made


async def test_an_empty_phone_offers_a_form_with_a_required_address(browser):
    page = await browser.get("/demo/phone")
    assert page.status_code == 200 and 'name="address"' in page.text and "required" in page.text
    assert page.headers["cache-control"] == "private, no-store"


async def test_adding_a_card_shows_it_with_its_balance_in_plain_digits(browser, service, maker):
    service.publish(maker.make(12345))
    answer = await browser.post("/demo/phone", data={"address": CARD_PAGE})
    assert (answer.status_code, answer.headers["location"]) == (303, "/demo/phone")
    page = (await browser.get("/demo/phone")).text
    assert ">12345<" in page and "9000 0000 0000 0000" in page and "Registered" in page
    assert "aVerySecretToken" not in page


async def test_a_push_puts_the_new_balance_and_the_message_on_the_screen_in_either_language(browser, here, service, maker):
    service.publish(maker.make(100))
    await browser.post("/demo/phone", data={"address": CARD_PAGE})
    service.publish(maker.make(150))
    await here.extras["demo.phone"].pushed(PASS_TYPE)
    assert "You have 150 points" in (await browser.get("/demo/phone")).text
    russian = (await browser.get("/demo/phone", headers={"Accept-Language": "ru"})).text
    assert "У вас 150 баллов" in russian
    here.clock.advance(minutes=2)
    assert "У вас 150 баллов" not in (await browser.get("/demo/phone", headers={"Accept-Language": "ru"})).text


async def test_an_address_without_a_pass_is_said_beside_the_field_with_what_was_typed(browser, service):
    service.failures = [httpx2.Response(404)]
    answer = await browser.post("/demo/phone", data={"address": "http://127.0.0.1:9/c/wrong"})
    assert answer.status_code == 422 and "No pass came from this address" in answer.text
    assert "404" in answer.text and "http://127.0.0.1:9/c/wrong" in answer.text


@pytest.mark.parametrize("address", ["", "nonsense", "ftp://x/y", "http://[", "javascript:alert(1)"])
async def test_nonsense_in_the_address_is_an_error_and_no_crash(browser, address):
    assert (await browser.post("/demo/phone", data={"address": address})).status_code == 422


async def test_a_form_from_another_site_is_refused(browser):
    from app.web.forms import Forged
    with pytest.raises(Forged):
        await browser.post("/demo/phone", data={"address": CARD_PAGE}, headers={"Origin": "https://evil.example"})


async def test_the_card_on_top_can_be_removed(browser, service, maker):
    service.publish(maker.make(100))
    await browser.post("/demo/phone", data={"address": CARD_PAGE})
    await browser.post("/demo/phone/remove", data={"pass_type": PASS_TYPE, "serial_number": "serial-1"})
    assert not service.registered and "Unregistered" in (await browser.get("/demo/phone")).text


async def test_a_card_of_another_type_or_none_is_not_removed(browser, here, service, maker):
    service.publish(maker.make(100))
    await browser.post("/demo/phone", data={"address": CARD_PAGE})
    for data in ({"pass_type": "pass.other", "serial_number": "serial-1"}, {"serial_number": "serial-1"}, {}):
        assert (await browser.post("/demo/phone/remove", data=data)).status_code == 303
    assert len(here.extras["demo.phone"].passes) == 1


@pytest.mark.parametrize("over", [{"voided": True}, {"expirationDate": "2026-11-22T12:00:00Z"}])
async def test_a_card_that_has_ended_moves_out_of_sight_and_stays_on_the_phone(browser, here, service, maker, over):
    service.publish(maker.make(100))
    await browser.post("/demo/phone", data={"address": CARD_PAGE})
    assert "have ended" not in (await browser.get("/demo/phone")).text
    service.publish(maker.make(100, **over))
    await here.extras["demo.phone"].pushed(PASS_TYPE)
    page = (await browser.get("/demo/phone")).text
    assert "Hidden, because they have ended: 1" in page and page.index("<details class=\"handset__ended") < page.index("handset__pass ")
    russian = (await browser.get("/demo/phone", headers={"Accept-Language": "ru"})).text
    assert "Скрыты, потому что закончились: 1" in russian


async def test_a_card_whose_end_is_yet_to_come_is_in_sight(browser, service, maker):
    service.publish(maker.make(100, expirationDate="2026-11-22T12:00:01Z"))
    await browser.post("/demo/phone", data={"address": CARD_PAGE})
    assert "have ended" not in (await browser.get("/demo/phone")).text


async def test_the_tiles_under_a_pass_have_their_words_in_either_language(browser, service, maker):
    actions = [{"identifier": "0", "type": "order", "url": "https://coffee.example/order"},
               {"identifier": "1", "type": "place", "placeIdentifier": "I6FD7682FD36BB3BE"}]
    service.publish(maker.make(100, featuredActions=actions))
    await browser.post("/demo/phone", data={"address": CARD_PAGE})
    assert "<li>Order</li><li>Show on the map</li>" in (await browser.get("/demo/phone")).text
    russian = (await browser.get("/demo/phone", headers={"Accept-Language": "ru"})).text
    assert "<li>Заказать</li>" in russian


async def test_the_screen_shows_the_passs_own_pictures(browser, here, service, maker):
    service.publish(maker.make(100))
    await browser.post("/demo/phone", data={"address": CARD_PAGE})
    contents = here.extras["demo.phone"].passes[0].contents
    digest = json.loads(contents.files["manifest.json"])["logo@3x.png"]
    assert f'<img src="/demo/phone/pictures/{digest}"' in (await browser.get("/demo/phone")).text
    answer = await browser.get(f"/demo/phone/pictures/{digest}")
    assert answer.headers["content-type"] == "image/png" and answer.content == contents.files["logo@3x.png"]


async def test_a_picture_that_no_pass_has_is_not_found(browser):
    from app.errors import NotFound
    with pytest.raises(NotFound):
        await browser.get("/demo/phone/pictures/" + "0" * 40)


async def test_the_phone_lives_beside_the_server_is_told_by_apns_and_wakes_the_page(tmp_path, certificates):
    settings = load({"TESSERA_DATA": str(tmp_path)}, demo=True)
    folder = tmp_path / "certificates"
    folder.mkdir()
    (folder / "root.pem").write_bytes(certificates.root.read_bytes())
    broker = Broker()
    here = Context(settings, None, None, None, FixedClock(NOON), {"broker": broker})
    fake = FakeApns(certificates.apns, certificates.apns_key, certificates.root)
    async with phone_pages.living(here, apns=fake):
        phone = here.extras["demo.phone"]
        stream = broker.stream(phone_pages.TOPIC)
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        fake.judge(Push(phone.memory.push_token, GOOD_HEADERS, b"{}"), PASS_TYPE)
        assert await waiting == 0
        await stream.aclose()
        assert [step.text for step in phone.steps] == ["Push received"]
