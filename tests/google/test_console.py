"""Owners bring an issuer of their own: asked of Google first, kept sealed, shown with how its cards stand."""
import json

import httpx2
import pytest

from app.context import Context
from app.demo.fakes.google import Answer
from app.demo.fakes.google_accounts import new_account
from app.errors import Invalid, NotFound
from app.google import accounts, issuers, issuers_store, own, service
from app.main import create_app
from tests.conftest import Shop
from tests.console import visiting
from tests.console.visiting import Visitor, sign_in
from tests.google.conftest import HOST, Wallet
from tests.google.test_queue import give, press, stored
from tests.shops import make_card, make_shop

OURS = "3388000000099999999"


@pytest.fixture(scope="session")
def own_file() -> dict[str, str]:
    return new_account("http://169.254.169.254/latest/meta-data", "cafe")


@pytest.fixture
async def shop(here: Context) -> Shop:
    return await make_shop(here)


def data(file: dict[str, str]) -> bytes:
    return json.dumps(file).encode()


def admit(wallet: Wallet, file: dict[str, str], *issuer_ids: str) -> None:
    wallet.fake.accounts.admit(file, frozenset(issuer_ids))


async def test_new_cards_go_to_the_businesss_own_issuer_and_old_ones_stay_where_they_are(here: Context, wallet: Wallet, own_file):
    shop, first = await press(here)
    admit(wallet, own_file, OURS)
    await own.bring(here, shop.who, OURS, data(own_file), here.clock.now())
    second = await make_card(here, shop, phone="+79160000002")
    await service.save_link(here, second, here.clock.now())
    assert sorted(key.partition(".")[0] for key in wallet.fake.shelf.objects) == ["3388000000022222228", OURS]
    for card in (first, second):
        await give(here, shop, card)
    await service.sync_due(here)
    assert sorted(body["loyaltyPoints"]["balance"]["int"] for body in wallet.fake.shelf.objects.values()) == [10, 130]


async def test_a_file_never_says_where_the_server_posts_to(here: Context, wallet: Wallet, own_file, shop: Shop):
    admit(wallet, own_file, OURS)
    await own.bring(here, shop.who, OURS, data(own_file), here.clock.now())
    found = await service.issuer_for(here, shop.business_id)
    assert found is not None and found.token_url == f"{HOST}/token"


async def test_the_key_is_sealed_and_opens_for_its_business_alone(here: Context, wallet: Wallet, own_file, shop: Shop):
    admit(wallet, own_file, OURS)
    await own.bring(here, shop.who, OURS, data(own_file), here.clock.now())
    [row] = await issuers_store.issuers_of(here.db, shop.business_id)
    assert b"PRIVATE KEY" not in row.account_sealed
    with pytest.raises(ValueError, match="sealed"):
        here.ring.open(issuers.PURPOSE, row.account_sealed, b"999")
    assert "PRIVATE" not in repr(await service.issuer_for(here, shop.business_id))


async def test_a_new_key_of_the_same_issuer_takes_the_place_of_the_old_one(here: Context, wallet: Wallet, own_file, shop: Shop):
    admit(wallet, own_file, OURS)
    newer = new_account("", "cafe2")
    admit(wallet, newer, OURS)
    for file in (own_file, newer):
        await own.bring(here, shop.who, OURS, data(file), here.clock.now())
    rows = await issuers_store.issuers_of(here.db, shop.business_id)
    kept = [(row.client_email, row.retired_at is None) for row in rows]
    assert kept == [(newer["client_email"], True), (own_file["client_email"], False)]
    found = await issuers.issuer_of(here, shop.business_id, OURS)
    assert found is not None and found.account.client_email == newer["client_email"]


async def test_a_retired_issuer_gets_no_new_cards_and_keeps_its_old_ones_true(here: Context, wallet: Wallet, own_file, shop: Shop, other):
    admit(wallet, own_file, OURS)
    row_id = await own.bring(here, shop.who, OURS, data(own_file), here.clock.now())
    card = await make_card(here, shop, points=5)
    await service.save_link(here, card, here.clock.now())
    with pytest.raises(NotFound):
        await own.retire(here.db, other.who, row_id, here.clock.now())
    await own.retire(here.db, shop.who, row_id, here.clock.now())
    assert (await service.issuer_for(here, shop.business_id)).issuer_id == "3388000000022222228"  # type: ignore[union-attr]
    await give(here, shop, card)
    await service.sync_due(here)
    assert stored(wallet)["loyaltyPoints"]["balance"] == {"int": 15} and stored(wallet)["id"].startswith(OURS)
    assert await service.issuer_for(here, other.business_id) is not None


