"""What the server's operator lets a business use; no row, no limit."""
from app.db import Database, Transaction
from app.errors import Refused
from app.limits import store
from app.text import N_


class QuotaSpent(Refused):
    code, detail = "server_limit", N_("This business has used what the server allows of it. Ask whoever runs the server for more.")


async def quota(reader: Database | Transaction, business_id: int, name: str) -> int | None:
    """name: messages_day | cards | storage_bytes; None: as much as it likes."""
    return await store.quota(reader, business_id, name)
