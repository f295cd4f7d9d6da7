"""Passes that were drawn a moment ago and found as they were: whoever asks again hears so without a drawing.

A card's change and its update commit together, and so do a programme's and its spread: where neither has a newer number, the pass is
what it was, but for what ends or begins by the clock. Jobs look for that every few minutes; here it is looked at again after LIFE.
"""
from collections import OrderedDict
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import NamedTuple

from app.context import Context
from app.passes.store import Mark, Pass

LIFE = timedelta(minutes=1)
MOST = 20_000
EXTRA = "passes.unchanged"


class Seen(NamedTuple):
    """A version that was what the card showed `at`. tag: its Last-Modified as devices send it back."""

    mark: Mark
    version: int
    modified_at: datetime
    tag: str
    at: datetime


def find(here: Context, card_id: int, unless: str | None, now: datetime) -> Seen | None:
    """The version that the asker has, where the card was drawn lately and showed it."""
    seen = _all(here).get(card_id)
    return seen if seen is not None and seen.tag == unless and seen.at <= now < seen.at + LIFE else None


def note(here: Context, held: Pass, mark: Mark, now: datetime) -> None:
    """The version of `held` is what the card showed at `now`, and at `mark`."""
    known = _all(here)
    known[held.card_id] = Seen(mark, held.version, held.modified_at, tag_of(held.modified_at), now)
    known.move_to_end(held.card_id)
    while len(known) > MOST:
        known.popitem(last=False)


@lru_cache(1024)
def tag_of(modified_at: datetime) -> str:
    """A Last-Modified as the header has it."""
    return format_datetime(modified_at, usegmt=True)


def _all(here: Context) -> OrderedDict[int, Seen]:
    made: OrderedDict[int, Seen] = here.extras.setdefault(EXTRA, OrderedDict())
    return made
