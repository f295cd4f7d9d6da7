"""The outbox as those see it who carry messages and hear what became of them; gateways, their rest and their balances."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.db import Database, Transaction


@dataclass(frozen=True, slots=True)
class Message:
    """A claimed message; moments in ms. gateway: the one that was asked last, or will be first."""

    id: int
    business_id: int
    phone_sealed: bytes
    text_sealed: bytes
    segments: int
    reserved_minor: int
    reason: str | None
    tries: int
    created_at: int
    now_asked: bool
    gateway: str | None


@dataclass(frozen=True, slots=True)
class Sent:
    """A message of which something may still be heard; moments in ms. phone_sealed: kept where it takes part in asking."""

    id: int
    business_id: int
    state: str
    gateway: str
    provider_id: str | None
    reserved_minor: int
    created_at: int
    sent_at: int | None
    polls: int
    phone_sealed: bytes | None


@dataclass(frozen=True, slots=True)
class Early:
    """A report that came before the message had its id."""

    provider_id: str
    state: str
    code: str
    cost_minor: int | None
    currency: str


# What the index of waiting messages says of itself: SQLite uses it only for a question that repeats it, and walks all messages else.
_WAITS = "state IN ('queued', 'submitting')"
_SENT = "id, business_id, state, gateway, provider_id, reserved_minor, created_at, sent_at, polls, phone_sealed"


async def claim(tx: Transaction, now: int, until: int, first: str | None) -> Message | None:
    """Takes the message that has waited longest, until `until`; None when nothing is due. It counts as a try.

    first: the gateway that will be asked; one that may have sent it already stays.
    """
    row = await tx.fetch_one(
        "UPDATE messages SET state = 'submitting', claimed_until = :until, tries = tries + 1, "
        "gateway = CASE WHEN reason = 'unknown' AND gateway IS NOT NULL THEN gateway ELSE CAST(:first AS TEXT) END "
        "WHERE state = 'queued' AND id = "
        f"(SELECT id FROM messages WHERE state = 'queued' AND {_WAITS} AND due_at <= :now ORDER BY due_at, id LIMIT 1) "
        "RETURNING id, business_id, phone_sealed, text_sealed, segments, reserved_minor, reason, tries, created_at, now_asked, gateway",
        {"now": now, "until": until, "first": first})
    return row and Message(row["id"], row["business_id"], bytes(row["phone_sealed"]), bytes(row["text_sealed"]), row["segments"],
                           row["reserved_minor"], row["reason"], row["tries"], row["created_at"], bool(row["now_asked"]), row["gateway"])


async def give_back_lost(tx: Transaction, now: int) -> int:
    """Messages whose sender died before it wrote the answer: may have been sent, so once more at most. Returns how many."""
    rows = await tx.fetch_all(
        "UPDATE messages SET state = CASE WHEN reason = 'unknown' THEN 'unknown' ELSE 'queued' END, "
        "phone_sealed = CASE WHEN reason = 'unknown' THEN NULL ELSE phone_sealed END, "
        "text_sealed = CASE WHEN reason = 'unknown' THEN NULL ELSE text_sealed END, "
        "final_at = CASE WHEN reason = 'unknown' THEN :now ELSE NULL END, reason = 'unknown', claimed_until = NULL, due_at = :now "
        f"WHERE state = 'submitting' AND {_WAITS} AND claimed_until < :now RETURNING id", {"now": now})
    return len(rows)


async def note_asked(tx: Transaction, message_id: int, gateway: str) -> bool:
    """Before another gateway is asked: whoever finds the message later must know which one may have it. False: it is another's by now."""
    row = await tx.fetch_one("UPDATE messages SET gateway = :gateway WHERE id = :id AND state = 'submitting' RETURNING id",
                             {"id": message_id, "gateway": gateway})
    return row is not None


