"""SQL on `meta`: what this database is."""
from app.db import Database, Transaction


async def all_meta(db: Database | Transaction) -> dict[str, str]:
    return {row["key"]: row["value"] for row in await db.fetch_all("SELECT key, value FROM meta")}


async def set_meta(tx: Transaction, key: str, value: str) -> None:
    await tx.execute("INSERT INTO meta(key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                     {"key": key, "value": value})


async def stored_revision(db: Database) -> str | None:
    """The schema's revision, or None where no migration ran; portable, and cheap enough for every start."""
    if db.engine == "sqlite":
        known = await db.fetch_one("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'")
    else:
        known = await db.fetch_one("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'alembic_version'")
    row = await db.fetch_one("SELECT version_num FROM alembic_version") if known else None
    return row["version_num"] if row else None


async def has_business(db: Database) -> bool:
    return await db.fetch_one("SELECT id FROM businesses LIMIT 1") is not None
