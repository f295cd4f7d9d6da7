"""What tills did without a network, in the console: told on the first page, counted or closed by a manager, and what tills may risk."""
import pytest

from app.cards import service as cards
from app.offline import store
from app.sales import service as sales
from tests.console.visiting import audited, rows, value_of, words_of
from tests.offline import tilling
from tests.shops import make_card

OFFLINE = "/console/offline"


@pytest.fixture
async def refused(here, shop):
    """A sale on a blocked card, and a number that the till lost; gives (card, address of the sale's row)."""
    till, card, now = await tilling.pair(here, shop), await make_card(here, shop), here.clock.now()
    await cards.block(here.db, shop.who, card.id, None, now)
    await till.send([till.make(now, card.code, amount=49_000, receipt="A-7")], oldest=3)
    row, _ = await store.conflicts(here.db, shop.business_id, 10)
    return card, f"{OFFLINE}/{here.ids.encode('offline_item', row.id)}"


async def test_what_was_not_counted_is_told_on_the_first_page_and_why_on_its_own(manager, refused):
    card, _ = refused
    assert "2 acts of tills without a network were not counted" in await manager.page("/console")
    page = await manager.page(OFFLINE)
    assert "Sale 490 ₽ · …" + card.number[-4:] in page and "The card is blocked." in page and "Lost 2" in page
    assert "Bar · Cashier · receipt A-7" in page
    assert "Карта заблокирована." in await manager.page(OFFLINE, "ru")


async def test_a_manager_has_it_counted_once_nothing_stands_against_it(here, shop, manager, refused):
    card, own = refused
    before = await rows(here)
    answer = await manager.post(own, {"act": "apply"})
    assert answer.status_code == 409 and "This card is blocked" in words_of(answer) and await rows(here) == before
    await cards.unblock(here.db, shop.who, card.id, None, here.clock.now())
    assert (await manager.post(own, {"act": "apply"})).headers["location"] == f"{OFFLINE}?done=apply"
    [done] = (await sales.list_operations(here.db, shop.who)).items
    assert (done.amount_minor, done.actor_id, done.receipt) == (49_000, shop.cashier.id, "A-7")
    assert (await audited(here, shop.business_id))[0] == "offline.applied"
    assert "counted, Manager" in await manager.page(OFFLINE)


async def test_closing_needs_a_reason_which_stays_beside_it(here, shop, manager, refused):
    _, own = refused
    answer = await manager.post(own, {"act": "dismiss", "reason": " "})
    assert answer.status_code == 422 and "Say why, in 1 to 300 characters." in words_of(answer)
    assert (await manager.post(own, {"act": "dismiss", "reason": "The shopper came back"})).status_code == 303
    assert "closed, Manager: The shopper came back" in await manager.page(OFFLINE)
    assert (await sales.list_operations(here.db, shop.who)).items == []
    assert (await manager.post(own, {"act": "apply"})).status_code == 409


async def test_only_an_owner_chooses_what_tills_may_risk(here, shop, owner, manager):
    assert (await manager.post(OFFLINE, {"risk": "100"})).status_code == 403
    assert (await owner.post(OFFLINE, {"risk": "a lot"})).status_code == 422
    assert (await owner.post(OFFLINE, {"risk": "250,50"})).status_code == 303
    assert await store.redeem_most(here.db, shop.business_id) == 25_050
    assert value_of(await manager.get(OFFLINE), "risk") == "250.50"
    assert (await audited(here, shop.business_id))[0] == "business.offline_risk"


async def test_another_business_sees_and_decides_nothing_of_it(client, other_shop, refused):
    from tests.console.visiting import sign_in

    stranger, (_, own) = await sign_in(client, "owner@leaf.example.com"), refused
    assert "Nothing waits" in await stranger.page(OFFLINE)
    assert (await stranger.post(own, {"act": "dismiss", "reason": "mine"})).status_code == 404
