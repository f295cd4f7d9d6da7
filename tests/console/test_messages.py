"""The pages of messages: what they cost, where they are paused, what carries them, their texts, and who wants none."""
import json
import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest

from app.db import write_transaction
from app.enrolment import service as enrolment
from app.enrolment.wishes import Wish
from app.programs import service as programs
from app.sms import service as sms
from app.sms import texts, watch_store
from app.sms.service import Order
from app.web.principal import Principal
from tests.console.visiting import Visitor, rows, value_of, words_of

MESSAGES, TEXTS, STOPPED = "/console/messages", "/console/messages/texts", "/console/messages/stopped"
LONG = "{brand}: карта постоянного покупателя уже готова, откройте её {link}"


@pytest.fixture
def settings(settings):
    return replace(settings, sms_price_minor=250, link_url="https://crd.example.ru")


async def queue(here, shop, e164: str = "+79161231234") -> int:
    order = Order(shop.business_id, e164, "activation", "Кофе", "https://crd.example.ru/a/123456789ABC", "ru")
    who = Principal(shop.business_id, shop.business_id, "shopper")
    return await write_transaction(here.db, lambda tx: sms.queue(tx, here.ring, here.settings, who, order, here.clock.now()))


def plain(page: str) -> str:
    return page.replace("\u00a0", " ").replace("\u202f", " ")


async def actions(here) -> list[str]:
    return [row["action"] for row in await here.db.fetch_all("SELECT action FROM audit_entries WHERE action LIKE 'sms.%' ORDER BY id")]


# Sending.
async def test_the_page_says_what_was_spent_of_what_may_be(here, shop, owner):
    await queue(here, shop)
    page = plain(await owner.page(MESSAGES))
    assert "Today 2.50 ₽ of 1 000 ₽" in page and "This month 2.50 ₽ of 10 000 ₽" in page and "A part costs 2.50 ₽" in page
    assert "Сегодня 2,50 ₽ из 1 000 ₽" in plain(await owner.page(MESSAGES, "ru"))


async def test_an_owner_wants_less_than_the_server_allows_and_never_more(here, shop, owner, manager):
    answer = await owner.post(f"{MESSAGES}/caps", {"message_cap": "5", "day_cap": "40", "month_cap": ""})
    assert answer.headers["location"] == f"{MESSAGES}?done=kept"
    assert await texts.choices_of(here.db, shop.business_id) == texts.Choices(None, 500, 4000, None)
    before = await rows(here)
    refused = await owner.post(f"{MESSAGES}/caps", {"message_cap": "5", "day_cap": "1000,01", "month_cap": "many"})
    assert refused.status_code == 422 and value_of(refused, "day_cap") == "1000,01"
    assert "Type the amount in digits" in words_of(refused)
    refused = await owner.post(f"{MESSAGES}/caps", {"day_cap": "1000,01"})
    assert "The server allows 1 000 ₽ at most." in plain(words_of(refused))
    assert (await manager.post(f"{MESSAGES}/caps", {"day_cap": "1"})).status_code == 403
    assert await rows(here) == before


async def test_a_spent_purse_stands_on_every_page_and_stops_messages(here, shop, owner):
    await owner.post(f"{MESSAGES}/caps", {"day_cap": "2.50"})
    await queue(here, shop)
    page = plain(await owner.page("/console"))
    assert "The limit for messages of 22 November is spent: 2.50 ₽ of 2.50 ₽." in page
    with pytest.raises(sms.CapReached):
        await queue(here, shop, "+79161231235")


async def test_a_sender_is_kept_where_carriers_would_take_it(here, shop, owner):
    refused = await owner.post(f"{MESSAGES}/sender", {"sender": "Кофе"})
    assert refused.status_code == 422 and value_of(refused, "sender") == "Кофе" and "up to 11 Latin letters" in words_of(refused)
    await owner.post(f"{MESSAGES}/sender", {"sender": " Coffee "})
    await owner.post(f"{MESSAGES}/sender", {"sender": "Coffee"})
    assert (await texts.choices_of(here.db, shop.business_id)).sender == "Coffee" and await actions(here) == ["sms.sender_changed"]
    await owner.post(f"{MESSAGES}/sender", {"sender": ""})
    assert (await texts.choices_of(here.db, shop.business_id)).sender is None


