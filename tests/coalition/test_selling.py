"""A member's till and cash register on a coalition's cards, through the application."""
import re
from typing import Any

import pytest

from app.context import Context
from app.db import write_transaction
from app.programs import service as programs
from tests.coalition.conftest import Together
from tests.shops import PASSWORD, make_card
from tests.till.calling import Till, on_sqlite, written

HOST = "https://cards.example.com"


async def test_points_earned_at_one_member_are_spent_at_another(together: Together) -> None:
    earned = await together.sale("cafe", 100_000)
    assert earned["changes"] == [{"unit": "points", "amount": 50, "why": "earned", "expires_at": earned["changes"][0]["expires_at"]}]
    spent = await together.sale("books", 10_000, points=30)
    assert (spent["to_pay"], spent["balances"]["points"]) == (7_000, 23)
    rows = await together.here.db.fetch_all("SELECT business_id, acting_business_id FROM operations ORDER BY id")
    assert [tuple(row) for row in rows] == [(together.own.business_id, together.cafe.business_id),
                                            (together.own.business_id, together.books.business_id)]


@on_sqlite
async def test_a_member_finds_the_card_quotes_by_its_id_undoes_and_refunds_its_own_sales(together: Together) -> None:
    till, card = together.tills["cafe"], together.here.ids.encode("card", together.card.id)
    for code in (together.card.code, together.card.number, "+79161231234"):
        assert [each["id"] for each in (await till.get("/cards", code=code)).json()["items"]] == [card]
    assert (await till.get(f"/cards/{card}")).json()["number"] == together.card.number
    assert (await till.post("/sales/quote", {"card": card, "amount": 20_000}, key=None)).json()["to_earn"]["points"] == 10
    first = await together.sale("cafe", 20_000, receipt="A-1")
    again = await till.post("/sales", {"card": card, "amount": 20_000, "receipt": "A-1"})
    assert (again.status_code, again.json()["code"]) == (409, "receipt_already_used")
    assert (await till.post(f"/sales/{first['id']}/undo")).status_code == 201
    second = await together.sale("cafe", 20_000)
    back = await till.post(f"/sales/{second['id']}/refunds", {"amount": 5_000})
    assert (back.status_code, back.json()["pay_back"]) == (201, 5_000)
    assert (await till.get(f"/operations/{second['id']}")).json()["amount"] == 20_000


@on_sqlite
@pytest.mark.goal("A1")
async def test_another_member_s_sale_and_the_coalition_s_own_things_are_not_there(together: Together) -> None:
    here, books, own = together.here, together.tills["books"], together.tills["own"]
    sale = await together.sale("cafe", 20_000)
    at_home = (await own.post("/sales", {"code": together.card.code, "amount": 10_000})).json()
    card = here.ids.encode("card", together.card.id)
    missing_operation, missing_card = here.ids.encode("operation", 999_999), here.ids.encode("card", 999_999)
    before = await written(here)
    for operation in (sale["id"], at_home["id"]):
        for verb, body in (("undo", None), ("refunds", {"amount": 100})):
            answer = await books.post(f"/sales/{operation}/{verb}", body)
            nothing = await books.post(f"/sales/{missing_operation}/{verb}", body)
            assert (answer.status_code, answer.text) == (404, nothing.text)
        assert (await books.get(f"/operations/{operation}")).status_code == 404
    for verb in ("block", "unblock", "reissue", "replace", "page-links", "adjustments"):
        body = {"unit": "points", "amount": 5, "reason": "x"} if verb == "adjustments" else None
        answer, nothing = await books.post(f"/cards/{card}/{verb}", body), await books.post(f"/cards/{missing_card}/{verb}", body)
        assert (answer.status_code, answer.text) == (404, nothing.text), verb
    assert (await books.get(f"/cards/{card}/operations")).status_code == 404
    assert (await books.get("/operations")).json()["items"] == []
    assert await written(here) == before


@on_sqlite
async def test_members_choose_keys_and_receipts_without_knowing_of_each_other_s(together: Together) -> None:
    bodies = {"code": together.card.code, "amount": 10_000, "receipt": "1"}
    cafe = await together.tills["cafe"].post("/sales", bodies, key="one")
    books = await together.tills["books"].post("/sales", bodies, key="one")
    own = await together.tills["own"].post("/sales", bodies, key="one")
    assert [each.status_code for each in (cafe, books, own)] == [201, 201, 201]
    assert len({each.json()["id"] for each in (cafe, books, own)}) == 3
    repeated = await together.tills["cafe"].post("/sales", bodies, key="one")
    assert (repeated.json(), repeated.headers["idempotent-replay"]) == (cafe.json(), "true")
    twice = await together.tills["cafe"].post("/sales", bodies, key="two")
    assert twice.json()["code"] == "receipt_already_used"
    # At a location of its own the number counts there, and another business's location is none.
    here = together.here
    placed = {**bodies, "location": here.ids.encode("location", together.cafe.location_id)}
    assert (await together.tills["cafe"].post("/sales", placed)).status_code == 201
    for other in (together.books, together.own):
        foreign = {**bodies, "receipt": "2", "location": here.ids.encode("location", other.location_id)}
        assert (await together.tills["cafe"].post("/sales", foreign)).status_code == 404


