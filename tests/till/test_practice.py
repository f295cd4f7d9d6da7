"""Practice at a till: everything as in the shop, and nothing of it in the shop's books."""
import html
import re

import pytest
from msgspec.structs import replace

from app.programs import service as programs
from tests.console.visiting import rows
from tests.shops import make_card
from tests.till.sharing import hidden, paired, sign_in

# Rows are looked at one by one; which engine keeps them is nothing to them.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def tablet(client, here, shop):
    return await paired(client, here, shop)


async def test_not_one_row_of_the_business_changes_in_practice(tablet, here, shop) -> None:
    await sign_in(tablet, "Cashier")
    card = await make_card(here, shop, points=100)
    await tablet.post("/till/practice", data=hidden((await tablet.get("/till/practice")).text))
    before = await own_rows(here, shop, card)
    page = (await tablet.get("/till/practice")).text
    assert "Practice: nothing counts" in page
    number, code = await practice_card(here)
    found = await tablet.post("/till", data={**hidden((await tablet.get("/till")).text), "code": code})
    path = found.headers["location"]
    shown = (await tablet.get(path)).text
    assert "Practice: nothing counts" in shown
    for amount in ("1000", "700"):
        sold = await tablet.post(path, data={**hidden((await tablet.get(path)).text), "act": "earn", "amount": amount})
    result = (await tablet.get(sold.headers["location"])).text
    operation = re.search(r'name="operation" value="([^"]+)"', result)[1]
    await tablet.post(path, data={**hidden(result), "operation": operation, "act": "undo"})
    await tablet.post(path, data={**hidden((await tablet.get(path)).text), "act": "redeem", "amount": "500", "expect": ""})
    done = html.unescape((await tablet.get("/till/sales")).text)
    assert done.count("/till/sales/") >= 2
    await tablet.post("/till/enrol", data={**hidden((await tablet.get("/till/enrol")).text), "phone": "+79161112233", "act": "link"})
    # The shop's own cards are not there, and its own till does not know the practice card.
    unknown = await tablet.post("/till", data={**hidden((await tablet.get("/till")).text), "code": card.code})
    assert unknown.status_code == 422
    practised = (await tablet.get("/till/practice")).text
    assert practised.count("drill__one--done") == 5
    assert await own_rows(here, shop, card) == before
    left = await tablet.post("/till/practice/leave", data=hidden(practised))
    assert left.headers["location"] == "/till"
    back = (await tablet.get("/till")).text
    assert "nothing counts" not in back
    assert (await tablet.post("/till", data={**hidden(back), "code": number})).status_code == 422
    assert (await tablet.post("/till", data={**hidden(back), "code": card.code})).status_code == 303
    assert await here.db.fetch_val("SELECT COUNT(*) FROM messages WHERE business_id = :id", {"id": shop.business_id}) == 0


async def test_a_tablet_that_locked_in_practice_leads_to_no_card_of_it(tablet, here, shop) -> None:
    await sign_in(tablet, "Cashier", address="/till/start?practice=1")
    number, _ = await practice_card(here)
    found = await tablet.post("/till", data={**hidden((await tablet.get("/till")).text), "code": number})
    here.clock.advance(minutes=5)
    locked = (await tablet.get(found.headers["location"])).headers["location"]
    assert (await sign_in(tablet, "Cashier", address=locked)).headers["location"] == "/till"


async def test_practice_knows_the_rules_of_today(tablet, here, shop) -> None:
    await sign_in(tablet, "Cashier", address="/till/start?practice=1")
    program = await programs.get_program(here.db, shop.business_id, shop.program_id)
    await programs.change_rules(here.db, shop.who, program.id, replace(program.rules, earn_points=50), here.clock.now())
    await tablet.post("/till/practice/leave", data=hidden((await tablet.get("/till/practice")).text))
    await tablet.post("/till/practice", data=hidden((await tablet.get("/till/practice")).text))
    assert re.search(r"\b50\s+points", (await tablet.get("/till/practice/card")).text)


async def own_rows(here, shop, card):
    """Every row that is the business's, names it or not."""
    own = {"business_id": shop.business_id, "account_id": card.account_id, "card_id": card.id}
    found = {}
    for table, its in (await rows(here)).items():
        found[table] = [row for row in its if any(value in row for value in own.items())
                        or (table == "businesses" and ("id", shop.business_id) in row)]
    assert {"cards", "balances", "operations", "audit_entries", "businesses", "sessions"} <= {table for table, its in found.items() if its}
    return found


async def practice_card(here):
    row = await here.db.fetch_one("SELECT number, code FROM cards WHERE source = 'training'")
    return row["number"], row["code"]
