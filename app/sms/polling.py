"""Asks after messages of which no report came: 5 minutes, 30 minutes, 3 hours and a day after they were handed over; then nobody knows."""
import asyncio
import logging
from datetime import datetime, timedelta

from app.clock import from_ms, to_ms
from app.context import Context
from app.db import Transaction, write_transaction
from app.programs import service as programs
from app.sms import delivery_store, moving
from app.sms.delivery_store import Sent
from app.sms.gateways import Followed, Report, gateways_of
from app.sms.reports import CHANNEL, EARLY_FOR

__all__ = ["CHANNEL", "poll_due"]

log = logging.getLogger("tessera.sms")
LEASE = timedelta(seconds=60)
AT_ONCE = 20


async def poll_due(here: Context) -> int:
    """Asks after every message whose turn it is; returns how many. Any number of workers may do it at once."""
    asked = 0
    await write_transaction(here.db, lambda tx: delivery_store.forget_early(tx, to_ms(here.clock.now() - EARLY_FOR)))
    while claimed := await _claim(here):
        await asyncio.gather(*(_ask(here, sent) for sent in claimed))
        asked += len(claimed)
    return asked


async def _claim(here: Context) -> list[Sent]:
    now = here.clock.now()
    return await write_transaction(here.db, lambda tx: delivery_store.claim_polls(tx, to_ms(now), to_ms(now + LEASE), AT_ONCE))


async def _ask(here: Context, sent: Sent) -> None:
    """One question; the phone takes part where the gateway wants it."""
    gateway = gateways_of(here).by_name(sent.gateway)
    report: Report | None = None
    if isinstance(gateway, Followed) and sent.provider_id and sent.phone_sealed is not None:
        phone = here.ring.open_text("sms.phone", sent.phone_sealed, str(sent.business_id).encode())
        report = await gateway.status(sent.provider_id, phone)
    await _note(here, sent, report, here.clock.now())


async def _note(here: Context, sent: Sent, report: Report | None, now: datetime) -> None:
    """Writes what was learnt. Whoever was asked early, because the gateway knocked, keeps its place in the order."""
    business = await programs.get_business(here.db, sent.business_id)
    at = from_ms(sent.sent_at or sent.created_at)
    # Turns that nobody took, because the server stood still, are not made up for.
    polls = max(sent.polls, sum(now >= at + each for each in moving.POLLS))
    next_at = moving.next_poll(at, polls)

    async def act(tx: Transaction) -> None:
        # A report may have slipped between the answer to the send and its note.
        await moving.apply_early(tx, business, sent.gateway, sent.provider_id, sent.id, now)
        found = await delivery_store.sent_by_id(tx, business.id, sent.id)
        if found is None or found.state != "accepted":
            return
        if report is not None and await moving.apply(tx, business, found, report, now):
            return
        if next_at is not None:
            await delivery_store.plan_poll(tx, sent.id, to_ms(next_at), polls)
        else:
            await moving.apply(tx, business, found, Report(sent.provider_id or "", "unknown"), now)

    await write_transaction(here.db, act)
