"""Cards through the API: found by whatever a till has, issued, changed, linked."""
import asyncio

import pytest

from app.audit import service as audit
from app.cards import rules
from app.cards import service as cards
from app.cards.rules import luhn_digit
from app.customers import service as customers
from app.db import write_transaction
from tests.shops import make_card
from tests.till.calling import Till, on_sqlite, written


def body(till, phone="+79161231234", **customer):
    return {"program": till.program, "customer": {"phone": phone, "name": "Анна", **customer},
            "consent": {"terms": True, "marketing": False}}


async def found(till, code):
    answer = await till.get("/cards", code=code)
    assert answer.status_code == 200, answer.text
    return [card["id"] for card in answer.json()["items"]]


# Finding.
async def test_a_card_is_found_by_barcode_number_and_phone_however_they_are_written(till, here, shop):
    card = await make_card(here, shop, points=320)
    fours = " ".join(card.number[at:at + 4] for at in range(0, 16, 4))
    full_width = card.code.translate({ord("0") + digit: ord("０") + digit for digit in range(10)})
    for text in (card.code, card.code + "\r\n", "-".join([card.code[:8], card.code[8:]]), full_width, card.number, fours,
                 "+79161231234", "8 (916) 123-12-34", "9161231234", "79161231234"):
        assert await found(till, text) == [till.id("card", card.id)], text


async def test_a_card_is_told_with_what_a_till_needs(till, here, shop):
    card = await make_card(here, shop, points=320)
    [told] = (await till.get("/cards", code=card.code)).json()["items"]
    assert told == {
        "id": till.id("card", card.id), "number": card.number, "code": card.code, "program": till.program, "status": "active",
        "customer": {"id": till.id("customer", card.customer_id), "name": "Анна", "phone": "+7916•••1234"},
        "balances": {"points": 320, "stamps": 0, "visits": 0, "money": 0}, "pending": {"points": 0}, "tier": None, "expiring": [],
        "wallets": {"apple": 0, "google": 0}, "hints": [], "created_at": "2026-11-22T09:00:00Z", "vouchers": [], "member_until": None,
        "favourite": None}
    assert (await till.get(f"/cards/{told['id']}")).json() == told


async def test_points_that_end_soon_are_told_with_a_sentence(till, here, shop):
    card = await make_card(here, shop, points=120)
    here.clock.advance(days=340)
    told = (await till.get(f"/cards/{till.id('card', card.id)}")).json()
    assert told["expiring"] == [{"unit": "points", "amount": 120, "at": "2027-11-22T21:00:00Z"}]
    assert told["hints"] == ["120\u00a0points can be used until 22\u00a0November."]


async def test_an_old_plastic_card_is_found_exactly_and_only_in_its_business(client, here, shop, other_shop):
    card, theirs = await make_card(here, shop), await make_card(here, other_shop)
    await write_transaction(here.db, lambda tx: cards.add_alias(tx, card, "00-ABC 17", here.clock.now()))
    await write_transaction(here.db, lambda tx: cards.add_alias(tx, theirs, "LEAF-1", here.clock.now()))
    till = Till(client, here, shop)
    assert await found(till, "00-ABC 17") == [till.id("card", card.id)]
    assert await found(till, "00-ABC 1") == []
    assert await found(till, "LEAF-1") == []


async def test_a_torn_scan_finds_nothing_and_says_to_scan_again(till, here, shop):
    card = await make_card(here, shop)
    last = str((int(card.code[-1]) + 1) % 10)
    for torn in (card.code[:-1], card.code[1:], card.code[:-1] + last, card.code + "7"):
        answer = (await till.get("/cards", code=torn)).json()
        assert (answer["items"], answer["hints"]) == ([], [rules.PROBLEMS["torn"]]), torn


async def test_nonsense_finds_nothing(till):
    for text in ("hello", "7912345678", "'; DROP TABLE cards; --", "\u202e123", "💳", "0" * 300, "8 495 123-45-67", "%", "+", "x" * 9000,
                 "\x1b[31m"):
        assert await found(till, text) == [], text
    assert (await till.get("/cards", code="a\x00b")).status_code == 400
    for empty in ("", "   "):
        answer = await till.get("/cards", code=empty)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "code")


async def test_a_try_with_a_reserved_number_raises_an_alarm(till, here, shop):
    digits = "999912345678901"
    assert await found(till, digits + luhn_digit(digits)) == []
    assert (await audit.list_entries(here.db, shop.business_id))[0].action == "card.reserved_tried"


async def test_another_business_s_codes_find_nothing(client, here, shop, other_shop):
    theirs, till = await make_card(here, other_shop), Till(client, here, shop)
    for text in (theirs.code, theirs.number, "+79161231234"):
        assert await found(till, text) == []


