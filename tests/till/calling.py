"""A cash register for tests: sends JSON with a key, a fresh idempotency key for each POST."""
import itertools
from typing import Any

import httpx2
import pytest

from app.context import Context
from app.db import write_transaction
from tests.conftest import Shop

# For cases that differ in what is asked and not in what is written: one engine is enough.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
_count = itertools.count(1)
NEW = object()


class Till:
    """Calls /api/v1 as one API key."""

    def __init__(self, client: httpx2.AsyncClient, here: Context, shop: Shop, api_key: str | None = None) -> None:
        self.client, self.here, self.shop = client, here, shop
        self.headers = {"Authorization": f"Bearer {api_key or shop.api_key}"}

    async def get(self, path: str, **query: Any) -> httpx2.Response:
        return await self.client.get(f"/api/v1{path}", params=query, headers=self.headers)

    async def post(self, path: str, body: Any = None, key: Any = NEW, **headers: str) -> httpx2.Response:
        """key: an idempotency key, None for none; a fresh one unless told."""
        sent = {**self.headers, **headers}
        if key is not None:
            sent["Idempotency-Key"] = f"key-{next(_count)}" if key is NEW else key
        if body is None:
            return await self.client.post(f"/api/v1{path}", headers=sent)
        if isinstance(body, bytes):
            return await self.client.post(f"/api/v1{path}", content=body, headers={"Content-Type": "application/json", **sent})
        return await self.client.post(f"/api/v1{path}", json=body, headers=sent)

    def id(self, kind: str, row_id: int) -> str:
        return self.here.ids.encode(kind, row_id)

    @property
    def program(self) -> str:
        return self.id("program", self.shop.program_id)


WRITTEN = ("operations", "entries", "lots", "receipts", "cards", "customers", "consents", "enrolments", "messages", "retired_codes",
           "page_links", "audit_entries", "idempotency_keys", "updates", "update_queue", "events")


async def written(here: Context) -> dict[str, int]:
    """How many rows every table that an act writes has: equal before and after a refusal."""
    async def act(tx: Any) -> dict[str, int]:
        return {table: await tx.fetch_val(f"SELECT COUNT(*) FROM {table}") for table in WRITTEN}

    return await write_transaction(here.db, act)
