"""Whoever takes a consent back gets no news any more, also not what waits already (goal N2)."""
import pytest

from app.customers import documents, topics
from app.db import write_transaction
from app.sms import delivery, service
from app.sms.gateways import Gateways
from app.sms.service import Order
from app.web.principal import shopper, system
from tests.shops import make_card
from tests.sms.carrying import Scripted


@pytest.fixture
async def post(here, shop):
    """A card whose owner agreed to news, and a way to send and to deliver."""
    card = await make_card(here, shop)
    who = shopper(shop.business_id, card.customer_id)

    class Post:
        gateway = Scripted("one")

        async def agree(self, granted: bool) -> None:
            await write_transaction(here.db, lambda tx: documents.answer(
                tx, who, card.customer_id, {"marketing": granted}, "en", "card_page", here.clock.now()))

        async def wish(self, wanted: bool) -> None:
            await write_transaction(here.db, lambda tx: topics.set_wish(tx, who, card.customer_id, None, "sms", wanted, here.clock.now()))

        async def queue(self, *, now_asked: bool = False) -> None:
            order = Order(shop.business_id, "+79161231234", "invitation", "Coffee corner", "https://cards.example.com/a/123456789ABC", "en",
                          card_id=card.id, now_asked=now_asked)
            await write_transaction(here.db, lambda tx: service.queue(tx, here.ring, here.settings, system(shop.business_id), order,
                                                                      here.clock.now()))

        async def deliver(self) -> tuple[int, dict]:
            """(how many went out, the newest message)."""
            await delivery.deliver_due(here.db, here.ring, Gateways([self.gateway], here.clock), here.clock)
            return len(self.gateway.given), dict(await here.db.fetch_one("SELECT * FROM messages ORDER BY id DESC LIMIT 1"))

    made = Post()
    made.gateway = Scripted("one")
    await made.agree(True)
    return made


@pytest.mark.goal("N2")
async def test_news_that_waits_is_not_sent_once_the_consent_is_taken_back(post):
    await post.queue()
    await post.agree(False)
    sent, message = await post.deliver()
    assert (sent, message["state"], message["reason"], message["reserved_minor"]) == (0, "cancelled", "withdrawn", 0)
    assert message["text_sealed"] is None and message["phone_sealed"] is None


@pytest.mark.goal("N2")
async def test_a_channel_that_is_switched_off_holds_what_waits(post):
    await post.queue()
    await post.wish(False)
    assert (await post.deliver())[1]["state"] == "cancelled"


async def test_news_goes_out_while_the_consent_lives(post):
    await post.queue()
    assert (await post.deliver())[0] == 1


async def test_what_a_person_asked_for_themselves_comes_all_the_same(post):
    await post.queue(now_asked=True)
    await post.agree(False)
    assert (await post.deliver())[0] == 1
