"""What is true of operations made without a network: what is signed, in which order they are done, what is missing, who may have acted.

A till numbers what it does from 1 on, without a hole. The server does nothing before everything under a lower number has come, or the till
has said, signed, that it holds nothing older any more: so whichever way the batches travel, the ledger is that of the day.
"""
import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from app.errors import FieldError, Invalid, Refused, TesseraError
from app.money import MAX_AMOUNT, MAX_POINTS
from app.programs.rules import ProgramRules
from app.sales.rules import LATEST
from app.text import N_

MOST_ITEMS = 50             # of a batch
MOST_DONE = 150             # a request: a second of a busy server, and the till asks again
MOST_FORGED = 200           # conflicts kept of a device whose signatures do not fit: whoever floods is seen by then
PACK_CARDS = 120
PACK_SEEN = timedelta(days=7)
PACK_LIFE = timedelta(hours=24)
SKEW_MS = 5 * 60_000        # how far a till's clock may be from ours
REASON_MOST = 300
_VERSION = "tessera-offline-1"

Count = Annotated[int, Meta(ge=0, le=MAX_POINTS)]
Minor = Annotated[int, Meta(ge=0, le=MAX_AMOUNT)]
Number = Annotated[int, Meta(ge=1, le=2**48)]


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One operation as its till signed it. counter: its number there; key: 22 random letters; at: epoch ms; card: what was scanned or
    typed; amount, to_pay: minor units; points: of the programme's unit that pay for a part; visits: prepaid ones to take;
    staff: the public id of who was signed in. Stamps come with a sale, as they do online."""

    counter: Number
    key: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{22}$")]
    at: Annotated[int, Meta(ge=0, le=2**48)]
    kind: Literal["sale", "visit"]
    card: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
    staff: Annotated[str, Meta(max_length=40, pattern=r"^[!-~]*$")]
    signature: Annotated[str, Meta(max_length=100)]
    amount: Minor = 0
    points: Count = 0
    to_pay: Minor | None = None
    visits: Annotated[int, Meta(ge=0, le=100)] = 0
    receipt: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")] | None = None


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a till sends. oldest: the lowest number that it still holds (the next one where it holds none): what is below and never came
    is lost; signature: of that."""

    device: str
    oldest: Number
    signature: Annotated[str, Meta(max_length=100)]
    items: Annotated[list[Item], Meta(max_length=MOST_ITEMS)]


class Session(NamedTuple):
    """A till session as its row says; epoch ms."""

    created_at: int
    expires_at: int
    revoked_at: int | None
    location_id: int | None


class Conflict(Refused):
    """Why an operation of a till was not done; `code` is kept with it."""

    def __init__(self, why: str) -> None:
        super().__init__(code=why)


def signed_text(device: str, item: Item) -> bytes:
    """What the till signed. device: its public id; no part of it holds a line's end."""
    to_pay = "" if item.to_pay is None else item.to_pay
    parts = (_VERSION, device, item.counter, item.key, item.at, item.kind, item.card, item.amount, item.points, to_pay, item.visits,
             item.receipt or "", item.staff)
    return "\n".join(map(str, parts)).encode()


def oldest_text(device: str, oldest: int) -> bytes:
    """What the till signed with a batch."""
    return f"{_VERSION}\n{device}\noldest\n{oldest}".encode()


def digest_of(signed: bytes) -> bytes:
    return hashlib.sha256(signed).digest()


def after(newest: int, held: Iterable[int]) -> int:
    """The newest number up to which everything is there. newest: the one until now; held: further numbers that came, rising."""
    for counter in held:
        if counter > newest + 1:
            break
        newest = max(newest, counter)
    return newest


def missing(newest: int, oldest: int, held: Iterable[int]) -> list[tuple[int, int]]:
    """The runs (first, last) of numbers above `newest` and below `oldest` that never came. held: those that did, rising."""
    runs, expected = [], newest + 1
    for counter in [each for each in held if newest < each < oldest] + [oldest]:
        if counter > expected:
            runs.append((expected, counter - 1))
        expected = counter + 1
    return runs


def worked(sessions: Sequence[Session], disabled_at: int | None, at: int) -> Session | None:
    """The newest of a person's sessions on a device within which they could have worked there at `at`; None: they could not.

    One that ended by its life is not over for a till without a network: nobody could sign in again.
    """
    if disabled_at is not None and disabled_at <= at:
        return None
    fits = [each for each in sessions if each.created_at - SKEW_MS <= at and (each.revoked_at is None or at < each.revoked_at + SKEW_MS)]
    return max(fits, key=lambda each: each.created_at, default=None)


def decided_at(at: datetime, now: datetime) -> datetime:
    """The moment by whose rules a decided operation is judged: its own, or now where that is too long ago or still to come."""
    return at if now - LATEST < at <= now else now


def why_of(refused: TesseraError) -> str:
    """The stable word for a refusal: of its first field where it has some."""
    return refused.fields[0].code if isinstance(refused, Invalid) and refused.fields else refused.code


def worth(points: int, rules: ProgramRules) -> int:
    """What points pay, in minor units, rounded down as a receipt does."""
    return points if rules.unit == "money" else points * rules.worth_minor // rules.worth_points


def check_reason(text: str) -> str:
    """Raises Invalid (field `reason`)."""
    reason = " ".join(text.split())
    if not 1 <= len(reason) <= REASON_MOST or not reason.isprintable():
        raise Invalid(fields=[FieldError("reason", "reason", N_("Say why, in 1 to 300 characters."))])
    return reason
