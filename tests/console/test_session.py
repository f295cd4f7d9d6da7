"""The console's door: sessions, their cookie, and the one-time link."""
import pytest

from app import secrets
from app.db import write_transaction
from app.staff import service as staff
from tests.console.visiting import HOST, audited, rows, sign_in, value_of, words_of
from tests.shops import PASSWORD

DOOR = "/console/sign-in"


async def knock(client, email="owner@coffee.example.com", password=PASSWORD, **parts):
    answer = await client.post(DOOR, data={"email": email, "password": password}, headers={"Accept-Language": "en", **parts})
    client.cookies.clear()
    return answer


async def test_signing_in_gives_a_cookie_that_scripts_and_other_sites_never_see(client, shop):
    answer = await knock(client)
    assert answer.status_code == 303 and answer.headers["location"] == "/console"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-") and len(cookie.split("=")[1].split(";")[0]) == 43
    parts = [part.strip().lower() for part in cookie.split(";")]
    assert {"httponly", "secure", "path=/"} < set(parts) and any(part.startswith("samesite=") for part in parts)


async def test_every_sign_in_is_a_session_of_its_own(client, shop):
    first, second = await knock(client), await knock(client)
    assert first.headers["set-cookie"] != second.headers["set-cookie"]


@pytest.mark.parametrize(("email", "password"), [("owner@coffee.example.com", "not the password"), ("nobody@coffee.example.com", PASSWORD),
                                                 ("not an address", PASSWORD), ("", "")])
async def test_a_wrong_password_and_an_unknown_address_are_told_the_same_and_the_address_is_kept(client, here, shop, email, password):
    before = await rows(here)
    answer = await knock(client, email, password)
    assert answer.status_code == 401 and "set-cookie" not in answer.headers
    assert "The address or the password is not right." in words_of(answer) and value_of(answer, "email") == email
    assert "not the password" not in answer.text and PASSWORD not in answer.text
    assert await rows(here) == before


async def test_a_cashier_is_sent_to_the_till(client, here, shop):
    before = await rows(here)
    answer = await knock(client, "cashier@coffee.example.com")
    assert answer.status_code == 403 and "Cashiers sign in at the till." in words_of(answer)
    assert "set-cookie" not in answer.headers and await rows(here) == before


async def test_the_eleventh_try_has_to_wait_even_with_the_right_password(client, shop):
    for _ in range(10):
        assert (await knock(client, password="guess")).status_code == 401
    answer = await knock(client)
    assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 0 and "set-cookie" not in answer.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_another_site_signs_nobody_in(client, here, shop, origin):
    before = await rows(here)
    assert (await knock(client, Origin=origin)).status_code == 403
    assert await rows(here) == before


@pytest.mark.parametrize("path", ["/console", "/console/customers", "/console/staff", "/console/audit"])
async def test_without_a_session_every_page_leads_to_the_door(client, shop, path):
    answer = await client.get(path)
    assert answer.status_code == 303 and answer.headers["location"] == DOOR and "no-store" in answer.headers["cache-control"]


async def test_a_session_ends_after_hours_without_use(client, clock, owner):
    clock.advance(hours=3, minutes=59)
    assert (await owner.get("/console")).status_code == 200
    clock.advance(hours=4, minutes=1)
    answer = await owner.get("/console")
    assert answer.status_code == 303 and answer.headers["location"] == DOOR


async def test_a_form_of_an_ended_session_does_nothing(here, clock, owner):
    clock.advance(hours=5)
    before = await rows(here)
    answer = await owner.post("/console/locations", {"name": "Late", "time_zone": "Europe/Moscow"})
    assert answer.status_code == 303 and answer.headers["location"] == DOOR and await rows(here) == before


async def test_signing_out_ends_the_session_on_the_server(here, shop, owner):
    answer = await owner.post("/console/sign-out")
    assert answer.status_code == 303 and answer.headers["location"] == DOOR
    assert (await owner.get("/console")).status_code == 303
    assert (await audited(here, shop.business_id))[0] == "staff.signed_out"


