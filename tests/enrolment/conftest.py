import pytest

from app.context import Context
from tests.enrolment.joining import Joining


@pytest.fixture
async def joining(here: Context, shop) -> Joining:
    return Joining(here, shop)
