"""Versions of a pass: one per state of the card, each with a date of its own, on both engines."""
import asyncio
import dataclasses
import json
import zipfile
from datetime import date, timedelta
from email.utils import format_datetime
from io import BytesIO

import pytest
from msgspec.structs import replace

from app.cards import service as cards
from app.certificates import service as certificates
from app.db import write_transaction
from app.designs import service as designs
from app.designs.rules import default_content
from app.errors import Invalid, NotFound, Unavailable
from app.passes import faces, service
from app.programs import service as programs
from app.registrations import service as registrations
from app.updates import service as updates
from app.updates import spreads
from app.web.principal import Principal
from tests.passes.conftest import PASS_TYPE
from tests.passes.pockets import RULES


async def test_a_card_gets_a_pass_that_satisfies_the_strict_checker(pocket):
    await pocket.welcome()
    contents = await pocket.contents()
    assert contents.field("points")["value"] == 50
    assert contents.field("worth")["value"] == 50
    assert contents.field("name")["value"] == "Анна"
    assert contents.barcode["message"] == pocket.card.code
    assert contents.text(contents.card["organizationName"], "ru") == "Кофейный угол"
    kind = await certificates.pass_type_for(pocket.here, pocket.who.business_id, pocket.now)
    assert contents.web_service_url == f"https://cards.example.com/apple/{kind.short_id}"


async def test_the_card_number_stands_nowhere_on_the_pass(pocket):
    data = (await pocket.build()).data
    assert pocket.card.number.encode() not in data
    assert b"9161231234" not in data


async def test_the_back_names_the_pass_link_and_never_the_card_link(pocket):
    card_link = await write_transaction(
        pocket.here.db, lambda tx: cards.page_link(tx, pocket.here.ring, pocket.card, "card", pocket.now))
    address = (await pocket.contents()).field("page")["value"]
    token = address.removeprefix("https://cards.example.com/c/")
    assert token != card_link
    assert (await cards.card_by_token(pocket.here.db, pocket.here.ring, token))[1] == "pass"


async def test_only_open_locations_on_the_map_are_on_the_pass(pocket):
    assert [place["latitude"] for place in (await pocket.contents()).card["locations"]] == [55.76]


async def test_a_location_with_words_of_its_own_says_them_on_the_pass(pocket):
    first = await pocket.build()
    place = (await programs.list_locations(pocket.here.db, pocket.who.business_id))[0]
    assert place.latitude is not None
    pocket.here.clock.advance(minutes=5)
    await programs.change_location(
        pocket.here.db, pocket.who, place.id, name=place.name, texts={"ru": {"near": "Кофе за углом"}}, address="", time_zone=None,
        latitude=place.latitude, longitude=place.longitude, closed=False, now=pocket.now)
    contents = await pocket.contents()
    assert [contents.text(each["relevantText"], "ru") for each in contents.card["locations"]] == ["Кофе за углом"]
    assert (await pocket.row())["version"] == first.version + 1


async def test_points_that_end_stand_with_their_last_good_day_where_the_business_is(pocket):
    await pocket.welcome()
    contents = await pocket.contents()
    assert contents.field("expiring")["value"] == 50
    assert date.fromisoformat(contents.field("expires")["value"][:10]) == date(2026, 12, 22)


async def test_the_same_state_is_the_same_version_whenever_it_is_built(pocket):
    first = await pocket.build()
    pocket.here.clock.advance(days=3)
    again = await pocket.build()
    assert (again.version, again.modified_at) == (first.version, first.modified_at) == (1, pocket.now - timedelta(days=3))
    one, two = (zipfile.ZipFile(BytesIO(built.data)).read("pass.json") for built in (first, again))
    assert one == two


async def test_an_asker_who_has_the_version_gets_no_data_and_any_other_date_gets_all(pocket):
    first = await pocket.build()
    date_text = format_datetime(first.modified_at, usegmt=True)
    assert (await pocket.build(unless=date_text)).data is None
    for other in ("", "garbage", format_datetime(first.modified_at + timedelta(seconds=1), usegmt=True), date_text.lower()):
        assert (await pocket.build(unless=other)).data is not None


