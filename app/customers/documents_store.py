"""SQL on the versions of consent documents, a business's own purposes, and what shoppers answered."""
import json
from collections.abc import Mapping

from app.clock import from_ms
from app.customers.document_rules import Document, Draft, Purpose, fingerprint
from app.customers.store import Reader
from app.db import Row, Transaction
from app.web.principal import Principal

_COLUMNS = "id, purpose, language, version, title, text, long_text, sha256, ask_again, created_at"


def document(row: Row) -> Document:
    return Document(row["id"], row["purpose"], row["language"], row["version"], row["title"], row["text"], row["long_text"],
                    bytes(row["sha256"]), bool(row["ask_again"]), from_ms(row["created_at"]))


async def newest(reader: Reader, business_id: int, language: str) -> list[Document]:
    rows = await reader.fetch_all(
        f"SELECT {_COLUMNS} FROM consent_texts t WHERE business_id = :business_id AND language = :language "
        "AND version = (SELECT MAX(version) FROM consent_texts n WHERE n.business_id = t.business_id AND n.purpose = t.purpose "
        "AND n.language = t.language)", {"business_id": business_id, "language": language})
    return [document(row) for row in rows]


async def versions(reader: Reader, business_id: int, purpose: str, language: str) -> list[Document]:
    rows = await reader.fetch_all(
        f"SELECT {_COLUMNS} FROM consent_texts WHERE business_id = :business_id AND purpose = :purpose AND language = :language "
        "ORDER BY version DESC", {"business_id": business_id, "purpose": purpose, "language": language})
    return [document(row) for row in rows]


async def find(reader: Reader, business_id: int, document_id: int) -> Document | None:
    row = await reader.fetch_one(f"SELECT {_COLUMNS} FROM consent_texts WHERE id = :id AND business_id = :business_id",
                                 {"id": document_id, "business_id": business_id})
    return document(row) if row else None


async def append(tx: Transaction, who: Principal, draft: Draft, version: int, now: int) -> Document:
    """Two editors at once: the key (purpose, language, version) lets one of them through."""
    row = await tx.fetch_one(
        "INSERT INTO consent_texts(business_id, purpose, language, version, title, text, long_text, sha256, ask_again, created_by, "
        "created_at) VALUES (:business_id, :purpose, :language, :version, :title, :text, :long_text, :sha256, :ask_again, "
        f"CAST(:created_by AS BIGINT), :now) RETURNING {_COLUMNS}",
        {"business_id": who.business_id, "purpose": draft.purpose, "language": draft.language, "version": version, "title": draft.title,
         "text": draft.text, "long_text": draft.long_text, "sha256": fingerprint(draft.title, draft.text, draft.long_text),
         "ask_again": int(draft.ask_again), "created_by": who.id if who.kind == "staff" else None, "now": now})
    return document(row)


def _purpose(row: Row) -> Purpose:
    return Purpose(row["key"], json.loads(row["names"]), is_own=True)


async def purposes(reader: Reader, business_id: int) -> list[Purpose]:
    rows = await reader.fetch_all("SELECT key, names FROM consent_purposes WHERE business_id = :business_id AND closed_at IS NULL "
                                  "ORDER BY id", {"business_id": business_id})
    return [_purpose(row) for row in rows]


async def add_purpose(tx: Transaction, business_id: int, key: str, names: Mapping[str, str], now: int) -> None:
    """A closed one of this key is asked for again; its versions go on counting."""
    await tx.execute(
        "INSERT INTO consent_purposes(business_id, key, names, created_at) VALUES (:business_id, :key, :names, :now) "
        "ON CONFLICT(business_id, key) DO UPDATE SET names = excluded.names, closed_at = NULL",
        {"business_id": business_id, "key": key, "names": json.dumps(dict(names), ensure_ascii=False), "now": now})


async def rename_purpose(tx: Transaction, business_id: int, key: str, names: Mapping[str, str]) -> None:
    await tx.execute("UPDATE consent_purposes SET names = :names WHERE business_id = :business_id AND key = :key",
                     {"business_id": business_id, "key": key, "names": json.dumps(dict(names), ensure_ascii=False)})


async def close_purpose(tx: Transaction, business_id: int, key: str, now: int) -> None:
    await tx.execute("UPDATE consent_purposes SET closed_at = :now WHERE business_id = :business_id AND key = :key AND closed_at IS NULL",
                     {"business_id": business_id, "key": key, "now": now})


async def answers(reader: Reader, business_id: int, customer_id: int) -> list[Row]:
    """The document's columns (id: the document's) with what was answered to it, the newest first; also of those merged into them."""
    return await reader.fetch_all(
        "SELECT t.id, t.purpose, t.language, t.version, t.title, t.text, t.long_text, t.sha256, t.ask_again, t.created_at, c.granted, "
        "c.channel, c.actor_kind, c.actor_id, c.at FROM consents c JOIN consent_texts t ON t.id = c.consent_text_id "
        "JOIN customers p ON p.id = c.customer_id WHERE c.business_id = :business_id AND p.business_id = :business_id "
        "AND (p.id = :customer_id OR p.merged_into = :customer_id) ORDER BY c.id DESC",
        {"business_id": business_id, "customer_id": customer_id})


async def outdated(reader: Reader, business_id: int, customer_id: int) -> list[str]:
    rows = await reader.fetch_all(
        "SELECT c.purpose FROM consents c WHERE c.business_id = :business_id AND c.customer_id = :customer_id AND c.granted = 1 "
        "AND c.id = (SELECT MAX(n.id) FROM consents n WHERE n.customer_id = c.customer_id AND n.purpose = c.purpose) "
        "AND EXISTS (SELECT 1 FROM consent_texts t WHERE t.business_id = c.business_id AND t.purpose = c.purpose AND t.ask_again = 1 "
        "AND t.created_at > c.at) AND NOT EXISTS (SELECT 1 FROM consent_purposes o WHERE o.business_id = c.business_id "
        "AND o.key = c.purpose AND o.closed_at IS NOT NULL) ORDER BY c.purpose DESC",
        {"business_id": business_id, "customer_id": customer_id})
    return [row["purpose"] for row in rows]
