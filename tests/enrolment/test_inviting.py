"""What campaigns and lists of other systems ask of enrolments."""
from datetime import timedelta

import pytest

from app import secrets
from app.cards import service as cards
from app.cards.rules import IssuedNumbers
from app.clock import from_ms, to_ms
from app.customers import service as customers
from app.db import write_transaction
from app.enrolment import rules, service
from app.enrolment.service import Wish
from app.errors import NotFound
from app.ledger import service as ledger
from app.programs import service as programs
from app.sms import service as sms
from tests.enrolment.joining import ANNA, TERMS
from tests.shops import make_card


async def program_of(joining):
    return await programs.get_program(joining.here.db, joining.shop.business_id, joining.shop.program_id)


async def imported(joining, e164=ANNA):
    """(the enrolment, the card) of somebody whom a list brought."""
    here, shop, program, now = joining.here, joining.shop, await program_of(joining), joining.here.clock.now()
    numbers = IssuedNumbers.draw(program.number_prefix)

    async def act(tx):
        customer_id = await customers.create(tx, here.ring, shop.business_id, e164=e164, language="ru", now=now)
        account_id = await ledger.open_account(tx, shop.business_id, program.id, customer_id, now)
        card = await cards.issue(tx, here.ring, shop.who, program_id=program.id, account_id=account_id, status="provisional",
                                 source="import", numbers=numbers, now=now, provisional_until=now + rules.IMPORTED_LIFE)
        wish = Wish(program.id, e164, "import", "ru", card_id=card.id)
        return await service.prepare_imported(tx, here.ring, shop.who, program, wish, now), card

    return await write_transaction(here.db, act)


async def invite(joining, e164=ANNA, **parts):
    here, program, token = joining.here, await program_of(joining), secrets.new_token(rules.TOKEN_LETTERS)
    made = await write_transaction(here.db, lambda tx: service.invite(
        tx, here.ring, here.settings, joining.shop.who, program, Wish(program.id, e164, "invitation", "ru", **parts), token,
        here.clock.now()))
    await joining.deliver()
    return made, token


async def test_an_imported_card_waits_five_years_and_is_told_nothing_before_a_campaign(joining):
    enrolment, card = await imported(joining)
    assert (enrolment.card_id, enrolment.source, enrolment.status) == (card.id, "import", "pending")
    assert from_ms(enrolment.expires_at) - joining.here.clock.now() == rules.IMPORTED_LIFE
    assert await joining.all("messages") == [] and await joining.all("activation_links") == []


async def test_an_invitation_finishes_the_very_card_that_the_list_brought(client, joining):
    _, card = await imported(joining)
    made, token = await invite(joining)
    assert made.card_id == card.id and joining.inbox.path() == f"/a/{token}"
    [row] = await joining.all("messages")
    assert (row["purpose"], row["now_asked"]) == ("invitation", 0)
    assert (await client.post(f"/a/{token}", data=TERMS)).status_code == 303
    assert [(row["id"], row["status"]) for row in await joining.all("cards")] == [(card.id, "active")]


async def test_a_link_of_an_invitation_lives_as_long_as_the_business_says_and_not_five_years(joining):
    await imported(joining)
    await invite(joining)
    [link] = await joining.all("activation_links")
    assert link["expires_at"] == to_ms(joining.here.clock.now() + timedelta(days=7))


async def test_somebody_whom_nobody_knows_is_invited_to_a_new_card_and_a_member_is_not_invited(client, joining):
    made, token = await invite(joining, "+79161230001")
    assert made.card_id is None and made.source == "invitation"
    assert (await client.post(f"/a/{token}", data=TERMS)).status_code == 303
    await make_card(joining.here, joining.shop, phone=ANNA)
    assert (await invite(joining))[0] is None
    assert len(await joining.all("messages")) == 1


async def test_an_imported_number_at_the_till_is_the_imported_card(joining):
    enrolment, card = await imported(joining)
    told = await joining.start(ANNA)
    assert (told.id, told.card_id) == (enrolment.id, card.id)


async def test_who_asked_for_no_messages_is_not_invited_and_a_closed_programme_invites_nobody(joining):
    here, shop = joining.here, joining.shop
    await write_transaction(here.db, lambda tx: sms.suppress(tx, here.ring, shop.business_id, ANNA, "not_me", here.clock.now()))
    with pytest.raises(sms.Suppressed):
        await invite(joining)
    await write_transaction(here.db, lambda tx: tx.execute("UPDATE programs SET closed_at = 1"))
    with pytest.raises(NotFound):
        await invite(joining, "+79161230001")
    assert await joining.all("enrolments") == []
