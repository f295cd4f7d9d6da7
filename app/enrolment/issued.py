"""Who brought how many to a card: by member of staff, program, location, poster and way."""
from dataclasses import dataclass
from datetime import datetime

from app.clock import to_ms
from app.db import Database
from app.enrolment import store

MOST = 500


@dataclass(frozen=True, slots=True)
class Issued:
    """One line. actor_kind: staff, api_key, shopper (by themselves) or system; begun: enrolments; activated: cards of them; refused: whose
    number was somebody else's."""

    actor_kind: str
    actor_id: int | None
    location_id: int | None
    source: str
    poster: str
    begun: int
    activated: int
    refused: int


async def issued(db: Database, business_id: int, since: datetime, until: datetime) -> list[Issued]:
    """Of enrolments that were begun in since <= at < until, whoever brought the most cards first."""
    async with db.transaction(readonly=True) as tx:
        rows = await store.count_issued(tx, business_id, to_ms(since), to_ms(until), MOST)
    return [Issued(row["actor_kind"], row["actor_id"], row["location_id"], row["source"], row["poster"], int(row["begun"]),
                   int(row["activated"]), int(row["refused"])) for row in rows]
