"""The business's own data and its locations."""
import re

import pytest

from app.errors import NotFound
from app.programs import service as programs
from app.programs import tills
from tests.console.visiting import audited, rows, value_of, words_of

SETTINGS, LOCATIONS = "/console/settings", "/console/locations"
BUSINESS = {"name": "Coffee corner", "other_name": "Кофейный угол", "time_zone": "Europe/Samara", "language": "en"}
PLACE = {"name": "River quay", "other_name": "На набережной", "address": "Naberezhnaya 8", "time_zone": "Asia/Yekaterinburg"}


def chosen(answer, name):
    """The option that is selected."""
    found = re.search(rf'<select[^>]*\bname="{name}".*?<option value="([^"]*)" selected>', answer.text, flags=re.DOTALL)
    return found[1] if found else None


async def test_a_business_is_called_by_its_name_in_each_language(here, shop, owner):
    answer = await owner.post(SETTINGS, BUSINESS)
    assert answer.status_code == 303 and "Kept." in await owner.page(answer.headers["location"])
    business = await programs.get_business(here.db, shop.business_id)
    assert (business.name_in("en"), business.name_in("ru"), business.time_zone) == ("Coffee corner", "Кофейный угол", "Europe/Samara")
    assert "Кофейный угол" in await owner.page("/console", "ru") and "Кофейный угол" not in await owner.page("/console")
    assert (await audited(here, shop.business_id))[0] == "business.changed"


async def test_names_stay_what_they_are_when_the_language_changes(here, shop, owner):
    await owner.post(SETTINGS, {**BUSINESS, "language": "ru"})
    page = await owner.get(SETTINGS)
    assert value_of(page, "name") == "Кофейный угол" and value_of(page, "other_name") == "Coffee corner"
    assert "Name in English" in words_of(page)
    await owner.post(SETTINGS, {**BUSINESS, "name": "Кофейный угол", "other_name": "", "language": "ru"})
    business = await programs.get_business(here.db, shop.business_id)
    assert business.name_in("en") == business.name_in("ru") == "Кофейный угол"


@pytest.mark.parametrize(("field", "typed"), [("name", ""), ("name", "x" * 101), ("name", "a\x07b"), ("other_name", "y" * 101),
                                              ("time_zone", "Moscow"), ("time_zone", "../../etc/passwd"), ("time_zone", ""),
                                              ("language", "de")])
async def test_a_wrong_setting_is_refused_with_what_was_typed(here, owner, field, typed):
    before = await rows(here)
    form = {**BUSINESS, field: typed}
    answer = await owner.post(SETTINGS, form)
    assert answer.status_code == 422 and f'id="{field}-error" role="alert"' in answer.text
    assert (value_of(answer, "name"), value_of(answer, "other_name")) == (form["name"], form["other_name"])
    assert await rows(here) == before


async def test_the_page_says_what_can_never_change(here, shop, owner):
    text = await owner.page(SETTINGS)
    assert "Word in addresses coffee" in text and "Country RU" in text and "Currency RUB" in text
    assert here.ids.encode("business", shop.business_id) in text


async def test_a_location_is_added_and_changed(here, shop, manager):
    answer = await manager.post(LOCATIONS, PLACE)
    assert answer.status_code == 303 and "River quay Change" in await manager.page(answer.headers["location"])
    assert "На набережной" in await manager.page(LOCATIONS, "ru")
    place = (await programs.list_locations(here.db, shop.business_id))[-1]
    assert (place.address, place.time_zone, place.closed_at) == ("Naberezhnaya 8", "Asia/Yekaterinburg", None)
    path = f"{LOCATIONS}/{here.ids.encode('location', place.id)}"
    page = await manager.get(path)
    assert {name: value_of(page, name) for name in ("name", "other_name", "address")} | {"time_zone": chosen(page, "time_zone")} == PLACE
    await manager.post(path, {**PLACE, "name": "Quay", "other_name": ""})
    place = await programs.get_location(here.db, shop.business_id, place.id)
    assert place.name_in("en") == place.name_in("ru") == "Quay"
    assert (await audited(here, shop.business_id))[:2] == ["location.changed", "location.created"]


