"""One truth: whatever happens to a card, Apple's pass, Google's object, the web card and the API say the same, field by field."""
import dataclasses
import io
import json
import re
import zipfile
from datetime import date, datetime
from typing import Any

import msgspec
import pytest

from app.benefits import service as benefits
from app.benefits.opening import open_program
from app.benefits.rules import RewardWish
from app.cards import rotation
from app.cards import service as cards
from app.cards.rules import Card, IssuedNumbers
from app.clock import local_day
from app.customers import service as customers
from app.db import write_transaction
from app.google import service as google
from app.google import store as google_store
from app.ledger import service as ledger
from app.passes import service as passes
from app.privacy import erasing
from app.programs import service as programs
from app.programs.kinds import get_kind
from app.programs.terms import Said
from app.sales import claims, closing, purchases
from app.sales import service as sales
from app.sales.rules import SaleRequest
from app.updates import service as updates
from app.web import formats
from tests import engines
from tests.conftest import Shop
from tests.google.conftest import Wallet, key_file, with_google  # noqa: F401 (key_file is a fixture)
from tests.shops import make_shop

NAME, PHONE = "Анна", "+79161231234"
# What the API calls a value of the pass, in the pass's own units (money in major units).
BALANCES = {"balance": ("points", 1), "money": ("money", 100), "visits": ("visits", 1)}
STATES = {"active": "ACTIVE", "blocked": "INACTIVE", "replaced": "INACTIVE", "expired": "EXPIRED", "erased": "INACTIVE"}


@pytest.fixture
def database_url(tmp_path) -> str:
    return engines.sqlite_url(tmp_path, migrated=True)


@pytest.fixture
async def wallets(here, certificates, key_file) -> Wallet:  # noqa: F811
    """Both wallets are set up before the application is made."""
    here.settings = dataclasses.replace(
        here.settings, apple_certificate=certificates.certificate.read_bytes(), apple_key=certificates.key.read_bytes(),
        apple_wwdr=certificates.wwdr.read_bytes())
    return with_google(here, key_file)


class Walk:
    """A card on its way, and everybody who shows it."""

    def __init__(self, here, wallets: Wallet, client, shop: Shop) -> None:
        self.here, self.wallets, self.client, self.shop = here, wallets, client, shop
        self.card: Card = None  # type: ignore[assignment]
        self.pages: dict[int, str] = {}

    @property
    def now(self):
        return self.here.clock.now()

    async def issue(self) -> None:
        here, shop = self.here, self.shop
        program = await self.program()

        async def act(tx) -> Card:
            customer_id = await customers.create(tx, here.ring, shop.business_id, e164=PHONE, name=NAME, language="ru", now=self.now)
            account_id = await ledger.open_account(tx, shop.business_id, shop.program_id, customer_id, self.now)
            return await cards.issue(tx, here.ring, shop.who, program_id=shop.program_id, account_id=account_id, status="active",
                                     source="api", numbers=IssuedNumbers.draw(program.number_prefix), now=self.now)

        await self.into_wallets(await write_transaction(here.db, act))

    async def into_wallets(self, card: Card) -> None:
        """The shopper adds the card to both wallets."""
        self.card = card
        token = await write_transaction(self.here.db, lambda tx: cards.page_link(tx, self.here.ring, card, "card", self.now))
        self.pages[card.id] = f"/c/{token}"
        await passes.ensure(self.here, card, self.now)
        pressed = await self.client.post(f"/c/{token}/google")
        assert pressed.status_code == 303, pressed.text

    async def program(self):
        return await programs.get_program(self.here.db, self.shop.business_id, self.shop.program_id)

    async def sell(self, amount: int, redeem: int | None = 0) -> None:
        await sales.sell(self.here.db, self.shop.cashier, SaleRequest(self.card.id, amount, redeem), None, self.now)

    # What everybody shows.
    async def apple(self, card: Card) -> dict[str, Any]:
        built = await passes.build(self.here, card.id, self.now)
        return json.loads(zipfile.ZipFile(io.BytesIO(built.data or b"")).read("pass.json"))

    async def object(self, card: Card) -> dict[str, Any]:
        row = await google_store.find_object(self.here.db, card.business_id, card.id)
        assert row is not None
        return self.wallets.fake.shelf.objects[row.object_id]

    async def api(self, card: Card) -> dict[str, Any]:
        answer = await self.client.get(f"/api/v1/cards/{self.here.ids.encode('card', card.id)}",
                                       headers={"Authorization": f"Bearer {self.shop.api_key}"})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def compare(self, card: Card | None = None, *, has_page: bool = True) -> dict[str, Any]:
        """Raises where two of the four differ; gives the API's card."""
        card = await cards.get_card(self.here.db, self.shop.business_id, (card or self.card).id)
        await updates.number_pending(self.here.db)
        self.here.clock.advance(minutes=5)
        await google.sync_due(self.here)
        program = await self.program()
        view = await passes.view(self.here.db, self.here.ring, card, program, "ru", self.now)
        apple, object_, told = await self.apple(card), await self.object(card), await self.api(card)
        fields = {field["key"]: field for group in apple["storeCard"].values() for field in group}
        assert_same_state(card, self.now, view, apple, object_, told)
        assert_same_fields(view, fields, object_)
        assert_same_figures(card, program, fields, told)
        assert_only_the_shopper_is_named(card, view, fields, object_, told)
        page = await self.client.get(self.pages[card.id], headers={"accept-language": "ru"})
        assert page.status_code == (200 if has_page else 404)
        if has_page:
            assert_page_shows(page.text, view)
        return told


