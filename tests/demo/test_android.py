"""The Android twin shows what our Google keeps, saves a card after a press, and lends Google's addresses the server's own port."""
import asyncio
import json
import re
import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest
from starlette.applications import Starlette

from app.clock import FixedClock
from app.context import Context
from app.db import write_transaction
from app.demo import android_pages, demo_file, equipment
from app.demo.android import code_at, code_svg, drawn, said, totp
from app.demo.fakes.google import FakeGoogle
from app.google import reconcile, store
from app.settings import Settings, load
from app.web.events import Broker
from app.web.forms import Forged
from tests.demo.conftest import NOON
from tests.demo.test_fake_google import CLASS_ID, OBJECT_ID, loyalty_class, loyalty_object
from tests.shops import make_card, make_shop

RFC_KEY = b"12345678901234567890"
TURNING = {"type": "QR_CODE", "valuePattern": "9000{totp_value_0}", "alternateText": "9000",
           "totpDetails": {"algorithm": "TOTP_SHA1", "periodMillis": "30000", "parameters": [{"key": RFC_KEY.hex(), "valueLength": 8}]}}


def both(en: str, ru: str) -> dict[str, Any]:
    return {"defaultValue": {"language": "en", "value": en}, "translatedValues": [{"language": "ru", "value": ru}]}


def shown(stored: dict[str, Any], of_class: dict[str, Any] | None = None, language: str = "en", now: datetime = NOON) -> Any:
    return drawn(stored, of_class or loyalty_class(), language, now, "http://127.0.0.1:8000")


# Drawing

@pytest.mark.parametrize(("seconds", "code"), [(59, "94287082"), (1111111109, "07081804"), (1111111111, "14050471"),
                                              (1234567890, "89005924"), (2000000000, "69279037"), (20000000000, "65353130")])
def test_a_rotating_code_is_the_rfcs(seconds: int, code: str) -> None:
    assert totp(RFC_KEY, seconds // 30, 8) == code
    told, period = code_at({"rotatingBarcode": TURNING, "barcode": {"type": "QR_CODE", "value": "still"}},
                           datetime.fromtimestamp(seconds, UTC))
    assert (told["value"], period) == (f"9000{code}", 30_000)


def test_a_text_is_said_in_the_phones_language_else_in_its_own() -> None:
    body = {"programName": "Club", "localizedProgramName": both("Coffee club", "Клуб")}
    assert [said(body, "programName", language) for language in ("en", "ru", "fr")] == ["Coffee club", "Клуб", "Coffee club"]
    assert said({"programName": "Club"}, "programName", "ru") == "Club"


@pytest.mark.parametrize(("balance", "text"), [({"int": 1250}, "1250"), ({"string": "3/10"}, "3/10"), ({"double": 1.5}, "1.5"),
                                              ({"money": {"micros": "5500000", "currencyCode": "GBP"}}, "£5.50")])
def test_each_kind_of_balance_is_shown(balance: dict[str, Any], text: str) -> None:
    assert shown(loyalty_object(loyaltyPoints={"label": "Points", "balance": balance})).values[0].text == text


@pytest.mark.parametrize("kind", ["QR_CODE", "AZTEC", "PDF_417", "CODE_128"])
def test_each_kind_of_code_is_drawn(kind: str) -> None:
    assert re.fullmatch(r'<svg viewBox="0 0 \d+ \d+".*<path stroke="#000" d="M[\dMh. ]+"/></svg>', code_svg(kind, "9000123412341234"))
    assert not code_svg(kind, "") and not code_svg("TEXT_ONLY", "9000")


def test_a_cards_own_picture_goes_before_its_classes_and_only_this_servers_are_loaded() -> None:
    own, other = ({"sourceUri": {"uri": f"{host}/images/a/b.png"}} for host in ("http://127.0.0.1:8000", "https://elsewhere.example"))
    assert shown(loyalty_object(heroImage=own), loyalty_class(heroImage=other)).hero == "/images/a/b.png"
    assert shown(loyalty_object(), loyalty_class(heroImage=other)).hero == ""


def test_a_card_whose_time_is_over_is_expired_whatever_its_state_says() -> None:
    until = {"validTimeInterval": {"end": {"date": (NOON + timedelta(hours=1)).isoformat()}}}
    assert shown(loyalty_object(**until)).state == "ACTIVE"
    assert shown(loyalty_object(**until), now=NOON + timedelta(hours=1)).state == "EXPIRED"
    assert shown(loyalty_object(state="INACTIVE", **until)).state == "INACTIVE"


@pytest.mark.parametrize(("colour", "ground", "is_light"), [
    ("#0F4546", "#0f4546", False), ("#fc0", "#ffcc00", True), (None, "#3c4043", False)])
def test_words_on_a_card_are_dark_or_light_as_its_colour_asks(colour: str | None, ground: str, is_light: bool) -> None:
    card = shown(loyalty_object(), loyalty_class(**({"hexBackgroundColor": colour} if colour else {})))
    assert (card.ground, card.is_light) == (ground, is_light)


# Pages

@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({"TESSERA_DATA": str(tmp_path)}, demo=True)


@pytest.fixture
async def google(settings: Settings) -> FakeGoogle:
    made = FakeGoogle(clock=FixedClock(NOON))
    made.shelf.insert("loyaltyClass", loyalty_class(localizedProgramName=both("Coffee club", "Кофейный клуб")))
    made.shelf.insert("loyaltyObject", loyalty_object(textModulesData=[{"id": "rules", "header": "Rules", "body": "A point a cup"}]))
    made.accounts.admit(equipment.make_google_account(settings), frozenset({equipment.GOOGLE_ISSUER}))
    made.accounts.audiences.add(equipment.google_addresses(settings)["token"])
    return made


@pytest.fixture
async def browser(settings: Settings, google: FakeGoogle) -> AsyncIterator[httpx2.AsyncClient]:
    app = Starlette(routes=android_pages.routes)
    app.state.context = Context(settings, None, None, None, google.clock, {"broker": Broker(), "demo.google": google})  # type: ignore[arg-type]
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=settings.url) as made:
        yield made