@on_sqlite
async def test_a_member_that_only_collects_takes_no_points_and_one_that_only_takes_gives_none(here: Context, together: Together) -> None:
    async def act(tx: Any) -> None:
        await tx.execute("UPDATE participations SET spends = 0 WHERE member_business_id = :id", {"id": together.cafe.business_id})
        await tx.execute("UPDATE participations SET earns = 0 WHERE member_business_id = :id", {"id": together.books.business_id})

    await write_transaction(here.db, act)
    await together.sale("cafe", 100_000)
    refused = await together.tills["cafe"].post("/sales", {"code": together.card.code, "amount": 10_000, "redeem": {"points": 5}})
    assert (refused.status_code, refused.json()["code"]) == (403, "member_only_earns")
    spent = await together.sale("books", 10_000, points=30)
    assert spent["balances"]["points"] == 20


@on_sqlite
async def test_its_own_card_is_found_first_and_a_stranger_finds_nothing(here: Context, together: Together, client: Any) -> None:
    own = await make_card(here, together.cafe)                      # the same phone
    till = together.tills["cafe"]
    found = (await till.get("/cards", code="+79161231234")).json()["items"]
    assert [each["id"] for each in found] == [here.ids.encode("card", own.id)]
    from tests.shops import make_shop

    stranger = Till(client, here, await make_shop(here, slug="stranger"))
    for code in (together.card.code, together.card.number, "+79161231234"):
        assert (await stranger.get("/cards", code=code)).json()["items"] == []
    answer = await stranger.post("/sales", {"card": here.ids.encode("card", together.card.id), "amount": 100})
    assert answer.status_code == 404


@on_sqlite
async def test_a_cashier_of_a_member_sells_takes_points_and_undoes_on_the_till_page(here: Context, together: Together, client: Any) -> None:
    await programs.rename_program(here.db, together.own.who, together.own.program_id, "Together", {}, here.clock.now())
    await together.sale("books", 100_000)
    page = Page(client)
    await page.sign_in("cashier@coffee.example.com")
    there = await page.post("/till", {"code": together.card.code})
    assert there.status_code == 303
    path = there.headers["location"]
    shown = await page.get(path)
    assert shown.status_code == 200 and "50" in shown.text
    done = await page.post(path, {"act": "redeem", "amount": "100", "points": "20", "key": page.key(shown.text)})
    assert done.status_code == 303, done.text
    after = await page.get(done.headers["location"])
    operation = re.search(r'name="operation" value="([^"]+)"', after.text)
    assert operation is not None
    undone = await page.post(path, {"act": "undo", "operation": operation[1]})
    assert undone.status_code == 303
    kinds = await here.db.fetch_all("SELECT kind, acting_business_id FROM operations ORDER BY id")
    assert [tuple(row) for row in kinds] == [("sale", together.books.business_id), ("sale", together.cafe.business_id),
                                             ("undo", together.cafe.business_id)]


class Page:
    """A browser that a cashier is signed in with."""

    def __init__(self, client: Any) -> None:
        self.client, self.cookie, self.token = client, "", ""

    async def sign_in(self, email: str) -> None:
        answer = await self.client.post("/till/sign-in", data={"email": email, "password": PASSWORD}, headers={"Origin": HOST})
        self.cookie = answer.headers["set-cookie"].split(";")[0]
        self.client.cookies.clear()
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', (await self.get("/till")).text)
        assert found is not None
        self.token = found[1]

    async def get(self, path: str) -> Any:
        return await self.client.get(path, headers={"Cookie": self.cookie, "Accept-Language": "en"})

    async def post(self, path: str, form: dict[str, str]) -> Any:
        return await self.client.post(path, data={"csrf": self.token, **form}, headers={"Cookie": self.cookie, "Origin": HOST})

    def key(self, text: str) -> str:
        found = re.search(r'name="key" value="([^"]+)"', text)
        assert found is not None
        return found[1]
