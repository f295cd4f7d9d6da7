"""How often the enrolment page was opened, by the name of the poster or link; and what came of it."""
import re
from datetime import datetime

from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.enrolment import visits_store
from app.enrolment.visits_store import Reader
from app.programs.store import Program

# Names come with addresses that anybody can write: a programme keeps so many of them, and counts no others.
NAMES_KEPT = 200
# Previews and crawlers open what nobody looked at. A robot that hides is counted: this is a figure, not a door.
_ROBOT = re.compile(r"bot|crawl|spider|preview|fetch|monitor|curl|facebookexternalhit|whatsapp|telegram", re.IGNORECASE)


def is_person(user_agent: str) -> bool:
    return bool(user_agent) and not _ROBOT.search(user_agent)


async def note(db: Database, program: Program, poster: str, now: datetime) -> None:
    """One more visit. poster: as `rules.poster_of` gives it, empty for the page itself."""
    async def act(tx: Transaction) -> None:
        await visits_store.add(tx, program.business_id, program.id, poster, to_ms(now), NAMES_KEPT)

    await write_transaction(db, act)


async def of_posters(reader: Reader, business_id: int) -> dict[str, tuple[int, int]]:
    """poster → (visits, cards that came of them)."""
    visits, cards = await visits_store.visits(reader, business_id), await visits_store.cards(reader, business_id)
    return {name: (visits.get(name, 0), cards.get(name, 0)) for name in {**visits, **cards}}
