"""Plastic cards and their check codes."""
import asyncio

import pytest

from app.cards import service as cards
from app.enrolment import plastic
from app.errors import Invalid
from app.limits.rules import LimitReached
from app.programs import service as programs
from tests.enrolment.joining import ANNA, TERMS
from tests.shops import make_card

PAGE = "/e/coffee/points/card"
EN = {"accept-language": "en"}


@pytest.fixture
async def printed(joining):
    here, shop = joining.here, joining.shop
    _, made = await plastic.make_batch(here.db, here.ring, shop.who, shop.program_id, "Spring", 3, here.clock.now())
    return made


def form(card, **more):
    return {"number": card.number, "code": card.code, "phone": ANNA, **more}


async def test_number_and_check_code_make_the_plastic_its_holders_card(client, joining, printed):
    here, shop = joining.here, joining.shop
    assert "A plastic card?" in (await client.get("/e/coffee", headers=EN)).text
    begun = await client.post(PAGE, data=form(printed[0], number=" ".join(printed[0].number[at:at + 4] for at in range(0, 16, 4))))
    assert begun.status_code == 303
    done = await client.post(begun.headers["location"], data=TERMS)
    assert done.status_code == 303
    found = await cards.find(here.db, here.ring, shop.cashier, printed[0].number, "RU", here.clock.now())
    assert [(card.number, card.source, card.status) for card in found.cards] == [(printed[0].number, "plastic", "active")]
    assert (await cards.find(here.db, here.ring, shop.cashier, ANNA, "RU", here.clock.now())).cards == found.cards
    assert await joining.all("messages") == []
    [batch] = await plastic.batches(here.db, shop.business_id)
    assert (batch.cards, batch.activated) == (3, 1)


async def test_an_unknown_number_a_wrong_code_and_a_used_card_get_one_answer(client, joining, printed):
    begun = await client.post(PAGE, data=form(printed[0]))
    await client.post(begun.headers["location"], data=TERMS)
    used = await client.post(PAGE, data=form(printed[0], phone="+79160000001"), headers=EN)
    wrong = await client.post(PAGE, data=form(printed[1], code="000000", phone="+79160000001", number=printed[0].number), headers=EN)
    unknown = await client.post(PAGE, data={"number": printed[0].number[:-1] + "0", "code": "000000", "phone": "+79160000001"}, headers=EN)
    assert {answer.status_code for answer in (used, wrong, unknown)} == {422}
    pages = [answer.text.replace(printed[0].number, "").replace(printed[0].number[:-1] + "0", "") for answer in (used, wrong, unknown)]
    nonces = [page.split('nonce="')[1].split('"')[0] for page in pages]
    assert len({page.replace(nonce, "") for page, nonce in zip(pages, nonces, strict=True)}) == 1
    assert len(await joining.all("cards")) == 1


async def test_five_wrong_codes_a_day_close_a_number_whether_or_not_it_was_printed(joining, printed):
    here, shop = joining.here, joining.shop
    program = await programs.get_program(here.db, shop.business_id, shop.program_id)
    for number in (printed[0].number, "4720000000000000"):
        for _ in range(plastic.WRONG_CODES):
            with pytest.raises(Invalid):
                await plastic.find(here.db, here.ring, program, number, "999999" if printed[0].code != "999999" else "000000",
                                   here.clock.now())
        with pytest.raises(LimitReached):
            await plastic.find(here.db, here.ring, program, number, printed[0].code, here.clock.now())
    here.clock.advance(hours=24)
    assert await plastic.find(here.db, here.ring, program, printed[0].number, printed[0].code, here.clock.now())


async def test_an_address_has_so_many_tries_an_hour_and_a_puzzle_before_that(client, joining, printed):
    for number in range(5):
        answer = await client.post(PAGE, data={"number": f"472000000000000{number}", "code": "123456", "phone": ANNA}, headers=EN)
        assert answer.status_code == 422
    before = await joining.counts()
    asked = await client.post(PAGE, data=form(printed[0]), headers=EN)
    assert asked.status_code == 200 and "data-work" in asked.text and await joining.counts() == before


async def test_whoever_began_and_did_not_finish_begins_anew_and_the_older_link_is_dead(client, joining, printed):
    first = await client.post(PAGE, data=form(printed[0]))
    second = await client.post(PAGE, data=form(printed[0], phone="+79160000009"))
    assert (await client.get(first.headers["location"])).status_code == 410
    assert (await client.post(second.headers["location"], data=TERMS)).status_code == 303


async def test_of_ten_holders_of_one_plastic_one_gets_the_card(client, joining, printed):
    begun = await asyncio.gather(*(client.post(PAGE, data=form(printed[0], phone=f"+7916000000{number}")) for number in range(4)))
    links = {answer.headers["location"] for answer in begun if answer.status_code == 303}
    await asyncio.gather(*(client.post(link, data=TERMS) for link in links))
    assert len([row for row in await joining.all("cards") if row["number"] == printed[0].number]) == 1


async def test_a_number_that_the_business_knows_gets_a_message_and_the_plastic_stays_free(client, joining, printed):
    await make_card(joining.here, joining.shop, phone=ANNA)
    answer = await client.post(PAGE, data=form(printed[0]))
    assert answer.status_code == 200
    await joining.deliver()
    assert joining.inbox.path().startswith("/c/")
    assert [row["card_id"] for row in await joining.all("plastic_cards")] == [None] * 3


async def test_a_lost_box_can_be_closed_and_a_begun_activation_ends_with_it(client, joining, printed):
    here, shop = joining.here, joining.shop
    begun = await client.post(PAGE, data=form(printed[0]))
    [batch] = await plastic.batches(here.db, shop.business_id)
    await plastic.close_batch(here.db, shop.who, batch.id, here.clock.now())
    assert (await client.post(begun.headers["location"], data=TERMS)).status_code == 410
    assert (await client.post(PAGE, data=form(printed[1]))).status_code == 422
    assert await joining.all("cards") == []


async def test_codes_are_stored_hashed_and_where_plastic_is_closed_there_is_no_page(client, joining, printed):
    rows = await joining.all("plastic_cards")
    assert not any(card.code.encode() in bytes(row["code_hash"]) for card in printed for row in rows)
    await joining.allow(plastic=False)
    assert (await client.get(PAGE)).status_code == 404
    assert (await client.post(PAGE, data=form(printed[0]))).status_code == 404


@pytest.mark.parametrize(("name", "count", "field"), [("", 5, "name"), ("x" * 61, 5, "name"), ("Spring", 0, "count"),
                                                      ("Spring", 2001, "count")])
async def test_a_batch_has_a_name_and_a_size_that_can_be_printed(joining, name, count, field):
    here, shop = joining.here, joining.shop
    with pytest.raises(Invalid) as refused:
        await plastic.make_batch(here.db, here.ring, shop.who, shop.program_id, name, count, here.clock.now())
    assert refused.value.fields[0].field == field and await joining.all("plastic_batches") == []
