"""Carries what waits in the outbox: claimed by a lease, tried, settled; any number of workers at once."""
import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from app.audit import service as audit
from app.clock import Clock, from_ms, local_day, to_ms
from app.customers import topics
from app.db import Database, Transaction, write_transaction
from app.programs import service as programs
from app.programs.store import Business
from app.secrets import KeyRing
from app.sms import alerts, callbacks, delivery_store, gateways_store, moving, rules, store, suppression, texts
from app.sms.balances import GatewayState, state_of_gateways
from app.sms.delivery_store import Message
from app.sms.gateways import DUPLICATE, Followed, Gateway, Gateways, Reporting, Result
from app.sms.purses import purses_of
from app.web.principal import system

__all__ = ["GatewayState", "deliver_due", "state_of_gateways"]

log = logging.getLogger("tessera.sms")
LEASE = timedelta(seconds=60)
AT_ONCE = 10
# While some wait for a slow gateway, what was queued meanwhile is looked for so often.
LOOK_SECONDS = 0.5
# After these the gateway surely sent nothing: the next one may be asked.
REFUSED = frozenset({rules.TEMPORARY, rules.THROTTLED, rules.CONFIG, rules.NO_FUNDS})
STOPPED = frozenset({rules.CONFIG, rules.NO_FUNDS})


@dataclass(frozen=True, slots=True)
class Try:
    """What a gateway said. own_sender: the business's own name stood as the sender."""

    gateway: Gateway
    result: Result
    own_sender: bool

    @property
    def stops(self) -> bool:
        """Whether nobody's messages can go this way now. A name that is not registered is the trouble of the business that chose it."""
        return self.result.kind in STOPPED and not (self.result.about_sender and self.own_sender)


@dataclass(frozen=True, slots=True)
class Post:
    """What carrying needs at every step."""

    db: Database
    ring: KeyRing
    gateways: Gateways
    clock: Clock


