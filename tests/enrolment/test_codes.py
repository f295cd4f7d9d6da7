"""A code that the shopper reads out to the cashier."""
import re
from datetime import timedelta

import pytest

from app.customers import service as customers
from app.enrolment import codes, service
from app.enrolment.activation import Form
from app.enrolment.service import EnrolmentOver, Wish
from app.enrolment.ways import WayClosed
from app.errors import Invalid, NotFound
from app.limits.rules import LimitReached
from tests.enrolment.joining import ANNA

YES = Form("", True, False, "ru")


@pytest.fixture
async def told(joining):
    """(the enrolment's id, the code in the message)"""
    here, shop = joining.here, joining.shop
    wish = Wish(shop.program_id, ANNA, "till", "ru", location_id=shop.location_id)
    begun = await service.start(here.db, here.ring, here.settings, shop.cashier, wish, here.clock.now(), code=codes.draw())
    await joining.deliver()
    return begun.id, joining.inbox.link()


async def redeem(joining, enrolment_id, code, form=YES, who=None):
    here = joining.here
    return await codes.redeem(here.db, here.ring, who or joining.shop.cashier, enrolment_id, code, form, here.clock.now())


async def test_the_message_brings_six_digits_and_no_link(joining, told):
    [(to, text)] = joining.inbox.messages
    assert to == ANNA and re.search(r"\b\d{6}$", text) and "http" not in text
    assert await joining.all("activation_links") == []
    [row] = await joining.all("told_codes")
    assert told[1].encode() not in bytes(row["code_hash"])


async def test_told_digits_activate_the_card_with_the_consents_as_they_were_said_at_the_till(joining, told):
    card = await redeem(joining, *told)
    assert card.status == "active"
    said = {each.purpose: (each.granted, each.channel) for each in await customers.consents_of(
        joining.here.db, joining.shop.business_id, card.customer_id)}
    assert said == {"terms": (True, "till"), "marketing": (False, "till")}
    assert (await service.get(joining.here.db, joining.shop.business_id, told[0])).status == "activated"
    with pytest.raises(EnrolmentOver):
        await redeem(joining, *told)


async def test_without_the_yes_nothing_happens_and_no_guess_is_counted(joining, told):
    with pytest.raises(Invalid) as refused:
        await redeem(joining, *told, Form("", False, True, "ru"))
    assert refused.value.fields[0].field == "terms"
    assert [row["tries"] for row in await joining.all("told_codes")] == [0]


async def test_five_wrong_guesses_end_a_code_and_the_right_one_comes_too_late(joining, told):
    wrong = "000000" if told[1] != "000000" else "111111"
    for _ in range(codes.TRIES):
        with pytest.raises(Invalid):
            await redeem(joining, told[0], wrong)
    with pytest.raises(Invalid):
        await redeem(joining, *told)
    assert [row["status"] for row in await joining.all("cards")] == ["provisional"]


async def test_a_code_lives_ten_minutes_and_another_one_can_be_sent_after_the_gap(joining, told):
    here, shop = joining.here, joining.shop
    with pytest.raises(LimitReached):
        await codes.send(here.db, here.ring, here.settings, shop.cashier, told[0], here.clock.now())
    # Whoever looks why nothing arrived finds it in the messages.
    assert [(row["reason"], row["count"]) for row in await joining.all("sms_refusals")] == [("limit:sms.phone", 1)]
    here.clock.advance(minutes=10)
    with pytest.raises(Invalid):
        await redeem(joining, *told)
    await codes.send(here.db, here.ring, here.settings, shop.cashier, told[0], here.clock.now())
    await joining.deliver()
    assert (await redeem(joining, told[0], joining.inbox.link())).status == "active"


async def test_a_code_ends_with_its_enrolment(joining, told):
    here, shop = joining.here, joining.shop
    await service.cancel(here.db, here.ring, shop.cashier, told[0], here.clock.now())
    with pytest.raises(EnrolmentOver):
        await redeem(joining, *told)
    with pytest.raises(EnrolmentOver):
        await codes.send(here.db, here.ring, here.settings, shop.cashier, told[0], here.clock.now() + timedelta(minutes=2))


async def test_another_business_cannot_use_it(joining, told, other_shop):
    with pytest.raises(NotFound):
        await redeem(joining, *told, who=other_shop.cashier)


async def test_where_the_way_is_closed_no_code_is_sent(joining):
    here, shop = joining.here, joining.shop
    await joining.allow(code=False)
    with pytest.raises(WayClosed):
        await service.start(here.db, here.ring, here.settings, shop.cashier, Wish(shop.program_id, ANNA, "till", "ru"), here.clock.now(),
                            code=codes.draw())
    assert await joining.all("enrolments") == [] and await joining.all("messages") == []