async def test_what_was_refused_today_is_counted_by_its_reason(here, shop, manager):
    assert "Nothing was refused." in await manager.page(MESSAGES)
    for why in ("limit:sms.phone", "limit:sms.phone", "number_suppressed", "something_new"):
        await sms.note_refusal(here.db, here.settings, shop.business_id, "+79161231234", why, here.clock.now())
    page = await manager.page(MESSAGES)
    assert "the number had enough messages 2" in page and "the person wants no messages 1" in page and "something_new 1" in page
    business = await programs.get_business(here.db, shop.business_id)
    assert await sms.refusals_today(here.db, business, here.clock.now() + timedelta(hours=12)) == []            # midnight in Moscow


async def test_a_paused_place_goes_on_when_a_manager_says_so(here, shop, manager, other_shop):
    refusal = sms.Paused("location", str(shop.location_id), "", 4_000_000_000_000)
    await sms.note_refusal(here.db, here.settings, shop.business_id, "+79161231234", refusal, here.clock.now())
    foreign = sms.Paused("location", str(other_shop.location_id), "", refusal.until_at)
    await sms.note_refusal(here.db, here.settings, other_shop.business_id, "+79161231234", foreign, here.clock.now())
    answer = await manager.get(MESSAGES)
    assert "Paused" in words_of(answer) and "1 place sends no links" in plain(words_of(answer))
    [action] = re.findall(rf'action="({MESSAGES}/pauses/[^"]+)"', answer.text)
    assert (await manager.post(action)).headers["location"] == f"{MESSAGES}?done=on"
    assert (await manager.post(action)).status_code == 404
    assert "Paused" not in await manager.page(MESSAGES)
    [other] = await watch_store.pauses(here.db, other_shop.business_id, 1)
    assert (await manager.post(f"{MESSAGES}/pauses/{here.ids.encode('pause', other.id)}")).status_code == 404
    assert "sms.pause_lifted" in await actions(here)


async def test_a_gateway_that_rests_says_why_and_is_asked_again_on_demand(here, shop, owner, manager):
    until = 1_800_000_000_000
    await here.db.execute("INSERT INTO sms_gateways(name, resting_until, why, failed_at, failures, balance_minor, currency) "
                          "VALUES ('smsru', :until, '201', 1795338000000, 3, 12345, 'RUB')", {"until": until})
    page = plain(await manager.page(MESSAGES))
    assert "smsru rests until" in page and "123.45 ₽ left" in page and "201" in page and "Try again now" not in page
    assert (await manager.post(f"{MESSAGES}/gateways/smsru")).status_code == 403
    assert (await owner.post(f"{MESSAGES}/gateways/other")).status_code == 404
    assert (await owner.post(f"{MESSAGES}/gateways/smsru")).headers["location"] == f"{MESSAGES}?done=again"
    assert await here.db.fetch_val("SELECT resting_until FROM sms_gateways") is None


# Texts.
async def test_the_editor_counts_on_the_server_for_whoever_has_no_script(owner):
    answer = await owner.post(f"{TEXTS}/activation/ru", {"text": LONG, "act": "count"})
    page = plain(words_of(answer))
    assert answer.status_code == 200 and LONG in page
    assert "2 parts, 5 ₽. UCS-2, 105 units, 29 left in the part." in page and "One message takes 2 parts, 5 ₽." in page
    assert "a part holds 70 characters, not 160." in page and "This one fits into a part:" in page
    assert "2 части, 5 ₽" in plain(words_of(await owner.client.post(
        f"{TEXTS}/activation/ru", data={"csrf": owner.token, "text": LONG, "act": "count"},
        headers={"Cookie": owner.cookie, "Origin": "https://cards.example.com", "Accept-Language": "ru"})))


