"""The tables of Google's issuers, classes and objects: what is wanted of each, what Google took last, and whose turn it is."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from app.clock import from_ms, to_ms
from app.db import Database, Row, Transaction
from app.google.notices import Shown

Reader = Database | Transaction


@dataclass(frozen=True, slots=True)
class ClassRow:
    """A programme at one issuer. wanted counts changes, sent says how many of them Google has."""

    id: int
    business_id: int
    program_id: int
    issuer_id: str
    class_id: str
    fingerprint: bytes | None
    wanted: int
    sent: int
    review_status: str | None
    tries: int
    last_status: int | None
    last_reason: str | None
    is_created: bool
    callback_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """A card at Google. shown: what it showed last, None before it was made; shred: 1 asked for, 2 done."""

    id: int
    business_id: int
    card_id: int
    class_row_id: int
    object_id: str
    is_created: bool
    fingerprint: bytes | None
    shown: Shown | None
    wanted_number: int
    sent_number: int
    tries: int
    last_status: int | None
    last_reason: str | None
    notified_at: datetime | None
    notified_before_at: datetime | None
    has_users: bool
    saved_at: datetime | None
    removed_at: datetime | None
    shred: int
    created_at: datetime


_CLASS = ("id, business_id, program_id, issuer_id, class_id, fingerprint, wanted, sent, review_status, tries, last_status, last_reason, "
          "is_created, callback_at, created_at")
_OBJECT = ("id, business_id, card_id, class_row_id, object_id, is_created, fingerprint, shown, wanted_number, sent_number, tries, "
           "last_status, last_reason, notified_at, notified_before_at, has_users, saved_at, removed_at, shred, created_at")
_INSERT_CLASS = """
INSERT INTO google_classes(business_id, program_id, issuer_id, class_id, due_at, created_at)
VALUES (:business_id, :program_id, :issuer_id, :class_id, :now, :now) ON CONFLICT DO NOTHING"""
_INSERT_OBJECT = """
INSERT INTO google_objects(business_id, card_id, class_row_id, object_id, wanted_number, sent_number, due_at, created_at)
VALUES (:business_id, :card_id, :class_row_id, :object_id, :number, CAST(:number AS BIGINT) - 1, :now, :now) ON CONFLICT DO NOTHING"""
_FREE = "(claimed_until IS NULL OR claimed_until <= :now)"
_WANT = """
UPDATE google_objects SET
  due_at = CASE WHEN wanted_number > sent_number THEN due_at ELSE :now END, wanted_number = news.number
FROM (SELECT card_id, MAX(number) AS number FROM updates
      WHERE number > :after AND number <= :until AND registration_id IS NULL GROUP BY card_id) AS news
WHERE google_objects.card_id = news.card_id AND google_objects.wanted_number < news.number AND google_objects.shred < 2"""
_CONCERNS = """
SELECT 1 FROM updates u JOIN google_objects o ON o.card_id = u.card_id
WHERE u.number > :after AND u.number <= :until AND u.registration_id IS NULL LIMIT 1"""
_SPREADS = "SELECT id, program_id FROM spreads WHERE id > :after ORDER BY id LIMIT :limit"
_WANT_CLASSES = """
UPDATE google_classes SET due_at = CASE WHEN wanted > sent THEN due_at ELSE :now END, wanted = wanted + 1
WHERE program_id IN (SELECT program_id FROM spreads WHERE id > :after AND id <= :until)"""
_LOOK_AGAIN = "UPDATE google_classes SET due_at = :now, wanted = wanted + 1 WHERE is_created = 1 AND wanted = sent"
_DUE_CLASSES = f"""
SELECT id FROM google_classes WHERE issuer_id = :issuer_id AND wanted > sent AND due_at <= :now AND {_FREE}
ORDER BY due_at LIMIT :limit"""
_DUE_OBJECTS = f"""
SELECT id FROM google_objects WHERE wanted_number > sent_number AND due_at <= :now AND {_FREE}
  AND class_row_id IN (SELECT id FROM google_classes WHERE issuer_id = :issuer_id)
