"""A business's sandbox: made with the first use, brought up to date, emptied.

It is a business of its own (programs.store.Business.sandbox_of), so that nothing of it can get among the real one's cards, sales and
reports. What would leave the server is judged where it is queued: sms.service, mail.service, push.store and google.queue.
"""
from datetime import datetime

from app import secrets
from app.audit import service as audit
from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.privacy import erasing
from app.programs import rules as program_rules
from app.programs import service as programs
from app.sandbox import rules, store
from app.sandbox.rules import SLUG_PREFIX
from app.secrets import KeyRing
from app.segments import service as segments
from app.staff import keys
from app.web.principal import Principal, system

__all__ = ["copies", "find", "forget_ended", "places", "refresh", "reset", "twin_of"]

SLUG_LETTERS = 10
PROGRAMS_MOST = 200
FORGOTTEN_AT_ONCE = 100


async def find(reader: Database | Transaction, business_id: int) -> int | None:
    """The business's sandbox; None where nobody has tried anything yet."""
    return await store.find(reader, business_id)


async def places(reader: Database | Transaction, business_id: int) -> dict[int, int]:
    """A location of the business → its copy in the sandbox; empty where there is none."""
    twin = await store.find(reader, business_id)
    return {} if twin is None else await store.copies(reader, twin, "locations")


async def twin_of(db: Database, ring: KeyRing, who: Principal, now: datetime) -> int:
    """The sandbox of who's business, made where there is none; its business id. In a sandbox: that sandbox itself."""
    if (found := await store.find(db, who.business_id)) is not None:
        return found
    if (await programs.get_business(db, who.business_id)).is_sandbox:
        return who.business_id
    slug = _slug()

    async def act(tx: Transaction) -> int:
        made = await _make(tx, who, slug, now)
        await audit.record(tx, who, "sandbox.made", "business", who.business_id, now=now)
        return made

    return await write_transaction(db, act)


async def copies(reader: Database | Transaction, twin: int) -> tuple[dict[int, int], dict[int, int]]:
    """Of locations and of programmes: the real row → its copy in the sandbox."""
    return await store.copies(reader, twin, "locations"), await store.copies(reader, twin, "programs")


async def refresh(db: Database, ring: KeyRing, who: Principal, now: datetime) -> int:
    """Programmes, rules, rewards, places and designs as they are now; cards and sales in it stay. Returns its business id."""
    twin = await twin_of(db, ring, who, now)

    async def act(tx: Transaction) -> None:
        await _copy(tx, who.business_id, twin, now)
        await audit.record(tx, who, "sandbox.refreshed", "business", who.business_id, now=now)

    if twin != who.business_id:
        await write_transaction(db, act)
    return twin


async def reset(db: Database, who: Principal, now: datetime) -> int:
    """A sandbox with nothing in it takes the old one's place; keys stay. Returns its business id.

    Entries are never deleted, in a sandbox either, so the old one ends as a whole, and `forget_ended` takes the people out of it.
    """
    slug = _slug()

    async def act(tx: Transaction) -> int:
        before = await store.find(tx, who.business_id)
        if before is not None:
            await store.end(tx, before, to_ms(now))
        made = await _make(tx, who, slug, now)
        if before is not None:
            await store.move_keys(tx, before, made)
            keys.forget_with(tx, db)
        await audit.record(tx, who, "sandbox.reset", "business", who.business_id, now=now)
        return made

    return await write_transaction(db, act)


async def forget_ended(db: Database, ring: KeyRing, now: datetime) -> int:
    """The job: people of sandboxes that ended are erased; returns how many."""
    total = 0
    while found := await store.ended_customers(db, FORGOTTEN_AT_ONCE):
        for business_id, customer_id in found:
            await erasing.erase(db, ring, system(business_id), customer_id, now)
            total += 1
    return total


def _slug() -> str:
    return SLUG_PREFIX + secrets.new_token(SLUG_LETTERS).lower()


async def _make(tx: Transaction, who: Principal, slug: str, now: datetime) -> int:
    made = await store.create(tx, who.business_id, slug, to_ms(now))
    if made is None:
        # Somebody else made it in this moment.
        found = await store.find(tx, who.business_id)
        assert found is not None
        return found
    await _copy(tx, who.business_id, made, now)
    return made


async def _copy(tx: Transaction, business_id: int, twin: int, now: datetime) -> None:
    await store.copy(tx, business_id, twin, to_ms(now))
    places, copies = await store.copies(tx, twin, "locations"), await store.copies(tx, twin, "programs")
    for program in await programs.list_programs(tx, business_id, limit=PROGRAMS_MOST):
        if program.id in copies:
            await _copy_rules(tx, twin, program, copies[program.id], places, now)
    for segment in await segments.list_segments(tx, business_id):
        await store.put_segment(tx, twin, {"key": segment.key, "name": segment.name, "now": to_ms(now),
                                           "filter": rules.filter_in(segment.filter, places, copies)})


async def _copy_rules(tx: Transaction, twin: int, program: programs.Program, copy_id: int, places: dict[int, int], now: datetime) -> None:
    """The rules in force, as a new version where the copy's last ones say something else."""
    wanted, last = rules.places_in(program.rules, places), await store.last_rules(tx, copy_id)
    if last is not None and rules.same(program_rules.parse(last["rules"]), wanted):
        return
    version = 1 if last is None else last["version"] + 1
    await store.put_rules(tx, twin, copy_id, version, program_rules.dump(wanted), "Tessera", to_ms(now))
