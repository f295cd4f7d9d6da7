"""Goal A4 and the parts of a business: what a cashier is refused, and what people who are kept to a part see and do."""
from pathlib import Path

import httpx2
import pytest

from app.cards import service as cards
from app.context import Context
from app.db import write_transaction
from app.errors import Forbidden, NotFound
from app.programs import service as programs
from app.sales import adjustments, approvals, claims, merging, purchases, refunds, rules, visits
from app.sales import service as sales
from app.sales.rules import RefundRequest, SaleRequest
from app.staff import role_limits
from app.staff import service as staff
from app.web.principal import Principal
from tests import engines
from tests.conftest import Shop
from tests.console.visiting import Visitor, audited, rows, sign_in
from tests.shops import RULES, add_person, make_card


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return engines.sqlite_url(tmp_path, migrated=True)


async def second_program(here: Context, shop: Shop) -> int:
    return await write_transaction(here.db, lambda tx: programs.create_program(
        tx, shop.business_id, slug="second", name="Second club", rules=RULES, now=here.clock.now()))


async def second_place(here: Context, shop: Shop) -> int:
    return await write_transaction(here.db, lambda tx: programs.create_location(tx, shop.business_id, name="Station", now=here.clock.now()))


async def sale_of(here: Context, shop: Shop, card_id: int, amount: int = 20_000, **wanted: object) -> int:
    made = await sales.sell(here.db, shop.key_principal, SaleRequest(card_id, amount, **wanted), None, here.clock.now())  # type: ignore[arg-type]
    return made.operation.id


# What a cashier is refused.

@pytest.mark.goal("A4")
async def test_a_cashier_neither_adjusts_nor_asks_for_it_nor_merges(here: Context, shop: Shop) -> None:
    card, other = await make_card(here, shop, points=50), await make_card(here, shop, phone="+79161239999")
    before = await rows(here)
    for act in (adjustments.adjust(here.db, shop.cashier, card.id, "points", 5, "because", None, here.clock.now()),
                approvals.ask(here.db, shop.cashier, card.id, "points", 5, "because", None, here.clock.now()),
                merging.merge(here.db, shop.cashier, card.id, other.id, None, here.clock.now())):
        with pytest.raises(Forbidden):
            await act
    assert await rows(here) == before


@pytest.mark.goal("A4")
async def test_a_cashier_refunds_of_one_sale_up_to_the_limit_and_a_manager_more(here: Context, shop: Shop) -> None:
    card, now = await make_card(here, shop), here.clock.now()
    sale_id = await sale_of(here, shop, card.id)
    await role_limits.set_cashier_refund_most(here.db, shop.who, 10_000, now)
    await refunds.refund(here.db, shop.cashier, RefundRequest(sale_id, 6_000), None, now)
    before = await rows(here)
    for amount in (4_001, None):
        with pytest.raises(rules.RefundNeedsManager) as refused:
            await refunds.refund(here.db, shop.cashier, RefundRequest(sale_id, amount), None, now)
        assert (refused.value.code, refused.value.extra) == ("refund_needs_manager", {"most": 10_000})
    assert await rows(here) == before, "parts of one sale count together, and what is refused leaves nothing"
    await refunds.refund(here.db, shop.cashier, RefundRequest(sale_id, 4_000), None, now)
    await refunds.refund(here.db, shop.who, RefundRequest(sale_id, None), None, now)
    await role_limits.set_cashier_refund_most(here.db, shop.who, None, now)
    again = await sale_of(here, shop, card.id)
    await refunds.refund(here.db, shop.cashier, RefundRequest(again, None), None, now)


async def test_an_owner_chooses_the_limit_on_the_page_of_staff(here: Context, client: httpx2.AsyncClient, shop: Shop) -> None:
    owner, manager = await sign_in(client, "owner@coffee.example.com"), await sign_in(client, "manager@coffee.example.com")
    assert (await owner.post("/console/limits", {"refund_most": "1 500,50"})).status_code == 303
    assert await role_limits.cashier_refund_most(here.db, shop.business_id) == 150_050
    assert (await owner.post("/console/limits", {"refund_most": "much"})).status_code == 422
    assert (await manager.post("/console/limits", {"refund_most": ""})).status_code == 403
    assert 'value="1\u202f500.50"' in (await owner.get("/console/staff")).text or "500.50" in (await owner.get("/console/staff")).text
    await owner.post("/console/limits", {"refund_most": ""})
    assert await role_limits.cashier_refund_most(here.db, shop.business_id) is None


