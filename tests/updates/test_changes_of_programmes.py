"""Whatever changes on all cards of a programme is on its way to them with the commit that changed it: a kill in between loses nothing."""
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from app.benefits import rewards
from app.benefits.rules import RewardWish
from app.cards import rotation
from app.db import write_transaction
from app.programs import service as programs
from app.programs.terms import Said
from app.sales import closing
from app.web.principal import Principal
from tests.money import NOON, Bed, make_bed

Change = Callable[[Bed, Principal], Awaitable[Any]]
LATER = NOON + timedelta(days=40)
MUG = RewardWish("mug", "text", Said("Mug", "Кружка"), "points", 20)


async def rules(bed: Bed, who: Principal) -> None:
    program = await programs.get_program(bed.db, bed.business_id, bed.program_id)
    await programs.change_rules(bed.db, who, bed.program_id, msgspec.structs.replace(program.rules, refund_grace_days=3), NOON)


async def announced_rules(bed: Bed, who: Principal) -> None:
    program = await programs.get_program(bed.db, bed.business_id, bed.program_id)
    await programs.change_rules(bed.db, who, bed.program_id, program.rules, NOON, starts_at=NOON + timedelta(hours=1))
    assert await spreads_of(bed) == 0, "not before they hold"
    assert await programs.begin_announced(bed.db, NOON + timedelta(hours=2)) == 1


async def business(bed: Bed, who: Principal) -> None:
    await programs.change_business(bed.db, who, name="Corner", texts={}, time_zone="Europe/Moscow", language="ru", now=NOON)


async def location(bed: Bed, who: Principal) -> None:
    await programs.change_location(bed.db, who, bed.location_id, name="River", texts={}, address="", time_zone=None,
                                   latitude=None, longitude=None, closed=False, now=NOON)


CHANGES: dict[str, Change] = {
    "new rules": rules, "announced rules that begin": announced_rules, "the business's name": business, "a location": location,
    "the programme's name": lambda bed, who: programs.rename_program(bed.db, who, bed.program_id, "Beans", {}, NOON),
    "a new location": lambda bed, who: write_transaction(
        bed.db, lambda tx: programs.create_location(tx, bed.business_id, name="Bridge", now=NOON)),
    "a reward": lambda bed, who: rewards.create_reward(bed.db, who, bed.program_id, MUG, NOON),
    "codes that rotate": lambda bed, who: rotation.choose(bed.db, who, bed.program_id, 30, False, NOON),
    "a closing": lambda bed, who: closing.announce(bed.db, who, bed.program_id, NOON + timedelta(days=35), LATER, NOON)}


async def spreads_of(bed: Bed) -> int:
    return await bed.db.fetch_val("SELECT COUNT(*) FROM spreads WHERE program_id = :id AND finished_at IS NULL", {"id": bed.program_id})


@pytest.mark.parametrize("change", CHANGES)
async def test_the_change_and_its_way_to_the_cards_commit_together(db, change: str) -> None:
    bed = await make_bed(db)
    await db.execute("DELETE FROM spreads")
    await CHANGES[change](bed, bed.manager)
    assert await spreads_of(bed) == 1
