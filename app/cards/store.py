"""SQL on cards, aliases, retired_codes and page_links."""
from datetime import datetime
from typing import Any

from app.cards.rules import Card
from app.clock import from_ms
from app.db import Database, Row, Transaction

Reader = Database | Transaction

_CARD = ("SELECT c.id, c.business_id, c.program_id, c.account_id, a.customer_id, c.number, c.code, c.status, c.source, c.location_id, "
         "c.created_at, c.activated_at, c.provisional_until, c.blocked_at, c.replaced_by "
         "FROM cards c JOIN accounts a ON a.id = c.account_id ")


def _card(row: Row) -> Card:
    # By position, as _CARD names them: with every sale one is read, and looking names up costs as much as the rest.
    return Card(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9], from_ms(row[10]), _moment(row[11]),
                _moment(row[12]), _moment(row[13]), row[14])


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else from_ms(ms)


async def append(tx: Transaction, row: dict[str, Any]) -> int:
    return await tx.fetch_val(
        "INSERT INTO cards(business_id, program_id, account_id, number, code, status, source, issued_by_kind, issued_by_id, location_id, "
        "created_at, activated_at, provisional_until) VALUES (:business_id, :program_id, :account_id, :number, :code, :status, :source, "
        ":issued_by_kind, :issued_by_id, :location_id, :created_at, :activated_at, :provisional_until) RETURNING id", row)


async def find(reader: Reader, business_id: int, card_id: int) -> Card | None:
    row = await reader.fetch_one(_CARD + "WHERE c.id = :id AND c.business_id = :business_id", {"id": card_id, "business_id": business_id})
    return _card(row) if row else None


async def by_code(reader: Reader, business_id: int, code: str) -> Card | None:
    row = await reader.fetch_one(_CARD + "WHERE c.code = :code AND c.business_id = :business_id",
                                 {"code": code, "business_id": business_id})
    return _card(row) if row else None


async def by_number(reader: Reader, business_id: int, number: str) -> Card | None:
    row = await reader.fetch_one(_CARD + "WHERE c.number = :number AND c.business_id = :business_id",
                                 {"number": number, "business_id": business_id})
    return _card(row) if row else None


async def newest_of_source(reader: Reader, business_id: int, program_id: int, source: str) -> Card | None:
    """The newest active card of a programme that came this way: of few, as practice cards are."""
    row = await reader.fetch_one(_CARD + "WHERE c.business_id = :business_id AND c.program_id = :program_id AND c.source = :source "
                                 "AND c.status = 'active' ORDER BY c.id DESC LIMIT 1",
                                 {"business_id": business_id, "program_id": program_id, "source": source})
    return _card(row) if row else None


async def by_alias(reader: Reader, business_id: int, value: str) -> Card | None:
    row = await reader.fetch_one(_CARD + "JOIN aliases l ON l.card_id = c.id AND l.business_id = c.business_id "
                                 "WHERE l.business_id = :business_id AND l.value = :value", {"business_id": business_id, "value": value})
    return _card(row) if row else None


async def of_customer(reader: Reader, business_id: int, customer_id: int, program_id: int | None = None) -> list[Card]:
    """A customer's cards, the newest first."""
    # By the programmes of the business, as the index of accounts begins with them; +c.business_id: SQLite would walk all its cards.
    rows = await reader.fetch_all(
        _CARD + "WHERE a.customer_id = :customer_id AND a.program_id IN (SELECT id FROM programs WHERE business_id = :business_id) "
        "AND +c.business_id = :business_id "
        "AND (CAST(:program_id AS BIGINT) IS NULL OR c.program_id = :program_id) ORDER BY c.id DESC",
        {"customer_id": customer_id, "business_id": business_id, "program_id": program_id})
    return [_card(row) for row in rows]


async def of_account(reader: Reader, business_id: int, account_id: int) -> list[Card]:
    # +c.business_id: SQLite would walk all cards of the business in the order of their ids, to save itself a sort of one or two.
    rows = await reader.fetch_all(_CARD + "WHERE c.account_id = :account_id AND +c.business_id = :business_id ORDER BY c.id DESC",
                                  {"account_id": account_id, "business_id": business_id})
    return [_card(row) for row in rows]


async def list_cards(reader: Reader, business_id: int, status: str | None, before: int | None, limit: int) -> list[Card]:
    """Newest first; `before`: the id of the last card of the page before."""
    rows = await reader.fetch_all(
        _CARD + "WHERE c.business_id = :business_id AND (CAST(:status AS TEXT) IS NULL OR c.status = :status) "
        "AND (CAST(:before AS BIGINT) IS NULL OR c.id < :before) ORDER BY c.id DESC LIMIT :limit",
        {"business_id": business_id, "status": status, "before": before, "limit": limit})
    return [_card(row) for row in rows]


async def count(reader: Reader, business_id: int) -> dict[str, int]:
    """How many cards stand in each status."""
    rows = await reader.fetch_all("SELECT status, COUNT(*) AS n FROM cards WHERE business_id = :business_id GROUP BY status",
                                  {"business_id": business_id})
    return {row["status"]: row["n"] for row in rows}


