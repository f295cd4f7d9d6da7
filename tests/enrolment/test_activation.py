"""Behind a link: looking changes nothing, one POST of many finishes the card, "not me" ends it."""
import asyncio
from datetime import timedelta

import pytest

from app.cards import service as cards
from app.cards.rules import CardBlocked
from app.customers import service as customers
from app.enrolment import activation, service, strangers
from app.enrolment.activation import Form
from app.enrolment.service import Wish
from app.errors import Expired, Invalid
from app.ledger import service as ledger
from app.programs import service as programs
from app.sms import service as sms
from tests.enrolment.joining import ANNA

YES = Form("Анна", True, False, "ru")
STRANGER = "+79167654321"


async def token_of(joining, e164=ANNA) -> str:
    return joining.inbox.path(e164).removeprefix("/a/")


async def ask(joining, e164=ANNA, **parts):
    """Somebody types a number into the public page."""
    here, shop = joining.here, joining.shop
    program = await programs.get_program(here.db, shop.business_id, shop.program_id)
    wish = Wish(program.id, e164, "poster", "ru", address=parts.pop("address", "203.0.113.1"), **parts)
    await strangers.ask(here.db, here.ring, here.settings, program, wish, here.clock.now())
    await joining.deliver()


async def activate(joining, token, form=YES):
    return await activation.activate(joining.here.db, joining.here.ring, token, form, joining.here.clock.now())


