"""The audit log in words: for everything that is recorded anywhere."""
import re
from pathlib import Path

import pytest

from app.audit import service as audit
from app.console.words import ACTIONS
from app.db import write_transaction
from app.web.i18n import translate
from tests.console.visiting import words_of
from tests.shops import make_card

APP = Path(__file__).parents[2] / "app"
PAGE = "/console/audit"


def recorded():
    """Every action that a source file names where it records one; what is put together at run time, by hand."""
    found = {"sale.undo", "sale.refund", *(f"enrolment.{end}" for end in ("expired", "cancelled", "refused"))}
    for file in APP.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        found |= set(re.findall(r'audit\.record\([^"]*?"([a-z_]+\.[a-z_]+)"', text))
        found |= set(re.findall(r'_once\([^"]*?"([a-z_]+\.[a-z_]+)"', text))
    return found


async def record(here, who, action, kind=None, row_id=None, **details):
    await write_transaction(here.db, lambda tx: audit.record(tx, who, action, kind, row_id, details, now=here.clock.now()))


def test_every_action_has_words_in_both_languages():
    assert len(recorded()) > 25 and recorded() <= set(ACTIONS)
    assert not [words for words in ACTIONS.values() if translate("ru", words) == words]


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_acts_are_told_with_who_and_whom(here, shop, owner, language):
    card = await make_card(here, shop, points=50)
    place = ("location", shop.location_id)
    await record(here, shop.cashier, "staff.signed_in", "staff", shop.cashier.id, session="till")
    await record(here, shop.who, "location.changed", *place, closed=True)
    await record(here, shop.key_principal, "sale.refund", "operation", 1, of=1, amount=12_050)
    answer = await owner.get(PAGE, language)
    refund, changed, signed_in, corrected = [row for row in re.split(r"(?=22 November,|22 ноября,)", words_of(answer))[1:]][:4]
    if language == "en":
        assert signed_in == "22 November, 12:00 Cashier signed in · at the till "
        assert changed == "22 November, 12:00 Owner changed a location Pushkin Street · closed "
        assert refund == f"22 November, 12:00 till 2 recorded a refund …{card.number[-4:]} · 120.50 ₽ "
        assert corrected == f"22 November, 12:00 Owner corrected points …{card.number[-4:]} · +50 "
    else:
        assert "вход · на кассе" in signed_in and "120,50 ₽" in refund
    assert f"/console/cards/{here.ids.encode('card', card.id)}" in answer.text


async def test_row_ids_and_codes_of_machines_are_not_shown(here, shop, owner):
    await make_card(here, shop, points=50)
    assert not re.search(r"operation:|\bof:|stf_|op_[0-9a-z]{13}", await owner.page(PAGE))


async def test_an_action_without_words_is_shown_as_its_code(here, shop, owner):
    await record(here, shop.who, "future.thing", why="because")
    assert "Owner future.thing · because" in await owner.page(PAGE)


async def test_acts_of_another_business_are_never_shown(here, shop, other_shop, owner):
    await record(here, other_shop.who, "future.secret")
    card = await make_card(here, other_shop, points=5)
    await record(here, shop.who, "card.block", "card", card.id)
    text = await owner.page(PAGE)
    assert "future.secret" not in text and card.number[-4:] not in text and "blocked a card" in text


async def test_fifty_lines_make_a_page(here, shop, owner):
    for number in range(60):
        await record(here, shop.who, f"future.n{number:02}")
    first = await owner.get(PAGE)
    [older] = re.findall(r'href="(/console/audit\?before=[^"]+)"', first.text)
    second = await owner.get(older)
    numbers = [re.findall(r"future\.n(\d\d)", page.text) for page in (first, second)]
    assert [number for page in numbers for number in page] == [f"{number:02}" for number in reversed(range(60))]
    assert "To the newest" in words_of(second)
    assert (await owner.get(PAGE + "?before=nonsense")).status_code == 200