@pytest.mark.goal("A4")
async def test_nobody_serves_a_card_of_their_own_in_any_way_and_every_try_is_on_record(here: Context, shop: Shop) -> None:
    card, now = await make_card(here, shop, points=500), here.clock.now()
    sale_id = await sale_of(here, shop, card.id)
    for who in (shop.cashier, shop.who):
        assert who.id is not None
        await staff.set_customer(here.db, shop.who, who.id, card.customer_id, now)
    db, who, boss = here.db, shop.cashier, shop.who
    tries = [sales.sell(db, who, SaleRequest(card.id, 1_000), None, now),
             sales.sell(db, boss, SaleRequest(card.id, 1_000, redeem=5), None, now),
             refunds.refund(db, who, RefundRequest(sale_id, 100), None, now), refunds.undo(db, boss, sale_id, None, now),
             adjustments.adjust(db, boss, card.id, "points", 5, "because", None, now),
             adjustments.adjust(db, boss, card.id, "points", -5, "because", None, now),
             claims.claim(db, who, card.id, "coffee", None, now), claims.hand_over(db, who, card.id, 1, None, None, now),
             visits.visit(db, who, card.id, 1, None, now), visits.freeze(db, who, card.id, 3, None, now),
             purchases.buy_package(db, who, card.id, "ten", None, now)]
    held = await here.db.fetch_all("SELECT account_id, amount FROM balances ORDER BY account_id, unit")
    for act in tries:
        with pytest.raises(rules.OwnCard):
            await act
    assert (await audited(here, shop.business_id))[:len(tries)] == ["card.own_refused"] * len(tries)
    assert await here.db.fetch_all("SELECT account_id, amount FROM balances ORDER BY account_id, unit") == held


@pytest.mark.goal("A4")
async def test_a_cashier_of_one_location_neither_stands_nor_sells_at_another(here: Context, client: httpx2.AsyncClient, shop: Shop) -> None:
    there, now = await second_place(here, shop), here.clock.now()
    kept = await add_person(here, shop, "cashier", "Kept", location_id=shop.location_id)
    till = await at_till(client, "kept@coffee.example.com")
    moved = await till.post("/till/place", {"location": here.ids.encode("location", there)})
    assert moved.status_code in (403, 404)
    assert await here.db.fetch_val("SELECT location_id FROM sessions WHERE staff_id = :id", {"id": kept}) == shop.location_id
    card = await make_card(here, shop)
    for role in ("cashier", "manager"):
        who = Principal(shop.business_id, shop.business_id, "staff", kept, "Kept", role, location_id=shop.location_id,
                        kept_location_id=shop.location_id)
        with pytest.raises(rules.OtherLocation):
            await sales.sell(here.db, who, SaleRequest(card.id, 1_000, location_id=there), None, now)
    assert (await sales.list_operations(here.db, shop.who)).items == []


async def at_till(client: httpx2.AsyncClient, email: str) -> Visitor:
    import re

    answer = await client.post("/till/sign-in", data={"email": email, "password": "three calm words"},
                               headers={"Origin": "https://cards.example.com"})
    assert answer.status_code == 303, answer.text
    visitor = Visitor(client, answer.headers["set-cookie"].split(";")[0])
    client.cookies.clear()
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', (await visitor.get("/till")).text)
    assert found is not None
    visitor.token = found[1]
    return visitor


@pytest.mark.goal("A4")
async def test_a_cashier_sees_no_whole_phone_and_opens_no_export(here: Context, client: httpx2.AsyncClient, shop: Shop) -> None:
    card = await make_card(here, shop, phone="+79161231234")
    till = await at_till(client, "cashier@coffee.example.com")
    found = await till.post("/till", {"code": card.number})
    page = await till.get(found.headers["location"])
    assert page.status_code == 200 and "9161231234" not in "".join(filter(str.isdigit, page.text))
    for path in ("/console/segments/none/members.csv", "/console/issued.csv", "/console/reports/redemption",
                 "/console/promos/none/codes.csv"):
        answer = await client.get(path, headers={"Cookie": till.cookie})
        assert answer.status_code == 303 and answer.headers["location"] == "/console/sign-in"


@pytest.mark.goal("A4", "A5")
async def test_a_cashier_who_left_is_out_at_once_everywhere_and_their_old_link_too(
        here: Context, client: httpx2.AsyncClient, shop: Shop) -> None:
    from app import secrets

    till, link = await at_till(client, "cashier@coffee.example.com"), secrets.new_secret()
    assert shop.cashier.id is not None
    person = shop.cashier.id
    await write_transaction(here.db, lambda tx: staff.create_link(tx, here.ring, shop.business_id, person, link, here.clock.now()))
    await staff.disable(here.db, shop.who, person, here.clock.now())
    assert (await till.get("/till")).status_code == 303
    assert (await client.get(f"/console/link/{link}")).status_code == 410
    again = await client.post("/till/sign-in", data={"email": "cashier@coffee.example.com", "password": "three calm words"},
                              headers={"Origin": "https://cards.example.com"})
    assert again.status_code == 401


