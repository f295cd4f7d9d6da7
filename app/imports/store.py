"""SQL on imports, their rows in blocks, what was wrong with them, and the people who came of them."""
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.db import Database, Row, Transaction

Reader = Database | Transaction


@dataclass(frozen=True, slots=True)
class Import:
    """A list on its way in. Moments in epoch ms; reading: form, encoding, delimiter, sheet; options: JSON, see rules.Options."""

    id: int
    business_id: int
    program_id: int
    name: str
    reading: Mapping[str, str]
    columns: Sequence[str]
    mapping: Sequence[str]
    options: str
    state: str
    at_block: int
    at_row: int
    rows_total: int
    rows_checked: int
    rows_done: int
    new_rows: int
    known_rows: int
    duplicate_rows: int
    wrong_rows: int
    loaded: int
    undone_rows: int
    kept_rows: int
    actor_kind: str
    actor_id: int | None
    created_at: int
    changed_at: int
    finished_at: int | None
    forgotten_at: int | None


@dataclass(frozen=True, slots=True)
class Noted:
    """Something about a row. kind: mistake (it stays out) | note; phase: check | run | undo."""

    id: int
    row: int
    phase: str
    kind: str
    field: str
    code: str
    params: Mapping[str, Any]


_COLUMNS = ", ".join(Import.__slots__)
COUNTS = ("rows_checked", "rows_done", "new_rows", "known_rows", "duplicate_rows", "wrong_rows", "loaded", "undone_rows", "kept_rows")


def _import(row: Row) -> Import:
    return Import(**{**dict(row), **{name: json.loads(row[name]) for name in ("reading", "columns", "mapping")}})


async def insert(tx: Transaction, row: Mapping[str, Any]) -> int:
    return await tx.fetch_val(
        "INSERT INTO imports(business_id, program_id, name, reading, columns, mapping, options, state, actor_kind, actor_id, created_at, "
        "changed_at) VALUES (:business_id, :program_id, :name, :reading, :columns, :mapping, :options, 'reading', :actor_kind, "
        "CAST(:actor_id AS BIGINT), :now, :now) RETURNING id", row)


async def find(reader: Reader, business_id: int, import_id: int) -> Import | None:
    row = await reader.fetch_one(f"SELECT {_COLUMNS} FROM imports WHERE id = :id AND business_id = :business_id",
                                 {"id": import_id, "business_id": business_id})
    return _import(row) if row else None


async def newest(reader: Reader, business_id: int, limit: int) -> list[Import]:
    rows = await reader.fetch_all(f"SELECT {_COLUMNS} FROM imports WHERE business_id = :business_id AND state <> 'reading' "
                                  "ORDER BY id DESC LIMIT :limit", {"business_id": business_id, "limit": limit})
    return [_import(row) for row in rows]


async def working(reader: Reader, limit: int) -> list[Import]:
    """Those with work for the job, of every business, the one that waits longest first."""
    rows = await reader.fetch_all(f"SELECT {_COLUMNS} FROM imports WHERE state IN ('checking', 'running', 'undoing') "
                                  "ORDER BY changed_at, id LIMIT :limit", {"limit": limit})
    return [_import(row) for row in rows]


async def set_state(tx: Transaction, found: Import, state: str, was: Sequence[str], now: int, finished_at: int | None = None) -> bool:
    """Whether it stood in one of `was` and now stands in `state`, at the beginning of its rows."""
    names = {f"was{number}": name for number, name in enumerate(was)}
    return await tx.fetch_one(
        "UPDATE imports SET state = :state, at_block = 0, at_row = 0, changed_at = :now, "
        "finished_at = COALESCE(CAST(:finished_at AS BIGINT), finished_at) WHERE id = :id AND business_id = :business_id "
        f"AND state IN ({', '.join(':' + name for name in names)}) RETURNING id",
        {"id": found.id, "business_id": found.business_id, "state": state, "now": now, "finished_at": finished_at, **names}) is not None


async def set_read(tx: Transaction, business_id: int, import_id: int, rows: int, now: int) -> None:
    await tx.execute("UPDATE imports SET state = 'mapping', rows_total = :rows, changed_at = :now WHERE id = :id "
                     "AND business_id = :business_id", {"id": import_id, "business_id": business_id, "rows": rows, "now": now})


