"""What the scan page of a location's tills opens on."""
from datetime import datetime

from app.audit import service as audit
from app.db import Database, Transaction, write_transaction
from app.errors import FieldError, Invalid, NotFound
from app.programs import tills_store as store
from app.programs.store import Reader
from app.text import N_
from app.web.principal import Principal

STARTS = ("camera", "field")


def check_start(start: str) -> None:
    """Raises Invalid (field `till_start`)."""
    if start not in STARTS:
        raise Invalid(fields=[FieldError("till_start", "choice", N_("Choose what the scan page opens on."))])


async def start_of(reader: Reader, business_id: int, location_id: int | None) -> str:
    """One of STARTS; a till without a location opens on the camera."""
    found = await store.start_of(reader, business_id, location_id) if location_id is not None else None
    return found or STARTS[0]


async def choose_start(db: Database, who: Principal, location_id: int, start: str, now: datetime) -> None:
    """What is chosen already is not chosen again. Raises Invalid, and NotFound where the location is none of the business's."""
    check_start(start)

    async def act(tx: Transaction) -> None:
        if await store.start_of(tx, who.business_id, location_id) == start:
            return
        if not await store.set_start(tx, who.business_id, location_id, start):
            raise NotFound()
        await audit.record(tx, who, "location.changed", "location", location_id, {"till_start": start}, now=now)

    await write_transaction(db, act)
