"""Messages: queued in the transaction that wants them, counted and paid for there; `delivery` carries them."""
import contextlib
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.audit import service as audit
from app.clock import to_ms
from app.customers import phones
from app.db import Database, Transaction, write_transaction
from app.errors import Refused, TooMany
from app.limits import service as limits
from app.limits.rules import Limit, LimitReached
from app.programs import service as programs
from app.programs.store import Business
from app.secrets import KeyRing
from app.settings import Settings
from app.sms import allowances, rules, store
from app.sms.allowances import Asker
from app.sms.purses import purses_of
from app.sms.store import DemoMessage
from app.text import N_
from app.web.principal import Principal, system

__all__ = ["DemoMessage", "Order", "demo_messages", "queue"]

log = logging.getLogger("tessera.sms")
CHANNEL = "messages"
DEMO_MESSAGES = 200
ALERT_SHARE_BP = 8000
ALARMS = ("sms_paused", "sms_cap_reached")


# What a cashier or a shopper is told when a counter refuses; the gap has a sentence of its own.
TOO_SOON = N_("A message went to this number a moment ago. Wait a minute before the next one.")
TOO_MANY = {
    "sms.phone": N_("This number got as many messages as it may for now. Look for the last one, or try again tomorrow."),
    "sms.block": N_("Too many messages went to numbers like this one today. Try again tomorrow."),
    "sms.staff": N_("You sent many messages this hour. Wait a little before the next one."),
    "sms.location": N_("This shop sent as many messages as it may for now. Try again later."),
    "sms.business": N_("This shop sent as many messages as it may for now. Try again later."),
}


class Suppressed(Refused):
    """The person behind this number wants no messages from this business."""

    code, detail = "number_suppressed", N_("This number asked not to be texted. Ask the shopper for another number.")


