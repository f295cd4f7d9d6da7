"""What a location belongs to, in the business's own words: a brand, a legal entity, a franchisee. Reports group by them."""
from datetime import datetime

import msgspec

from app.audit import service as audit
from app.db import Database, Transaction, write_transaction
from app.errors import FieldError, Invalid, NotFound
from app.programs import tags_store as store
from app.programs.store import Reader
from app.text import N_
from app.web.principal import Principal

MOST, LONGEST = 8, 60


def parse(text: str) -> tuple[str, ...]:
    """Tags between commas, each once, in their order. Raises Invalid (field `tags`) for too many, too long or unprintable ones."""
    found = tuple(dict.fromkeys(" ".join(part.split()) for part in text.split(",") if part.strip()))
    if len(found) > MOST or any(len(tag) > LONGEST or not tag.isprintable() for tag in found):
        raise Invalid(fields=[FieldError("tags", "tags", N_("Type at most 8 words or names, with commas between them."))])
    return found


async def tags_of(reader: Reader, business_id: int) -> dict[int, tuple[str, ...]]:
    """location → its tags, of every location of a business."""
    return {row["id"]: tuple(msgspec.json.decode(row["tags"])) for row in await store.tags_of(reader, business_id)}


async def set_tags(db: Database, who: Principal, location_id: int, tags: tuple[str, ...], now: datetime) -> None:
    """Raises NotFound where the location is none of the business's."""
    async def act(tx: Transaction) -> None:
        if not await store.set_tags(tx, who.business_id, location_id, msgspec.json.encode(tags).decode()):
            raise NotFound()
        await audit.record(tx, who, "location.changed", "location", location_id, now=now)

    await write_transaction(db, act)