async def record_try(tx: Transaction, message_id: int, values: Mapping[str, Any], *, wipe: Sequence[str] = ()) -> bool:
    """Writes what became of a claimed message and empties the columns `wipe`. False: another worker has it by now."""
    wiped = "".join(f"{column} = NULL, " for column in wipe)
    row = await tx.fetch_one(
        f"UPDATE messages SET {wiped}state = :state, reason = CAST(:reason AS TEXT), due_at = :due_at, gateway = CAST(:gateway AS TEXT), "
        "provider_id = CAST(:provider_id AS TEXT), sent_at = CAST(:sent_at AS BIGINT), final_at = CAST(:final_at AS BIGINT), "
        "segments = :segments, reserved_minor = :reserved_minor, poll_at = CAST(:poll_at AS BIGINT), tries = tries - :uncounted, "
        "claimed_until = NULL WHERE id = :id AND state = 'submitting' RETURNING id", {"id": message_id, **values})
    return row is not None


async def put_off(tx: Transaction, message_id: int, due_at: int, reason: str | None = None) -> None:
    """Gives a claimed message back until `due_at`, its reason as it was unless one is named; the try does not count."""
    await tx.execute("UPDATE messages SET state = 'queued', due_at = :due_at, claimed_until = NULL, tries = tries - 1, "
                     "reason = COALESCE(CAST(:reason AS TEXT), reason) WHERE id = :id AND state = 'submitting'",
                     {"id": message_id, "due_at": due_at, "reason": reason})


# What becomes of a message that was handed over

def _sent(row: Any) -> Sent | None:
    return row and Sent(row["id"], row["business_id"], row["state"], row["gateway"], row["provider_id"], row["reserved_minor"],
                        row["created_at"], row["sent_at"], row["polls"],
                        None if row["phone_sealed"] is None else bytes(row["phone_sealed"]))


async def sent_by_provider_id(reader: Database | Transaction, business_id: int, gateway: str, provider_id: str, since: int) -> Sent | None:
    return _sent(await reader.fetch_one(
        f"SELECT {_SENT} FROM messages WHERE gateway = :gateway AND provider_id = :provider_id AND provider_id IS NOT NULL "
        "AND business_id = :business_id AND created_at >= :since",
        {"gateway": gateway, "provider_id": provider_id, "business_id": business_id, "since": since}))


async def sent_without_id(reader: Database | Transaction, business_id: int, gateway: str, message_id: int, since: int) -> Sent | None:
    """A message that this gateway was given and whose answer was lost, or is still on its way."""
    return _sent(await reader.fetch_one(
        f"SELECT {_SENT} FROM messages WHERE id = :id AND business_id = :business_id AND gateway = :gateway AND provider_id IS NULL "
        "AND created_at >= :since", {"id": message_id, "business_id": business_id, "gateway": gateway, "since": since}))


async def sent_by_id(reader: Database | Transaction, business_id: int, message_id: int) -> Sent | None:
    return _sent(await reader.fetch_one(
        f"SELECT {_SENT} FROM messages WHERE id = :id AND business_id = :business_id AND gateway IS NOT NULL",
        {"id": message_id, "business_id": business_id}))


async def is_sending(tx: Transaction, business_id: int, gateway: str) -> bool:
    """Whether a message of this business is being handed to this gateway now."""
    return await tx.fetch_one(f"SELECT id FROM messages WHERE state = 'submitting' AND {_WAITS} AND business_id = :business_id "
                              "AND gateway = :gateway LIMIT 1", {"business_id": business_id, "gateway": gateway}) is not None


async def move(tx: Transaction, sent: Sent, values: Mapping[str, Any], *, wipe: Sequence[str]) -> bool:
    """Moves a message from the state in which it was read; False where something else moved it meanwhile."""
    wiped = "".join(f"{column} = NULL, " for column in wipe)
    row = await tx.fetch_one(
        f"UPDATE messages SET {wiped}state = :state, reason = CAST(:reason AS TEXT), provider_id = CAST(:provider_id AS TEXT), "
        "sent_at = CAST(:sent_at AS BIGINT), final_at = CAST(:final_at AS BIGINT), poll_at = CAST(:poll_at AS BIGINT), "
        "claimed_until = NULL WHERE id = :id AND business_id = :business_id AND state = :was RETURNING id",
        {"id": sent.id, "business_id": sent.business_id, "was": sent.state, **values})
    return row is not None


async def set_cost(tx: Transaction, sent: Sent, cost_minor: int) -> bool:
    """What the message cost after all; False where it was settled meanwhile."""
    row = await tx.fetch_one("UPDATE messages SET reserved_minor = :cost WHERE id = :id AND reserved_minor = :was RETURNING id",
                             {"id": sent.id, "cost": cost_minor, "was": sent.reserved_minor})
    return row is not None