def assert_same_state(card: Card, now: datetime, view, apple, object_, told) -> None:
    is_void = card.status != "active"
    assert (view.is_voided, apple.get("voided", False)) == (is_void, is_void)
    # A membership that is over: Apple's phones judge by the day on the pass, Google is told.
    is_over = "expirationDate" in apple and datetime.fromisoformat(apple["expirationDate"]) <= now
    assert object_["state"] == ("EXPIRED" if is_over and not is_void else STATES[card.status])
    assert told["status"] == card.status
    assert told["code"] == view.barcode_message == apple["barcodes"][0]["message"] == card.code
    if card.status == "erased":
        assert sorted(set(object_) & {"barcode", "rotatingBarcode", "loyaltyPoints", "textModulesData"}) == []
    else:
        assert object_["barcode"]["value"] == card.code
        assert object_["barcode"]["alternateText"] == apple["barcodes"][0]["altText"] == view.barcode_text
    end = object_.get("validTimeInterval", {}).get("end", {}).get("date")
    assert (end or "")[:19] == apple.get("expirationDate", "")[:19]


def assert_same_fields(view, fields, object_) -> None:
    """Every field of the web card stands in the pass with the same value, and at Google, if it is shown there, in the same words."""
    modules = {module["id"]: module for module in object_.get("textModulesData", [])}
    for field in (*view.header, *view.primary, *view.row):
        assert field.key in fields, field.key
        value = fields[field.key]["value"]
        if isinstance(field.value, int | float) and not isinstance(value, str):
            assert value == (field.value / 10_000 if fields[field.key].get("numberStyle") == "PKNumberStylePercent" else field.value)
        elif field.format not in ("term", "day", "percent"):
            assert str(value) == str(field.value), field.key
        if isinstance(field.value, date):
            assert value[:10] == field.value.isoformat()
        if field.key in modules:
            assert set(words_in(modules[field.key])) & words_of(field), (field.key, modules[field.key])
    everything = set().union(*(words_of(one) for one in (*view.header, *view.primary, *view.row, *view.back)))
    for name in ("loyaltyPoints", "secondaryLoyaltyPoints"):
        if name in object_:
            assert figure_of(object_[name]) in everything


def words_in(module) -> list[str]:
    body = module["localizedBody"]
    return [body["defaultValue"]["value"], *(one["value"] for one in body.get("translatedValues", []))]


def words_of(field) -> set[str]:
    """How a value may be written: days in the words of either language, long and short."""
    if isinstance(field.value, date):
        return {way for language in ("en", "ru") for way in (formats.day(field.value, language, "UTC"),
                                                             formats.day_of_year(field.value, language))}
    return {field.text, f"{field.value:g}" if isinstance(field.value, int | float) else str(field.value)}


