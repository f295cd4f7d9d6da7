"""SQL on segments and on customers' tags, and the questions of a filter as conditions on an account."""
from collections.abc import Sequence
from typing import Any, NamedTuple

from app.db import Database, Row, Transaction
from app.segments.rules import Filter

Reader = Database | Transaction
DAY_MS = 86_400_000

# "a" is the account, "c" its customer, who may be missing. +o.business_id: SQLite would look through all operations of the business
# for each account instead of the account's own, because that index holds more columns.
_FROM = "FROM accounts a LEFT JOIN customers c ON c.id = a.customer_id AND c.business_id = a.business_id"
_OURS = """a.business_id = :business_id AND a.merged_into IS NULL AND EXISTS (
  SELECT 1 FROM cards k WHERE k.account_id = a.id AND k.status IN ('active', 'provisional', 'blocked'))"""
_NOT_UNDONE = "NOT EXISTS (SELECT 1 FROM operations u WHERE u.of_operation_id = o.id AND u.kind = 'undo')"
# Operations of the account, and of those that were merged into it: asked apart, for together neither engine would use an index.
_OWN = "operations o WHERE o.account_id = a.id AND +o.business_id = a.business_id"
_MERGED = "accounts m JOIN operations o ON o.account_id = m.id WHERE m.merged_into = a.id AND +o.business_id = a.business_id"
_SALE = "o.kind = 'sale'"


def _there_is(text: str) -> str:
    return f"(EXISTS (SELECT 1 FROM {_OWN} AND {text}) OR EXISTS (SELECT 1 FROM {_MERGED} AND {text}))"


def _sum(what: str, text: str) -> str:
    return f"((SELECT {what} FROM {_OWN} AND {text}) + (SELECT {what} FROM {_MERGED} AND {text}))"


_SALE_SINCE = _there_is(f"{_SALE} AND o.at >= :{{name}} AND {_NOT_UNDONE}")
_SALES = _sum("COUNT(*)", f"{_SALE} AND o.at >= :{{p}}counted AND {_NOT_UNDONE}")
_SPEND = _sum("COALESCE(SUM(o.to_pay_minor - o.pay_back_minor), 0)", """o.kind IN ('sale', 'refund', 'undo')
  AND COALESCE((SELECT s.at FROM operations s WHERE s.id = o.of_operation_id), o.at) >= :{p}counted""")
_VISIT_SINCE = _there_is(f"o.kind IN ('sale', 'visit') AND o.at >= :{{p}}visited AND {_NOT_UNDONE}")
_LOCATION = _there_is(f"{_SALE} AND o.location_id = :{{p}}location AND o.at >= :{{p}}counted AND {_NOT_UNDONE}")
_LEVEL = "(SELECT l.level FROM level_changes l WHERE l.account_id = a.id AND l.at <= :{p}now ORDER BY l.at DESC, l.id DESC LIMIT 1)"
_HAS_LEVELS = "EXISTS (SELECT 1 FROM level_changes l WHERE l.account_id = a.id AND l.at <= :{p}now)"
_MARKETING = """COALESCE((SELECT s.granted FROM consents s WHERE s.customer_id = a.customer_id AND s.purpose = 'marketing'
  ORDER BY s.id DESC LIMIT 1), 0)"""
_IN_A_WALLET = """EXISTS (SELECT 1 FROM cards k JOIN passes p ON p.card_id = k.id JOIN registrations r ON r.pass_id = p.id
  WHERE k.account_id = a.id)"""
_BALANCE = "COALESCE((SELECT b.amount FROM balances b WHERE b.account_id = a.id AND b.unit = :{p}unit), 0)"


class Moment(NamedTuple):
    """What a filter's days are counted from. now: epoch ms; birthdays: MM-DD; beginners: programmes whose first level is asked for."""

    now: int
    birthdays: Sequence[str]
    beginners: Sequence[int]