ORDER BY due_at {{order}} LIMIT :limit"""
_CLAIM = "UPDATE {table} SET claimed_until = :until, tries = tries + 1 WHERE id = :id AND {free} RETURNING id"
_FAILED = """
UPDATE {table} SET due_at = :due_at, claimed_until = NULL, last_status = CAST(:status AS BIGINT), last_reason = CAST(:reason AS TEXT)
WHERE id = :id"""
_RELEASE = "UPDATE {table} SET due_at = :due_at, claimed_until = NULL, tries = tries - 1 WHERE id = :id"
_SENT_CLASS = """
UPDATE google_classes SET sent = :sent, fingerprint = :fingerprint, is_created = 1, claimed_until = NULL,
  review_status = COALESCE(CAST(:review AS TEXT), review_status),
  tries = 0, last_status = CAST(:status AS BIGINT), last_reason = NULL WHERE id = :id"""
_GAVE_UP_CLASS = """
UPDATE google_classes SET sent = :sent, claimed_until = NULL, tries = 0, last_status = CAST(:status AS BIGINT),
  last_reason = CAST(:reason AS TEXT) WHERE id = :id"""
_SENT_OBJECT = """
UPDATE google_objects SET fingerprint = :fingerprint, shown = :shown, is_created = 1, claimed_until = NULL, tries = 0,
  last_status = CAST(:status AS BIGINT), last_reason = NULL, reconcile_at = COALESCE(reconcile_at, CAST(:reconcile_at AS BIGINT)),
  sent_number = CASE WHEN shred = 1 THEN wanted_number - 1 ELSE :number END
WHERE id = :id"""
_SHREDDED = """
UPDATE google_objects SET sent_number = wanted_number, fingerprint = NULL, shown = NULL, claimed_until = NULL, tries = 0, shred = 2,
  last_status = CAST(:status AS BIGINT), last_reason = NULL, reconcile_at = NULL, has_users = 0 WHERE id = :id"""
_GAVE_UP_OBJECT = """
UPDATE google_objects SET sent_number = :number, claimed_until = NULL, tries = 0, last_status = CAST(:status AS BIGINT),
  last_reason = CAST(:reason AS TEXT) WHERE id = :id"""
_NOTIFIED = "UPDATE google_objects SET notified_before_at = notified_at, notified_at = :now WHERE id = :id"
_LOST_CLASS = "UPDATE google_classes SET is_created = 0, fingerprint = NULL, wanted = wanted + 1, due_at = :now WHERE id = :id"
_SHRED = """
UPDATE google_objects SET shred = 1, due_at = :now,
  sent_number = CASE WHEN sent_number < wanted_number THEN sent_number ELSE wanted_number - 1 END
WHERE business_id = :business_id AND card_id = :card_id AND shred = 0"""
_AFTER_RESTORE = """
UPDATE google_objects SET fingerprint = NULL, sent_number = wanted_number - 1, due_at = :now, claimed_until = NULL, tries = 0
WHERE is_created = 1 AND shred < 2"""
_CLASSES_AFTER_RESTORE = """
UPDATE google_classes SET fingerprint = NULL, wanted = wanted + 1, due_at = :now, claimed_until = NULL, tries = 0 WHERE is_created = 1"""
_TO_RECONCILE = f"""
SELECT {_OBJECT} FROM google_objects WHERE reconcile_at IS NOT NULL AND reconcile_at <= :now ORDER BY reconcile_at LIMIT :limit"""
_HAS_USERS = """
UPDATE google_objects SET has_users = :has_users, reconcile_at = CAST(:reconcile_at AS BIGINT),
  saved_at = CASE WHEN :has_users > has_users THEN :now ELSE saved_at END,
  removed_at = CASE WHEN :has_users < has_users THEN :now ELSE removed_at END
