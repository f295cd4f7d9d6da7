from datetime import timedelta

import msgspec
import pytest

from app.audit import service as audit
from app.db import write_transaction
from app.errors import Invalid, NotFound, Refused
from app.programs import service
from app.programs.rules import ProgramRules
from app.web.principal import Principal

RULES = ProgramRules(earn_points=5, earn_per_minor=10_000, worth_minor=100)


@pytest.fixture
async def coffee(db, clock):
    async def act(tx):
        business_id = await service.create_business(
            tx, slug="coffee", name="Coffee corner", texts={"ru": {"name": "Кофейный угол"}}, country="RU", currency="RUB",
            time_zone="Europe/Moscow", language="ru", now=clock.now())
        program_id = await service.create_program(tx, business_id, slug="points", name="Points", rules=RULES, now=clock.now())
        return business_id, program_id
    return await write_transaction(db, act)


def manager(business_id):
    return Principal(business_id, business_id, "staff", 1, "Olga", role="manager")


async def test_a_programme_is_read_with_its_business_and_the_rules_in_force(db, coffee):
    program = await service.get_program(db, *coffee)
    assert (program.rules_version, program.rules, program.currency, program.kind) == (1, RULES, "RUB", "points")
    assert (program.business_name_in("ru"), program.business_name_in("de")) == ("Кофейный угол", "Coffee corner")
    assert "100" <= program.number_prefix <= "899"
    assert await service.find_program_by_slugs(db, "coffee") == program
    assert await service.find_program_by_slugs(db, "coffee", "points") == program
    assert await service.find_program_by_slugs(db, "coffee", "stamps") is None


async def test_another_business_s_programme_is_missing(db, coffee):
    with pytest.raises(NotFound):
        await service.get_program(db, coffee[0] + 1, coffee[1])
    with pytest.raises(NotFound):
        await service.change_rules(db, manager(coffee[0] + 1), coffee[1], RULES, None)


async def test_changed_rules_hold_from_now_on_and_the_old_ones_for_what_was_before(db, coffee, clock):
    then = clock.now()
    clock.advance(hours=1)
    newer = msgspec.structs.replace(RULES, earn_points=7)
    assert await service.change_rules(db, manager(coffee[0]), coffee[1], newer, clock.now()) == 2
    program = await service.get_program(db, *coffee)
    assert await service.rules_at(db, program, clock.now()) == (2, newer)
    assert await service.rules_at(db, program, clock.now() - timedelta(milliseconds=1)) == (1, RULES)
    assert await service.rules_at(db, program, then - timedelta(days=3)) == (1, RULES)
    assert await service.rules_of_version(db, program, 1) == RULES
    assert [version["version"] for version in await service.list_rules_versions(db, *coffee)] == [2, 1]
    [entry] = await audit.list_entries(db, coffee[0])
    assert (entry.action, entry.subject_id, entry.details) == ("program.rules_changed", coffee[1], {"version": 2})


async def test_senseless_rules_change_nothing(db, coffee, clock):
    with pytest.raises(Invalid):
        await service.change_rules(db, manager(coffee[0]), coffee[1], msgspec.structs.replace(RULES, lot_days=0), clock.now())
    assert (await service.get_program(db, *coffee)).rules_version == 1


async def test_a_slug_is_given_once(db, coffee, clock):
    async def again(tx):
        await service.create_program(tx, coffee[0], slug="points", name="Points", rules=RULES, now=clock.now())
    with pytest.raises(Refused) as refusal:
        await write_transaction(db, again)
    assert refusal.value.code == "slug_taken"


@pytest.mark.parametrize(("change", "field"), [
    ({"slug": "Кофе"}, "slug"), ({"slug": "a/b"}, "slug"), ({"name": ""}, "name"), ({"name": "a\nb"}, "name"),
    ({"time_zone": "Moscow"}, "time_zone"), ({"time_zone": "../etc/passwd"}, "time_zone"), ({"country": "RUS"}, "country"),
    ({"currency": "руб"}, "currency")])
async def test_a_business_with_a_wrong_field_is_refused_at_that_field(sqlite_db, clock, change, field):
    fields = {"slug": "tea", "name": "Tea", "country": "RU", "currency": "RUB", "time_zone": "Europe/Moscow", "language": "ru", **change}
    with pytest.raises(Invalid) as refusal:
        await write_transaction(sqlite_db, lambda tx: service.create_business(tx, now=clock.now(), **fields))
    assert [wrong.field for wrong in refusal.value.fields] == [field]
    assert await service.list_businesses(sqlite_db) == []


async def test_a_location_keeps_its_own_time_zone_or_the_business_s(db, coffee, clock):
    async def act(tx):
        return [await service.create_location(tx, coffee[0], name=name, time_zone=zone, now=clock.now())
                for name, zone in (("Quay", None), ("Far East", "Asia/Vladivostok"))]
    quay, east = await write_transaction(db, act)
    assert await service.location_zone(db, coffee[0], quay) == "Europe/Moscow"
    assert await service.location_zone(db, coffee[0], east) == "Asia/Vladivostok"
    assert await service.location_zone(db, coffee[0], None) == "Europe/Moscow"
    await service.change_location(db, manager(coffee[0]), quay, name="River quay", texts={}, address="1 Quay", time_zone=None,
                                  latitude=None, longitude=None, closed=True, now=clock.now())
    assert [(place.name, place.closed_at is not None) for place in await service.list_locations(db, coffee[0])] == [
        ("River quay", True), ("Far East", False)]
    with pytest.raises(NotFound):
        await service.location_zone(db, coffee[0] + 1, quay)
