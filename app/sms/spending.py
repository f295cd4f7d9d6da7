"""What messages may cost: reserved before anything is sent, in the transaction that queues it, so that no cap is ever passed."""
from dataclasses import dataclass
from datetime import datetime

from app.audit import service as audit
from app.db import Database, Transaction
from app.programs.store import Business
from app.settings import Settings
from app.sms import store, texts, watch_store
from app.sms.purses import purses_of
from app.sms.refusals import CapReached
from app.web.principal import system

ALERT_SHARE_BP = 8000


@dataclass(frozen=True, slots=True)
class Purse:
    """What a business's messages of a day (`YYYY-MM-DD`) or a month (`YYYY-MM`) have cost, and may cost; minor units."""

    period: str
    spent_minor: int
    cap_minor: int

    @property
    def is_nearly_spent(self) -> bool:
        return self.spent_minor > 0 and self.spent_minor * 10_000 >= self.cap_minor * ALERT_SHARE_BP

    @property
    def is_spent(self) -> bool:
        return self.spent_minor > 0 and self.spent_minor >= self.cap_minor


async def purses(reader: Database | Transaction, settings: Settings, business: Business, now: datetime) -> tuple[Purse, Purse]:
    """The business's day and month."""
    _, *caps = texts.caps_of(settings, await texts.choices_of(reader, business.id))
    day, month = [Purse(period, await watch_store.spent(reader, scope, period), cap)
                  for (scope, period), cap in zip(purses_of(business, now), caps, strict=False)]
    return day, month


async def reserve(tx: Transaction, settings: Settings, business: Business, cost_minor: int,
                  now: datetime) -> list[tuple[str, str, int, int]]:
    """Reserves the message's cost in the day and the month of the business and of the server, before anything is sent.

    Returns (scope, period, spent, cap) of each purse that this message took over 80 %. Raises CapReached, by which the caller must end
    or go back to before it.
    """
    if not cost_minor:
        return []
    message_cap, day_cap, month_cap = texts.caps_of(settings, await texts.choices_of(tx, business.id))
    if cost_minor > message_cap:
        raise CapReached("message", "", message_cap)
    caps, crossed = (day_cap, month_cap, settings.sms_server_day_cap_minor, settings.sms_server_month_cap_minor), []
    for (scope, period), cap in zip(purses_of(business, now), caps, strict=True):
        spent = await store.reserve(tx, scope, period, cost_minor, cap)
        if spent is None:
            raise CapReached(scope, period, cap)
        if (spent - cost_minor) * 10_000 < cap * ALERT_SHARE_BP <= spent * 10_000:
            crossed.append((scope, period, spent, cap))
    return crossed


async def record_crossing(tx: Transaction, business: Business, period: str, spent: int, cap: int, now: datetime) -> None:
    """In the audit log, for the owner."""
    details = {"scope": f"business:{business.id}", "period": period, "spent_minor": spent, "cap_minor": cap}
    await audit.record(tx, system(business.id), "sms.spend_alert", details=details, now=now)
