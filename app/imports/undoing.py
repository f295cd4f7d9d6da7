"""One account of a list goes back to what it was, where nobody has used it since."""
from datetime import datetime

from app.cards import service as cards
from app.clock import to_ms
from app.db import Row, Transaction
from app.enrolment import service as enrolment
from app.enrolment import store as enrolment_store
from app.imports import store
from app.imports.store import Import
from app.ledger import operations_store
from app.ledger import service as ledger
from app.ledger.operations import Draft
from app.programs.store import Program
from app.secrets import KeyRing
from app.web.principal import Principal


async def take_back(tx: Transaction, ring: KeyRing, who: Principal, program: Program, found: Import, account_id: int,
                    now: datetime) -> None:
    """All rows of the list that came to this account: the card ends, or a known one gives back balance and old numbers.

    A card that was activated, or an account on which anything else happened, stays as it is, and that is noted for each row. Names,
    tags and levels that a list gave to people who were known stay too: nobody remembers what they were.
    """
    await ledger.lock(tx, found.business_id, [account_id])
    rows = await store.people_of_account(tx, found.business_id, found.id, account_id)
    loads = [row["operation_id"] for row in rows if row["operation_id"] is not None]
    card = await cards.get_card(tx, found.business_id, rows[0]["card_id"])
    is_new = any(row["is_new_card"] for row in rows)
    if (is_new and card.activated_at is not None) or await _is_used(tx, found, account_id, loads, is_new):
        await store.set_people(tx, found.business_id, found.id, account_id, "kept")
        await store.note(tx, found.business_id, found.id, "undo", [(row["row_number"], "mistake", "", "used", {}) for row in rows])
        await _count(tx, found, "kept_rows", len(rows))
        return
    for row in rows:
        for alias in (row["alias"] or "").split("\n"):
            await store.drop_alias(tx, found.business_id, alias, row["card_id"])
    if is_new:
        await _end(tx, ring, who, program, card, rows, now)
    else:
        for operation_id in loads:
            await _take_back(tx, who, program, card, operation_id, now)
    await store.set_people(tx, found.business_id, found.id, account_id, "undone")
    await _count(tx, found, "undone_rows", len(rows))


async def _is_used(tx: Transaction, found: Import, account_id: int, loads: list[int], is_new: bool) -> bool:
    """On a new card anything counts; on one that was there, what happened since the list came."""
    if is_new:
        return await store.uses_of_account(tx, found.business_id, account_id, loads)
    return bool(loads) and await store.used_since(tx, found.business_id, account_id, loads)


async def _end(tx: Transaction, ring: KeyRing, who: Principal, program: Program, card: cards.Card, rows: list[Row], now: datetime) -> None:
    """The card ends, its points go back by entries, and whoever has no other card is forgotten."""
    waiting = next((row["enrolment_id"] for row in rows if row["enrolment_id"] is not None), None)
    pending = await enrolment_store.find(tx, card.business_id, waiting) if waiting is not None else None
    if pending is not None and pending.status == "pending" and pending.card_id == card.id:
        await enrolment.end(tx, ring, who, pending, "cancelled", now)
        return
    await ledger.return_points(tx, who, program, card, now)
    await cards.end(tx, card, "expired", now)
    await cards.forget_cardless(tx, card.business_id, card.customer_id, now)


async def _take_back(tx: Transaction, who: Principal, program: Program, card: cards.Card, operation_id: int, now: datetime) -> None:
    """The lots of an opening balance, by entries the other way round."""
    given = await operations_store.find_operation(tx, card.business_id, operation_id)
    assert given is not None
    purses = await ledger.purses_of(tx, card.account_id, now, now, (program.rules.unit, "stamps"))
    for change in given.changes:
        own = [lot.id for lot in await ledger.made_by(tx, operation_id, change.unit)]
        purses[change.unit].take_back(change.amount, own, owe=False, book="adjusted")
    draft = Draft("adjustment", program.id, card.account_id, card.id, to_ms(now), program.rules_version, texts={"reason": "import"})
    await ledger.post(tx, who, draft, purses, now)


async def _count(tx: Transaction, found: Import, name: str, rows: int) -> None:
    await store.count_more(tx, found, name, rows)