async def set_mapping(tx: Transaction, found: Import, mapping: Sequence[str], options: str, now: int) -> bool:
    """Chosen anew: whatever an earlier dry run counted is zero again. False where it is being taken in already."""
    values = {"id": found.id, "business_id": found.business_id, "mapping": json.dumps(list(mapping)), "options": options, "now": now}
    return await tx.fetch_one(
        "UPDATE imports SET mapping = :mapping, options = :options, state = 'checking', at_block = 0, at_row = 0, rows_checked = 0, "
        "new_rows = 0, known_rows = 0, duplicate_rows = 0, wrong_rows = 0, loaded = 0, changed_at = :now WHERE id = :id "
        "AND business_id = :business_id AND state IN ('mapping', 'checking', 'checked') RETURNING id", values) is not None


async def advance(tx: Transaction, found: Import, at_block: int, at_row: int, counted: Mapping[str, int]) -> bool:
    """Go on from where `found` stands to another row, with what was counted on the way; False where somebody else went on."""
    sums = ", ".join(f"{name} = {name} + :{name}" for name in COUNTS)
    return await tx.fetch_one(
        f"UPDATE imports SET at_block = :to_block, at_row = :to_row, {sums} WHERE id = :id AND business_id = :business_id "
        "AND state = :state AND at_block = :at_block AND at_row = :at_row RETURNING id",
        {"id": found.id, "business_id": found.business_id, "state": found.state, "at_block": found.at_block, "at_row": found.at_row,
         "to_block": at_block, "to_row": at_row, **{name: counted.get(name, 0) for name in COUNTS}}) is not None


# The file's rows.
async def insert_block(tx: Transaction, row: Mapping[str, Any]) -> None:
    await tx.execute("INSERT INTO import_blocks(business_id, import_id, number, size, content_sealed) "
                     "VALUES (:business_id, :import_id, :number, :size, :content_sealed)", row)


async def find_block(reader: Reader, business_id: int, import_id: int, number: int) -> bytes | None:
    found = await reader.fetch_val("SELECT content_sealed FROM import_blocks WHERE import_id = :import_id AND number = :number "
                                   "AND business_id = :business_id", {"import_id": import_id, "number": number, "business_id": business_id})
    return None if found is None else bytes(found)


_PARTS = {
    "import_blocks": "DELETE FROM import_blocks WHERE import_id = :id AND number IN "
                     "(SELECT number FROM import_blocks WHERE import_id = :id LIMIT 50) RETURNING number",
    "import_seen": "DELETE FROM import_seen WHERE import_id = :id AND hash IN "
                   "(SELECT hash FROM import_seen WHERE import_id = :id LIMIT 500) RETURNING row_number",
    "import_mistakes": "DELETE FROM import_mistakes WHERE import_id = :id AND id IN "
                       "(SELECT id FROM import_mistakes WHERE import_id = :id ORDER BY row_number, id LIMIT 500) RETURNING id"}


async def forget_part(tx: Transaction, table: str, import_id: int) -> bool:
    """Whether there was something to forget: a part only, because tills wait meanwhile."""
    return bool(await tx.fetch_all(_PARTS[table], {"id": import_id}))


async def left_behind(reader: Reader, read_before: int, finished_before: int) -> list[Row]:
    """id and state of imports whose rows are not needed any more, or whose file never arrived whole."""
    return await reader.fetch_all(
        "SELECT id, state FROM imports WHERE forgotten_at IS NULL AND ((state = 'reading' AND changed_at < :read_before) "
        "OR (state IN ('done', 'undone', 'mapping', 'checked') AND changed_at < :finished_before)) ORDER BY id LIMIT 20",
        {"read_before": read_before, "finished_before": finished_before})


async def set_forgotten(tx: Transaction, import_id: int, now: int) -> None:
    await tx.execute("UPDATE imports SET forgotten_at = :now WHERE id = :id", {"id": import_id, "now": now})


async def delete(tx: Transaction, import_id: int) -> None:
    """One that never became one."""
    await tx.execute("DELETE FROM imports WHERE id = :id AND state = 'reading'", {"id": import_id})


