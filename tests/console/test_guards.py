"""What holds for every page and form of the console: whose it is, where its forms come from, and that nothing of others shows."""
import csv
import re
from pathlib import Path

import pytest

from app.benefits import promo
from app.benefits import service as benefits
from app.benefits.rules import RewardWish, Terms
from app.programs.terms import Said
from app.sales import service as sales
from app.sales.rules import SaleRequest
from app.segments import service as segments
from app.segments.service import Filter
from tests import joined
from tests.console.visiting import HOST, audited, rows, sign_in, words_of
from tests.shops import add_person, make_card

ACCESS = Path(__file__).parents[2] / "app" / "access.csv"
with ACCESS.open(encoding="utf-8", newline="") as file:
    ROUTES = [(line["method"], line["path"], line["who"]) for line in csv.DictReader(file) if line["who"].startswith("staff console")]
FORMS = [path for method, path, _ in ROUTES if method == "POST"]
# The old address only leads on.
PAGES = [path for method, path, _ in ROUTES if method == "GET" and path != "/console/program"]
OWNERS = [(method, path) for method, path, who in ROUTES if who.endswith("owner")]
# What each form takes, so that only the guard can be what refuses it.
FIELDS = {"name": "Kiosk", "email": "new@coffee.example.com", "role": "cashier", "location": "", "scopes": "cards:read", "points": "5",
          "reason": "because", "time_zone": "Europe/Moscow", "language": "en", "earn_points": "5", "why": "asked in the shop"}


@pytest.fixture
async def world(here, shop, other_shop):
    """Two businesses, each with a card that made a purchase."""
    cards = {}
    for side, place, name in (("a", shop, "Анна"), ("b", other_shop, "Чужая Берта")):
        card = await make_card(here, place, phone="+79161231234" if side == "a" else "+79167654321", name=name, points=100)
        await sales.sell(here.db, place.key_principal, SaleRequest(card_id=card.id, amount=10_000, location_id=place.location_id,
                                                                   receipt=f"receipt-{side}"), None, here.clock.now())
        cards[side] = card
        gift = RewardWish(f"reward-{place.business_id}", "service", Said(f"Gift {side}"))
        await benefits.create_reward(here.db, place.who, place.program_id, gift, here.clock.now())
        await promo.create_batch(here.db, place.who, place.program_id, Terms(f"batch-{place.business_id}", f"Coupons {side}", "coupon"),
                                 [f"CODE{side}"], here.clock.now())
        await segments.create(here.db, place.who, f"segment-{place.business_id}", f"Group {side}", Filter(sales_from=1), here.clock.now())
        await add_keys(here, place.business_id)
        await add_stops(here, place.business_id)
        cards[f"more of {side}"] = await joined.add(here, place)
    return cards


async def add_keys(here, business_id):
    """A signing request that waits for its certificate and an issuer at Google, whose ids are the business's; no key opens anything."""
    values = {"id": business_id, "sealed": b"sealed", "now": 1}
    await here.db.execute("INSERT INTO certificates(id, business_id, request, key_sealed, created_at, created_by) "
                          "VALUES (:id, :id, 'request', :sealed, :now, 'Owner')", values)
    await here.db.execute("INSERT INTO google_issuers(id, business_id, issuer_id, client_email, account_sealed, created_at, created_by) "
                          "VALUES (:id, :id, '3388000000099999999', 'cards@example.com', :sealed, :now, 'Owner')", values)


async def add_stops(here, business_id):
    """A place that is paused and a number that wants no messages, whose ids are the business's."""
    values = {"id": business_id, "hash": b"hash", "now": 1, "until": 4_000_000_000_000}
    await here.db.execute("INSERT INTO sms_pauses(id, business_id, kind, subject, hint, paused_at, until_at) "
                          "VALUES (:id, :id, 'poster', '1:door', '1:door', :now, :until)",
                          {key: values[key] for key in ("id", "now", "until")})
    await here.db.execute("INSERT INTO suppressions(id, business_id, phone_server_hash, phone_hint, reason, created_at) "
                          "VALUES (:id, :id, :hash, '21', 'stop', :now)", {key: values[key] for key in ("id", "hash", "now")})


