"""Goal A3: ids of another business in forms, filters and codes do nothing and tell nothing, not even by how much is asked for them."""
from pathlib import Path

import pytest

from app.web.principal import SCOPES
from tests import engines
from tests.flows.world import KEYED, Rows, World, same_page
from tests.listening import listen

MISSING = 999_999


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return engines.sqlite_url(tmp_path, migrated=True)


# A form of the console, and its fields with the ids of somebody else's things.
FORMS = [
    ("/console/staff", lambda ids: {"name": "N", "email": "n@example.com", "role": "cashier", "location": ids["location"]}),
    ("/console/staff", lambda ids: {"name": "N", "email": "n@example.com", "role": "cashier", "location": "", "programs": ids["program"]}),
    ("/console/segments", lambda ids: {"name": "G", "location": ids["location"], "sales_days": "365", "balance_unit": "points"}),
    ("/console/segments", lambda ids: {"name": "G", "program": ids["program"], "sales_days": "365", "balance_unit": "points"}),
    ("/console/campaigns", lambda ids: {"name": "C", "audience": f"list:{ids['import']}", "way": "sms", "held_out": "10",
                                        "per_hour": "200"}),
    ("/console/campaigns", lambda ids: {"name": "C", "audience": "group:none", "program": ids["program"], "way": "sms", "held_out": "10",
                                        "per_hour": "200"}),
    ("/console/brands", lambda ids: {"location": ids["location"], "tags": "x"}),
    ("/console/poster/places", lambda ids: {"name": "Door", "location": ids["location"]}),
    ("/console/suspicions", lambda ids: {"suspicion": ids["suspicion"]}),
    ("/console/customers/bearer", lambda ids: {"program": ids["program"]}),
    ("/till/place", lambda ids: {"location": ids["location"]}),
]
# An address with a filter.
FILTERS = ["/console/design?program={program}", "/console/reports?program={program}", "/console/reports/redemption?program={program}",
           "/console/poster?program={program}", "/console/rewards?program={program}", "/console/operations?location={location}",
           "/console/campaigns?import={import}", "/console/audit?before={operation}", "/console/customers?q={card}",
           "/api/v1/cards?code={card}", "/api/v1/operations?location={location}", "/api/v1/segments?cursor={operation}"]


def sets(world: World) -> dict[str, dict[str, str]]:
    """Public ids by kind; what a business names itself by words is in tests/flows/test_access_matrix.py."""
    kinds = [kind for kind in world.b.ids if kind not in KEYED]
    return {"foreign": {kind: world.b.ids[kind] for kind in kinds},
            "missing": {kind: world.here.ids.encode(kind, MISSING) for kind in kinds}}


@pytest.mark.goal("A3")
async def test_forms_answer_foreign_ids_as_missing_ones_and_write_nothing(
        world: World, all_rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    callers = {kind: await world.session("a", "owner", kind) for kind in ("console", "till")}
    asked, wrong = listen(monkeypatch), []
    for path, fields in FORMS:
        caller, answers = callers[path.split("/")[1]], {}
        for name, ids in [*sets(world).items(), *sets(world).items()]:      # once for what is read and kept, once to be judged
            all_rows.keep()
            asked.clear()
            answer = await world.client.post(path, headers=caller.headers, data={"csrf": world.forgery_token(caller), **fields(ids)})
            text = same_page(answer)[1]
            for text_id in sorted(ids.values(), key=len, reverse=True):
                text = text.replace(text_id, "…")
            answers[name] = (answer.status_code, text, answer.headers.get("location", ""), len(asked))
            if changed := all_rows.changed():
                wrong.append(f"{path} with {name} ids changed {changed}")
        if answers["foreign"] != answers["missing"] or answers["foreign"][0] < 400:
            wrong.append(f"{path}: {[(status, len(text), to, count) for status, text, to, count in answers.values()]}")
    assert wrong == []


@pytest.mark.goal("A3")
async def test_filters_answer_foreign_ids_as_missing_ones_with_as_many_queries(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """How long an answer takes is what is asked for it: the same statements, the same time."""
    owner, key = await world.session("a", "owner", "console"), await world.key("a", frozenset(SCOPES))
    asked, wrong = listen(monkeypatch), []
    for address in FILTERS:
        caller, answers = key if address.startswith("/api/") else owner, {}
        for name, ids in sets(world).items():
            await world.client.get(address.format(**ids), headers=caller.headers)       # what is read once and kept is read now
            asked.clear()
            answer = await world.client.get(address.format(**ids), headers=caller.headers)
            text = same_page(answer)[1]
            for text_id in sorted(ids.values(), key=len, reverse=True):
                text = text.replace(text_id, "…")
            answers[name] = (answer.status_code, text, len(asked))
        if answers["foreign"] != answers["missing"]:
            wrong.append(f"{address}: {[(status, len(text), count) for status, text, count in answers.values()]}")
    assert wrong == []


@pytest.mark.goal("A3")
async def test_a_coupon_of_another_business_is_redeemed_by_nobody_elses_cashier(world: World, all_rows: Rows) -> None:
    cashier = await world.session("a", "cashier", "till")
    all_rows.keep()
    form = {"csrf": world.forgery_token(cashier)}
    answer = await world.client.post(f"/k/{world.b.links['k']}/redeem", headers=cashier.headers, data=form)
    assert answer.status_code == 409 and "There is no such promo code here." in answer.text
    assert all_rows.changed() == []
