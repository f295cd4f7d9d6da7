"""How a business begins."""
import pytest

from app.console.founding import Wish, found, slug_of
from app.db import write_transaction
from app.designs import service as designs
from app.errors import Invalid
from app.programs import service as programs
from tests.console.visiting import rows


async def founded(here, **wish):
    wanted = Wish(**{"slug": "bakery", "name": "Bakery", "country": "RU", "currency": "RUB", "time_zone": "Europe/Moscow", "language": "ru",
                     **wish})
    return await write_transaction(here.db, lambda tx: found(tx, wanted, here.clock.now()))


async def test_a_business_begins_with_rules_and_a_card_that_it_could_live_with(here):
    made = await founded(here)
    program = await programs.get_program(here.db, made.business_id, made.program_id)
    content = await designs.content_of(here.db, program)
    assert (program.rules_version, program.rules.welcome_points, program.name_in("ru")) == (1, 50, "Баллы")
    assert (content.en.name, content.ru.name, content.language) == ("Bakery", "Bakery", "ru") and not content.colours().corrections


async def test_a_name_longer_than_a_card_is_shortened_there_and_nowhere_else(here):
    name = "Пекарня «Длинное название, которое едва помещается в строку меню»"
    made = await founded(here, name=name)
    program = await programs.get_program(here.db, made.business_id, made.program_id)
    shown = (await designs.content_of(here.db, program)).ru.name
    assert program.business_name == name and len(shown) == 64 and shown.endswith("…") and name.startswith(shown[:-1])


@pytest.mark.parametrize("wrong", [{"name": ""}, {"name": "x" * 101}, {"country": "Russia"}, {"currency": "rub"}, {"time_zone": "Moscow"},
                                   {"slug": "Bäckerei"}, {"slug": ""}])
async def test_wrong_beginnings_leave_nothing_behind(here, wrong):
    before = await rows(here)
    with pytest.raises(Invalid):
        await founded(here, **wrong)
    assert await rows(here) == before


@pytest.mark.parametrize(("name", "slug"), [("Кофейный угол", "kofeynyy-ugol"), ("Café Zoë & Co.", "cafe-zoe-co"), ("喫茶店", "business"),
                                            ("a" * 60, "a" * 40), ("  --  ", "business"), ("Щука", "shchuka")])
def test_a_name_becomes_a_word_for_addresses(name, slug):
    assert slug_of(name) == slug
