"""Which design a programme's cards are drawn from."""
import dataclasses

import msgspec

from app.db import write_transaction
from app.designs import service as designs
from app.designs.rules import default_content
from app.programs import service as programs
from app.programs import terms
from app.programs.explain_parts import Called
from app.programs.kinds import KINDS
from app.programs.terms import Said
from app.web.principal import Principal

CONTENT = default_content("Coffee")


async def make(db, now, kind, content=CONTENT):
    """A programme of a kind, with a design where `content` is given."""
    async def act(tx):
        business_id = await programs.create_business(tx, slug="coffee", name="Coffee", country="RU", currency="RUB", language="ru",
                                                     time_zone="Europe/Moscow", now=now)
        program_id = await programs.create_program(tx, business_id, slug=kind, name=kind, kind=kind, now=now,
                                                   rules=KINDS[kind].rules("RUB"))
        if content is not None:
            await designs.create(tx, business_id, program_id, content, "Tessera", now)
        return await programs.get_program(tx, business_id, program_id)
    return await write_transaction(db, act)


async def test_a_design_is_laid_for_its_kind_and_stays_it_in_later_versions(sqlite_db, clock):
    program = await make(sqlite_db, clock.now(), "tiers")
    assert await designs.drawing_of(sqlite_db, program) == designs.Drawing(CONTENT, "tiers")
    who = Principal(program.business_id, program.business_id, "staff", 1, "Olga", role="manager")
    other = default_content("Coffee", background="#7a1f3d")
    await write_transaction(sqlite_db, lambda tx: designs.publish(tx, who, program.id, other, clock.now()))
    program = await programs.get_program(sqlite_db, program.business_id, program.id)
    assert await designs.drawing_of(sqlite_db, program) == designs.Drawing(other, "tiers")
    assert await designs.content_of(sqlite_db, program) == other


async def test_a_programme_without_a_design_of_its_own_shows_that_of_its_kind(sqlite_db, clock):
    program = await make(sqlite_db, clock.now(), "gift", content=None)
    assert (await designs.drawing_of(sqlite_db, program)).template == "gift"


async def test_a_prepared_design_is_kept_by_all_that_it_is_made_from(sqlite_db, clock):
    program = await make(sqlite_db, clock.now(), "stamps")
    drawing = await designs.drawing_of(sqlite_db, program)
    plain, named = designs.key_of(program, drawing), designs.key_of(program, drawing, {"gift": Said("A coffee", "Кофе")})
    design = await designs.ready(plain)
    assert designs.find_ready(plain) is design and design.has_stamps
    called = await designs.ready(named)
    assert called is not design
    [rules] = [field.text for field in called.fields if field.key == "rules"]
    assert "“A coffee”" in rules["en"] and "«Кофе»" in rules["ru"]


async def test_the_back_names_the_places_that_rules_name(sqlite_db, clock):
    program = await make(sqlite_db, clock.now(), "points")
    rule = terms.Rule("here", Said("Here"), terms.Earn(20), terms.When(locations=(7,)))
    program = dataclasses.replace(program, rules=msgspec.structs.replace(program.rules, rules=(rule,)))
    key = designs.key_of(program, await designs.drawing_of(sqlite_db, program), None, Called({7: Said("Pushkin Street", "Пушкинская")}))
    [rules] = [field.text for field in (await designs.ready(key)).fields if field.key == "rules"]
    assert "At “Pushkin Street”" in rules["en"] and "В точке «Пушкинская»" in rules["ru"]
