"""Messages: queued in the transaction that wants them, counted and paid for there; `delivery` carries them."""
import contextlib
import logging
from dataclasses import dataclass, replace
from datetime import datetime

from app.audit import service as audit
from app.clock import local_day, to_ms
from app.customers import phones
from app.db import Database, Transaction, write_transaction
from app.errors import NotFound, TesseraError
from app.limits import quotas
from app.limits import service as limits
from app.limits.rules import Limit, LimitReached
from app.programs import service as programs
from app.programs.store import Business
from app.secrets import KeyRing
from app.settings import Settings
from app.sms import alerts, allowances, breaker, rules, spending, store, suppression, texts, watch_store, wording
from app.sms.allowances import Asker
from app.sms.breaker import note_used
from app.sms.refusals import REFUSALS, TOO_MANY, TOO_SOON, CapReached, Paused, Suppressed, reason_of
from app.sms.store import DemoMessage
from app.sms.suppression import is_start_word, is_stop_word, lift, stop, suppressions
from app.sms.texts import text_of
from app.web.principal import Principal, system

__all__ = ["REFUSALS", "CapReached", "Delivery", "DemoMessage", "Order", "Paused", "Suppressed", "cancel_of_enrolment", "delivery_of",
           "demo_messages", "is_start_word", "is_stop_word", "lift", "note_refusal", "note_used", "queue", "refusals_today", "sandbox_text",
           "state_of_enrolment", "stop", "suppress", "suppressions", "text_of", "wake_gateway"]

log = logging.getLogger("tessera.sms")
CHANNEL = "messages"
DEMO_MESSAGES = 200
ALARMS = ("sms_paused", "sms_cap_reached")
# Whoever wants no messages says it in one way or another; all stand on one list.
suppress = stop