class Member(NamedTuple):
    """An account in a segment."""

    account_id: int
    program_id: int
    customer_id: int | None


def conditions(asked: Filter, moment: Moment, p: str = "") -> tuple[str, dict[str, Any]]:
    """`AND`-joined conditions on the account `a`, and their values; p: stands before each value's name."""
    parts: list[str] = []
    values: dict[str, Any] = {}

    def add(text: str, **named: Any) -> None:
        parts.append(text.replace("{p}", p))
        values.update({f"{p}{name}": value for name, value in named.items()})

    def ago(days: int) -> int:
        return moment.now - days * DAY_MS

    if asked.last_sale_from is not None:
        add("NOT " + _SALE_SINCE.replace("{name}", "{p}quiet"), quiet=ago(asked.last_sale_from) + 1)
        add(_SALE_SINCE.replace("{name}", "{p}ever"), ever=0)
    if asked.last_sale_to is not None:
        add(_SALE_SINCE.replace("{name}", "{p}lately"), lately=ago(asked.last_sale_to))
    if asked.no_visit_days is not None:
        add(f"a.created_at < :{{p}}visited AND NOT {_VISIT_SINCE}", visited=ago(asked.no_visit_days))
    _add_counted(asked, add, ago(asked.sales_days))
    _add_person(asked, moment, add)
    if asked.program is not None:
        add("a.program_id = :{p}program", program=asked.program)
    if asked.has_pass is not None:
        add(_IN_A_WALLET if asked.has_pass else f"NOT {_IN_A_WALLET}")
    if asked.balance_from is not None:
        add(f"{_BALANCE} >= :{{p}}balance", unit=asked.balance_unit, balance=asked.balance_from)
    return " AND ".join(parts) or "1 = 1", values


def _add_counted(asked: Filter, add: Any, since: int) -> None:
    """Sales and money within a time."""
    for text, low, high, name in ((_SALES, asked.sales_from, asked.sales_to, "sales"), (_SPEND, asked.spend_from, asked.spend_to, "spend")):
        if low is not None:
            add(f"{text} >= :{{p}}{name}_from", counted=since, **{f"{name}_from": low})
        if high is not None:
            add(f"{text} <= :{{p}}{name}_to", counted=since, **{f"{name}_to": high})
    if asked.location is not None:
        add(_LOCATION, counted=since, location=asked.location)


def _add_person(asked: Filter, moment: Moment, add: Any) -> None:
    """Level, tags, birthday, consent."""
    if asked.levels:
        one_of = f"{_LEVEL} IN ({_names('level', asked.levels)})"
        if moment.beginners:
            one_of = f"({one_of} OR (a.program_id IN ({_names('beginner', moment.beginners)}) AND NOT {_HAS_LEVELS}))"
        add(one_of, now=moment.now, **_numbered("level", asked.levels), **_numbered("beginner", moment.beginners))
    if asked.tags:
        tests = [f"c.tags LIKE :{{p}}tag{number} ESCAPE '!'" for number in range(len(asked.tags))]
        add(f"({' OR '.join(tests)})", **_numbered("tag", [f'%"{_plain(tag)}"%' for tag in asked.tags]))
    if asked.birthday_within is not None:
        add(f"SUBSTR(c.birthday_on, 6, 5) IN ({_names('day', moment.birthdays)})", **_numbered("day", moment.birthdays))
    if asked.marketing is not None:
        add(f"{_MARKETING} = :{{p}}marketing", marketing=int(asked.marketing))


def _names(name: str, items: Sequence[Any]) -> str:
    return ", ".join(f":{{p}}{name}{number}" for number in range(len(items)))


def _numbered(name: str, items: Sequence[Any]) -> dict[str, Any]:
    return {f"{name}{number}": item for number, item in enumerate(items)}


