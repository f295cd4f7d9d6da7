"""Programmes through the API: kinds, opening, rules and their versions, trying out, closing, and what rules name."""
import pytest

from app.programs.kinds import KINDS
from tests.shops import make_card
from tests.till.calling import Till, on_sqlite, written

pytestmark = on_sqlite
POINTS = {"earn_points": 5, "earn_per_minor": 10_000, "largest_share_bp": 5_000}


async def put(till, path, body):
    return await till.client.put(f"/api/v1{path}", json=body, headers=till.headers)


async def test_every_kind_is_listed_and_opens_with_what_its_rules_name(till):
    kinds = (await till.get("/programs/kinds")).json()["items"]
    assert [kind["key"] for kind in kinds] == list(KINDS)
    for kind in kinds:
        body = {"kind": kind["key"], "slug": f"a-{kind['key']}", "name": {"en": kind["name"]}, "rules": kind["rules"]}
        answer = await till.post("/programs", body, key=kind["key"])
        assert answer.status_code == 201, answer.text
        made = answer.json()
        assert (made["kind"], made["rules_version"], made["closing"]) == (kind["key"], 1, None)
        assert made["explained"] == kind["explained"]
        again = await till.post("/programs", body, key=kind["key"])
        assert (again.json()["id"], again.headers["Idempotent-Replay"]) == (made["id"], "true")
        assert (await till.get(f"/programs/{made['id']}")).json() == made
    taken = await till.post("/programs", {"kind": "points", "slug": "a-points", "name": {"en": "Again"}})
    assert (taken.status_code, taken.json()["code"]) == (409, "slug_taken")


async def test_rules_are_replaced_whole_announced_and_kept_in_versions(till, here, shop):
    path = f"/programs/{till.program}/rules"
    made = await put(till, path, {"rules": {**POINTS, "rules": [{
        "key": "mondays", "name": {"en": "Mondays"}, "effect": {"do": "multiply", "by_bp": 20_000},
        "when": {"weekdays": [1], "locations": [till.id("location", shop.location_id)]}}]}})
    assert made.status_code == 200, made.text
    assert (made.json()["version"], made.json()["created_by"], made.json()["starts_at"]) == (2, "till 2", None)
    assert made.json()["rules"]["rules"][0]["when"]["locations"] == [till.id("location", shop.location_id)]
    same = await put(till, path, {"rules": made.json()["rules"]})
    assert same.json()["version"] == 2
    announced = await put(till, path, {"rules": POINTS, "starts_at": "2026-12-01T00:00:00Z"})
    assert (announced.json()["version"], announced.json()["starts_at"]) == (3, "2026-12-01T00:00:00Z")
    assert (await till.get(f"/programs/{till.program}")).json()["rules_version"] == 2
    first = (await till.get(path, limit=2)).json()
    assert [one["version"] for one in first["items"]] == [3, 2]
    rest = (await till.get(path, limit=2, cursor=first["next_cursor"])).json()
    assert ([one["version"] for one in rest["items"]], rest["next_cursor"]) == ([1], None)


async def test_rules_are_said_back_simulated_and_tried_and_not_kept(till, here, shop):
    card = await make_card(here, shop)
    await till.post("/sales", {"card": till.id("card", card.id), "amount": 20_000})
    before = await written(here)
    answer = await till.post(f"/programs/{till.program}/rules/check", {
        "rules": {**POINTS, "earn_points": 10}, "simulate": {}, "receipt": {"amount": 74_000}})
    assert answer.status_code == 200, answer.text
    checked = answer.json()
    assert "10" in checked["explained"]["en"][0]
    assert checked["explained"]["ru"][0] != checked["explained"]["en"][0]
    assert (checked["simulation"]["judged"], checked["simulation"]["draft"]["given"], checked["simulation"]["in_force"]["given"]) == (
        1, {"points": 20}, {"points": 10})
    assert (checked["receipt"]["gains"], checked["receipt"]["to_pay"]) == ({"points": 74}, 74_000)
    assert await written(here) == before