async def test_the_letter_that_costs_ninety_characters_is_named(owner):
    page = words_of(await owner.post(f"{TEXTS}/activation/en", {"text": "{brand}: your card — it’s ready ё {link}", "act": "count"}))
    assert "Because of “ё” a part holds 70 characters, not 160." in page
    page = words_of(await owner.post(f"{TEXTS}/activation/en", {"text": "{brand}: your card — it’s ready {link}", "act": "count"}))
    assert "GSM-7" in page and "Because of" not in page


async def test_a_text_is_kept_tidy_with_its_history_and_an_audit_entry(here, shop, owner):
    for text in ("«{brand}»\u00a0— ваша карта {link}", "{brand}: карта {link}", "{brand}: карта {link}"):
        answer = await owner.post(f"{TEXTS}/activation/ru", {"text": text, "act": "keep"})
        assert answer.headers["location"] == f"{TEXTS}?purpose=activation&done=kept"
    assert await texts.text_of(here.db, shop.business_id, "activation", "ru") == "{brand}: карта {link}"
    assert await texts.text_of(here.db, shop.business_id, "activation", "en") == "{brand}: your card {link}"
    assert await actions(here) == ["sms.text_changed", "sms.text_changed"]
    assert '"{brand}" - ваша карта {link}' in await owner.page(TEXTS)


@pytest.mark.parametrize(("text", "sentence"), [
    ("{brand}: карта", "The text needs {link}"), ("{brand} {link}.", "Nothing may stand after {link}"), (LONG, "this takes 2 parts"),
    ("я" * 130 + " {link}", "two are the most")])
async def test_a_text_that_would_not_work_is_refused_and_kept_in_the_box(here, owner, text, sentence):
    before = await rows(here)
    answer = await owner.post(f"{TEXTS}/activation/ru", {"text": text, "act": "keep"})
    assert answer.status_code == 422 and sentence in words_of(answer) and text in unescape(answer.text)
    assert await rows(here) == before


async def test_the_owner_may_pay_for_two_parts_and_messages_are_made_from_the_text(here, shop, owner):
    await owner.post(f"{TEXTS}/activation/ru", {"text": LONG, "two": "1", "act": "keep"})
    message = await queue(here, shop)
    row = await here.db.fetch_one("SELECT segments, reserved_minor FROM messages WHERE id = :id", {"id": message})
    assert (row["segments"], row["reserved_minor"]) == (2, 500)


async def test_one_press_takes_the_shorter_text_and_another_our_own_words(here, shop, owner):
    await owner.post(f"{TEXTS}/invitation/ru", {"text": LONG, "act": "shorter"})
    assert await texts.text_of(here.db, shop.business_id, "invitation", "ru") == "{brand}: карта ждёт {link}"
    await owner.post(f"{TEXTS}/invitation/ru", {"text": "{brand}: {link}", "act": "keep"})
    await owner.post(f"{TEXTS}/invitation/ru", {"act": "default", "text": ""})
    assert not (await texts.text_in_use(here.db, shop.business_id, "invitation", "ru")).is_own


async def test_only_owners_write_texts_and_only_of_messages_that_there_are(here, owner, manager):
    assert (await manager.get(TEXTS)).status_code == 403
    assert (await owner.post(f"{TEXTS}/spam/ru", {"text": "{link}", "act": "keep"})).status_code == 404
    assert (await owner.post(f"{TEXTS}/code/de", {"text": "{link}", "act": "keep"})).status_code == 404
    for purpose in ("activation", "invitation", "card_link", "code", "till_code"):
        for language in ("en", "ru"):
            assert (await owner.get(f"{TEXTS}?purpose={purpose}", language)).status_code == 200