WHERE id = :id AND has_users <> :has_users RETURNING id"""
_RECONCILED = "UPDATE google_objects SET reconcile_at = CAST(:reconcile_at AS BIGINT) WHERE id = :id"
_TROUBLES = """
SELECT c.issuer_id, o.last_status, o.last_reason, COUNT(*) AS cards FROM google_objects o JOIN google_classes c ON c.id = o.class_row_id
WHERE o.last_reason IS NOT NULL GROUP BY c.issuer_id, o.last_status, o.last_reason ORDER BY cards DESC, c.issuer_id LIMIT 20"""

_FAILURES = """
SELECT last_status, last_reason, COUNT(*) AS cards FROM google_objects WHERE class_row_id = :id AND last_reason IS NOT NULL AND shred < 2
GROUP BY last_status, last_reason ORDER BY cards DESC, last_reason LIMIT :limit"""


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else from_ms(ms)


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)


def _class(row: Row) -> ClassRow:
    made = dict(row)
    return ClassRow(**{**made, "fingerprint": _bytes(made["fingerprint"]), "is_created": bool(made["is_created"]),
                       "callback_at": _moment(made["callback_at"]), "created_at": from_ms(made["created_at"])})


def _object(row: Row) -> ObjectRow:
    made = dict(row)
    moments = {name: _moment(made[name]) for name in ("notified_at", "notified_before_at", "saved_at", "removed_at")}
    return ObjectRow(**{**made, **moments, "fingerprint": _bytes(made["fingerprint"]), "is_created": bool(made["is_created"]),
                        "has_users": bool(made["has_users"]), "created_at": from_ms(made["created_at"]),
                        "shown": msgspec.json.decode(made["shown"], type=Shown) if made["shown"] else None})


# Classes.

async def find_class(reader: Reader, program_id: int, issuer_id: str) -> ClassRow | None:
    row = await reader.fetch_one(f"SELECT {_CLASS} FROM google_classes WHERE program_id = :program_id AND issuer_id = :issuer_id",
                                 {"program_id": program_id, "issuer_id": issuer_id})
    return _class(row) if row else None


async def get_class(reader: Reader, row_id: int) -> ClassRow:
    return _class(await reader.fetch_one(f"SELECT {_CLASS} FROM google_classes WHERE id = :id", {"id": row_id}))


async def class_by_id(reader: Reader, class_id: str) -> ClassRow | None:
    row = await reader.fetch_one(f"SELECT {_CLASS} FROM google_classes WHERE class_id = :class_id", {"class_id": class_id})
    return _class(row) if row else None


async def classes_of(reader: Reader, business_id: int) -> list[ClassRow]:
    rows = await reader.fetch_all(f"SELECT {_CLASS} FROM google_classes WHERE business_id = :business_id ORDER BY id LIMIT 200",
                                  {"business_id": business_id})
    return [_class(row) for row in rows]


async def classes_at(reader: Reader, issuer_id: str, limit: int) -> list[ClassRow]:
    """An issuer's, whoever's programme they are; the oldest first."""
    rows = await reader.fetch_all(f"SELECT {_CLASS} FROM google_classes WHERE issuer_id = :issuer_id ORDER BY id LIMIT :limit",
                                  {"issuer_id": issuer_id, "limit": limit})
    return [_class(row) for row in rows]


async def insert_class(tx: Transaction, values: Mapping[str, Any]) -> None:
    """Nothing happens where the programme has one at this issuer."""
    await tx.execute(_INSERT_CLASS, values)


async def issuers(reader: Reader) -> list[str]:
    """Every issuer id that any class was made under."""
    return [row["issuer_id"] for row in await reader.fetch_all("SELECT DISTINCT issuer_id FROM google_classes ORDER BY issuer_id")]


async def due_classes(reader: Reader, issuer_id: str, now: datetime, limit: int) -> list[int]:
    """Ids, the longest due first."""
    return [row["id"] for row in await reader.fetch_all(_DUE_CLASSES, {"issuer_id": issuer_id, "now": to_ms(now), "limit": limit})]


async def look_again(tx: Transaction, now: datetime) -> None:
    """Every class is compared once more with what its programme is now."""
    await tx.execute(_LOOK_AGAIN, {"now": to_ms(now)})


async def want_classes(tx: Transaction, after: int, until: int, now: datetime) -> None:
    """The programmes of spreads with ids in (after, until] changed."""
    await tx.execute(_WANT_CLASSES, {"after": after, "until": until, "now": to_ms(now)})


async def spreads_after(reader: Reader, after: int, limit: int) -> list[int]:
    """Ids of changes of whole programmes."""
    return [row["id"] for row in await reader.fetch_all(_SPREADS, {"after": after, "limit": limit})]


async def sent_class(tx: Transaction, row: ClassRow, fingerprint: bytes, review: str | None, status: int | None) -> None:
    await tx.execute(_SENT_CLASS, {"id": row.id, "sent": row.wanted, "fingerprint": fingerprint, "review": review, "status": status})


async def gave_up_class(tx: Transaction, row: ClassRow, status: int, reason: str) -> None:
    """Asking again changes nothing until the programme does."""
    await tx.execute(_GAVE_UP_CLASS, {"id": row.id, "sent": row.wanted, "status": status, "reason": reason})


async def lost_class(tx: Transaction, row_id: int, now: datetime) -> None:
    """Google does not know it: it is made anew."""
    await tx.execute(_LOST_CLASS, {"id": row_id, "now": to_ms(now)})


# Objects.

async def find_object(reader: Reader, business_id: int, card_id: int) -> ObjectRow | None:
    row = await reader.fetch_one(f"SELECT {_OBJECT} FROM google_objects WHERE business_id = :business_id AND card_id = :card_id",
                                 {"business_id": business_id, "card_id": card_id})
    return _object(row) if row else None


async def get_object(reader: Reader, row_id: int) -> ObjectRow:
    return _object(await reader.fetch_one(f"SELECT {_OBJECT} FROM google_objects WHERE id = :id", {"id": row_id}))


async def object_by_id(reader: Reader, object_id: str) -> ObjectRow | None:
    row = await reader.fetch_one(f"SELECT {_OBJECT} FROM google_objects WHERE object_id = :object_id", {"object_id": object_id})
    return _object(row) if row else None


async def insert_object(tx: Transaction, values: Mapping[str, Any]) -> None:
    """Nothing happens where the card has one."""
    await tx.execute(_INSERT_OBJECT, values)


async def due_objects(reader: Reader, issuer_id: str, now: datetime, limit: int, *, newest: bool = False) -> list[int]:
    """Ids, the longest due first, or the newest."""
    statement = _DUE_OBJECTS.format(order="DESC" if newest else "ASC")
    return [row["id"] for row in await reader.fetch_all(statement, {"issuer_id": issuer_id, "now": to_ms(now), "limit": limit})]


async def concerns_any(reader: Reader, after: int, until: int) -> bool:
    """Whether any update in (after, until] is about a card that Google has."""
    return await reader.fetch_one(_CONCERNS, {"after": after, "until": until}) is not None


async def want(tx: Transaction, after: int, until: int, now: datetime) -> None:
    """Cards with an update in (after, until] should be brought to their newest."""
    await tx.execute(_WANT, {"after": after, "until": until, "now": to_ms(now)})


async def sent_object(tx: Transaction, row: ObjectRow, fingerprint: bytes, shown: Shown, status: int | None, look_at: datetime) -> None:
    """Google took it; an erasure that was asked for meanwhile stays wanted. look_at: when to ask who holds it, if nothing is planned."""
    await tx.execute(_SENT_OBJECT, {
        "id": row.id, "number": row.wanted_number, "fingerprint": fingerprint, "shown": msgspec.json.encode(shown).decode(),
        "status": status, "reconcile_at": to_ms(look_at)})


async def shredded(tx: Transaction, row_id: int, status: int | None) -> None:
    """Nothing is left at Google, and nothing is sent any more."""
    await tx.execute(_SHREDDED, {"id": row_id, "status": status})


async def gave_up_object(tx: Transaction, row: ObjectRow, status: int, reason: str) -> None:
    """Asking again changes nothing until the card does."""
    await tx.execute(_GAVE_UP_OBJECT, {"id": row.id, "number": row.wanted_number, "status": status, "reason": reason})


async def notified(tx: Transaction, row_id: int, now: datetime) -> None:
    """A request that is to be announced goes out now: counted before, so that a lost answer makes no third one."""
    await tx.execute(_NOTIFIED, {"id": row_id, "now": to_ms(now)})


async def shred(tx: Transaction, business_id: int, card_id: int, now: datetime) -> None:
    await tx.execute(_SHRED, {"business_id": business_id, "card_id": card_id, "now": to_ms(now)})


async def to_reconcile(reader: Reader, now: datetime, limit: int) -> list[ObjectRow]:
    return [_object(row) for row in await reader.fetch_all(_TO_RECONCILE, {"now": to_ms(now), "limit": limit})]


async def set_has_users(tx: Transaction, row_id: int, has_users: bool, next_at: datetime | None, now: datetime) -> bool:
    """What Google says now; True where it was otherwise before."""
    reconcile_at = to_ms(next_at) if next_at else None
    values = {"id": row_id, "has_users": int(has_users), "reconcile_at": reconcile_at, "now": to_ms(now)}
    if await tx.fetch_one(_HAS_USERS, values) is not None:
        return True
    await tx.execute(_RECONCILED, {"id": row_id, "reconcile_at": reconcile_at})
    return False


async def reconcile_at(tx: Transaction, row_id: int, next_at: datetime) -> None:
    await tx.execute(_RECONCILED, {"id": row_id, "reconcile_at": to_ms(next_at)})


async def count_held(reader: Reader, business_id: int, card_id: int) -> int:
    """1 where somebody holds the card in Google Wallet, as Google said last."""
    values = {"business_id": business_id, "card_id": card_id}
    return await reader.fetch_val("SELECT COUNT(*) FROM google_objects WHERE business_id = :business_id AND card_id = :card_id "
                                  "AND has_users = 1 AND shred = 0", values)


async def counts_of(reader: Reader, class_row_id: int) -> tuple[int, int, int]:
    """Of a class: (cards at Google, those that somebody holds, those that wait)."""
    row = await reader.fetch_one("SELECT COUNT(*), COALESCE(SUM(has_users), 0), COALESCE(SUM(CASE WHEN wanted_number > sent_number THEN 1 "
                                 "ELSE 0 END), 0) FROM google_objects WHERE class_row_id = :id AND shred < 2", {"id": class_row_id})
    return int(row[0]), int(row[1]), int(row[2])


async def troubles(reader: Reader) -> list[dict[str, Any]]:
    """What cards' newest requests met other than success, counted: issuer_id, last_status, last_reason, cards."""
    return [dict(row) for row in await reader.fetch_all(_TROUBLES)]


