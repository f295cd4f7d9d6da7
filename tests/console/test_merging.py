"""Merging on a card's page: the other one is found, both balances are seen, then they are one."""
import re

from app.context import Context
from tests.conftest import Shop
from tests.console.visiting import Visitor, rows
from tests.shops import make_card


async def test_a_manager_finds_the_other_card_sees_both_and_merges_once(here: Context, shop: Shop, manager: Visitor) -> None:
    keep = await make_card(here, shop, points=100)
    lose = await make_card(here, shop, phone="+79161235555", name="Борис", points=70)
    path = f"/console/cards/{here.ids.encode('card', keep.id)}"
    assert f'action="{path}/merge"' in (await manager.get(path)).text
    shown = await manager.get(f"{path}/merge?with=%2B79161235555")
    page = await manager.page(f"{path}/merge?with=%2B79161235555")
    assert "100 points" in page and "70 points" in page and "Together: 170 points" in page
    form = {name: re.search(rf'name="{name}" value="([^"]+)"', shown.text)[1] for name in ("key", "lose")}
    for _ in range(2):
        done = await manager.post(f"{path}/merge", form)
        assert (done.status_code, done.headers["location"]) == (303, f"{path}?done=merge")
    assert "170 points" in await manager.page(path)
    gone = await manager.page(f"/console/cards/{here.ids.encode('card', lose.id)}")
    assert "To the new card" in gone


async def test_what_cannot_be_merged_is_said_and_nothing_changes(here: Context, shop: Shop, other_shop: Shop, manager: Visitor) -> None:
    keep, theirs = await make_card(here, shop), await make_card(here, other_shop, phone="+79161236666")
    path = f"/console/cards/{here.ids.encode('card', keep.id)}/merge"
    before = await rows(here)
    for text in (theirs.number, "+79161236666", keep.number, "nonsense"):
        answer = await manager.get(f"{path}?with={text.replace('+', '%2B')}")
        assert (answer.status_code, 'name="lose"' in answer.text) == (422, False), text
    for lose, status in ((keep, 409), (theirs, 404)):
        answer = await manager.post(path, {"lose": here.ids.encode("card", lose.id), "key": "k1"})
        assert answer.status_code == status
    assert await rows(here) == before
