"""SQL on webhooks and their deliveries, and the events that they tell. New deliveries are made by a trigger (migration 0024)."""
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.db import Database, Transaction
from app.db.transaction import Row
from app.webhooks import rules

Reader = Database | Transaction

_WEBHOOK = ("id, business_id, url, kinds, note, secret_sealed, old_secret_sealed, old_until, created_at, paused_at, paused_why, failures, "
            "failing_since, due_at")
_DELIVERY = ("id, business_id, webhook_id, event_id, kind, event_at, body, state, tries, due_at, give_up_at, created_at, tried_at, status, "
             "answer, why, took_ms, (SELECT w.due_at FROM webhooks w WHERE w.id = deliveries.webhook_id) AS line_due_at")
_INSERT = """
INSERT INTO webhooks(business_id, url, kinds, note, created_at) VALUES (:business_id, :url, :kinds, :note, :now) RETURNING id"""
_OF_BUSINESS = f"""
SELECT {_WEBHOOK} FROM webhooks WHERE business_id = :business_id AND deleted_at IS NULL AND id > :after ORDER BY id LIMIT :limit"""
_CHANGE = """
UPDATE webhooks SET url = :url, kinds = :kinds, note = :note WHERE id = :id AND business_id = :business_id AND deleted_at IS NULL
RETURNING id"""
# Whoever pauses or goes on begins anew: what failed before says nothing about the place that was mended.
_PAUSE = """
UPDATE webhooks SET paused_at = CAST(:paused_at AS BIGINT), paused_why = CAST(:why AS TEXT), failures = 0, failing_since = NULL, due_at = 0
WHERE id = :id AND business_id = :business_id RETURNING id"""
_SET_SECRETS = """
UPDATE webhooks SET secret_sealed = :sealed, old_secret_sealed = :old, old_until = CAST(:old_until AS BIGINT)
WHERE id = :id AND business_id = :business_id"""
_DELETE = """
UPDATE webhooks SET deleted_at = :now, url = '', note = '', secret_sealed = NULL, old_secret_sealed = NULL
WHERE id = :id AND business_id = :business_id AND deleted_at IS NULL RETURNING id"""
_END_WAITING = """
UPDATE deliveries SET state = 'failed', why = :why WHERE webhook_id = :webhook_id AND business_id = :business_id AND state = 'waiting'"""
# An address is due when its pause is over and something in its line is.
_DUE = """
SELECT w.id, w.business_id FROM webhooks w
WHERE w.deleted_at IS NULL AND w.paused_at IS NULL AND w.due_at <= :now AND (w.claimed_until IS NULL OR w.claimed_until < :now)
  AND EXISTS (SELECT 1 FROM deliveries d WHERE d.webhook_id = w.id AND d.state = 'waiting' AND d.due_at <= :now)
ORDER BY w.due_at, w.id LIMIT :limit"""
_CLAIM = f"""
UPDATE webhooks SET claimed_until = :until
WHERE id = :id AND deleted_at IS NULL AND paused_at IS NULL AND due_at <= :now AND (claimed_until IS NULL OR claimed_until < :now)
RETURNING {_WEBHOOK}"""
_NEXT = f"""
SELECT {_DELIVERY} FROM deliveries WHERE webhook_id = :webhook_id AND state = 'waiting' AND due_at <= :now ORDER BY id LIMIT 1"""
_NOTE_DELIVERY = """
UPDATE deliveries SET state = CASE WHEN state = 'waiting' THEN :state ELSE state END, tries = tries + 1, due_at = :due_at, body = :body,
  tried_at = :now, status = CAST(:status AS BIGINT), answer = CAST(:answer AS TEXT), why = CAST(:why AS TEXT), took_ms = :took_ms
WHERE id = :id AND business_id = :business_id"""
_NOTE_WEBHOOK = """
UPDATE webhooks SET failures = :failures, failing_since = CAST(:failing_since AS BIGINT), due_at = :due_at
WHERE id = :id AND business_id = :business_id"""
_PAUSE_FAILING = """
UPDATE webhooks SET paused_at = :now, paused_why = :why WHERE id = :id AND business_id = :business_id AND paused_at IS NULL RETURNING id"""
_GIVE_UP = """
UPDATE deliveries SET state = 'failed', why = COALESCE(why, :why) WHERE id IN (
  SELECT id FROM deliveries WHERE state = 'waiting' AND give_up_at <= :now ORDER BY give_up_at LIMIT :limit) RETURNING id"""
_PING = """
INSERT INTO deliveries(business_id, webhook_id, event_id, kind, event_at, created_at, give_up_at)
VALUES (:business_id, :webhook_id, NULL, :kind, :now, :now, :give_up_at) RETURNING id"""
_GET_DELIVERY = f"""
SELECT {_DELIVERY} FROM deliveries WHERE id = :id AND business_id = :business_id
  AND webhook_id IN (SELECT id FROM webhooks WHERE deleted_at IS NULL)"""
