"""Another number, and two people who are one: nothing moves before both numbers are proven, and the books agree afterwards."""
import pytest

from app.card_pages.service import Opened
from app.cards import service as cards
from app.cards.service import Card
from app.customers import service as customers
from app.customers import topics
from app.db import write_transaction
from app.ledger import service as ledger
from app.limits.rules import LimitReached
from app.profiles import numbers
from app.programs import service as programs
from app.sales import service as sales
from app.sales.rules import SaleRequest
from app.sms import service as sms
from app.web.principal import shopper
from tests.enrolment.joining import ANNA
from tests.profiles.conftest import books_agree, second_card
from tests.shops import make_card

NEW, BORIS = "+79217778899", "+79035556677"


async def points(here, card: Card) -> int:
    return (await ledger.balances(here.db, card.account_id)).get("points", 0)


async def who_has(here, shop, e164):
    found = await customers.find_by_phone(here.db, here.ring, shop.business_id, e164)
    return found.id if found else None


async def begin(anna, e164=NEW):
    await anna.confirm("phone")
    begun = await anna.post("/phone", phone=e164)
    assert (begun.status_code, begun.headers["location"]) == (303, f"{anna.page}/phone"), begun.text


async def test_both_codes_make_the_new_number_the_persons_and_the_old_one_nobodys(anna, here, shop, joining):
    await begin(anna)
    shown = await anna.get("/phone")
    assert "99" in shown and NEW not in shown and 'name="code"' in shown
    assert await who_has(here, shop, NEW) is None
    done = await anna.post("/phone/confirm", code=await anna.code_to(NEW))
    assert done.headers["location"] == f"{anna.page}/profile?done=number"
    assert (await who_has(here, shop, NEW), await who_has(here, shop, ANNA)) == (anna.card.customer_id, None)
    [audit] = [row for row in await joining.all("audit_entries") if row["action"] == "customer.number_changed"]
    assert audit["actor_kind"] == "shopper"
    assert [row["phone_sealed"] for row in await joining.all("number_changes")] == [None]
    here.clock.advance(minutes=2)
    await anna.client.post(f"{anna.page}/code")
    await joining.deliver()
    assert joining.inbox.messages[-1][0] == NEW


async def test_a_wrong_code_changes_nothing_and_five_are_the_end(anna, here, shop):
    await begin(anna)
    code = await anna.code_to(NEW)
    wrong = "000000" if code != "000000" else "111111"
    for _ in range(5):
        assert (await anna.post("/phone/confirm", code=wrong)).status_code == 422
    assert (await anna.post("/phone/confirm", code=code)).status_code == 422
    assert (await who_has(here, shop, NEW), await who_has(here, shop, ANNA)) == (None, anna.card.customer_id)


async def test_codes_that_were_not_sent_are_counted_among_the_messages(anna, here, shop, joining):
    await write_transaction(here.db, lambda tx: sms.stop(tx, here.ring, shop.business_id, NEW, "asked", here.clock.now()))
    await anna.confirm("phone")
    assert (await anna.post("/phone", phone=NEW)).status_code == 422
    await anna.client.post(f"{anna.page}/code?to=phone")
    refused = {row["reason"]: row["count"] for row in await joining.all("sms_refusals")}
    assert refused == {"number_suppressed": 1, "limit:sms.phone": 1}


async def test_the_code_to_the_old_number_does_not_prove_the_new_one_nor_the_other_way_round(anna, here, shop, joining):
    await begin(anna)
    new_code = await anna.code_to(NEW)
    here.clock.advance(minutes=1)
    await anna.client.post(f"{anna.page}/code")
    old_code = await anna.code_to(ANNA)
    if old_code != new_code:
        assert (await anna.post("/phone/confirm", code=old_code)).status_code == 422
        assert (await anna.post("/confirm", code=new_code)).status_code == 422
    assert await who_has(here, shop, NEW) is None


async def test_after_ten_minutes_it_begins_anew(anna, here, shop):
    await begin(anna)
    code = await anna.code_to(NEW)
    here.clock.advance(minutes=10)
    assert (await anna.post("/phone/confirm", code=code)).status_code == 422
    assert await who_has(here, shop, NEW) is None