def link(settings: Settings, **claims: Any) -> str:
    account = json.loads(equipment.google_account(settings.data).read_text("utf-8"))
    told = {"iss": account["client_email"], "aud": "google", "typ": "savetowallet", "iat": int(NOON.timestamp()), "origins": [],
            "payload": {"loyaltyObjects": [{"id": OBJECT_ID, "classId": CLASS_ID}]}, **claims}
    return "/demo/google/save/" + jwt.encode(told, account["private_key"], algorithm="RS256")


async def test_a_save_link_previews_the_card_and_a_press_saves_it(browser: httpx2.AsyncClient, settings: Settings,
                                                                 google: FakeGoogle) -> None:
    preview = await browser.get(link(settings), headers={"Accept-Language": "ru"})
    assert preview.status_code == 200 and "Кофейный клуб" in preview.text and not google.shelf.holders
    assert OBJECT_ID not in (await browser.get("/demo/android")).text
    pressed = await browser.post(link(settings))
    assert (pressed.status_code, pressed.headers["location"]) == (303, "/demo/android")
    page = (await browser.get("/demo/android")).text
    assert "Coffee club" in page and OBJECT_ID in page and "A point a cup" in page


async def test_a_wrong_save_link_says_why_and_saves_nothing(browser: httpx2.AsyncClient, settings: Settings, google: FakeGoogle) -> None:
    for address in (link(settings, aud="apple"), "/demo/google/save/nonsense"):
        for answer in (await browser.get(address), await browser.post(address)):
            assert answer.status_code == 400 and "Google would not save this card" in answer.text
    assert not google.shelf.holders


async def test_forms_from_another_site_are_refused(browser: httpx2.AsyncClient, settings: Settings, google: FakeGoogle) -> None:
    await google.hold(OBJECT_ID)
    for address in (link(settings), "/demo/android/remove"):
        with pytest.raises(Forged):
            await browser.post(address, data={"object_id": OBJECT_ID}, headers={"Origin": "https://evil.example"})
    assert google.shelf.holders


async def test_a_changed_balance_shows_and_is_told_where_google_was_asked_to_tell(browser: httpx2.AsyncClient, google: FakeGoogle) -> None:
    await google.hold(OBJECT_ID)
    google.shelf.patch("loyaltyObject", OBJECT_ID, {"loyaltyPoints": {"balance": {"int": 77}}})
    assert ">77<" in (quiet := (await browser.get("/demo/android")).text) and "is now 77" not in quiet
    google.shelf.patch("loyaltyObject", OBJECT_ID, {"loyaltyPoints": {"balance": {"int": 78}}, "notifyPreference": "NOTIFY_ON_UPDATE"})
    assert "Your balance is now 78." in (await browser.get("/demo/android")).text
    message = {"header": "A gift", "body": "For you", "messageType": "TEXT_AND_NOTIFY"}
    google.shelf.add_message("loyaltyObject", OBJECT_ID, {"message": message})
    assert (await browser.get("/demo/android")).text.count("A gift") == 2        # on the lock screen, and on the card's back


async def test_a_card_that_is_no_longer_valid_says_so(browser: httpx2.AsyncClient, google: FakeGoogle) -> None:
    await google.hold(OBJECT_ID)
    google.shelf.patch("loyaltyObject", OBJECT_ID, {"state": "INACTIVE"})
    assert "Inactive" in (await browser.get("/demo/android")).text


async def test_a_removed_card_leaves_the_phone_and_stays_with_google(browser: httpx2.AsyncClient, google: FakeGoogle) -> None:
    await google.hold(OBJECT_ID)
    for _ in range(2):
        assert (await browser.post("/demo/android/remove", data={"object_id": OBJECT_ID})).status_code == 303
    assert not google.shelf.holders and OBJECT_ID in google.shelf.objects
    assert "No cards yet" in (await browser.get("/demo/android")).text


