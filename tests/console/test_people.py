"""Staff and keys: shown once what is shown once, and taken away at once what is taken away."""
import html
import re

import pytest

from app.errors import Refused
from app.sales import service as sales
from app.sales.rules import SaleRequest
from app.staff import service as staff
from tests.console.visiting import audited, rows, sign_in, value_of, words_of
from tests.shops import PASSWORD, make_card

STAFF, KEYS = "/console/staff", "/console/keys"
NINA = {"name": "Нина", "email": "Nina@Coffee.example.com", "role": "manager", "location": ""}


def once(answer):
    """What stands in the box of things that are shown once."""
    found = re.search(r'id="once" value="([^"]+)"', answer.text)
    return html.unescape(found[1]) if found else None


def path_of(here, staff_id, act):
    return f"{STAFF}/{here.ids.encode('staff', staff_id)}/{act}"


async def test_somebody_new_comes_in_by_a_link_that_is_shown_once(client, here, shop, owner):
    answer = await owner.post(STAFF, {**NINA, "location": here.ids.encode("location", shop.location_id)})
    link = once(answer)
    assert answer.status_code == 200 and link.startswith("https://cards.example.com/console/link/")
    assert "A sign-in link for Nina@Coffee.example.com." in words_of(answer) and "no-store" in answer.headers["cache-control"]
    page = await owner.get(STAFF)
    assert once(page) is None and link.rpartition("/")[2] not in page.text
    assert "Нина manager nina@coffee.example.com · Pushkin Street" in words_of(page)
    assert link.rpartition("/")[2].encode() not in repr(await rows(here)).encode()
    used = await client.post(link, data={"password": "three calm words"})
    client.cookies.clear()
    assert used.headers["location"] == "/console" and await sign_in(client, "nina@coffee.example.com")
    assert "staff.invited" in await audited(here, shop.business_id)


@pytest.mark.parametrize(("field", "typed", "status"), [("name", "", 422), ("name", "x" * 101, 422), ("email", "nina", 422),
                                                        ("email", "", 422),
                                                        ("email", "a" * 400 + "@example.com", 422), ("role", "boss", 422),
                                                        ("email", "owner@coffee.example.com", 409)])
async def test_a_wrong_invitation_is_refused_with_what_was_typed(here, owner, field, typed, status):
    before = await rows(here)
    answer = await owner.post(STAFF, {**NINA, field: typed})
    assert answer.status_code == status and f'id="{field}-error" role="alert"' in answer.text and once(answer) is None
    assert (value_of(answer, "name"), value_of(answer, "email")) == ({**NINA, field: typed}["name"], {**NINA, field: typed}["email"])
    assert await rows(here) == before


async def test_an_address_of_another_business_is_taken_and_tells_nothing_else(here, other_shop, owner):
    before = await rows(here)
    answer = await owner.post(STAFF, {**NINA, "email": "owner@leaf.example.com"})
    assert answer.status_code == 409 and "signs in to Tessera already" in words_of(answer) and "Leaf" not in words_of(answer)
    assert await rows(here) == before


async def test_a_new_link_ends_the_one_before(client, here, owner):
    first = once(await owner.post(STAFF, NINA))
    staff_id = await here.db.fetch_val("SELECT id FROM staff WHERE name = 'Нина'")
    second = once(await owner.post(path_of(here, staff_id, "link")))
    assert first != second
    assert (await client.get(first)).status_code == 410 and (await client.get(second)).status_code == 200


async def test_taking_access_away_ends_sessions_and_links_at_once(client, here, shop, owner, manager):
    manager_id = await here.db.fetch_val("SELECT id FROM staff WHERE name = 'Manager'")
    link = once(await owner.post(path_of(here, manager_id, "link")))
    answer = await owner.post(path_of(here, manager_id, "access"))
    assert "Every session of theirs has ended." in await owner.page(answer.headers["location"])
    assert (await manager.get("/console")).status_code == 303 and (await client.get(link)).status_code == 410
    before = await rows(here)
    refused = await owner.post(path_of(here, manager_id, "link"))
    assert refused.status_code == 409 and "Give this person access back first." in words_of(refused) and await rows(here) == before
    answer = await owner.post(path_of(here, manager_id, "access"))
    assert "They may sign in again" in await owner.page(answer.headers["location"])
    assert await sign_in(client, "manager@coffee.example.com")
    assert (await audited(here, shop.business_id))[1:4] == ["staff.enabled", "staff.disabled", "staff.invited"]


async def test_a_business_keeps_its_last_owner(here, shop, owner):
    before = await rows(here)
    answer = await owner.post(path_of(here, shop.who.id, "access"))
    assert answer.status_code == 409 and "keeps at least one owner" in words_of(answer) and await rows(here) == before
    page = await owner.get(STAFF)
    assert path_of(here, shop.who.id, "access") not in page.text and "that is you" in words_of(page)


# Keys.

async def test_a_key_is_shown_once_works_and_dies_when_it_is_revoked(client, here, shop, owner):
    answer = await owner.post(KEYS, {"name": "web shop", "scopes": ["cards:read", "reports:read"], "location": ""})
    plain = once(answer)
    assert answer.status_code == 200 and plain.startswith("tsk_") and "no-store" in answer.headers["cache-control"]
    page = await owner.get(KEYS)
    assert once(page) is None and plain not in page.text and "web shop works cards:read reports:read · never used" in words_of(page)
    assert plain.encode() not in repr(await rows(here)).encode()
    me = await client.get("/api/v1/me", headers={"Authorization": f"Bearer {plain}"})
    assert me.status_code == 200 and me.json()["scopes"] == ["cards:read", "reports:read"]
    key_id = await here.db.fetch_val("SELECT id FROM api_keys WHERE name = 'web shop'")
    answer = await owner.post(f"{KEYS}/{here.ids.encode('api_key', key_id)}/revoke")
    assert "The key is revoked." in await owner.page(answer.headers["location"])
    assert (await client.get("/api/v1/me", headers={"Authorization": f"Bearer {plain}"})).status_code == 401
    assert [action for action in await audited(here, shop.business_id) if action.startswith("api_key")][:2] == [
        "api_key.revoked", "api_key.created"]


