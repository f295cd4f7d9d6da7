from collections.abc import AsyncIterator

import pytest

from app.db import write_transaction
from app.programs import service as programs
from tests.sms.carrying import Outbox
from tests.sms.test_service import Post


@pytest.fixture
async def outbox(db, ring, settings, clock) -> AsyncIterator[Outbox]:
    business_id = await write_transaction(db, lambda tx: programs.create_business(
        tx, slug="coffee", name="Coffee corner", country="RU", currency="RUB", time_zone="Europe/Moscow", language="ru", now=clock.now()))
    return Outbox(db, ring, settings, clock, business_id)


@pytest.fixture
def post(outbox) -> Post:
    """The same business, for tests of what it may send."""
    return Post(outbox.db, outbox.ring, outbox.settings, outbox.clock, outbox.business_id)
