"""Reports by month: their numbers add up from what was done, on the page and in the file."""
import pytest

from app.programs.rules import ProgramRules
from app.programs.terms import Charity, Gift, Said
from app.sales import purchases, refunds
from app.sales import service as sales
from app.sales.rules import SaleRequest
from tests.console.visiting import sign_in
from tests.shops import make_card, make_shop

REPORTS = "/console/reports"


async def test_the_share_that_is_spent_is_spent_over_given_with_returns_taken_off(here, shop, client):
    manager, card = await sign_in(client, "manager@coffee.example.com"), await make_card(here, shop, points=100)
    for amount, redeem in ((1_000_000, 0), (10_000, 25), (200_000, 0)):
        done = await sales.sell(here.db, shop.cashier, SaleRequest(card.id, amount, redeem=redeem), None, here.clock.now())
    await refunds.undo(here.db, shop.cashier, done.operation.id, None, here.clock.now())
    page = (await manager.page(REPORTS)).replace("\u202f", " ")
    assert "Spent in the month ÷ given in the month" in page
    assert "2026-11 503 25 0 100 4.97%" in page
    assert "Сейчас на всех картах вместе" in await manager.page(REPORTS, "ru")
    table = (await manager.get(f"{REPORTS}/redemption")).text.splitlines()
    assert table[:3] == ['\ufeff"Month","Given","Spent","Ended","By hand","Spent ÷ given"', '"2026-11","503","25","0","100","4.97"',
                         '"2026-10","0","0","0","0",""']
    assert len(table) == 13


async def test_gift_cards_are_sold_used_and_outstanding(here, client):
    shop = await make_shop(here, "gifts", rules=ProgramRules(unit="money", worth_minor=1, gift=Gift()))
    card, manager = await make_card(here, shop), await sign_in(client, "manager@gifts.example.com")
    await purchases.load_gift(here.db, shop.cashier, card.id, 200_000, None, here.clock.now())
    await sales.sell(here.db, shop.cashier, SaleRequest(card.id, 50_000, redeem=50_000), None, here.clock.now())
    page = (await manager.page(REPORTS)).replace("\u202f", " ").replace("\u00a0", " ")
    assert "there are 1 500 ₽ now" in page and "2026-11 2 000 ₽ 500 ₽ 0 ₽ 0 ₽" in page
    assert '"2026-11","2000.00","500.00","0.00","0.00"' in (await manager.get(f"{REPORTS}/gifts")).text


async def test_the_fund_is_told_what_it_is_owed(here, client):
    shop = await make_shop(here, "good", rules=ProgramRules(charity=Charity(Said("Shelter", "Приют"), 1_000)))
    card, manager = await make_card(here, shop), await sign_in(client, "manager@good.example.com")
    for _ in range(3):
        await sales.sell(here.db, shop.cashier, SaleRequest(card.id, 50_000), None, here.clock.now())
    assert "For charity: Shelter" in await manager.page(REPORTS)
    assert '"2026-11","30.00"' in (await manager.get(f"{REPORTS}/charity")).text


@pytest.mark.parametrize("name", ["none", "redemption.csv"])
async def test_a_report_that_is_none_is_not_found(shop, client, name):
    manager = await sign_in(client, "manager@coffee.example.com")
    assert (await manager.get(f"{REPORTS}/{name}")).status_code == 404


async def test_a_programme_of_another_business_has_no_report_here(here, shop, other_shop, client):
    manager = await sign_in(client, "manager@coffee.example.com")
    theirs = here.ids.encode("program", other_shop.program_id)
    assert (await manager.get(f"{REPORTS}?program={theirs}")).status_code == 404
    assert (await manager.get(f"{REPORTS}/codes?program={theirs}")).status_code == 404