async def test_a_key_for_one_location_is_told_so(here, shop, owner):
    await owner.post(KEYS, {"name": "till 3", "scopes": "sales:write", "location": here.ids.encode("location", shop.location_id)})
    [key] = [key for key in await staff.list_keys(here.db, shop.business_id) if key.name == "till 3"]
    assert key.location_id == shop.location_id and "Pushkin Street · never used" in await owner.page(KEYS)


@pytest.mark.parametrize("form", [{"name": "", "scopes": "cards:read"}, {"name": "x" * 101, "scopes": "cards:read"}, {"name": "shop"},
                                  {"name": "shop", "scopes": ["cards:read", "everything"]}])
async def test_a_wrong_key_is_refused_with_what_was_typed(here, owner, form):
    before = await rows(here)
    answer = await owner.post(KEYS, {"location": "", **form})
    assert answer.status_code == 422 and 'class="field__error"' in answer.text and once(answer) is None
    assert value_of(answer, "name") == form["name"] and await rows(here) == before
    if "cards:read" in form.get("scopes", ""):
        assert re.search(r'value="cards:read" checked', answer.text)


async def test_revoking_twice_is_revoking_once(here, shop, owner):
    path = f"{KEYS}/{here.ids.encode('api_key', shop.key_principal.id)}/revoke"
    for _ in range(2):
        assert (await owner.post(path)).status_code == 303
    assert (await audited(here, shop.business_id)).count("api_key.revoked") == 1


async def staff_of(here, role):
    return await here.db.fetch_one("SELECT id, name, role, location_id FROM staff WHERE role = :role AND business_id = 1", {"role": role})


async def test_a_colleague_gets_another_name_role_and_place(client, here, shop, owner, manager):
    person = await staff_of(here, "manager")
    own = f"{STAFF}/{here.ids.encode('staff', person['id'])}"
    assert value_of(await owner.get(own), "name") == person["name"]
    place = here.ids.encode("location", shop.location_id)
    kept = await owner.post(own, {"name": "Мария", "role": "cashier", "location": place})
    assert kept.status_code == 303
    row = await here.db.fetch_one("SELECT name, role, location_id FROM staff WHERE id = :id", {"id": person["id"]})
    assert tuple(row) == ("Мария", "cashier", shop.location_id)
    assert (await manager.get("/console")).status_code == 303       # a new role signs in again
    assert "staff.changed" in await audited(here, shop.business_id)


async def test_the_last_owner_and_a_wrong_name_are_refused_with_what_was_typed(here, shop, owner):
    person = await staff_of(here, "owner")
    own = f"{STAFF}/{here.ids.encode('staff', person['id'])}"
    before = await rows(here)
    for typed, status in (({"name": "Ольга", "role": "manager", "location": ""}, 409),
                          ({"name": "", "role": "owner", "location": ""}, 422)):
        answer = await owner.post(own, typed)
        assert answer.status_code == status
        assert value_of(answer, "name") == typed["name"]
    assert (await owner.get(f"{STAFF}/stf_0000000000000")).status_code == 404
    assert await rows(here) == before


async def test_a_new_password_ends_every_session_and_opens_the_next(client, here, shop, manager):
    wrong = await manager.post("/console/password", {"current": "not this one", "password": "four calm new words"})
    assert wrong.status_code == 401 and "not your password now" in words_of(wrong)
    weak = await manager.post("/console/password", {"current": PASSWORD, "password": "short"})
    assert weak.status_code == 422 and "at least 10" in words_of(weak)
    kept = await manager.post("/console/password", {"current": PASSWORD, "password": "four calm new words"})
    assert (kept.status_code, kept.headers["location"]) == (303, "/console/sign-in")
    assert (await manager.get("/console")).status_code == 303
    client.cookies.clear()
    answer = await client.post("/console/sign-in", data={"email": "manager@coffee.example.com", "password": "four calm new words"},
                               headers={"Origin": "https://cards.example.com"})
    assert answer.status_code == 303


async def test_a_persons_own_card_is_noted_and_they_may_not_credit_it(here, shop, owner):
    card = await make_card(here, shop)
    cashier = f"{STAFF}/{here.ids.encode('staff', shop.cashier.id)}"
    typed = {"name": "Cashier", "role": "cashier", "location": ""}
    wrong = await owner.post(cashier, {**typed, "card": "+79990000000"})
    assert wrong.status_code == 422 and 'id="card-error"' in wrong.text
    assert await staff.customer_of(here.db, shop.business_id, shop.cashier.id) is None
    assert (await owner.post(cashier, {**typed, "card": card.number})).status_code == 303
    assert await staff.customer_of(here.db, shop.business_id, shop.cashier.id) == card.customer_id
    with pytest.raises(Refused) as refused:
        await sales.sell(here.db, shop.cashier, SaleRequest(card.id, 10_000), None, here.clock.now())
    assert refused.value.code == "own_card" and "card.own_refused" in await audited(here, shop.business_id)
    assert (await owner.post(cashier, typed)).status_code == 303
    assert await staff.customer_of(here.db, shop.business_id, shop.cashier.id) == card.customer_id
    assert (await owner.post(cashier, {**typed, "no_card": "on"})).status_code == 303
    assert await staff.customer_of(here.db, shop.business_id, shop.cashier.id) is None
