"""Lists for tests: written to a file, sent, chosen and worked through as the server does it."""
import tempfile
from collections.abc import Sequence
from typing import Any

from app.context import Context
from app.imports import service, working
from app.imports.rules import Options
from app.imports.store import Import
from tests.conftest import Shop

HEAD = ("Телефон", "Имя", "Карта", "Баллы")


def csv_of(rows: Sequence[Sequence[Any]], delimiter: str = ";") -> bytes:
    return "\r\n".join(delimiter.join(str(cell) for cell in row) for row in rows).encode() + b"\r\n"


async def receive(here: Context, shop: Shop, content: bytes, name: str = "base.csv") -> int:
    with tempfile.TemporaryFile() as source:
        source.write(content)
        source.seek(0)
        return await service.receive(here.db, here.ring, shop.who, shop.program_id, name, source, here.clock.now())


async def tried(here: Context, shop: Shop, rows: Sequence[Sequence[Any]], options: Options | None = None,
                mapping: Sequence[str] | None = None) -> Import:
    """A list that went through its dry run."""
    import_id = await receive(here, shop, csv_of(rows))
    found = await service.get(here.db, shop.business_id, import_id)
    await service.choose(here.db, shop.who, import_id, found.mapping if mapping is None else mapping, options or Options(),
                         here.clock.now())
    await working.go_on(here)
    return await service.get(here.db, shop.business_id, import_id)


async def taken(here: Context, shop: Shop, rows: Sequence[Sequence[Any]], options: Options | None = None,
                mapping: Sequence[str] | None = None) -> Import:
    """A list that is in."""
    found = await tried(here, shop, rows, options, mapping)
    await service.start(here.db, shop.who, found.id, here.clock.now())
    await working.go_on(here)
    return await service.get(here.db, shop.business_id, found.id)


async def said(here: Context, found: Import) -> list[tuple[int, str, str]]:
    """(row, kind, code) of whatever was noted."""
    return [(each.row, each.kind, each.code) for each in await service.noted(here.db, found)]


async def count(here: Context, table: str) -> int:
    return await here.db.fetch_val(f"SELECT COUNT(*) FROM {table}")
