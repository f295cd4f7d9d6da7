"""Topics and channels: all off until the person agrees, and off again with one press."""
import pytest

from app.customers import service as customers
from app.customers import topics
from app.db import write_transaction


@pytest.fixture
async def news(here, shop):
    return await write_transaction(here.db, lambda tx: topics.add_topic(tx, shop.who, "news", {"en": "New tastes", "ru": "Новые вкусы"},
                                                                       here.clock.now()))


async def may(here, anna, channel, topic=None):
    return await topics.may_send(here.db, anna.card.business_id, anna.card.customer_id, channel, topic)


async def consent(here, anna):
    given = await customers.consents_of(here.db, anna.card.business_id, anna.card.customer_id)
    return next((each for each in given if each.purpose == "marketing"), None)


async def test_everything_is_off_and_the_consent_is_asked_for_unticked(anna, news):
    await anna.confirm("messages")
    shown = await anna.get("/messages")
    assert " checked" not in shown and "Text me about gifts and news" in shown and "New tastes" in shown
    assert 'name="mail"' not in shown                      # no address, so nothing can come by mail


async def test_nothing_is_switched_on_without_the_consent(anna, here, news, joining):
    await anna.confirm("messages")
    before = await joining.counts()
    refused = await anna.post("/messages", sms="on", topic_news="on")
    assert refused.status_code == 422 and "Tick that you agree" in refused.text and refused.text.count(" checked") == 2
    assert await joining.counts() == before and not await may(here, anna, "sms")


async def test_with_the_consent_what_is_ticked_may_come_and_nothing_else(anna, here, news):
    await anna.confirm("messages")
    done = await anna.post("/messages", sms="on", marketing="on")
    assert done.headers["location"] == f"{anna.page}/messages?done=saved"
    given = await consent(here, anna)
    assert given.granted and given.text == "Text me about gifts and news" and given.channel == "card_page"
    assert await may(here, anna, "sms") and not await may(here, anna, "wallet") and not await may(here, anna, "sms", news)
    await anna.post("/messages", sms="on", wallet="on", topic_news="on")
    assert await may(here, anna, "sms", news) and await may(here, anna, "wallet", news)
    shown = await anna.get("/messages")
    assert shown.count(" checked") == 3 and 'name="marketing"' not in shown
    await anna.post("/messages")
    assert not await may(here, anna, "sms") and not await may(here, anna, "wallet")


@pytest.mark.goal("N2")
@pytest.mark.parametrize("by_pass", [True, False])
async def test_one_press_takes_the_consent_back_without_a_code(anna, here, by_pass):
    await anna.confirm("messages")
    await anna.post("/messages", sms="on", marketing="on")
    anna.client.cookies.clear()
    page = anna.shared if by_pass else anna.page
    assert (await anna.post("/messages/stop", page)).status_code == 303
    assert not (await consent(here, anna)).granted and not await may(here, anna, "sms")