async def test_a_location_lies_on_the_map_and_has_words_of_its_own_for_lock_screens(here, shop, manager):
    typed = {"place": "55.7601, 37.6186", "near_en": "Coffee by the river", "near_ru": "Кофе у реки"}
    await manager.post(LOCATIONS, {**PLACE, **typed})
    place = (await programs.list_locations(here.db, shop.business_id))[-1]
    assert (place.latitude, place.longitude) == (55.7601, 37.6186)
    assert dict(place.near) == {"en": "Coffee by the river", "ru": "Кофе у реки"}
    path = f"{LOCATIONS}/{here.ids.encode('location', place.id)}"
    page = await manager.get(path)
    assert {name: value_of(page, name) for name in typed} == typed
    await manager.post(path, {**PLACE, "place": "-33.8688 151.2093", "near_ru": "Мы здесь"})
    place = await programs.get_location(here.db, shop.business_id, place.id)
    assert (place.latitude, place.longitude, place.near) == (-33.8688, 151.2093, (("ru", "Мы здесь"),))
    assert place.name_in("ru") == "На набережной"
    await manager.post(path, PLACE)
    place = await programs.get_location(here.db, shop.business_id, place.id)
    assert (place.latitude, place.longitude, place.near) == (None, None, ())


async def test_a_location_without_a_zone_of_its_own_follows_the_business(here, shop, owner):
    await owner.post(LOCATIONS, {**PLACE, "time_zone": "Europe/Moscow"})
    await owner.post(SETTINGS, BUSINESS)
    assert (await programs.list_locations(here.db, shop.business_id))[-1].time_zone == "Europe/Samara"


async def test_a_closed_location_is_offered_to_nobody_until_it_opens_again(here, shop, owner):
    path = f"{LOCATIONS}/{here.ids.encode('location', shop.location_id)}"
    await owner.post(path, {**PLACE, "closed": "1"})
    assert "River quay closed" in await owner.page(LOCATIONS)
    assert "River quay" not in await owner.page("/console/staff") and "River quay" not in await owner.page("/console/keys")
    await owner.post(path, PLACE)
    assert (await programs.get_location(here.db, shop.business_id, shop.location_id)).closed_at is None


@pytest.mark.parametrize(("field", "typed"), [("name", ""), ("name", "x" * 101), ("name", "tab\there"), ("other_name", "y" * 101),
                                              ("address", "z" * 201), ("address", "a\x07b"), ("time_zone", "Mars/Olympus"),
                                              ("place", "by the river"), ("place", "91, 0"), ("place", "0, 181"), ("place", "55.7"),
                                              ("near_en", "n" * 101), ("near_ru", "a\x07b")])
async def test_a_wrong_location_is_refused_with_what_was_typed(here, shop, manager, field, typed):
    before = await rows(here)
    form = {**PLACE, field: typed}
    for path in (LOCATIONS, f"{LOCATIONS}/{here.ids.encode('location', shop.location_id)}"):
        answer = await manager.post(path, form)
        assert answer.status_code == 422 and f'id="{field}-error" role="alert"' in answer.text
        assert [value_of(answer, name) for name in ("name", "other_name", "address")] == [
            form[name] for name in ("name", "other_name", "address")]
    assert await rows(here) == before


async def test_a_location_says_what_its_scan_page_opens_on(here, shop, manager):
    path = f"{LOCATIONS}/{here.ids.encode('location', shop.location_id)}"
    assert chosen(await manager.get(path), "till_start") == "camera"
    assert (await manager.post(path, {**PLACE, "till_start": "field"})).status_code == 303
    assert chosen(await manager.get(path), "till_start") == "field"
    assert await tills.start_of(here.db, shop.business_id, shop.location_id) == "field"
    before = await rows(here)
    refused = await manager.post(path, {**PLACE, "till_start": "radio"})
    assert refused.status_code == 422 and await rows(here) == before


async def test_a_new_location_may_open_on_the_field_and_another_businesss_stays_what_it_is(here, shop, other_shop, manager):
    await manager.post(LOCATIONS, {**PLACE, "till_start": "field"})
    place = (await programs.list_locations(here.db, shop.business_id))[-1]
    assert await tills.start_of(here.db, shop.business_id, place.id) == "field"
    assert await tills.start_of(here.db, other_shop.business_id, place.id) == "camera"
    with pytest.raises(NotFound):
        await tills.choose_start(here.db, other_shop.who, place.id, "camera", here.clock.now())
    assert await tills.start_of(here.db, shop.business_id, place.id) == "field"
