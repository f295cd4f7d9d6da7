"""Passes that were drawn a moment ago and found as they were: whoever asks again hears so without a drawing.

A card's change and its update commit together, and so do a programme's and its spread: where neither has a newer number, the pass is
what it was, but for what ends or begins by the clock. Jobs look for that every few minutes; here it is looked at again after LIFE.
"""
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import NamedTuple

from app.context import Context
from app.passes.store import Mark, Pass

LIFE = timedelta(minutes=1)
MOST = 20_000
EXTRA = "passes.unchanged"


class _Seen(NamedTuple):
    mark: Mark
    version: int
    at: datetime


def is_known(here: Context, held: Pass, mark: Mark, now: datetime) -> bool:
    """Whether the pass was drawn lately, at this mark, and its version is still the newest."""
    seen = _all(here).get(held.id)
    return seen is not None and (seen.mark, seen.version) == (mark, held.version) and seen.at <= now < seen.at + LIFE


def note(here: Context, held: Pass, mark: Mark, now: datetime) -> None:
    """The version of `held` is what the card shows at `now`."""
    known = _all(here)
    known[held.id] = _Seen(mark, held.version, now)
    known.move_to_end(held.id)
    while len(known) > MOST:
        known.popitem(last=False)


def _all(here: Context) -> OrderedDict[int, _Seen]:
    made: OrderedDict[int, _Seen] = here.extras.setdefault(EXTRA, OrderedDict())
    return made