def figure_of(points) -> str:
    balance = points["balance"]
    if "money" in balance:
        return f"{int(balance['money']['micros']) / 1_000_000:g}"
    return str(balance["int"]) if "int" in balance else balance["string"]


def assert_same_figures(card: Card, program, fields, told) -> None:
    """The API's balances are those of the pass; a card that is no longer in use shows none on a phone."""
    if card.status not in ("active", "blocked"):
        assert not any(isinstance(field["value"], int | float) and field["value"] for field in fields.values())
        return
    for key, (unit, parts) in BALANCES.items():
        if key in fields:
            assert fields[key]["value"] == told["balances"][unit] / parts, key
    if "stamps" in fields:
        assert fields["stamps"]["value"] == f"{told['balances']['stamps']} / {program.rules.stamps.card.size}"
    if "level" in fields:
        assert str(fields["level"]["value"]) in (told["tier"]["name"], *(said for one in program.rules.levels.levels for said in (
            one.name.en, one.name.ru) if told["tier"]["name"] in (one.name.en, one.name.ru)))
    ends = [one["at"] for one in told["expiring"] if one["unit"] == program.rules.unit]
    if "expires_on" in fields and ends:
        last = local_day(msgspec.convert(ends[0], type(card.created_at)), program.time_zone)
        assert 0 <= (last - msgspec.convert(fields["expires_on"]["value"][:10], type(last))).days <= 1


def assert_only_the_shopper_is_named(card: Card, view, fields, object_, told) -> None:
    """The name stands on the shopper's own card and in the API, at Google nothing personal at all."""
    is_theirs = card.status in ("active", "blocked")
    assert (told["customer"] or {}).get("name") == (NAME if card.status != "erased" else None)
    assert any(field.text == NAME for field in (*view.header, *view.primary, *view.row, *view.back)) is (
        is_theirs and any(field["value"] == NAME for field in fields.values()))
    at_google = json.dumps(object_, ensure_ascii=False)
    for secret in (NAME, PHONE, PHONE[-4:] + '"', "/c/", card.number):
        assert secret not in at_google, secret


def assert_page_shows(page: str, view) -> None:
    text = re.sub(r"<template.*?</template>", "", page, flags=re.DOTALL)
    for field in (*view.header, *view.primary, *view.row):
        assert msgspec.json.decode(msgspec.json.encode(field.text)) in text.replace("&#39;", "'").replace("&amp;", "&"), field.key
    assert view.barcode_text in text


KINDS = ("points", "cashback", "tiers", "stamps", "gift", "membership")


@pytest.fixture(params=KINDS)
async def walk(request, here, wallets, client) -> Walk:
    shop = await make_shop(here)
    business, kind = await programs.get_business(here.db, shop.business_id), get_kind(request.param)
    rules = msgspec.structs.replace(kind.rules(business.currency), lot_days=30) if request.param in ("points", "cashback") \
        else kind.rules(business.currency)
    program_id = await open_program(here.db, shop.who, business, kind, kind.name, "walk", rules, here.clock.now())
    return Walk(here, wallets, client, shop._replace(program_id=program_id))


