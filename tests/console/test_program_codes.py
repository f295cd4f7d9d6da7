"""The switch for codes that change with the time."""
import pytest

from app.programs import service as programs
from tests.console.visiting import audited, words_of


@pytest.fixture
def page(here, shop):
    return f"/console/programs/{here.ids.encode('program', shop.program_id)}/codes"


async def chosen(here, shop) -> tuple[int, bool]:
    program = await programs.get_program(here.db, shop.business_id, shop.program_id)
    return program.rotation_seconds, program.static_redeems


@pytest.mark.parametrize(("language", "said"), [("en", "can be photographed"), ("ru", "можно сфотографировать")])
async def test_the_page_says_plainly_what_the_switch_does(owner, page, language, said):
    assert said in await owner.page(page, language)


async def test_a_choice_is_kept_and_audited_once(owner, here, shop, page):
    answer = await owner.post(page, {"seconds": "30"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{page}?done=kept")
    assert await chosen(here, shop) == (30, False)
    assert (await owner.post(page, {"seconds": "30"})).headers["location"] == f"{page}?done=same"
    assert (await owner.post(page, {"seconds": "60", "static": "1"})).status_code == 303
    assert await chosen(here, shop) == (60, True)
    assert (await audited(here, shop.business_id)).count("program.rotation") == 2
    assert "changed how codes behave" in await owner.page("/console/audit")


async def test_a_period_that_the_api_chose_is_shown_and_stays(owner, here, shop, page):
    from app.cards import rotation

    await rotation.choose(here.db, shop.who, shop.program_id, 45, False, here.clock.now())
    assert "A new code every 45 seconds" in await owner.page(page)
    assert (await owner.post(page, {"seconds": "45"})).headers["location"].endswith("same")


@pytest.mark.parametrize("seconds", ["10", "61", "-30", "x", "", "999999999"])
async def test_other_periods_are_refused_with_a_sentence(owner, here, shop, page, seconds):
    answer = await owner.post(page, {"seconds": seconds, "static": "1"})
    assert answer.status_code == 422 and "every 30 to 60 seconds" in words_of(answer)
    assert 'name="static" value="1" checked' in answer.text
    assert await chosen(here, shop) == (0, False)
