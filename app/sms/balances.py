"""What gateways have left and whether they work: asked every hour, told to whoever can top up or mend, shown in the console."""
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from app.audit import service as audit
from app.clock import from_ms, local_day, to_ms
from app.context import Context
from app.db import Database, Transaction, write_transaction
from app.sms import alerts, callbacks
from app.sms import gateways_store as store
from app.sms.gateways import Balance, Followed, Reporting, gateways_of
from app.sms.gateways_store import GatewayRow
from app.web.principal import system

log = logging.getLogger("tessera.sms")
EVERY = timedelta(hours=1)
# Less than what went in so many days, and it is time to top up.
RUNWAY = timedelta(days=3)
KEPT = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class GatewayState:
    """A gateway as people are told of it.

    resting_until: it is not asked before (None: at work); why: its own word for the last failure, None where the last try was taken;
    failures: tries since one was taken; balance_minor: in minor units of `currency`, None where it never told; is_low: less than was
    spent in the last three days.
    """

    name: str
    resting_until: datetime | None
    why: str | None
    failed_at: datetime | None
    failures: int
    balance_minor: int | None
    currency: str
    asked_at: datetime | None
    is_low: bool


async def state_of_gateways(reader: Database | Transaction, now: datetime) -> list[GatewayState]:
    """Every gateway of the server, by name. Nothing here is a secret of one business."""
    return [_state(row, now) for row in await store.gateways(reader)]


def _state(row: GatewayRow, now: datetime) -> GatewayState:
    def moment(ms: int | None) -> datetime | None:
        return None if ms is None else from_ms(ms)

    resting = moment(row.resting_until)
    return GatewayState(row.name, resting if resting and resting > now else None, row.why, moment(row.failed_at), row.failures,
                        row.balance_minor, row.currency, moment(row.asked_at), row.low_since is not None)


async def ask_due(here: Context) -> None:
    """Asks the gateways whose hour is over, or that had no money at the last try; gives new businesses an address for reports."""
    gateways, now = gateways_of(here), here.clock.now()
    if any(isinstance(gateways.by_name(name), Reporting) for name in gateways.names):
        await callbacks.make_missing(here.db, here.ring, now)
    await write_transaction(here.db, lambda tx: store.know(tx, gateways.names))
    for name in gateways.names:
        gateway = gateways.by_name(name)
        if not isinstance(gateway, Followed) or not await _is_due(here.db, name, now):
            continue
        balance = await gateway.balance()
        if balance is None:
            log.warning("gateway %s does not tell its balance", name)
        else:
            await _keep(here, name, balance, now)


async def _is_due(db: Database, name: str, now: datetime) -> bool:
    return await write_transaction(db, lambda tx: store.claim_balance(tx, name, to_ms(now), to_ms(now - EVERY)))


async def _keep(here: Context, name: str, balance: Balance, now: datetime) -> None:
    async def act(tx: Transaction) -> bool:
        await store.keep_balance(tx, name, balance.amount_minor, balance.currency, to_ms(now), to_ms(now - KEPT))
        used = used_in(await store.balances(tx, name, to_ms(now - RUNWAY)))
        is_low = balance.amount_minor < used or balance.amount_minor <= 0
        is_news = await store.set_low(tx, name, to_ms(now) if is_low else None)
        if is_low and is_news:
            details = {"gateway": name, "balance_minor": balance.amount_minor, "currency": balance.currency}
            await alerts.warn(tx, None, "balance_low", f"{name}:{local_day(now, 'UTC')}", details, now)
            for business_id in await store.users_of(tx, name, to_ms(now - RUNWAY)):
                await audit.record(tx, system(business_id), "sms.balance_low", details=details, now=now)
        return is_low and is_news

    if await write_transaction(here.db, act):
        log.error("gateway %s has %s %s (minor units) left: less than three days of use", name, balance.amount_minor, balance.currency)


def used_in(balances: Sequence[int]) -> int:
    """What was spent between these readings, oldest first; what was paid in is no use."""
    return sum(max(0, before - after) for before, after in pairwise(balances))