@pytest.fixture
async def other(here: Context, shop: Shop) -> Shop:
    return await make_shop(here, slug="leaf", name="Leaf & Line")


def broken(own_file: dict[str, str], **changes: object) -> bytes:
    return json.dumps({**own_file, **changes}).encode()


@pytest.mark.parametrize(("change", "field", "words"), [
    ("not json", "account", "not the JSON file"), ("a list", "account", "not the JSON file"), ("too long", "account", "not the JSON file"),
    ("a user's key", "account", "no service account"), ("no key", "account", "no service account"),
    ("torn key", "account", "cannot be read"), ("small key", "account", "2048"), ("letters", "issuer_id", "digits"),
    ("unknown account", "account", "does not know this key"), ("no right", "issuer_id", "may not issue"),
    ("token down", "account", "does not answer"), ("api down", "account", "does not answer"),
    ("api off", "account", "switched off"), ("odd", "account", "refused the check")])
async def test_every_mistake_has_its_sentence_and_nothing_is_kept(here: Context, wallet: Wallet, own_file, shop: Shop, change, field,
                                                                     words):
    if change != "unknown account":
        admit(wallet, own_file, *(() if change == "no right" else (OURS,)))
    if change == "token down":
        wallet.fake.faults.token = 503
    told = {"api down": Answer(503), "api off": Answer(403, "accessNotConfigured"), "odd": Answer(400, "weird")}
    wallet.fake.faults.always = told.get(change)
    file = {"not json": b"{", "a list": b"[]", "too long": data(own_file) + b" " * accounts.MOST_BYTES,
            "a user's key": broken(own_file, type="authorized_user"), "no key": broken(own_file, private_key=""),
            "torn key": broken(own_file, private_key=own_file["private_key"][:200]),
            "small key": broken(own_file, private_key=small_key())}.get(change, data(own_file))
    with pytest.raises(Invalid) as refusal:
        await own.bring(here, shop.who, "3388-x" if change == "letters" else OURS, file, here.clock.now())
    [wrong] = refusal.value.fields
    assert wrong.field == field and words in wrong.detail
    assert await issuers_store.issuers_of(here.db, shop.business_id) == []


def small_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


@pytest.fixture
async def browser(here: Context, wallet: Wallet):
    app = create_app(here)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport, base_url="https://cards.example.com") as made:
        yield made


async def test_the_page_brings_shows_and_retires_an_issuer(here: Context, wallet: Wallet, browser, own_file):
    shop, _ = await press(here)
    admit(wallet, own_file, OURS)
    owner = await sign_in(browser, "owner@coffee.example.com")
    page = await owner.page("/console/google")
    assert "3388000000022222228" in page and "approved" in page
    answer = await send(owner, OURS, data(own_file))
    assert answer.status_code == 303, answer.text
    page = await owner.page(answer.headers["location"])
    assert OURS in page and own_file["client_email"].partition("@")[2] in page
    assert "PRIVATE KEY" not in page and "Checked with Google" in page
    [row] = await issuers_store.issuers_of(here.db, shop.business_id)
    address = f"/console/google/{here.ids.encode('google_issuer', row.id)}/retire"
    assert (await owner.post(address)).status_code == 303
    assert "out of use" in await owner.page("/console/google")


async def send(visitor: Visitor, issuer_id: str, file: bytes) -> httpx2.Response:
    return await visitor.client.post("/console/google", data={"csrf": visitor.token, "issuer_id": issuer_id},
                                     files={"account": ("key.json", file, "application/json")},
                                     headers={"Cookie": visitor.cookie, "Accept-Language": "en", "Origin": visiting.HOST})


async def test_what_google_refuses_is_told_where_its_cards_are_counted(here: Context, wallet: Wallet, browser):
    shop, card = await press(here)
    wallet.fake.faults.always = Answer(400, "invalid", "The image <b>could</b> not be fetched.", on="PATCH loyaltyObject")
    await give(here, shop, card)
    await service.sync_due(here)
    page = await (await sign_in(browser, "owner@coffee.example.com")).get("/console/google")
    assert "1 card: 400 invalid The image &lt;b&gt;could&lt;/b&gt; not be fetched." in page.text


async def test_a_wrong_file_comes_back_with_what_was_typed(here: Context, wallet: Wallet, browser, shop: Shop):
    answer = await send(await sign_in(browser, "owner@coffee.example.com"), OURS, b"{}")
    assert answer.status_code == 422 and f'value="{OURS}"' in answer.text and "no service account" in answer.text

