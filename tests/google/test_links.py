"""The press: a link that carries ids alone, is kept nowhere, and a page that says so when Google is away."""
import base64
import io
import json
import logging
import re

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from PIL import Image

from app.cards import service as cards
from app.cards.service import Card
from app.context import Context
from app.db import write_transaction
from app.designs.colours import derive
from app.google import links, pictures, service
from app.google.checks import problems_of
from app.main import create_app
from app.secrets import KeyRing
from tests.conftest import Shop
from tests.google.conftest import Wallet
from tests.google.test_queue import stored
from tests.shops import make_card, make_shop

ANDROID = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1"


@pytest.fixture
async def browser(here: Context, wallet: Wallet):
    """An Android phone's, on the application itself."""
    app = create_app(here)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport, base_url="https://cards.example.com",
                                                                    headers={"User-Agent": ANDROID}) as made:
        yield made


async def card_with_links(here: Context) -> tuple[Shop, Card, str, str]:
    """A card and the tokens of its page: the card's own, and the one that a pass shows around."""
    shop = await make_shop(here)
    card = await make_card(here, shop, points=120)

    async def act(tx) -> list[str]:  # type: ignore[no-untyped-def]
        return [await cards.page_link(tx, here.ring, card, strength, here.clock.now()) for strength in ("card", "pass")]

    return shop, card, *await write_transaction(here.db, act)


async def test_the_link_is_skinny_short_and_verified_by_the_public_key_alone(here: Context, wallet: Wallet, key_file: dict[str, str]):
    shop = await make_shop(here)
    card = await make_card(here, shop)
    link = await service.save_link(here, card, here.clock.now())
    assert re.fullmatch(r"https://pay\.google\.com/gp/v/save/[\w-]+\.[\w-]+\.[\w-]+", link)
    token = link.rpartition("/")[2]
    public = load_pem_private_key(key_file["private_key"].encode(), None).public_key()
    claims = jwt.decode(token, public, algorithms=["RS256"], audience="google", options={"verify_iat": False})
    assert jwt.get_unverified_header(token)["typ"] == "JWT" and isinstance(claims["iat"], int)
    assert problems_of("SaveJwtClaims", claims) == [] and len(token) <= 1800
    [carried] = claims["payload"]["loyaltyObjects"]
    assert set(claims["payload"]) == {"loyaltyObjects"} and set(carried) == {"id", "classId"}
    assert claims["origins"] == ["https://cards.example.com"]
    text = base64.urlsafe_b64decode(token.split(".")[1] + "==").decode()
    assert card.code not in text and card.number not in text and "Анна" not in text and "916" not in text


async def test_ids_are_random_and_say_nothing_of_the_card(here: Context, wallet: Wallet):
    shop = await make_shop(here)
    seen = []
    for number in range(3):
        card = await make_card(here, shop, phone=f"+7916000000{number}")
        await service.save_link(here, card, here.clock.now())
        seen.append((await service_row(here, card)).partition(".")[2])
    assert len(set(seen)) == 3 and all(re.fullmatch(r"[A-Za-z0-9]{22}", suffix) for suffix in seen)


async def service_row(here: Context, card: Card) -> str:
    return await here.db.fetch_val("SELECT object_id FROM google_objects WHERE card_id = :id", {"id": card.id})


async def test_the_button_is_a_form_that_posts_and_a_press_leads_to_google(here: Context, wallet: Wallet, browser: httpx2.AsyncClient):
    _, _, own, _ = await card_with_links(here)
    page = await browser.get(f"/c/{own}")
    assert f'<form method="post" action="/c/{own}/google">' in page.text and "Add to Google Wallet" in page.text
    assert "form-action 'self' https://pay.google.com;" in page.headers["content-security-policy"]
    assert wallet.network.sent == 0                     # looking changes nothing anywhere
    answer = await browser.post(f"/c/{own}/google")
    assert answer.status_code == 303 and answer.headers["location"].startswith("https://pay.google.com/gp/v/save/")
    assert answer.headers["referrer-policy"] == "no-referrer" and "no-store" in answer.headers["cache-control"]
    assert wallet.fake.opened(answer.headers["location"].rpartition("/")[2]) == wallet.fake.shelf.get("loyaltyObject", stored(wallet)["id"])


async def test_only_a_press_on_our_own_page_leads_there(here: Context, wallet: Wallet, browser: httpx2.AsyncClient):
    _, _, own, shown_around = await card_with_links(here)
    assert (await browser.get(f"/c/{own}/google")).status_code == 405
    assert (await browser.post(f"/c/{own}/google", headers={"Sec-Fetch-Site": "cross-site"})).status_code == 403
    assert (await browser.post(f"/c/{own}/google", headers={"Origin": "https://evil.example"})).status_code == 403
    assert (await browser.post(f"/c/{shown_around}/google")).status_code == 403
    assert (await browser.post("/c/1111111111111111111111/google")).status_code in (404, 410)
    assert wallet.network.sent == 0
    page = await browser.get(f"/c/{shown_around}")
    assert f"/c/{shown_around}/confirm?to=wallet" in page.text and f"/c/{shown_around}/google" not in page.text


