"""Carries what waits in the outbox: claimed by a lease, tried, settled; any number of workers at once."""
import asyncio
import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta

from app.audit import service as audit
from app.clock import Clock, from_ms, to_ms
from app.db import Database, Transaction, write_transaction
from app.programs import service as programs
from app.programs.store import Business
from app.secrets import KeyRing
from app.sms import rules, store, texts
from app.sms.gateways import Gateways, Result
from app.sms.purses import purses_of
from app.sms.store import Message
from app.web.principal import system

log = logging.getLogger("tessera.sms")
LEASE = timedelta(seconds=60)
AT_ONCE = 10


async def deliver_due(db: Database, ring: KeyRing, gateways: Gateways, clock: Clock, chance: Callable[[], float] = random.random) -> int:
    """Sends what is due and returns how many tries were made. Any number of workers may do it at once.

    chance: 0 <= x < 1, spreads the retries.
    """
    await write_transaction(db, lambda tx: store.give_back_lost(tx, to_ms(clock.now())))
    tried = 0
    while claimed := await _claim(db, clock.now()):
        await asyncio.gather(*(_carry(db, ring, gateways, clock, message, chance()) for message in claimed))
        tried += len(claimed)
    return tried


async def _claim(db: Database, now: datetime) -> list[Message]:
    async def act(tx: Transaction) -> list[Message]:
        claimed: list[Message] = []
        while len(claimed) < AT_ONCE and (message := await store.claim(tx, to_ms(now), to_ms(now + LEASE))):
            claimed.append(message)
        return claimed

    return await write_transaction(db, act)


async def _carry(db: Database, ring: KeyRing, gateways: Gateways, clock: Clock, message: Message, chance: float) -> None:
    business = await programs.get_business(db, message.business_id)
    now, asked_at = clock.now(), from_ms(message.created_at)
    if (goes_at := rules.may_go_at(now, asked_at if message.now_asked else None, business.time_zone)) > now:
        await write_transaction(db, lambda tx: store.put_off(tx, message.id, to_ms(goes_at)))
        return
    if now - asked_at > rules.USELESS_AFTER:
        await _settle(db, business, message, rules.Step("expired", None, "too_late"), None, Result(rules.PERMANENT), now)
        return
    sender = (await texts.choices_of(db, business.id)).sender or ""
    phone = ring.open_text("sms.phone", message.phone_sealed, str(business.id).encode())
    text = ring.open_text("sms.text", message.text_sealed, str(business.id).encode())
    gateway, result, stopped = await gateways.send(phone, text, sender, f"tessera-{message.id}")
    now = clock.now()
    step = rules.after_try(result.kind, result.raw_code, message.tries, message.reason == rules.UNKNOWN, now, chance)
    log.info("message %s to %s: %s %s", message.id, rules.for_log(phone), result.kind, step.state)
    await _settle(db, business, message, step, gateway, result, now, stopped)


async def _settle(db: Database, business: Business, message: Message, step: rules.Step, gateway: str | None, result: Result,
                  now: datetime, stopped: list[str] | None = None) -> None:
    """Writes what became of a try; what was reserved and surely not spent goes back."""
    assert step.state == "queued" or rules.moves("submitting", step.state)
    over = step.state in rules.SENT_OR_OVER
    cost_minor = message.reserved_minor
    if step.state in ("rejected", "undelivered", "expired"):
        cost_minor = 0
    elif result.cost_minor is not None:
        cost_minor = result.cost_minor

    async def act(tx: Transaction) -> None:
        values = {"state": step.state, "reason": step.reason, "due_at": to_ms(step.due_at or now), "gateway": gateway,
                  "provider_id": result.provider_id, "sent_at": to_ms(now) if step.state == "accepted" else None,
                  "segments": result.segments or message.segments,
                  "final_at": to_ms(now) if step.state in rules.FINAL or step.state == "unknown" else None, "reserved_minor": cost_minor}
        if await store.record_try(tx, message.id, values, wipe=over) and cost_minor != message.reserved_minor:
            for scope, period in purses_of(business, from_ms(message.created_at)):
                await store.settle(tx, scope, period, cost_minor - message.reserved_minor)
        for name in stopped or ():
            await audit.record(tx, system(business.id), "sms.gateway_stopped", details={"gateway": name, "why": result.kind}, now=now)

    await write_transaction(db, act)