async def test_four_mirrors_show_the_same_card_all_its_life(walk: Walk) -> None:
    here, shop = walk.here, walk.shop
    await walk.issue()
    await walk.compare()
    rules = (await walk.program()).rules

    if rules.membership:
        await purchases.buy_plan(here.db, shop.cashier, walk.card.id, rules.membership.plans[0].key, None, walk.now)
    if rules.gift:
        await purchases.load_gift(here.db, shop.cashier, walk.card.id, rules.gift.amounts[0] if rules.gift.amounts
                                  else rules.gift.least_minor, None, walk.now)
    else:
        await walk.sell(1_000_00)
    earned = await walk.compare()

    if rules.largest_share_bp and (rules.earn_points or rules.gift):
        await walk.sell(500_00, None)
        assert (await walk.compare())["balances"] != earned["balances"]
    if rules.levels:
        await walk.sell(rules.levels.levels[-1].threshold + 1)
        climbed = await walk.compare()
        assert climbed["tier"]["name"] != (earned["tier"] or {}).get("name")
    if rules.stamps:
        for _ in range(rules.stamps.card.size):
            await walk.sell(1_000_00)
        await walk.compare()

    await cards.block(here.db, shop.who, walk.card.id, None, walk.now)
    assert (await walk.compare())["status"] == "blocked"
    await cards.unblock(here.db, shop.who, walk.card.id, None, walk.now)
    await walk.compare()

    old, before = walk.card, await walk.api(walk.card)
    await walk.into_wallets(await cards.replace(here.db, shop.who, old.id, None, (await walk.program()).number_prefix, walk.now))
    assert (await walk.compare())["balances"] == before["balances"]
    await walk.compare(old, has_page=False)
    serial = {(await walk.apple(one))["serialNumber"] for one in (old, walk.card)}
    assert len(serial) == 2

    if rules.lot_days:
        here.clock.advance(days=40)
        await ledger.expire_due(here.db, walk.now)
        await walk.compare()

    await erasing.erase(here.db, here.ring, shop.who, walk.card.customer_id or 0, walk.now)
    for one in (old, walk.card):
        await walk.compare(one, has_page=False)


async def test_a_programme_that_ends_is_over_everywhere(here, wallets, client) -> None:
    walk = Walk(here, wallets, client, await make_shop(here))
    await walk.issue()
    await walk.sell(1_000_00)
    await walk.compare()
    at = walk.now
    program = walk.shop.program_id
    await closing.announce(here.db, walk.shop.who, program, at.replace(day=at.day + 2), at.replace(day=at.day + 4), at)
    here.clock.advance(days=5)
    assert await closing.close_due(here.db, walk.now) == 1
    assert (await walk.compare(has_page=False))["status"] == "expired"


async def test_a_voucher_and_its_end_are_the_same_everywhere(here, wallets, client) -> None:
    walk = Walk(here, wallets, client, await make_shop(here))
    await benefits.create_reward(here.db, walk.shop.who, walk.shop.program_id,
                                 RewardWish("coffee", "text", Said("Coffee", "Кофе"), unit="points", cost=10, days=20), walk.now)
    await walk.issue()
    await walk.sell(1_000_00)
    await claims.claim(here.db, walk.shop.cashier, walk.card.id, "coffee", None, walk.now)
    told = await walk.compare()
    assert len(told["vouchers"]) == 1


async def test_a_rotating_code_is_the_same_at_google_and_on_the_page(here, wallets, client) -> None:
    walk = Walk(here, wallets, client, await make_shop(here))
    await rotation.choose(here.db, walk.shop.who, walk.shop.program_id, 30, False, walk.now)
    await walk.issue()
    object_ = await walk.object(walk.card)
    details = object_["rotatingBarcode"]["totpDetails"]
    live = rotation.code_at(bytes.fromhex(details["parameters"][0]["key"]), walk.now, int(details["periodMillis"]) // 1000)
    shown = (await client.get(walk.pages[walk.card.id] + "/code")).json()["digits"].replace(" ", "")
    assert object_["rotatingBarcode"]["valuePattern"].replace("{totp_value_0}", live) == shown == walk.card.code + live
    assert "barcode" not in object_
    assert (await walk.apple(walk.card))["barcodes"][0]["message"] == walk.card.code
    found = await cards.find(here.db, here.ring, walk.shop.cashier, shown, "RU", walk.now)
    assert found.cards == (walk.card,)


@pytest.mark.parametrize(("agent", "order"), [
    ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148", ["Apple"]),
    ("Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/130.0 Mobile", ["Google", "Apple"]),
    ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0", ["Apple", "Google"])])
async def test_one_link_leads_to_the_wallet_of_the_device_that_opens_it(here, wallets, client, agent, order) -> None:
    """The same address everywhere: a phone's own wallet comes first, a computer hands the page over to a phone by a code."""
    walk = Walk(here, wallets, client, await make_shop(here))
    await walk.issue()
    page = (await client.get(walk.pages[walk.card.id], headers={"user-agent": agent, "accept-language": "en"})).text
    assert re.findall("Add to (Apple|Google) Wallet", page) == order
    assert ('class="mine__handover"' in page) is ("X11" in agent)
    assert 'rel="manifest"' in page
