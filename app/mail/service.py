"""Mail to the people who run a server or a business: queued in the transaction that wants it, sent later, given up after three days."""
import asyncio
import json
import logging
from datetime import datetime, timedelta

from app.clock import to_ms
from app.context import Context
from app.db import Database, Transaction, write_transaction
from app.errors import FieldError, Invalid
from app.mail import rules, smtp, store
from app.mail.rules import Mail, Result
from app.mail.store import Waiting
from app.programs import service as programs
from app.secrets import KeyRing
from app.settings import Settings
from app.text import N_

__all__ = ["CHANNEL", "Mail", "can_reach", "cancel", "deliver_due", "forget_old", "is_set_up", "queue", "sandbox_text", "state_of",
           "trouble"]

log = logging.getLogger("tessera.mail")
CHANNEL = "mails"
PURPOSE = "mail.text"
# Longer than the slowest server may take for all its answers together.
LEASE = timedelta(minutes=5)
AT_ONCE = 20
KEPT = timedelta(days=400)          # longer than a certificate lives: what was said once is not said again
PRUNED_AT_ONCE = 500


def is_set_up(settings: Settings) -> bool:
    """Whether a mail would go anywhere. In the demo it goes to the log."""
    return bool(settings.smtp) or settings.demo


def can_reach(address: str) -> bool:
    """Whether mail can be sent there at all."""
    return rules.is_address(address)


async def queue(tx: Transaction, ring: KeyRing, mail: Mail, *, kind: str, business_id: int | None, now: datetime,
                dedupe: str | None = None) -> int | None:
    """Puts a mail into the outbox, inside the caller's transaction; returns its id, None where `dedupe` was queued before.

    kind: a word for what it is about; business_id: whose people get it, None for the operator. Raises Invalid for an address that
    mail cannot be sent to.
    """
    if not rules.is_address(mail.to):
        raise Invalid(fields=[FieldError("to", "email", N_("Type an e-mail address such as anna@example.com."))])
    # A sandbox's mail goes nowhere: it is over as soon as it is written, and its text stays to be read.
    is_sandbox = business_id is not None and (await programs.get_business(tx, business_id)).is_sandbox
    mail_id = await store.insert(tx, {"business_id": business_id, "kind": kind, "dedupe": dedupe, "now": to_ms(now),
                                      "failed_at": to_ms(now) if is_sandbox else None})
    if mail_id is not None:
        text = json.dumps({"to": mail.to, "subject": mail.subject, "text": mail.text}, ensure_ascii=False)
        await store.set_text(tx, mail_id, _sealed(ring, mail_id, text))
        tx.notify(CHANNEL)
    return mail_id


def _sealed(ring: KeyRing, mail_id: int, text: str) -> bytes:
    return ring.seal_text(PURPOSE, text, str(mail_id).encode())


async def sandbox_text(reader: Database | Transaction, ring: KeyRing, mail_id: int) -> str | None:
    """What a mail of a sandbox says; None where it is forgotten, or is none."""
    sealed = await store.sandbox_text(reader, mail_id)
    return json.loads(ring.open_text(PURPOSE, sealed, str(mail_id).encode())).get("text") if sealed else None


async def deliver_due(here: Context) -> int:
    """The job: sends what waits; returns how many mails went out. Safe to repeat; after a crash a mail may go out twice, as one."""
    sent = 0
    if not is_set_up(here.settings):
        return 0
    for _ in range(AT_ONCE):
        now = here.clock.now()
        if not await store.is_any_due(here.db, to_ms(now)):
            break
        waiting = await write_transaction(here.db, lambda tx, now=now: store.claim(tx, to_ms(now), to_ms(now + LEASE)))  # type: ignore[misc]
        if waiting is None:
            break
        result = await _send(here, waiting)
        await _note(here, waiting, result)
        sent += result.is_sent
        if result.is_server:
            break       # the others would meet the same
    return sent


async def _send(here: Context, waiting: Waiting) -> Result:
    mail = Mail(**json.loads(here.ring.open_text(PURPOSE, waiting.text_sealed, str(waiting.id).encode())))
    if here.settings.demo:
        log.info("a mail of the demo to %s: %s\n%s", mail.to, rules.one_line(mail.subject), mail.text)
        return Result(True)
    sender = here.settings.mail_from
    address = rules.sender_address(sender)
    message_id = f"<{waiting.id}.{to_ms(waiting.created_at)}.tessera@{address.rpartition('@')[2]}>"
    message = rules.message(mail, sender, message_id, here.clock.now())
    return await asyncio.to_thread(smtp.send, smtp.Server.parse(here.settings.smtp), address, mail.to, message)


async def _note(here: Context, waiting: Waiting, result: Result) -> None:
    now = here.clock.now()
    is_over = not result.is_sent and (result.is_final or now - waiting.created_at >= rules.GIVE_UP_AFTER)
    values = {"sent_at": to_ms(now) if result.is_sent else None, "failed_at": to_ms(now) if is_over else None,
              "due_at": to_ms(now + rules.pause_after(waiting.tries)), "last_error": result.why or None}

    async def act(tx: Transaction) -> None:
        await store.note(tx, waiting.id, values)
        if result.is_sent or is_over:
            # Nothing of a person stays behind; the row does, so that the same word is not said again.
            await store.set_text(tx, waiting.id, _sealed(here.ring, waiting.id, "{}"))

    await write_transaction(here.db, act)
    if is_over:
        log.error("a mail could not be delivered and is given up: %s", result.why)
    elif not result.is_sent:
        log.warning("a mail waits for its next try: %s", result.why)


async def state_of(reader: Database | Transaction, mail_id: int) -> str:
    """queued, sent, failed or (never sent) sandbox; one that was forgotten long ago was sent."""
    return await store.state_of(reader, mail_id) or "sent"


async def cancel(tx: Transaction, ring: KeyRing, mail_id: int, now: datetime) -> None:
    """A mail that nobody carries yet is not sent any more, and its text is forgotten."""
    await store.cancel(tx, mail_id, _sealed(ring, mail_id, "{}"), to_ms(now))


async def trouble(here: Context, now: datetime) -> str | None:
    """Why the newest mail of the last days did not go out; None where nothing is wrong. For `doctor`."""
    return await store.newest_failure(here.db, to_ms(now - rules.GIVE_UP_AFTER))


async def forget_old(here: Context) -> int:
    """Delete mails that were sent or given up long ago; returns how many."""
    total = 0
    before = to_ms(here.clock.now() - KEPT)
    while deleted := await write_transaction(here.db, lambda tx: store.delete_before(tx, before, PRUNED_AT_ONCE)):
        total += deleted
    return total
