"""The owner writes documents in versions, names topics, chooses lengths, prints what a person read and who was forgotten."""
import hashlib

import pytest

from app.customers import documents, topics
from app.customers import service as customers
from app.db import write_transaction
from app.privacy import retention
from app.privacy import service as privacy
from app.web.principal import shopper
from tests.shops import make_card

PRIVACY = "/console/privacy"
TERMS = f"{PRIVACY}/documents/terms/en"
NEW = {"text": "Keep my number for the card", "title": "How we keep data", "long_text": "# What\n\nYour number.\n\n<b>And</b> visits."}


@pytest.fixture
async def card(here, shop):
    made = await make_card(here, shop)
    who = shopper(shop.business_id, made.customer_id)
    await write_transaction(here.db, lambda tx: documents.answer(
        tx, who, made.customer_id, {"terms": True, "marketing": False}, "en", "activation", here.clock.now()))
    return made


async def test_a_new_version_is_asked_for_and_the_old_one_stays_as_it_was(here, shop, owner, client):
    answer = await owner.post(TERMS, NEW)
    page = await owner.page(answer.headers["location"])
    assert "version 2" in page and "version 1" in page
    texts = await customers.current_texts(here.db, shop.business_id, "en")
    assert texts["terms"].text == NEW["text"]
    public = (await client.get("/e/coffee/terms/terms/en/2")).text
    assert "How we keep data" in public and "&lt;b&gt;And&lt;/b&gt; visits." in public
    old = (await client.get("/e/coffee/terms/terms/en/1")).text
    assert "Keep my number and my visits, to run the card" in old and "There is a newer version." in old
    shown = "Keep my number for the card\n\nHow we keep data\n\n# What\n\nYour number.\n\n<b>And</b> visits."
    assert hashlib.sha256(shown.encode()).hexdigest() in public


async def test_a_look_at_a_version_writes_nothing(here, shop, owner):
    page = (await owner.post(TERMS, {**NEW, "look": "1"})).text
    assert "This is what shoppers will see" in page and "&lt;b&gt;And&lt;/b&gt;" in page
    assert [each.version for each in await documents.history(here.db, shop.business_id, "terms", "en")] == [1]


@pytest.mark.parametrize(("field", "changes"), [("text", {"text": ""}), ("text", {"text": "x" * 301}), ("title", {"title": ""}),
                                                ("title", {"title": "x" * 121})])
async def test_words_that_cannot_be_a_document_come_back(here, shop, owner, field, changes):
    answer = await owner.post(TERMS, {**NEW, **changes})
    assert answer.status_code == 422 and f'id="{field}-error"' in answer.text
    assert [each.id for each in await documents.history(here.db, shop.business_id, "terms", "en")] == [0]


@pytest.mark.parametrize("address", ["/e/coffee/terms/terms/en/9", "/e/coffee/terms/terms/de/1", "/e/coffee/terms/other/en/1",
                                     "/e/nobody/terms/terms/en/1", "/e/coffee/terms/terms/en/x", "/e/coffee/terms/terms/elsewhere/1"])
async def test_a_document_that_is_none_is_not_found(client, shop, address):
    assert (await client.get(address)).status_code == 404


async def test_an_own_purpose_is_asked_for_once_it_has_words_and_no_more_when_it_is_closed(here, shop, owner):
    answer = await owner.post(f"{PRIVACY}/documents", {"key": "partners", "name_en": "Partners", "name_ru": "Партнёры"})
    assert "Partners" in await owner.page(answer.headers["location"])
    assert [each.purpose for each in await documents.current(here.db, shop.business_id, "en")] == ["terms", "marketing"]
    await owner.post(f"{PRIVACY}/documents/partners/en", {"text": "Tell the bakery next door that I come"})
    assert [each.purpose for each in await documents.current(here.db, shop.business_id, "en")] == ["terms", "marketing", "partners"]
    assert [each.purpose for each in await documents.current(here.db, shop.business_id, "ru")] == ["terms", "marketing"]
    await owner.post(f"{PRIVACY}/documents/partners/close")
    assert [each.purpose for each in await documents.current(here.db, shop.business_id, "en")] == ["terms", "marketing"]
    assert (await owner.post(f"{PRIVACY}/documents/terms/close")).status_code == 404
    assert (await owner.post(f"{PRIVACY}/documents", {"key": "Terms!", "name_en": "", "name_ru": ""})).status_code == 422


@pytest.mark.goal("N1")
async def test_everything_a_person_read_can_be_printed(here, shop, owner, card):
    await owner.post(TERMS, {**NEW, "ask_again": "1"})
    page = await owner.page(f"/console/cards/{here.ids.encode('card', card.id)}/consents")
    for consent in await documents.given_by(here.db, shop.business_id, card.customer_id):
        assert consent.document.text in page and consent.document.sha256.hex() in page
    assert "activation page" in page and "the shopper" in page and "agreed" in page and "not agreed" in page
    assert NEW["text"] not in page, "nobody read that one"
    assert await documents.to_ask_again(here.db, shop.business_id, card.customer_id) == []      # in the same moment
    here.clock.advance(minutes=1)
    await owner.post(TERMS, {"text": "Keep my number, once more", "ask_again": "1"})
    assert "There are new words since" in await owner.page(f"/console/cards/{here.ids.encode('card', card.id)}/consents")


