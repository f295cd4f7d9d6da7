"""Ways to a card, plastic, and who gave cards."""
import csv
import io
import re

from app.context import Context
from app.enrolment import plastic, ways
from app.programs import service as programs
from tests.conftest import Shop
from tests.console.visiting import Visitor, rows
from tests.enrolment.joining import ANNA, Joining

PAGE = "/console/ways"


async def ways_of(here: Context, shop: Shop) -> ways.Ways:
    return await ways.ways_of(here.db, await programs.get_program(here.db, shop.business_id, shop.program_id))


def table(answer) -> list[list[str]]:
    return list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))


async def test_ways_are_ticked_and_kept(here: Context, shop: Shop, manager: Visitor) -> None:
    shown = (await manager.get(PAGE)).text
    assert len(re.findall(r'type="checkbox"[^>]* checked', shown)) == 3 and 'name="anonymous"' not in shown
    assert "sends no mail yet" in shown
    kept = await manager.post(PAGE, {"mail": "on", "screen": "on"})
    assert kept.status_code == 303 and await ways_of(here, shop) == ways.Ways(screen=True, code=False, plastic=False, mail=True)
    assert "Kept." in await manager.page(kept.headers["location"])


async def test_cards_without_a_number_are_offered_to_programmes_of_stamps_alone(here: Context, shop: Shop, manager: Visitor) -> None:
    refused = await manager.post(PAGE, {"anonymous": "on"})
    assert refused.status_code == 422 and await ways_of(here, shop) == ways.Ways()
    await Joining(here, shop).give_stamps()
    assert 'name="anonymous"' in (await manager.get(PAGE)).text
    assert (await manager.post(PAGE, {"anonymous": "on"})).status_code == 303 and (await ways_of(here, shop)).anonymous


async def test_plastic_comes_as_a_file_whose_codes_work_and_is_closed_from_its_line(here: Context, shop: Shop, manager: Visitor) -> None:
    made = await manager.post(f"{PAGE}/plastic", {"name": "Spring", "count": "20"})
    assert made.headers["content-type"].startswith("text/csv") and "attachment" in made.headers["content-disposition"]
    heads, *lines = table(made)
    assert heads == ["Card number", "Check code", "Page"] and len(lines) == 20
    program = await programs.get_program(here.db, shop.business_id, shop.program_id)
    number, code, address = lines[7]
    assert (await plastic.find(here.db, here.ring, program, number, code, here.clock.now())).number == number
    assert address == "https://cards.example.com/e/coffee/points/card"
    shown = await manager.get(PAGE)
    assert number not in shown.text and "0 of 20 activated" in await manager.page(PAGE)
    [closing] = re.findall(r'action="(/console/ways/plastic/plb_[^"]+)"', shown.text)
    assert (await manager.post(closing.replace("&amp;", "&"))).status_code == 303
    [batch] = await plastic.batches(here.db, shop.business_id)
    assert batch.closed_at is not None


async def test_a_batch_that_makes_no_sense_says_why_and_leaves_nothing(here: Context, shop: Shop, manager: Visitor) -> None:
    for form, sentence in (({"name": "", "count": "5"}, "Give the batch a name"), ({"name": "Spring", "count": "many"}, "1 to 2,000"),
                           ({"name": "Spring", "count": "9999999"}, "1 to 2,000")):
        before = await rows(here)
        answer = await manager.post(f"{PAGE}/plastic", form)
        assert answer.status_code == 422 and sentence in answer.text and await rows(here) == before


async def test_a_table_says_who_gave_cards_where_and_how_also_as_a_file(here: Context, shop: Shop, manager: Visitor) -> None:
    joining = Joining(here, shop)
    await joining.start(ANNA, location_id=shop.location_id)
    await joining.start("+79161230001", who=shop.key_principal, source="api")
    shown = await manager.page("/console/issued")
    assert "Cashier cashier Pushkin Street from the till" in shown and "till 2" in shown
    lines = table(await manager.get("/console/issued.csv?days=90"))
    assert ["Cashier", "cashier", "Pushkin Street", "from the till", "", "1", "0", "0"] in lines and len(lines) == 3


async def test_another_business_sees_nothing_of_it(here: Context, shop: Shop, other_shop: Shop, manager: Visitor) -> None:
    await Joining(here, other_shop).start(ANNA)
    await plastic.make_batch(here.db, here.ring, other_shop.who, other_shop.program_id, "Theirs", 1, here.clock.now())
    assert "Nobody yet" in await manager.page("/console/issued") and "Theirs" not in await manager.page(PAGE)
