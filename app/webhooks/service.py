"""A business's webhooks: added, changed, paused, given another secret, and what was told to them. Sending is in sending.py."""
from datetime import datetime
from typing import NamedTuple

from app import secrets
from app.audit import service as audit
from app.clock import to_ms
from app.context import Context
from app.db import Database, Transaction, write_transaction
from app.errors import FieldError, Invalid, NotFound, Refused
from app.idempotency import service as idempotency
from app.idempotency.rules import Key
from app.secrets import KeyRing
from app.text import N_
from app.web.principal import Principal
from app.webhooks import rules, store
from app.webhooks.store import Delivery, Event, Webhook

__all__ = ["CHANNEL", "Delivery", "Event", "MadeWebhook", "Webhook", "WebhookPaused", "change", "count_paused", "counts", "create",
           "delete", "get", "get_delivery", "list_deliveries", "list_webhooks", "ping", "rotate", "send_again", "send_all_again",
           "set_paused"]

CHANNEL = "webhooks"
PURPOSE = "webhooks.secret"
DELETED = N_("The address was deleted.")


class TooManyWebhooks(Refused):
    code, detail = "too_many_webhooks", N_("Ten addresses are told already. Delete one first.")


class WebhookPaused(Refused):
    code, detail = "webhook_paused", N_("This address is paused. Let it go on first.")


class MadeWebhook(NamedTuple):
    """secret: shown now and never again."""

    webhook: Webhook
    secret: str


async def list_webhooks(db: Database, business_id: int, *, after: int = 0, limit: int = rules.WEBHOOKS_MOST + 1) -> list[Webhook]:
    return await store.of_business(db, business_id, after, limit)


async def get(reader: Database | Transaction, business_id: int, webhook_id: int) -> Webhook:
    """Raises NotFound."""
    found = await store.find(reader, business_id, webhook_id)
    if found is None:
        raise NotFound()
    return found


async def create(here: Context, who: Principal, url: str, kinds: list[str], note: str, key: Key | None, now: datetime) -> MadeWebhook:
    """Raises Invalid (url, kinds, note), TooManyWebhooks. A repeat of the same request shows the same secret."""
    chosen, tidy, plain = _check(here, url, kinds, note), rules.check_note(note), _new_secret()

    async def act(tx: Transaction) -> int:
        if kept := await idempotency.claim(tx, who.business_id, key, now):
            return int(kept.answer["webhook"])
        if len(await store.of_business(tx, who.business_id, 0, rules.WEBHOOKS_MOST)) >= rules.WEBHOOKS_MOST:
            raise TooManyWebhooks()
        webhook_id = await store.insert(tx, who.business_id, url, chosen, tidy, to_ms(now))
        await store.set_secret(tx, who.business_id, webhook_id, _sealed(here.ring, webhook_id, plain), None, None)
        await audit.record(tx, who, "webhook.created", "webhook", webhook_id, {"kinds": " ".join(chosen)}, now=now)
        await idempotency.keep(tx, who.business_id, key, 201, {"webhook": webhook_id})
        return webhook_id

    webhook = await get(here.db, who.business_id, await write_transaction(here.db, act))
    return MadeWebhook(webhook, secrets_of(here.ring, webhook, now)[0])


def _check(here: Context, url: str, kinds: list[str], note: str) -> tuple[str, ...]:
    """The chosen kinds; every wrong field at once."""
    wrong: list[FieldError] = []
    for check in (lambda: rules.parse_place(url, here.settings.webhook_private), lambda: rules.check_kinds(kinds),
                  lambda: rules.check_note(note)):
        try:
            check()
        except Invalid as refused:
            wrong += refused.fields
    if wrong:
        raise Invalid(fields=wrong)
    return rules.check_kinds(kinds)


async def change(here: Context, who: Principal, webhook_id: int, url: str, kinds: list[str], note: str, now: datetime) -> Webhook:
    """Another address, other events. What waits goes to the new address. Raises NotFound, Invalid."""
    chosen, tidy = _check(here, url, kinds, note), rules.check_note(note)

    async def act(tx: Transaction) -> Webhook:
        was = await get(tx, who.business_id, webhook_id)
        await store.change(tx, who.business_id, webhook_id, url, chosen, tidy)
        if was.url != url:
            await store.note_webhook(tx, was, 0, None, 0)
        await audit.record(tx, who, "webhook.changed", "webhook", webhook_id, {"kinds": " ".join(chosen)}, now=now)
        tx.notify(CHANNEL)
        return await get(tx, who.business_id, webhook_id)

    return await write_transaction(here.db, act)


async def set_paused(db: Database, who: Principal, webhook_id: int, paused: bool, now: datetime) -> Webhook:
    """While it is paused what happens is gathered; what is older than three days is given up. Raises NotFound."""
    async def act(tx: Transaction) -> Webhook:
        was = await get(tx, who.business_id, webhook_id)
        if (was.paused_at is not None) == paused:
            return was
        await store.set_paused(tx, who.business_id, webhook_id, to_ms(now) if paused else None, rules.BY_HAND if paused else None)
        await audit.record(tx, who, "webhook.paused" if paused else "webhook.resumed", "webhook", webhook_id, now=now)
        tx.notify(CHANNEL)
        return await get(tx, who.business_id, webhook_id)

    return await write_transaction(db, act)