async def failures_of(reader: Reader, class_row_id: int, limit: int = 3) -> list[tuple[int, str]]:
    """What the newest requests about a class's cards met, the commonest first: (cards, what Google said)."""
    rows = await reader.fetch_all(_FAILURES, {"id": class_row_id, "limit": limit})
    return [(row["cards"], f"{row['last_status'] or ''} {row['last_reason']}".strip()) for row in rows]


async def after_restore(tx: Transaction, now: datetime) -> None:
    """Google may hold what the backup does not know: everything is sent once more."""
    await tx.execute(_AFTER_RESTORE, {"now": to_ms(now)})
    await tx.execute(_CLASSES_AFTER_RESTORE, {"now": to_ms(now)})


# Turns; `table` is ours, never anybody's text.

CLASSES, OBJECTS = "google_classes", "google_objects"


async def claim(tx: Transaction, table: str, ids: Sequence[int], now: datetime, until: datetime) -> list[int]:
    """Which of `ids` are this caller's until then, once each; the others are somebody else's at this moment."""
    statement = _CLAIM.format(table=table, free=_FREE)
    return [row_id for row_id in ids if await tx.fetch_one(statement, {"id": row_id, "now": to_ms(now), "until": to_ms(until)}) is not None]


async def failed(tx: Transaction, table: str, row_id: int, status: int, reason: str, due_at: datetime) -> None:
    """Again at `due_at`."""
    await tx.execute(_FAILED.format(table=table), {"id": row_id, "status": status, "reason": reason, "due_at": to_ms(due_at)})


async def release(tx: Transaction, table: str, row_id: int, due_at: datetime) -> None:
    """Nothing was tried: again at `due_at`, without a failure."""
    await tx.execute(_RELEASE.format(table=table), {"id": row_id, "due_at": to_ms(due_at)})
