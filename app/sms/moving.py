"""What a gateway tells of a message later moves it, only ever forward, and settles what it cost."""
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from app.clock import from_ms, to_ms
from app.db import Transaction
from app.programs.store import Business
from app.sms import delivery_store, rules, store
from app.sms.delivery_store import Early, Sent
from app.sms.gateways import Report
from app.sms.purses import purses_of

log = logging.getLogger("tessera.sms")
# When a message is asked after, since it was handed over; after the last answer nobody knows.
POLLS = tuple(timedelta(minutes=minutes) for minutes in (5, 30, 180, 1440))


def next_poll(sent_at: datetime, polls: int) -> datetime | None:
    """When a message that was asked after `polls` times is asked after next; None: never."""
    return sent_at + POLLS[polls] if polls < len(POLLS) else None


async def apply(tx: Transaction, business: Business, sent: Sent, report: Report | Early, now: datetime) -> bool:
    """Moves the message as the report says and settles the cost that it tells; False where it is no news.

    A report that came late, twice or in the wrong order is none: final states never change, and nothing goes back.
    """
    await settle(tx, business, sent, report.cost_minor, report.currency)
    if not rules.moves(sent.state, report.state):
        return False
    over = report.state in rules.FINAL or report.state == "unknown"
    sent_at = sent.sent_at or to_ms(now)
    poll = None if over else next_poll(from_ms(sent_at), sent.polls)
    values: dict[str, Any] = {
        "state": report.state, "reason": _reason(report), "provider_id": sent.provider_id or report.provider_id or None,
        "sent_at": sent_at, "final_at": to_ms(now) if over else None, "poll_at": poll and to_ms(poll)}
    moved = await delivery_store.move(tx, sent, values, wipe=("text_sealed", "phone_sealed") if over else ("text_sealed",))
    if moved:
        log.info("message %s: %s %s", sent.id, report.state, report.code)
    return moved


def _reason(report: Report | Early) -> str | None:
    return None if report.state in ("accepted", "delivered") else report.code or report.state


async def settle(tx: Transaction, business: Business, sent: Sent, cost_minor: int | None, currency: str) -> None:
    """What was reserved becomes what it cost, where that is told in the business's own currency: caps are counted in that."""
    if cost_minor is None or currency != business.currency or cost_minor == sent.reserved_minor:
        return
    if await delivery_store.set_cost(tx, sent, cost_minor):
        for scope, period in purses_of(business, from_ms(sent.created_at)):
            await store.settle(tx, scope, period, cost_minor - sent.reserved_minor)


async def apply_early(tx: Transaction, business: Business, gateway: str, provider_id: str | None, message_id: int, now: datetime) -> None:
    """The reports that were faster than the answer to the send, now that the message is known by its id."""
    waiting: Sequence[Early] = await delivery_store.take_early(tx, business.id, gateway, provider_id, message_id)
    for report in waiting:
        # Read anew each time: the one before may have moved it.
        sent = await delivery_store.sent_by_id(tx, business.id, message_id)
        if sent is not None:
            await apply(tx, business, sent, report, now)
