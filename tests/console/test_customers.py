"""Cards in the console: found, sorted, paged; corrected, blocked, replaced, and handed over once more."""
import re

import pytest
from markupsafe import escape

from app.cards import service as cards
from app.db import write_transaction
from app.enrolment import service as enrolment
from app.enrolment.service import Wish
from app.ledger import service as ledger
from app.registrations import service as registrations
from app.sales import service as sales
from app.sales.rules import RefundRequest, SaleRequest
from tests.console.visiting import audited, rows, value_of, words_of
from tests.shops import make_card


async def balance(here, card):
    return (await ledger.balances(here.db, card.account_id)).get("points", 0)


def path_of(here, card, act=""):
    return f"/console/cards/{here.ids.encode('card', card.id)}" + (f"/{act}" if act else "")


async def found(owner, **query):
    """Names of the cards that a search shows, in order."""
    answer = await owner.client.get("/console/customers", params=query, headers={"Cookie": owner.cookie, "Accept-Language": "en"})
    assert answer.status_code == 200
    return re.findall(r'<a href="/console/cards/crd_\w+"><bdi>(.*?)</bdi>', answer.text)


async def buy(here, shop, card, amount=10_000):
    return (await sales.sell(here.db, shop.key_principal, SaleRequest(card_id=card.id, amount=amount), None, here.clock.now())).operation


@pytest.fixture
async def card(here, shop):
    return await make_card(here, shop, points=100)


# Search.

@pytest.mark.parametrize("text", ["Анна", "анна", "анн", "Каренина", "+7 916 123-12-34", "89161231234", "1234"])
async def test_a_card_is_found_by_a_word_of_the_name_by_the_phone_and_its_last_digits(here, shop, owner, text):
    await make_card(here, shop, name="Анна Каренина")
    await make_card(here, shop, phone="+79165550000", name="Борис")
    assert await found(owner, q=text) == ["Анна Каренина"]


async def test_a_card_is_found_by_its_number_its_code_and_an_old_number(here, shop, owner, card):
    await make_card(here, shop, phone="+79165550000", name="Борис")
    await write_transaction(here.db, lambda tx: cards.add_alias(tx, card, "OLD-0042", here.clock.now()))
    number = " ".join(card.number[at:at + 4] for at in range(0, 16, 4))
    for text in (card.number, number, card.code, "OLD-0042"):
        assert await found(owner, q=text) == ["Анна"], text


@pytest.mark.parametrize("text", ["Зоя", "%", "_", "'; --", "0000", "нна", "x" * 500, "\u202e", "4729581036472910"])
async def test_what_is_not_there_is_said_and_what_was_typed_is_kept(here, shop, owner, card, text):
    answer = await owner.client.get("/console/customers", params={"q": text}, headers={"Cookie": owner.cookie, "Accept-Language": "en"})
    assert "Nobody is found" in words_of(answer) and value_of(answer, "q") == text[:64]


async def test_lists_are_sorted_filtered_and_counted(here, shop, owner, card):
    second = await make_card(here, shop, phone="+79165550000", name="Борис", points=300)
    third = await make_card(here, shop, phone="+79165550001", name="Вера")
    await buy(here, shop, third)
    here.clock.advance(minutes=1)
    for _ in range(2):
        await buy(here, shop, card)
    await cards.block(here.db, shop.who, second.id, None, here.clock.now())
    assert await found(owner) == ["Анна", "Вера", "Борис"]
    assert await found(owner, sort="balance") == ["Борис", "Анна", "Вера"]
    assert await found(owner, sort="visits") == ["Анна", "Вера", "Борис"]
    assert await found(owner, status="blocked") == ["Борис"]
    assert await found(owner, status="nonsense", sort="nonsense", page="-1") == ["Анна", "Вера", "Борис"]
    assert re.search("Everyone 3 With a card 2 Waiting 0 Blocked 1", await owner.page("/console/customers"))


async def test_fifty_cards_make_a_page_and_every_card_is_on_one(here, shop, owner):
    for number in range(53):
        await make_card(here, shop, phone=f"+7916555{number:04}", name=f"К{number:02}")
    first = await owner.get("/console/customers?sort=balance")
    [older] = re.findall(r'href="([^"]*page=1)"', first.text)
    second = await owner.get(older.replace("&amp;", "&"))
    shown = [re.findall(r"<bdi>(К\d\d)</bdi>", page.text) for page in (first, second)]
    assert [len(each) for each in shown] == [50, 3] and len({*shown[0], *shown[1]}) == 53
    assert "page=2" not in second.text and "To the newest" in words_of(second)


async def test_a_shop_without_customers_is_told_how_to_begin(owner):
    text = await owner.page("/console/customers")
    assert "No customers so far" in text and "Make the poster" in text


@pytest.mark.parametrize("name", ["Ю" * 64, "محمد بن عبد الله", "Anna <b>& Co</b> \"quoted\"", "👩‍👧 Мама", "a" * 64])
async def test_any_name_stands_in_lists_as_it_is(here, shop, owner, name):
    card = await make_card(here, shop, name=name)
    await buy(here, shop, card)
    for page in ("/console/customers", "/console/operations", "/console", path_of(here, card)):
        assert f"{escape(name)}" in (await owner.get(page)).text, page