async def test_two_changes_in_one_second_have_two_dates(pocket):
    first = await pocket.build()
    await pocket.welcome()
    second = await pocket.build(unless=format_datetime(first.modified_at, usegmt=True))
    await cards.block(pocket.here.db, pocket.who, pocket.card.id, None, pocket.now)
    third = await pocket.build()
    assert second.data is not None
    assert [built.version for built in (first, second, third)] == [1, 2, 3]
    assert [built.modified_at - first.modified_at for built in (second, third)] == [timedelta(seconds=1), timedelta(seconds=2)]


async def test_a_clock_that_goes_back_never_gives_an_older_date(pocket):
    first = await pocket.build()
    pocket.here.clock.advance(hours=-2)
    await pocket.welcome()
    assert (await pocket.build()).modified_at == first.modified_at + timedelta(seconds=1)


async def test_a_state_that_comes_back_is_a_version_of_its_own(pocket):
    first = await pocket.build()
    await cards.block(pocket.here.db, pocket.who, pocket.card.id, None, pocket.now)
    blocked = await pocket.build()
    await cards.unblock(pocket.here.db, pocket.who, pocket.card.id, None, pocket.now)
    third = await pocket.build()
    assert json.loads(zipfile.ZipFile(BytesIO(blocked.data)).read("pass.json"))["voided"] is True
    assert len({first.modified_at, blocked.modified_at, third.modified_at}) == 3


async def test_the_row_is_committed_before_the_answer(pocket):
    built = await pocket.build()
    row = await pocket.row()
    assert row["version"] == built.version == 1
    assert row["modified_at"] == int(built.modified_at.timestamp()) * 1000


async def test_many_askers_at_once_get_one_and_the_same_version(pocket):
    await service.ensure(pocket.here, pocket.card, pocket.now)
    built = await asyncio.gather(*(service.build(pocket.here, pocket.card.id, pocket.now) for _ in range(10)))
    assert {(each.version, each.modified_at) for each in built} == {(1, built[0].modified_at)}


async def test_many_first_askers_at_once_make_one_pass(pocket):
    made = await asyncio.gather(*(service.ensure(pocket.here, pocket.card, pocket.now) for _ in range(10)))
    assert len({(each.id, each.serial_number, each.token_sealed) for each in made}) == 1


async def test_serial_number_type_and_token_never_change(pocket):
    before = await pocket.contents()
    pocket.card = await cards.reissue(pocket.here.db, pocket.who, pocket.card.id, None, pocket.now)
    after = await pocket.contents()
    assert after.barcode["message"] == pocket.card.code != before.barcode["message"]
    assert (after.serial_number, after.pass_type_identifier, after.authentication_token) == (
        before.serial_number, before.pass_type_identifier, before.authentication_token)


async def test_the_token_is_stored_sealed_for_its_own_row(pocket):
    token = (await pocket.contents()).authentication_token
    row = await pocket.row()
    assert token.encode() not in bytes(row["authentication_token_sealed"])
    assert service.open_token(pocket.here.ring, row["id"], bytes(row["authentication_token_sealed"])) == token
    with pytest.raises(ValueError, match="sealed for another purpose"):
        service.open_token(pocket.here.ring, row["id"] + 1, bytes(row["authentication_token_sealed"]))


async def test_a_replaced_cards_pass_is_voided_and_tells_nothing_of_the_account(pocket):
    await pocket.welcome()
    await pocket.build()
    new = await cards.replace(pocket.here.db, pocket.who, pocket.card.id, None, pocket.program.number_prefix, pocket.now)
    old = await pocket.contents()
    assert old.is_voided
    assert (old.field("points")["value"], old.field("name"), old.field("page")) == (0, None, None)
    pocket.card = new
    contents = await pocket.contents()
    assert not contents.is_voided
    assert contents.field("points")["value"] == 50


async def test_a_card_without_a_pass_has_nothing_to_build(pocket):
    with pytest.raises(NotFound):
        await service.build(pocket.here, pocket.card.id, pocket.now)


async def test_without_a_certificate_only_wallets_are_missing(pocket):
    pocket.here.settings = dataclasses.replace(pocket.here.settings, apple_certificate=b"")
    with pytest.raises(Unavailable, match="not set up"):
        await pocket.build()
    assert (await service.view(pocket.here.db, pocket.here.ring, pocket.card, pocket.program, "ru", pocket.now)).barcode_message


