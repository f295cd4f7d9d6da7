"""The versions of a programme's design, and which of them is the one now."""
from collections.abc import Mapping
from typing import Any

from app.db import Database, Row, Transaction

Reader = Database | Transaction

_FIND = """
SELECT content, template FROM design_versions WHERE program_id = :program_id AND business_id = :business_id AND version = :version"""
_LIST = """
SELECT version, created_at, created_by FROM design_versions
WHERE program_id = :program_id AND business_id = :business_id ORDER BY version DESC LIMIT :limit"""
_INSERT = """
INSERT INTO design_versions(business_id, program_id, version, template, content, created_at, created_by)
VALUES (:business_id, :program_id, :version, :template, :content, :created_at, :created_by)"""
# The pointer lies in the programme's row, so that reading a programme tells its design; counting it up also makes publishers take turns.
_NEXT = """
UPDATE programs SET design_version = design_version + 1 WHERE id = :program_id AND business_id = :business_id RETURNING design_version"""


async def find(reader: Reader, business_id: int, program_id: int, version: int) -> Row | None:
    """The content (JSON) and the template of a version."""
    return await reader.fetch_one(_FIND, {"business_id": business_id, "program_id": program_id, "version": version})


async def list_versions(reader: Reader, business_id: int, program_id: int, limit: int) -> list[Row]:
    """Newest first: version, created_at (epoch ms), created_by."""
    return await reader.fetch_all(_LIST, {"business_id": business_id, "program_id": program_id, "limit": limit})


async def insert(tx: Transaction, values: Mapping[str, Any]) -> None:
    await tx.execute(_INSERT, values)


async def next_version(tx: Transaction, business_id: int, program_id: int) -> int | None:
    """The next version, which is the programme's from here on; None where the business has no such programme."""
    return await tx.fetch_val(_NEXT, {"business_id": business_id, "program_id": program_id})
