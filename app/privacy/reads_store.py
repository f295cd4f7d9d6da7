"""SQL on who looked at whose card."""
from collections.abc import Sequence
from typing import NamedTuple

from app.db import Database, Transaction


class Read(NamedTuple):
    """A card that somebody saw: first and last hour (epoch ms), and in how many hours; customer_id None for a bearer's card."""

    card_id: int
    number: str
    customer_id: int | None
    first_at: int
    last_at: int
    hours: int


async def append(tx: Transaction, rows: Sequence[tuple[int, str, int, int, int]]) -> None:
    await tx.execute_many(
        "INSERT INTO card_reads(business_id, actor_kind, actor_id, hour_at, card_id) VALUES (:business_id, :kind, :actor_id, :hour_at, "
        ":card_id) ON CONFLICT DO NOTHING",
        [dict(zip(("business_id", "kind", "actor_id", "hour_at", "card_id"), row, strict=True)) for row in rows])


async def since(db: Database, business_id: int, kind: str, actor_id: int, hour_at: int, most: int) -> list[Read]:
    async with db.transaction(readonly=True):
        rows = await db.fetch_all(
            "SELECT r.card_id, c.number, a.customer_id, MIN(r.hour_at) AS first_at, MAX(r.hour_at) AS last_at, COUNT(*) AS hours "
            "FROM card_reads r JOIN cards c ON c.id = r.card_id JOIN accounts a ON a.id = c.account_id "
            "WHERE r.business_id = :business_id AND r.actor_kind = :kind AND r.actor_id = :actor_id AND r.hour_at >= :hour_at "
            "GROUP BY r.card_id, c.number, a.customer_id ORDER BY MIN(r.hour_at), r.card_id LIMIT :most",
            {"business_id": business_id, "kind": kind, "actor_id": actor_id, "hour_at": hour_at, "most": most})
    return [Read(*row) for row in rows]
