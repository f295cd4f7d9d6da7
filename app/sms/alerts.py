"""What the people behind messages must hear of within a minute: in the audit log, by mail to the owners, on top of the console."""
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from app.clock import local_day, to_ms
from app.context import Context
from app.db import Transaction, write_transaction
from app.mail import service as mail
from app.mail.service import Mail
from app.programs import service as programs
from app.sms import alert_words, breaker, spending, watch_store
from app.sms.watch_store import Alert
from app.staff import service as staff

log = logging.getLogger("tessera.sms")
CHANNEL = "sms_alerts"
PAGE = "/console/messages"
AT_ONCE = 20
KEPT = timedelta(days=400)
FORGOTTEN_AT_ONCE = 500


async def warn(tx: Transaction, business_id: int | None, kind: str, subject: str, details: dict[str, Any], now: datetime) -> bool:
    """Something to hear of, said once for each kind and subject; False where it was said. business_id: None for the operator.

    kind: a key of alert_words.SAID; details: ids, sums and short words, never a number.
    """
    made = await watch_store.append_alert(tx, business_id, kind, subject, details, to_ms(now))
    if made:
        tx.notify(CHANNEL)
        log.warning("messages of %s: %s %s", "the server" if business_id is None else f"business {business_id}", kind, details)
    return made


async def tell_due(here: Context) -> int:
    """The job, woken by every alert: queues a mail to each owner (the operator for the server's own); returns how many alerts it told."""
    told = 0
    for alert in await watch_store.untold_alerts(here.db, AT_ONCE):
        people = await _addressees(here, alert)
        mails = [(each.email, await _mail(here, alert, each)) for each in people]
        told += await write_transaction(here.db, lambda tx, alert=alert, mails=mails: _queue(tx, here, alert, mails))  # type: ignore[misc]
    return told


class Addressee(NamedTuple):
    email: str
    language: str


async def _addressees(here: Context, alert: Alert) -> list[Addressee]:
    if not mail.is_set_up(here.settings):
        return []
    if alert.business_id is None:
        return [Addressee(here.settings.operator, "en")] if here.settings.operator else []
    business = await programs.get_business(here.db, alert.business_id)
    people = await staff.list_staff(here.db, here.ring, alert.business_id)
    return [Addressee(each.email, business.language) for each in people
            if each.role == "owner" and not each.disabled and mail.can_reach(each.email)]


async def _mail(here: Context, alert: Alert, person: Addressee) -> Mail:
    currency = (await programs.get_business(here.db, alert.business_id)).currency if alert.business_id is not None else None
    says = alert_words.sentence(alert.kind, alert.details, person.language, currency)
    what = alert_words.advice(alert.kind, person.language)
    return Mail(person.email, alert_words.subject(alert.kind, person.language), f"{says} {what}\n\n{here.settings.address(PAGE)}\n")


async def _queue(tx: Transaction, here: Context, alert: Alert, mails: Sequence[tuple[str, Mail]]) -> bool:
    now = here.clock.now()
    if not await watch_store.set_told(tx, alert.id, to_ms(now)):
        return False
    for email, letter in mails:
        hashed = here.ring.lookup_hash("mail.to", email).hex()[:16]
        await mail.queue(tx, here.ring, letter, kind="sms", business_id=alert.business_id, now=now, dedupe=f"sms:{alert.id}:{hashed}")
    return True


class Banner(NamedTuple):
    """What stands on top of every page of the console; url: where more is said."""

    sentence: str
    is_over: bool
    url: str = PAGE
    is_own: bool = False


async def banners(here: Context, business_id: int, role: str, language: str, now: datetime) -> list[Banner]:
    """To owners and managers: a purse that is nearly or wholly spent, and places that are paused."""
    if role not in ("owner", "manager"):
        return []
    business = await programs.get_business(here.db, business_id)
    found = []
    for purse in await spending.purses(here.db, here.settings, business, now):
        if purse.is_nearly_spent:
            kind = "spend_100" if purse.is_spent else "spend_80"
            details = {"period": purse.period, "spent_minor": purse.spent_minor, "cap_minor": purse.cap_minor}
            found.append(Banner(alert_words.sentence(kind, details, language, business.currency), purse.is_spent))
    if paused := await breaker.pauses(here.db, business_id, now):
        found.append(Banner(alert_words.paused(len(paused), language), False))
    return found


async def forget_old(here: Context) -> int:
    """The job: refusals and alerts of more than a year ago; returns how many rows went."""
    before = here.clock.now() - KEPT
    return await write_transaction(here.db, lambda tx: watch_store.forget_before(
        tx, local_day(before, "UTC").isoformat(), to_ms(before), FORGOTTEN_AT_ONCE))