# Issuing.
async def test_a_web_shop_issues_an_active_card_with_consent(till, here, shop):
    answer = await till.post("/cards", {**body(till, birthday="1990-12-31", email="anna@example.com"), "consent": {
        "terms": True, "marketing": True, "text_version": "checkout-2026-11", "given_at": "2026-11-22T08:00:00Z"}})
    assert answer.status_code == 201, answer.text
    card = answer.json()
    assert (card["status"], card["customer"]["name"], card["customer"]["phone"]) == ("active", "Анна", "+7916•••1234")
    row = await cards.get_card(here.db, shop.business_id, here.ids.decode("card", card["id"]))
    given = await customers.consents_of(here.db, shop.business_id, row.customer_id)
    assert {(one.purpose, one.granted, one.text, one.channel) for one in given} == {
        ("terms", True, "checkout-2026-11", "api"), ("marketing", True, "checkout-2026-11", "api")}
    assert all(one.at.isoformat() == "2026-11-22T08:00:00+00:00" for one in given)
    # The shop's wording is never shown as ours.
    assert "checkout" not in (await customers.current_texts(here.db, shop.business_id, "en"))["terms"].text


async def test_a_consent_without_a_version_remembers_our_own_wording(till, here, shop):
    card = (await till.post("/cards", body(till))).json()
    row = await cards.get_card(here.db, shop.business_id, here.ids.decode("card", card["id"]))
    given = {one.purpose: one for one in await customers.consents_of(here.db, shop.business_id, row.customer_id)}
    texts = await customers.current_texts(here.db, shop.business_id, "en")
    assert {purpose: (one.granted, one.text) for purpose, one in given.items()} == {
        "terms": (True, texts["terms"].text), "marketing": (False, texts["marketing"].text)}


async def test_a_customer_with_a_card_is_told_which(till, here):
    first = (await till.post("/cards", body(till))).json()
    before = await written(here)
    answer = await till.post("/cards", body(till, "8 916 123 12 34"))
    assert (answer.status_code, answer.json()["code"], answer.json()["card"]) == (409, "already_member", first["id"])
    assert await written(here) == before


async def test_cards_may_be_anonymous_or_known_by_e_mail_only(till):
    for customer in ({}, {"name": "Nobody"}, {"email": "anna@example.com"}):
        answer = await till.post("/cards", {"program": till.program, "customer": customer, "consent": {"terms": True}})
        assert (answer.status_code, answer.json()["customer"]["phone"]) == (201, None)
    again = await till.post("/cards", {"program": till.program, "customer": {"email": "Anna@Example.com"}, "consent": {"terms": True}})
    assert again.json()["code"] == "already_member"


NAMES = [("  Анна   Мария ", "Анна Мария"), ("👩‍👩‍👧 Семья", "👩‍👩‍👧 Семья"), ("محمد", "محمد"), ("Cafe\u0301", "Café"),
         ("x" * 100, "x" * 100), ("<b>{{7*7}}</b>'; --", "<b>{{7*7}}</b>'; --"), ("İstanbul", "İstanbul"),
         ("Anna\nMaria", "Anna Maria"), ("", None), ("   ", None)]


@on_sqlite
@pytest.mark.goal("B8")
@pytest.mark.parametrize(("typed", "kept"), NAMES)
async def test_names_are_kept_as_people_write_them(till, typed, kept):
    assert (await till.post("/cards", body(till, name=typed))).json()["customer"]["name"] == kept


@on_sqlite
@pytest.mark.goal("B8")
@pytest.mark.parametrize("name", [
    "a\x1b[31m", "a\x07b", "a\x85b\x9f", "x" * 101, "x" * 60_000, "\u202eevil", "e" + "\u0301" * 40, "\ue000"])
async def test_names_that_cannot_be_shown_are_refused_with_a_sentence(till, here, name):
    before = await written(here)
    answer = await till.post("/cards", body(till, name=name))
    assert answer.status_code == 422
    [wrong] = answer.json()["errors"]
    assert wrong["field"] == "customer.name"
    assert len(wrong["detail"]) > 20
    assert await written(here) == before


@pytest.mark.goal("B8")
async def test_nul_and_half_characters_are_refused_with_a_sentence(till, here):
    before = await written(here)
    for half in (r"a\u0000b", r"a\ud800", r"\udc00b", r"\ud83d\u0041"):
        sent = f'{{"program": "{till.program}", "customer": {{"name": "{half}"}}, "consent": {{"terms": true}}}}'
        answer = await till.post("/cards", sent.encode())
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json"), half
        assert len(answer.json()["detail"]) > 20
    assert await written(here) == before


