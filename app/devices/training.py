"""In and out of training: the same person in another session, so that what was begun in one is never ended in the other."""
from dataclasses import dataclass
from datetime import datetime

from app import secrets
from app.audit import service as audit
from app.clock import to_ms
from app.db import Database, Row, Transaction, write_transaction
from app.devices import pins_store as store
from app.devices import store as device_store
from app.errors import Unauthenticated
from app.secrets import KeyRing
from app.staff import sessions
from app.web.principal import Principal


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that took the place of the one before; who: in the business itself, whose copy is entered at the door."""

    token: str
    who: Principal


async def begin(db: Database, ring: KeyRing, session_id: int, now: datetime) -> Opened:
    """From here on the person practises. Raises Unauthenticated where the session is over."""
    return await _move(db, ring, session_id, True, now)


async def leave(db: Database, ring: KeyRing, session_id: int, now: datetime) -> Opened:
    """Back to work. Raises Unauthenticated where the session is over."""
    return await _move(db, ring, session_id, False, now)


async def began_at(db: Database, session_id: int) -> int:
    """Epoch ms. Raises Unauthenticated where the session is over."""
    row = await store.session_person(db, session_id)
    if row is None:
        raise Unauthenticated()
    return int(row["began_at"])


async def _move(db: Database, ring: KeyRing, session_id: int, training: bool, now: datetime) -> Opened:
    token = secrets.new_secret()

    async def act(tx: Transaction) -> Opened:
        row = await store.session_person(tx, session_id)
        if row is None:
            raise Unauthenticated()
        await store.end_session(tx, row["business_id"], session_id, to_ms(now))
        who = await sessions.begin(tx, ring, {**dict(row), "location_id": await _place(tx, row)}, "till", token, now,
                                   device_id=row["device_id"], agent=row["agent"], training=training, factor=row["factor"])
        await audit.record(tx, who, "training.began" if training else "training.left", "staff", row["id"], now=now)
        return Opened(token, who)

    return await write_transaction(db, act)


async def _place(tx: Transaction, row: Row) -> int | None:
    """Where the till stands: where its device does, else where the person works. What was chosen in training stays there."""
    device = await device_store.device_of(tx, row["business_id"], row["device_id"]) if row["device_id"] is not None else None
    place: int | None = row["location_id"] if device is None or device.location_id is None else device.location_id
    return place
