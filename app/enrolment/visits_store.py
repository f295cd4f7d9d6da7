"""Visits of the enrolment page, counted by programme and poster."""
from app.db import Database, Transaction

Reader = Database | Transaction
MOST = 500


async def add(tx: Transaction, business_id: int, program_id: int, poster: str, now: int, most: int) -> None:
    """Counts a visit; a new name only where the programme has fewer than `most`."""
    known = await tx.fetch_one(
        "UPDATE enrolment_visits SET visits = visits + 1, last_at = :now WHERE program_id = :program_id AND poster = :poster "
        "AND business_id = :business_id RETURNING visits",
        {"program_id": program_id, "business_id": business_id, "poster": poster, "now": now})
    if known is None:
        await tx.execute(
            "INSERT INTO enrolment_visits(program_id, poster, business_id, visits, last_at) "
            "SELECT CAST(:program_id AS BIGINT), CAST(:poster AS TEXT), CAST(:business_id AS BIGINT), 1, CAST(:now AS BIGINT) "
            "WHERE (SELECT COUNT(*) FROM enrolment_visits WHERE program_id = CAST(:program_id AS BIGINT)) < CAST(:most AS BIGINT) "
            "ON CONFLICT (program_id, poster) DO UPDATE SET visits = enrolment_visits.visits + 1, last_at = excluded.last_at",
            {"program_id": program_id, "business_id": business_id, "poster": poster, "now": now, "most": most})


async def visits(reader: Reader, business_id: int) -> dict[str, int]:
    rows = await reader.fetch_all(
        "SELECT poster, SUM(visits) AS visits FROM enrolment_visits WHERE business_id = :business_id GROUP BY poster "
        "ORDER BY SUM(visits) DESC LIMIT :most", {"business_id": business_id, "most": MOST})
    return {row["poster"]: int(row["visits"]) for row in rows}


async def cards(reader: Reader, business_id: int) -> dict[str, int]:
    """Cards that began on the page, whatever way they took from there."""
    rows = await reader.fetch_all(
        "SELECT COALESCE(poster, '') AS poster, COUNT(*) AS cards FROM enrolments WHERE business_id = :business_id "
        "AND (source = 'poster' OR poster IS NOT NULL) AND status = 'activated' GROUP BY COALESCE(poster, '') "
        "ORDER BY COUNT(*) DESC LIMIT :most", {"business_id": business_id, "most": MOST})
    return {row["poster"]: int(row["cards"]) for row in rows}
