"""A sandbox: a copy of the business in which nothing counts."""
from datetime import timedelta

from msgspec.structs import replace

from app.db import Database, write_transaction
from app.programs import service as programs
from app.programs.terms import Multiply, Rule, Said, When
from app.sandbox import service as sandbox
from app.secrets import KeyRing
from app.web.principal import Principal
from tests.money import NOON, RULES, Bed, make_bed

RING = KeyRing(["A" * 43])


def owner(bed: Bed, business_id: int | None = None) -> Principal:
    business = business_id or bed.business_id
    return Principal(business, business, "staff", id=1, name="Olga", role="owner")


async def test_the_first_use_makes_one_copy_and_everybody_gets_the_same(db: Database) -> None:
    bed = await make_bed(db)
    assert await sandbox.find(db, bed.business_id) is None
    twin = await sandbox.twin_of(db, RING, owner(bed), NOON)
    assert twin != bed.business_id and await sandbox.twin_of(db, RING, owner(bed), NOON) == twin
    assert await sandbox.twin_of(db, RING, owner(bed, twin), NOON) == twin, "a sandbox has no sandbox of its own"
    [program], [real] = await programs.list_programs(db, twin), await programs.list_programs(db, bed.business_id)
    assert (program.slug, program.name, program.rules, program.currency) == (real.slug, real.name, real.rules, real.currency)
    assert [place.name for place in await programs.list_locations(db, twin)] == ["Pushkin Street"]
    assert [each.id for each in await programs.list_businesses(db)] == [bed.business_id], "no list of the server's businesses shows it"


async def test_rules_that_name_a_shop_name_its_copy(db: Database) -> None:
    bed = await make_bed(db)
    here = Rule("here", Said("Here", "Здесь"), Multiply(20_000), When(locations=(bed.location_id,)))
    await programs.change_rules(db, owner(bed), bed.program_id, replace(RULES, rules=(here,)), NOON)
    twin = await sandbox.twin_of(db, RING, owner(bed), NOON)
    [program], [place] = await programs.list_programs(db, twin), await programs.list_locations(db, twin)
    assert place.id != bed.location_id
    assert program.rules.rules[0].when.locations == (place.id,)


async def test_what_changed_since_is_copied_on_demand_and_no_sooner(db: Database) -> None:
    bed = await make_bed(db)
    twin = await sandbox.twin_of(db, RING, owner(bed), NOON)
    later = NOON + timedelta(hours=1)
    await programs.change_rules(db, owner(bed), bed.program_id, replace(RULES, earn_points=9), later)
    await write_transaction(db, lambda tx: programs.create_location(tx, bed.business_id, name="River", now=later))
    assert [each.rules.earn_points for each in await programs.list_programs(db, twin)] == [5]
    assert await sandbox.refresh(db, RING, owner(bed), later) == twin
    [program] = await programs.list_programs(db, twin)
    assert (program.rules.earn_points, program.rules_version) == (9, 2)
    await sandbox.refresh(db, RING, owner(bed), later)
    [program] = await programs.list_programs(db, twin)
    assert program.rules_version == 2, "what is the same already makes no version"
    assert [place.name for place in await programs.list_locations(db, twin)] == ["Pushkin Street", "River"]


async def test_reset_puts_an_empty_one_in_its_place(db: Database) -> None:
    bed = await make_bed(db)
    first = await sandbox.twin_of(db, RING, owner(bed), NOON)
    second = await sandbox.reset(db, owner(bed), NOON)
    assert second not in (first, bed.business_id) and await sandbox.find(db, bed.business_id) == second
    assert len(await programs.list_programs(db, second)) == 1
    assert [each.id for each in await programs.list_businesses(db)] == [bed.business_id]