class Paused(TooMany):
    """Too few of the links sent from here, or to these numbers, were ever used."""

    code, detail = "sms_paused", N_("Messages to these numbers are paused, because too few of the links were used. Ask a manager.")

    def __init__(self, kind: str) -> None:
        super().__init__(retry_after=rules.BREAKER_PAUSE // timedelta(seconds=1))
        self.kind = kind


class CapReached(TooMany):
    """The business or the server has spent what it may."""

    code, detail = "sms_cap_reached", N_("The limit for messages is spent for now. Ask a manager.")


@dataclass(frozen=True, slots=True)
class Order:
    """A message that somebody asked for.

    link: the link or code that ends the text; brand: who it is from, in `language`; address: the public form's caller (None
    elsewhere); poster: the page or poster it was asked on; location_id: the shop.
    """

    business_id: int
    e164: str
    purpose: str
    brand: str
    link: str
    language: str
    enrolment_id: int | None = None
    card_id: int | None = None
    location_id: int | None = None
    poster: str | None = None
    address: str | None = None


async def queue(tx: Transaction, ring: KeyRing, settings: Settings, who: Principal, order: Order, now: datetime) -> int:
    """Puts a message into the outbox, inside the caller's transaction; returns its id.

    Raises, having written nothing that the caller's act would keep by ending with it: Invalid (a country that is not
    texted), Suppressed, Paused, LimitReached (`in_gap`: too soon after the last one to this number), CapReached.
    """
    business = await programs.get_business(tx, order.business_id)
    # Once more, whoever asks: a premium number must not get through by a way that forgot to look.
    phones.parse_phone(order.e164, business.country, {business.country, *settings.sms_countries})
    phone_hash = phones.server_hash(ring, order.e164)
    if await store.is_suppressed(tx, business.id, phone_hash):
        raise Suppressed()
    asker = _asker(ring, settings, who, order, phone_hash)
    await _count(tx, asker, business, now)
    if order.purpose == "activation":
        await _refuse_paused(tx, asker, now)
    text = rules.compose(order.purpose, order.language, order.brand, order.link)
    parts = rules.size_of(text).parts
    cost_minor = parts * settings.sms_price_minor
    await _reserve(tx, settings, business, cost_minor, now)
    tx.notify(CHANNEL)
    return await store.append(tx, {
        "business_id": business.id, "enrolment_id": order.enrolment_id, "card_id": order.card_id, "purpose": order.purpose,
        "phone_sealed": ring.seal_text("sms.phone", order.e164, _bound(business.id)), "phone_server_hash": phone_hash,
        "phone_hint": order.e164[-2:], "text_sealed": ring.seal_text("sms.text", text, _bound(business.id)),
        "language": order.language, "segments": parts, "reserved_minor": cost_minor, "now": to_ms(now)})


async def _count(tx: Transaction, asker: Asker, business: Business, now: datetime) -> None:
    """One message more in all counters, or LimitReached with a sentence that fits the counter."""
    try:
        await limits.hit(tx, allowances.limits_for(asker, allowances.allowance_of(business.settings)), now)
    except LimitReached as refusal:
        refusal.detail = TOO_SOON if refusal.in_gap else TOO_MANY.get(refusal.limit.scope, refusal.detail)
        raise


def _bound(business_id: int) -> bytes:
    return str(business_id).encode()


def _asker(ring: KeyRing, settings: Settings, who: Principal, order: Order, phone_hash: bytes) -> Asker:
    def hashed(purpose: str, text: str | None) -> str | None:
        return None if text is None else ring.lookup_hash(purpose, text).hex()

    # Whoever tries a demo on their own machine is one household for all shoppers.
    counted = order.address if order.address and not (settings.demo and allowances.is_loopback(order.address)) else None
    address, network = allowances.networks_of(counted) if counted else (None, None)
    return Asker(
        business=str(order.business_id), phone=phone_hash.hex(), block=hashed("phone.block", rules.number_block(order.e164)) or "",
        staff=str(who.id) if who.kind == "staff" else None, location=None if order.location_id is None else str(order.location_id),
        poster=order.poster, address=hashed("address", address), network=hashed("address", network))


async def _refuse_paused(tx: Transaction, asker: Asker, now: datetime) -> None:
    """Raises Paused where too few of the last links were used; else notes this link for the next judgement."""
    for kind, subject in allowances.watched(asker):
        ripe = await limits.newest(tx, f"sms.link.{kind}", subject, now - rules.BREAKER_RIPE, rules.BREAKER_LINKS)
        if len(ripe) == rules.BREAKER_LINKS:
            used = await limits.count(tx, f"sms.used.{kind}", subject, ripe[-1] - timedelta(milliseconds=1), ripe[0])
            if rules.is_paused([to_ms(at) for at in ripe], used, to_ms(now)):
                raise Paused(kind)
        await limits.note(tx, f"sms.link.{kind}", subject, now)


async def note_used(tx: Transaction, ring: KeyRing, e164: str, location_id: int | None, poster: str | None, sent_at: datetime) -> None:
    """The link that went out at `sent_at` was used (a POST, never a GET): the breaker counts it where it counted the link."""
    location = None if location_id is None else str(location_id)
    block = ring.lookup_hash("phone.block", rules.number_block(e164)).hex()
    for kind, subject in allowances.watched(Asker("", "", block, location=location, poster=poster)):
        await limits.note(tx, f"sms.used.{kind}", subject, sent_at)


async def _reserve(tx: Transaction, settings: Settings, business: Business, cost_minor: int, now: datetime) -> None:
    """Reserves the message's cost in the day and the month of the business and of the server, before anything is sent."""
    if not cost_minor:
        return
    caps = (settings.sms_day_cap_minor, settings.sms_month_cap_minor, settings.sms_server_day_cap_minor,
            settings.sms_server_month_cap_minor)
    for (scope, period), cap in zip(purses_of(business, now), caps, strict=True):
        spent = await store.reserve(tx, scope, period, cost_minor, cap)
        if spent is None:
            raise CapReached(retry_after=3600)
        if (spent - cost_minor) * 10_000 < cap * ALERT_SHARE_BP <= spent * 10_000:
            details = {"scope": scope, "period": period, "spent_minor": spent, "cap_minor": cap}
            await audit.record(tx, system(business.id), "sms.spend_alert", details=details, now=now)
            log.warning("%s has spent 80 %% of its cap for messages in %s", scope, period)


async def suppress(tx: Transaction, ring: KeyRing, business_id: int, e164: str, reason: str, now: datetime) -> None:
    """From now on this business sends nothing to this number; reason: not_me | stop | bounced."""
    await store.suppress(tx, business_id, phones.server_hash(ring, e164), reason, to_ms(now))


async def cancel_of_enrolment(tx: Transaction, enrolment_id: int, now: datetime) -> None:
    """Messages of an enrolment that nobody carries yet are not sent any more."""
    await store.cancel_of_enrolment(tx, enrolment_id, to_ms(now))


async def state_of_enrolment(reader: Database | Transaction, enrolment_id: int) -> str | None:
    """The state of its newest message."""
    return await store.newest_state(reader, enrolment_id)


async def note_refusal(db: Database, settings: Settings, business_id: int, e164: str, why: str, now: datetime) -> None:
    """What was not sent, and why, for those who may know: the log, the audit where it is an alarm, in a demo the inbox."""
    log.warning("not sent to %s for business %s: %s", rules.for_log(e164), business_id, why)

    async def act(tx: Transaction) -> None:
        if why in ALARMS:
            # One alarm an hour is heard; a thousand are not.
            await limits.hit(tx, [Limit("sms.alarm", f"{business_id}:{why}", 3600, 1)], now)
            await audit.record(tx, system(business_id), "sms.refused", details={"why": why}, now=now)

    with contextlib.suppress(LimitReached):
        await write_transaction(db, act)
    if settings.demo:
        await write_transaction(db, lambda tx: store.append_demo_message(tx, e164, "", why, to_ms(now)))


async def demo_messages(db: Database) -> list[DemoMessage]:
    """The simulated shopper's inbox, newest last; empty on a real server."""
    return await store.demo_messages(db, DEMO_MESSAGES)
