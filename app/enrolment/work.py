"""A puzzle for whoever asks too often: some seconds of a browser's time, checked by one hash. No cookie, no row, no third party.

A challenge is a signed sentence: until when it holds, what it is for, how hard it is. The answer is a number for which
SHA-256("challenge.number") begins with so many zero bits (hashcash). Below the soft limits nobody is asked, so that the pages work
without scripts.
"""
import hashlib
from datetime import datetime, timedelta

from app import secrets
from app.clock import to_ms
from app.db import Database, write_transaction
from app.limits import service as limits
from app.limits.rules import Limit, LimitReached
from app.secrets import KeyRing

BITS = 16                       # 65,000 hashes on average: about a second of a phone's time
LIFE = timedelta(minutes=10)
ANSWER_MOST = 20


def challenge(ring: KeyRing, subject: str, now: datetime, bits: int = BITS) -> str:
    """subject: what it is for, such as a page's path; an answer for one is none for another."""
    body = f"{to_ms(now + LIFE)}-{bits}-{secrets.new_token(12)}"
    return f"{body}-{_sign(ring, subject, body)}"


def _sign(ring: KeyRing, subject: str, body: str) -> str:
    return ring.lookup_hash("enrolment.work", f"{subject}\0{body}").hex()[:32]


def is_answer(ring: KeyRing, subject: str, text: str, answer: str, now: datetime) -> bool:
    """Whether `text` is a challenge of ours for this subject that still holds, and `answer` solves it."""
    body, _, sign = text.rpartition("-")
    if len(text) > 100 or not secrets.same(sign.encode(), _sign(ring, subject, body).encode()):
        return False
    until, bits = body.split("-")[:2]
    if to_ms(now) >= int(until) or not (answer.isascii() and answer.isdigit() and len(answer) <= ANSWER_MOST):
        return False
    return zero_bits(hashlib.sha256(f"{text}.{answer}".encode()).digest()) >= int(bits)


def zero_bits(digest: bytes) -> int:
    """How many zero bits a digest begins with."""
    return len(digest) * 8 - int.from_bytes(digest, "big").bit_length()


async def use(db: Database, ring: KeyRing, subject: str, text: str, answer: str, now: datetime) -> bool:
    """As `is_answer`, and each challenge counts once."""
    if not is_answer(ring, subject, text, answer, now):
        return False
    once = [Limit("work.used", ring.lookup_hash("enrolment.work", text).hex(), LIFE // timedelta(seconds=1), 1)]
    try:
        await write_transaction(db, lambda tx: limits.hit(tx, once, now))
    except LimitReached:
        return False
    return True


async def is_asked(db: Database, soft: list[Limit], now: datetime) -> bool:
    """Whether one of the soft limits has no room any more."""
    try:
        await limits.check(db, soft, now)
    except LimitReached:
        return True
    return False
