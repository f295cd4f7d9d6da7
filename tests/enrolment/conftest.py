import msgspec
import pytest

from app.context import Context
from app.programs import service as programs
from tests.enrolment.joining import Joining
from tests.shops import RULES


@pytest.fixture
async def joining(here: Context, shop) -> Joining:
    """A shop that gives 50 welcome points."""
    await programs.change_rules(here.db, shop.who, shop.program_id, msgspec.structs.replace(RULES, welcome_points=50), here.clock.now())
    return Joining(here, shop)
