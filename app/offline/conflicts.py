"""What tills did without a network and the server would not do by itself: a manager lets it be done, or closes it and says why."""
from datetime import datetime
from typing import Any

from app.audit import service as audit
from app.cards import service as cards
from app.cards.rules import Card, tidy
from app.clock import from_ms, to_ms
from app.context import Context
from app.db import Transaction, write_transaction
from app.devices import service as devices
from app.errors import FieldError, Invalid, NotFound, Refused
from app.ledger.operations import Operation
from app.money import MAX_AMOUNT
from app.offline import doing, rules, service, store
from app.offline.rules import Conflict, Item
from app.offline.store import ItemRow
from app.text import N_
from app.web.principal import Principal

REASON = "offline.reason"
# Nobody knows what these were, or whether they were.
NEVER = frozenset(("signature", "gap", "own_card"))
SHOWN, SHOWN_DECIDED = 200, 30


class NotToApply(Refused):
    code, detail = "not_to_apply", N_("This cannot be done any more. Close it, and say what you found out.")


class DecidedAlready(Refused):
    code, detail = "decided_already", N_("Somebody decided this already.")


def can_apply(row: ItemRow) -> bool:
    return row.why not in NEVER and row.body_sealed is not None


async def apply(here: Context, who: Principal, item_id: int, now: datetime) -> Operation:
    """Do it after all, as it would be done now: under the cashier who acted where that is believed, else under the manager.

    Raises NotFound, DecidedAlready, NotToApply, and whatever still stands against it.
    """
    row = await _open(here, who, item_id)
    if not can_apply(row):
        raise NotToApply()
    item, device = service.item_of(here, row), await devices.get(here.db, who.business_id, row.device_id)
    try:
        actor = await doing.actor_of(here, device, item)
    except Conflict:
        actor = Principal(who.business_id, who.business_id, who.kind, who.id, who.name, who.role, location_id=device.location_id)
    try:
        card = await _card_now(here, actor, item, now)
    except Conflict as unknown:
        raise NotToApply() from unknown
    public_id, at = here.ids.encode("device", device.id), rules.decided_at(from_ms(item.at), now)
    done = await doing.do(here, actor, card, item, public_id, now, at=at, is_decided=True)

    async def act(tx: Transaction) -> None:
        await _decide(tx, who, row, {"state": "applied", "operation_id": done.operation.id, "reason_sealed": None}, now)
        await audit.record(tx, who, "offline.applied", "operation", done.operation.id, {"number": row.counter, "why": row.why}, now=now)

    await write_transaction(here.db, act)
    return done.operation


async def dismiss(here: Context, who: Principal, item_id: int, reason: str, now: datetime) -> None:
    """Close it: nothing is done, and the reason stays with it. Raises NotFound, DecidedAlready, Invalid (field reason)."""
    reason = rules.check_reason(reason)
    row = await _open(here, who, item_id)
    sealed = here.ring.seal_text(REASON, reason, str(row.device_id).encode())

    async def act(tx: Transaction) -> None:
        await _decide(tx, who, row, {"state": "dismissed", "operation_id": None, "reason_sealed": sealed}, now)
        # The words stay with the row, where an erasure empties them.
        await audit.record(tx, who, "offline.dismissed", "offline_item", row.id, {"number": row.counter, "why": row.why}, now=now)

    await write_transaction(here.db, act)


async def _open(here: Context, who: Principal, item_id: int) -> ItemRow:
    row = await store.get(here.db, who.business_id, item_id)
    if row is None:
        raise NotFound()
    if row.state != "conflict":
        raise DecidedAlready()
    return row


async def _decide(tx: Transaction, who: Principal, row: ItemRow, values: dict[str, Any], now: datetime) -> None:
    if await store.decide(tx, who.business_id, row.id, {**values, "at": to_ms(now), "by": who.id}) is None:
        raise DecidedAlready()


async def _card_now(here: Context, who: Principal, item: Item, now: datetime) -> Card:
    """The card that the shopper has today in place of the one that was scanned."""
    retired = await store.card_of_retired(here.db, who.business_id, tidy(item.card)[:16])
    card = await cards.get_card(here.db, who.business_id, retired) if retired else await doing.card_of(here, who, item, now)
    while card.status == "replaced" and card.replaced_by is not None:
        card = await cards.get_card(here.db, card.business_id, card.replaced_by)
    return card


def reason_of(here: Context, row: ItemRow) -> str:
    """Why it was closed; empty where nobody had to say."""
    return here.ring.open_text(REASON, row.reason_sealed, str(row.device_id).encode()) if row.reason_sealed else ""


async def choose_risk(here: Context, who: Principal, minor: int, now: datetime) -> None:
    """What points may pay of a receipt at a till without a network, minor units; 0: nothing. Raises Invalid (field risk)."""
    if not 0 <= minor <= MAX_AMOUNT:
        raise Invalid(fields=[FieldError("risk", "amount", N_("Type an amount, or 0 for never."))])

    async def act(tx: Transaction) -> None:
        if await store.redeem_most(tx, who.business_id) == minor:
            return
        await store.set_redeem_most(tx, who.business_id, minor, to_ms(now))
        await audit.record(tx, who, "business.offline_risk", details={"minor": minor}, now=now)

    await write_transaction(here.db, act)
