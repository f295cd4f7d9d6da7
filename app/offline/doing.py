"""One operation of a till, done as an online till would have done it: by whom, on which card, with which key."""
from datetime import datetime

import msgspec

from app.cards import service as cards
from app.cards.service import Card
from app.clock import from_ms
from app.coalition import service as coalition
from app.context import Context
from app.devices.service import Device
from app.idempotency import store as idempotency_store
from app.idempotency.rules import Key, KeyReused, fingerprint
from app.offline import rules, store
from app.offline.rules import Conflict, Item
from app.programs import service as programs
from app.sales import service as sales
from app.sales import visits
from app.sales.acts import Outcome
from app.sales.rules import SaleRequest
from app.staff import rules as staff_rules
from app.staff import store as staff_store
from app.web.principal import Principal

PATH = "/till/offline"


async def actor_of(here: Context, device: Device, item: Item) -> Principal:
    """Who was signed in when the operation was made, whoever is now. Raises Conflict where they could not have been."""
    staff_id = here.ids.decode("staff", item.staff) or 0
    row = await staff_store.staff_of(here.db, device.business_id, staff_id)
    if row is None:
        raise Conflict("staff_unknown")
    then = rules.worked(await store.sessions_on(here.db, device.business_id, staff_id, device.id), row["disabled_at"], item.at)
    who = Principal(device.business_id, device.business_id, "staff", staff_id, row["name"], row["role"], device_id=device.id,
                    location_id=(then.location_id if then else None) or device.location_id,
                    **staff_rules.kept(row["role"], row["location_id"], row["program_ids"]))
    if then is None or not who.may("cashier"):
        raise Conflict("staff_elsewhere")
    return who


async def card_of(here: Context, who: Principal, item: Item, now: datetime) -> Card:
    """The one card that the till's text means. Raises Conflict, and TooMany where codes are guessed."""
    country = (await programs.get_business(here.db, who.business_id)).country
    looked = await cards.find_anywhere(here.db, here.ring, who, item.card, country, now)
    if looked.problem:
        raise Conflict(f"card_{looked.problem}")
    if len(looked.cards) != 1:
        raise Conflict("card_several")
    return looked.cards[0]


async def do(here: Context, who: Principal, card: Card, item: Item, device: str, now: datetime, *, at: datetime | None = None,
             is_decided: bool = False) -> Outcome:
    """The sale or the visit. device: its public id; at: another moment than the till's; is_decided: a manager lets it be done although
    the till counted other money. Raises what `sell` and `visit` raise, and Conflict."""
    if card.business_id != who.business_id:
        who = await coalition.acting_for(here.db, who, card.business_id)
    key, at = key_for(who, item, device), at or from_ms(item.at)
    if item.kind == "visit":
        return await visits.visit(here.db, who, card.id, item.visits, key, now, at=at)
    if item.points and not is_decided:
        await check_risk(here, who, card, item)
    request = SaleRequest(card.id, item.amount, item.points, receipt=item.receipt, at=at, confirmed=is_decided,
                          expect_to_pay=None if is_decided else item.to_pay)
    try:
        return await sales.sell(here.db, who, request, key, now)
    except KeyReused:
        if done := await _by_the_form(here, who, card, item, key):
            return done
        raise


async def _by_the_form(here: Context, who: Principal, card: Card, item: Item, key: Key) -> Outcome | None:
    """The very sale, where the till's form had done it online and only its answer was lost; None where the key stands for another."""
    kept = await idempotency_store.find_since(here.db, who.business_id, key.text, 0)
    answer = msgspec.json.decode(kept["answer"]) if kept is not None and kept["status"] is not None else {}
    if "operation" not in answer:
        return None
    first = await sales.get_operation(here.db, who, answer["operation"])
    is_same = (first.kind, first.account_id, first.amount_minor) == (item.kind, card.account_id, item.amount)
    return Outcome(first, True) if is_same else None


def key_for(who: Principal, item: Item, device: str) -> Key:
    """The same as of the form that the till would have sent: where that form's own answer was lost, it is not done twice.

    A coalition remembers the keys of its members apart."""
    text = "till-" + item.key
    if who.business_id != who.acting_business_id:
        text = f"{who.acting_business_id}/{text}"
    return Key(text, fingerprint("POST", PATH, rules.signed_text(device, item)))


async def check_risk(here: Context, who: Principal, card: Card, item: Item) -> None:
    """Raises Conflict where points paid for more than the business lets tills risk without a network."""
    program = await programs.get_program(here.db, card.business_id, card.program_id)
    _, in_force = await programs.rules_at(here.db, program, from_ms(item.at))
    if rules.worth(item.points, in_force) > await store.redeem_most(here.db, who.acting_business_id):
        raise Conflict("over_risk")
