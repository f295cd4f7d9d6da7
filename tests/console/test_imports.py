"""A list is sent, mapped, tried, taken in and taken back at the console; what was wrong comes back as a list to correct."""
import re

import pytest

from app.imports import service, working
from tests.console.visiting import HOST, Visitor, rows, sign_in, words_of
from tests.imports.lists import csv_of

IMPORTS = "/console/imports"
HEAD = ("Телефон", "Имя", "Карта", "Баллы")
LIST = csv_of([HEAD, ("8 916 123-45-67", "Анна", "20000001", "120"), ("12", "=HYPERLINK(1)", "20000002", "5"),
               ("+79161234568", "Борис", "20000003", "")])
FORM = {f"column{number}": kind for number, kind in enumerate(("phone", "name", "alias", "balance"))} | {
    "mode": "partial", "names": "keep", "active_days": "365", "wording": ""}


async def send(visitor: Visitor, content: bytes, name: str = "base.csv", token: str | None = None):  # type: ignore[no-untyped-def]
    return await visitor.client.post(IMPORTS, data={"csrf": visitor.token if token is None else token},
                                     files={"file": (name, content, "text/csv")},
                                     headers={"Cookie": visitor.cookie, "Origin": HOST, "Accept-Language": "en"})


async def sent(visitor: Visitor, content: bytes = LIST) -> str:
    answer = await send(visitor, content)
    assert answer.status_code == 303, words_of(answer)
    return answer.headers["location"]


async def test_without_a_list_the_page_says_what_it_is_for(manager):
    assert "No list yet" in await manager.page(IMPORTS)
    assert "Списков пока нет" in await manager.page(IMPORTS, "ru")


async def test_a_list_goes_all_the_way_and_back(here, shop, manager):
    page = await sent(manager)
    shown = (await manager.get(page)).text
    assert "Анна" in shown and re.search(r'<option value="phone" selected>', shown)
    await manager.post(f"{page}/mapping", FORM)
    assert (await manager.get(f"{page}/progress")).json() == {"state": "checking", "done": 0, "total": 3, "words": "0 of 3 rows"}
    await working.go_on(here)
    tried = await manager.page(page)
    assert "New people 2" in tried and "Wrong, stay out 1" in tried and "120 points" in tried.replace("\u00a0", " ")
    answer = await manager.post(f"{page}/start")
    assert "The list is being taken in." in await manager.page(answer.headers["location"])
    await working.go_on(here)
    assert "is in" in await manager.page(page)
    await manager.post(f"{page}/undo")
    await working.go_on(here)
    assert "Taken back 2" in await manager.page(page)


@pytest.mark.goal("B3")
async def test_wrong_rows_come_back_as_a_list_without_formulas_that_can_be_sent_again(here, shop, manager):
    page = await sent(manager)
    await manager.post(f"{page}/mapping", FORM)
    await working.go_on(here)
    answer = await manager.get(f"{page}/mistakes.csv")
    head, line, _ = answer.text.removeprefix("\ufeff").split("\r\n")
    assert head == '"Row","What is wrong","Телефон","Имя","Карта","Баллы"'
    assert line.startswith('"3","This is not a mobile number') and line.endswith('"12","\'=HYPERLINK(1)","20000002","5"')
    again = await sent(manager, answer.text.encode().replace(b'"12"', b'"89161234569"'))
    found = (await service.newest(here.db, shop.business_id))[0]
    assert list(found.mapping) == ["", "", "phone", "name", "alias", "balance"]
    assert (await service.sample(here.db, here.ring, found))[0][3] == "=HYPERLINK(1)"
    assert again.startswith(IMPORTS)


async def test_a_file_that_is_no_list_is_refused_beside_its_field_and_nothing_is_kept(here, shop, manager):
    before = await rows(here)
    for content, says in ((b"", "Choose a file first."), (b"%PDF-1.4 x", "This is not a list that can be read."),
                          (b"phone;name\r\n", "There is nothing in this file but its first row.")):
        answer = await send(manager, content)
        assert answer.status_code == 422 and says in words_of(answer)
    assert await rows(here) == before


async def test_columns_without_anybody_to_recognise_are_refused_and_what_was_chosen_stays(here, shop, manager):
    page = await sent(manager)
    answer = await manager.post(f"{page}/mapping", {**FORM, "column0": "", "column2": ""})
    assert answer.status_code == 422 and "nobody can be found without" in words_of(answer)
    assert answer.text.count('<option value="" selected>') == 2
    answer = await manager.post(f"{page}/mapping", {**FORM, "column1": "consent"})
    assert "in the words that they read" in words_of(answer)


async def test_a_forged_form_reads_nothing(here, shop, manager):
    before = await rows(here)
    assert (await send(manager, LIST, token="0" * 32)).status_code == 403
    assert await rows(here) == before


async def test_another_business_finds_no_list_here(client, here, shop, other_shop, manager):
    page = await sent(manager)
    stranger = await sign_in(client, "manager@leaf.example.com")
    for path in ("", "/progress", "/mistakes.csv"):
        assert (await stranger.get(page + path)).status_code == 404
    for path in ("/mapping", "/start", "/undo"):
        assert (await stranger.post(page + path, FORM)).status_code == 404