# People who are kept to a location.

async def test_a_manager_of_one_location_sees_its_operations_and_its_cashiers_and_nothing_of_the_other(
        here: Context, client: httpx2.AsyncClient, shop: Shop) -> None:
    there = await second_place(here, shop)
    await add_person(here, shop, "manager", "Keeper", location_id=shop.location_id)
    await add_person(here, shop, "cashier", "Ours", location_id=shop.location_id)
    far = await add_person(here, shop, "cashier", "Faraway", location_id=there)
    card = await make_card(here, shop)
    await sale_of(here, shop, card.id, location_id=shop.location_id, receipt="HERE-1")
    await sale_of(here, shop, card.id, location_id=there, receipt="THERE-2")
    keeper = await sign_in(client, "keeper@coffee.example.com")
    pages = ["/console", "/console/operations", f"/console/operations?location={here.ids.encode('location', there)}",
             f"/console/cards/{here.ids.encode('card', card.id)}", "/console/staff", "/console/locations"]
    texts = {path: await keeper.page(path) for path in pages}
    assert "HERE-1" in texts["/console/operations"] and "Ours" in texts["/console/staff"]
    assert not [path for path, text in texts.items() if "THERE-2" in text or "Faraway" in text or "Station" in text]
    for path in (f"/console/staff/{here.ids.encode('staff', far)}", f"/console/locations/{here.ids.encode('location', there)}"):
        assert (await keeper.get(path)).status_code == 404
    before = await rows(here)
    assert (await keeper.post(f"/console/staff/{here.ids.encode('staff', far)}/access")).status_code == 404
    for path in ("/console/programs/new", "/console/design", "/console/segments", "/console/settings", "/console/imports",
                 "/console/audit"):
        assert (await keeper.get(path)).status_code == 403, path
    assert await rows(here) == before


async def test_a_manager_makes_cashiers_of_their_own_location_and_nobody_above(
        here: Context, client: httpx2.AsyncClient, shop: Shop) -> None:
    there, own = await second_place(here, shop), here.ids.encode("location", shop.location_id)
    await add_person(here, shop, "manager", "Keeper", location_id=shop.location_id)
    keeper, owner = await sign_in(client, "keeper@coffee.example.com"), await sign_in(client, "owner@coffee.example.com")
    new = {"name": "Nina", "email": "nina@example.com", "role": "cashier", "location": own}
    for wrong, status in ((new | {"role": "manager"}, 403), (new | {"role": "owner"}, 403), (new | {"role": "auditor"}, 403),
                          (new | {"location": ""}, 403), (new | {"location": here.ids.encode("location", there)}, 403)):
        before = await rows(here)
        assert (await keeper.post("/console/staff", wrong)).status_code == status
        assert await rows(here) == before
    assert (await keeper.post("/console/staff", new)).status_code == 200
    people = {each.name: each for each in await staff.list_staff(here.db, here.ring, shop.business_id)}
    assert (people["Nina"].role, people["Nina"].location_id) == ("cashier", shop.location_id)
    above = here.ids.encode("staff", people["Manager"].id)
    assert (await keeper.post(f"/console/staff/{above}/access")).status_code == 404
    manager = await sign_in(client, "manager@coffee.example.com")
    boss = here.ids.encode("staff", people["Owner"].id)
    peer = here.ids.encode("staff", people["Keeper"].id)
    for path in (f"/console/staff/{boss}/access", f"/console/staff/{boss}/link", f"/console/staff/{peer}/link"):
        assert (await manager.post(path)).status_code == 403
    assert (await owner.get(f"/console/staff/{above}")).status_code == 200


# People who are kept to programmes.

