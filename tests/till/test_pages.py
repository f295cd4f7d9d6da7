"""The cashier's pages, as a browser without scripts uses them."""
import html
import re

import pytest
from msgspec.structs import replace

from app.benefits import coupons, promo
from app.benefits import rewards as catalogue
from app.benefits.opening import open_program
from app.benefits.rules import RewardWish, Terms
from app.cards import rules as card_rules
from app.cards import service as cards
from app.db import write_transaction
from app.enrolment import activation
from app.ledger import sealing, verify
from app.programs import service as programs
from app.programs.kinds import KINDS
from app.programs.terms import Club, Said
from tests.shops import PASSWORD, make_card

ORIGIN = {"Origin": "https://cards.example.com", "Accept-Language": "en"}


def hidden(page: str) -> dict[str, str]:
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))


@pytest.fixture
async def till(client, shop):
    """A browser at the till, the cashier signed in."""
    client.headers.update(ORIGIN)
    answer = await client.post("/till/sign-in", data={"email": "cashier@coffee.example.com", "password": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/till")
    return client


async def scan(till, text: str):
    return await till.post("/till", data={**hidden((await till.get("/till")).text), "code": text})


async def press(till, address: str, act: str, **fields: str):
    page = (await till.get(address)).text
    return await till.post(address, data={**hidden(page), "act": act, **fields})


async def balance(here, card) -> int:
    row = await here.db.fetch_one("SELECT amount FROM balances WHERE account_id = :id AND unit = 'points'", {"id": card.account_id})
    return row["amount"] if row else 0


async def test_a_wrong_password_keeps_the_address_and_sets_no_cookie(client, shop) -> None:
    answer = await client.post("/till/sign-in", data={"email": "cashier@coffee.example.com", "password": "wrong words"}, headers=ORIGIN)
    assert answer.status_code == 401
    assert "cashier@coffee.example.com" in answer.text
    assert "set-cookie" not in answer.headers


async def test_the_sessions_cookie_is_for_our_host_alone_and_out_of_reach_of_scripts(client, shop) -> None:
    answer = await client.post("/till/sign-in", data={"email": "cashier@coffee.example.com", "password": PASSWORD}, headers=ORIGIN)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-tessera-till=")
    for flag in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert flag in cookie


async def test_a_card_is_found_by_code_number_and_phone(till, here, shop) -> None:
    card = await make_card(here, shop, points=40)
    for text in (card.code, card_rules.in_fours(card.number), "8 916 123-12-34"):
        answer = await scan(till, text)
        assert answer.status_code == 303, text
        page = (await till.get(answer.headers["location"])).text
        assert "Анна" in page
        assert "+7916•••1234" in page
        assert "40" in page


async def test_a_torn_scan_and_an_unknown_code_say_what_to_do_and_keep_the_text(till, here, shop) -> None:
    card = await make_card(here, shop)
    torn = card.code[:-1] + str((int(card.code[-1]) + 1) % 10)
    for text, word in ((torn, "did not arrive whole"), (card_rules.draw_code(), "No card here"), ("nonsense", "No card here")):
        answer = await scan(till, text)
        assert answer.status_code == 422
        assert word in answer.text
        assert text in answer.text


async def test_a_retired_code_says_that_it_was_replaced(till, here, shop) -> None:
    card = await make_card(here, shop)
    await cards.reissue(here.db, shop.who, card.id, None, here.clock.now())
    assert "replaced by a new one" in (await scan(till, card.code)).text


async def test_earning_and_spending_in_one_step_with_an_undo(till, here, shop) -> None:
    card = await make_card(here, shop, points=100)
    address = (await scan(till, card.code)).headers["location"]
    done = await press(till, address, "earn", amount="1250,50")
    assert done.status_code == 303
    assert await balance(here, card) == 162
    done = await press(till, address, "redeem", amount="100", points="")
    assert await balance(here, card) == 162 - 50 + 2
    page = (await till.get(done.headers["location"])).text
    assert "Done. To pay 50" in page.replace("\u00a0", " ")
    operation = re.search(r'name="operation" value="(op_\w+)"', page)
    assert operation is not None
    undone = await till.post(address, data={**hidden(page), "act": "undo", "operation": operation[1]})
    assert "undone=" in undone.headers["location"]
    assert await balance(here, card) == 162
    assert [found.sentence for found in await verify.verify(here.db, here.clock.now()) if found.is_fault] == []


async def test_a_second_press_of_the_same_button_is_the_same_sale(till, here, shop) -> None:
    card = await make_card(here, shop)
    address = (await scan(till, card.code)).headers["location"]
    form = {**hidden((await till.get(address)).text), "act": "earn", "amount": "1000"}
    one, other = await till.post(address, data=form), await till.post(address, data=form)
    assert one.headers["location"] == other.headers["location"]
    assert await balance(here, card) == 50


@pytest.mark.parametrize(("act", "fields", "status", "word"), [
    ("earn", {"amount": "abc"}, 422, "in digits"), ("earn", {"amount": "-5"}, 422, "in digits"), ("earn", {"amount": ""}, 422, "in digits"),
    ("earn", {"amount": "1.555"}, 422, "in digits"), ("earn", {"amount": "9" * 14}, 422, "in digits"),
    ("redeem", {"amount": "100", "points": "x"}, 422, "whole number"), ("redeem", {"amount": "1000", "points": "41"}, 409, "points"),
    ("redeem", {"amount": "100", "points": "60"}, 409, "points"), ("dance", {"amount": "100"}, 422, "Press Earn"),
    ("undo", {"operation": "op_0000000000000"}, 404, ""),
])
async def test_what_cannot_be_done_is_told_with_the_typed_text_kept(till, here, shop, act, fields, status, word) -> None:
    card = await make_card(here, shop, points=40)
    address = (await scan(till, card.code)).headers["location"]
    answer = await press(till, address, act, **fields)
    assert answer.status_code == status
    assert word in answer.text
    if status != 404:
        assert fields["amount"] in answer.text
    assert await balance(here, card) == 40


async def test_a_blocked_card_offers_nothing_and_takes_nothing(till, here, shop) -> None:
    card = await make_card(here, shop, points=40)
    await cards.block(here.db, shop.who, card.id, None, here.clock.now())
    address = (await scan(till, card.code)).headers["location"]
    page = (await till.get(address)).text
    assert "Card is blocked" in page
    assert 'name="amount"' not in page
    csrf = hidden((await till.get("/till")).text)
    assert (await till.post(address, data={**csrf, "act": "earn", "amount": "10"})).status_code == 409


@pytest.mark.goal("A3")
async def test_another_business_finds_and_opens_nothing(till, here, shop, other_shop) -> None:
    card = await make_card(here, other_shop)
    assert (await scan(till, card.code)).status_code == 422
    for address in (f"/till/cards/{here.ids.encode('card', card.id)}", "/till/cards/crd_0000000000000", "/till/cards/x"):
        assert (await till.get(address)).status_code == 404


async def test_a_new_card_for_a_number_waits_with_its_first_purchase(till, here, shop) -> None:
    page = (await till.get("/till/enrol")).text
    answer = await till.post("/till/enrol", data={**hidden(page), "phone": "8 916 000-00-07", "amount": "200"})
    assert answer.status_code == 200
    assert "A message is on its way" in answer.text
    assert "On the card there waits: 10\u00a0points." in answer.text
    [row] = await here.db.fetch_all("SELECT status, source FROM cards")
    assert (row["status"], row["source"]) == ("provisional", "till")
    assert await here.db.fetch_val("SELECT COUNT(*) FROM messages") == 1


async def test_the_cashier_chooses_the_card_where_there_are_several_but_no_club_by_invitation(till, here, shop) -> None:
    assert 'name="program"' not in (await till.get("/till/enrol")).text
    business = await programs.get_business(here.db, shop.business_id)
    made = {}
    for slug, kind, rules in (("stamps", "stamps", KINDS["stamps"].rules("RUB")),
                              ("club", "club", replace(KINDS["club"].rules("RUB"), club=Club(by="invitation")))):
        made[slug] = await open_program(here.db, shop.who, business, KINDS[kind], Said(f"The {slug}"), slug, rules, here.clock.now())
    page = (await till.get("/till/enrol")).text
    assert "The stamps" in page and "The club" not in page
    ids = {slug: here.ids.encode("program", program_id) for slug, program_id in made.items()}
    refused = await till.post("/till/enrol", data={**hidden(page), "phone": "8 916 000-00-07", "program": ids["club"]})
    assert refused.status_code == 404 and await here.db.fetch_val("SELECT COUNT(*) FROM enrolments") == 0
    mistyped = await till.post("/till/enrol", data={**hidden(page), "phone": "8 916", "program": ids["stamps"]})
    assert f'value="{ids["stamps"]}" selected' in mistyped.text
    sent = await till.post("/till/enrol", data={**hidden(page), "phone": "8 916 000-00-07", "program": ids["stamps"]})
    assert "A message is on its way" in sent.text
    assert await here.db.fetch_val("SELECT program_id FROM cards") == made["stamps"]


async def test_a_mistyped_number_comes_back_with_the_sentence_and_the_text(till, here, shop) -> None:
    page = (await till.get("/till/enrol")).text
    answer = await till.post("/till/enrol", data={**hidden(page), "phone": "+7 916 12", "amount": "200"})
    assert answer.status_code == 422
    assert "+7 916 12" in answer.text
    assert "not a mobile number" in answer.text
    assert await here.db.fetch_val("SELECT COUNT(*) FROM enrolments") == 0


async def test_a_number_that_has_a_card_is_sent_its_link(till, here, shop) -> None:
    await make_card(here, shop)
    page = (await till.get("/till/enrol")).text
    answer = await till.post("/till/enrol", data={**hidden(page), "phone": "+79161231234"})
    assert "has a card" in answer.text
    assert await here.db.fetch_val("SELECT COUNT(*) FROM cards") == 1


async def mistyped(till, here, shop) -> str:
    """Somebody else's number was typed with a purchase, and they said so: the address that the till is led to."""
    page = (await till.get("/till/enrol")).text
    await till.post("/till/place", data={**hidden(page), "location": here.ids.encode("location", shop.location_id)})
    await till.post("/till/enrol", data={**hidden(page), "phone": "8 916 000-00-07", "amount": "200"})
    row = await here.db.fetch_one("SELECT text_sealed FROM messages")
    text = here.ring.open_text("sms.text", bytes(row["text_sealed"]), str(shop.business_id).encode())
    await activation.not_me(here.db, here.ring, text.rsplit("/", 1)[1], here.clock.now())
    page = (await till.get("/till")).text
    assert "said “not me”" in page
    [address] = re.findall(r'href="(/till/refused/[^"]+)"', page)
    return address


async def test_the_till_is_told_when_a_number_was_somebody_elses(till, here, shop) -> None:
    asked = html.unescape((await till.get(await mistyped(till, here, shop))).text)
    assert re.search(r"200(\.00)?\s₽|₽\s?200", asked) and "Scan the card of the shopper who bought this" in asked


async def test_the_till_counts_it_for_the_card_of_whoever_bought(till, here, shop, other_shop) -> None:
    address = await mistyped(till, here, shop)
    card, foreign = await make_card(here, shop), await make_card(here, other_shop, phone="+79161230009")
    for code, said in (("nonsense", "No card here"), (foreign.number, "No card here")):
        wrong = await till.post(address, data={**hidden((await till.get(address)).text), "code": code})
        assert wrong.status_code == 422 and said in wrong.text and f'value="{code}"' in wrong.text
    form = {**hidden((await till.get(address)).text), "code": card.number}
    for _ in range(2):
        done = await till.post(address, data=form)
        assert done.status_code == 303 and "/till/cards/" in done.headers["location"]
    assert await balance(here, card) == 10
    assert "/till/refused/" not in (await till.get("/till")).text
    assert "Nothing is left to be counted" in (await till.get(address)).text
    await sealing.seal_pending(here.db)
    assert await verify.verify(here.db, here.clock.now()) == []


async def test_a_day_later_nothing_is_counted_for_another_card_any_more(till, here, shop) -> None:
    address = await mistyped(till, here, shop)
    card = await make_card(here, shop)
    here.clock.advance(hours=24, seconds=1)
    await till.post("/till/sign-in", data={"email": "cashier@coffee.example.com", "password": PASSWORD})
    assert "Nothing is left to be counted" in (await till.get(address)).text
    await till.post(address, data={**hidden((await till.get("/till")).text), "code": card.number})
    assert await balance(here, card) == 0
    assert (await till.get("/till/refused/" + here.ids.encode("enrolment", 999))).status_code == 404


async def test_the_last_sales_offer_an_undo_to_whoever_made_them(till, here, shop) -> None:
    card = await make_card(here, shop)
    address = (await scan(till, card.code)).headers["location"]
    await press(till, address, "earn", amount="1000")
    page = (await till.get("/till/sales")).text
    operation = re.search(r'name="operation" value="(op_\w+)"', page)
    assert operation is not None
    answer = await till.post("/till/sales", data={**hidden(page), "act": "undo", "operation": operation[1]})
    assert answer.status_code == 303
    assert await balance(here, card) == 0
    assert "taken back" in (await till.get("/till/sales")).text


async def test_signing_out_ends_the_session(till, here, shop) -> None:
    page = (await till.get("/till")).text
    assert (await till.post("/till/sign-out", data=hidden(page))).status_code == 303
    assert (await till.get("/till")).headers["location"] == "/till/sign-in"


async def test_the_undo_stands_beside_the_result_for_ten_seconds_and_on_the_sales_own_page_after(till, here, shop, clock) -> None:
    card = await make_card(here, shop)
    address = (await scan(till, card.code)).headers["location"]
    done = (await press(till, address, "earn", amount="100")).headers["location"]
    assert 'data-undo="10"' in (await till.get(done)).text
    clock.advance(seconds=7)
    assert 'data-undo="3"' in (await till.get(done)).text
    clock.advance(seconds=4)
    page = (await till.get(done)).text
    assert "data-undo=" not in page and "Done. To pay" in page
    assert 'value="undo"' in (await till.get("/till/sales")).text


async def test_after_a_sale_the_next_card_is_the_one_main_act(till, here, shop) -> None:
    card = await make_card(here, shop)
    address = (await scan(till, card.code)).headers["location"]
    page = (await till.get((await press(till, address, "earn", amount="100")).headers["location"])).text
    visible = re.sub(r'<details class="again">.*</details>', "", page, flags=re.DOTALL)
    assert re.findall(r'button--primary[^>]*href="([^"]*)"', visible) == ["/till"] and 'value="earn"' not in visible


async def test_an_old_card_is_found_under_a_russian_layout(till, here, shop) -> None:
    card = await make_card(here, shop)
    await write_transaction(here.db, lambda tx: cards.add_alias(tx, card, "ABC-123", here.clock.now()))
    for text in ("ABC-123", "ФИС-123"):
        assert (await scan(till, text)).headers["location"].endswith(here.ids.encode("card", card.id)), text
    assert (await scan(till, "ФИС-124")).status_code == 422


async def test_only_a_scan_page_that_brings_its_own_reader_lets_browsers_run_one(till, monkeypatch) -> None:
    assert "wasm-unsafe-eval" not in (await till.get("/till")).headers["content-security-policy"]
    monkeypatch.setattr("app.web.assets.reader_url", lambda: "/static/0/reader/reader/index.js")
    page = await till.get("/till")
    assert "script-src 'self' 'wasm-unsafe-eval';" in page.headers["content-security-policy"]
    assert 'data-wasm="/static/0/reader/reader/index.js"' in page.text
    assert "wasm-unsafe-eval" not in (await till.get("/till/sales")).headers["content-security-policy"]


async def test_a_printed_coupon_is_found_by_its_address_and_by_its_letters(till, here, shop) -> None:
    now = here.clock.now()
    await catalogue.create_reward(here.db, shop.who, shop.program_id, RewardWish("coffee", "service", Said("A coffee", "Кофе")), now)
    terms = Terms("autumn", "Autumn leaflet", "coupon", reward="coffee")
    batch = await promo.create_batch(here.db, shop.who, shop.program_id, terms, ["AAAACCCCDD"], now)
    [(code_id, _, _)] = await promo.codes_of(here.db, batch)
    path = f"/k/{coupons.token_of(here.ring, here.ids, code_id)}"
    for text in (here.settings.link(path), "AAAA-CCCC-DD", "aaaa cccc dd"):
        answer = await scan(till, text)
        assert (answer.status_code, answer.headers.get("location")) == (303, path), text
    assert "A coffee" in (await till.get(path)).text
    assert (await scan(till, "AAAA-CCCC-DE")).status_code == 422
