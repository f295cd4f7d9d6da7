"""Every kind of programme from beginning to end, as the people who use it do it: the owner in the console, the shopper on the poster's
page and the card's page, the cashier at the till's page, a shop's own system through the API.

After each journey the ledger is verified, and the shopper's last receipt proves itself against the seal of its day.
"""
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.context import Context
from app.ledger import day_seals, proofs
from app.ledger.verify import verify
from app.sales import occasions
from tests import engines
from tests.conftest import Shop
from tests.enrolment.joining import Joining
from tests.flows.test_injection import Forms
from tests.shops import PASSWORD, make_shop
from tests.till.calling import Till

PHONE = "+79161239001"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """What a journey shows does not hang on the engine."""
    return engines.sqlite_url(tmp_path, migrated=True)


class Journey:
    """One shop, its people, and a shopper. Begun with `open`."""

    def __init__(self, here: Context, client: httpx2.AsyncClient, shop: Shop, slug: str = "coffee") -> None:
        self.here, self.client, self.shop, self.slug = here, client, shop, slug
        self.till, self.joining = Till(client, here, shop), Joining(here, shop)
        self.tokens: dict[str, str] = {}
        self.program = self.card = self.page = self.poster = ""

    # The console and the till's page.

    async def sign_in(self, kind: str) -> dict[str, str]:
        """The headers of the owner's session in the console, or the cashier's at the till."""
        if kind not in self.tokens:
            email = f"{'owner' if kind == 'console' else 'cashier'}@{self.slug}.example.com"
            answer = await self.client.post(f"/{kind}/sign-in", data={"email": email, "password": PASSWORD})
            assert answer.status_code == 303
            self.tokens[kind] = self.client.cookies[f"__Host-tessera-{kind}"]
            self.client.cookies.clear()
        return {"Cookie": f"__Host-tessera-{kind}={self.tokens[kind]}"}

    async def look(self, path: str) -> str:
        answer = await self.client.get(path, headers=await self.sign_in(path.split("/")[1]))
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.text

    async def press(self, path: str, form: dict[str, Any]) -> httpx2.Response:
        """A form of the console's or the till's, with the hidden token of its session."""
        kind = path.split("/")[1] if not path.startswith("/k/") else "till"
        headers = await self.sign_in(kind)
        csrf = self.here.ring.lookup_hash("web.forgery", self.tokens[kind]).hex()[:32]
        return await self.client.post(path, headers=headers, data={"csrf": csrf, **form})

    async def open(self, kind: str, **numbers: str) -> None:
        """The owner begins a programme of a kind; what is not typed stays as the form offers it."""
        path = f"/console/programs/new/{kind}"
        values = next(values for _, action, values, _ in Forms(await self.look(path)).found if action == path)
        assert set(numbers) <= set(values), (kind, sorted(values))
        done = await self.press(path, {**values, **numbers, "slug": self.poster})
        assert done.status_code == 303, done.text
        self.program = done.headers["location"].split("/")[3].partition("?")[0]
        self.shop = self.shop._replace(program_id=self.here.ids.decode("program", self.program))

    async def say(self, act: str, **typed: str) -> dict[str, Any]:
        """The cashier presses a button on the card's page, and again where the till asks; the operation as the API tells it."""
        path = f"/till/cards/{self.card}"
        done = await self.press(path, {"act": act, **typed})
        if done.status_code == 200:
            values = next(values for _, _, values, _ in Forms(done.text).found if "expect" in values)
            done = await self.press(path, {**values, "act": act})
        assert done.status_code == 303, re.sub(r"<[^>]+>", " ", done.text)
        return await self.operation(done.headers["location"].rpartition("=")[2])

    # The shopper.

    async def join(self, phone: str = PHONE, query: str = "") -> None:
        """From the poster to the card's page: number, message, consent."""
        done = await self.client.post(f"/e/{self.slug}/{self.poster}{query}", data={"phone": phone})
        assert done.status_code in (200, 303), done.text
        await self.joining.deliver()
        done = await self.client.post(self.joining.inbox.path(phone), data={"name": "Anna", "terms": "on"})
        assert done.status_code == 303, done.text
        self.page = done.headers["location"].partition("?")[0]
        found = (await self.till.get("/cards", code=phone)).json()["items"]
        [self.card] = [each["id"] for each in found if each["program"] == self.program]
        self.client.cookies.clear()

    async def begin(self, kind: str, **numbers: str) -> None:
        """A programme of a kind, and a shopper with its card."""
        self.poster = f"{kind}-card"
        await self.open(kind, **numbers)
        if kind != "club":
            await self.join()

    async def card_page(self) -> str:
        answer = await self.client.get(self.page)
        assert answer.status_code == 200
        return re.sub(r"\s+", " ", answer.text.replace("\u00a0", " ").replace("\u202f", " "))

    # The API.

    async def api(self, path: str, **body: Any) -> dict[str, Any]:
        answer = await self.till.post(path, body)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    async def sell(self, amount: int, **more: Any) -> dict[str, Any]:
        return await self.api("/sales", card=self.card, amount=amount, **more)

    async def refund(self, operation: dict[str, Any], **what: Any) -> dict[str, Any]:
        self.here.clock.advance(minutes=1)
        return await self.api(f"/sales/{operation['id']}/refunds", **(what or {"rest": True}))

    async def operation(self, public_id: str) -> dict[str, Any]:
        return (await self.till.get(f"/operations/{public_id}")).json()

    async def seen(self) -> dict[str, Any]:
        return (await self.till.get(f"/cards/{self.card}")).json()

    async def refused(self, path: str, code: str, **body: Any) -> None:
        answer = await self.till.post(path, body)
        assert (answer.status_code // 100, answer.json()["code"]) == (4, code), answer.text

    async def proves(self) -> None:
        """Two days later the first receipt proves itself, and verify finds nothing."""
        self.here.clock.advance(days=2)
        await day_seals.seal_days(self.here.db, self.here.clock.now())
        assert (await self.client.get(f"{self.page}/receipts/1")).status_code == 200
        proof = proofs.parse((await self.client.get(f"{self.page}/receipts/1/proof.json")).content)
        proofs.check(proof)
        assert proof.day is not None
        assert proof.day.root in (await self.client.get(f"/ledger/{await self.issuer()}")).text
        assert await verify(self.here.db, self.here.clock.now()) == []

    async def issuer(self) -> str:
        return await self.here.db.fetch_val("SELECT slug FROM businesses WHERE id = :id", {"id": self.shop.business_id})


@pytest.fixture
async def journey(here: Context, client: httpx2.AsyncClient, shop: Shop) -> Journey:
    return Journey(here, client, shop)


async def test_points_are_earned_at_the_till_spent_through_the_api_and_come_back_with_a_refund(journey: Journey) -> None:
    await journey.begin("points")
    first = await journey.say("earn", amount="740")
    assert first["balances"]["points"] == 35
    second = await journey.sell(10_000, redeem={"points": 30})
    assert (second["to_pay"], second["balances"]["points"]) == (7_000, 5)
    assert (await journey.refund(second))["balances"]["points"] == 35
    assert "35" in await journey.card_page()
    assert (await journey.refund(first))["balances"]["points"] == 0
    await journey.proves()


async def test_cashback_comes_as_money_and_is_spent_at_the_till(journey: Journey) -> None:
    await journey.begin("cashback")
    assert (await journey.say("earn", amount="1000"))["balances"]["money"] == 5_000
    spent = await journey.say("redeem", amount="80", points="40")
    assert (spent["to_pay"], spent["balances"]["money"]) == (4_000, 1_200)
    assert (await journey.refund(spent))["balances"]["money"] == 5_000
    await journey.proves()


async def test_a_fixed_discount_is_taken_off_every_receipt(journey: Journey) -> None:
    await journey.begin("discount", discount_bp="7")
    sold = await journey.say("earn", amount="1000")
    assert (sold["discount"], sold["to_pay"]) == (7_000, 93_000)
    assert (await journey.refund(sold, amount=46_500))["pay_back"] == 46_500
    await journey.refused(f"/sales/{sold['id']}/refunds", "refund_exceeds_sale", amount=46_501)
    await journey.proves()


async def test_the_discount_grows_with_what_was_bought_and_shrinks_with_what_is_returned(journey: Journey) -> None:
    await journey.begin("cumulative")
    big = await journey.say("earn", amount="10000")
    assert (big["discount"], big["tier"]["key"]) == (0, "bronze")
    assert "Bronze" in await journey.card_page()
    assert (await journey.sell(10_000))["discount"] == 300
    assert (await journey.refund(big))["tier"]["key"] == "friend"
    assert (await journey.sell(10_000))["discount"] == 0
    await journey.proves()


async def test_a_level_is_reached_seen_on_the_card_and_earns_more(journey: Journey) -> None:
    await journey.begin("tiers")
    version = "SELECT COALESCE(MAX(number), 0) FROM updates"
    before = await journey.here.db.fetch_val(version)
    big = await journey.say("earn", amount="20000")
    assert (big["tier"]["key"], big["balances"]["points"]) == ("silver", 600)
    assert await journey.here.db.fetch_val(version) > before, "the pass is not fetched anew"
    assert "Silver" in await journey.card_page()
    assert (await journey.sell(10_000))["balances"]["points"] == 605
    assert (await journey.refund(big))["tier"]["key"] == "basic"
    await journey.proves()


async def test_the_sixth_coffee_is_free_once_and_a_returned_one_takes_its_gift_back(journey: Journey) -> None:
    await journey.begin("stamps")
    for _ in range(5):
        last = await journey.say("earn", amount="250")
        journey.here.clock.advance(minutes=20)
    assert (last["balances"]["stamps"], last["vouchers"]["issued"]) == (5, [])
    sixth = await journey.say("earn", amount="250")
    [gift] = sixth["vouchers"]["issued"]
    assert (sixth["balances"]["stamps"], gift["status"]) == (0, "open")
    assert (await journey.refund(sixth))["balances"]["stamps"] == 5
    assert (await journey.seen())["vouchers"] == []
    again = await journey.say("earn", amount="250")
    [gift] = again["vouchers"]["issued"]
    free = await journey.sell(25_000, rewards=[gift["code"]])
    assert free["vouchers"]["used"][0]["id"] == gift["id"]
    await journey.refused("/sales", "voucher_used", card=journey.card, amount=25_000, rewards=[gift["code"]])
    await journey.proves()


async def test_prepaid_visits_are_bought_taken_frozen_and_given_back(journey: Journey) -> None:
    await journey.begin("visits")
    bought = await journey.say("sell", what="package:ten")
    assert bought["balances"]["visits"] == 10
    came = await journey.say("visit", visits="1")
    assert came["balances"]["visits"] == 9
    await journey.api(f"/cards/{journey.card}/freeze", days=7)
    await journey.refused(f"/cards/{journey.card}/visits", "not_enough", count=1)
    await journey.till.post(f"/cards/{journey.card}/unfreeze")
    assert (await journey.seen())["balances"]["visits"] == 9
    assert (await journey.refund(came))["balances"]["visits"] == 10
    await journey.proves()


async def test_a_membership_makes_things_cheaper_until_its_last_day(journey: Journey) -> None:
    await journey.begin("membership")
    assert (await journey.sell(10_000))["discount"] == 0
    bought = await journey.say("sell", what="plan:month")
    assert bought["to_pay"] == 50_000
    assert (await journey.say("earn", amount="100"))["discount"] == 1_000
    journey.here.clock.advance(days=32)
    journey.tokens.clear()
    assert (await journey.sell(10_000))["discount"] == 0
    again = await journey.api(f"/cards/{journey.card}/purchases", plan="month")
    assert (await journey.sell(10_000))["discount"] == 1_000
    await journey.refund(again)
    assert (await journey.sell(10_000))["discount"] == 0
    await journey.proves()


async def test_a_gift_card_is_loaded_by_a_giver_and_spent_in_parts(journey: Journey) -> None:
    await journey.begin("gift")
    loaded = await journey.say("sell", what="gift:100000", giver="Boris", words="Happy birthday")
    assert loaded["balances"]["money"] == 100_000
    assert (await journey.say("redeem", amount="300", points="300"))["balances"]["money"] == 70_000
    rest = await journey.sell(90_000, redeem={"money": 70_000})
    assert (rest["to_pay"], rest["balances"]["money"]) == (20_000, 0)
    assert (await journey.refund(rest, amount=45_000))["balances"]["money"] == 35_000
    await journey.refused("/sales", "not_enough_points", card=journey.card, amount=50_000, redeem={"money": 35_001})
    await journey.proves()


async def test_the_welcome_coupon_is_used_a_code_counts_once_and_a_printed_coupon_is_redeemed_once(journey: Journey) -> None:
    await journey.begin("coupon")
    await occasions.give_activations(journey.here.db, journey.here.clock.now())
    [welcome] = (await journey.seen())["vouchers"]
    assert (await journey.sell(10_000, rewards=[welcome["code"]]))["discount"] == 1_000
    for name, form in (("Spring", {"kind": "code", "codes": "SPRING26", "uses": "", "reward": "coupon"}),
                       ("Leaflet", {"kind": "coupon", "count": "1", "length": "10"})):
        made = await journey.press(f"/console/promos?program={journey.program}", {"name": name, "per_person": "1", **form})
        assert made.status_code == 303, re.sub(r"<[^>]+>", " ", made.text)
    used = await journey.say("earn", amount="100", promo="spring26")
    assert used["discount"] == 1_000
    await journey.refused("/sales", "promo_used_by_you", card=journey.card, amount=10_000, promo_code="SPRING26")
    await journey.refund(used)
    assert (await journey.sell(10_000, promo_code="SPRING26"))["discount"] == 1_000
    printed = await journey.look(f"/console/promos/leaflet/codes.csv?program={journey.program}")
    [path] = re.findall(r"(/k/\w{29})", printed)
    assert (await journey.client.get(path)).status_code == 200
    assert (await journey.press(f"{path}/redeem", {})).status_code == 303
    assert (await journey.press(f"{path}/redeem", {})).status_code == 409
    await journey.proves()


async def test_good_deeds_add_up_on_the_card(journey: Journey) -> None:
    await journey.begin("charity", **{"fund.en": "Kind hands"})
    sold = await journey.say("earn", amount="500")
    assert sold["balances"]["donated"] == 1_000
    await journey.sell(50_000)
    assert "20" in (page := await journey.card_page())
    assert "Kind hands" in page
    assert (await journey.refund(sold))["balances"]["donated"] == 1_000
    await journey.proves()


async def test_a_club_lets_nobody_in_without_its_invitation(journey: Journey) -> None:
    await journey.begin("club")
    address = f"/e/{journey.slug}/club-card"
    assert (await journey.client.get(address)).status_code == 403
    assert (await journey.client.post(address, data={"phone": PHONE})).status_code == 403
    assert (await journey.client.post(f"{address}?friend=abcdefgh", data={"phone": PHONE})).status_code == 403
    assert (await journey.press("/console/invitations", {"program": journey.program, "uses": "1", "ends_on": ""})).status_code == 303
    [code] = re.findall(r"\?friend=(\w+)", await journey.look("/console/invitations"))
    await journey.join(query=f"?friend={code}")
    assert (await journey.client.get(f"{address}?friend={code}")).status_code == 403
    assert (await journey.say("earn", amount="100"))["discount"] == 1_000
    await journey.proves()


async def test_points_of_one_member_pay_at_the_other_and_the_statement_adds_up(journey: Journey, other_shop: Shop) -> None:
    own = await make_shop(journey.here, slug="together", name="All together")
    union = Journey(journey.here, journey.client, own, "together")
    await union.begin("coalition")
    members = [journey, Journey(journey.here, journey.client, other_shop, "leaf")]
    for member in members:
        invited = await union.press("/console/coalition", {"act": "invite", "slug": member.slug, "earns": "1", "spends": "1", "fee": "0"})
        assert invited.status_code == 303
        [taken] = set(re.findall(r"prt_\w+", await member.look("/console/coalition")))
        assert (await member.press("/console/coalition", {"act": "accept", "participation": taken})).status_code == 303
        member.card = union.card
    assert (await members[0].say("earn", amount="1000"))["balances"]["points"] == 30
    spent = await members[1].sell(10_000, redeem={"points": 20})
    assert (spent["to_pay"], spent["balances"]["points"]) == (8_000, 10)
    for stranger in (members[0], journey):
        assert (await stranger.till.get(f"/operations/{spent['id']}")).status_code == 404
    statement = await union.look("/console/coalition/statement.csv?month=2026-11")
    assert "Coffee corner,Leaf & Line,20,20.00" in statement.replace('"', "")
    assert (await members[1].refund(spent))["balances"]["points"] == 30
    await union.proves()