async def test_the_page_draws_what_the_pass_says(pocket):
    await pocket.welcome()
    contents = await pocket.contents()
    view = await service.view(pocket.here.db, pocket.here.ring, pocket.card, pocket.program, "ru", pocket.now)
    assert [field.value for field in view.header] == [contents.field("points")["value"]]
    assert [field.key for field in view.row] == ["name", "expiring", "expires"]
    assert view.barcode_text == contents.barcode["altText"]


async def test_a_sample_cards_code_can_never_be_anybodys(pocket):
    from app.cards import rules
    view = await service.sample_view(pocket.here.db, pocket.program, "en")
    assert rules.is_reserved(view.barcode_message) and rules.passes_luhn(view.barcode_message)
    assert view.row[0].text == "Anna"


async def test_a_new_design_is_a_new_version_of_every_pass_and_touches_those_on_phones(pocket):
    first = await pocket.build()
    row = await pocket.row()
    kind = await certificates.pass_type_for(pocket.here, pocket.who.business_id, pocket.now)
    token = service.open_token(pocket.here.ring, row["id"], bytes(row["authentication_token_sealed"]))
    address = registrations.Address(kind.short_id, PASS_TYPE, row["serial_number"], token)
    if pocket.here.db.engine == "sqlite":       # on PostgreSQL a registration waits for the runner of numbers
        await registrations.register(pocket.here.db, pocket.here.ring, address, "d" * 32, "a" * 64, pocket.now)
        before = await updates.newest(pocket.here.db)
    content = default_content("Coffee corner", "Кофейный угол", language="ru", background="#191a1c", label="#ffb4a8", accent="#e5484d")
    assert await service.publish_design(pocket.here.db, pocket.who, pocket.program.id, content, pocket.now) == 2
    second = await pocket.build()
    assert second.version == first.version + 1
    assert (await pocket.contents()).card["backgroundColor"] == "rgb(25, 26, 28)"
    assert await spreads.go_on(pocket.here) == (1 if pocket.here.db.engine == "sqlite" else 0)
    if pocket.here.db.engine == "sqlite":
        assert [update.card_id for update in await updates.since(pocket.here.db, before, 10)] == [pocket.card.id]


async def test_cards_on_no_phone_are_not_touched(pocket):
    await pocket.build()
    await write_transaction(pocket.here.db, lambda tx: spreads.begin(tx, pocket.who.business_id, pocket.program.id, pocket.now))
    assert await spreads.go_on(pocket.here) == 0


async def test_a_design_that_no_card_can_show_is_refused_and_nothing_is_written(pocket):
    content = replace(default_content("Coffee corner"), background="blue")
    with pytest.raises(Invalid):
        await service.publish_design(pocket.here.db, pocket.who, pocket.program.id, content, pocket.now)
    assert [each.version for each in await designs.list_versions(pocket.here.db, pocket.who.business_id, pocket.program.id)] == [1]


async def test_another_businesss_programme_cannot_be_dressed(pocket):
    stranger = Principal(pocket.who.business_id + 1, pocket.who.business_id + 1, "staff", id=None, name="Eve", role="owner")
    with pytest.raises(NotFound):
        await service.publish_design(pocket.here.db, stranger, pocket.program.id, default_content("Eve"), pocket.now)
    assert (await designs.content_of(pocket.here.db, pocket.program)).words("en").name == "Coffee corner"


@pytest.mark.parametrize(("points", "minor"), [(0, 0), (-50, 0), (1, 33), (2, 66), (3, 100), (10, 333)])
def test_what_points_are_worth_is_rounded_down_and_a_debt_is_worth_nothing(points, minor):
    assert faces.worth_minor(points, replace(RULES, worth_minor=100, worth_points=3)) == minor


async def test_what_was_read_before_another_asker_took_a_version_is_read_again(pocket, monkeypatch):
    await pocket.build()
    await cards.block(pocket.here.db, pocket.who, pocket.card.id, None, pocket.now)
    design, others = service._design, []

    async def meanwhile(key):
        """Between the first asker's reading and its version the card changes, and another asks."""
        if not others:
            others.append(None)
            await cards.unblock(pocket.here.db, pocket.who, pocket.card.id, None, pocket.now)
            await pocket.welcome()
            others.append(await service.build(pocket.here, pocket.card.id, pocket.now))
        return await design(key)

    monkeypatch.setattr(service, "_design", meanwhile)
    built = await service.build(pocket.here, pocket.card.id, pocket.now)
    assert built.version == others[1].version == 2
    assert built.data == others[1].data
