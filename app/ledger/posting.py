"""Writing an operation: its row, texts, receipt, lots, entries, balances, link of the chain, update and event."""
import os
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import msgspec

from app.clock import from_ms, to_ms
from app.db import Transaction
from app.errors import Refused
from app.ledger import chain, chain_store, store
from app.ledger.operations import Change, Draft, Operation, changes_of
from app.ledger.rules import Leg, Purse, Purses
from app.text import N_
from app.updates import service as updates
from app.web.principal import Principal

_encode = msgspec.json.Encoder().encode
LIVE = ("active", "provisional", "blocked")
OPERATION_CREATED = "operation.created"
UNSEALED = "operations"        # channel: operations wait to be sealed


class ReceiptUsed(Refused):
    """The receipt's number was rung up already at this location today."""

    code, detail = "receipt_already_used", N_("The receipt %(receipt)s was used here on %(day)s already.")


class HasAccount(Protocol):
    """A card, seen from here."""

    @property
    def id(self) -> int: ...
    @property
    def account_id(self) -> int: ...


class Receipt(NamedTuple):
    """A receipt's number counts once per location (None: none) and local day, among its kind ("sale" or "refund")."""

    number: str
    location_id: int | None
    local_day: str
    kind: str


async def post(tx: Transaction, who: Principal, draft: Draft, purse: Purse | Purses, now: datetime,
               receipt: Receipt | None = None) -> Operation:
    """Write an operation with the legs of one purse, or of all of an account that the caller has locked; also its update and its event.

    Lots and entries stand in the order of the purses: the programme's unit first, then the others by name. Raises ReceiptUsed.
    """
    purses = [purse] if isinstance(purse, Purse) else purse.in_order
    # The server's own acts need no name: their actor_kind says it, and an expiry writes a million of them.
    texts = {**(draft.texts or {}), **({"actor": who.name} if who.name and who.kind != "system" else {})}
    content = _encode(texts).decode() if texts else None
    salt = os.urandom(16)
    hash_of_texts = chain.text_hash(salt, content) if content else None
    values = values_of(who, draft, to_ms(now), hash_of_texts)
    operation_id = values["id"] = await store.insert_operation(tx, values)
    if receipt is not None:
        await _claim_receipt(tx, who.business_id, operation_id, receipt)
    if content:
        await store.insert_texts(tx, operation_id, who.business_id, salt, content)
    lots, entries = await _move(tx, values, purses)
    sealed = await _seal(tx, values, hash_of_texts, entries, lots)
    for card_id, status in await store.cards_of(tx, who.business_id, draft.account_id):
        # In the same commit: a balance that changes without an update leaves a stale pass in a pocket.
        if status in LIVE:
            await updates.append(tx, who.business_id, card_id, now)
    await updates.emit(tx, who.business_id, OPERATION_CREATED, now, card_id=draft.card_id, operation_id=operation_id)
    balances = {**purse.stored, purse.unit: purse.balance} if isinstance(purse, Purse) else purse.balances
    return _operation(values, texts, changes_of(draft.kind, purses), balances, sealed)


def values_of(who: Principal, draft: Draft, now_ms: int, hash_of_texts: bytes | None) -> dict[str, Any]:
    """The row of an operation, without its id."""
    return {
        "business_id": who.business_id, "acting_business_id": who.acting_business_id, "program_id": draft.program_id,
        "account_id": draft.account_id, "card_id": draft.card_id, "location_id": draft.location_id, "kind": draft.kind,
        "of_operation_id": draft.of_operation_id, "at": draft.at_ms, "recorded_at": now_ms, "rules_version": draft.rules_version,
        "amount_minor": draft.amount_minor, "discount_minor": draft.discount_minor, "spent_minor": draft.spent_minor,
        "to_pay_minor": draft.to_pay_minor, "pay_back_minor": draft.pay_back_minor, "shortfall": draft.shortfall,
        "actor_kind": who.kind, "actor_id": who.id, "text_hash": hash_of_texts}


