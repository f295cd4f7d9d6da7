"""Whichever way somebody comes to a card, the same is asked: every purpose, nothing ticked before, and what the card cannot be without."""
import json
import re

import pytest

from app import secrets
from app.customers import documents
from app.customers.document_rules import Draft
from app.db import write_transaction
from app.enrolment import plastic, screen
from app.mail import service as mail
from app.questions import editing, service
from app.questions.rules import QuestionWish
from app.settings import load
from tests import engines
from tests.enrolment.joining import ANNA

EN = {"Accept-Language": "en"}


@pytest.fixture
def database_url(tmp_path):
    return engines.sqlite_url(tmp_path, migrated=True)


@pytest.fixture
def settings(database_url, tmp_path):
    """A real server that sends mail."""
    return load({"TESSERA_URL": "https://cards.example.com", "TESSERA_DATA": str(tmp_path), "TESSERA_SECRET_KEY": secrets.new_key(),
                 "TESSERA_SMTP": "smtp://127.0.0.1:2525", "TESSERA_MAIL_FROM": "cards@example.com"})


@pytest.fixture
async def asking(joining):
    """Every way is open; the business also asks for its partners, and its programme cannot do without a town."""
    here, shop = joining.here, joining.shop
    await joining.give_stamps()
    await joining.allow(mail=True, anonymous=True)

    async def act(tx):
        await documents.add_purpose(tx, shop.who, "partners", {"en": "Partners", "ru": "Партнёры"}, here.clock.now())
        await documents.write(tx, shop.who, Draft("partners", "en", "Tell the bakery next door"), here.clock.now())

    await write_transaction(here.db, act)
    await editing.create(here.db, shop.who, shop.program_id, QuestionWish("town", "text", {"en": "Which town?"}, (), "required"),
                         here.clock.now())
    return joining


async def by_poster(client, joining):
    await client.post("/e/coffee", data={"phone": ANNA})
    await joining.deliver()
    return joining.inbox.path()


async def by_till(client, joining):
    await joining.start()
    return joining.inbox.path()


async def by_screen(client, joining):
    here, shop = joining.here, joining.shop
    shown = await screen.offer(here.db, here.ring, shop.cashier, shop.program_id, here.clock.now())
    token = screen.token_of(here.ring, await screen.get(here.db, shop.business_id, shown))
    return (await client.post(f"/q/{token}", data={"phone": ANNA})).headers["location"]


async def by_plastic(client, joining):
    here, shop = joining.here, joining.shop
    _, [card] = await plastic.make_batch(here.db, here.ring, shop.who, shop.program_id, "Spring", 1, here.clock.now())
    form = {"number": card.number, "code": card.code, "phone": ANNA}
    return (await client.post("/e/coffee/points/card", data=form)).headers["location"]


async def without_a_number(client, joining):
    return (await client.post("/e/coffee", data={"without": "1"})).headers["location"]


async def by_mail(client, joining):
    await client.post("/e/coffee", data={"email": "anna@example.com"})
    [row] = await joining.all("mails")
    letter = json.loads(joining.here.ring.open_text(mail.PURPOSE, bytes(row["text_sealed"]), str(row["id"]).encode()))
    return re.search(r"https://[^/]+(/a/\w+)", letter["text"])[1]


@pytest.mark.goal("N1")
@pytest.mark.parametrize("way", [by_poster, by_till, by_screen, by_plastic, without_a_number, by_mail])
async def test_every_way_asks_the_same_and_keeps_what_was_typed(client, asking, way):
    here, path = asking.here, await way(client, asking)
    page = (await client.get(path, headers=EN)).text
    boxes = re.findall(r'<input type="checkbox"[^>]*>', page)
    assert [re.search(r'name="([^"]+)"', box)[1] for box in boxes] == ["terms", "marketing", "agree-partners"]
    assert "checked" not in "".join(boxes) and re.search(r'name="q_town"[^>]* required', page)
    form = {"read": re.search(r'name="read" value="(\w+)"', page)[1], "agree-partners": "on"}
    missing = await client.post(path, data={**form, "name": "Anna"}, headers=EN)
    assert missing.status_code == 422 and 'id="q_town-error"' in missing.text and 'id="terms-error"' in missing.text
    assert 'value="Anna"' in missing.text and re.search(r'name="agree-partners" checked', missing.text)
    assert await asking.all("consents") == []
    assert (await client.post(path, data={**form, "terms": "on", "q_town": "Tver"}, headers=EN)).status_code == 303
    [row] = await asking.all("customers")
    given = {each.document.purpose: each.granted for each in await documents.given_by(here.db, asking.shop.business_id, row["id"])}
    assert given == {"terms": True, "marketing": False, "partners": True}
    answered = await service.answers_of(here.db, here.ring, asking.shop.business_id, row["id"])
    assert [each.value for each in answered] == ["Tver"]


async def test_a_wrong_number_on_the_screen_s_page_stays_in_its_field_and_the_code_works_on(client, asking):
    here, shop = asking.here, asking.shop
    shown = await screen.offer(here.db, here.ring, shop.cashier, shop.program_id, here.clock.now())
    path = f"/q/{screen.token_of(here.ring, await screen.get(here.db, shop.business_id, shown))}"
    wrong = await client.post(path, data={"phone": "8 916 12"}, headers=EN)
    assert wrong.status_code == 422 and 'value="8 916 12"' in wrong.text
    assert (await client.post(path, data={"phone": ANNA})).status_code == 303


async def test_a_wrong_number_on_the_page_of_plastic_cards_leaves_the_rest_and_a_wrong_code_is_not_repeated(client, asking):
    typed = {"number": "4720 0000 0000 0000", "code": "123456", "phone": "8 916 12"}
    wrong = await client.post("/e/coffee/points/card", data=typed, headers=EN)
    assert wrong.status_code == 422 and all(f'value="{text}"' in wrong.text for text in typed.values())
    unknown = await client.post("/e/coffee/points/card", data={**typed, "phone": ANNA}, headers=EN)
    assert unknown.status_code == 422 and "123456" not in unknown.text and typed["number"] in unknown.text
