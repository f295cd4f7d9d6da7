"""A number that is lost with the phone: a manager stands for the person, the new number is proven, and the old one is told."""
import json

from app.context import Context
from app.customers import service as customers
from app.profiles import numbers
from tests.conftest import Shop
from tests.console.visiting import Visitor, rows
from tests.enrolment.joining import ANNA, Joining
from tests.shops import make_card

NEW, BORIS = "+79217778899", "+79035556677"
WHY = "Knew her last three purchases"


async def told(joining: Joining, e164: str) -> str:
    await joining.deliver()
    return joining.inbox.link(e164)


async def test_a_manager_stands_for_the_person_and_the_code_that_they_tell_gives_the_card_its_number(
        here: Context, shop: Shop, manager: Visitor) -> None:
    card, joining = await make_card(here, shop), Joining(here, shop)
    path = f"/console/cards/{here.ids.encode('card', card.id)}"
    assert f'href="{path}/number"' in (await manager.get(path)).text
    begun = await manager.post(f"{path}/number", {"phone": NEW, "reason": WHY})
    assert (begun.status_code, begun.headers["location"]) == (303, f"{path}/number")
    code = await told(joining, NEW)
    assert 'name="code"' in (await manager.get(f"{path}/number")).text
    wrong = "000000" if code != "000000" else "111111"
    assert (await manager.post(f"{path}/number/confirm", {"code": wrong})).status_code == 422
    done = await manager.post(f"{path}/number/confirm", {"code": code})
    assert (done.status_code, done.headers["location"]) == (303, f"{path}?done=number")
    assert (await customers.find_by_phone(here.db, here.ring, shop.business_id, NEW)).id == card.customer_id
    audit = {row["action"]: row for row in await joining.all("audit_entries")}
    assert json.loads(audit["customer.number_vouched"]["details"])["reason"] == WHY
    assert audit["customer.number_changed"]["actor_kind"] == "staff"


async def test_the_old_number_is_told_an_hour_later_and_once(here: Context, shop: Shop, manager: Visitor) -> None:
    card, joining = await make_card(here, shop), Joining(here, shop)
    path = f"/console/cards/{here.ids.encode('card', card.id)}/number"
    await manager.post(path, {"phone": NEW, "reason": WHY})
    await manager.post(f"{path}/confirm", {"code": await told(joining, NEW)})
    assert await numbers.tell_due(here, here.clock.now()) == 0
    here.clock.advance(hours=1)
    assert [await numbers.tell_due(here, here.clock.now()) for _ in range(2)] == [1, 0]
    assert await joining.all("number_notices") == []
    [message] = [row for row in await joining.all("messages") if row["purpose"] == "number_notice"]
    assert message["phone_hint"] == ANNA[-2:]


async def test_a_number_of_another_customer_makes_them_one_after_its_code(here: Context, shop: Shop, manager: Visitor) -> None:
    card, joining = await make_card(here, shop, points=100), Joining(here, shop)
    await make_card(here, shop, phone=BORIS, points=70)
    path = f"/console/cards/{here.ids.encode('card', card.id)}"
    await manager.post(f"{path}/number", {"phone": BORIS, "reason": WHY})
    assert (await manager.post(f"{path}/number/confirm", {"merge": "1"})).status_code == 410
    assert (await manager.post(f"{path}/number/confirm", {"code": await told(joining, BORIS)})).headers["location"] == f"{path}/number"
    assert 'name="merge"' in (await manager.get(f"{path}/number")).text
    assert (await manager.post(f"{path}/number/confirm", {"merge": "1"})).headers["location"] == f"{path}?done=number"
    assert "170 points" in await manager.page(path)
    assert (await customers.find_by_phone(here.db, here.ring, shop.business_id, BORIS)).id == card.customer_id


async def test_without_a_reason_a_code_or_a_card_of_ours_nothing_happens(here: Context, shop: Shop, other_shop: Shop,
                                                                         manager: Visitor) -> None:
    card, theirs = await make_card(here, shop), await make_card(here, other_shop, phone=BORIS)
    path = f"/console/cards/{here.ids.encode('card', card.id)}/number"
    before = await rows(here)
    for form in ({"phone": NEW, "reason": ""}, {"phone": "123", "reason": WHY}, {"phone": ANNA, "reason": WHY}):
        assert (await manager.post(path, form)).status_code == 422, form
    assert (await manager.post(f"{path}/confirm", {"code": "123456"})).status_code == 410
    assert (await manager.get(f"/console/cards/{here.ids.encode('card', theirs.id)}/number")).status_code == 404
    assert await rows(here) == before