async def test_the_script_counts_by_the_servers_tables(owner):
    page = (await owner.get(TEXTS)).text
    found = {name: unescape(re.search(rf'data-{name}="([^"]*)"', page)[1]) for name in ("basic", "extension", "plain", "words", "few")}
    assert "€" in found["extension"] and "Ω" in found["basic"] and json.loads(found["plain"])["—"] == "-"
    assert len(json.loads(found["words"])["parts"]) == 10


# Who wants none.
async def test_a_number_is_put_on_the_list_shown_by_two_digits_and_lifted_with_a_reason(here, shop, manager):
    assert "Nobody so far" in await manager.page(STOPPED)
    assert (await manager.post(STOPPED, {"phone": "12"})).status_code == 422
    assert (await manager.post(STOPPED, {"phone": "8 916 123-12-34"})).headers["location"] == f"{STOPPED}?done=stopped"
    await manager.post(STOPPED, {"phone": "8 916 123-12-34"})
    answer = await manager.get(STOPPED)
    assert "•••34" in words_of(answer) and "asked in the shop" in words_of(answer) and "1231234" not in answer.text
    with pytest.raises(sms.Suppressed):
        await queue(here, shop)
    [action] = re.findall(rf'action="({STOPPED}/[^"]+)"', answer.text)
    assert (await manager.post(action, {"why": ""})).status_code == 422
    assert (await manager.post(action, {"why": "She asked again"})).headers["location"] == f"{STOPPED}?done=lifted"
    assert (await manager.post(action, {"why": "Twice"})).status_code == 404
    assert await queue(here, shop)
    assert await actions(here) == ["sms.stopped", "sms.stop_lifted"]


async def test_a_long_list_has_pages_and_shows_nobody_elses_numbers(here, shop, other_shop, manager):
    for business, count in ((shop.business_id, 51), (other_shop.business_id, 1)):
        for last in range(count):
            await write_transaction(here.db, lambda tx, last=last, business=business: sms.stop(
                tx, here.ring, business, f"+7916555{last:04}", "stop", here.clock.now()))
    first = await manager.get(STOPPED)
    assert words_of(first).count("answered STOP") == 50
    older = re.search(rf'href="({STOPPED}\?before=[^"]+)"', first.text)[1]
    assert words_of(await manager.get(older)).count("answered STOP") == 1
    assert isinstance(manager, Visitor) and "STOPALL" in words_of(first) and "ОТПИСКА" in words_of(first)


# Beside the card.
async def test_what_became_of_the_message_stands_beside_the_card_that_waits(here, shop, manager, owner):
    wish = Wish(shop.program_id, "+79161231234", "till", "ru", location_id=shop.location_id)
    told = await enrolment.start(here.db, here.ring, here.settings, shop.cashier, wish, here.clock.now())
    card = f"/console/cards/{here.ids.encode('card', told.card_id)}"
    assert "The message is about to go out." in await manager.page(card)
    for state, reason, sentence in (("accepted", None, "The message is with the carrier."), ("delivered", None, "The message has arrived."),
                                    ("rejected", "30006", "The carrier refused the message."), ("unknown", "unknown", "may have gone out")):
        await here.db.execute("UPDATE messages SET state = :state, reason = :reason", {"state": state, "reason": reason})
        page = await manager.page(card)
        assert sentence in page and ("Carrier’s code: 30006" in page) == (reason == "30006")


async def test_a_place_that_is_paused_is_noted_when_a_till_meets_it(here, shop, manager, monkeypatch):
    async def refuse(tx, asker, e164, now):
        raise sms.Paused("location", str(shop.location_id), "", 4_000_000_000_000)

    monkeypatch.setattr("app.sms.breaker.refuse_paused", refuse)
    wish = Wish(shop.program_id, "+79161231234", "till", "ru", location_id=shop.location_id)
    with pytest.raises(sms.Paused):
        await enrolment.start(here.db, here.ring, here.settings, shop.cashier, wish, here.clock.now())
    page = await manager.page(MESSAGES)
    assert "Shop" in page and "paused until" in page and "the place is paused 1" in page
