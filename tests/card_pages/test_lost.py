"""A lost phone, from the card's page: another card after a code by SMS, and nothing of the old one works any more."""
from app.cards import rotation
from app.cards import service as cards
from app.ledger import service as ledger
from tests.card_pages.test_pages import EN, confirmed
from tests.enrolment.joining import TERMS
from tests.shops import make_card


async def replaced(client, joining, page) -> str:
    """The new card's page."""
    await client.post(f"{page}/code?to=lost")
    await joining.deliver()
    answer = await client.post(f"{page}/confirm?to=lost", data={"code": joining.inbox.link()})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{page}/lost")
    assert "Give me another card" in (await client.get(f"{page}/lost", headers=EN)).text
    answer = await client.post(f"{page}/lost")
    assert answer.status_code == 303 and answer.headers["location"].endswith("?done=replaced")
    return answer.headers["location"].removesuffix("?done=replaced")


async def test_the_card_page_leads_to_the_way_out(client, links):
    assert f'href="{links["card"]}/lost"' in (await client.get(links["card"])).text
    page = (await client.get(links["card"] + "/lost", headers=EN)).text
    assert "confirm?to=lost" in page and "Give me another card" not in page


async def test_a_new_card_takes_the_old_ones_place_with_balance_and_history(client, here, shop, joining, card, links):
    await joining.credit(card)
    page = await replaced(client, joining, links["card"])
    old = await cards.get_card(here.db, shop.business_id, card.id)
    new = await cards.get_card(here.db, shop.business_id, old.replaced_by)
    assert (old.status, new.status, new.account_id) == ("replaced", "active", card.account_id)
    assert not {new.number, new.code} & {old.number, old.code}
    shown = (await client.get(page + "?done=replaced", headers=EN)).text
    assert "This is your new card." in shown and "145" in shown and "Pushkin Street" in shown
    assert (await ledger.shown(here.db, new.account_id, here.clock.now())).available["points"] == 145
    actions = {row["action"]: row["actor_kind"] for row in await joining.all("audit_entries")}
    assert actions["card.replace"] == "shopper"


async def test_everything_of_the_old_card_dies_at_once(client, here, shop, joining, card, links):
    await rotation.choose(here.db, shop.who, shop.program_id, 30, False, here.clock.now())
    live = (await client.get(links["card"] + "/code")).json()["digits"]
    await confirmed(client, joining, links["pass"])
    here.clock.advance(minutes=2)
    await replaced(client, joining, links["card"])
    for path in (links["card"], links["pass"], links["card"] + "/profile", links["card"] + "/code", links["pass"] + "/lost"):
        assert (await client.get(path)).status_code == 404, path
    for text in (card.code, card.number):
        [found] = (await cards.find(here.db, here.ring, shop.cashier, text, "RU", here.clock.now())).cards
        assert found.status == "replaced"
    assert (await cards.find(here.db, here.ring, shop.cashier, live, "RU", here.clock.now())).problem == "outdated"
    assert [row for row in await joining.all("page_sessions") if row["card_id"] == card.id] == []


async def test_without_a_code_nobody_gets_another_card(client, here, joining, card, links):
    before = await joining.counts()
    for strength in ("card", "pass"):
        assert (await client.post(links[strength] + "/lost")).status_code == 403
    assert await joining.counts() == before


async def test_the_same_wish_twice_makes_one_card(client, here, shop, joining, card, links):
    await replaced(client, joining, links["card"])
    assert (await client.post(links["card"] + "/lost")).status_code == 404
    assert await here.db.fetch_val("SELECT COUNT(*) FROM cards WHERE account_id = :id", {"id": card.account_id}) == 2


async def test_a_card_that_the_shop_blocked_is_given_back_by_the_shop(client, here, shop, joining, card, links):
    await confirmed(client, joining, links["card"])
    await cards.block(here.db, shop.who, card.id, None, here.clock.now())
    answer = await client.post(links["card"] + "/lost", headers=EN)
    assert answer.status_code == 409 and "Ask at the till" in answer.text
    assert (await cards.get_card(here.db, shop.business_id, card.id)).status == "blocked"


async def test_a_card_without_a_phone_is_said_to_be_lost_like_cash(client, here, shop):
    from app.db import write_transaction

    bearer = await make_card(here, shop, phone=None, name=None)
    token = await write_transaction(here.db, lambda tx: cards.page_link(tx, here.ring, bearer, "card", here.clock.now()))
    page = (await client.get(f"/c/{token}/lost", headers=EN)).text
    assert "lost like cash" in page and "confirm?to=lost" not in page


async def test_the_browser_that_activated_the_old_card_finds_no_page_any_more(client, here, joining):
    await joining.start()
    path = joining.inbox.path()
    done = await client.post(path, data=TERMS)
    page = done.headers["location"]
    assert (await client.get(path)).headers["location"] == page
    here.clock.advance(minutes=2)
    await replaced(client, joining, page)
    assert (await client.get(path)).status_code == 410