def filled(path, here, shop, world, side="a"):
    """The path of a route with this business's own things in it."""
    card, (made, keys) = world[side], world[f"more of {side}"]
    known = {"card": ("card", card.id), "location": ("location", shop.location_id), "staff": ("staff", shop.cashier.id),
             "key": ("api_key", shop.key_principal.id), "program": ("program", shop.program_id), "approval": ("approval", 1),
             "certificate": ("certificate", shop.business_id), "issuer": ("google_issuer", shop.business_id),
             "pause": ("pause", shop.business_id), "suppression": ("suppression", shop.business_id),
             "plastic": ("plastic_batch", made["plastic_batch"]), "tablet": ("device", made["device"]),
             "item": ("offline_item", made["offline_item"]),
             # A person's own, and nobody else's: no such rows.
             "session": ("session", 9_000 + shop.business_id), "passkey": ("passkey", 9_000 + shop.business_id),
             **{kind: (kind, made[kind]) for kind in ("import", "campaign", "erasure", "webhook", "delivery")}}
    path = path.replace("/brand/{kind}", "/brand/logo")
    path = path.replace("{act}", "block").replace("{kind}", "points").replace("{rule}", "new").replace("{report}", "gifts")
    path = path.replace("{purpose}/{language}", "marketing/en").replace("{purpose}", "none") if "/privacy/" in path else path
    path = path.replace("{question}", keys["question"]).replace("{topic}", keys["topic"])
    path = path.replace("{purpose}", "none").replace("{language}", "en").replace("{gateway}", "none")
    path = path.replace("{segment}", f"segment-{shop.business_id}")
    path = path.replace("{reward}", f"reward-{shop.business_id}").replace("{batch}", f"batch-{shop.business_id}")
    return re.sub(r"\{(\w+)\}", lambda found: here.ids.encode(*known[found[1]]), path)


