"""Pauses, refusals by day, alerts, and what a period has cost: what is looked at while messages go."""
import json
from dataclasses import dataclass
from typing import Any

from app.db import Database, Transaction

Reader = Database | Transaction


@dataclass(frozen=True, slots=True)
class Pause:
    """A place that sends no links for a while; kind: block | location | poster; moments in ms."""

    id: int
    kind: str
    subject: str
    hint: str
    paused_at: int
    until_at: int


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that people hear of once; business_id: None for the operator; at in ms."""

    id: int
    business_id: int | None
    kind: str
    details: dict[str, Any]
    at: int


_PAUSE = "SELECT id, kind, subject, hint, paused_at, until_at FROM sms_pauses "


async def pause(tx: Transaction, business_id: int, kind: str, subject: str, hint: str, now: int, until_at: int) -> int | None:
    """Notes that a place is paused: the id of a new pause, None where it was known (its end may move)."""
    values = {"business_id": business_id, "kind": kind, "subject": subject, "now": now, "until_at": until_at}
    known = await tx.fetch_one("UPDATE sms_pauses SET until_at = :until_at WHERE business_id = :business_id AND kind = :kind "
                               "AND subject = :subject AND lifted_at IS NULL AND until_at > :now RETURNING id", values)
    return None if known else await tx.fetch_val(
        "INSERT INTO sms_pauses(business_id, kind, subject, hint, paused_at, until_at) VALUES "
        "(:business_id, :kind, :subject, :hint, :now, :until_at) RETURNING id", {**values, "hint": hint})


async def pauses(reader: Reader, business_id: int, now: int) -> list[Pause]:
    """Those that hold now, newest first."""
    rows = await reader.fetch_all(_PAUSE + "WHERE business_id = :business_id AND lifted_at IS NULL AND until_at > :now "
                                  "ORDER BY id DESC LIMIT 100", {"business_id": business_id, "now": now})
    return [Pause(**dict(row)) for row in rows]


async def lift_pause(tx: Transaction, business_id: int, pause_id: int, now: int) -> Pause | None:
    row = await tx.fetch_one("UPDATE sms_pauses SET lifted_at = :now WHERE id = :id AND business_id = :business_id AND lifted_at IS NULL "
                             "RETURNING id, kind, subject, hint, paused_at, until_at",
                             {"id": pause_id, "business_id": business_id, "now": now})
    return row and Pause(**dict(row))


async def lifted_at(reader: Reader, business_id: int, kind: str, subject: str) -> int | None:
    """When somebody last lifted the pause of a place."""
    return await reader.fetch_val(
        "SELECT MAX(lifted_at) FROM sms_pauses WHERE business_id = :business_id AND kind = :kind AND subject = :subject",
        {"business_id": business_id, "kind": kind, "subject": subject})


async def count_refusal(tx: Transaction, business_id: int, day: str, reason: str) -> None:
    await tx.execute("INSERT INTO sms_refusals(business_id, day, reason, count) VALUES (:business_id, :day, :reason, 1) "
                     "ON CONFLICT (business_id, day, reason) DO UPDATE SET count = sms_refusals.count + 1",
                     {"business_id": business_id, "day": day, "reason": reason})


async def refusals(reader: Reader, business_id: int, day: str) -> list[tuple[str, int]]:
    """(reason, how often), the most frequent first."""
    rows = await reader.fetch_all("SELECT reason, count FROM sms_refusals WHERE business_id = :business_id AND day = :day "
                                  "ORDER BY count DESC, reason", {"business_id": business_id, "day": day})
    return [(row["reason"], row["count"]) for row in rows]


async def append_alert(tx: Transaction, business_id: int | None, kind: str, subject: str, details: dict[str, Any], now: int) -> bool:
    """False where the same was said before."""
    row = await tx.fetch_one(
        "INSERT INTO sms_alerts(business_id, kind, subject, details, at) VALUES (CAST(:business_id AS BIGINT), :kind, :subject, :details, "
        ":now) ON CONFLICT DO NOTHING RETURNING id",
        {"business_id": business_id, "kind": kind, "subject": subject, "details": json.dumps(details), "now": now})
    return row is not None


async def untold_alerts(reader: Reader, most: int) -> list[Alert]:
    """Those nobody was told of, oldest first."""
    rows = await reader.fetch_all("SELECT id, business_id, kind, details, at FROM sms_alerts WHERE told_at IS NULL ORDER BY id LIMIT :most",
                                  {"most": most})
    return [Alert(row["id"], row["business_id"], row["kind"], json.loads(row["details"]), row["at"]) for row in rows]


async def set_told(tx: Transaction, alert_id: int, now: int) -> bool:
    """False where another worker told it."""
    return await tx.fetch_one("UPDATE sms_alerts SET told_at = :now WHERE id = :id AND told_at IS NULL RETURNING id",
                              {"id": alert_id, "now": now}) is not None


async def spent(reader: Reader, scope: str, period: str) -> int:
    """What a period has cost so far, with what waits to be sent."""
    return await reader.fetch_val("SELECT reserved_minor FROM sms_spend WHERE scope = :scope AND period = :period",
                                  {"scope": scope, "period": period}) or 0


async def wake_gateway(tx: Transaction, business_id: int, name: str, now: int) -> bool:
    """A gateway that rests is asked again, for the business's messages that wait for one as well; False where there is no such one."""
    row = await tx.fetch_one("UPDATE sms_gateways SET resting_until = NULL, asked_at = NULL WHERE name = :name RETURNING name",
                             {"name": name})
    if row is not None:
        await tx.execute("UPDATE messages SET due_at = :now WHERE business_id = :business_id AND state = 'queued' AND due_at > :now "
                         "AND reason IN ('config', 'no_funds', 'temporary', 'throttled')",
                         {"business_id": business_id, "now": now})
    return row is not None


async def forget_before(tx: Transaction, day: str, before: int, most: int) -> int:
    """Deletes up to `most` rows each of refusals of earlier days and of alerts that were told before; returns how many."""
    refused = await tx.fetch_all("DELETE FROM sms_refusals WHERE day < :day RETURNING count", {"day": day})
    told = await tx.fetch_all("DELETE FROM sms_alerts WHERE id IN (SELECT id FROM sms_alerts WHERE told_at < :before LIMIT :most) "
                              "RETURNING id", {"before": before, "most": most})
    return len(refused) + len(told)
