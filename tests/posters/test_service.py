"""Places and what they brought, on both engines."""
import pytest

from app.db import write_transaction
from app.enrolment import visits
from app.errors import Invalid
from app.posters import service, store
from app.programs import service as programs
from tests.shops import make_shop


async def test_a_place_has_one_word_of_its_own_in_each_business(here, shop):
    now = here.clock.now()
    other = await make_shop(here, "tea", "Tea corner")
    first = await service.add_place(here.db, shop.who, "Door", "door", shop.location_id, now)
    second = await service.add_place(here.db, shop.who, "Door", "door", None, now)
    theirs = await service.add_place(here.db, other.who, "Door", "door", None, now)
    assert (first.slug, second.slug, theirs.slug) == ("door", "door-2", "door")
    with pytest.raises(Invalid):
        await service.add_place(here.db, shop.who, "Door", "door", None, now)
    assert [each.slug for each in await service.places_of(here.db, shop.business_id)] == ["door-2", "door"]
    assert [each.slug for each in await service.places_of(here.db, other.business_id)] == ["door"]


async def test_a_list_of_places_has_an_end(here, shop, monkeypatch):
    monkeypatch.setattr(store, "MOST", 1)
    await service.add_place(here.db, shop.who, "Door", "door", None, here.clock.now())
    with pytest.raises(service.TooManyPlaces):
        await service.add_place(here.db, shop.who, "Window", "window", None, here.clock.now())


async def test_visits_are_counted_by_name_and_business_and_a_flood_of_names_is_not_kept(here, shop, monkeypatch):
    now, other = here.clock.now(), await make_shop(here, "tea", "Tea corner")
    program = await programs.get_program(here.db, shop.business_id, shop.program_id)
    theirs = await programs.get_program(here.db, other.business_id, other.program_id)
    monkeypatch.setattr(visits, "NAMES_KEPT", 2)
    for name in ("door", "", "door", "made-up", "door"):
        await visits.note(here.db, program, name, now)
    await visits.note(here.db, theirs, "door", now)
    assert await visits.of_posters(here.db, shop.business_id) == {"door": (3, 0), "": (1, 0)}
    assert await visits.of_posters(here.db, other.business_id) == {"door": (1, 0)}


async def test_what_a_place_brought_names_its_shop_and_comes_before_what_brought_less(here, shop):
    now = here.clock.now()
    program = await programs.get_program(here.db, shop.business_id, shop.program_id)
    await service.add_place(here.db, shop.who, "Door", "door", shop.location_id, now)
    await service.add_place(here.db, shop.who, "Window", "window", None, now)
    await visits.note(here.db, program, "window", now)

    async def joined(tx) -> None:
        await tx.execute(
            "INSERT INTO enrolments(business_id, program_id, phone_hint, language, source, poster, actor_kind, status, created_at, "
            "expires_at) VALUES (:business, :program, '', 'ru', 'poster', 'door', 'shopper', 'activated', 1, 2)",
            {"business": shop.business_id, "program": shop.program_id})

    await write_transaction(here.db, joined)
    found = await service.brought(here.db, shop.business_id, "en")
    told = [(each.name, each.location, each.visits, each.cards) for each in found]
    assert told == [("Door", "Pushkin Street", 0, 1), ("Window", "", 1, 0)]
