"""Programmes of every kind through the API: what their cards show, and what their sales say."""
from app.programs.rules import ProgramRules
from app.programs.terms import Charity, Level, Levels, Said
from tests.shops import make_card, make_shop
from tests.till.calling import Till

SILVER = Level("silver", Said("Silver", "Серебро"), 100_000, discount_bp=500)
LEVELS = Levels((Level("basic", Said("Basic", "Базовый"), 0), SILVER))


async def test_what_only_the_server_counts_is_never_shown(client, here):
    shop = await make_shop(here, "levels", rules=ProgramRules(earn_points=5, levels=LEVELS, charity=Charity(Said("Fund", "Фонд"), 300)))
    till, card = Till(client, here, shop), await make_card(here, shop)
    answer = await till.post("/sales", {"card": till.id("card", card.id), "amount": 120_000})
    assert answer.status_code == 201, answer.text
    sold = answer.json()
    assert sold["balances"] == {"points": 60, "stamps": 0, "visits": 0, "money": 0, "donated": 300}
    assert [(change["unit"], change["amount"]) for change in sold["changes"]] == [("points", 60), ("donated", 300)]
    seen = (await till.get(f"/cards/{sold['card']}")).json()
    assert (seen["balances"], seen["pending"]) == (sold["balances"], {"points": 0})
