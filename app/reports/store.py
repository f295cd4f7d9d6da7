"""SQL that reads across rooms for a manager's questions; runs on a snapshot beside the tills and writes nothing."""
from dataclasses import dataclass
from typing import Any

from app.db import Database, Row, Transaction
from app.db.within import among, at

Reader = Database | Transaction

_CARD = (
    "SELECT c.id, c.number, c.status, a.customer_id, COALESCE(b.amount, 0) AS balance, "
    "COALESCE((SELECT MAX(o.at) FROM operations o WHERE o.account_id = c.account_id AND o.kind = 'sale'), 0) AS last_at, "
    "(SELECT COUNT(*) FROM operations o WHERE o.account_id = c.account_id AND o.kind = 'sale') AS visits "
    "FROM cards c JOIN accounts a ON a.id = c.account_id LEFT JOIN balances b ON b.account_id = c.account_id AND b.unit = 'points' ")
ORDERS = {"last": "last_at DESC, c.id DESC", "balance": "balance DESC, c.id DESC", "visits": "visits DESC, c.id DESC"}
BUCKET_MS = 900_000         # a quarter of an hour: every time zone's midnight falls between two of them


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a business: what happened at one location, what is of some programmes; None: all."""

    location_id: int | None = None
    program_ids: frozenset[int] | None = None

    def of(self, row: str) -> str:
        """A further condition on a row that names both."""
        return at(f"{row}.location_id", self.location_id) + among(f"{row}.program_id", self.program_ids)


async def list_cards(reader: Reader, business_id: int, status: str | None, sort: str, limit: int, offset: int,
                     part: Part) -> list[Row]:
    """Cards with balance, last visit (ms, 0 for none) and visits; replaced and erased ones only where `status` asks for them."""
    return await reader.fetch_all(
        _CARD + "WHERE c.business_id = :business_id AND ((CAST(:status AS TEXT) IS NULL AND c.status NOT IN ('replaced', 'erased')) "
        f"OR c.status = CAST(:status AS TEXT)){part.of('c')} ORDER BY {ORDERS[sort]} LIMIT :limit OFFSET :offset",
        {"business_id": business_id, "status": status, "limit": limit, "offset": offset})


async def card_row(reader: Reader, business_id: int, card_id: int) -> Row | None:
    return await reader.fetch_one(_CARD + "WHERE c.business_id = :business_id AND c.id = :id", {"business_id": business_id, "id": card_id})


async def count_cards(reader: Reader, business_id: int, part: Part) -> dict[str, int]:
    rows = await reader.fetch_all("SELECT c.status, COUNT(*) AS n FROM cards c WHERE c.business_id = :business_id"
                                  f"{part.of('c')} GROUP BY c.status", {"business_id": business_id})
    return {row["status"]: row["n"] for row in rows}


async def count_new_cards(reader: Reader, business_id: int, since: int, until: int, part: Part) -> int:
    return await reader.fetch_val(
        "SELECT COUNT(*) FROM cards c WHERE c.business_id = :business_id AND c.activated_at >= :since "
        f"AND c.activated_at < :until{part.of('c')}", {"business_id": business_id, "since": since, "until": until})


async def visits(reader: Reader, business_id: int, since: int, until: int, part: Part) -> Row:
    """visits (sales), visitors (accounts), returned (accounts with two and more) of a time."""
    row = await reader.fetch_one(
        "SELECT COALESCE(SUM(n), 0) AS visits, COUNT(*) AS visitors, COALESCE(SUM(CASE WHEN n > 1 THEN 1 ELSE 0 END), 0) AS returned "
        "FROM (SELECT o.account_id, COUNT(*) AS n FROM operations o WHERE o.business_id = :business_id AND o.kind = 'sale' "
        f"AND o.at >= :since AND o.at < :until{part.of('o')} GROUP BY o.account_id) AS of_account",
        {"business_id": business_id, "since": since, "until": until})
    assert row is not None
    return row


async def points_open(reader: Reader, business_id: int, program_ids: frozenset[int] | None) -> int:
    """What shoppers could still spend, all together; debts do not make it smaller."""
    return int(await reader.fetch_val(
        "SELECT COALESCE(SUM(b.amount), 0) FROM balances b JOIN accounts a ON a.id = b.account_id "
        f"WHERE a.business_id = :business_id AND b.unit = 'points' AND b.amount > 0{among('a.program_id', program_ids)}",
        {"business_id": business_id}))


async def earned(reader: Reader, business_id: int, since: int, until: int, part: Part) -> list[tuple[int, int]]:
    """(begin of a quarter of an hour in ms, points that sales earned in it)."""
    rows: list[Any] = await reader.fetch_all(
        "SELECT (o.at / :bucket) * :bucket AS begin, SUM(e.amount) AS points FROM operations o JOIN entries e ON e.operation_id = o.id "
        "WHERE o.business_id = :business_id AND o.kind = 'sale' AND o.at >= :since AND o.at < :until AND e.account_id IS NOT NULL "
        f"AND e.unit = 'points' AND e.amount > 0{part.of('o')} GROUP BY o.at / :bucket",
        {"business_id": business_id, "since": since, "until": until, "bucket": BUCKET_MS})
    return [(int(row["begin"]), int(row["points"])) for row in rows]
