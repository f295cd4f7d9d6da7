"""Passes that a device named with the right token: who comes again is let in without a look at the table.

A pass's serial number, type and token never change and its row is never deleted, so nothing has to be forgotten.
"""
import hashlib
from collections import OrderedDict
from typing import NamedTuple

from app.context import Context

MOST = 20_000
EXTRA = "registrations.known"


class Known(NamedTuple):
    """A pass: its row and its card's."""

    id: int
    card_id: int


def digest_of(*named: str) -> bytes:
    """Of what a request names, its token included: what is kept tells nobody a token."""
    return hashlib.sha256("\n".join(named).encode("utf-8", "replace")).digest()


def find(here: Context, digest: bytes) -> Known | None:
    return _all(here).get(digest)


def note(here: Context, digest: bytes, known: Known) -> None:
    """The request of this digest was found to be of `known`."""
    kept = _all(here)
    kept[digest] = known
    while len(kept) > MOST:
        kept.popitem(last=False)


def _all(here: Context) -> OrderedDict[bytes, Known]:
    made: OrderedDict[bytes, Known] = here.extras.setdefault(EXTRA, OrderedDict())
    return made
