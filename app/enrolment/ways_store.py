"""SQL on program_ways, screen_links and told_codes: how somebody gets a card without waiting for a link."""
from collections.abc import Mapping
from dataclasses import dataclass

from app.db import Database, Row, Transaction

Reader = Database | Transaction


@dataclass(frozen=True, slots=True)
class Screen:
    """A QR code on a till's screen. card_id: a card that is handed over, None for a new one; token_sealed: None once it was used;
    enrolment_id: what it began; moments in epoch ms."""

    id: int
    business_id: int
    program_id: int
    location_id: int | None
    staff_id: int | None
    card_id: int | None
    token_sealed: bytes | None
    expires_at: int
    consumed_at: int | None
    enrolment_id: int | None


async def find(reader: Reader, business_id: int, program_id: int) -> Row | None:
    return await reader.fetch_one("SELECT screen, code, plastic, mail, anonymous FROM program_ways WHERE program_id = :program_id AND "
                                  "business_id = :business_id", {"program_id": program_id, "business_id": business_id})


async def keep(tx: Transaction, business_id: int, program_id: int, ways: Mapping[str, int], now: int) -> None:
    """ways: screen, code, plastic, mail and anonymous, each 0 or 1."""
    await tx.execute(
        "INSERT INTO program_ways(program_id, business_id, screen, code, plastic, mail, anonymous, changed_at) VALUES (:program_id, "
        ":business_id, :screen, :code, :plastic, :mail, :anonymous, :now) ON CONFLICT (program_id) DO UPDATE SET "
        "screen = excluded.screen, code = excluded.code, plastic = excluded.plastic, mail = excluded.mail, "
        "anonymous = excluded.anonymous, changed_at = excluded.changed_at",
        {"program_id": program_id, "business_id": business_id, "now": now, **ways})


_SCREEN = ("id, business_id, program_id, location_id, staff_id, card_id, token_sealed, expires_at, consumed_at, enrolment_id")


def _screen(row: Row) -> Screen:
    return Screen(**{**dict(row), "token_sealed": None if row["token_sealed"] is None else bytes(row["token_sealed"])})


async def append_screen(tx: Transaction, values: Mapping[str, object]) -> int:
    return await tx.fetch_val(
        "INSERT INTO screen_links(business_id, program_id, location_id, staff_id, card_id, token_hash, token_sealed, created_at, "
        "expires_at) VALUES (:business_id, :program_id, CAST(:location_id AS BIGINT), CAST(:staff_id AS BIGINT), "
        "CAST(:card_id AS BIGINT), :token_hash, :token_sealed, :now, :expires_at) RETURNING id", values)


async def find_screen(reader: Reader, business_id: int, screen_id: int) -> Screen | None:
    row = await reader.fetch_one(f"SELECT {_SCREEN} FROM screen_links WHERE id = :id AND business_id = :business_id",
                                 {"id": screen_id, "business_id": business_id})
    return row and _screen(row)


async def screen_by_token(reader: Reader, token_hash: bytes) -> Screen | None:
    row = await reader.fetch_one(f"SELECT {_SCREEN} FROM screen_links WHERE token_hash = :hash", {"hash": token_hash})
    return row and _screen(row)


async def consume_screen(tx: Transaction, screen_id: int, now: int) -> bool:
    """Uses it up; of twenty at once one gets True."""
    return await tx.fetch_one("UPDATE screen_links SET consumed_at = :now, token_sealed = NULL WHERE id = :id AND consumed_at IS NULL "
                              "AND expires_at > :now RETURNING id", {"id": screen_id, "now": now}) is not None


async def set_screen_enrolment(tx: Transaction, screen_id: int, enrolment_id: int) -> None:
    await tx.execute("UPDATE screen_links SET enrolment_id = :enrolment_id WHERE id = :id", {"id": screen_id, "enrolment_id": enrolment_id})


async def forget_screens(tx: Transaction, before: int, most: int) -> int:
    """What ended before `before` (ms): who took a card stands in its enrolment. Returns how many rows went."""
    return len(await tx.fetch_all("DELETE FROM screen_links WHERE id IN (SELECT id FROM screen_links WHERE expires_at < :before "
                                  "LIMIT :most) RETURNING id", {"before": before, "most": most}))


async def append_code(tx: Transaction, business_id: int, enrolment_id: int, code_hash: bytes, now: int, expires_at: int) -> None:
    await tx.execute("INSERT INTO told_codes(business_id, enrolment_id, code_hash, created_at, expires_at) VALUES (:business_id, "
                     ":enrolment_id, :code_hash, :now, :expires_at)",
                     {"business_id": business_id, "enrolment_id": enrolment_id, "code_hash": code_hash, "now": now,
                      "expires_at": expires_at})


async def try_codes(tx: Transaction, business_id: int, enrolment_id: int, most: int, now: int) -> list[tuple[int, bytes]]:
    """Counts one guess against every live code of an enrolment, and gives (id, hash) of those; none where too many were made."""
    rows = await tx.fetch_all(
        "UPDATE told_codes SET tries = tries + 1 WHERE business_id = :business_id AND enrolment_id = :enrolment_id AND used_at IS NULL "
        "AND expires_at > :now AND tries < :most RETURNING id, code_hash",
        {"business_id": business_id, "enrolment_id": enrolment_id, "now": now, "most": most})
    return [(row["id"], bytes(row["code_hash"])) for row in rows]


async def use_code(tx: Transaction, code_id: int, now: int) -> bool:
    return await tx.fetch_one("UPDATE told_codes SET used_at = :now WHERE id = :id AND used_at IS NULL RETURNING id",
                              {"id": code_id, "now": now}) is not None


async def forget_codes(tx: Transaction, before: int, most: int) -> int:
    return len(await tx.fetch_all("DELETE FROM told_codes WHERE id IN (SELECT id FROM told_codes WHERE expires_at < :before LIMIT :most) "
                                  "RETURNING id", {"before": before, "most": most}))
