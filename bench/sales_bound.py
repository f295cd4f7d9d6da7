"""The bound of V3: the very statements of a sale, replayed by plain sqlite3 in one thread, many sales a commit.

One sale of ours is recorded as it runs through its session: each text with its values. The replay runs the same texts in the
same order; a value that came from an earlier result (an operation's id, a lot's) is taken from that result again, so every
row, index and page is touched as in the original. What any program has to do besides (judge, hash, JSON) is done as well.
"""
import itertools
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from app.db.sqlite import SQLiteTransaction
from app.ledger import chain
from app.money import MAX_AMOUNT
from app.programs.rules import ProgramRules
from app.sales.judgement import Receipt
from app.sales.judging import judge
from app.standing.rules import Standing

PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY", "cache_size=-32000", "wal_autocheckpoint=4000")
SMALLEST_ID = 1_000       # ids of the bench begin above it, so that a small number is never taken for one
Resolver = Callable[[list[Any]], Any]


@dataclass
class Statement:
    """One recorded statement: how it was run, its text, its values (many of them for `executemany`), what it gave."""

    method: str
    query: str
    values: Any
    result: Any = None


@contextmanager
def recording() -> Iterator[list[Statement]]:
    """Every statement that runs meanwhile, in order."""
    found: list[Statement] = []
    original = SQLiteTransaction._write

    def write(self: SQLiteTransaction, take: Any, query: str, values: Any) -> Any:
        method = "executemany" if take is None else "fetchall" if take is sqlite3.Cursor.fetchall else "fetchone"
        result = original(self, take, query, values)
        found.append(Statement(method, query, values, result))
        return result
    SQLiteTransaction._write = write  # type: ignore[method-assign]
    try:
        yield found
    finally:
        SQLiteTransaction._write = original  # type: ignore[method-assign]


class Replay:
    """Runs the recorded sale again and again, each time for another card."""

    def __init__(self, statements: list[Statement], card: tuple[int, int]) -> None:
        """card: the (card, account) that the recorded sale was for."""
        self.steps: list[tuple[str, str, Any, list[tuple[Any, str, Resolver]]]] = []
        self.count = itertools.count()
        known: dict[int, Resolver] = {card[0]: lambda made: made[0][0], card[1]: lambda made: made[0][1]}
        for number, statement in enumerate(statements, 1):
            self.steps.append((statement.method, statement.query, statement.values, self._links(statement, known)))
            for resolver, value in _results(statement, number):
                if isinstance(value, int) and value > SMALLEST_ID:
                    known.setdefault(value, resolver)
                    if statement.query.startswith("SELECT seq"):
                        known[value + 1] = lambda made, resolver=resolver: resolver(made) + 1  # type: ignore[misc]

    def _links(self, statement: Statement, known: dict[int, Resolver]) -> list[tuple[Any, str, Resolver]]:
        links: list[tuple[Any, str, Resolver]] = []
        rows = enumerate(statement.values) if statement.method == "executemany" else [(None, statement.values or {})]
        for row, values in rows:
            for name, value in values.items():
                if name in ("key", "number") and isinstance(value, str):
                    links.append((row, name, lambda made: made[0][2]))
                elif isinstance(value, int) and value in known:
                    links.append((row, name, known[value]))
        return links

    def sale(self, connection: sqlite3.Connection, card: tuple[int, int]) -> None:
        made: list[Any] = [(*card, f"replay-{next(self.count)}")]
        for method, query, values, links in self.steps:
            if method == "executemany":
                values = [dict(row) for row in values]
                for row, name, resolver in links:
                    values[row][name] = resolver(made)
                connection.executemany(query, values)
                made.append(None)
                continue
            if values:
                values = dict(values)
                for _, name, resolver in links:
                    values[name] = resolver(made)
            cursor = connection.execute(query, values or ())
            made.append(cursor.fetchall() if method == "fetchall" else cursor.fetchone())


def _results(statement: Statement, number: int) -> Iterator[tuple[Resolver, Any]]:
    """Each value that a statement gave, with the way to find its counterpart in a replay."""
    if statement.method == "fetchone" and statement.result is not None:
        for column, value in enumerate(statement.result):
            yield (lambda made, column=column: made[number][column]), value  # type: ignore[misc]
    elif statement.method == "fetchall":
        for row, values in enumerate(statement.result[:4]):
            for column, value in enumerate(values):
                yield (lambda made, row=row, column=column: made[number][row][column]), value  # type: ignore[misc]


def thinking(rules: ProgramRules, receipt: Receipt, redeem: int) -> Callable[[], None]:
    """What a sale must work out, whoever runs its statements: the judgement, two hashes, two pieces of JSON."""
    standing = Standing(spendable=MAX_AMOUNT)

    def think() -> None:
        judged = judge(rules, receipt, standing, redeem)
        content = msgspec.json.encode({"receipt": "A-1042", "actor": "till 2"}).decode()
        hashed = chain.text_hash(bytes(16), content)
        entries = [(line, 5_001, "account", "points", judged.points, 7_001) for line in range(1, 5)]
        chain.seal(chain.FIRST, 1, list(range(20)), hashed, entries, [(7_001, "points", judged.to_earn, 1, 1)])
        msgspec.json.encode({"operation": 1, "balances": {"points": judged.points}})

    return think


def rate(path: str, replay: Replay, cards: list[tuple[int, int]], think: Callable[[], None] | None, seconds: float,
         per_commit: int = 32) -> float:
    """Sales a second of plain sqlite3 on the file; think None: the statements alone."""
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=512)
    connection.row_factory = sqlite3.Row
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()
    done, started = 0, time.perf_counter()
    while (took := time.perf_counter() - started) < seconds:
        connection.execute("BEGIN IMMEDIATE")
        for _ in range(per_commit):
            replay.sale(connection, random.choice(cards))
            if think is not None:
                think()
        connection.execute("COMMIT")
        done += per_commit
    connection.close()
    return done / took