@on_sqlite
@pytest.mark.parametrize(("change", "field"), [
    ({"customer": {"phone": "8 495 123-45-67"}}, "customer.phone"), ({"customer": {"phone": "+447400123456"}}, "customer.phone"),
    ({"customer": {"phone": ""}}, "customer.phone"), ({"customer": {"phone": "+7916123123400000"}}, "customer.phone"),
    ({"customer": {"phone": 79161231234}}, "customer.phone"), ({"customer": {"email": "nobody"}}, "customer.email"),
    ({"customer": {"birthday": "31.12.1990"}}, "customer.birthday"), ({"customer": {"birthday": "2027-01-01"}}, "customer.birthday"),
    ({"consent": {"terms": False}}, "consent.terms"), ({"consent": {}}, "consent.terms"), ({"consent": {"terms": "yes"}}, "consent.terms"),
    ({"consent": {"terms": True, "given_at": "2026-11-22"}}, "consent.given_at"),
    ({"consent": {"terms": True, "given_at": "2026-11-23T09:00:00Z"}}, "consent.given_at")])
async def test_a_card_with_a_wrong_field_is_not_issued(till, here, change, field):
    before = await written(here)
    answer = await till.post("/cards", {**body(till), **change})
    assert (answer.status_code, [wrong["field"] for wrong in answer.json()["errors"]]) == (422, [field])
    assert await written(here) == before


async def test_the_same_key_issues_one_card_however_often_it_comes(till, here):
    answers = await asyncio.gather(*[till.post("/cards", body(till), key="order-17") for _ in range(10)])
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("Idempotent-Replay" not in answer.headers for answer in answers) == 1
    assert (await written(here))["cards"] == 1


async def test_web_shops_racing_for_one_number_make_one_card(till, here):
    answers = await asyncio.gather(*[till.post("/cards", body(till)) for _ in range(8)])
    made = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    refused = [(answer.status_code, answer.json()["code"], answer.json()["card"]) for answer in answers if answer.status_code != 201]
    assert (len(made), refused) == (1, [(409, "already_member", made[0])] * 7)
    assert (await written(here))["cards"] == 1


async def test_a_number_that_waits_provisional_becomes_active_and_its_link_dies(till, here):
    waiting = (await till.post("/enrolments", {"program": till.program, "phone": "+79161231234"})).json()
    assert (await till.post("/sales", {"card": waiting["card"], "amount": 100_000})).status_code == 201
    card = (await till.post("/cards", body(till))).json()
    assert (card["id"], card["status"], card["balances"]["points"]) == (waiting["card"], "active", 50)
    assert (await till.get(f"/enrolments/{waiting['id']}")).json()["status"] == "activated"
    assert (await till.post(f"/enrolments/{waiting['id']}/resend")).json()["code"] == "enrolment_over"


# Changing.
async def test_a_blocked_card_says_so_and_can_be_unblocked(till, here, shop):
    card = till.id("card", (await make_card(here, shop)).id)
    blocked = await till.post(f"/cards/{card}/block", {"x": 1})
    assert (blocked.status_code, blocked.json()["errors"][0]["field"]) == (422, "x")
    blocked = await till.post(f"/cards/{card}/block")
    assert (blocked.status_code, blocked.json()["status"]) == (200, "blocked")
    assert blocked.json()["hints"] == ["The card is blocked: it neither collects nor spends points."]
    again = await till.post(f"/cards/{card}/block")
    assert (again.status_code, again.json()["code"]) == (409, "card_blocked")
    assert (await till.post("/sales", {"card": card, "amount": 100})).json()["code"] == "card_blocked"
    assert (await till.post(f"/cards/{card}/unblock", {})).json()["status"] == "active"
    assert (await till.post(f"/cards/{card}/unblock")).json()["code"] == "card_not_blocked"
    actions = [entry.action for entry in await audit.list_entries(here.db, shop.business_id)]
    assert actions[:2] == ["card.unblock", "card.block"]


async def test_a_repeat_is_answered_as_the_first_time_and_does_nothing(till, here, shop):
    card = till.id("card", (await make_card(here, shop, points=20)).id)
    first = await till.post(f"/cards/{card}/block", key="k1")
    await till.post(f"/cards/{card}/unblock")
    await till.post(f"/cards/{card}/adjustments", {"unit": "points", "amount": 5, "reason": "a present"})
    before = await written(here)
    again = await till.post(f"/cards/{card}/block", key="k1")
    assert (again.status_code, again.headers["Idempotent-Replay"]) == (200, "true")
    assert [(answer["status"], answer["balances"], answer["id"]) for answer in (first.json(), again.json())] == [
        ("blocked", {"points": 20, "stamps": 0, "visits": 0, "money": 0}, card)] * 2
    assert await written(here) == before
    assert (await till.get(f"/cards/{card}")).json()["status"] == "active"
    other = await till.post(f"/cards/{card}/unblock", key="k1")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@on_sqlite