@pytest.mark.goal("S1")
async def test_of_twenty_posts_at_once_one_makes_the_card_and_nineteen_find_the_link_used(joining):
    await ask(joining)
    token = await token_of(joining)
    answers = await asyncio.gather(*(activate(joining, token) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(answer, activation.Activated) for answer in answers) == 1
    assert sum(isinstance(answer, Expired) for answer in answers) == 19
    counts = await joining.counts()
    assert (counts["cards"], counts["customers"], counts["accounts"], counts["operations"], counts["consents"]) == (1, 1, 1, 1, 2)


async def test_twenty_posts_through_a_tills_link_make_its_card_active_once(joining):
    told = await joining.start()
    token = await token_of(joining)
    answers = await asyncio.gather(*(activate(joining, token) for _ in range(20)), return_exceptions=True)
    assert [type(answer) for answer in answers].count(Expired) == 19
    card = await cards.get_card(joining.here.db, joining.shop.business_id, told.card_id)
    assert card.status == "active"
    assert [row["kind"] for row in await joining.all("operations")] == ["welcome"]


async def test_looking_changes_nothing(joining):
    await joining.start()
    token = await token_of(joining)
    before = await joining.counts()
    for _ in range(30):
        assert await activation.find(joining.here.db, joining.here.ring, token, joining.here.clock.now())
    assert await joining.counts() == before
    await activate(joining, token)


async def test_a_form_without_the_terms_uses_nothing_up(joining):
    await ask(joining)
    token, before = await token_of(joining), await joining.counts()
    with pytest.raises(Invalid) as refusal:
        await activate(joining, token, Form("Анна", False, True, "ru"))
    assert refusal.value.fields[0].field == "terms"
    with pytest.raises(Invalid) as refusal:
        await activate(joining, token, Form("а" * 65_536, True, True, "ru"))
    assert refusal.value.fields[0].field == "name"
    assert await joining.counts() == before
    assert await activate(joining, token)


async def test_a_dead_link_is_dead_before_its_form_is_judged(joining):
    for token in ("123456789ABC", "", "0" * 12, "a" * 200):
        with pytest.raises(Expired):
            await activate(joining, token, Form("", False, False, "ru"))


@pytest.mark.parametrize("name", ["Анна", "محمد علي", "Zoë 🦊", "O'Brien; DROP TABLE cards", ""])
async def test_a_name_is_kept_as_it_was_typed_and_may_be_left_out(joining, name):
    await ask(joining)
    done = await activate(joining, await token_of(joining), Form(name, True, False, "ru"))
    card = await cards.get_card(joining.here.db, joining.shop.business_id, done.card_id)
    customer = await customers.get(joining.here.db, joining.here.ring, joining.shop.business_id, card.customer_id)
    assert customer.name == (name or None)


async def test_a_link_works_for_seven_days_and_the_enrolment_for_thirty(joining):
    await joining.start()
    token = await token_of(joining)
    joining.here.clock.advance(days=7)
    with pytest.raises(Expired):
        await activate(joining, token)
    await strangers.send_again(joining.here.db, joining.here.ring, joining.here.settings, token, "203.0.113.9", joining.here.clock.now())
    await joining.deliver()
    fresh = await token_of(joining)
    assert fresh != token
    assert (await activate(joining, fresh)).card_id


async def test_a_tills_name_stays_where_the_shopper_gives_none(joining):
    told = await joining.start(name="Анна")
    await activate(joining, await token_of(joining), Form("", True, False, "ru"))
    card = await cards.get_card(joining.here.db, joining.shop.business_id, told.card_id)
    assert (await customers.get(joining.here.db, joining.here.ring, joining.shop.business_id, card.customer_id)).name == "Анна"


async def test_points_credited_before_the_activation_are_there_after_it(joining):
    told = await joining.start()
    card = await cards.get_card(joining.here.db, joining.shop.business_id, told.card_id)
    await joining.credit(card)
    earned = (await ledger.balances(joining.here.db, card.account_id))["points"]
    invitation = await activation.find(joining.here.db, joining.here.ring, await token_of(joining), joining.here.clock.now())
    assert invitation.is_counted
    await activate(joining, await token_of(joining))
    assert (await ledger.balances(joining.here.db, card.account_id))["points"] == earned + 50


async def test_a_till_joins_a_number_that_waits_from_a_poster(joining):
    await ask(joining)
    told = await joining.start()
    assert told.card_id is not None
    assert len(await joining.all("enrolments")) == 1
    done = await activate(joining, await token_of(joining))
    assert done.card_id == told.card_id


async def test_a_number_with_a_card_gets_a_link_to_it_from_the_public_page(joining):
    await ask(joining)
    done = await activate(joining, await token_of(joining))
    joining.here.clock.advance(minutes=1)
    await ask(joining)
    assert joining.inbox.path() == f"/c/{done.page_token}"
    assert len(await joining.all("cards")) == 1


async def test_the_public_page_never_fails_and_the_log_says_why_nothing_was_sent(joining, caplog):
    for _ in range(8):
        await ask(joining)
    assert len(joining.inbox.messages) == 1
    assert caplog.text.count("limit:sms.phone") == 7
    assert ANNA not in caplog.text


async def test_a_blocked_provisional_card_is_not_opened_by_its_link(joining):
    told = await joining.start()
    await cards.block(joining.here.db, joining.shop.who, told.card_id, None, joining.here.clock.now())
    token = await token_of(joining)
    with pytest.raises(CardBlocked):
        await activate(joining, token)
    await cards.unblock(joining.here.db, joining.shop.who, told.card_id, None, joining.here.clock.now())
    assert (await activate(joining, token)).card_id == told.card_id


@pytest.mark.goal("S5")
async def test_not_me_ends_the_card_gives_its_points_back_and_forgets_the_number(joining):
    here, shop = joining.here, joining.shop
    told = await joining.start(STRANGER, name="Борис")
    card = await cards.get_card(here.db, shop.business_id, told.card_id)
    await joining.credit(card)
    token = await token_of(joining, STRANGER)
    await activation.not_me(here.db, here.ring, token, here.clock.now())
    assert (await cards.get_card(here.db, shop.business_id, told.card_id)).status == "expired"
    assert (await ledger.balances(here.db, card.account_id))["points"] == 0
    assert (await service.get(here.db, shop.business_id, told.id)).status == "cancelled"
    [customer], [enrolment] = await joining.all("customers"), await joining.all("enrolments")
    assert {customer[field] for field in ("phone_sealed", "phone_hash", "name_sealed", "name_folded")} == {None}
    assert {enrolment[field] for field in ("phone_sealed", "phone_hash", "name_sealed")} == {None}
    assert "enrolment.refused" in [row["kind"] for row in await joining.all("events")]
    with pytest.raises(Expired):
        await activate(joining, token)
    here.clock.advance(days=2)
    with pytest.raises(sms.Suppressed):
        await joining.start(STRANGER)
    await ask(joining, STRANGER)
    assert len(joining.inbox.messages) == 1


async def test_not_me_here_does_not_silence_other_businesses(joining, other_shop):
    await joining.start(STRANGER)
    await activation.not_me(joining.here.db, joining.here.ring, await token_of(joining, STRANGER), joining.here.clock.now())
    joining.here.clock.advance(minutes=2)
    told = await joining.start(STRANGER, program_id=other_shop.program_id, who=other_shop.cashier)
    assert told.status == "queued"


async def test_once_the_card_is_there_the_enrolment_forgets_whose_it_was(joining):
    await joining.start(name="Анна")
    await activate(joining, await token_of(joining))
    [row] = await joining.all("enrolments")
    assert {row[field] for field in ("phone_sealed", "phone_hash", "phone_server_hash", "name_sealed")} == {None}
    assert (row["status"], row["phone_hint"]) == ("activated", "")


async def test_a_new_link_for_a_dead_one_goes_to_the_registered_number_only(joining):
    here = joining.here
    await ask(joining)
    token = await token_of(joining)
    done = await activate(joining, token)
    here.clock.advance(minutes=2)
    await strangers.send_again(here.db, here.ring, here.settings, token, "203.0.113.9", here.clock.now())
    await strangers.send_again(here.db, here.ring, here.settings, "123456789ABC", "203.0.113.9", here.clock.now())
    await joining.deliver()
    assert [to for to, _ in joining.inbox.messages] == [ANNA, ANNA]
    assert joining.inbox.path() == f"/c/{done.page_token}"


async def test_the_browser_that_activated_finds_its_card_for_a_day(joining):
    here = joining.here
    await ask(joining)
    token = await token_of(joining)
    done = await activate(joining, token)
    used = await activation.find_used(here.db, here.ring, token)
    assert await activation.page_of_browser(here.db, here.ring, used, done.session, here.clock.now()) == done.page_token
    assert await activation.page_of_browser(here.db, here.ring, used, "another", here.clock.now()) is None
    assert await activation.page_of_browser(here.db, here.ring, used, done.session, here.clock.now() + timedelta(hours=24)) is None
