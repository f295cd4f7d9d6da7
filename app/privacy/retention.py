"""Runs the retention table: what is over is deleted, emptied or erased, in small transactions; a dry run says what a run would do."""
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from app.audit import service as audit
from app.card_pages import service as card_pages
from app.clock import to_ms
from app.context import Context
from app.db import Database, Transaction, write_transaction
from app.enrolment import service as enrolment
from app.errors import FieldError, Invalid, NotFound
from app.idempotency import service as idempotency
from app.imports import service as imports
from app.limits import service as limits
from app.mail import service as mail
from app.privacy import erasing, policy
from app.privacy import retention_store as store
from app.privacy.policy import Row
from app.registrations import service as registrations
from app.staff import service as staff
from app.text import N_
from app.updates import service as updates
from app.web.principal import Principal, system

log = logging.getLogger("tessera.privacy")
AT_ONCE = 500
PEOPLE_AT_ONCE = 200            # erasures a run and business: the next day goes on
OUT_OF_RANGE = N_("Choose a number of days between the two that stand beside it.")

_ROOMS: Mapping[str, Callable[[Context], Awaitable[Any]]] = {
    "enrolment": lambda here: enrolment.expire_due(here.db, here.ring, here.clock.now()),
    "mail": mail.forget_old,
    "imports": lambda here: imports.forget_old(here.db, here.clock.now()),
    "card_pages": lambda here: card_pages.forget_old(here.db, here.clock.now()),
    "registrations": lambda here: registrations.prune_logs(here.db, here.clock.now()),
    "staff": lambda here: staff.forget_old_sessions(here.db, here.clock.now()),
    "limits": lambda here: limits.prune(here.db, here.clock.now()),
    "idempotency": lambda here: idempotency.forget_old(here.db, here.clock.now()),
    "updates": lambda here: updates.forget_old(here.db, here.clock.now()),
}


class Due(NamedTuple):
    """A row of the table, and how many things are over."""

    row: Row
    things: int


class _Share(NamedTuple):
    """Whose things a length holds for: one business's, or everybody's but those of `without`."""

    days: int
    only: int | None
    without: tuple[int, ...]


async def plan(here: Context) -> list[Due]:
    """What a run would do now; changes nothing."""
    async with here.db.transaction(readonly=True):
        shares = await _shares(here.db)
        return [Due(row, await _count(here, row, shares[row.key])) for row in policy.TABLE]


async def run(here: Context) -> list[Due]:
    """Does it, row by row; safe to repeat, and what a crash leaves is done the next day. Returns what was over and is gone."""
    shares = await _shares(here.db)
    return [Due(row, await (_by_room if row.room else _by_itself)(here, row, shares[row.key])) for row in policy.TABLE]


async def _shares(db: Database) -> dict[str, list[_Share]]:
    """key → the lengths that hold, each with whose things it is for."""
    chosen = await store.chosen(db)
    found = {}
    for row in policy.TABLE:
        own = {business_id: days for (business_id, key), days in chosen.items() if key == row.key and row.is_open}
        general = [] if row.days is None else [_Share(row.days, None, tuple(sorted(own)))]
        found[row.key] = general + [_Share(days, business_id, ()) for business_id, days in sorted(own.items())]
    return found


def _before(share: _Share, now: datetime) -> int:
    return to_ms(now - timedelta(days=share.days))


async def _count(here: Context, row: Row, shares: list[_Share]) -> int:
    now = here.clock.now()
    return sum([await store.count(here.db, row, _before(share, now), to_ms(now), share.only, share.without) for share in shares])


async def _by_room(here: Context, row: Row, shares: list[_Share]) -> int:
    """The room's own function; counted before and after, because it may leave what a reader still needs."""
    async with here.db.transaction(readonly=True):
        before = await _count(here, row, shares)
    await _ROOMS[row.room](here)
    async with here.db.transaction(readonly=True):
        return before - await _count(here, row, shares)


async def _by_itself(here: Context, row: Row, shares: list[_Share]) -> int:
    now = here.clock.now()
    total = 0
    for share in shares:
        if row.does == policy.FORGET:
            total += await _erase(here, row, share, now)
            continue
        while taken := await write_transaction(here.db, partial(_take, row, share, now)):
            total += taken
    return total


async def _take(row: Row, share: _Share, now: datetime, tx: Transaction) -> int:
    return await store.take(tx, row, _before(share, now), to_ms(now), share.only, share.without, AT_ONCE)


async def _erase(here: Context, row: Row, share: _Share, now: datetime) -> int:
    async with here.db.transaction(readonly=True):
        people = await store.people(here.db, row, _before(share, now), to_ms(now), share.only, share.without, PEOPLE_AT_ONCE)
    for business_id, customer_id in people:
        await erasing.erase(here.db, here.ring, system(business_id), customer_id, now)
    if people:
        log.info("%d people were erased by the retention table (%s)", len(people), row.key)
    return len(people)


async def of_business(db: Database, business_id: int) -> dict[str, int]:
    """key → days that the business chose."""
    return {key: days for (whose, key), days in (await store.chosen(db)).items() if whose == business_id}


async def choose(tx: Transaction, who: Principal, key: str, days: int | None, now: datetime) -> None:
    """A business's own length for a row; None: the general one. Raises NotFound, Invalid (field: the key)."""
    row = policy.BY_KEY.get(key)
    if row is None or row.least is None or row.most is None:
        raise NotFound()
    if days is None:
        await store.choose_none(tx, who.business_id, key)
    elif row.least <= days <= row.most:
        await store.choose(tx, who.business_id, key, days, to_ms(now))
    else:
        raise Invalid(fields=[FieldError(key, "out_of_range", OUT_OF_RANGE)])
    await audit.record(tx, who, "retention.chosen", details={"key": key, "days": days}, now=now)