_LIST = f"""
SELECT {_DELIVERY} FROM deliveries WHERE webhook_id = :webhook_id AND business_id = :business_id
  AND (CAST(:before AS BIGINT) IS NULL OR id < CAST(:before AS BIGINT)) AND (CAST(:state AS TEXT) IS NULL OR state = CAST(:state AS TEXT))
ORDER BY id DESC LIMIT :limit"""
_AGAIN = """
UPDATE deliveries SET state = 'waiting', tries = 0, due_at = 0, give_up_at = :give_up_at
WHERE id = :id AND business_id = :business_id RETURNING webhook_id"""
_ALL_AGAIN = """
UPDATE deliveries SET state = 'waiting', tries = 0, due_at = 0, give_up_at = :give_up_at
WHERE webhook_id = :webhook_id AND business_id = :business_id AND state = 'failed' RETURNING id"""
_HURRY = "UPDATE webhooks SET due_at = 0 WHERE id = :id AND business_id = :business_id"
_COUNTS = "SELECT state, COUNT(*) AS count FROM deliveries WHERE webhook_id = :webhook_id AND business_id = :business_id GROUP BY state"
_EVENT = """
SELECT id, business_id, kind, card_id, operation_id, customer_id, enrolment_id, details, at FROM events
WHERE id = :id AND business_id = :business_id"""
_PAUSED = """
SELECT COUNT(*) FROM webhooks
WHERE business_id = :business_id AND deleted_at IS NULL AND paused_at IS NOT NULL AND paused_why <> 'by_hand'"""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told. Times: epoch ms; old_until: until then the older secret signs beside the new one."""

    id: int
    business_id: int
    url: str
    kinds: tuple[str, ...]
    note: str
    secret_sealed: bytes | None
    old_secret_sealed: bytes | None
    old_until: int | None
    created_at: int
    paused_at: int | None
    paused_why: str | None
    failures: int
    failing_since: int | None
    due_at: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one address. event_id: None for a test; body: None before the first try; times: epoch ms.

    line_due_at: nothing at all is sent to the address before.
    """

    id: int
    business_id: int
    webhook_id: int
    event_id: int | None
    kind: str
    event_at: int
    body: str | None
    state: str
    tries: int
    due_at: int
    give_up_at: int
    created_at: int
    tried_at: int | None
    status: int | None
    answer: str | None
    why: str | None
    took_ms: int | None
    line_due_at: int

    @property
    def next_at(self) -> int:
        """When it may be tried next, while it waits."""
        return max(self.due_at, self.line_due_at, self.created_at)


class Event(NamedTuple):
    """What happened; details: JSON of ids and words."""

    id: int
    business_id: int
    kind: str
    card_id: int | None
    operation_id: int | None
    customer_id: int | None
    enrolment_id: int | None
    details: str
    at: int


def _webhook(row: Row) -> Webhook:
    made = dict(row)
    made["kinds"] = tuple(made["kinds"].split())
    for name in ("secret_sealed", "old_secret_sealed"):
        made[name] = bytes(made[name]) if made[name] is not None else None
    return Webhook(**made)


def kept_kinds(kinds: Sequence[str]) -> str:
    """As the trigger looks for them: a space around each."""
    return f" {' '.join(kinds)} "


async def insert(tx: Transaction, business_id: int, url: str, kinds: Sequence[str], note: str, now_ms: int) -> int:
    values = {"business_id": business_id, "url": url, "kinds": kept_kinds(kinds), "note": note, "now": now_ms}
    return await tx.fetch_val(_INSERT, values)


async def set_secret(tx: Transaction, business_id: int, webhook_id: int, sealed: bytes, old: bytes | None, old_until: int | None) -> None:
    await tx.execute(_SET_SECRETS, {"id": webhook_id, "business_id": business_id, "sealed": sealed, "old": old, "old_until": old_until})


async def find(reader: Reader, business_id: int, webhook_id: int) -> Webhook | None:
    row = await reader.fetch_one(f"SELECT {_WEBHOOK} FROM webhooks WHERE id = :id AND business_id = :business_id AND deleted_at IS NULL",
                                 {"id": webhook_id, "business_id": business_id})
    return _webhook(row) if row else None


async def of_business(reader: Reader, business_id: int, after: int, limit: int) -> list[Webhook]:
    rows = await reader.fetch_all(_OF_BUSINESS, {"business_id": business_id, "after": after, "limit": limit})
    return [_webhook(row) for row in rows]


async def change(tx: Transaction, business_id: int, webhook_id: int, url: str, kinds: Sequence[str], note: str) -> bool:
    values = {"id": webhook_id, "business_id": business_id, "url": url, "kinds": kept_kinds(kinds), "note": note}
    return await tx.fetch_one(_CHANGE, values) is not None


async def set_paused(tx: Transaction, business_id: int, webhook_id: int, paused_at: int | None, why: str | None) -> None:
    await tx.fetch_one(_PAUSE, {"id": webhook_id, "business_id": business_id, "paused_at": paused_at, "why": why})


async def delete(tx: Transaction, business_id: int, webhook_id: int, why: str, now_ms: int) -> None:
    """Its secrets and its address are gone at once; what was told stays until the retention table takes it."""
    if await tx.fetch_one(_DELETE, {"id": webhook_id, "business_id": business_id, "now": now_ms}):
        await tx.execute(_END_WAITING, {"webhook_id": webhook_id, "business_id": business_id, "why": why})