# One card.

async def test_a_card_tells_what_it_holds_and_what_happened(here, shop, owner, card):
    await buy(here, shop, card)
    text = await owner.page(path_of(here, card))
    assert "105 points" in text and "+7 916 ••• 12 34" in text and "9161231234" not in text
    assert " ".join(card.number[at:at + 4] for at in range(0, 16, 4)) in text and "Purchase +5" in text and "Correction +100" in text


async def test_a_debt_is_explained(here, shop, owner):
    card = await make_card(here, shop)
    sale = await buy(here, shop, card, 100_000)
    await sales.adjust(here.db, shop.who, card.id, "points", -50, "spent by hand", None, here.clock.now())
    await sales.refund(here.db, shop.who, RefundRequest(sale.id, 100_000), None, here.clock.now())
    text = await owner.page(path_of(here, card))
    assert "−50 points" in text and "Below zero after a refund" in text


@pytest.mark.parametrize(("typed", "after"), [("50", 150), ("+50", 150), ("-30", 70), ("−30", 70), (" 1 000 ", 1100), ("-100", 0)])
async def test_points_are_corrected_with_a_reason(here, shop, manager, card, typed, after):
    answer = await manager.post(path_of(here, card, "adjust"), {"points": typed, "reason": "a spilt coffee", "key": "k1"})
    assert answer.status_code == 303 and await balance(here, card) == after
    assert "The balance is corrected." in await manager.page(answer.headers["location"])
    assert (await audited(here, shop.business_id))[0] == "card.adjust"


@pytest.mark.parametrize(("points", "reason", "status", "said"), [
    *[(points, "because", 422, "Type a whole number") for points in ("1,5", "", "0", "ten", "9" * 30, "--5", "9223372036854775808", "٥")],
    ("50", "", 422, "Say why"), ("50", "x" * 301, 422, "Say why"), ("50", "a\x07b", 422, "Say why"),
    ("-101", "because", 409, "100 points to spend, and 101 are needed")])
async def test_a_wrong_correction_is_refused_with_what_was_typed(here, manager, card, points, reason, status, said):
    before = await rows(here)
    answer = await manager.post(path_of(here, card, "adjust"), {"points": points, "reason": reason, "key": "k1"})
    assert answer.status_code == status and said in words_of(answer)
    assert value_of(answer, "points") == points.strip() and value_of(answer, "reason") == reason
    assert await rows(here) == before


async def test_pressing_a_button_twice_corrects_once(here, manager, card):
    for _ in range(2):
        assert (await manager.post(path_of(here, card, "adjust"), {"points": "50", "reason": "twice", "key": "same"})).status_code == 303
    assert await balance(here, card) == 150


async def test_blocking_and_unblocking(here, shop, manager, card):
    blocked = await manager.post(path_of(here, card, "block"), {"key": "b"})
    assert "The card is blocked." in await manager.page(blocked.headers["location"])
    assert (await cards.get_card(here.db, shop.business_id, card.id)).status == "blocked"
    page = await manager.get(path_of(here, card))
    assert path_of(here, card, "unblock") in page.text and path_of(here, card, "adjust") not in page.text
    unblocked = await manager.post(path_of(here, card, "unblock"), {"key": "u"})
    assert "The card works again." in await manager.page(unblocked.headers["location"])
    assert (await audited(here, shop.business_id))[:2] == ["card.unblock", "card.block"]


async def test_a_new_code_replaces_the_old_one_at_once(here, shop, manager, card):
    answer = await manager.post(path_of(here, card, "reissue"), {"key": "r"})
    assert "has a new code" in await manager.page(answer.headers["location"])
    assert (await cards.get_card(here.db, shop.business_id, card.id)).code != card.code
    assert (await audited(here, shop.business_id))[0] == "card.reissue"


async def test_a_replaced_card_leads_to_the_new_one_with_the_points(here, shop, manager, card):
    answer = await manager.post(path_of(here, card, "replace"), {"key": "n"})
    new = await manager.page(answer.headers["location"])
    assert "This is the new card." in new and "100 points" in new
    old = await manager.get(path_of(here, card))
    assert "This card was replaced." in words_of(old) and answer.headers["location"].partition("?")[0] in old.text
    assert "100 points" not in words_of(old) and "/block" not in old.text and "What you can do" not in old.text
    assert (await audited(here, shop.business_id))[0] == "card.replace"


@pytest.mark.parametrize(("act", "status"), [("unblock", 409), ("erase", 403), ("vanish", 404), ("", 404)])
async def test_what_a_card_does_not_allow_is_refused(here, manager, card, act, status):
    before = await rows(here)
    answer = await manager.post(path_of(here, card, act) if act else path_of(here, card) + "/", {"key": "x"})
    assert answer.status_code == status and await rows(here) == before


