"""The cashier's pages where codes rotate: what a still code is refused, and the three ways on."""
import html
import re

import pytest

from app.benefits import service as benefits
from app.benefits.rules import RewardWish
from app.card_pages import confirming
from app.card_pages.service import Opened
from app.cards import rotation
from app.programs import service as programs
from app.programs.terms import Said
from tests import engines
from tests.enrolment.joining import Joining
from tests.shops import make_card
from tests.till.test_pages import balance, hidden, press, scan, till  # noqa: F401 (till is a fixture)


@pytest.fixture
def database_url(tmp_path):
    return engines.sqlite_url(tmp_path, migrated=True)


@pytest.fixture
async def card(here, shop):
    await rotation.choose(here.db, shop.who, shop.program_id, 30, False, here.clock.now())
    return await make_card(here, shop, points=320)


async def live(here, card) -> str:
    program = await programs.get_program(here.db, card.business_id, card.program_id)
    return (await rotation.live_code(here.db, here.ring, card, program, here.clock.now())).text


async def refused_spend(till, card):  # noqa: F811
    """The page that a still code leads to when its points are to be spent."""
    address = (await scan(till, card.code)).headers["location"]
    answer = await press(till, address, "redeem", amount="1000")
    assert answer.status_code == 409 and "This code stands still" in html.unescape(answer.text)
    return address, answer.text


async def go_on(till, address, page, act="prove", **fields):  # noqa: F811
    found = [(name, html.unescape(value)) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)]
    data = {**dict(found), "act": act, **fields}
    return await till.post(address, data=data)


async def test_a_still_code_earns_without_a_question(till, here, card):  # noqa: F811
    address = (await scan(till, card.code)).headers["location"]
    assert (await press(till, address, "earn", amount="1000")).status_code == 303
    assert await balance(here, card) == 370


async def test_a_live_code_spends_without_a_question(till, here, card):  # noqa: F811
    address = (await scan(till, await live(here, card))).headers["location"]
    assert (await press(till, address, "redeem", amount="100")).status_code == 303
    assert await balance(here, card) == 320 - 50 + 2


async def test_an_old_live_code_is_refused_on_the_scan_page(till, here, card):  # noqa: F811
    old = await live(here, card)
    here.clock.advance(seconds=100)
    answer = await scan(till, old)
    assert answer.status_code == 422 and "show the live code" in html.unescape(answer.text)


async def test_guessing_ends_with_a_sentence_on_the_scan_page(till, here, card):  # noqa: F811
    for _ in range(10):
        await scan(till, card.code + "00000000")
    answer = await scan(till, await live(here, card))
    assert answer.status_code == 429 and 'role="alert"' in answer.text


async def test_scanning_the_live_code_after_the_refusal_does_what_was_asked(till, here, card):  # noqa: F811
    address, page = await refused_spend(till, card)
    answer = await go_on(till, address, page, proof=await live(here, card))
    assert answer.status_code == 303, html.unescape(answer.text)
    assert await balance(here, card) == 320 - 320 + 34


async def test_a_press_on_the_cards_page_lets_the_till_go_on(till, here, card):  # noqa: F811
    address, page = await refused_spend(till, card)
    early = await go_on(till, address, page)
    assert early.status_code == 409 and "was not confirmed yet" in early.text
    program = await programs.get_program(here.db, card.business_id, card.program_id)
    await confirming.on_page(here.db, Opened(card, program, "card"), here.clock.now())
    assert (await go_on(till, address, early.text)).status_code == 303
    assert await balance(here, card) == 34


async def test_six_digits_by_sms_let_the_till_go_on(till, here, shop, card):  # noqa: F811
    joining = Joining(here, shop)
    address, page = await refused_spend(till, card)
    sent = await go_on(till, address, page, "text")
    assert sent.status_code == 200 and "+7916•••1234" in sent.text
    await joining.deliver()
    code = joining.inbox.link()
    assert (await go_on(till, address, page, "text")).status_code == 429
    assert [row["reason"] for row in await joining.all("sms_refusals")] == ["limit:sms.phone"]
    wrong = await go_on(till, address, sent.text, proof=str(int(code) ^ 1).zfill(6))
    assert wrong.status_code == 422 and "does not fit" in wrong.text
    assert (await go_on(till, address, wrong.text, proof=code)).status_code == 303
    assert await balance(here, card) == 34


async def test_neither_an_old_picture_nor_another_cards_live_code_proves_anything(till, here, shop, card):  # noqa: F811
    other, old = await make_card(here, shop, phone="+79161230009"), await live(here, card)
    here.clock.advance(seconds=100)
    address, page = await refused_spend(till, card)
    for text, said in ((old, "show the live code"), (await live(here, other), "another card"), (card.code, "was not confirmed yet"),
                       ("nonsense", "No card here")):
        answer = await go_on(till, address, page, proof=text)
        assert answer.status_code in (409, 422) and said in html.unescape(answer.text), text
    assert await balance(here, card) == 320


async def test_a_reward_is_handed_over_after_a_confirmation(till, here, shop, card):  # noqa: F811
    wish = RewardWish("coffee", "text", Said("Coffee"), unit="points", cost=50)
    await benefits.create_reward(here.db, shop.who, shop.program_id, wish, here.clock.now())
    address = (await scan(till, card.code)).headers["location"]
    asked = await press(till, address, "claim", reward="coffee")
    assert asked.status_code == 409 and "Is the card at hand?" in asked.text
    assert (await go_on(till, address, asked.text, proof=await live(here, card))).status_code == 303
    assert await balance(here, card) == 270


async def test_a_card_without_a_phone_is_offered_no_message(till, here, shop, card):  # noqa: F811
    nobody = await make_card(here, shop, phone=None, name=None, points=50)
    address, page = await refused_spend(till, nobody)
    assert "Send six digits" not in page
    answer = await go_on(till, address, page, "text")
    assert answer.status_code == 409 and "no phone number" in answer.text
