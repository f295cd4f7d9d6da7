"""The table of spreads, and which cards of a programme lie in a wallet."""
from typing import NamedTuple

from app.db import Database, Transaction

Reader = Database | Transaction


class Spread(NamedTuple):
    """A change of a programme on its way to its cards. It walks their ids upwards from from_card_id, and then those up to it.

    after_card_id: the last card that was told; due_at: epoch ms, since when allowance has gathered; finished_at: None while it runs.
    """

    id: int
    business_id: int
    program_id: int
    from_card_id: int
    after_card_id: int
    told: int
    due_at: int
    created_at: int
    finished_at: int | None


_COLUMNS = "id, business_id, program_id, from_card_id, after_card_id, told, due_at, created_at, finished_at"
# Two changes of a programme at one moment: the second waits here, and ends the first instead of running beside it.
_LOCK = "SELECT id FROM programs WHERE id = :program_id AND business_id = :business_id FOR NO KEY UPDATE"
_END = f"""
UPDATE spreads SET finished_at = :now WHERE business_id = :business_id AND program_id = :program_id AND finished_at IS NULL
RETURNING {_COLUMNS}"""
_INSERT = """
INSERT INTO spreads(business_id, program_id, from_card_id, after_card_id, due_at, created_at)
VALUES (:business_id, :program_id, :from_card_id, :from_card_id, :due_at, :now) RETURNING id"""
_OPEN = f"SELECT {_COLUMNS} FROM spreads WHERE finished_at IS NULL ORDER BY id LIMIT :limit"
_ADVANCE = """
UPDATE spreads SET after_card_id = :to, told = told + :told, due_at = :due_at, finished_at = CAST(:finished_at AS BIGINT)
WHERE id = :id AND business_id = :business_id AND after_card_id = :seen AND finished_at IS NULL RETURNING id"""
_NEWEST = f"SELECT {_COLUMNS} FROM spreads WHERE business_id = :business_id AND program_id = :program_id ORDER BY id DESC LIMIT 1"
_IN_A_WALLET = """
FROM cards c WHERE c.business_id = :business_id AND c.program_id = :program_id AND (
  EXISTS (SELECT 1 FROM passes p JOIN registrations r ON r.pass_id = p.id WHERE p.card_id = c.id)
  OR EXISTS (SELECT 1 FROM google_objects g WHERE g.card_id = c.id AND g.is_created = 1))"""
_NEXT = f"SELECT c.id {_IN_A_WALLET} AND c.id > :after AND c.id <= :until ORDER BY c.id LIMIT :limit"
_COUNT = f"SELECT COUNT(*) {_IN_A_WALLET}"


async def lock(tx: Transaction, business_id: int, program_id: int) -> None:
    """Changes of a programme as a whole take turns until `tx` ends (SQLite: one writer anyway)."""
    if tx.engine == "postgresql":
        await tx.fetch_one(_LOCK, {"business_id": business_id, "program_id": program_id})


async def end_open(tx: Transaction, business_id: int, program_id: int, now_ms: int) -> Spread | None:
    """End what runs for the programme; returns it as it stood."""
    row = await tx.fetch_one(_END, {"business_id": business_id, "program_id": program_id, "now": now_ms})
    return Spread(*row) if row else None


async def insert(tx: Transaction, business_id: int, program_id: int, from_card_id: int, due_at: int, now_ms: int) -> int:
    values = {"business_id": business_id, "program_id": program_id, "from_card_id": from_card_id, "due_at": due_at, "now": now_ms}
    return await tx.fetch_val(_INSERT, values)


async def programs_of(tx: Transaction, business_id: int) -> list[int]:
    """Ids of the business's programmes, always in one order: two changes at once wait for each other and no third way."""
    rows = await tx.fetch_all("SELECT id FROM programs WHERE business_id = :business_id ORDER BY id", {"business_id": business_id})
    return [row["id"] for row in rows]


async def open_ones(reader: Reader, limit: int) -> list[Spread]:
    return [Spread(*row) for row in await reader.fetch_all(_OPEN, {"limit": limit})]


async def newest(reader: Reader, business_id: int, program_id: int) -> Spread | None:
    row = await reader.fetch_one(_NEWEST, {"business_id": business_id, "program_id": program_id})
    return Spread(*row) if row else None


async def advance(tx: Transaction, seen: Spread, to: int, told: int, due_at: int, finished_at: int | None) -> bool:
    """Move it on from where it was seen; False where somebody else did, or a newer change ended it."""
    values = {"id": seen.id, "business_id": seen.business_id, "seen": seen.after_card_id, "to": to, "told": told, "due_at": due_at,
              "finished_at": finished_at}
    return await tx.fetch_one(_ADVANCE, values) is not None


async def cards_in_wallets(reader: Reader, spread: Spread, until: int, limit: int) -> list[int]:
    """Ids of the programme's cards after the spread's, up to `until`, that some phone holds or that Google has."""
    rows = await reader.fetch_all(_NEXT, {"business_id": spread.business_id, "program_id": spread.program_id,
                                          "after": spread.after_card_id, "until": until, "limit": limit})
    return [row["id"] for row in rows]


async def count_in_wallets(reader: Reader, business_id: int, program_id: int) -> int:
    return await reader.fetch_val(_COUNT, {"business_id": business_id, "program_id": program_id})