@pytest.mark.parametrize("typed", ["", "12345", "+442071234567", ANNA])
async def test_a_number_that_cannot_be_taken_is_refused_at_once_with_a_sentence(anna, joining, typed):
    await anna.confirm("phone")
    before = await joining.counts()
    answer = await anna.post("/phone", phone=typed)
    assert answer.status_code == 422 and 'role="alert"' in answer.text
    assert await joining.counts() == before


async def test_codes_to_strange_numbers_are_counted_by_card(anna, here, shop):
    program = await programs.get_program(here.db, shop.business_id, shop.program_id)
    for block in range(5):
        await numbers.begin(here, Opened(anna.card, program, "card"), f"+792{block}7778899", "en", here.clock.now())
    with pytest.raises(LimitReached):
        await numbers.begin(here, Opened(anna.card, program, "card"), "+79267778899", "en", here.clock.now())


async def test_the_number_of_another_customer_is_not_told_before_its_code_was_typed(anna, here, shop):
    await make_card(here, shop, phone=BORIS, points=70)
    await begin(anna, BORIS)
    shown = await anna.get("/phone")
    assert 'name="code"' in shown and "70\u00a0points" not in shown
    assert (await anna.post("/phone/merge")).status_code == 409
    assert (await anna.post("/phone/confirm", code=await anna.code_to(BORIS))).headers["location"] == f"{anna.page}/phone"
    assert "70\u00a0points" in await anna.get("/phone")
    assert (await who_has(here, shop, BORIS)) != anna.card.customer_id


async def test_two_people_with_both_numbers_proven_become_one_and_the_books_agree(anna, here, shop, joining):
    other = await make_card(here, shop, phone=BORIS, name="Аня", points=70)
    await sales.sell(here.db, shop.cashier, SaleRequest(other.id, 40_000), None, here.clock.now())
    await write_transaction(here.db, lambda tx: cards.add_alias(tx, other, "OLD-77", here.clock.now()))
    await begin(anna, BORIS)
    await anna.post("/phone/confirm", code=await anna.code_to(BORIS))
    done = await anna.post("/phone/merge")
    assert done.headers["location"] == f"{anna.page}/profile?done=merged"
    assert await points(here, anna.card) == 120 + 70 + 20 and await points(here, other) == 0
    assert (await who_has(here, shop, BORIS), await who_has(here, shop, ANNA)) == (anna.card.customer_id, None)
    for text in ("OLD-77", other.code, BORIS):
        [found] = (await cards.find(here.db, here.ring, shop.cashier, text, "RU", here.clock.now())).cards
        assert found.id == anna.card.id, text
    assert (await cards.get_card(here.db, shop.business_id, other.id)).status == "replaced"
    await anna.get()
    await books_agree(here)


async def test_cards_of_other_programmes_come_along_and_those_of_both_are_merged(anna, here, shop):
    boris = await make_card(here, shop, phone=BORIS, name=None, points=70)
    theirs = await second_card(here, shop, boris.customer_id, points=33)
    ours = await second_card(here, shop, anna.card.customer_id, points=10, program_id=theirs.program_id)
    await begin(anna, BORIS)
    await anna.post("/phone/confirm", code=await anna.code_to(BORIS))
    assert (await anna.post("/phone/merge")).status_code == 303
    assert (await points(here, anna.card), await points(here, ours)) == (190, 43)
    held = await cards.cards_of_customer(here.db, shop.business_id, anna.card.customer_id)
    assert {card.id for card in held if card.status == "active"} == {anna.card.id, ours.id}
    await books_agree(here)


async def test_where_our_card_of_a_programme_has_ended_theirs_stays_alive(anna, here, shop):
    boris = await make_card(here, shop, phone=BORIS, name=None)
    theirs = await second_card(here, shop, boris.customer_id, points=33)
    ours = await second_card(here, shop, anna.card.customer_id, program_id=theirs.program_id)
    await write_transaction(here.db, lambda tx: cards.end(tx, ours, "expired", here.clock.now()))
    await begin(anna, BORIS)
    await anna.post("/phone/confirm", code=await anna.code_to(BORIS))
    assert (await anna.post("/phone/merge")).status_code == 303
    kept = await cards.get_card(here.db, shop.business_id, theirs.id)
    assert (kept.status, kept.customer_id, await points(here, kept)) == ("active", anna.card.customer_id, 33)
    await books_agree(here)


