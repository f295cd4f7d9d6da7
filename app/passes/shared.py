"""What all cards of a programme show alike, from memory: read once, and again with its next change.

Whatever changes it begins a spread in the commit of the change, and programmes take turns at that, so the number of the newest spread
tells every state apart. It is asked with each card, before anything of this is used. LIFE is for a database that was put back under a
running process: its numbers begin again.
"""
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import NamedTuple

from app.cards.service import Card
from app.context import Context
from app.passes import faces
from app.passes.faces import Shared
from app.passes.store import Mark

LIFE = timedelta(minutes=1)
MOST = 256
EXTRA = "passes.shared"


class _Kept(NamedTuple):
    spread: int
    at: datetime
    shared: Shared


async def of(here: Context, card: Card, mark: Mark, now: datetime) -> Shared:
    """What the card shows as others do, no older than `mark`, which was read before."""
    known: OrderedDict[int, _Kept] = here.extras.setdefault(EXTRA, OrderedDict())
    _, spread, _ = mark
    kept = known.get(card.program_id)
    if kept is not None and kept.spread == spread and kept.at <= now < kept.at + LIFE:
        return kept.shared
    found = await faces.shared_of(here.db, card)
    known[card.program_id] = _Kept(spread, now, found)
    while len(known) > MOST:
        known.popitem(last=False)
    return found