async def test_topics_are_added_renamed_and_closed(here, shop, owner):
    answer = await owner.post(f"{PRIVACY}/topics", {"key": "events", "name_en": "Events", "name_ru": "Встречи"})
    assert "Events" in await owner.page(answer.headers["location"])
    await owner.post(f"{PRIVACY}/topics/events", {"name_en": "Evenings", "name_ru": "Вечера"})
    assert [each.name_in("ru") for each in await topics.topics_of(here.db, shop.business_id)] == ["Вечера"]
    assert (await owner.post(f"{PRIVACY}/topics/events", {"name_en": "", "name_ru": ""})).status_code == 422
    await owner.post(f"{PRIVACY}/topics/events/close")
    assert await topics.topics_of(here.db, shop.business_id) == []
    assert (await owner.post(f"{PRIVACY}/topics/events/close")).status_code == 404


async def test_lengths_are_chosen_within_their_limits(here, shop, owner):
    answer = await owner.post(f"{PRIVACY}/retention", {"inactive": "400", "messages": ""})
    assert 'value="400"' in (await owner.get(answer.headers["location"])).text
    for wrong in ("1", "soon"):
        answer = await owner.post(f"{PRIVACY}/retention", {"inactive": wrong})
        assert answer.status_code == 422 and f'value="{wrong}"' in answer.text
    assert await retention.of_business(here.db, shop.business_id) == {"inactive": 400}


@pytest.mark.goal("N4")
async def test_the_act_of_an_erasure_names_nobody(here, shop, owner, card):
    assert "Nobody was erased" in await owner.page(f"{PRIVACY}/erasures")
    made = await privacy.erase(here.db, here.ring, shop.who, card.customer_id, here.clock.now())
    listed = await owner.page(f"{PRIVACY}/erasures")
    act = await owner.page(f"{PRIVACY}/erasures/{here.ids.encode('erasure', made.id)}")
    for page in (listed, act):
        assert here.ids.encode("customer", card.customer_id) in page
        assert "Анна" not in page and "1234" not in page
    assert "Owner" in act and "Cards that ended" in act


async def test_another_businesss_documents_topics_and_acts_are_not_found(here, shop, other_shop, owner):
    theirs = await make_card(here, other_shop)
    made = await privacy.erase(here.db, here.ring, other_shop.who, theirs.customer_id, here.clock.now())
    assert (await owner.get(f"{PRIVACY}/erasures/{here.ids.encode('erasure', made.id)}")).status_code == 404
    assert (await owner.get(f"/console/cards/{here.ids.encode('card', theirs.id)}/consents")).status_code == 404
    await write_transaction(here.db, lambda tx: topics.add_topic(tx, other_shop.who, "events", {"en": "E", "ru": "В"}, here.clock.now()))
    assert (await owner.post(f"{PRIVACY}/topics/events/close")).status_code == 404


async def test_a_manager_writes_no_documents(manager):
    for address in (PRIVACY, TERMS, f"{PRIVACY}/topics", f"{PRIVACY}/retention", f"{PRIVACY}/erasures"):
        assert (await manager.get(address)).status_code == 403


@pytest.mark.parametrize("path", ["", "/topics", "/retention", "/erasures", "/documents/terms/ru"])
async def test_every_page_speaks_russian(owner, path):
    assert "Приватность" in await owner.page(PRIVACY + path, "ru") or "Карта" in await owner.page(PRIVACY + path, "ru")


@pytest.mark.goal("N7")
async def test_who_looked_at_whose_card_is_a_page_and_a_table(here, shop, owner, card):
    assert (await owner.get(f"/console/cards/{here.ids.encode('card', card.id)}")).status_code == 200
    chosen = f"staff-{here.ids.encode('staff', shop.who.id)}"
    page = await owner.page(f"{PRIVACY}/reads?who={chosen}&since=2026-11-22")
    assert card.number in page and "in 1 hour" in page
    table = (await owner.get(f"{PRIVACY}/reads?who={chosen}&since=2026-11-22&form=csv")).text
    assert f'"{card.number}","2026-11-22T09:00:00Z"' in table and "Анна" not in table
    key = f"key-{here.ids.encode('api_key', shop.key_principal.id)}"
    assert "No card was seen" in await owner.page(f"{PRIVACY}/reads?who={key}&since=2026-11-22")
    assert (await owner.get(f"{PRIVACY}/reads?who={key}&since=soon")).status_code == 422
    assert "Whose looks" in await owner.page(f"{PRIVACY}/reads?who=staff-0000000000000&since=2026-11-22")
