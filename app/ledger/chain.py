"""The hash chain: each operation of a business is sealed together with the hash of the one before.

What is covered: every id and integer of the operation, its entries and the lots that it made, and a salted hash of its
texts. Texts and salts themselves lie in rows that an erasure may empty; the chain stays whole.
"""
import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

FIRST = bytes(32)
# The order is part of the format: a column is only ever added at the end, under a new format number.
OPERATION_FIELDS = (
    "id", "business_id", "acting_business_id", "program_id", "account_id", "card_id", "location_id", "kind", "of_operation_id", "at",
    "recorded_at", "rules_version", "amount_minor", "discount_minor", "spent_minor", "to_pay_minor", "pay_back_minor", "shortfall",
    "actor_kind", "actor_id")
_FORMAT = 1
_encode = msgspec.json.Encoder().encode


def text_hash(salt: bytes, content: str) -> bytes:
    """SHA-256 of salt and texts: without the salt, a short text could be guessed from its hash after an erasure."""
    return hashlib.sha256(salt + content.encode()).digest()


def lot_row(lot_id: int, unit: str, granted: int, expires_at: int | None, created_at: int, available_at: int | None,
            moved_from: int | None) -> tuple[Any, ...]:
    """A lot as a seal covers it. The last two came later than the first seals, which hold for lots that have neither."""
    row = lot_id, unit, granted, expires_at, created_at
    return row if available_at is None and moved_from is None else (*row, available_at, moved_from)


def seal(before: bytes, seq: int, operation: Sequence[Any], hash_of_texts: bytes | None, entries: Sequence[Sequence[Any]],
         lots: Sequence[Sequence[Any]]) -> bytes:
    """32 bytes over the hash before, the operation's OPERATION_FIELDS, its entries (line, account, book, unit, amount, lot) by line
    and the lots that it made (`lot_row`) by id."""
    content = _encode((_FORMAT, seq, operation, hash_of_texts.hex() if hash_of_texts else None, entries, lots))
    return hashlib.sha256(before + content).digest()
