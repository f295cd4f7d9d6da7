"""A shared tablet, as its browser uses it without scripts: pairing, names, PINs, the lock, practice."""
import base64
import re

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.devices import pins
from app.devices import service as devices
from tests.shops import PASSWORD, make_card
from tests.till.sharing import ORIGIN, PIN, face, hidden, paired, sign_in


@pytest.fixture
async def tablet(client, here, shop):
    return await paired(client, here, shop)


async def test_a_tablet_is_paired_from_the_console_by_a_typed_code(client, here, shop) -> None:
    from tests.console.visiting import sign_in as sign_in_at_console

    manager = await sign_in_at_console(client, "manager@coffee.example.com")
    place = here.ids.encode("location", shop.location_id)
    shown = (await manager.post("/console/devices", {"name": "By the window", "location": place})).text
    typed = re.search(r'pairing__typed code">([^<]+)<', shown)[1]
    assert "<svg" in shown
    client.headers.update(ORIGIN)
    answer = await client.post("/till/pair", data={"code": typed.lower()})
    page = (await client.get(answer.headers["location"])).text
    assert "By the window" in page
    assert "Pushkin Street" in page
    key = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(serialization.Encoding.DER,
                                                                            serialization.PublicFormat.SubjectPublicKeyInfo)
    answer = await client.post(answer.headers["location"], data={"public_key": base64.urlsafe_b64encode(key).decode().rstrip("=")})
    cookie = next(each for each in answer.headers.get_list("set-cookie") if "tessera-device" in each)
    for flag in ("__Host-tessera-device=", "HttpOnly", "Secure", "SameSite=lax", "Max-Age=31536000"):
        assert flag in cookie
    start = (await client.get("/till/start")).text
    assert base64.urlsafe_b64encode(key).decode().rstrip("=") in start
    assert "By the window" in (await manager.page("/console/devices"))
    gone = await client.post("/till/pair", data={"code": typed})
    assert (await client.get(gone.headers["location"])).status_code == 410


async def test_no_key_that_is_none_is_kept(client, here, shop) -> None:
    code = await devices.offer(here.db, here.ring, shop.who, "Till 1", None, here.clock.now())
    answer = await client.post(f"/till/pair/{code}", data={"public_key": "bm9uc2Vuc2U"}, headers=ORIGIN)
    assert answer.status_code == 422
    assert await here.db.fetch_val("SELECT COUNT(*) FROM devices") == 0


async def test_names_are_shown_to_a_paired_tablet_alone(client, tablet) -> None:
    assert "Cashier" in (await tablet.get("/till/start")).text
    address = await face(tablet, "Cashier")
    tablet.cookies.clear()
    for path in ("/till/start", address):
        answer = await tablet.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/till/sign-in")
        assert "Cashier" not in answer.text


async def test_a_pin_opens_the_till_and_the_next_one_is_two_touches_away(tablet, here, shop) -> None:
    answer = await sign_in(tablet, "Cashier")
    assert (answer.status_code, answer.headers["location"]) == (303, "/till")
    page = (await tablet.get("/till")).text
    assert "Pushkin Street" in page
    locked = await tablet.post("/till/lock", data=hidden(page))
    assert locked.headers["location"] == "/till/start"
    assert (await tablet.get("/till")).headers["location"].startswith("/till/start")
    assert (await sign_in(tablet, "Manager")).headers["location"] == "/till"
    rows_ = await here.db.fetch_all("SELECT action FROM audit_entries WHERE business_id = :id AND action LIKE 'staff.%' ORDER BY id",
                                    {"id": shop.business_id})
    assert [row["action"] for row in rows_] == ["staff.signed_in", "staff.till_locked", "staff.signed_in"]


async def test_a_wrong_pin_says_one_sentence_and_ten_of_them_wait(tablet) -> None:
    for _ in range(10):
        answer = await sign_in(tablet, "Cashier", "8265")
        assert answer.status_code == 401
        assert "This is not the PIN" in answer.text
        assert "8265" not in answer.text
    answer = await sign_in(tablet, "Cashier")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 900


