"""Links by mail, where a programme allows it."""
import json
import re

import pytest

from app.db import write_transaction
from app.enrolment import contacts, mailing, service
from app.enrolment.service import Wish
from app.enrolment.ways import WayClosed
from app.errors import Invalid
from app.limits.rules import LimitReached
from app.mail import service as mail
from app.settings import load
from tests.enrolment.joining import TERMS

EN = {"accept-language": "en"}
ANNA = "anna@example.com"


@pytest.fixture
def settings(database_url, tmp_path):
    """A real server that sends mail."""
    from app import secrets

    return load({"TESSERA_URL": "https://cards.example.com", "TESSERA_DATA": str(tmp_path), "TESSERA_SECRET_KEY": secrets.new_key(),
                 "TESSERA_SMTP": "smtp://127.0.0.1:2525", "TESSERA_MAIL_FROM": "cards@example.com",
                 **({"DATABASE_URL": database_url} if database_url.startswith("postgresql") else {})})


@pytest.fixture
async def by_mail(joining):
    await joining.allow(mail=True)
    return joining


async def letters(joining) -> list[dict[str, str]]:
    """What waits in the outbox, oldest first."""
    return [json.loads(joining.here.ring.open_text(mail.PURPOSE, bytes(row["text_sealed"]), str(row["id"]).encode()))
            for row in await joining.all("mails")]


def link_in(letter) -> str:
    return re.search(r"https://[^/]+(/[a-z]/\w+)", letter["text"])[1]


async def start(joining, email=ANNA, **more):
    here, shop = joining.here, joining.shop
    wish = Wish(shop.program_id, more.pop("e164", None), "till", "en", location_id=shop.location_id, email=email)
    return await service.start(here.db, here.ring, here.settings, shop.cashier, wish, here.clock.now(), **more)


async def test_a_page_sends_its_link_by_mail_and_the_card_s_customer_has_the_address(client, by_mail):
    answer = await client.post("/e/coffee", data={"email": "Anna@Example.com"}, headers=EN)
    assert "If the address is right" in answer.text and "Example" not in answer.text.split("<main")[1].split("<form")[0]
    [letter] = await letters(by_mail)
    assert letter["to"] == "Anna@example.com" and "Coffee corner" in letter["subject"]
    page = await client.get(link_in(letter), headers=EN)
    assert "example.com</" not in page.text and "It belongs to the address" in page.text and "anna" not in page.text.lower()
    done = await client.post(link_in(letter), data=TERMS)
    assert done.headers["location"].startswith("/c/")
    here, business_id = by_mail.here, by_mail.shop.business_id
    found = await contacts.customer_of(here.db, here.ring, business_id, None, ANNA)
    assert found is not None and [row["phone_hash"] for row in await by_mail.all("customers")] == [None]
    assert await by_mail.all("messages") == []


async def test_a_member_gets_a_link_to_the_card_and_the_page_says_the_same(client, by_mail):
    first = await client.post("/e/coffee", data={"email": ANNA}, headers=EN)
    await client.post(link_in((await letters(by_mail))[0]), data=TERMS)
    by_mail.here.clock.advance(minutes=2)
    client.cookies.clear()
    second = await client.post("/e/coffee", data={"email": ANNA}, headers=EN)
    blank = [re.sub(r'nonce="[^"]+"', "", answer.text) for answer in (first, second)]
    assert blank[0] == blank[1]
    assert link_in((await letters(by_mail))[-1]).startswith("/c/")


async def test_an_address_waits_once_for_a_programme_and_the_till_may_credit_the_card(by_mail):
    told = await start(by_mail)
    assert (told.status, told.card_id is not None) == ("queued", True)
    by_mail.here.clock.advance(minutes=2)
    again = await start(by_mail, email="ANNA@example.com")
    assert again.id == told.id and len(await by_mail.all("enrolments")) == 1 and len(await by_mail.all("mails")) == 2
    here = by_mail.here
    await write_transaction(here.db, lambda tx: tx.execute("UPDATE mails SET sent_at = 1"))
    assert (await service.get(here.db, by_mail.shop.business_id, told.id)).status == "sent"
    await by_mail.credit(await _card(by_mail, told.card_id))


async def _card(joining, card_id):
    from app.cards import service as cards

    return await cards.get_card(joining.here.db, joining.shop.business_id, card_id)


async def test_an_address_that_pressed_not_for_me_is_forgotten_and_gets_no_more_mail(client, by_mail):
    await start(by_mail)
    link = link_in((await letters(by_mail))[0])
    assert "This is not for me" in (await client.get(link, headers=EN)).text
    assert (await client.post(f"{link}/not-me")).status_code == 200
    [enrolment] = await by_mail.all("enrolments")
    assert (enrolment["status"], enrolment["email_sealed"], enrolment["email_hash"]) == ("refused", None, None)
    assert [row["status"] for row in await by_mail.all("cards")] == ["expired"]
    by_mail.here.clock.advance(minutes=2)
    with pytest.raises(mailing.MailStopped):
        await start(by_mail)


async def test_a_cancelled_enrolment_s_mail_is_not_sent(by_mail):
    told = await start(by_mail)
    here, shop = by_mail.here, by_mail.shop
    await service.cancel(here.db, here.ring, shop.cashier, told.id, here.clock.now())
    [row] = await by_mail.all("mails")
    assert row["failed_at"] is not None and (await letters(by_mail)) == [{}]


async def test_mails_are_counted_by_person_and_place(by_mail):
    await start(by_mail)
    here, shop = by_mail.here, by_mail.shop
    [enrolment] = await by_mail.all("enrolments")
    with pytest.raises(LimitReached):
        await service.resend(here.db, here.ring, here.settings, shop.cashier, enrolment["id"], here.clock.now())
    for _ in range(2):
        here.clock.advance(minutes=2)
        await service.resend(here.db, here.ring, here.settings, shop.cashier, enrolment["id"], here.clock.now())
    here.clock.advance(minutes=2)
    with pytest.raises(LimitReached):
        await service.resend(here.db, here.ring, here.settings, shop.cashier, enrolment["id"], here.clock.now())
    assert len(await by_mail.all("mails")) == 3


async def test_with_a_number_and_an_address_the_message_goes_to_the_number(by_mail):
    told = await start(by_mail, e164="+79161231234")
    assert told.status == "queued" and await by_mail.all("mails") == [] and len(await by_mail.all("messages")) == 1
    here = by_mail.here
    [customer] = await by_mail.all("customers")
    from app.customers import service as customers

    assert await customers.email_of(here.db, here.ring, by_mail.shop.business_id, customer["id"]) == ANNA


async def test_where_the_programme_allows_no_mail_an_address_alone_is_refused(client, joining):
    with pytest.raises(WayClosed):
        await start(joining)
    assert (await client.post("/e/coffee", data={"email": ANNA})).status_code == 422
    assert await joining.all("enrolments") == [] and await joining.all("mails") == []


@pytest.mark.parametrize("text", ["", "anna", "anna@", "@example.com", "anna@localhost", "a b@example.com",
                                  "anna@example.com, b@example.com", "анна@example.com", "anna@example.com\nBcc: b@example.com",
                                  "a" * 250 + "@example.com"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(Invalid):
        contacts.parse_email(text)
