"""SQL on topics and on what shoppers said of them."""
import json
from collections.abc import Mapping
from dataclasses import dataclass

from app.customers.store import Reader
from app.db import Row, Transaction


@dataclass(frozen=True, slots=True)
class Topic:
    """What a business writes about. names: language → name."""

    id: int
    key: str
    names: Mapping[str, str]

    def name_in(self, language: str) -> str:
        return self.names.get(language) or self.names.get("en") or self.key


def _topic(row: Row) -> Topic:
    return Topic(row["id"], row["key"], json.loads(row["names"]))


async def topics(reader: Reader, business_id: int) -> list[Topic]:
    rows = await reader.fetch_all("SELECT id, key, names FROM topics WHERE business_id = :business_id AND closed_at IS NULL ORDER BY id",
                                  {"business_id": business_id})
    return [_topic(row) for row in rows]


async def add(tx: Transaction, business_id: int, key: str, names: Mapping[str, str], now: int) -> Topic:
    return _topic(await tx.fetch_one(
        "INSERT INTO topics(business_id, key, names, created_at) VALUES (:business_id, :key, :names, :now) "
        "ON CONFLICT(business_id, key) DO UPDATE SET names = excluded.names, closed_at = NULL RETURNING id, key, names",
        {"business_id": business_id, "key": key, "names": json.dumps(dict(names), ensure_ascii=False), "now": now}))


async def rename(tx: Transaction, business_id: int, topic_id: int, names: Mapping[str, str]) -> bool:
    return await tx.fetch_one(
        "UPDATE topics SET names = :names WHERE id = :id AND business_id = :business_id AND closed_at IS NULL RETURNING id",
        {"id": topic_id, "business_id": business_id, "names": json.dumps(dict(names), ensure_ascii=False)}) is not None


async def close(tx: Transaction, business_id: int, topic_id: int, now: int) -> bool:
    return await tx.fetch_one(
        "UPDATE topics SET closed_at = :now WHERE id = :id AND business_id = :business_id AND closed_at IS NULL RETURNING id",
        {"id": topic_id, "business_id": business_id, "now": now}) is not None


async def said(reader: Reader, business_id: int, customer_id: int) -> dict[tuple[int, str], bool]:
    """(topic or 0, channel) → wanted"""
    rows = await reader.fetch_all("SELECT topic_id, channel, wanted FROM wishes WHERE customer_id = :customer_id "
                                  "AND business_id = :business_id", {"customer_id": customer_id, "business_id": business_id})
    return {(row["topic_id"], row["channel"]): bool(row["wanted"]) for row in rows}


async def say(tx: Transaction, business_id: int, customer_id: int, topic_id: int, channel: str, wanted: bool, actor_kind: str,
              now: int) -> None:
    await tx.execute(
        "INSERT INTO wishes(customer_id, topic_id, channel, business_id, wanted, actor_kind, at) "
        "VALUES (:customer_id, :topic_id, :channel, :business_id, :wanted, :actor_kind, :now) "
        "ON CONFLICT(customer_id, topic_id, channel) DO UPDATE SET wanted = excluded.wanted, actor_kind = excluded.actor_kind, "
        "at = excluded.at",
        {"customer_id": customer_id, "topic_id": topic_id, "channel": channel, "business_id": business_id, "wanted": int(wanted),
         "actor_kind": actor_kind, "now": now})


async def has_consented(reader: Reader, business_id: int, customer_id: int) -> bool:
    return bool(await reader.fetch_val(
        "SELECT c.granted FROM consents c JOIN customers p ON p.id = c.customer_id WHERE c.customer_id = :customer_id "
        "AND c.business_id = :business_id AND c.purpose = 'marketing' AND p.erased_at IS NULL ORDER BY c.id DESC LIMIT 1",
        {"customer_id": customer_id, "business_id": business_id}))


async def has_refused(reader: Reader, business_id: int, customer_id: int) -> bool:
    """Erased, or the newest answer to marketing is a no."""
    row = await reader.fetch_one(
        "SELECT p.erased_at, (SELECT c.granted FROM consents c WHERE c.customer_id = p.id AND c.purpose = 'marketing' ORDER BY c.id DESC "
        "LIMIT 1) AS granted FROM customers p WHERE p.id = :customer_id AND p.business_id = :business_id",
        {"customer_id": customer_id, "business_id": business_id})
    return row is not None and (row["erased_at"] is not None or row["granted"] == 0)


async def erase(tx: Transaction, business_id: int, customer_id: int) -> None:
    await tx.execute(
        "DELETE FROM wishes WHERE business_id = :business_id AND (customer_id = :customer_id OR customer_id IN "
        "(SELECT id FROM customers WHERE merged_into = :customer_id AND business_id = :business_id))",
        {"business_id": business_id, "customer_id": customer_id})
