"""SQL on participations."""
from typing import Any

from app.clock import from_ms
from app.coalition.rules import Participation
from app.db import Database, Row, Transaction

Reader = Database | Transaction

_SELECT = """
SELECT p.id, p.business_id, p.member_business_id, p.earns, p.spends, p.fee_bp, p.started_at, p.accepted_at,
  c.name AS business_name, m.name AS member_name, m.slug AS member_slug
FROM participations p JOIN businesses c ON c.id = p.business_id JOIN businesses m ON m.id = p.member_business_id """


def _participation(row: Row) -> Participation:
    return Participation(row["id"], row["business_id"], row["member_business_id"], bool(row["earns"]), bool(row["spends"]), row["fee_bp"],
                         from_ms(row["started_at"]), from_ms(row["accepted_at"]) if row["accepted_at"] is not None else None,
                         row["business_name"], row["member_name"], row["member_slug"])


async def append(tx: Transaction, values: dict[str, Any]) -> int | None:
    """The new row's id; None where the pair is invited or taking part already."""
    return await tx.fetch_val(
        "INSERT INTO participations(business_id, member_business_id, earns, spends, fee_bp, started_at) "
        "VALUES (:business_id, :member_business_id, :earns, :spends, :fee_bp, :now) ON CONFLICT DO NOTHING RETURNING id", values)


async def accept(tx: Transaction, member_business_id: int, participation_id: int, now: int) -> int | None:
    """The coalition whose invitation holds from now on; None where there is none that waits."""
    return await tx.fetch_val(
        "UPDATE participations SET accepted_at = :now, started_at = :now WHERE id = :id AND member_business_id = :member "
        "AND accepted_at IS NULL AND ended_at IS NULL RETURNING business_id",
        {"id": participation_id, "member": member_business_id, "now": now})


async def end(tx: Transaction, business_id: int, participation_id: int, now: int) -> Row | None:
    """business_id: of either side. None where it has ended, or is none of theirs."""
    return await tx.fetch_one(
        "UPDATE participations SET ended_at = :now WHERE id = :id AND (business_id = :business_id OR member_business_id = :business_id) "
        "AND ended_at IS NULL RETURNING business_id, member_business_id", {"id": participation_id, "business_id": business_id, "now": now})


async def members(reader: Reader, business_id: int) -> list[Participation]:
    """Who takes part or is invited, in the order of their beginning."""
    rows = await reader.fetch_all(_SELECT + "WHERE p.business_id = :business_id AND p.ended_at IS NULL ORDER BY p.id",
                                  {"business_id": business_id})
    return [_participation(row) for row in rows]


async def memberships(reader: Reader, member_business_id: int) -> list[Participation]:
    """The coalitions that a business takes part in or is invited to."""
    rows = await reader.fetch_all(_SELECT + "WHERE p.member_business_id = :member AND p.ended_at IS NULL ORDER BY p.id",
                                  {"member": member_business_id})
    return [_participation(row) for row in rows]


async def find(reader: Reader, business_id: int, member_business_id: int) -> Participation | None:
    """The participation of a pair that holds."""
    row = await reader.fetch_one(
        _SELECT + "WHERE p.business_id = :business_id AND p.member_business_id = :member AND p.ended_at IS NULL "
        "AND p.accepted_at IS NOT NULL", {"business_id": business_id, "member": member_business_id})
    return _participation(row) if row else None


async def coalitions_of(reader: Reader, member_business_id: int) -> list[int]:
    rows = await reader.fetch_all(
        "SELECT business_id FROM participations WHERE member_business_id = :member AND ended_at IS NULL AND accepted_at IS NOT NULL "
        "ORDER BY id", {"member": member_business_id})
    return [row["business_id"] for row in rows]


async def fees(reader: Reader, business_id: int, since: int, until: int) -> dict[int, int]:
    """member → its fee in basis points, of those who took part at some time of a month; the newest agreement counts."""
    rows = await reader.fetch_all(
        "SELECT member_business_id, fee_bp FROM participations WHERE business_id = :business_id AND accepted_at IS NOT NULL "
        "AND accepted_at < :until AND (ended_at IS NULL OR ended_at >= :since) ORDER BY id",
        {"business_id": business_id, "since": since, "until": until})
    return {row["member_business_id"]: row["fee_bp"] for row in rows}