async def test_a_person_kept_to_a_programme_finds_and_touches_no_card_of_another(
        here: Context, client: httpx2.AsyncClient, shop: Shop) -> None:
    other, now = await second_program(here, shop), here.clock.now()
    await add_person(here, shop, "manager", "Keeper", program_ids=frozenset({shop.program_id}))
    seller = await add_person(here, shop, "cashier", "Seller", program_ids=frozenset({shop.program_id}))
    own = await make_card(here, shop, phone="+79161231111", name="Анна")
    far = await make_card(here, shop._replace(program_id=other), phone="+79161232222", name="Далёкая Вера")
    await sale_of(here, shop, far.id, receipt="FAR-1")
    keeper, till = await sign_in(client, "keeper@coffee.example.com"), await at_till(client, "seller@coffee.example.com")
    address, program = f"/console/cards/{here.ids.encode('card', far.id)}", here.ids.encode("program", other)
    for path in (address, f"/console/programs/{program}", f"/console/design?program={program}", f"/console/reports?program={program}",
                 f"/console/poster?program={program}", f"/console/rewards?program={program}", f"/till/cards/{address[15:]}"):
        assert (await keeper.get(path)).status_code in (303, 404), path
    assert (await keeper.get(f"/console/cards/{here.ids.encode('card', own.id)}")).status_code == 200
    assert (await keeper.post(f"{address}/block")).status_code == 404
    for path in ("/console", "/console/programs", "/console/customers", "/console/customers?q=Вера", "/console/customers?q=FAR-1",
                 "/console/operations", "/console/operations?q=FAR-1", "/console/reports", "/console/design"):
        text = await keeper.page(path)
        assert "Далёкая" not in text and "Second club" not in text and far.number[-4:] not in text, path
    for code in (far.number, far.code, "+79161232222"):
        assert (await till.post("/till", {"code": code})).status_code == 422
    assert (await till.post("/till", {"code": own.number})).status_code == 303
    who = Principal(shop.business_id, shop.business_id, "staff", seller, "Seller", "cashier", program_ids=frozenset({shop.program_id}))
    before = await rows(here)
    with pytest.raises(NotFound):
        await sales.sell(here.db, who, SaleRequest(far.id, 1_000), None, now)
    assert await rows(here) == before
    assert (await cards.find(here.db, here.ring, who, far.number, "RU", now)).problem == "unknown"


async def test_an_owner_keeps_somebody_to_programmes_which_ends_their_sessions(
        here: Context, client: httpx2.AsyncClient, shop: Shop, other_shop: Shop) -> None:
    other = await second_program(here, shop)
    owner, manager = await sign_in(client, "owner@coffee.example.com"), await sign_in(client, "manager@coffee.example.com")
    people = {each.name: each for each in await staff.list_staff(here.db, here.ring, shop.business_id)}
    path = f"/console/staff/{here.ids.encode('staff', people['Manager'].id)}"
    form = {"name": "Manager", "role": "manager", "location": ""}
    foreign = await owner.post(path, {**form, "programs": here.ids.encode("program", other_shop.program_id)})
    assert foreign.status_code == 404
    assert (await owner.post(path, {**form, "programs": here.ids.encode("program", other)})).status_code == 303
    assert (await manager.get("/console")).status_code == 303
    manager = await sign_in(client, "manager@coffee.example.com")
    assert "Second club" in await manager.page("/console/programs")
    assert "Manager" in await owner.page("/console/staff") and "Second club" in await owner.page("/console/staff")


# Roles beside the line.

async def test_a_marketer_changes_looks_and_groups_and_meets_no_person_and_no_operation(
        here: Context, client: httpx2.AsyncClient, shop: Shop) -> None:
    await add_person(here, shop, "marketer")
    card = await make_card(here, shop, name="Анна Тайная")
    await sale_of(here, shop, card.id)
    marketer = await sign_in(client, "marketer@coffee.example.com")
    made = await marketer.post("/console/segments", {"name": "Regulars", "sales_from": "1", "sales_days": "365", "balance_unit": "points"})
    assert made.status_code == 303
    home = await marketer.page("/console")
    assert "Тайная" not in home and "Just now" not in home
    before = await rows(here)
    for path in ("/console/customers", "/console/operations", f"/console/cards/{here.ids.encode('card', card.id)}", "/console/staff",
                 f"{made.headers['location'].partition('?')[0]}/members.csv", "/console/imports", "/console/promos/none/codes.csv"):
        assert (await marketer.get(path)).status_code == 403, path
    for path in (f"/console/cards/{here.ids.encode('card', card.id)}/adjust", "/console/rewards", "/console/locations"):
        assert (await marketer.post(path, {"points": "5", "reason": "because"})).status_code == 403, path
    assert await rows(here) == before


async def test_an_auditor_reads_and_is_offered_no_form_that_can_be_sent(here: Context, client: httpx2.AsyncClient, shop: Shop) -> None:
    import re

    await add_person(here, shop, "auditor")
    card = await make_card(here, shop, phone="+79161231234", points=20)
    auditor = await sign_in(client, "auditor@coffee.example.com")
    page = f"/console/cards/{here.ids.encode('card', card.id)}"
    for path in (page, "/console/staff", "/console/settings", "/console/keys", "/console/design", "/console/programs",
                 "/console/approvals"):
        text = (await auditor.get(path)).text
        assert "9161231234" not in text
        sendable = [form for form in re.findall(r'<form[^>]*method="post"[^>]*>.*?</form>', text, re.DOTALL)
                    if "/console/sign-out" not in form and '<fieldset class="closed" disabled>' not in form]
        assert sendable == [], path
    assert "You see what managers see, and change nothing." in await auditor.page(page)
    assert (await auditor.post(f"{page}/adjust", {"points": "5", "reason": "because"})).status_code == 403
