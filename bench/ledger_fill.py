"""A large ledger made quickly: rows as the services write them, chain and all, put in by the thousand into a SQLite file.

`python -m bench.ledger_fill FILE CARDS OPERATIONS` makes one to look at; the benches call `fill`.
"""
import os
import random
import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from app.clock import to_ms
from app.ledger import chain
from app.programs.rules import ProgramRules, dump
from app.schema import migrate

RULES = ProgramRules(earn_points=5, earn_per_minor=10_000, worth_minor=100, largest_share_bp=5_000, lot_days=365)
START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC) - timedelta(days=300)
DAY_MS = 86_400_000
AT_ONCE = 20_000
_INSERT = {
    "accounts": "INSERT INTO accounts(id, business_id, program_id, created_at) VALUES (?, ?, ?, ?)",
    "cards": "INSERT INTO cards(id, business_id, program_id, account_id, number, code, status, source, created_at)"
             " VALUES (?, ?, ?, ?, ?, ?, 'active', 'api', ?)",
    "operations": "INSERT INTO operations(id, business_id, acting_business_id, program_id, account_id, card_id, location_id, kind,"
                  " of_operation_id, at, recorded_at, rules_version, amount_minor, discount_minor, spent_minor, to_pay_minor,"
                  " pay_back_minor, shortfall, actor_kind, actor_id, text_hash) VALUES (" + ", ".join("?" * 21) + ")",
    "operation_texts": "INSERT INTO operation_texts(operation_id, business_id, salt, content) VALUES (?, ?, ?, ?)",
    "lots": "INSERT INTO lots(id, business_id, account_id, unit, operation_id, granted, remaining, expires_at, created_at)"
            " VALUES (?, ?, ?, 'points', ?, ?, ?, ?, ?)",
    "entries": "INSERT INTO entries(operation_id, line, business_id, account_id, book, unit, amount, lot_id)"
               " VALUES (?, ?, ?, ?, ?, 'points', ?, ?)",
    "chain": "INSERT INTO chain(business_id, seq, operation_id, hash) VALUES (?, ?, ?, ?)",
    "balances": "INSERT INTO balances(account_id, unit, amount) VALUES (?, 'points', ?)",
}


class Filled(NamedTuple):
    """One business in the file; card and account ids run from first_card on, equal to each other's."""

    business_id: int
    program_id: int
    location_id: int
    first_card: int
    cards: int


class _Shop:
    """What the rows of one business need while they are made."""

    def __init__(self, filled: Filled) -> None:
        self.filled = filled
        self.head, self.seq = chain.FIRST, 0
        self.lots: dict[int, list[list[int]]] = {}      # account → [lot, left]


def fill(path: str, cards: int, operations: int, businesses: int = 1, *, days: int | None = 365, redeem_every: int = 5,
         first_id: int = 1, seed: int = 1) -> list[Filled]:
    """Make the file, or add to it, so many cards and operations in all.

    days: the life of each lot; redeem_every: each such sale is paid with points in part, 0: none; first_id: of new rows, above
    every one that there is.
    """
    migrate.upgrade(f"sqlite:///{path}")
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "foreign_keys=OFF", "cache_size=-200000"):
        connection.execute(f"PRAGMA {pragma}").close()
    dice, first = random.Random(seed), first_id
    shops = []
    for number in range(businesses):
        share = cards // businesses + (number < cards % businesses)
        shops.append(_Shop(_shop(connection, number, first, share)))
        first += share
    _operations(connection, shops, operations, first_id, days, redeem_every, dice)
    connection.execute("PRAGMA journal_mode=WAL").close()
    connection.close()
    return [shop.filled for shop in shops]