def _plain(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


# Who is in one.
async def members(reader: Reader, business_id: int, asked: Filter, moment: Moment, after: int, limit: int) -> list[Member]:
    text, values = conditions(asked, moment)
    rows = await reader.fetch_all(
        f"SELECT a.id, a.program_id, a.customer_id {_FROM} WHERE {_OURS} AND a.id > :after AND {text} ORDER BY a.id LIMIT :limit",
        {"business_id": business_id, "after": after, "limit": limit, **values})
    return [Member(row[0], row[1], row[2]) for row in rows]


async def count(reader: Reader, business_id: int, asked: Filter, moment: Moment) -> int:
    text, values = conditions(asked, moment)
    return await reader.fetch_val(f"SELECT COUNT(*) {_FROM} WHERE {_OURS} AND {text}", {"business_id": business_id, **values})


async def holding(reader: Reader, business_id: int, account_id: int, asked: Sequence[tuple[str, Filter, Moment]]) -> frozenset[str]:
    """The keys of those filters that the account answers with yes, in one query."""
    parts: list[str] = []
    values: dict[str, Any] = {"business_id": business_id, "account_id": account_id}
    for number, (key, one, moment) in enumerate(asked):
        text, named = conditions(one, moment, f"s{number}_")
        parts.append(f"SELECT CAST(:key{number} AS TEXT) {_FROM} WHERE a.id = :account_id AND a.business_id = :business_id AND {text}")
        values |= {f"key{number}": key, **named}
    rows = await reader.fetch_all(" UNION ALL ".join(parts), values) if parts else []
    return frozenset(row[0] for row in rows)


# Segments themselves.
_SEGMENT = "SELECT id, key, name, filter, created_at, closed_at FROM segments WHERE business_id = :business_id"


async def insert(tx: Transaction, values: dict[str, Any]) -> int | None:
    """The new row's id; None where the business has the key already."""
    return await tx.fetch_val("INSERT INTO segments(business_id, key, name, filter, created_at) "
                              "VALUES (:business_id, :key, :name, :filter, :created_at) ON CONFLICT DO NOTHING RETURNING id", values)


async def close(tx: Transaction, business_id: int, key: str, now: int) -> bool:
    return await tx.fetch_val("UPDATE segments SET closed_at = :now WHERE business_id = :business_id AND key = :key "
                              "AND closed_at IS NULL RETURNING id", {"business_id": business_id, "key": key, "now": now}) is not None


async def list_open(reader: Reader, business_id: int) -> list[Row]:
    return await reader.fetch_all(f"{_SEGMENT} AND closed_at IS NULL ORDER BY name, id", {"business_id": business_id})


async def find(reader: Reader, business_id: int, keys: Sequence[str]) -> list[Row]:
    """The open ones among `keys`."""
    names = {f"key{number}": key for number, key in enumerate(keys)}
    return await reader.fetch_all(f"{_SEGMENT} AND closed_at IS NULL AND key IN ({', '.join(f':{name}' for name in names)}) ORDER BY key",
                                  {"business_id": business_id, **names})


# Tags.
_TAGS = "SELECT tags FROM customers WHERE id = :id AND business_id = :business_id"


async def find_tags(reader: Reader, business_id: int, customer_id: int) -> str | None:
    """The JSON of a customer's tags; None for another business's customer."""
    return await reader.fetch_val(_TAGS, {"id": customer_id, "business_id": business_id})


async def lock_tags(tx: Transaction, business_id: int, customer_id: int) -> str | None:
    """As `find_tags`, and nobody else changes them before `tx` ends."""
    return await tx.fetch_val(_TAGS if tx.engine == "sqlite" else f"{_TAGS} FOR UPDATE", {"id": customer_id, "business_id": business_id})


async def set_tags(tx: Transaction, business_id: int, customer_id: int, text: str) -> None:
    await tx.execute("UPDATE customers SET tags = :tags WHERE id = :id AND business_id = :business_id",
                     {"tags": text, "id": customer_id, "business_id": business_id})
