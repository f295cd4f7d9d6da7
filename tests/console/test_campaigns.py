"""A campaign is made, started, paused and stopped at the console, and shows what it brought."""
from app.campaigns import sending
from app.imports.rules import Options
from tests.console.visiting import rows, words_of
from tests.imports.lists import taken

CAMPAIGNS = "/console/campaigns"
HEAD = ("Телефон", "Имя", "Карта", "Согласие")
FORM = {"name": "Old club", "way": "sms", "held_out": "0", "per_hour": "200", "tag": "", "statement": "", "program": ""}


async def audience(here, shop) -> str:  # type: ignore[no-untyped-def]
    people = [(f"8916{number}0000", "Анна", f"30{number}", "да") for number in range(100, 103)]
    found = await taken(here, shop, [HEAD, *people], Options(wording="I want news by SMS"))
    return f"list:{here.ids.encode('import', found.id)}"


async def test_without_people_the_page_leads_to_a_list(manager):
    page = await manager.page(CAMPAIGNS)
    assert "No campaign yet" in page and "First bring a list of people, or make a group." in page
    assert "Рассылок пока нет" in await manager.page(CAMPAIGNS, "ru")


async def test_a_campaign_goes_all_the_way(here, shop, manager):
    chosen = await audience(here, shop)
    shown = (await manager.get(f"{CAMPAIGNS}?import={chosen.removeprefix('list:')}")).text
    assert f'<option value="{chosen}" selected>' in shown
    answer = await manager.post(CAMPAIGNS, {**FORM, "audience": chosen})
    page = answer.headers["location"]
    assert "gathers its people" in await manager.page(page)
    await sending.go_on(here)
    assert "To be invited 3" in await manager.page(page)
    assert (await manager.post(f"{page}/start")).status_code == 303
    await manager.post(f"{page}/pause")
    assert "Go on" in await manager.page(page)
    await manager.post(f"{page}/start")
    await sending.go_on(here)
    told = await manager.page(page)
    assert "Invited 3" in told and "Activated the card 0 · 0 %" in told
    assert "Old club" in await manager.page(CAMPAIGNS)
    await manager.post(f"{page}/stop")
    assert "stopped" in await manager.page(page)


async def test_what_nobody_could_mean_is_refused_beside_its_field_and_nothing_is_written(here, shop, manager):
    chosen = await audience(here, shop)
    before = await rows(here)
    for field, value, says in (("name", "", "Type a name of 1 to 100 characters."), ("audience", "", "Choose who is to be invited."),
                               ("held_out", "95", "Type a share from 0 to 90 percent."),
                               ("per_hour", "x", "Type a number from 1 to 10,000."),
                               ("audience", "group:none", "There is no such thing here."),
                               ("statement", "yes", "Say it in 10 to 500 characters")):
        program = here.ids.encode("program", shop.program_id)
        answer = await manager.post(CAMPAIGNS, {**FORM, "audience": chosen, "program": program, field: value})
        assert answer.status_code == 422 and says in words_of(answer), (field, value)
    assert await rows(here) == before