@dataclass(frozen=True, slots=True)
class Order:
    """A message that somebody asked for.

    purpose: one of wording.PURPOSES; link: the link or code that ends the text; brand: who it is from, in `language`; address: the
    public form's caller (None elsewhere); poster: the page or poster it was asked on; location_id: the shop; now_asked: whether the
    person waits for it; else quiet hours hold from the first try, and their consent is the caller's duty.
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
    now_asked: bool = True


async def queue(tx: Transaction, ring: KeyRing, settings: Settings, who: Principal, order: Order, now: datetime) -> int:
    """Puts a message into the outbox, inside the caller's transaction; returns its id.

    Raises, with nothing of it written even where the caller goes on: Invalid (a country that is not texted), Suppressed, Paused,
    LimitReached (`in_gap`: too soon after the last one to this number), CapReached.
    """
    business = await programs.get_business(tx, order.business_id)
    # Once more, whoever asks: a premium number must not get through by a way that forgot to look.
    phones.parse_phone(order.e164, business.country, {business.country, *settings.sms_countries})
    phone_hash = phones.server_hash(ring, order.e164)
    if await suppression.is_suppressed(tx, ring, business.id, order.e164):
        raise Suppressed()
    if business.is_sandbox:
        return await _keep_for_reading(tx, ring, order, business, now)
    asker = _asker(ring, settings, who, order, phone_hash, business)
    written = await texts.text_in_use(tx, business.id, order.purpose, order.language)
    text = wording.compose(written.template, order.brand, order.link, written.most_parts)
    parts = rules.size_of(text).parts
    cost_minor = parts * settings.sms_price_minor
    # A savepoint: what was counted before a later judge refused must not stay with a caller that sends the others of a list.
    async with tx.transaction():
        await _count(tx, asker, business, now)
        if order.purpose == "activation":
            await breaker.refuse_paused(tx, asker, order.e164, now)
        for scope, period, spent, cap in await spending.reserve(tx, settings, business, cost_minor, now):
            await _warn_of_spend(tx, business, "spend_80", scope, period, spent, cap, now)
    tx.notify(CHANNEL)
    return await store.append(tx, {
        "business_id": business.id, "enrolment_id": order.enrolment_id, "card_id": order.card_id, "purpose": order.purpose,
        "phone_sealed": ring.seal_text("sms.phone", order.e164, _bound(business.id)), "phone_server_hash": phone_hash,
        "phone_hint": order.e164[-2:], "text_sealed": ring.seal_text("sms.text", text, _bound(business.id)),
        "language": order.language, "segments": parts, "reserved_minor": cost_minor, "now_asked": int(order.now_asked), "now": to_ms(now),
        "state": "queued", "final_at": None})


async def _keep_for_reading(tx: Transaction, ring: KeyRing, order: Order, business: Business, now: datetime) -> int:
    """What a sandbox says to a phone goes nowhere, costs nothing and counts against no number: its text can be read, and that is all."""
    written = await texts.text_in_use(tx, business.id, order.purpose, order.language)
    text = wording.compose(written.template, order.brand, order.link, written.most_parts)
    return await store.append(tx, {
        "business_id": business.id, "enrolment_id": order.enrolment_id, "card_id": order.card_id, "purpose": order.purpose,
        "phone_sealed": None, "phone_server_hash": b"", "phone_hint": order.e164[-2:], "language": order.language, "segments": 0,
        "text_sealed": ring.seal_text("sms.text", text, _bound(business.id)), "reserved_minor": 0, "now_asked": 1,
        "state": rules.SANDBOX, "final_at": to_ms(now), "now": to_ms(now)})


async def _warn_of_spend(tx: Transaction, business: Business, kind: str, scope: str, period: str, spent: int, cap: int,
                         now: datetime) -> None:
    """The owners hear of their own purse, the operator of the server's: one business's log tells nothing of the others."""
    own = business.id if scope != "server" else None
    details = {"scope": scope, "period": period, "spent_minor": spent, "cap_minor": cap}
    if await alerts.warn(tx, own, kind, f"{scope}:{period}", details, now) and own is not None and kind == "spend_80":
        await spending.record_crossing(tx, business, period, spent, cap, now)


async def _count(tx: Transaction, asker: Asker, business: Business, now: datetime) -> None:
    """One message more in all counters, or LimitReached with a sentence that fits the counter."""
    try:
        allowance, most = allowances.allowance_of(business.settings), await quotas.quota(tx, business.id, "messages_day")
        if most is not None:
            allowance = replace(allowance, business_day=min(allowance.business_day, most))
        await limits.hit(tx, allowances.limits_for(asker, allowance), now)
    except LimitReached as refusal:
        refusal.detail = TOO_SOON if refusal.in_gap else TOO_MANY.get(refusal.limit.scope, refusal.detail)
        raise


def _bound(business_id: int) -> bytes:
    return str(business_id).encode()


def _asker(ring: KeyRing, settings: Settings, who: Principal, order: Order, phone_hash: bytes, business: Business) -> Asker:
    def hashed(purpose: str, text: str | None) -> str | None:
        return None if text is None else ring.lookup_hash(purpose, text).hex()

    # Whoever tries a demo on their own machine is one household for all shoppers.
    counted = order.address if order.address and not (settings.demo and allowances.is_loopback(order.address)) else None
    address, network = allowances.networks_of(counted) if counted else (None, None)
    region = phones.region_of(order.e164)
    return Asker(
        business=str(order.business_id), phone=phone_hash.hex(), block=hashed("phone.block", rules.number_block(order.e164)) or "",
        staff=str(who.id) if who.kind == "staff" else None, location=None if order.location_id is None else str(order.location_id),
        poster=order.poster, address=hashed("address", address), network=hashed("address", network),
        abroad=None if region == business.country else f"{business.id}:{region}")


async def cancel_of_enrolment(tx: Transaction, enrolment_id: int, now: datetime) -> None:
    """Messages of an enrolment that nobody carries yet are not sent any more."""
    await store.cancel_of_enrolment(tx, enrolment_id, to_ms(now))


async def state_of_enrolment(reader: Database | Transaction, enrolment_id: int) -> str | None:
    """The state of its newest message."""
    found = await store.newest(reader, enrolment_id)
    return found[0] if found else None


async def sandbox_text(reader: Database | Transaction, ring: KeyRing, business_id: int, enrolment_id: int) -> str | None:
    """What the newest message of a sandbox's enrolment says; None where there is none."""
    sealed = await store.sandbox_text(reader, business_id, enrolment_id)
    return ring.open_text("sms.text", sealed, _bound(business_id)) if sealed else None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a message. state: queued | sent | delivered | failed; why: a key of words.FAILED where it failed, or
    `unknown` where it may have been sent, or `waiting` where a gateway is the reason that it waits; code: the carrier's own word; at in ms.
    """

    state: str
    why: str
    code: str
    at: int


async def delivery_of(reader: Database | Transaction, enrolment_id: int) -> Delivery | None:
    """What became of the newest message of an enrolment; None where none was sent."""
    found = await store.newest(reader, enrolment_id)
    return Delivery(*rules.told(found[0], found[1]), found[2]) if found else None


async def note_refusal(db: Database, settings: Settings, business_id: int, e164: str, why: str | TesseraError, now: datetime) -> None:
    """What was not sent, and why, for those who may know: the log, the day's count, the audit and a mail where it is an alarm, in a demo
    the inbox. why: what `queue` raised, or a word.
    """
    reason = why if isinstance(why, str) else reason_of(why)
    log.warning("not sent to %s for business %s: %s", rules.for_log(e164), business_id, reason)

    async def act(tx: Transaction) -> None:
        business = await programs.get_business(tx, business_id)
        await watch_store.count_refusal(tx, business_id, local_day(now, business.time_zone).isoformat(), reason)
        if settings.demo:
            await store.append_demo_message(tx, e164, "", reason, to_ms(now))
        if isinstance(why, Paused) and why.subject:
            await _note_pause(tx, business_id, why, now)
        if isinstance(why, CapReached) and why.period:
            await _warn_of_spend(tx, business, "spend_100", why.scope, why.period, why.cap_minor, why.cap_minor, now)

    await write_transaction(db, act)
    if reason in ALARMS:
        await _alarm(db, business_id, reason, now)


async def _alarm(db: Database, business_id: int, reason: str, now: datetime) -> None:
    """In the audit log, once an hour: one alarm is heard, a thousand are not."""
    async def act(tx: Transaction) -> None:
        await limits.hit(tx, [Limit("sms.alarm", f"{business_id}:{reason}", 3600, 1)], now)
        await audit.record(tx, system(business_id), "sms.refused", details={"why": reason}, now=now)

    with contextlib.suppress(LimitReached):
        await write_transaction(db, act)


async def _note_pause(tx: Transaction, business_id: int, refusal: Paused, now: datetime) -> None:
    made = await watch_store.pause(tx, business_id, refusal.kind, refusal.subject, refusal.hint, to_ms(now), refusal.until_at)
    if made is not None:
        name = refusal.hint.partition(":")[2] if refusal.kind == "poster" else refusal.hint
        await alerts.warn(tx, business_id, "paused", str(made), {"kind": refusal.kind, "name": name}, now)


async def wake_gateway(db: Database, who: Principal, name: str, now: datetime) -> None:
    """Somebody topped up or mended a gateway and will not wait for its rest to end. Raises NotFound."""
    async def act(tx: Transaction) -> None:
        if not await watch_store.wake_gateway(tx, who.business_id, name, to_ms(now)):
            raise NotFound()
        await audit.record(tx, who, "sms.gateway_woken", details={"gateway": name}, now=now)
        tx.notify(CHANNEL)

    await write_transaction(db, act)


async def refusals_today(reader: Database | Transaction, business: Business, now: datetime) -> list[tuple[str, int]]:
    """(reason, how often) of the business's day, the most frequent first."""
    return await watch_store.refusals(reader, business.id, local_day(now, business.time_zone).isoformat())


async def demo_messages(db: Database) -> list[DemoMessage]:
    """The simulated shopper's inbox, newest last; empty on a real server."""
    return await store.demo_messages(db, DEMO_MESSAGES)