async def test_a_card_that_is_not_active_is_taken_by_no_wallet(here: Context, wallet: Wallet, browser: httpx2.AsyncClient):
    shop, card, own, _ = await card_with_links(here)
    await cards.block(here.db, shop.who, card.id, None, here.clock.now())
    assert "/google" not in (await browser.get(f"/c/{own}")).text
    answer = await browser.post(f"/c/{own}/google")
    assert answer.status_code == 409 and wallet.network.sent == 0


async def test_an_iphone_is_not_offered_googles_wallet(here: Context, wallet: Wallet, browser: httpx2.AsyncClient):
    _, _, own, _ = await card_with_links(here)
    assert "Google Wallet" not in (await browser.get(f"/c/{own}", headers={"User-Agent": IPHONE})).text


@pytest.mark.parametrize(("language", "words"), [("en", "Google Wallet does not answer"), ("ru", "Google Wallet сейчас не отвечает")])
async def test_google_away_is_a_page_that_offers_the_web_card(here: Context, wallet: Wallet, browser, language: str, words: str):
    _, _, own, _ = await card_with_links(here)
    wallet.network.is_down = True
    answer = await browser.post(f"/c/{own}/google", headers={"Accept-Language": language})
    assert answer.status_code == 503 and answer.headers["retry-after"] == "60"
    assert words in answer.text and f'href="/c/{own}"' in answer.text


async def test_a_server_without_an_issuer_has_no_button(here: Context, wallet: Wallet, browser: httpx2.AsyncClient, key_file):
    _, _, own, _ = await card_with_links(here)
    import dataclasses
    here.settings = dataclasses.replace(here.settings, google_issuer="", google_account=b"")
    assert "Google" not in (await browser.get(f"/c/{own}")).text
    assert (await browser.post(f"/c/{own}/google")).status_code == 503 and wallet.network.sent == 0


async def test_no_log_line_no_row_and_no_error_page_holds_a_link_or_a_token(here: Context, wallet: Wallet, browser, caplog):
    _, _, own, _ = await card_with_links(here)
    with caplog.at_level(logging.DEBUG):
        link = (await browser.post(f"/c/{own}/google")).headers["location"]
        wallet.fake.faults.token = 500
        wallet.fake.accounts.end_tokens()
        await service.sync_due(here)
        await browser.post(f"/c/{own}/google")
    secret = link.rpartition("/")[2]
    signature = secret.rpartition(".")[2]
    tokens = list(wallet.fake.accounts.grants)
    ours = "\n".join(record.getMessage() + json.dumps(getattr(record, "fields", {})) for record in caplog.records
                     if record.name.startswith("tessera"))
    assert signature not in caplog.text and own not in ours and all(token not in caplog.text for token in tokens)
    for table in ("audit_entries", "events", "google_objects", "google_classes"):
        rows = str([dict(row) for row in await here.db.fetch_all(f"SELECT * FROM {table}")])
        assert signature not in rows and "eyJ" not in rows and "ya29" not in rows


async def test_a_press_waits_no_longer_than_a_person_does(here: Context, wallet: Wallet, monkeypatch):
    shop = await make_shop(here)
    card = await make_card(here, shop)
    monkeypatch.setattr(links, "PATIENCE_SECONDS", 0.0)
    with pytest.raises(service.GoogleAway):
        await service.save_link(here, card, here.clock.now())


# Pictures

@pytest.mark.parametrize("kind", ["logo", "hero", "stamps"])
async def test_drawn_pictures_are_public_large_enough_and_the_same_for_ever(here: Context, browser: httpx2.AsyncClient, kind: str):
    colours = derive("#0f4546", "#f6d8b0", None, "#c98345")
    path = {"logo": pictures.logo_path(here.ring, colours), "hero": pictures.hero_path(here.ring, colours),
            "stamps": pictures.stamps_path(here.ring, colours, 3, 10)}[kind]
    answer = await browser.get(path)
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png"
    assert "immutable" in answer.headers["cache-control"] and "set-cookie" not in answer.headers
    assert Image.open(io.BytesIO(answer.content)).size == ((660, 660) if kind == "logo" else (1032, 336))


async def test_nobody_else_can_have_pictures_drawn(here: Context, browser: httpx2.AsyncClient):
    colours = derive("#0f4546", "#f6d8b0", None, "#c98345")
    path = pictures.stamps_path(here.ring, colours, 3, 10)
    for other in (path.replace("stamps.3.", "stamps.4."), path.replace("0f4546", "000000"), "/google/pictures/logo.x/0.png"):
        assert (await browser.get(other)).status_code == 404


def test_another_count_of_stamps_is_another_address(ring: KeyRing):
    colours = derive("#0f4546", "#f6d8b0", None, "#c98345")
    assert len({pictures.stamps_path(ring, colours, have, 10) for have in range(11)}) == 11


async def test_a_key_that_does_not_open_any_more_takes_the_button_away_and_nothing_else(here: Context, wallet: Wallet, browser, caplog):
    shop, _, own, _ = await card_with_links(here)
    await here.db.execute("INSERT INTO google_issuers(business_id, issuer_id, client_email, account_sealed, created_at, created_by) "
                          "VALUES (:id, '99', 'x@y', :sealed, 0, 'Owner')", {"id": shop.business_id, "sealed": b"of another ring"})
    page = await browser.get(f"/c/{own}")
    assert page.status_code == 200 and "Google" not in page.text and "issuer 99 cannot be used" in caplog.text