async def due(db: Database, now_ms: int, limit: int) -> list[tuple[int, int]]:
    """(webhook, business) of the addresses that something waits for, whoever waits longest first."""
    return [(row["id"], row["business_id"]) for row in await db.fetch_all(_DUE, {"now": now_ms, "limit": limit})]


async def claim(tx: Transaction, webhook_id: int, now_ms: int, until: int) -> Webhook | None:
    row = await tx.fetch_one(_CLAIM, {"id": webhook_id, "now": now_ms, "until": until})
    return _webhook(row) if row else None


async def release(tx: Transaction, webhook: Webhook) -> None:
    await tx.execute("UPDATE webhooks SET claimed_until = NULL WHERE id = :id AND business_id = :business_id",
                     {"id": webhook.id, "business_id": webhook.business_id})


async def next_due(reader: Reader, webhook_id: int, now_ms: int) -> Delivery | None:
    row = await reader.fetch_one(_NEXT, {"webhook_id": webhook_id, "now": now_ms})
    return Delivery(*row) if row else None


async def note_delivery(tx: Transaction, delivery: Delivery, values: dict[str, Any]) -> None:
    """values: state, due_at, body, now, status, answer, why, took_ms."""
    await tx.execute(_NOTE_DELIVERY, {"id": delivery.id, "business_id": delivery.business_id, **values})


async def drop(tx: Transaction, delivery: Delivery, why: str, now_ms: int) -> None:
    """It cannot be told any more."""
    await tx.execute("UPDATE deliveries SET state = 'failed', why = :why, tried_at = :now WHERE id = :id AND business_id = :business_id",
                     {"id": delivery.id, "business_id": delivery.business_id, "why": why, "now": now_ms})


async def note_webhook(tx: Transaction, webhook: Webhook, failures: int, failing_since: int | None, due_at: int) -> None:
    await tx.execute(_NOTE_WEBHOOK, {"id": webhook.id, "business_id": webhook.business_id, "failures": failures,
                                     "failing_since": failing_since, "due_at": due_at})


async def pause_failing(tx: Transaction, webhook: Webhook, why: str, now_ms: int) -> bool:
    """False where it was paused meanwhile."""
    values = {"id": webhook.id, "business_id": webhook.business_id, "why": why, "now": now_ms}
    return await tx.fetch_one(_PAUSE_FAILING, values) is not None


async def give_up(tx: Transaction, why: str, now_ms: int, limit: int) -> int:
    return len(await tx.fetch_all(_GIVE_UP, {"why": why, "now": now_ms, "limit": limit}))


async def insert_ping(tx: Transaction, webhook: Webhook, now_ms: int, give_up_at: int) -> int:
    return await tx.fetch_val(_PING, {"business_id": webhook.business_id, "webhook_id": webhook.id, "kind": rules.PING, "now": now_ms,
                                      "give_up_at": give_up_at})


async def find_delivery(reader: Reader, business_id: int, delivery_id: int) -> Delivery | None:
    row = await reader.fetch_one(_GET_DELIVERY, {"id": delivery_id, "business_id": business_id})
    return Delivery(*row) if row else None


async def list_deliveries(reader: Reader, business_id: int, webhook_id: int, state: str | None, before: int | None,
                          limit: int) -> list[Delivery]:
    values = {"webhook_id": webhook_id, "business_id": business_id, "state": state, "before": before, "limit": limit}
    return [Delivery(*row) for row in await reader.fetch_all(_LIST, values)]


async def again(tx: Transaction, business_id: int, delivery_id: int, give_up_at: int) -> None:
    webhook_id = await tx.fetch_val(_AGAIN, {"id": delivery_id, "business_id": business_id, "give_up_at": give_up_at})
    await tx.execute(_HURRY, {"id": webhook_id, "business_id": business_id})


async def all_again(tx: Transaction, business_id: int, webhook_id: int, give_up_at: int) -> int:
    values = {"webhook_id": webhook_id, "business_id": business_id, "give_up_at": give_up_at}
    count = len(await tx.fetch_all(_ALL_AGAIN, values))
    await tx.execute(_HURRY, {"id": webhook_id, "business_id": business_id})
    return count


async def hurry(tx: Transaction, business_id: int, webhook_id: int) -> None:
    await tx.execute(_HURRY, {"id": webhook_id, "business_id": business_id})


async def counts(reader: Reader, business_id: int, webhook_id: int) -> dict[str, int]:
    rows = await reader.fetch_all(_COUNTS, {"webhook_id": webhook_id, "business_id": business_id})
    return {row["state"]: row["count"] for row in rows}


async def find_event(reader: Reader, business_id: int, event_id: int) -> Event | None:
    row = await reader.fetch_one(_EVENT, {"id": event_id, "business_id": business_id})
    return Event(*row) if row else None


async def count_paused(reader: Reader, business_id: int) -> int:
    """Those that were paused because nobody answered there."""
    return await reader.fetch_val(_PAUSED, {"business_id": business_id})
