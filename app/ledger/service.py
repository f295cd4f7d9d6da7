"""What can be done with points, inside the caller's transaction: lock an account, read its purse, post an operation."""
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

import msgspec

from app.clock import from_ms, to_ms
from app.db import Database, Transaction, write_transaction
from app.errors import Refused
from app.ledger import chain, chain_store, rules, store
from app.ledger.operations import Draft, Operation, changes_of
from app.ledger.rules import POINTS, Leg, Lot, NotEnoughPoints, Purse
from app.ledger.store import Reader, drawn_by, expired_of, made_by
from app.programs import service as programs
from app.text import N_
from app.updates import service as updates
from app.web.principal import Principal, system

__all__ = ["Draft", "Lot", "NotEnoughPoints", "Operation", "Purse", "Receipt", "ReceiptUsed", "balances", "drawn_by", "expire_due",
           "expired_of", "expiring", "lock", "made_by", "open_account", "post", "purse_of", "return_points", "settle", "welcome"]

_encode = msgspec.json.Encoder().encode
LIVE = ("active", "provisional", "blocked")
CHUNK = 20                     # accounts of one transaction of the expiry: a few milliseconds of the writer
OPERATION_CREATED = "operation.created"
UNSEALED = "operations"        # channel: operations wait to be sealed


class ReceiptUsed(Refused):
    """The receipt's number was rung up already at this location today."""

    code, detail = "receipt_already_used", N_("The receipt %(receipt)s was used here on %(day)s already.")


class Receipt(NamedTuple):
    """A receipt's number counts once per location (None: none) and local day, among its kind ("sale" or "refund")."""

    number: str
    location_id: int | None
    local_day: str
    kind: str


class Expiring(NamedTuple):
    """Points that end together, and when."""

    unit: str
    amount: int
    at: datetime


class HasAccount(Protocol):
    """A card, seen from here."""

    @property
    def id(self) -> int: ...
    @property
    def account_id(self) -> int: ...


async def lock(tx: Transaction, business_id: int, account_ids: Sequence[int]) -> bool:
    """From here on nobody else changes these accounts before `tx` ends. Call it before reading them.

    Returns whether it may have waited, so that what was read before (a card's state) may be old: never on SQLite.
    """
    if tx.engine == "sqlite":
        return False
    for account_id in sorted(account_ids):
        await store.lock(tx, business_id, account_id)
    return True


async def open_account(tx: Transaction, business_id: int, program_id: int, customer_id: int | None, now: datetime) -> int:
    """A customer's account in a programme: the one there is, else a new one; without a customer always a new one."""
    return await store.open_account(tx, business_id, program_id, customer_id, to_ms(now))


async def balances(reader: Reader, account_id: int) -> dict[str, int]:
    """What each unit stands at; a unit that was never moved is missing."""
    return await store.balances(reader, account_id)


async def expiring(reader: Reader, account_id: int, now: datetime, *, within: timedelta = timedelta(days=60),
                   limit: int = 10) -> list[Expiring]:
    """The points that end within a time, soonest first."""
    rows = await store.expiring(reader, account_id, to_ms(now), to_ms(now + within), limit)
    return [Expiring(POINTS, row["amount"], from_ms(row["expires_at"])) for row in rows]


async def purse_of(reader: Reader, account_id: int, at: datetime, now: datetime) -> Purse:
    """The account's lots, to be judged at `at`; where that is before `now`, with what ended in between."""
    lots = await store.lots_of(reader, account_id)
    at_ms, now_ms = to_ms(at), to_ms(now)
    ended = await store.ended_since(reader, account_id, at_ms, now_ms) if at_ms < now_ms else ()
    return Purse(lots, at_ms, ended)


async def settle(tx: Transaction, who: Principal, purse: Purse, program: programs.Program, account_id: int, card_id: int,
                 now: datetime) -> None:
    """Take from a locked account what ended before the purse's moment, as an operation of its own, whether or not the job ran."""
    if purse.expire():
        draft = Draft("expiry", program.id, account_id, card_id, purse.at_ms, program.rules_version)
        await post(tx, system(who.business_id), draft, purse, now)
        purse.next_operation()


async def welcome(tx: Transaction, who: Principal, program: programs.Program, card: HasAccount, now: datetime) -> Operation | None:
    """The programme's welcome points, an operation like any other; None where it gives none."""
    if not program.rules.welcome_points:
        return None
    await lock(tx, program.business_id, [card.account_id])
    purse = await purse_of(tx, card.account_id, now, now)
    purse.earn(program.rules.welcome_points, rules.end_of_lot(now, program.rules.lot_days, program.time_zone))
    return await post(tx, who, Draft("welcome", program.id, card.account_id, card.id, to_ms(now), program.rules_version), purse, now)


