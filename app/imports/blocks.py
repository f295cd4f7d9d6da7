"""A file's rows as they lie in the database: some hundred together, deflated and sealed, because they are people's."""
import zlib
from typing import Any

import msgspec

from app.db import Transaction
from app.imports import store
from app.imports.store import Reader
from app.secrets import KeyRing

PURPOSE = "import.rows"
# [row number, [cell, …]], or [row number, code] for one that could not be read.
Line = tuple[int, list[str] | str]
_decode = msgspec.json.Decoder(list[Line]).decode


async def keep(tx: Transaction, ring: KeyRing, business_id: int, import_id: int, number: int, lines: list[Any]) -> None:
    packed = zlib.compress(msgspec.json.encode(lines), 1)
    await store.insert_block(tx, {"business_id": business_id, "import_id": import_id, "number": number, "size": len(lines),
                                  "content_sealed": ring.seal(PURPOSE, packed, _bound(import_id))})


async def read(reader: Reader, ring: KeyRing, business_id: int, import_id: int, number: int) -> list[Line] | None:
    """None behind the last block."""
    sealed = await store.find_block(reader, business_id, import_id, number)
    return None if sealed is None else _decode(zlib.decompress(ring.open(PURPOSE, sealed, _bound(import_id))))


def _bound(import_id: int) -> bytes:
    return str(import_id).encode()
