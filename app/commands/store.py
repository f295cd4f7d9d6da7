"""SQL that concerns every table at once: what `restore` sets right, and the sealed columns that `rekey` walks through."""
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from app.clock import from_ms
from app.db import Database, Transaction

# Asked of a backup's file, before anything is touched.
META = "SELECT key, value FROM meta"


class RegisteredCard(NamedTuple):
    business_id: int
    card_id: int


class IssuedType(NamedTuple):
    """A pass type and how many passes carry it."""

    id: int
    pass_type_identifier: str
    team_identifier: str
    passes: int


class Sealed(NamedTuple):
    """A sealed column: under which purpose its values lie, and which column's value, as text, binds each to its row (None: nothing).

    key: the column by which rows are found.
    """

    table: str
    column: str
    purpose: str
    context: str | None = None
    key: str = "id"


# Every column that ends in _sealed; a test walks the schema and fails on one that is not here.
SEALED = (
    Sealed("customers", "phone_sealed", "customer.phone", "business_id"),
    Sealed("customers", "email_sealed", "customer.email", "business_id"),
    Sealed("customers", "name_sealed", "customer.name", "business_id"),
    Sealed("staff", "email_sealed", "staff.email"),
    Sealed("operators", "email_sealed", "operators.email"),
    Sealed("totp_keys", "key_sealed", "staff.totp", "account_id"),
    Sealed("sign_in_steps", "key_sealed", "staff.totp", "account_id"),
    Sealed("passkeys", "name_sealed", "staff.passkey", "account_id"),
    Sealed("offline_items", "body_sealed", "offline.item", "device_id"),
    Sealed("offline_items", "reason_sealed", "offline.reason", "device_id"),
    Sealed("passes", "authentication_token_sealed", "passes.token", "id"),
    Sealed("signed_passes", "pass_json_sealed", "passes.kept", "pass_id", "pass_id"),
    Sealed("certificates", "key_sealed", "certificates.key", "id"),
    Sealed("google_issuers", "account_sealed", "google.account", "business_id"),
    Sealed("mails", "text_sealed", "mail.text", "id"),
    Sealed("page_links", "token_sealed", "cards.page_link"),
    Sealed("cards", "totp_key_sealed", "cards.totp", "id"),
    Sealed("enrolments", "phone_sealed", "enrolment.phone", "business_id"),
    Sealed("enrolments", "name_sealed", "enrolment.name", "business_id"),
    Sealed("enrolments", "email_sealed", "enrolment.email", "business_id"),
    Sealed("screen_links", "token_sealed", "enrolment.screen", "business_id"),
    Sealed("messages", "phone_sealed", "sms.phone", "business_id"),
    Sealed("messages", "text_sealed", "sms.text", "business_id"),
    Sealed("sms_callbacks", "secret_sealed", "sms.callback", "business_id", "business_id"),
    Sealed("import_blocks", "content_sealed", "import.rows", "import_id"),
    Sealed("answers", "value_sealed", "question.answer", "business_id"),
    Sealed("number_changes", "phone_sealed", "number_changes.phone", "business_id"),
    Sealed("number_notices", "phone_sealed", "number_notices.phone", "business_id"),
    Sealed("webhooks", "secret_sealed", "webhooks.secret", "id"),
    Sealed("webhooks", "old_secret_sealed", "webhooks.secret", "id"),
    Sealed("reward_codes", "code_sealed", "benefits.reward_code", "business_id"),
)


async def registered_cards(tx: Transaction) -> list[RegisteredCard]:
    """Cards whose pass lies on a device."""
    rows = await tx.fetch_all("SELECT DISTINCT passes.business_id, passes.card_id FROM registrations "
                              "JOIN passes ON passes.id = registrations.pass_id ORDER BY passes.card_id")
    return [RegisteredCard(*row) for row in rows]


async def cancel_unsent_messages(tx: Transaction, now_ms: int) -> int:
    """Messages that waited when the backup was made: they were sent since, or are no longer news. Returns how many."""
    rows = await tx.fetch_all("UPDATE messages SET state = 'cancelled', reason = 'restored', final_at = :now, phone_sealed = NULL, "
                              "text_sealed = NULL WHERE state IN ('queued', 'submitting') RETURNING id", {"now": now_ms})
    return len(rows)


async def newest_moment(db: Database) -> datetime | None:
    """When the last change of a card was noted."""
    at = await db.fetch_val("SELECT at FROM updates ORDER BY number DESC LIMIT 1")
    return None if at is None else from_ms(at)


async def most_cards(db: Database) -> int:
    """Of the programme that has most, whatever became of them: numbers are never given out again."""
    return int(await db.fetch_val("SELECT COALESCE(MAX(cards), 0) FROM "
                                  "(SELECT COUNT(*) AS cards FROM cards GROUP BY program_id) AS counted"))


async def business_name(db: Database, business_id: int) -> str:
    return str(await db.fetch_val("SELECT name FROM businesses WHERE id = :id", {"id": business_id}))


async def businesses(db: Database) -> list[tuple[int, str]]:
    """(id, name) of every business."""
    return [(row["id"], row["name"]) for row in await db.fetch_all("SELECT id, name FROM businesses WHERE sandbox_of IS NULL ORDER BY id")]


async def issued_types(db: Database) -> list[IssuedType]:
    """Pass types that passes were issued under."""
    rows = await db.fetch_all("SELECT t.id, t.pass_type_identifier, t.team_identifier, COUNT(*) AS passes FROM pass_types t "
                              "JOIN passes p ON p.pass_type_id = t.id GROUP BY t.id, t.pass_type_identifier, t.team_identifier "
                              "ORDER BY t.id")
    return [IssuedType(*row) for row in rows]


async def businesses_with_issuers(db: Database) -> list[tuple[int, str]]:
    """(id, name) of businesses that brought a Google issuer which is in use."""
    rows = await db.fetch_all("SELECT DISTINCT b.id, b.name FROM google_issuers i JOIN businesses b ON b.id = i.business_id "
                              "WHERE i.retired_at IS NULL ORDER BY b.id")
    return [(row[0], row[1]) for row in rows]


async def sealed_batch(tx: Transaction | Database, what: Sealed, after: int, limit: int) -> Sequence[Mapping[str, Any]]:
    """Rows with a value in a sealed column, in the order of ids above `after`: id, sealed, context."""
    bound = what.context or "NULL"
    return await tx.fetch_all(f"SELECT {what.key} AS id, {what.column} AS sealed, {bound} AS context FROM {what.table} "
                              f"WHERE {what.key} > :after AND {what.column} IS NOT NULL ORDER BY {what.key} LIMIT :limit",
                              {"after": after, "limit": limit})


async def replace_sealed(tx: Transaction, what: Sealed, row_id: int, old: bytes, new: bytes) -> None:
    """Only where it is still the old value: a running server may have changed the row meanwhile."""
    await tx.execute(f"UPDATE {what.table} SET {what.column} = :new WHERE {what.key} = :id AND {what.column} = :old "
                     f"RETURNING {what.key}",
                     {"id": row_id, "new": new, "old": old})
