"""The tables of kept passes and of the files that many of them share."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.clock import from_ms
from app.db import Database, Row, Transaction

Reader = Database | Transaction


@dataclass(frozen=True, slots=True)
class SignedPass:
    """A version as it was signed. pass_json_sealed, manifest: deflated; modified_at: its Last-Modified."""

    pass_id: int
    business_id: int
    version: int
    pass_json_sealed: bytes
    manifest: bytes
    signature: bytes
    modified_at: datetime


# A version is written once: the first signature of it is as good as any later one.
_KEEP = """
INSERT INTO signed_passes(pass_id, business_id, version, pass_json_sealed, manifest, signature, signed_at, modified_at)
VALUES (:pass_id, :business_id, :version, :pass_json_sealed, :manifest, :signature, :signed_at, :modified_at)
ON CONFLICT (pass_id) DO UPDATE SET version = excluded.version, pass_json_sealed = excluded.pass_json_sealed,
  manifest = excluded.manifest, signature = excluded.signature, signed_at = excluded.signed_at, modified_at = excluded.modified_at
WHERE signed_passes.version < excluded.version"""
# The moment is renewed, so that nobody prunes a file that has just found a use again.
_KEEP_FILE = """
INSERT INTO pass_files(business_id, sha1, content, created_at) VALUES (:business_id, :sha1, :content, :now)
ON CONFLICT (business_id, sha1) DO UPDATE SET created_at = excluded.created_at"""
_FIND = """
SELECT pass_id, business_id, version, pass_json_sealed, manifest, signature, modified_at FROM signed_passes WHERE pass_id = :pass_id"""
_WALK = """
SELECT s.pass_id, s.business_id, s.manifest, c.status
FROM signed_passes s JOIN passes p ON p.id = s.pass_id JOIN cards c ON c.id = p.card_id
WHERE s.pass_id > :after ORDER BY s.pass_id LIMIT :limit"""


async def keep(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    await tx.execute_many(_KEEP, rows)


async def keep_files(tx: Transaction, business_id: int, files: Mapping[str, bytes], now_ms: int) -> None:
    """files: hex SHA-1 → content."""
    await tx.execute_many(_KEEP_FILE, [{"business_id": business_id, "sha1": sha1, "content": content, "now": now_ms}
                                       for sha1, content in files.items()])


async def find(reader: Reader, pass_id: int) -> SignedPass | None:
    row = await reader.fetch_one(_FIND, {"pass_id": pass_id})
    return row and SignedPass(row["pass_id"], row["business_id"], row["version"], bytes(row["pass_json_sealed"]), bytes(row["manifest"]),
                              bytes(row["signature"]), from_ms(row["modified_at"]))


async def find_files(reader: Reader, business_id: int, hashes: Sequence[str]) -> dict[str, bytes]:
    """Those of the files that are there."""
    names = {f"h{at}": sha1 for at, sha1 in enumerate(hashes)}
    rows = await reader.fetch_all("SELECT sha1, content FROM pass_files WHERE business_id = :business_id AND sha1 IN "
                                  f"({', '.join(':' + name for name in names)})", {"business_id": business_id, **names})
    return {row["sha1"]: bytes(row["content"]) for row in rows}


async def walk(reader: Reader, after: int, limit: int) -> Sequence[Row]:
    """Kept passes above `after` by id: pass_id, business_id, manifest, and their card's status."""
    return await reader.fetch_all(_WALK, {"after": after, "limit": limit})


async def forget(tx: Transaction, pass_ids: Sequence[int]) -> None:
    await tx.execute_many("DELETE FROM signed_passes WHERE pass_id = :pass_id", [{"pass_id": pass_id} for pass_id in pass_ids])


async def old_files(reader: Reader, before_ms: int) -> list[tuple[int, str]]:
    """(business, hash) of files that nothing was signed with since."""
    rows = await reader.fetch_all("SELECT business_id, sha1 FROM pass_files WHERE created_at < :before", {"before": before_ms})
    return [(row["business_id"], row["sha1"]) for row in rows]


async def forget_file(tx: Transaction, business_id: int, sha1: str, before_ms: int) -> None:
    """Only while nothing was signed with it again."""
    await tx.execute("DELETE FROM pass_files WHERE business_id = :business_id AND sha1 = :sha1 AND created_at < :before",
                     {"business_id": business_id, "sha1": sha1, "before": before_ms})