@pytest.mark.parametrize(("rules", "field"), [
    ({"largest_share_bp": 10_001}, "rules.largest_share_bp"),
    ({"discount_bp": 10_000}, "rules.discount_bp"),
    ({"earn_points": 500}, "rules.earn_points"),
    ({"unit": "money", "worth_minor": 100}, "rules.worth_minor"),
    ({"fades": [{"days": 7, "share_bp": 5_000}], "lot_end": "activity"}, "rules.fades"),
    ({"rules": [{"key": "a", "name": {"en": "A"}, "effect": {"do": "discount", "share_bp": 12_000}}]}, "rules.rules[0].effect.share_bp"),
    ({"rules": [{"key": "a", "name": {"en": "A"}, "effect": {"do": "earn", "amount": 1}, "starts_on": "2026-12-02",
                 "ends_on": "2026-12-01"}]}, "rules.rules[0].ends_on"),
    ({"rules": [{"key": "a", "name": {"en": "A"}, "effect": {"do": "voucher", "reward": "nothing"}}]}, "rules.rules[0].effect.reward"),
    ({"rules": [{"key": "a", "name": {"en": "A"}, "effect": {"do": "earn", "amount": 1}, "when": {"promo": "none"}}]},
     "rules.rules[0].when.promo"),
    ({"rules": [{"key": "a", "name": {"en": "A"}, "effect": {"do": "earn", "amount": 1}, "when": {"locations": ["loc_1"]}}]},
     "rules.rules[0].when.locations[0]"),
    ({"rules": [{"key": "a", "name": {"en": "A"}, "effect": {"do": "earn", "amount": 1}, "when": {"time_from": "25:00"}}]},
     "rules.rules[0].when.time_from")])
async def test_rules_that_nobody_could_mean_are_refused_beside_their_field_in_both_languages(till, here, rules, field):
    before = await written(here)
    for path, send in ((f"/programs/{till.program}/rules", put), (f"/programs/{till.program}/rules/check", Till.post)):
        said = []
        for language in ("en", "ru"):
            till.headers["Accept-Language"] = language
            answer = await send(till, path, {"rules": {**POINTS, **rules}})
            assert answer.status_code == 422, answer.text
            wrong = next(each for each in answer.json()["errors"] if each["field"] == field)
            said.append(wrong["detail"])
        assert len(set(said)) == 2
    assert await written(here) == before


async def test_a_programme_is_closed_and_called_off(till, here):
    path = f"/programs/{till.program}/closing"
    before = await written(here)
    for wrong, field in (({"earns_until": "2026-11-01T00:00:00Z", "spends_until": "2027-01-01T00:00:00Z"}, "earns_until"),
                         ({"earns_until": "2027-02-01T00:00:00Z", "spends_until": "2027-01-01T00:00:00Z"}, "spends_until")):
        answer = await till.post(path, wrong)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert await written(here) == before
    days = {"earns_until": "2027-01-01T00:00:00Z", "spends_until": "2027-03-01T00:00:00Z"}
    assert (await till.post(path, days)).json()["closing"] == days
    assert (await till.post(path + "/call-off")).json()["closing"] is None
    await till.post(path, days)
    here.clock.advance(days=41)
    begun = await till.post(path + "/call-off")
    assert (begun.status_code, begun.json()["code"]) == (409, "closing_begun")