async def count_live(reader: Reader, business_id: int) -> int:
    """Cards that have not ended."""
    return await reader.fetch_val("SELECT COUNT(*) FROM cards WHERE business_id = :business_id "
                                  "AND status IN ('provisional', 'active', 'blocked')", {"business_id": business_id})


async def count_by_program(reader: Reader, business_id: int) -> dict[int, int]:
    rows = await reader.fetch_all(
        "SELECT program_id, COUNT(*) AS n FROM cards WHERE business_id = :business_id AND status IN ('provisional', 'active', 'blocked')"
        " GROUP BY program_id", {"business_id": business_id})
    return {row["program_id"]: row["n"] for row in rows}


async def provisional_before(reader: Reader, now: int, limit: int) -> list[Card]:
    rows = await reader.fetch_all(_CARD + "WHERE c.provisional_until IS NOT NULL AND c.provisional_until <= :now "
                                  "AND c.status = 'provisional' ORDER BY c.provisional_until LIMIT :limit", {"now": now, "limit": limit})
    return [_card(row) for row in rows]


async def set_status(tx: Transaction, card_id: int, was: tuple[str, ...], status: str, blocked_at: int | None = None) -> bool:
    """Whether the card stood in one of `was` and now stands in `status`."""
    assert was
    names = {f"was{number}": name for number, name in enumerate(was)}
    return await tx.fetch_one(
        "UPDATE cards SET status = :status, blocked_at = CAST(:blocked_at AS BIGINT) "
        f"WHERE id = :id AND status IN ({', '.join(':' + name for name in names)}) RETURNING id",
        {"id": card_id, "status": status, "blocked_at": blocked_at, **names}) is not None


async def activate(tx: Transaction, card_id: int, now: int) -> bool:
    """Whether a provisional card became active by this call."""
    return await tx.fetch_one("UPDATE cards SET status = 'active', activated_at = :now, provisional_until = NULL "
                              "WHERE id = :id AND status = 'provisional' RETURNING id", {"id": card_id, "now": now}) is not None


async def set_replaced(tx: Transaction, card_id: int, by: int) -> None:
    await tx.execute("UPDATE cards SET status = 'replaced', replaced_by = :by WHERE id = :id", {"id": card_id, "by": by})


async def set_code(tx: Transaction, card: Card, code: str, now: int) -> None:
    """A new barcode; the old one is kept among the retired, so that it is never issued again."""
    await tx.execute("INSERT INTO retired_codes(code, business_id, card_id, retired_at) VALUES (:code, :business_id, :card_id, :now)",
                     {"code": card.code, "business_id": card.business_id, "card_id": card.id, "now": now})
    await tx.execute("UPDATE cards SET code = :code WHERE id = :id", {"id": card.id, "code": code})


async def is_retired(reader: Reader, business_id: int, code: str) -> bool:
    return await reader.fetch_one("SELECT code FROM retired_codes WHERE code = :code AND business_id = :business_id",
                                  {"code": code, "business_id": business_id}) is not None


async def append_alias(tx: Transaction, business_id: int, value: str, card_id: int, now: int) -> bool:
    """Whether the value was free in this business."""
    return await tx.fetch_one("INSERT INTO aliases(business_id, value, card_id, created_at) VALUES (:business_id, :value, :card_id, :now) "
                              "ON CONFLICT DO NOTHING RETURNING card_id",
                              {"business_id": business_id, "value": value, "card_id": card_id, "now": now}) is not None


async def has_aliases(reader: Reader, business_id: int) -> bool:
    row = await reader.fetch_one("SELECT card_id FROM aliases WHERE business_id = :business_id LIMIT 1", {"business_id": business_id})
    return row is not None


async def move_aliases(tx: Transaction, business_id: int, card_id: int, to_card_id: int) -> None:
    await tx.execute("UPDATE aliases SET card_id = :to WHERE card_id = :card_id AND business_id = :business_id",
                     {"card_id": card_id, "to": to_card_id, "business_id": business_id})


async def append_link(tx: Transaction, row: dict[str, Any]) -> None:
    await tx.execute("INSERT INTO page_links(business_id, card_id, strength, token_hash, token_sealed, created_at) "
                     "VALUES (:business_id, :card_id, :strength, :token_hash, :token_sealed, :created_at)", row)


async def live_link(reader: Reader, card_id: int, strength: str) -> Row | None:
    return await reader.fetch_one("SELECT token_sealed FROM page_links WHERE card_id = :card_id AND strength = :strength "
                                  "AND revoked_at IS NULL ORDER BY id DESC LIMIT 1", {"card_id": card_id, "strength": strength})


async def revoke_links(tx: Transaction, card_id: int, now: int) -> None:
    await tx.execute("UPDATE page_links SET revoked_at = :now WHERE card_id = :card_id AND revoked_at IS NULL",
                     {"card_id": card_id, "now": now})


async def by_link(reader: Reader, token_hash: bytes) -> tuple[Card, str] | None:
    link = await reader.fetch_one("SELECT business_id, card_id, strength FROM page_links WHERE token_hash = :token_hash "
                                  "AND revoked_at IS NULL", {"token_hash": token_hash})
    card = await find(reader, link["business_id"], link["card_id"]) if link else None
    return (card, link["strength"]) if card and link else None