# What was seen, and what was wrong.
async def first_rows(tx: Transaction, business_id: int, import_id: int, hashes: Mapping[bytes, int]) -> dict[bytes, int]:
    """hash → the row that named it first, of those that an earlier row (or a part of this batch that committed) named already."""
    if not hashes:
        return {}
    listed = list(hashes)
    values = {f"h{n}": value for n, value in enumerate(listed)} | {f"r{n}": hashes[value] for n, value in enumerate(listed)}
    rows = ", ".join(f"(CAST(:business_id AS BIGINT), CAST(:import_id AS BIGINT), :h{n}, CAST(:r{n} AS BIGINT))"
                     for n in range(len(listed)))
    made = await tx.fetch_all(f"INSERT INTO import_seen(business_id, import_id, hash, row_number) VALUES {rows} "
                              "ON CONFLICT DO NOTHING RETURNING hash", {"business_id": business_id, "import_id": import_id, **values})
    new = {bytes(row[0]) for row in made}
    old = [value for value in listed if value not in new]
    if not old:
        return {}
    names = {f"h{n}": value for n, value in enumerate(old)}
    found = await tx.fetch_all(f"SELECT hash, row_number FROM import_seen WHERE import_id = :id AND hash IN "
                               f"({', '.join(':' + name for name in names)})", {"id": import_id, **names})
    return {bytes(row[0]): row[1] for row in found}


async def note(tx: Transaction, business_id: int, import_id: int, phase: str,
               found: Iterable[tuple[int, str, str, str, Mapping[str, Any]]]) -> None:
    """found: (row, kind, field, code, params) each."""
    rows = [{"business_id": business_id, "import_id": import_id, "row_number": row, "phase": phase, "kind": kind, "field": field,
             "code": code, "params": json.dumps(dict(params), ensure_ascii=False)} for row, kind, field, code, params in found]
    if rows:
        await tx.execute_many(
            "INSERT INTO import_mistakes(business_id, import_id, row_number, phase, kind, field, code, params) "
            "VALUES (:business_id, :import_id, :row_number, :phase, :kind, :field, :code, :params)", rows)


async def noted(reader: Reader, business_id: int, import_id: int, after: tuple[int, int], limit: int,
                kind: str | None = None) -> list[Noted]:
    """By row; after: (row, id) of the last one before."""
    rows = await reader.fetch_all(
        "SELECT id, row_number, phase, kind, field, code, params FROM import_mistakes WHERE business_id = :business_id "
        "AND import_id = :import_id AND (row_number > :row OR (row_number = :row AND id > :id)) "
        "AND (CAST(:kind AS TEXT) IS NULL OR kind = CAST(:kind AS TEXT)) ORDER BY row_number, id LIMIT :limit",
        {"business_id": business_id, "import_id": import_id, "row": after[0], "id": after[1], "limit": limit, "kind": kind})
    return [Noted(row[0], row[1], row[2], row[3], row[4], row[5], json.loads(row[6])) for row in rows]


async def wrong_rows(reader: Reader, business_id: int, import_id: int, first: int, last: int) -> set[int]:
    """Rows from `first` to `last` that the dry run keeps out."""
    rows = await reader.fetch_all(
        "SELECT DISTINCT row_number FROM import_mistakes WHERE business_id = :business_id AND import_id = :import_id "
        "AND row_number BETWEEN :first AND :last AND phase = 'check' AND kind = 'mistake'",
        {"business_id": business_id, "import_id": import_id, "first": first, "last": last})
    return {row[0] for row in rows}


# Who came of it.
_PERSON = ("id, business_id, import_id, row_number, customer_id, account_id, card_id, operation_id, enrolment_id, alias, is_new_card, "
           "may_write, state")


async def insert_person(tx: Transaction, row: Mapping[str, Any]) -> int | None:
    """None where the row came in already."""
    return await tx.fetch_val(
        "INSERT INTO import_people(business_id, import_id, row_number, customer_id, account_id, card_id, operation_id, enrolment_id, "
        "alias, is_new_card, may_write, state) VALUES (:business_id, :import_id, :row_number, :customer_id, :account_id, :card_id, "
        "CAST(:operation_id AS BIGINT), CAST(:enrolment_id AS BIGINT), CAST(:alias AS TEXT), :is_new_card, :may_write, 'in') "
        "ON CONFLICT DO NOTHING RETURNING id", row)


async def loads_of(tx: Transaction, business_id: int, account_id: int) -> list[Row]:
    """import_id and operation_id of the opening balances that lists gave an account and nobody took back."""
    return await tx.fetch_all("SELECT import_id, operation_id FROM import_people WHERE account_id = :account_id "
                              "AND business_id = :business_id AND operation_id IS NOT NULL AND state <> 'undone' ORDER BY id",
                              {"account_id": account_id, "business_id": business_id})