@pytest.mark.parametrize("path", FORMS)
async def test_a_forged_form_is_refused_and_writes_nothing(client, here, shop, world, owner, path):
    path = filled(path, here, shop, world)
    other = await sign_in(client, "owner@leaf.example.com")
    before = await rows(here)
    for token, origin in (("", HOST), ("0" * 32, HOST), (other.token, HOST), (owner.token, "https://evil.example"), (owner.token, "null"),
                          (owner.token, "https://cards.example.com.evil.example"), (owner.token, "http://cards.example.com")):
        answer = await owner.post(path, FIELDS, token=token, headers={"Origin": origin})
        assert answer.status_code == 403, (token, origin)
        assert "did not come from this site" in words_of(answer)
    answer = await client.post(path, data={**FIELDS, "csrf": owner.token}, headers={"Cookie": owner.cookie, "Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert await rows(here) == before


@pytest.mark.parametrize(("method", "path"), OWNERS)
async def test_what_owners_decide_a_manager_cannot_open_or_send(here, shop, world, manager, method, path):
    path, before = filled(path, here, shop, world), await rows(here)
    answer = await manager.get(path) if method == "GET" else await manager.post(path, FIELDS)
    assert answer.status_code == 403 and await rows(here) == before


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_is_private_and_shows_nothing_of_another_business(here, shop, other_shop, world, owner, path):
    answer = await owner.get(filled(path, here, shop, world))
    assert answer.status_code == 200
    assert "private, no-store" in answer.headers["cache-control"] and answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    if not path.endswith(".pdf"):
        text, card = answer.text, world["b"]
        for foreign in ("Leaf", "leaf", "Берта", card.number, "receipt-b", here.ids.encode("card", card.id)):
            assert foreign not in text, foreign
        # Four digits stand by chance in a form's token and in a drawing: these must not stand for themselves.
        said = re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL)
        assert not re.search(rf"(?<![0-9a-zA-Z]){card.number[-4:]}(?![0-9a-zA-Z])", said)


async def test_pages_are_offered_to_those_whom_they_open_for(here, shop, client, owner, manager):
    people = {"manager": manager, "owner": owner}
    for role in ("marketer", "auditor"):
        await add_person(here, shop, role)
        people[role] = await sign_in(client, f"{role}@coffee.example.com")
    offered = {}
    for role, visitor in people.items():
        offered[role] = {link for page in ("/console", "/console/programs", "/console/reports", "/console/poster")
                         for link in re.findall(r'href="(/console[a-z/-]*)"', (await visitor.get(page)).text)}
        for link in sorted(offered[role]):
            answer = await visitor.get(link)
            assert answer.status_code in (200, 303), (role, link)
            offered[role] |= set(re.findall(r'href="(/console[a-z/-]*)"', answer.text))
    assert {"/console/settings", "/console/staff"} <= offered["owner"] & offered["auditor"]
    assert {"/console/customers", "/console/operations"} <= offered["manager"] - offered["marketer"]
    assert "/console/settings" not in offered["manager"] | offered["marketer"]
    assert {"/console/design", "/console/poster", "/console/segments", "/console/reports"} <= offered["marketer"]


@pytest.mark.parametrize("path", ["/console/cards/{}", "/console/locations/{}"])
@pytest.mark.parametrize("wrong", ["", "1", "crd_", "crd_0000000000000", "loc_zzzzzzzzzzzzz", "☃", "x" * 3000, "..%2f..%2fetc"])
async def test_a_malformed_id_is_a_missing_page(here, owner, path, wrong):
    assert (await owner.get(path.format(wrong or "%20"))).status_code == 404


async def test_things_of_another_business_are_missing_for_pages_and_forms(here, shop, other_shop, world, owner):
    before = await rows(here)
    for method, path, _ in ROUTES:
        # These are words, and nobody's.
        if "{" in re.sub(r"\{(kind|report|purpose|language|gateway)\}", "", path):
            foreign = filled(path, here, other_shop, world, "b")
            answer = await owner.get(foreign) if method == "GET" else await owner.post(foreign, FIELDS)
            assert answer.status_code == 404, (method, foreign)
    assert await rows(here) == before


async def test_a_foreign_location_in_a_form_is_a_missing_one(here, shop, other_shop, owner):
    before, foreign = await rows(here), here.ids.encode("location", other_shop.location_id)
    for path in ("/console/staff", "/console/keys"):
        assert (await owner.post(path, {**FIELDS, "location": foreign})).status_code == 404
    assert await rows(here) == before
    found = await owner.get(f"/console/operations?location={foreign}")
    assert found.status_code == 200


@pytest.mark.parametrize("text", ["Чужая Берта", "Берта", "+79167654321", "4321", "receipt-b"])
async def test_no_search_finds_what_belongs_to_another_business(here, shop, world, owner, text):
    for path in ("/console/customers", "/console/operations"):
        answer = await owner.client.get(path, params={"q": text}, headers={"Cookie": owner.cookie})
        assert answer.status_code == 200 and "/console/cards/" not in answer.text
    for text in (world["b"].number, world["b"].code):
        assert "/console/cards/" not in (await owner.get(f"/console/customers?q={text}")).text


async def test_a_body_over_the_cap_is_refused_with_a_sentence(here, owner):
    before = await rows(here)
    answer = await owner.post("/console/locations", {"name": "x" * 200_000})
    assert answer.status_code == 413 and "Send less at once." in words_of(answer) and await rows(here) == before


async def test_failures_inside_the_console_lead_back_to_it(owner):
    answer = await owner.get("/console/cards/crd_0000000000000")
    assert 'href="/console"' in answer.text


async def test_nobody_audited_reads_of_pages(here, shop, world, owner):
    before = await audited(here, shop.business_id)
    for path in PAGES:
        await owner.get(filled(path, here, shop, world))
    assert await audited(here, shop.business_id) == before