async def deliver_due(db: Database, ring: KeyRing, gateways: Gateways, clock: Clock, chance: Callable[[], float] = random.random) -> int:
    """Sends what is due and returns how many tries were made. Any number of workers may do it at once.

    chance: 0 <= x < 1, spreads the retries.
    """
    post = Post(db, ring, gateways, clock)
    await write_transaction(db, lambda tx: delivery_store.give_back_lost(tx, to_ms(clock.now())))
    tried, running = 0, set[asyncio.Task[None]]()
    try:
        while True:
            claimed = await _claim(post, AT_ONCE - len(running)) if len(running) < AT_ONCE else []
            tried += len(claimed)
            running |= {asyncio.create_task(_carry(post, message, chance())) for message in claimed}
            if not running:
                return tried
            done, running = await asyncio.wait(running, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    finally:
        # Cut off, or one of them failed: the leases of the others end by themselves.
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _claim(post: Post, most: int) -> list[Message]:
    now = post.clock.now()
    awake, _ = await _awake(post)
    first = awake[0].name if awake else None

    async def act(tx: Transaction) -> list[Message]:
        claimed: list[Message] = []
        while len(claimed) < most and (message := await delivery_store.claim(tx, to_ms(now), to_ms(now + LEASE), first)):
            claimed.append(message)
        return claimed

    return await write_transaction(post.db, act)


async def _awake(post: Post) -> tuple[list[Gateway], datetime]:
    """The gateways that may be asked now, in order, and when the next of the others may be."""
    now = post.clock.now()
    found = await gateways_store.resting(post.db, to_ms(now), post.gateways.names)
    resting = {name: from_ms(until) for name, until in found.items()}
    return post.gateways.awake(resting), min(resting.values(), default=now + rules.GATEWAY_AGAIN)


async def _carry(post: Post, message: Message, chance: float) -> None:
    business = await programs.get_business(post.db, message.business_id)
    now, asked_at = post.clock.now(), from_ms(message.created_at)
    if (goes_at := rules.may_go_at(now, asked_at if message.now_asked else None, business.time_zone)) > now:
        await write_transaction(post.db, lambda tx: delivery_store.put_off(tx, message.id, to_ms(goes_at)))
        return
    if not message.now_asked and await _is_withdrawn(post, message):
        await _settle(post, business, message, rules.Step("cancelled", None, "withdrawn"), [], now)
        return
    if now - asked_at > rules.USELESS_AFTER:
        await _settle(post, business, message, rules.Step("expired", None, "too_late"), [], now)
        return
    may_be_out = message.reason == rules.UNKNOWN
    # Whoever may have it already is the only one to be asked again: another one would send a second message for certain.
    awake, wakes_at = await _awake(post)
    asked = [gateway for gateway in awake if not may_be_out or message.gateway in (None, gateway.name)]
    if not asked and (not may_be_out or post.gateways.by_name(message.gateway or "")):
        why = None if may_be_out else rules.CONFIG
        await write_transaction(post.db, lambda tx: delivery_store.put_off(tx, message.id, to_ms(wakes_at), why))
        return
    phone = post.ring.open_text("sms.phone", message.phone_sealed, str(business.id).encode())
    tries = await _try(post, business, message, phone, asked)
    now = post.clock.now()
    result = _meant(tries[-1].result, may_be_out) if tries else Result(rules.UNKNOWN, raw_code="no_gateway")
    if tries:
        tries[-1] = replace(tries[-1], result=result)
    step = rules.after_try(result.kind, result.raw_code, message.tries, may_be_out, now, chance)
    log.info("message %s to %s: %s %s", message.id, rules.for_log(phone), result.kind, step.state)
    await _settle(post, business, message, step, tries, now, phone if result.wants_none else None)


async def _is_withdrawn(post: Post, message: Message) -> bool:
    """Whether the person said no to news since it was queued: it holds for what nobody asked for, up to the moment of sending."""
    customer_id = await delivery_store.customer_of(post.db, message.id)
    return customer_id is not None and await topics.has_withdrawn(post.db, message.business_id, customer_id, "sms")


def _meant(result: Result, may_be_out: bool) -> Result:
    """A gateway that has had this text a moment ago has the message, where we did not know; else it only wants to be asked later."""
    if result.kind != DUPLICATE:
        return result
    return replace(result, kind=rules.ACCEPTED if may_be_out else rules.THROTTLED, provider_id=None)


async def _try(post: Post, business: Business, message: Message, phone: str, gateways: Sequence[Gateway]) -> list[Try]:
    """Asks one gateway after another, the next only where one surely did not send."""
    text = post.ring.open_text("sms.text", message.text_sealed, str(business.id).encode())
    own_sender = (await texts.choices_of(post.db, business.id)).sender or ""
    tries: list[Try] = []
    for gateway in gateways:
        if (gateway.name != message.gateway or tries) and not await _note_asked(post.db, message.id, gateway.name):
            break
        # A carrier has the operator's name where the business has none of its own; others take what reads best.
        sender = own_sender or ("" if isinstance(gateway, Followed) else business.name)
        carrier = await _reporting(post, business.id, gateway)
        result = await carrier.send(phone, text, sender, f"tessera-{message.id}")
        tries.append(Try(gateway, result, bool(own_sender)))
        if result.kind not in REFUSED:
            break
    return tries


async def _note_asked(db: Database, message_id: int, gateway: str) -> bool:
    return await write_transaction(db, lambda tx: delivery_store.note_asked(tx, message_id, gateway))


async def _reporting(post: Post, business_id: int, gateway: Gateway) -> Gateway:
    """The gateway, told where this business's reports go."""
    if post.gateways.address is None or not isinstance(gateway, Reporting):
        return gateway
    secret = await callbacks.secret_of(post.db, post.ring, business_id, post.clock.now())
    return gateway.reporting_to(post.gateways.address(callbacks.path_of(gateway.name, secret)))


async def _settle(post: Post, business: Business, message: Message, step: rules.Step, tries: Sequence[Try], now: datetime,
                  stopped_by: str | None = None) -> None:
    """Writes what became of a try; what was reserved and surely not spent goes back. stopped_by: the number that wants none any more."""
    last = tries[-1] if tries else None
    values, wipe = _outcome(business, message, step, last, now)

    async def act(tx: Transaction) -> None:
        if await delivery_store.record_try(tx, message.id, values, wipe=wipe):
            if values["reserved_minor"] != message.reserved_minor:
                for scope, period in purses_of(business, from_ms(message.created_at)):
                    await store.settle(tx, scope, period, values["reserved_minor"] - message.reserved_minor)
            if last is not None:
                await moving.apply_early(tx, business, last.gateway.name, values["provider_id"], message.id, now)
        for each in tries:
            await _note_health(tx, business, each, now)
        if stopped_by is not None:
            await suppression.stop(tx, post.ring, business.id, stopped_by, "stop", now)

    await write_transaction(post.db, act)


def _outcome(business: Business, message: Message, step: rules.Step, last: Try | None, now: datetime) -> tuple[dict[str, Any], list[str]]:
    """The columns that a try changes, and those that it empties."""
    assert step.state == "queued" or rules.moves("submitting", step.state)
    result = last.result if last else Result(rules.PERMANENT)
    is_followed = last is not None and step.state == "accepted" and isinstance(last.gateway, Followed)
    cost_minor = message.reserved_minor
    if step.state in ("rejected", "undelivered", "expired", "cancelled"):
        cost_minor = 0
    elif result.cost_minor is not None and result.currency in ("", business.currency):
        cost_minor = result.cost_minor
    poll = moving.next_poll(now, 0) if is_followed else None
    values = {
        "state": step.state, "reason": step.reason, "due_at": to_ms(step.due_at or now), "gateway": last.gateway.name if last else None,
        "provider_id": result.provider_id, "sent_at": to_ms(now) if step.state == "accepted" else None,
        "segments": result.segments or message.segments, "poll_at": poll and to_ms(poll), "reserved_minor": cost_minor,
        # Of a gateway that cannot be asked nothing more is awaited.
        "final_at": to_ms(now) if step.state in rules.SENT_OR_OVER and not is_followed else None,
        # A gateway that could take nobody's message says nothing about this one.
        "uncounted": int(step.state == "queued" and result.kind in STOPPED)}
    if step.state not in rules.SENT_OR_OVER:
        return values, []
    # One of the gateways wants the number to be asked what became of a message.
    return values, ["text_sealed"] if is_followed else ["text_sealed", "phone_sealed"]


async def _note_health(tx: Transaction, business: Business, each: Try, now: datetime) -> None:
    """What the next message, the console and the operator learn of a gateway from this answer."""
    name, result = each.gateway.name, each.result
    if result.kind in (rules.ACCEPTED, rules.PERMANENT):
        await gateways_store.note_success(tx, name)
        return
    if result.about_sender and each.own_sender:
        await audit.record(tx, system(business.id), "sms.sender_refused", details={"gateway": name, "why": result.raw_code}, now=now)
        return
    await gateways_store.note_failure(tx, name, f"{result.kind} {result.raw_code}".strip(), to_ms(now))
    if each.stops and await gateways_store.rest(tx, name, to_ms(now + rules.GATEWAY_AGAIN), to_ms(now),
                                                ask_balance=result.kind == rules.NO_FUNDS):
        log.error("gateway %s stopped for 10 minutes: %s %s", name, result.kind, result.raw_code)
        details = {"gateway": name, "why": result.kind}
        await audit.record(tx, system(business.id), "sms.gateway_stopped", details=details, now=now)
        # The operator hears of it once a day; while it lasts, the metric and the log go on saying it.
        await alerts.warn(tx, None, "gateway_stopped", f"{name}:{local_day(now, 'UTC')}", details, now)