async def return_points(tx: Transaction, who: Principal, program: programs.Program, card: HasAccount, now: datetime) -> Operation | None:
    """Everything goes back by entries: a provisional card ended without having been anybody's. None where it held nothing."""
    await lock(tx, program.business_id, [card.account_id])
    purse = await purse_of(tx, card.account_id, now, now)
    purse.give_up()
    if not purse.legs:
        return None
    return await post(tx, who, Draft("return", program.id, card.account_id, card.id, to_ms(now), program.rules_version), purse, now)


async def expire_due(db: Database, now: datetime) -> int:
    """Take ended points from every account, some accounts a transaction; returns how many operations that made.

    Points are not spendable after their end, whether or not this ran.
    """
    posted = 0
    while due := await store.due_accounts(db, to_ms(now), CHUNK):
        posted += await write_transaction(db, lambda tx, due=due: _expire(tx, due, now))  # type: ignore[misc]
    return posted


async def _expire(tx: Transaction, due: Sequence[Any], now: datetime) -> int:
    posted = 0
    for row in due:
        await lock(tx, row["business_id"], [row["account_id"]])
        purse = await purse_of(tx, row["account_id"], now, now)
        if purse.expire():
            program = await programs.get_program(tx, row["business_id"], row["program_id"])
            cards = await store.cards_of(tx, row["business_id"], row["account_id"])
            draft = Draft("expiry", program.id, row["account_id"], cards[0]["id"], to_ms(now), program.rules_version)
            await post(tx, system(row["business_id"]), draft, purse, now)
            posted += 1
    return posted


async def post(tx: Transaction, who: Principal, draft: Draft, purse: Purse, now: datetime, receipt: Receipt | None = None) -> Operation:
    """Write an operation with the purse's legs on an account that the caller has locked; also its update and its event.

    Raises ReceiptUsed.
    """
    texts = {**(draft.texts or {}), **({"actor": who.name} if who.name else {})}
    content = _encode(texts).decode() if texts else None
    salt = os.urandom(16)
    hash_of_texts = chain.text_hash(salt, content) if content else None
    values = _values(who, draft, to_ms(now), hash_of_texts)
    operation_id = values["id"] = await store.insert_operation(tx, values)
    if receipt is not None:
        await _claim_receipt(tx, who.business_id, operation_id, receipt)
    if content:
        await store.insert_texts(tx, operation_id, who.business_id, salt, content)
    lots, entries = await _move(tx, values, purse)
    sealed = await _seal(tx, values, hash_of_texts, entries, lots)
    for card in await store.cards_of(tx, who.business_id, draft.account_id):
        # In the same commit: a balance that changes without an update leaves a stale pass in a pocket.
        if card["status"] in LIVE:
            await updates.append(tx, who.business_id, card["id"], now)
    await updates.emit(tx, who.business_id, OPERATION_CREATED, now, card_id=draft.card_id, operation_id=operation_id)
    return _operation(values, texts, draft, purse, sealed)


def _values(who: Principal, draft: Draft, now_ms: int, hash_of_texts: bytes | None) -> dict[str, Any]:
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


async def _move(tx: Transaction, values: dict[str, Any], purse: Purse) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Write lots, entries and balance; gives the made lots and the entries as the chain covers them."""
    operation_id, business_id, account_id = values["id"], values["business_id"], values["account_id"]
    made: dict[int, int] = {}
    lots, moved = [], _moved(purse.legs)
    for number, grant in enumerate(purse.grants, 1):
        made[-number] = await store.insert_lot(tx, {
            "business_id": business_id, "account_id": account_id, "unit": POINTS, "operation_id": operation_id, "granted": grant.amount,
            "remaining": moved.pop(-number), "expires_at": grant.expires_at, "created_at": values["at"]})
        lots.append((made[-number], POINTS, grant.amount, grant.expires_at, values["at"]))
    if any(moved.values()):
        await store.change_lots(tx, [(lot, amount) for lot, amount in moved.items() if amount])
    entries: list[tuple[Any, ...]] = []
    for leg in purse.legs:
        for lot, amount in leg.parts:
            entries.append((len(entries) + 1, account_id, "account", POINTS, amount, made.get(lot, lot)))
        entries.append((len(entries) + 1, None, leg.book, POINTS, -leg.amount, None))
    if entries:
        await store.insert_entries(tx, operation_id, business_id, entries)
    if total := sum(leg.amount for leg in purse.legs):
        await store.change_balance(tx, account_id, POINTS, total)
    return lots, entries


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


def _operation(values: dict[str, Any], texts: dict[str, Any], draft: Draft, purse: Purse, sealed: bytes | None) -> Operation:
    shown = {name: value for name, value in values.items() if name != "text_hash"}
    shown["recorded_at"] = from_ms(values["recorded_at"])
    shown["at"] = shown["recorded_at"] if values["at"] == values["recorded_at"] else from_ms(values["at"])
    return Operation(**shown, texts=texts, changes=changes_of(draft.kind, purse), balances={POINTS: purse.balance}, hash=sealed)