async def test_a_till_session_opens_no_console(client, shop):
    answer = await client.post("/till/sign-in", data={"email": "manager@coffee.example.com", "password": PASSWORD})
    assert answer.status_code == 303
    assert (await client.get("/console")).status_code == 303
    value = answer.headers["set-cookie"].split(";")[0].partition("=")[2]
    client.cookies.clear()
    name = (await knock(client)).headers["set-cookie"].partition("=")[0]
    assert (await client.get("/console", headers={"Cookie": f"{name}={value}"})).status_code == 303


# One-time links.

@pytest.fixture
async def link(here, shop):
    """The path of a new manager's link."""
    return await invited(here, shop, "manager")


async def invited(here, shop, role):
    token = secrets.new_secret()

    async def act(tx):
        staff_id = await staff.create_staff(tx, here.ring, shop.business_id, email="nina@coffee.example.com", name="Нина", role=role,
                                            now=here.clock.now())
        await staff.create_link(tx, here.ring, shop.business_id, staff_id, token, here.clock.now())

    await write_transaction(here.db, act)
    return f"/console/link/{token}"


async def use(client, link, password=PASSWORD, **headers):
    answer = await client.post(link, data={"password": password}, headers={"Accept-Language": "en", **headers})
    client.cookies.clear()
    return answer


async def test_opening_a_link_changes_nothing_however_often(client, here, link):
    before = await rows(here)
    for _ in range(3):
        answer = await client.get(link)
        assert answer.status_code == 200 and "nina@coffee.example.com" in answer.text
        assert "no-store" in answer.headers["cache-control"]
    assert await rows(here) == before


async def test_a_link_sets_the_password_and_signs_in_once(client, here, shop, link):
    answer = await use(client, link)
    assert answer.status_code == 303 and answer.headers["location"] == "/console" and "HttpOnly" in answer.headers["set-cookie"]
    assert (await audited(here, shop.business_id))[0] == "staff.password_set"
    before = await rows(here)
    again = await use(client, link, "four rather calm words")
    assert again.status_code == 410 and "used already" in words_of(again) and await rows(here) == before
    assert "set-cookie" not in again.headers
    await sign_in(client, "nina@coffee.example.com")


@pytest.mark.parametrize(("password", "said"), [("short", "at least 10"), ("aaaaaaaaaaaa", "too easy to guess"), ("x" * 201, "at most 200"),
                                                ("nina@coffee.example.com", "too easy to guess")])
async def test_a_weak_password_is_refused_and_the_link_still_works(client, here, link, password, said):
    before = await rows(here)
    answer = await use(client, link, password)
    assert answer.status_code == 422 and said in words_of(answer) and await rows(here) == before
    assert value_of(answer, "password") == ""
    assert (await use(client, link)).status_code == 303


async def test_a_cashiers_link_leads_to_the_till(client, here, shop):
    answer = await use(client, await invited(here, shop, "cashier"))
    assert answer.status_code == 303 and answer.headers["location"] == "/till"


async def test_a_link_dies_with_its_days_and_an_unknown_one_is_told_the_same(client, here, clock, link):
    clock.advance(days=3, seconds=1)
    late, unknown = await client.get(link), await client.get("/console/link/" + secrets.new_secret())
    assert late.status_code == unknown.status_code == 410
    assert words_of(late) == words_of(unknown) and "ask for a new" not in words_of(late) and "wallet" not in words_of(late)
    assert (await use(client, link)).status_code == 410


async def test_another_site_cannot_use_a_link(client, here, link):
    before = await rows(here)
    assert (await use(client, link, Origin="https://evil.example")).status_code == 403
    assert await rows(here) == before
    assert (await use(client, link, Origin=HOST)).status_code == 303