async def next_accounts(reader: Reader, business_id: int, import_id: int, limit: int) -> list[int]:
    """Accounts of an import that an undo has not come to, the newest first."""
    rows = await reader.fetch_all("SELECT account_id, MAX(id) AS newest FROM import_people WHERE import_id = :import_id "
                                  "AND business_id = :business_id AND state = 'in' GROUP BY account_id ORDER BY MAX(id) DESC LIMIT :limit",
                                  {"import_id": import_id, "business_id": business_id, "limit": limit})
    return [row[0] for row in rows]


async def people_of_account(tx: Transaction, business_id: int, import_id: int, account_id: int) -> list[Row]:
    return await tx.fetch_all(f"SELECT {_PERSON} FROM import_people WHERE import_id = :import_id AND account_id = :account_id "
                              "AND business_id = :business_id AND state = 'in' ORDER BY id",
                              {"import_id": import_id, "account_id": account_id, "business_id": business_id})


async def set_people(tx: Transaction, business_id: int, import_id: int, account_id: int, state: str) -> None:
    await tx.execute("UPDATE import_people SET state = :state WHERE import_id = :import_id AND account_id = :account_id "
                     "AND business_id = :business_id AND state = 'in'",
                     {"import_id": import_id, "account_id": account_id, "business_id": business_id, "state": state})


# What stands against a row: numbers and people of the business.
async def known_phones(reader: Reader, business_id: int, hashes: Sequence[bytes]) -> set[bytes]:
    if not hashes:
        return set()
    names = {f"h{n}": value for n, value in enumerate(hashes)}
    rows = await reader.fetch_all(f"SELECT phone_hash FROM customers WHERE business_id = :business_id AND phone_hash IN "
                                  f"({', '.join(':' + name for name in names)})", {"business_id": business_id, **names})
    return {bytes(row[0]) for row in rows}


async def owners_of_aliases(reader: Reader, business_id: int, values: Sequence[str]) -> dict[str, bytes | None]:
    """old number → the keyed hash of its owner's phone (None: without), where a card of the business answers to it already."""
    if not values:
        return {}
    names = {f"v{n}": value for n, value in enumerate(values)}
    listed = ", ".join(":" + name for name in names)
    whose = "JOIN accounts a ON a.id = c.account_id LEFT JOIN customers u ON u.id = a.customer_id"
    rows = await reader.fetch_all(
        f"SELECT l.value AS value, u.phone_hash AS hash FROM aliases l JOIN cards c ON c.id = l.card_id {whose} "
        f"WHERE l.business_id = :business_id AND l.value IN ({listed}) UNION ALL "
        f"SELECT c.number, u.phone_hash FROM cards c {whose} WHERE c.business_id = :business_id AND c.number IN ({listed}) UNION ALL "
        f"SELECT c.code, u.phone_hash FROM cards c {whose} WHERE c.business_id = :business_id AND c.code IN ({listed})",
        {"business_id": business_id, **names})
    return {row[0]: None if row[1] is None else bytes(row[1]) for row in rows}


async def uses_of_account(tx: Transaction, business_id: int, account_id: int, loads: Sequence[int]) -> bool:
    """Whether anything happened on an account but these opening balances."""
    names = {f"o{n}": value for n, value in enumerate(loads)}
    but = f"AND o.id NOT IN ({', '.join(':' + name for name in names)})" if names else ""
    return await tx.fetch_one("SELECT 1 FROM operations o WHERE o.account_id = :account_id "
                              f"AND +o.business_id = :business_id {but} LIMIT 1",
                              {"account_id": account_id, "business_id": business_id, **names}) is not None


async def drop_alias(tx: Transaction, business_id: int, value: str, card_id: int) -> None:
    await tx.execute("DELETE FROM aliases WHERE business_id = :business_id AND value = :value AND card_id = :card_id",
                     {"business_id": business_id, "value": value, "card_id": card_id})


async def used_since(tx: Transaction, business_id: int, account_id: int, loads: Sequence[int]) -> bool:
    """Whether anything but opening balances of lists happened on an account since the first of these."""
    return await tx.fetch_one(
        "SELECT 1 FROM operations o WHERE o.account_id = :account_id AND +o.business_id = :business_id AND o.id > :first "
        "AND NOT EXISTS (SELECT 1 FROM import_people p WHERE p.operation_id = o.id) LIMIT 1",
        {"account_id": account_id, "business_id": business_id, "first": min(loads)}) is not None


async def count_more(tx: Transaction, found: Import, name: str, rows: int) -> None:
    assert name in COUNTS
    await tx.execute(f"UPDATE imports SET {name} = {name} + :rows WHERE id = :id AND business_id = :business_id",
                     {"rows": rows, "id": found.id, "business_id": found.business_id})
