"""SQL on plastic_batches and plastic_cards."""
from dataclasses import dataclass

from app.db import Database, Row, Transaction

Reader = Database | Transaction


@dataclass(frozen=True, slots=True)
class Batch:
    """Plastic cards that were made together; activated: how many have an owner; moments in epoch ms."""

    id: int
    program_id: int
    name: str
    cards: int
    activated: int
    created_at: int
    closed_at: int | None


@dataclass(frozen=True, slots=True)
class Plastic:
    """A plastic card. card_id: once somebody has activated it; is_closed: its batch was."""

    id: int
    business_id: int
    program_id: int
    number: str
    code_hash: bytes
    card_id: int | None
    is_closed: bool


_BATCH = ("SELECT b.id, b.program_id, b.name, b.cards, b.created_at, b.closed_at, (SELECT COUNT(*) FROM plastic_cards p "
          "WHERE p.batch_id = b.id AND p.card_id IS NOT NULL) AS activated FROM plastic_batches b WHERE b.business_id = :business_id")
_PLASTIC = ("SELECT p.id, p.business_id, p.program_id, p.number, p.code_hash, p.card_id, b.closed_at FROM plastic_cards p "
            "JOIN plastic_batches b ON b.id = p.batch_id WHERE p.business_id = :business_id")


async def append_batch(tx: Transaction, business_id: int, program_id: int, name: str, cards: int, made_by: int | None, now: int) -> int:
    return await tx.fetch_val(
        "INSERT INTO plastic_batches(business_id, program_id, name, cards, made_by, created_at) VALUES (:business_id, :program_id, :name, "
        ":cards, CAST(:made_by AS BIGINT), :now) RETURNING id",
        {"business_id": business_id, "program_id": program_id, "name": name, "cards": cards, "made_by": made_by, "now": now})


async def append_card(tx: Transaction, business_id: int, program_id: int, batch_id: int, number: str, code_hash: bytes) -> bool:
    """False where the business has this number already, on plastic or as a card."""
    return await tx.fetch_val(
        "INSERT INTO plastic_cards(business_id, program_id, batch_id, number, code_hash) SELECT CAST(:business_id AS BIGINT), "
        "CAST(:program_id AS BIGINT), CAST(:batch_id AS BIGINT), CAST(:number AS TEXT), :code_hash WHERE NOT EXISTS (SELECT 1 FROM cards "
        "WHERE business_id = CAST(:business_id AS BIGINT) AND number = CAST(:number AS TEXT)) ON CONFLICT DO NOTHING RETURNING id",
        {"business_id": business_id, "program_id": program_id, "batch_id": batch_id, "number": number, "code_hash": code_hash}) is not None


async def batches(reader: Reader, business_id: int, most: int) -> list[Batch]:
    """The newest first."""
    rows = await reader.fetch_all(f"{_BATCH} ORDER BY b.id DESC LIMIT :most", {"business_id": business_id, "most": most})
    return [_batch(row) for row in rows]


async def has_open(reader: Reader, business_id: int, program_id: int) -> bool:
    return await reader.fetch_val("SELECT 1 FROM plastic_batches WHERE business_id = :business_id AND program_id = :program_id AND "
                                  "closed_at IS NULL LIMIT 1", {"business_id": business_id, "program_id": program_id}) is not None


async def find_batch(reader: Reader, business_id: int, batch_id: int) -> Batch | None:
    row = await reader.fetch_one(f"{_BATCH} AND b.id = :id", {"business_id": business_id, "id": batch_id})
    return row and _batch(row)


def _batch(row: Row) -> Batch:
    return Batch(row["id"], row["program_id"], row["name"], row["cards"], row["activated"], row["created_at"], row["closed_at"])


async def close_batch(tx: Transaction, business_id: int, batch_id: int, now: int) -> bool:
    return await tx.fetch_val("UPDATE plastic_batches SET closed_at = :now WHERE id = :id AND business_id = :business_id AND "
                              "closed_at IS NULL RETURNING id", {"id": batch_id, "business_id": business_id, "now": now}) is not None


async def find(reader: Reader, business_id: int, number: str) -> Plastic | None:
    row = await reader.fetch_one(f"{_PLASTIC} AND p.number = :number", {"business_id": business_id, "number": number})
    return row and _plastic(row)


async def get(reader: Reader, business_id: int, plastic_id: int) -> Plastic:
    row = await reader.fetch_one(f"{_PLASTIC} AND p.id = :id", {"business_id": business_id, "id": plastic_id})
    assert row is not None
    return _plastic(row)


def _plastic(row: Row) -> Plastic:
    return Plastic(row["id"], row["business_id"], row["program_id"], row["number"], bytes(row["code_hash"]), row["card_id"],
                   row["closed_at"] is not None)


async def use(tx: Transaction, business_id: int, plastic_id: int, card_id: int, now: int) -> bool:
    """Gives the plastic to a card, once; False where it belongs to one already."""
    return await tx.fetch_val("UPDATE plastic_cards SET card_id = :card_id, activated_at = :now WHERE id = :id AND "
                              "business_id = :business_id AND card_id IS NULL RETURNING id",
                              {"id": plastic_id, "business_id": business_id, "card_id": card_id, "now": now}) is not None


async def pending_of(tx: Transaction, plastic_id: int) -> int | None:
    """The enrolment that waits for it."""
    return await tx.fetch_val("SELECT id FROM enrolments WHERE plastic_id = :id AND status = 'pending'", {"id": plastic_id})


