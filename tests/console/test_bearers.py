"""A card without a name is made once, and belongs to whoever points a phone at its code."""
import re

from app.cards import service as cards
from app.ledger import service as ledger
from app.sales import service as sales
from app.sales.rules import SaleRequest
from tests.console.visiting import rows, words_of

PATH = "/console/customers/bearer"


async def test_the_card_is_made_once_and_its_page_opens(client, here, shop, manager):
    page = await manager.get(PATH)
    key = re.search(r'name="key" value="([^"]+)"', page.text)[1]
    form = {"program": here.ids.encode("program", shop.program_id), "key": key}
    made = [await manager.post(PATH, form) for _ in range(2)]
    assert all("Point the shopper" in words_of(answer) and "<svg" in answer.text for answer in made)
    assert await here.db.fetch_val("SELECT COUNT(*) FROM cards WHERE source = 'bearer'") == 1
    card = await cards.get_card(here.db, shop.business_id, await here.db.fetch_val("SELECT id FROM cards WHERE source = 'bearer'"))
    assert card.customer_id is None and card.status == "active"
    await sales.sell(here.db, shop.cashier, SaleRequest(card.id, 10_000), None, here.clock.now())
    assert (await ledger.balances(here.db, card.account_id))["points"] >= 5
    shown = await client.get(f"/console/cards/{here.ids.encode('card', card.id)}")
    assert shown.status_code in (200, 303)


async def test_another_businesss_programme_is_a_missing_one(here, manager, other_shop):
    before = await rows(here)
    answer = await manager.post(PATH, {"program": here.ids.encode("program", other_shop.program_id), "key": "k"})
    assert answer.status_code == 404 and await rows(here) == before
