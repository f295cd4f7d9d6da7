"""A receipt that proves itself: what one operation's seal covers, and the way from its hash to the root of its day.

The root of a day is the top of a binary tree over the hashes of the day's links, in their order: a leaf is SHA-256 of a zero
byte and the link's hash, a knot SHA-256 of a one byte and the two below it; an odd one moves up as it is. (The prefixes keep a
knot from being shown as a leaf: RFC 6962, section 2.1.)
"""
import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from app.ledger import chain
from app.ledger.chain import OPERATION_FIELDS

FORMAT = "tessera-receipt-1"


class Day(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The seal of the day that a link belongs to. path: ("left" | "right", hash), from the leaf to the root; texts are hex."""

    day: str
    first_seq: int
    last_seq: int
    head: str
    root: str
    path: tuple[tuple[str, str], ...]


class Proof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that an operation's seal covers; hashes in hex. texts: their JSON as it was sealed, null once it was erased;
    entries: [line, account, book, unit, amount, lot]; lots: as `chain.lot_row`; day: null until the day is over."""

    format: str
    business: str
    seq: int
    before: str
    operation: dict[str, Any]
    text_hash: str | None
    salt: str | None
    texts: str | None
    entries: list[list[Any]]
    lots: list[list[Any]]
    hash: str
    day: Day | None


class Broken(ValueError):
    """A receipt that does not prove what it says; the text is a sentence for whoever checks it."""


def root(hashes: Sequence[bytes]) -> bytes:
    """The root over the hashes of a day's links; at least one."""
    return _levels(hashes)[-1][0]


def path(hashes: Sequence[bytes], index: int) -> tuple[tuple[str, str], ...]:
    """The way from hash number `index` (from 0) to the root: what stands on which side of it, level by level."""
    steps = []
    for level in _levels(hashes)[:-1]:
        beside = index ^ 1
        if beside < len(level):
            steps.append(("left" if beside < index else "right", level[beside].hex()))
        index //= 2
    return tuple(steps)


def _levels(hashes: Sequence[bytes]) -> list[list[bytes]]:
    assert hashes
    sha256 = hashlib.sha256                  # a day of a large business is a hundred thousand of these, and `verify` makes every day anew
    levels = [[sha256(b"\x00" + each).digest() for each in hashes]]
    while len(levels[-1]) > 1:
        below = levels[-1]
        knots = [sha256(b"\x01" + left + right).digest() for left, right in zip(below[::2], below[1::2], strict=False)]
        levels.append(knots + below[len(below) & ~1:])
    return levels


def _leaf(link: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + link).digest()


def _knot(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def parse(text: bytes) -> Proof:
    """A proof from its file. Raises Broken."""
    try:
        proof = msgspec.json.decode(text, type=Proof)
    except msgspec.DecodeError as error:
        raise Broken(f"This file is no receipt of Tessera: {error}.") from error
    if proof.format != FORMAT or set(proof.operation) != set(OPERATION_FIELDS):
        raise Broken("This receipt has a format that this program does not know.")
    return proof


def check(proof: Proof) -> None:
    """Raises Broken unless everything in the receipt fits together, up to the root of its day. Needs no database."""
    try:
        _check(proof)
    except (ValueError, TypeError) as error:
        raise error if isinstance(error, Broken) else Broken(f"A value of the receipt cannot be read: {error}.") from error


def _check(proof: Proof) -> None:
    text_hash = bytes.fromhex(proof.text_hash) if proof.text_hash else None
    operation = [proof.operation[field] for field in OPERATION_FIELDS]
    sealed = chain.seal(bytes.fromhex(proof.before), proof.seq, operation, text_hash, proof.entries, proof.lots)
    if sealed.hex() != proof.hash:
        raise Broken("What the receipt says does not give the hash that it carries: something in it was changed.")
    if proof.texts is not None and chain.text_hash(bytes.fromhex(proof.salt or ""), proof.texts) != text_hash:
        raise Broken("The texts of the receipt were changed.")
    if proof.day is None:
        return
    top = _leaf(sealed)
    for side, beside in proof.day.path:
        other = bytes.fromhex(beside)
        top = _knot(other, top) if side == "left" else _knot(top, other)
    if top.hex() != proof.day.root or not proof.day.first_seq <= proof.seq <= proof.day.last_seq:
        raise Broken("The receipt does not belong to the day that it names.")