async def test_a_blocked_card_is_merged_by_nobody_and_nothing_has_changed(anna, here, shop, joining):
    boris = await make_card(here, shop, phone=BORIS, points=70)
    await cards.block(here.db, shop.who, boris.id, None, here.clock.now())
    await begin(anna, BORIS)
    await anna.post("/phone/confirm", code=await anna.code_to(BORIS))
    before = await joining.counts()
    refused = await anna.post("/phone/merge")
    assert refused.status_code == 409 and "blocked" in refused.text
    assert await joining.counts() == before
    assert (await points(here, anna.card), await points(here, boris)) == (120, 70)


async def test_what_the_other_did_not_want_to_hear_stays_unwanted(anna, here, shop):
    boris = await make_card(here, shop, phone=BORIS, points=70)
    who = shopper(shop.business_id, boris.customer_id)

    async def said(tx):
        texts = await customers.current_texts(tx, shop.business_id, "ru")
        await customers.record_consent(tx, who, boris.customer_id, "marketing", True, texts["marketing"].id, "card_page", here.clock.now())
        await topics.set_wish(tx, who, boris.customer_id, None, "sms", False, here.clock.now())

    await write_transaction(here.db, said)
    await begin(anna, BORIS)
    await anna.post("/phone/confirm", code=await anna.code_to(BORIS))
    await anna.post("/phone/merge")
    assert not await topics.may_send(here.db, shop.business_id, anna.card.customer_id, "sms")


async def test_leaving_it_as_it_is_forgets_what_was_begun(anna, here, shop, joining):
    await begin(anna)
    assert (await anna.post("/phone/cancel")).status_code == 303
    assert [row["phone_sealed"] for row in await joining.all("number_changes")] == [None]
    assert (await anna.post("/phone/confirm", code=await anna.code_to(NEW))).status_code == 422


async def test_an_anonymous_card_gets_a_person_who_agreed_to_the_terms(nobody, here, shop, joining):
    assert (await nobody.post("/phone", nobody.shared, phone=NEW, terms="on")).status_code == 403
    assert (await nobody.post("/phone", phone=NEW)).status_code == 422
    assert (await nobody.post("/phone", phone=NEW, terms="on")).status_code == 303
    done = await nobody.post("/phone/confirm", code=await nobody.code_to(NEW))
    assert done.headers["location"] == f"{nobody.page}/profile?done=number"
    card = await cards.get_card(here.db, shop.business_id, nobody.card.id)
    assert card.customer_id == await who_has(here, shop, NEW)
    given = await customers.consents_of(here.db, shop.business_id, card.customer_id)
    assert {each.purpose: each.granted for each in given} == {"terms": True, "marketing": False}


@pytest.mark.parametrize("has_card", [True, False])
async def test_an_anonymous_card_may_join_a_person_who_is_known(nobody, here, shop, has_card):
    boris = await make_card(here, shop, phone=BORIS, points=70)
    if not has_card:
        theirs = await second_card(here, shop, None)
        await here.db.execute("UPDATE accounts SET customer_id = NULL WHERE id = :id", {"id": boris.account_id})
        await here.db.execute("UPDATE accounts SET customer_id = :c WHERE id = :id", {"c": boris.customer_id, "id": theirs.account_id})
    await sales.adjust(here.db, shop.who, nobody.card.id, "points", 5, "a beginning", None, here.clock.now())
    await nobody.post("/phone", phone=BORIS, terms="on")
    await nobody.post("/phone/confirm", code=await nobody.code_to(BORIS))
    assert (await nobody.post("/phone/merge")).status_code == 303
    card = await cards.get_card(here.db, shop.business_id, nobody.card.id)
    assert (card.customer_id, await points(here, card)) == (boris.customer_id, 75 if has_card else 5)
    await books_agree(here)


async def test_one_browsers_change_is_not_another_cards(anna, here, shop, client):
    await begin(anna)
    other = await make_card(here, shop, phone=BORIS)
    assert await numbers.waiting(here, other, here.clock.now()) is None