async def test_a_replaced_card_can_be_changed_no_more(here, shop, manager, card):
    await manager.post(path_of(here, card, "replace"), {"key": "n"})
    before = await rows(here)
    for act in ("block", "unblock", "reissue", "replace", "link", "resend", "adjust"):
        answer = await manager.post(path_of(here, card, act), {"key": "y", "points": "5", "reason": "late"})
        assert answer.status_code == 409 and "role=\"alert\"" in answer.text, act
    assert await rows(here) == before


async def test_a_page_link_opens_the_card_and_is_audited(here, shop, client, manager, card):
    answer = await manager.post(path_of(here, card, "link"))
    [link] = re.findall(r'https://cards\.example\.com(/c/\w{22})"', answer.text)
    assert (await client.get(link)).status_code == 200
    assert (await audited(here, shop.business_id))[0] == "card.page_link"
    assert link not in (await manager.get(path_of(here, card))).text


# A card that waits for its shopper.

@pytest.fixture
async def waiting(here, shop):
    told = await enrolment.start(here.db, here.ring, here.settings, shop.cashier, Wish(shop.program_id, "+79160001122", "till", "ru"),
                                 here.clock.now())
    assert told.card_id is not None
    return await cards.get_card(here.db, shop.business_id, told.card_id)


async def test_the_link_of_a_waiting_card_is_sent_again(here, shop, manager, waiting):
    here.clock.advance(minutes=10)
    count = "SELECT COUNT(*) FROM activation_links"
    before = await here.db.fetch_val(count)
    answer = await manager.post(path_of(here, waiting, "resend"))
    assert answer.status_code == 303 and "on its way" in await manager.page(answer.headers["location"])
    assert await here.db.fetch_val(count) == before + 1
    assert (await audited(here, shop.business_id))[0] == "enrolment.resent"


async def test_a_link_sent_a_moment_ago_is_not_sent_again(here, manager, waiting):
    before = await rows(here)
    answer = await manager.post(path_of(here, waiting, "resend"))
    assert answer.status_code == 429 and "role=\"alert\"" in answer.text
    # What was refused is counted, by the day and the reason alone.
    assert {**await rows(here), "sms_refusals": []} == before


async def test_an_active_card_has_no_link_to_send_again(here, manager, card):
    before = await rows(here)
    assert (await manager.post(path_of(here, card, "resend"))).status_code == 409
    assert await rows(here) == before


async def test_a_waiting_card_has_no_page_to_hand_over(here, manager, waiting):
    page = await manager.get(path_of(here, waiting))
    assert "waiting for the shopper" in words_of(page) and path_of(here, waiting, "link") not in page.text
    before = await rows(here)
    assert (await manager.post(path_of(here, waiting, "link"))).status_code == 409 and await rows(here) == before


# What phones reported.

async def report(here, card, *lines):
    """A phone's lines about the card's pass, as the update service keeps them; {} stands for the serial number."""
    await here.db.execute("INSERT INTO pass_types(id, short_id, pass_type_identifier, team_identifier, created_at) "
                          "VALUES (1, 'x1', 'pass.x', 'TEAM', 0) ON CONFLICT DO NOTHING")
    serial = f"serial-{card.id}"
    await here.db.execute(
        "INSERT INTO passes(business_id, card_id, pass_type_id, serial_number, authentication_token_sealed, created_at, modified_at) "
        "VALUES (:business_id, :card_id, 1, :serial, :token, 0, 0) ON CONFLICT DO NOTHING",
        {"business_id": card.business_id, "card_id": card.id, "serial": serial, "token": b""})
    await registrations.keep_logs(here.db, "x1", [line.replace("{}", serial) for line in lines], "sender", here.clock.now())


TORN = "Get pass task (pass type pass.x, serial number {}) encountered error: "


async def test_what_phones_reported_stands_beside_the_card_in_plain_words_newest_first(here, manager, card):
    assert "What phones reported" not in await manager.page(path_of(here, card))
    await report(here, card, TORN + "Authentication failure")
    here.clock.advance(hours=1)
    await report(here, card, TORN + "No entry in manifest for file icon.png")
    page = await manager.page(path_of(here, card))
    assert page.index("not in its manifest") < page.index("its token is not the card's")
    russian = await manager.page(path_of(here, card), "ru")
    assert "Что сообщили телефоны" in russian and "манифест" in russian


async def test_a_report_is_text_and_never_markup(here, manager, card):
    await report(here, card, TORN + "<script>alert(1)</script><img src=x onerror=alert(2)>")
    text = (await manager.get(path_of(here, card))).text
    assert "<script>alert" not in text and "<img src=x" not in text and "&lt;script&gt;alert(1)" in text


async def test_a_card_shows_ten_reports_and_none_of_another_card(here, shop, manager, card):
    other = await make_card(here, shop, phone="+79165550000", name="Борис")
    await report(here, card, *[TORN + f"trouble {number}" for number in range(30)])
    await report(here, other, TORN + "only Boris")
    text = (await manager.get(path_of(here, card))).text
    assert text.count("trouble ") == 10 and "trouble 29" in text and "only Boris" not in text