async def test_an_idle_tablet_asks_for_the_pin_and_leads_back_to_the_card(tablet, here, shop) -> None:
    card = await make_card(here, shop)
    await sign_in(tablet, "Cashier")
    path = f"/till/cards/{here.ids.encode('card', card.id)}"
    form = hidden((await tablet.get(path)).text)
    here.clock.advance(minutes=5)
    answer = await tablet.post(path, data={**form, "act": "earn", "amount": "100"})
    assert answer.headers["location"] == "/till/start?next=" + path.replace("/", "%2F")
    assert await here.db.fetch_val("SELECT COUNT(*) FROM operations") == 0
    assert (await sign_in(tablet, "Cashier", address=answer.headers["location"])).headers["location"] == path


@pytest.mark.parametrize("back", [
    "https://evil.example/till", "//evil.example", "/console", "/till/lock", "/till/../console", "/till/cards/a%0d"])
async def test_a_pin_leads_back_to_pages_of_the_till_alone(tablet, back) -> None:
    assert (await sign_in(tablet, "Cashier", address=f"/till/start?next={back}")).headers["location"] == "/till"


async def test_whoever_puts_the_tablet_out_ends_it_with_the_next_request(tablet, client, here, shop) -> None:
    await sign_in(tablet, "Cashier")
    [(device, _)] = await devices.list_devices(here.db, shop.who)
    await devices.revoke(here.db, shop.who, device.id, here.clock.now())
    answer = await tablet.get("/till")
    assert answer.status_code == 303
    answer = await tablet.get("/till/start")
    assert answer.headers["location"] == "/till/sign-in"


async def test_a_password_on_a_tablet_leads_to_a_first_pin(tablet, here, shop) -> None:
    sent = {"email": "owner@coffee.example.com", "password": PASSWORD}
    assert (await tablet.post("/till/sign-in", data=sent)).headers["location"] == "/till/pin"
    form = hidden((await tablet.get("/till/pin")).text)
    assert (await tablet.post("/till/pin", data={**form, "pin": "1234", "again": "1234"})).status_code == 422
    assert (await tablet.post("/till/pin", data={**form, "pin": "9137", "again": "9173"})).status_code == 422
    assert (await tablet.post("/till/pin", data={**form, "pin": "9137", "again": "9137"})).status_code == 303
    assert (await tablet.post("/till/sign-in", data=sent)).headers["location"] == "/till"
    page = (await tablet.get("/till")).text
    await tablet.post("/till/lock", data=hidden(page))
    assert (await sign_in(tablet, "Owner", "9137")).headers["location"] == "/till"


async def test_a_link_for_a_pin_works_once_in_a_stranger_s_browser_and_signs_nobody_in(client, here, shop) -> None:
    _, token = await pins.offer_link(here.db, here.ring, shop.who, shop.cashier.id, here.clock.now())
    page = await client.get(f"/till/pins/{token}", headers=ORIGIN)
    assert "Cashier" in page.text
    answer = await client.post(f"/till/pins/{token}", data={"pin": PIN, "again": PIN}, headers=ORIGIN)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert (await client.get(f"/till/pins/{token}")).status_code == 410


async def test_a_pin_page_leads_straight_into_practice_and_the_card_prints(tablet) -> None:
    answer = await sign_in(tablet, "Cashier", address="/till/start?practice=1")
    assert answer.headers["location"] == "/till/practice"
    page = (await tablet.get("/till/practice/card")).text
    assert "<svg" in page
    assert "For practice only" in page
    assert (await tablet.get("/till")).text.count("Practice: nothing counts") == 1


async def test_an_agent_has_a_pin_and_sees_no_practice(tablet) -> None:
    assert (await sign_in(tablet, "Agent")).headers["location"] == "/till/enrol"
    assert (await tablet.get("/till/practice")).status_code == 403