@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "ключ", "a\tb"])
async def test_a_key_that_is_none_is_refused(till, here, shop, key):
    card = till.id("card", (await make_card(here, shop)).id)
    before = await written(here)
    answer = await till.client.post(f"/api/v1/cards/{card}/block", headers=[
        (b"Authorization", till.headers["Authorization"].encode()), (b"Idempotency-Key", key.encode())])
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_malformed")
    assert await written(here) == before


async def test_a_reissued_barcode_dies_at_once_and_the_new_one_works(till, here, shop):
    card = await make_card(here, shop)
    made = (await till.post(f"/cards/{till.id('card', card.id)}/reissue")).json()
    assert (made["id"], made["number"]) == (till.id("card", card.id), card.number)
    assert made["code"] != card.code
    assert await found(till, made["code"]) == [made["id"]]
    answer = (await till.get("/cards", code=card.code)).json()
    assert (answer["items"], answer["hints"]) == ([], [rules.PROBLEMS["retired"]])
    assert (await till.post("/sales", {"code": card.code, "amount": 100})).status_code == 404


async def test_a_replaced_card_keeps_the_points_on_a_new_number(till, here, shop):
    old = await make_card(here, shop, points=320)
    answer = await till.post(f"/cards/{till.id('card', old.id)}/replace", key="lost")
    assert answer.status_code == 201
    new = answer.json()
    assert new["number"] != old.number
    assert (new["status"], new["balances"]["points"]) == ("active", 320)
    assert (await till.get(f"/cards/{till.id('card', old.id)}")).json()["status"] == "replaced"
    assert await found(till, "+79161231234") == [new["id"]]
    assert (await till.post("/sales", {"code": old.code, "amount": 100})).json()["code"] == "card_ended"
    again = await till.post(f"/cards/{till.id('card', old.id)}/replace", key="lost")
    assert (again.json()["id"], again.headers["Idempotent-Replay"]) == (new["id"], "true")
    assert (await till.post(f"/cards/{till.id('card', old.id)}/replace")).json()["code"] == "card_ended"
    history = (await till.get(f"/cards/{new['id']}/operations")).json()["items"]
    assert [one["kind"] for one in history] == ["adjustment"]


async def test_a_page_link_opens_the_card_s_page_and_stays_the_same(till, here, shop):
    card = till.id("card", (await make_card(here, shop)).id)
    first, second = await till.post(f"/cards/{card}/page-links"), await till.post(f"/cards/{card}/page-links")
    assert (first.status_code, first.json()) == (201, second.json())
    assert first.json()["url"].startswith("https://cards.example.com/c/")
    page = await till.client.get(first.json()["url"])
    assert page.status_code == 200
    assert (await audit.list_entries(here.db, shop.business_id))[0].action == "card.page_link"


async def test_a_provisional_card_has_no_page_and_is_not_replaced(till, here):
    card = (await till.post("/enrolments", {"program": till.program, "phone": "+79161231234"})).json()["card"]
    before = await written(here)
    for verb in ("page-links", "replace"):
        answer = await till.post(f"/cards/{card}/{verb}")
        assert (answer.status_code, answer.json()["code"]) == (409, "card_provisional")
    assert await written(here) == before


@pytest.mark.parametrize("sent", [{}, {"consent": {"terms": True}}])
async def test_a_card_without_a_name_belongs_to_whoever_holds_it(till, here, sent):
    body = {"program": till.program, "customer": None, **sent}
    first = await till.post("/cards", body, key="bearer-1")
    again = await till.post("/cards", body, key="bearer-1")
    card = first.json()
    assert (first.status_code, card["status"], card["customer"], again.json()["id"]) == (201, "active", None, card["id"])
    assert await here.db.fetch_val("SELECT COUNT(*) FROM customers") == 0
    link = await till.post(f"/cards/{card['id']}/page-links")
    assert link.status_code == 201 and "/c/" in link.json()["url"]
    sale = await till.post("/sales", {"code": card["code"], "amount": 100_000})
    assert sale.status_code == 201 and sale.json()["card"] == card["id"]


async def test_a_card_for_a_shopper_needs_the_consent_that_one_without_a_name_does_not(till, here):
    before = await written(here)
    answer = await till.post("/cards", {"program": till.program, "customer": {"name": "Анна"}})
    assert (answer.status_code, [wrong["field"] for wrong in answer.json()["errors"]]) == (422, ["consent.terms"])
    assert await written(here) == before