async def rotate(here: Context, who: Principal, webhook_id: int, key: Key | None, now: datetime) -> MadeWebhook:
    """Another secret. For a day both sign, so that the receiver can be told in between. Raises NotFound."""
    plain, old_until = _new_secret(), to_ms(now + rules.OLD_SECRET_SIGNS)

    async def act(tx: Transaction) -> Webhook:
        if await idempotency.claim(tx, who.business_id, key, now):
            return await get(tx, who.business_id, webhook_id)
        was = await get(tx, who.business_id, webhook_id)
        await store.set_secret(tx, who.business_id, webhook_id, _sealed(here.ring, webhook_id, plain), was.secret_sealed, old_until)
        await audit.record(tx, who, "webhook.secret_rotated", "webhook", webhook_id, now=now)
        await idempotency.keep(tx, who.business_id, key, 200, {"webhook": webhook_id})
        return await get(tx, who.business_id, webhook_id)

    webhook = await write_transaction(here.db, act)
    return MadeWebhook(webhook, secrets_of(here.ring, webhook, now)[0])


async def delete(db: Database, who: Principal, webhook_id: int, now: datetime) -> None:
    """Nothing more is told there, what waits included. Raises NotFound."""
    async def act(tx: Transaction) -> None:
        await get(tx, who.business_id, webhook_id)
        await store.delete(tx, who.business_id, webhook_id, DELETED, to_ms(now))
        await audit.record(tx, who, "webhook.deleted", "webhook", webhook_id, now=now)

    await write_transaction(db, act)


async def ping(db: Database, who: Principal, webhook_id: int, key: Key | None, now: datetime) -> Delivery:
    """Sends a test at once. Raises NotFound, WebhookPaused."""
    async def act(tx: Transaction) -> Delivery:
        if kept := await idempotency.claim(tx, who.business_id, key, now):
            return await get_delivery(tx, who.business_id, int(kept.answer["delivery"]))
        webhook = await get(tx, who.business_id, webhook_id)
        if webhook.paused_at is not None:
            raise WebhookPaused()
        delivery_id = await store.insert_ping(tx, webhook, to_ms(now), to_ms(now + rules.GIVE_UP_AFTER))
        await store.hurry(tx, who.business_id, webhook_id)
        await idempotency.keep(tx, who.business_id, key, 202, {"delivery": delivery_id})
        tx.notify(CHANNEL)
        return await get_delivery(tx, who.business_id, delivery_id)

    return await write_transaction(db, act)


async def get_delivery(reader: Database | Transaction, business_id: int, delivery_id: int) -> Delivery:
    """Raises NotFound, also for one of an address that was deleted."""
    found = await store.find_delivery(reader, business_id, delivery_id)
    if found is None:
        raise NotFound()
    return found


async def list_deliveries(db: Database, business_id: int, webhook_id: int, *, state: str | None = None, before: int | None = None,
                          limit: int = 50) -> list[Delivery]:
    """Newest first. Raises NotFound."""
    await get(db, business_id, webhook_id)
    return await store.list_deliveries(db, business_id, webhook_id, state, before, limit)


async def counts(db: Database, business_id: int, webhook_id: int) -> dict[str, int]:
    """How many deliveries are kept of each state."""
    return await store.counts(db, business_id, webhook_id)


async def send_again(db: Database, who: Principal, delivery_id: int, key: Key | None, now: datetime) -> Delivery:
    """Once more, with the same id and body, whatever became of it. Raises NotFound, WebhookPaused."""
    async def act(tx: Transaction) -> Delivery:
        delivery = await get_delivery(tx, who.business_id, delivery_id)
        if await idempotency.claim(tx, who.business_id, key, now):
            return delivery
        if (await get(tx, who.business_id, delivery.webhook_id)).paused_at is not None:
            raise WebhookPaused()
        await store.again(tx, who.business_id, delivery_id, to_ms(now + rules.GIVE_UP_AFTER))
        await idempotency.keep(tx, who.business_id, key, 202, {"delivery": delivery_id})
        tx.notify(CHANNEL)
        return await get_delivery(tx, who.business_id, delivery_id)

    return await write_transaction(db, act)


async def send_all_again(db: Database, who: Principal, webhook_id: int, now: datetime) -> int:
    """All that failed once more, in the old order; returns how many. Raises NotFound, WebhookPaused."""
    async def act(tx: Transaction) -> int:
        if (await get(tx, who.business_id, webhook_id)).paused_at is not None:
            raise WebhookPaused()
        count = await store.all_again(tx, who.business_id, webhook_id, to_ms(now + rules.GIVE_UP_AFTER))
        await audit.record(tx, who, "webhook.sent_again", "webhook", webhook_id, {"count": count}, now=now)
        tx.notify(CHANNEL)
        return count

    return await write_transaction(db, act)


async def count_paused(db: Database, business_id: int) -> int:
    """How many addresses are paused because nobody answered there."""
    return await store.count_paused(db, business_id)


def secrets_of(ring: KeyRing, webhook: Webhook, now: datetime) -> list[str]:
    """What signs now, the newest first."""
    found = [_opened(ring, webhook.id, webhook.secret_sealed)] if webhook.secret_sealed is not None else []
    if webhook.old_secret_sealed is not None and webhook.old_until is not None and to_ms(now) < webhook.old_until:
        found.append(_opened(ring, webhook.id, webhook.old_secret_sealed))
    return found


def _new_secret() -> str:
    return rules.SECRET_PREFIX + secrets.new_secret()


def _sealed(ring: KeyRing, webhook_id: int, plain: str) -> bytes:
    return ring.seal_text(PURPOSE, plain, str(webhook_id).encode())


def _opened(ring: KeyRing, webhook_id: int, sealed: bytes) -> str:
    return ring.open_text(PURPOSE, sealed, str(webhook_id).encode())