async def test_googles_addresses_answer_on_the_servers_own_port(browser: httpx2.AsyncClient, settings: Settings) -> None:
    addresses = equipment.google_addresses(settings)
    account = json.loads(equipment.google_account(settings.data).read_text("utf-8"))
    now = int(NOON.timestamp())
    assertion = jwt.encode({"iss": account["client_email"], "scope": "https://www.googleapis.com/auth/wallet_object.issuer",
                            "aud": account["token_uri"], "iat": now, "exp": now + 3600}, account["private_key"], algorithm="RS256")
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
    token = (await browser.post(addresses["token"], data=form)).json()["access_token"]
    for path in (f"/walletobjects/v1/loyaltyObject/{OBJECT_ID}", f"/loyaltyObject/{OBJECT_ID}"):
        answer = await browser.get(addresses["api"] + path, headers={"Authorization": f"Bearer {token}"})
        assert answer.json()["hasUsers"] is False
    assert (await browser.get(f"{addresses['api']}/walletobjects/v1/loyaltyObject/{OBJECT_ID}")).status_code == 401


async def test_the_page_is_woken_by_a_change(settings: Settings, google: FakeGoogle) -> None:
    broker = Broker()
    here = Context(settings, None, None, None, google.clock, {"broker": broker})  # type: ignore[arg-type]
    async with android_pages.living(here, google=google):
        stream = broker.stream(android_pages.TOPIC)
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        google.shelf.hold(OBJECT_ID)
        assert await waiting == 0
        await stream.aclose()


async def test_a_server_that_is_not_called_back_asks_all_the_same(settings: Settings, google: FakeGoogle, sqlite_db: Any, ring: Any,
                                                                 ids: Any) -> None:
    here = Context(settings, sqlite_db, ring, ids, google.clock)
    shop = await make_shop(here)
    card = await make_card(here, shop)
    asked: list[str] = []
    await sqlite_db.listen(reconcile.CHANNEL, lambda: asked.append("now"))

    async def at_google(tx: Any) -> None:
        of = {"business_id": shop.business_id, "now": 0}
        await store.insert_class(tx, {**of, "program_id": shop.program_id, "issuer_id": equipment.GOOGLE_ISSUER, "class_id": CLASS_ID})
        row = await store.class_by_id(tx, CLASS_ID)
        assert row is not None
        await store.insert_object(tx, {**of, "card_id": card.id, "class_row_id": row.id, "object_id": OBJECT_ID, "number": 0})

    async with android_pages.living(here, google=google):
        await google.hold(OBJECT_ID)        # no card of ours: nobody is asked
        assert asked == []
        await write_transaction(sqlite_db, at_google)
        await google.let_go(OBJECT_ID)
    assert asked == ["now"] and len(await store.to_reconcile(sqlite_db, google.clock.now(), 10)) == 1


# Around the server

async def test_the_demos_account_is_made_once_lies_closed_and_follows_the_port(settings: Settings) -> None:
    first = equipment.make_google_account(settings)
    moved = replace(settings, url="http://127.0.0.1:9001")
    second = equipment.make_google_account(moved)
    file = equipment.google_account(settings.data)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert first["private_key"] == second["private_key"] == json.loads(file.read_text("utf-8"))["private_key"]
    assert [first["token_uri"], second["token_uri"]] == [f"{url}/demo/google/token" for url in (settings.url, moved.url)]
    assert demo_file.addresses(moved, {"console": {}, "till": {}})["google"] == {
        "issuer_id": equipment.GOOGLE_ISSUER, "service_account": "certificates/google.json",
        "api": "http://127.0.0.1:9001/demo/google", "token": "http://127.0.0.1:9001/demo/google/token"}


async def test_the_server_is_pointed_at_our_google_unless_the_environment_names_an_issuer(settings: Settings) -> None:
    async with equipment.with_google(settings) as (told, google):
        assert (told.google_issuer, told.google_api, told.google_token, told.google_keys) == (
            equipment.GOOGLE_ISSUER, google.api, google.token, google.keys)
        assert told.google_save == f"{settings.url}/demo/google/save/"
        assert json.loads(told.google_account)["client_email"] in google.accounts.known
    named = replace(settings, google_issuer="3388000000000000001", google_account=b"{}")
    async with equipment.with_google(named) as (told, _):
        assert told == named
    assert equipment.equipped(named).google_issuer == "3388000000000000001"


async def test_an_address_of_google_that_the_environment_names_stays(settings: Settings) -> None:
    between = replace(settings, google_api="http://127.0.0.1:9002/walletobjects/v1")
    async with equipment.with_google(between) as (told, google):
        assert (told.google_api, told.google_token, told.google_issuer) == (between.google_api, google.token, equipment.GOOGLE_ISSUER)


async def test_what_was_saved_is_on_the_phone_after_another_start(settings: Settings) -> None:
    async with equipment.with_google(settings) as (_, google):
        google.shelf.insert("loyaltyClass", loyalty_class())
        google.shelf.insert("loyaltyObject", loyalty_object())
        await google.hold(OBJECT_ID)
    async with equipment.with_google(settings) as (_, google):
        assert OBJECT_ID in google.shelf.holders