async def _claim_receipt(tx: Transaction, business_id: int, operation_id: int, receipt: Receipt) -> None:
    free = await store.claim_receipt(tx, {
        "business_id": business_id, "location_id": receipt.location_id or 0, "local_day": receipt.local_day, "kind": receipt.kind,
        "number": receipt.number, "operation_id": operation_id})
    if not free:
        raise ReceiptUsed(params={"receipt": receipt.number, "day": receipt.local_day})


async def _move(tx: Transaction, values: dict[str, Any],
                purses: Sequence[Purse]) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Write lots, entries and balances; gives the made lots and the entries as the chain covers them."""
    lots: list[tuple[Any, ...]] = []
    entries: list[tuple[Any, ...]] = []
    changed: list[tuple[int, int]] = []
    for purse in purses:
        moved = _moved(purse.legs)
        made = await _make_lots(tx, values, purse, moved, lots) if purse.grants else {}
        changed += [(lot, amount) for lot, amount in moved.items() if amount]
        for leg in purse.legs:
            for lot, amount in leg.parts:
                entries.append((len(entries) + 1, values["account_id"], "account", purse.unit, amount, made.get(lot, lot)))
            # Also where it is zero (points that only moved within the account): it ends the leg for whoever reads the entries.
            entries.append((len(entries) + 1, None, leg.book, purse.unit, -leg.amount, None))
        if total := sum([leg.amount for leg in purse.legs]):
            await store.change_balance(tx, values["account_id"], purse.unit, total)
    if changed:
        await store.change_lots(tx, changed)
    if entries:
        await store.insert_entries(tx, values["id"], values["business_id"], entries)
    return lots, entries


async def _make_lots(tx: Transaction, values: dict[str, Any], purse: Purse, moved: dict[int, int],
                     lots: list[tuple[Any, ...]]) -> dict[int, int]:
    """Write a purse's grants, take them out of `moved` and add them to `lots`; gives their ids by their numbers."""
    rows = [{
        "business_id": values["business_id"], "account_id": values["account_id"], "unit": purse.unit, "operation_id": values["id"],
        "granted": grant.amount, "remaining": moved.pop(-number), "expires_at": grant.expires_at,
        "created_at": values["at"] if grant.created_at is None else grant.created_at,
        "available_at": grant.available_at, "moved_from": grant.moved_from, "rule": grant.rule}
        for number, grant in enumerate(purse.grants, 1)]
    made: dict[int, int] = {}
    for number, (row, lot_id) in enumerate(zip(rows, await store.insert_lots(tx, rows), strict=True), 1):
        made[-number] = lot_id
        lots.append(chain.lot_row(lot_id, purse.unit, row["granted"], row["expires_at"], row["created_at"], row["available_at"],
                                  row["moved_from"]))
    return made


def _moved(legs: Sequence[Leg]) -> dict[int, int]:
    """How much each lot gained or lost over all legs."""
    moved: dict[int, int] = {}
    for leg in legs:
        for lot, amount in leg.parts:
            moved[lot] = moved.get(lot, 0) + amount
    return moved


async def _seal(tx: Transaction, values: dict[str, Any], hash_of_texts: bytes | None, entries: Sequence[Any],
                lots: Sequence[Any]) -> bytes | None:
    """On SQLite the link is part of the commit; on PostgreSQL a runner makes it, because a head is a row that all would wait for."""
    if tx.engine != "sqlite":
        tx.notify(UNSEALED)
        return None
    seq, before = await chain_store.head(tx, values["business_id"])
    sealed = chain.seal(before, seq + 1, [values[field] for field in chain.OPERATION_FIELDS], hash_of_texts, entries, lots)
    await chain_store.insert_links(tx, [
        {"business_id": values["business_id"], "seq": seq + 1, "operation_id": values["id"], "hash": sealed}])
    return sealed


def _operation(values: dict[str, Any], texts: dict[str, Any], changes: tuple[Change, ...], balances: dict[str, int],
               sealed: bytes | None) -> Operation:
    shown = {name: value for name, value in values.items() if name != "text_hash"}
    shown["recorded_at"] = from_ms(values["recorded_at"])
    shown["at"] = shown["recorded_at"] if values["at"] == values["recorded_at"] else from_ms(values["at"])
    return Operation(**shown, texts=texts, changes=changes, balances=balances, hash=sealed)
