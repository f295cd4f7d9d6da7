"""Promo codes in the console: made, watched, exported as safe cells, printed, closed early."""
import csv
import io
import re

import pytest

from app.benefits import coupons, promo
from app.benefits import service as benefits
from app.benefits.opening import open_program
from app.benefits.rules import RewardWish, Terms
from app.programs import service as programs
from app.programs.kinds import KINDS
from app.programs.terms import Said
from tests.console.visiting import audited, rows, value_of, words_of

PROMOS = "/console/promos"
RADIO = {"name": "Radio", "kind": "code", "codes": "SUMMER10", "count": "", "length": "", "uses": "", "per_person": "1", "total": "",
         "starts_on": "", "ends_on": "2026-12-31", "reward": ""}
LEAFLET = {"name": "Autumn leaflet", "kind": "coupon", "codes": "", "count": "12", "length": "10", "uses": "", "per_person": "1",
           "total": "", "starts_on": "", "ends_on": "2026-12-31", "reward": "coffee"}


async def add_coffee(here, shop):
    wish = RewardWish("coffee", "service", Said("A free coffee", "Кофе в подарок"))
    await benefits.create_reward(here.db, shop.who, shop.program_id, wish, here.clock.now())


async def batch(here, shop, key="radio"):
    return await promo.get_batch(here.db, shop.business_id, shop.program_id, key)


async def test_without_codes_the_page_says_what_they_are_for(manager):
    assert "No code yet" in await manager.page(PROMOS)
    assert "Промокодов пока нет" in await manager.page(PROMOS, "ru")


async def test_a_word_for_everybody_is_made_and_shown(here, shop, manager):
    answer = await manager.post(PROMOS, RADIO)
    assert answer.status_code == 303
    page = words_of(await manager.get(answer.headers["location"]))
    assert "The codes are made." in page and "SUMM-ER10" in page and "without limit" in page
    made = await batch(here, shop)
    assert (made.kind, made.uses, made.per_person, made.codes) == ("code", None, 1, 1)
    assert made.ends_at.isoformat() == "2026-12-31T21:00:00+00:00"
    assert "Radio can be used Codes to tell or type · 1 code · used 0 times · until" in await manager.page(PROMOS)
    assert (await audited(here, shop.business_id))[0] == "promo.created"


