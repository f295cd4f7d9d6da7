"""What ended is taken, account by account, a page of accounts a transaction: each step of a page is one statement for all of it."""
import time
from asyncio import sleep
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.ledger import chain, chain_store, expiry_store, store
from app.ledger.operations import Draft
from app.ledger.posting import LIVE, OPERATION_CREATED, UNSEALED, values_of
from app.programs import service as programs
from app.updates import service as updates
from app.web.principal import system

CHUNK = 50                     # lots, and at most as many accounts, of one transaction: some milliseconds of the writer


class _Ended(NamedTuple):
    """An expiry that is to be written: the row of its operation, what it takes (unit → (lot, amount)), and the cards to tell."""

    row: dict[str, Any]
    lots: dict[str, list[tuple[int, int]]]
    told: list[int]


async def expire_due(db: Database, now: datetime) -> int:
    """Take what ended from every account, one operation each; returns how many.

    Nothing is spendable after its end, whether or not this ran. Safe to run twice, and at once with tills: while others write, it rests
    after each page for as long as the page took.
    """
    posted, after = 0, (0, 0)
    while due := await expiry_store.due(db, to_ms(now), after, CHUNK):
        after = due[-1]
        accounts = sorted({account_id for _, account_id in due})
        written, started = db.written, time.perf_counter()
        posted += await write_transaction(db, lambda tx, accounts=accounts: _expire(tx, accounts, now))  # type: ignore[misc]
        if db.written > written + 1:
            await sleep(time.perf_counter() - started)
    return posted


async def _expire(tx: Transaction, accounts: Sequence[int], now: datetime) -> int:
    rows = await expiry_store.lock_accounts(tx, accounts)
    lots: dict[int, list[Any]] = defaultdict(list)
    for lot in await expiry_store.ended_lots(tx, accounts, to_ms(now)):
        lots[lot["account_id"]].append(lot)
    cards: dict[int, list[Any]] = defaultdict(list)
    for card in await expiry_store.cards_of(tx, accounts):
        cards[card["account_id"]].append(card)
    offered: dict[int, programs.Program] = {}
    for row in rows:
        if row["program_id"] not in offered:
            offered[row["program_id"]] = await programs.get_program(tx, row["business_id"], row["program_id"])
    # A merge or a sale may have been faster, since the accounts were looked for.
    ended = [_ended(row, offered[row["program_id"]], lots[row["id"]], cards[row["id"]], now)
             for row in rows if lots[row["id"]] and cards[row["id"]]]
    if ended:
        await _write(tx, ended, now)
    return len(ended)


def _ended(account: Any, program: programs.Program, lots: Sequence[Any], cards: Sequence[Any], now: datetime) -> _Ended:
    draft = Draft("expiry", program.id, account["id"], cards[-1]["id"], to_ms(now), program.rules_version)
    units: dict[str, list[tuple[int, int]]] = {}
    for lot in sorted(lots, key=lambda lot: (lot["unit"] != program.rules.unit, lot["unit"], lot["id"])):
        units.setdefault(lot["unit"], []).append((lot["id"], lot["remaining"]))
    return _Ended(values_of(system(account["business_id"]), draft, to_ms(now), None), units,
                  [card["id"] for card in cards if card["status"] in LIVE])


async def _write(tx: Transaction, ended: Sequence[_Ended], now: datetime) -> None:
    for one, operation_id in zip(ended, await expiry_store.new_ids(tx, len(ended)), strict=True):
        one.row["id"] = operation_id
    await expiry_store.insert_operations(tx, [one.row for one in ended])
    await expiry_store.empty_lots(tx, [lot for one in ended for lots in one.lots.values() for lot, _ in lots])
    entries = [_entries(one) for one in ended]
    await store.insert_all_entries(tx, [(one.row["id"], one.row["business_id"], entry)
                                        for one, its in zip(ended, entries, strict=True) for entry in its])
    await expiry_store.change_balances(tx, [(one.row["account_id"], unit, -sum([amount for _, amount in lots]))
                                            for one in ended for unit, lots in one.lots.items()])
    await _seal(tx, ended, entries)
    await updates.append_many(tx, [(one.row["business_id"], card_id) for one in ended for card_id in one.told], now)
    await updates.emit_many(tx, OPERATION_CREATED, [
        (one.row["business_id"], one.row["card_id"], one.row["id"], None) for one in ended], now)


def _entries(one: _Ended) -> list[tuple[Any, ...]]:
    """As `posting` writes them: of each unit the account's side lot by lot, then the business's."""
    entries: list[tuple[Any, ...]] = []
    for unit, lots in one.lots.items():
        for lot, amount in lots:
            entries.append((len(entries) + 1, one.row["account_id"], "account", unit, -amount, lot))
        entries.append((len(entries) + 1, None, "expired", unit, sum([amount for _, amount in lots]), None))
    return entries


async def _seal(tx: Transaction, ended: Sequence[_Ended], entries: Sequence[Sequence[Any]]) -> None:
    """On SQLite the links are part of the commit; see `posting`."""
    if tx.engine != "sqlite":
        tx.notify(UNSEALED)
        return
    heads: dict[int, tuple[int, bytes]] = {}
    links = []
    for one, its in zip(ended, entries, strict=True):
        business_id = one.row["business_id"]
        seq, before = heads.get(business_id) or await chain_store.head(tx, business_id)
        sealed = chain.seal(before, seq + 1, [one.row[field] for field in chain.OPERATION_FIELDS], None, its, ())
        heads[business_id] = seq + 1, sealed
        links.append({"business_id": business_id, "seq": seq + 1, "operation_id": one.row["id"], "hash": sealed})
    await chain_store.insert_links(tx, links)