async def keep_early(tx: Transaction, business_id: int, gateway: str, message_id: int | None, report: Early, now: int) -> None:
    await tx.execute(
        "INSERT INTO sms_early_reports(business_id, gateway, provider_id, message_id, state, code, cost_minor, currency, at) VALUES "
        "(:business_id, :gateway, :provider_id, CAST(:message_id AS BIGINT), :state, :code, CAST(:cost AS BIGINT), :currency, :now)",
        {"business_id": business_id, "gateway": gateway, "message_id": message_id, "provider_id": report.provider_id, "state": report.state,
         "code": report.code, "cost": report.cost_minor, "currency": report.currency, "now": now})


async def early_count(tx: Transaction, business_id: int, since: int) -> int:
    return int(await tx.fetch_val("SELECT COUNT(*) FROM sms_early_reports WHERE business_id = :business_id AND at >= :since",
                                  {"business_id": business_id, "since": since}))


async def take_early(tx: Transaction, business_id: int, gateway: str, provider_id: str | None, message_id: int) -> list[Early]:
    """The reports that waited for this message, oldest first; they are gone with this."""
    rows = await tx.fetch_all(
        "DELETE FROM sms_early_reports WHERE business_id = :business_id AND gateway = :gateway AND (message_id = :message_id OR "
        "(provider_id = CAST(:provider_id AS TEXT) AND provider_id <> '')) RETURNING id, provider_id, state, code, cost_minor, currency",
        {"business_id": business_id, "gateway": gateway, "provider_id": provider_id, "message_id": message_id})
    return [Early(row["provider_id"], row["state"], row["code"], row["cost_minor"], row["currency"])
            for row in sorted(rows, key=lambda row: row["id"])]


async def forget_early(tx: Transaction, before: int) -> None:
    await tx.execute("DELETE FROM sms_early_reports WHERE at < :before", {"before": before})


async def claim_polls(tx: Transaction, now: int, until: int, most: int) -> list[Sent]:
    """Messages that are to be asked after, each leased until `until`."""
    rows = await tx.fetch_all(
        "UPDATE messages SET poll_at = :until, polled_at = :now WHERE poll_at <= :now AND id IN (SELECT id FROM messages "
        f"WHERE poll_at IS NOT NULL AND poll_at <= :now ORDER BY poll_at LIMIT :most) RETURNING {_SENT}",
        {"now": now, "until": until, "most": most})
    return [sent for row in rows if (sent := _sent(row))]


async def plan_poll(tx: Transaction, message_id: int, poll_at: int, polls: int) -> None:
    """After an answer that moved nothing: when it is asked next, and how often it was."""
    await tx.execute("UPDATE messages SET poll_at = :poll_at, polls = :polls WHERE id = :id AND poll_at IS NOT NULL",
                     {"id": message_id, "poll_at": poll_at, "polls": polls})


async def hurry_poll(tx: Transaction, message_id: int, now: int, not_since: int) -> None:
    """Asked after at once, unless it was asked after a moment ago."""
    await tx.execute("UPDATE messages SET poll_at = :now WHERE id = :id AND poll_at > :now "
                     "AND (polled_at IS NULL OR polled_at < :not_since)", {"id": message_id, "now": now, "not_since": not_since})


async def counts_since(reader: Database, since: int) -> dict[str, int]:
    """State → how many messages made since then are in it."""
    rows = await reader.fetch_all("SELECT state, COUNT(*) AS n FROM messages WHERE created_at >= :since GROUP BY state", {"since": since})
    return {row["state"]: int(row["n"]) for row in rows}


async def customer_of(db: Database, message_id: int) -> int | None:
    """Whose card a message is about, or the enrolment that it is for; None for one that is about none yet."""
    return await db.fetch_val(
        "SELECT a.customer_id FROM messages m LEFT JOIN enrolments e ON e.id = m.enrolment_id JOIN cards c "
        "ON c.id = COALESCE(m.card_id, e.card_id) JOIN accounts a ON a.id = c.account_id WHERE m.id = :id", {"id": message_id})