async def test_drawn_codes_are_exported_whole_and_as_text(here, shop, manager):
    await manager.post(PROMOS, {**RADIO, "codes": "", "count": "300", "length": "8"})
    answer = await manager.get(f"{PROMOS}/radio/codes.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8" and 'filename="radio.csv"' in answer.headers["content-disposition"]
    table = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert table[0] == ["code", "used"] and len(table) == 301 and len({row[0] for row in table[1:]}) == 300
    assert "and 250 more in the table" in await manager.page(f"{PROMOS}/radio")


@pytest.mark.parametrize(("field", "changes"), [
    ("name", {"name": ""}), ("codes", {"codes": "ab"}), ("count", {"codes": "", "count": "0", "length": "10"}),
    ("length", {"codes": "", "count": "5", "length": "4"}), ("uses", {"uses": "0"}), ("per_person", {"per_person": "no"}),
    ("total", {"total": "-1"}), ("ends_on", {"ends_on": "2026-11-01"}), ("ends_on", {"starts_on": "2027-01-02"}),
    ("starts_on", {"starts_on": "tomorrow"}), ("reward", {"reward": "nothing"}), ("kind", {"kind": "leaflet"})])
async def test_wrong_terms_come_back_with_a_sentence_and_nothing_is_made(here, manager, field, changes):
    before = await rows(here)
    answer = await manager.post(PROMOS, {**RADIO, **changes})
    assert answer.status_code == 422 and 'role="alert"' in answer.text
    assert value_of(answer, "name") == {**RADIO, **changes}["name"]
    assert field == "kind" or f'id="{field}-error"' in answer.text
    assert await rows(here) == before


async def test_a_code_that_exists_is_named_and_nothing_is_made(here, manager):
    await manager.post(PROMOS, RADIO)
    before = await rows(here)
    answer = await manager.post(PROMOS, {**RADIO, "name": "Paper", "codes": "PAPER5\nsummer-10"})
    assert answer.status_code == 409 and "These codes exist already: SUMMER10." in words_of(answer)
    assert await rows(here) == before


async def test_coupons_are_exported_with_the_address_of_each_and_printed_in_both_languages(here, shop, manager):
    await add_coffee(here, shop)
    await manager.post(PROMOS, LEAFLET)
    table = list(csv.reader(io.StringIO((await manager.get(f"{PROMOS}/autumn-leaflet/codes.csv")).text)))
    address = table[1][2]
    assert address.startswith("https://cards.example.com/k/")
    assert coupons.code_id_of(here.ring, here.ids, address.rpartition("/")[2]) is not None
    assert "A free coffee" in words_of(await manager.get(f"/k/{address.rpartition('/')[2]}"))
    page = await manager.get(f"{PROMOS}/autumn-leaflet")
    assert "Coupons 1 to 12 (PDF)" in words_of(page) and "A free coffee" in words_of(page)
    for said in ("en", "ru"):
        [url] = {match.replace("&amp;", "&") for match in re.findall(rf'href="([^"]*sheet\.pdf[^"]*language={said}[^"]*)"', page.text)}
        answer = await manager.get(url)
        assert answer.headers["content-type"] == "application/pdf" and answer.content.startswith(b"%PDF-")
    for wrong in ("part=2", "language=fr", "part=2&language=ru"):
        assert (await manager.get(f"{PROMOS}/autumn-leaflet/sheet.pdf?{wrong}")).status_code == 404


async def test_codes_that_are_typed_have_no_sheet(manager):
    await manager.post(PROMOS, RADIO)
    assert (await manager.get(f"{PROMOS}/radio/sheet.pdf")).status_code == 404
    assert "sheet.pdf" not in (await manager.get(f"{PROMOS}/radio")).text


async def test_a_batch_shows_who_used_it_and_ends_when_it_is_closed(here, shop, manager):
    await add_coffee(here, shop)
    await manager.post(PROMOS, LEAFLET)
    [(code_id, code, _), *_] = await promo.codes_of(here.db, await batch(here, shop, "autumn-leaflet"))
    await coupons.redeem(here.db, shop.cashier, code_id, here.clock.now())
    page = await manager.page(f"{PROMOS}/autumn-leaflet")
    assert "shown on paper · Pushkin Street" in page and page.count(f"{code[:4]}-{code[4:8]}-{code[8:]}") == 2
    answer = await manager.post(f"{PROMOS}/autumn-leaflet/close")
    closed = words_of(await manager.get(answer.headers["location"]))
    assert "These codes can no longer be used." in closed and "Close these codes" not in closed
    assert (await batch(here, shop, "autumn-leaflet")).closed_at == here.clock.now()


async def test_another_businesss_batches_do_not_exist_here(here, shop, other_shop, manager):
    await promo.create_batch(here.db, other_shop.who, other_shop.program_id, Terms("theirs", "Theirs"), ["THEIRS"], here.clock.now())
    theirs = f"?program={here.ids.encode('program', other_shop.program_id)}"
    before = await rows(here)
    for path in ("", "/codes.csv"):
        assert (await manager.get(f"{PROMOS}/theirs{path}")).status_code == 404
        assert (await manager.get(f"{PROMOS}/theirs{path}{theirs}")).status_code == 404
    assert (await manager.post(f"{PROMOS}/theirs/close{theirs}")).status_code == 404
    assert await rows(here) == before


async def test_the_programme_is_chosen_on_the_page_where_there_are_several(here, shop, manager):
    assert 'aria-label="Programme"' not in (await manager.get(PROMOS)).text
    business = await programs.get_business(here.db, shop.business_id)
    kind = KINDS["stamps"]
    second = await open_program(here.db, shop.who, business, kind, Said("Coffee club", "Кофейный клуб"), "second", kind.rules("RUB"),
                                here.clock.now())
    url = f"{PROMOS}?program={here.ids.encode('program', second)}"
    first = (await manager.get(PROMOS)).text
    assert f'href="{url}"' in first
    assert 'aria-current="true"><bdi>Coffee club</bdi>' not in first
    assert 'aria-current="true"><bdi>Coffee club</bdi>' in (await manager.get(url)).text
