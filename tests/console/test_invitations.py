"""A manager's links to a closed club."""
import re

import msgspec
import pytest

from app.context import Context
from app.programs import service as programs
from app.programs.terms import Club
from tests.conftest import Shop
from tests.console.visiting import Visitor, rows
from tests.shops import RULES

PAGE = "/console/invitations"


@pytest.fixture
async def club(here: Context, shop: Shop) -> str:
    await programs.change_rules(here.db, shop.who, shop.program_id, msgspec.structs.replace(RULES, club=Club()), here.clock.now())
    return here.ids.encode("program", shop.program_id)


async def test_a_link_is_made_shown_and_closed(manager: Visitor, club: str, client) -> None:
    made = await manager.post(PAGE, {"program": club, "uses": "100", "ends_on": "2026-12-31"})
    assert made.status_code == 303
    shown = await manager.get(PAGE)
    address = re.search(r"https://cards\.example\.com(/e/coffee/points\?friend=\w{12})", shown.text)
    closing = re.search(r'name="close" value="(inv_[^"]+)"', shown.text)
    assert address is not None and closing is not None
    assert "0 of 100 joined" in await manager.page(PAGE)
    assert (await client.get(address[1])).status_code == 200
    assert (await manager.post(PAGE, {"close": closing[1]})).status_code == 303
    assert (await client.get(address[1])).status_code == 403
    assert (await manager.post(PAGE, {"close": closing[1]})).status_code == 404


@pytest.mark.parametrize(("form", "field"), [
    ({"uses": "0"}, "uses"), ({"uses": "many"}, "uses"), ({"uses": "1", "ends_on": "2026-11-21"}, "ends_on"),
    ({"uses": "1", "ends_on": "soon"}, "ends_on"), ({"uses": "1", "program": "prg_0"}, "program")])
async def test_a_link_that_makes_no_sense_says_why_and_leaves_nothing(here: Context, manager: Visitor, club: str, form: dict[str, str],
                                                                      field: str) -> None:
    before = await rows(here)
    answer = await manager.post(PAGE, {"program": club, **form})
    assert answer.status_code == 422
    assert field == "program" or f'id="{field}-error"' in answer.text
    assert await rows(here) == before


async def test_a_business_without_a_club_is_told_where_to_make_one(manager: Visitor) -> None:
    assert "No closed club" in await manager.page(PAGE)