async def test_rewards_are_made_changed_and_closed(till):
    path = f"/programs/{till.program}/rewards"
    coffee = {"key": "coffee", "kind": "product", "name": {"en": "Coffee", "ru": "Кофе"}, "unit": "points", "cost": 100, "sku": "77",
              "stock": 3}
    made = await till.post(path, coffee, key="coffee")
    assert made.status_code == 201, made.text
    reward = made.json()
    assert reward["id"].startswith("rwd_")
    assert (await till.post(path, coffee, key="coffee")).json() == reward
    assert (await till.post(path, coffee)).json()["code"] == "key_taken"
    changed = await put(till, f"{path}/{reward['id']}", {**coffee, "cost": 120, "stock": 5, "stock_was": 3})
    assert (changed.json()["cost"], changed.json()["stock"]) == (120, 5)
    moved = await put(till, f"{path}/{reward['id']}", {**coffee, "stock": 9, "stock_was": 3})
    assert (moved.status_code, moved.json()["code"]) == (409, "stock_moved")
    other = await put(till, f"{path}/{reward['id']}", {**coffee, "key": "tea", "stock_was": 5})
    assert (other.status_code, other.json()["errors"][0]["field"]) == (422, "key")
    closed = await put(till, f"{path}/{reward['id']}", {**coffee, "stock": 5, "stock_was": 5, "closed": True})
    assert closed.json()["closed"] is True
    assert (await till.get(path)).json() == {"items": [closed.json()], "next_cursor": None}


async def test_promo_codes_are_made_listed_and_closed(till, here):
    path = f"/programs/{till.program}/promo-batches"
    before = await written(here)
    ended = await till.post(path, {"key": "a", "name": "A", "count": 1, "starts_on": "2026-12-02", "ends_on": "2026-12-01"})
    assert (ended.status_code, ended.json()["errors"][0]["field"]) == (422, "ends_on")
    assert (await till.post(path, {"key": "a", "name": "A"})).json()["errors"][0]["field"] == "codes"
    assert await written(here) == before
    made = await till.post(path, {"key": "summer", "name": "Summer", "count": 3}, key="summer")
    assert (made.status_code, made.json()["codes"], made.json()["state"]) == (201, 3, "open"), made.text
    again = await till.post(path, {"key": "summer", "name": "Summer", "count": 3}, key="summer")
    assert again.json() == made.json()
    codes, cursor = [], {}
    while cursor is not None:
        page = (await till.get(f"{path}/summer/codes", limit=2, **cursor)).json()
        codes += [one["code"] for one in page["items"]]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
    assert len(set(codes)) == 3
    assert (await till.post(f"{path}/summer/close")).json()["state"] == "closed"
    assert [batch["key"] for batch in (await till.get(path)).json()["items"]] == ["summer"]


async def test_segments_are_made_counted_and_closed(till, here, shop):
    card = await make_card(here, shop)
    await till.post("/sales", {"card": till.id("card", card.id), "amount": 20_000})
    body = {"key": "here", "name": "Bought here", "filter": {"sales_from": 1, "program": till.program}}
    made = await till.post("/segments", body)
    assert (made.status_code, made.json()["count"], made.json()["filter"]) == (201, 1, body["filter"]), made.text
    assert (await till.get("/segments")).json()["items"] == [{**made.json(), "count": None}]
    wrong = await till.post("/segments", {"key": "x", "name": "X", "filter": {"location": "loc_1"}})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "filter.location")
    assert (await till.post("/segments/here/close")).json()["count"] == 0
    assert (await till.get("/segments/here")).status_code == 404


async def test_products_are_named_and_listed(till):
    for sku in ("1", "2", "3"):
        assert (await put(till, "/products", {"sku": sku, "name": f"Tea {sku}", "can_be_favourite": True})).status_code == 200
    first = (await till.get("/products", limit=2)).json()
    rest = (await till.get("/products", limit=2, cursor=first["next_cursor"])).json()
    assert [one["sku"] for one in [*first["items"], *rest["items"]]] == ["1", "2", "3"]


async def test_programmes_of_another_business_are_not_there(till, other_shop):
    theirs = till.id("program", other_shop.program_id)
    for path in ("", "/rules", "/rewards", "/promo-batches", "/promo-batches/a/codes"):
        assert (await till.get(f"/programs/{theirs}{path}")).status_code == 404
    assert (await put(till, f"/programs/{theirs}/rules", {"rules": POINTS})).status_code == 404