def _shop(connection: sqlite3.Connection, number: int, first: int, cards: int) -> Filled:
    since = to_ms(START) - 2 * DAY_MS

    def row(text: str, *values: Any) -> int:
        return connection.execute(text, values).fetchone()[0]

    connection.execute("BEGIN")
    business = row("INSERT INTO businesses(slug, name, country, currency, time_zone, language, created_at)"
                   " VALUES (?, 'Coffee corner', 'RU', 'RUB', 'Europe/Moscow', 'ru', ?) RETURNING id", f"shop-{number}", since)
    location = row("INSERT INTO locations(business_id, name, created_at) VALUES (?, 'Pushkin Street', ?) RETURNING id", business, since)
    program = row("INSERT INTO programs(business_id, slug, kind, name, number_prefix, rules_version, design_version, created_at)"
                  " VALUES (?, 'points', 'points', 'Points', '472', 1, 1, ?) RETURNING id", business, since)
    connection.execute("INSERT INTO rules_versions(business_id, program_id, version, rules, created_at, created_by)"
                       " VALUES (?, ?, 1, ?, ?, 'bench')", (business, program, dump(RULES), since))
    connection.execute("INSERT INTO design_versions(business_id, program_id, version, template, content, created_at, created_by)"
                       " VALUES (?, ?, 1, 'points', '{}', ?, 'bench')", (business, program, since))
    ids = range(first, first + cards)       # accounts and cards have the same
    connection.executemany(_INSERT["accounts"], ((account, business, program, since) for account in ids))
    connection.executemany(_INSERT["cards"], (
        (card, business, program, card, f"472{card:013d}", f"9{card:015d}", since) for card in ids))
    connection.execute("COMMIT")
    return Filled(business, program, location, first, cards)


def _operations(connection: sqlite3.Connection, shops: list[_Shop], operations: int, first_id: int, days: int | None,
                redeem_every: int, dice: random.Random) -> None:
    """Sales in the order of time."""
    step = 299 * DAY_MS // max(operations, 1)
    rows: dict[str, list[Any]] = {table: [] for table in _INSERT}
    for number in range(operations):
        shop = shops[number % len(shops)]
        account = shop.filled.first_card + dice.randrange(shop.filled.cards)
        redeems = bool(redeem_every) and number % redeem_every == 0
        _sale(rows, shop, first_id + number, account, to_ms(START) + number * step, days, redeems, dice)
        if (number + 1) % AT_ONCE == 0:
            _write(connection, rows)
    _settle(connection, rows, shops)


def _sale(rows: dict[str, list[Any]], shop: _Shop, number: int, account: int, at: int, days: int | None, redeems: bool,
          dice: random.Random) -> None:
    amount = 100 * dice.randrange(100, 3_000)
    lots, entries, spent = shop.lots.setdefault(account, []), [], 0
    if redeems and lots:
        parts = [(lot, left) for lot, left in lots[:2] if left]
        for lot, left in parts:
            entries.append((len(entries) + 1, account, "account", "points", -left, lot))
            spent += left
        if spent:
            entries.append((len(entries) + 1, None, "redeemed", "points", spent, None))
            del lots[:len(parts)]
            rows["spent"] = rows.get("spent", [])
            rows["spent"] += [(lot,) for lot, _ in parts]
    earned = max(1, 5 * (amount - spent) // 10_000)
    end = None if days is None else at + days * DAY_MS
    lots.append([number, earned])
    line = len(entries) + 1
    entries += [(line, account, "account", "points", earned, number), (line + 1, None, "issued", "points", -earned, None)]
    salt, content = os.urandom(16), f'{{"receipt":"A-{number}","actor":"till 2"}}'
    hashed = chain.text_hash(salt, content)
    operation = [number, shop.filled.business_id, shop.filled.business_id, shop.filled.program_id, account, account,
                 shop.filled.location_id, "sale", None, at, at, 1, amount, 0, spent * 100, amount - spent * 100, 0, 0, "api_key", 1]
    shop.seq += 1
    shop.head = chain.seal(shop.head, shop.seq, operation, hashed, entries, [(number, "points", earned, end, at)])
    rows["operations"].append((*operation, hashed))
    rows["operation_texts"].append((number, shop.filled.business_id, salt, content))
    rows["lots"].append((number, shop.filled.business_id, account, number, earned, earned, end, at))
    rows["entries"] += [(number, line, shop.filled.business_id, whose, book, moved, lot) for line, whose, book, _, moved, lot in entries]
    rows["chain"].append((shop.filled.business_id, shop.seq, number, shop.head))


def _write(connection: sqlite3.Connection, rows: dict[str, list[Any]]) -> None:
    spent = rows.pop("spent", [])
    connection.execute("BEGIN")
    for table, text in _INSERT.items():
        connection.executemany(text, rows[table])
        rows[table].clear()
    connection.executemany("UPDATE lots SET remaining = 0 WHERE id = ?", spent)
    connection.execute("COMMIT")


def _settle(connection: sqlite3.Connection, rows: dict[str, list[Any]], shops: list[_Shop]) -> None:
    for shop in shops:
        rows["balances"] += [(account, sum(left for _, left in lots)) for account, lots in shop.lots.items()]
    _write(connection, rows)


if __name__ == "__main__":
    fill(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
