"""Rules that are announced before they hold."""
from datetime import timedelta

import msgspec
import pytest

from app.clock import to_ms
from app.db import Database
from app.errors import Invalid, NotFound
from app.programs import service as programs
from app.programs import store
from app.programs.rules import ProgramRules
from tests.money import NOON, RULES, Bed, make_bed
from tests.plans import steps_of

HOUR = timedelta(hours=1)


def rules(earn_points: int) -> ProgramRules:
    return msgspec.structs.replace(RULES, earn_points=earn_points)


async def at(bed: Bed, moment: object) -> int:
    """The version that judges a sale of that moment, read as a sale reads it."""
    program = await programs.get_program(bed.db, bed.business_id, bed.program_id)
    version, found = await programs.rules_at(bed.db, program, moment)       # type: ignore[arg-type]
    assert found == await programs.rules_of_version(bed.db, program, version)
    return version


async def test_announced_rules_hold_from_their_moment_on_whether_or_not_the_job_ran(db: Database) -> None:
    bed = await make_bed(db)
    assert await programs.change_rules(db, bed.manager, bed.program_id, rules(7), NOON, starts_at=NOON + HOUR) == 2
    for _ in range(2):
        assert [await at(bed, moment) for moment in (NOON, NOON + HOUR - HOUR / 3600, NOON + HOUR)] == [1, 1, 2]
        assert await programs.begin_announced(db, NOON + HOUR) in (0, 1)
    program = await programs.get_program(db, bed.business_id, bed.program_id)
    assert (program.rules_version, program.rules.earn_points, program.rules_until) == (2, 7, None)
    assert await programs.begin_announced(db, NOON + 2 * HOUR) == 0


async def test_a_change_of_today_holds_until_what_was_announced_earlier_begins(db: Database) -> None:
    bed = await make_bed(db)
    await programs.change_rules(db, bed.manager, bed.program_id, rules(7), NOON, starts_at=NOON + 2 * HOUR)
    assert await programs.change_rules(db, bed.manager, bed.program_id, rules(9), NOON + HOUR) == 3
    program = await programs.get_program(db, bed.business_id, bed.program_id)
    assert (program.rules_version, program.rules_until) == (3, int((NOON + 2 * HOUR).timestamp() * 1000))
    assert [await at(bed, NOON + hours * HOUR) for hours in (0, 1, 2)] == [1, 3, 2]
    assert await programs.begin_announced(db, NOON + 2 * HOUR) == 1
    assert [await at(bed, NOON + hours * HOUR) for hours in (0, 1, 2)] == [1, 3, 2]


async def test_the_later_of_two_announcements_for_one_moment_counts(sqlite_db: Database) -> None:
    bed = await make_bed(sqlite_db)
    for points in (7, 9):
        await programs.change_rules(sqlite_db, bed.manager, bed.program_id, rules(points), NOON, starts_at=NOON + HOUR)
    assert await at(bed, NOON + HOUR) == 3
    versions = await programs.list_rules_versions(sqlite_db, bed.business_id, bed.program_id)
    assert [(one["version"], one["starts_at"] is not None) for one in versions] == [(3, True), (2, True), (1, False)]


async def test_rules_are_not_announced_for_the_past_or_a_far_future(sqlite_db: Database) -> None:
    bed = await make_bed(sqlite_db)
    for moment in (NOON, NOON - HOUR, NOON + timedelta(days=800)):
        with pytest.raises(Invalid):
            await programs.change_rules(sqlite_db, bed.manager, bed.program_id, rules(7), NOON, starts_at=moment)
    assert await at(bed, NOON + timedelta(days=900)) == 1


async def test_announced_rules_can_be_called_off_until_they_hold(db: Database) -> None:
    bed = await make_bed(db)
    await programs.change_rules(db, bed.manager, bed.program_id, rules(7), NOON, starts_at=NOON + HOUR)
    other = await make_bed(db, "leaf")
    for who, version, now in ((other.manager, 2, NOON), (bed.manager, 1, NOON), (bed.manager, 9, NOON), (bed.manager, 2, NOON + HOUR)):
        with pytest.raises(NotFound):
            await programs.call_off_rules(db, who, bed.program_id, version, now)
    await programs.call_off_rules(db, bed.manager, bed.program_id, 2, NOON)
    assert await at(bed, NOON + 2 * HOUR) == 1
    assert (await programs.get_program(db, bed.business_id, bed.program_id)).rules_until is None
    assert await programs.change_rules(db, bed.manager, bed.program_id, rules(8), NOON) == 2


async def test_what_a_programme_counts_stays_once_somebody_has_a_card(db: Database) -> None:
    bed = await make_bed(db)
    money = msgspec.structs.replace(rules(500), unit="money", worth_minor=1)
    for starts_at in (None, NOON + HOUR):
        with pytest.raises(Invalid) as refusal:
            await programs.change_rules(db, bed.manager, bed.program_id, money, NOON, starts_at=starts_at)
        assert refusal.value.fields[0].field == "unit"
    assert await at(bed, NOON + 2 * HOUR) == 1


async def test_a_bearers_card_keeps_what_a_programme_counts_too(db: Database) -> None:
    bed = await make_bed(db)
    await db.execute("UPDATE accounts SET customer_id = NULL WHERE id = :id", {"id": bed.account_id})
    await db.execute("UPDATE cards SET activated_at = :now WHERE id = :id", {"now": to_ms(NOON), "id": bed.card_id})
    money = msgspec.structs.replace(rules(500), unit="money", worth_minor=1)
    with pytest.raises(Invalid):
        await programs.change_rules(db, bed.manager, bed.program_id, money, NOON)
    assert await at(bed, NOON) == 1


async def test_whether_a_programme_has_cards_is_asked_of_indexes(sqlite_db: Database) -> None:
    steps = await steps_of(sqlite_db, lambda reader: store.unit_in_use(reader, 1, 2))
    assert not any(step.startswith("SCAN") for step in steps), steps
