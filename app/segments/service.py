"""Groups of customers with terms of their own: saved filters over what their accounts did, and tags that staff give."""
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

import msgspec

from app.audit import service as audit
from app.clock import from_ms, local_day, to_ms
from app.db import Database, Transaction, write_transaction
from app.errors import FieldError, Forbidden, Invalid, NotFound, Refused
from app.programs import service as programs
from app.segments import rules, store
from app.segments.rules import Filter
from app.segments.store import Member, Moment, Reader
from app.text import N_
from app.web.principal import Principal

__all__ = ["Filter", "Member", "Segment", "add_tags", "close", "count", "create", "get", "keys_of", "list_segments", "members", "parse",
           "tag", "tags_of", "untag"]

NAME_MOST = 100
TAGS_MOST = 50
PAGE = 200


class SegmentTaken(Refused):
    code, detail = "segment_taken", N_("Another segment has this key. Choose another one.")


class Segment(NamedTuple):
    """A saved filter. key: how rules name it."""

    id: int
    key: str
    name: str
    filter: Filter
    created_at: datetime


@lru_cache(256)
def _kept(text: str) -> Filter:
    return msgspec.json.decode(text, type=Filter)


def parse(text: str | bytes) -> Filter:
    """A filter from its JSON; raises Invalid for other fields or types than Filter has."""
    try:
        return msgspec.json.decode(text, type=Filter)
    except msgspec.DecodeError as error:
        raise Invalid(fields=[FieldError("filter", "type", N_("This is not a filter of a segment."))]) from error


# The segments of a business.
async def list_segments(reader: Reader, business_id: int) -> list[Segment]:
    """The open ones, by name."""
    return [_segment(row) for row in await store.list_open(reader, business_id)]


async def get(reader: Reader, business_id: int, key: str) -> Segment:
    """Raises NotFound, also for a closed one."""
    rows = await store.find(reader, business_id, [key])
    if not rows:
        raise NotFound()
    return _segment(rows[0])


def _segment(row: store.Row) -> Segment:
    return Segment(row["id"], row["key"], row["name"], _kept(row["filter"]), from_ms(row["created_at"]))


async def create(db: Database, who: Principal, key: str, name: str, asked: Filter, now: datetime) -> Segment:
    """Raises Forbidden, Invalid (fields key, name and those of the filter), SegmentTaken."""
    _manager(who)
    wrong = rules.wrong(asked)
    if not rules.KEY.fullmatch(key):
        wrong.append(FieldError("key", "key", N_("Use up to 40 small Latin letters, digits and hyphens, such as regulars.")))
    if not 1 <= len(name.strip()) <= NAME_MOST or not name.isprintable():
        wrong.append(FieldError("name", "name", N_("Type a name of 1 to 100 characters.")))

    async def act(tx: Transaction) -> Segment:
        wrong_here = [*wrong, *await _foreign(tx, who.business_id, asked)]
        if wrong_here:
            raise Invalid(fields=wrong_here)
        segment_id = await store.insert(tx, {
            "business_id": who.business_id, "key": key, "name": name.strip(), "filter": msgspec.json.encode(asked).decode(),
            "created_at": to_ms(now)})
        if segment_id is None:
            raise SegmentTaken()
        await audit.record(tx, who, "segment.created", "segment", segment_id, {"key": key}, now=now)
        return Segment(segment_id, key, name.strip(), asked, now)

    return await write_transaction(db, act)


async def _foreign(reader: Reader, business_id: int, asked: Filter) -> list[FieldError]:
    """A location or programme of another business answers as one that does not exist."""
    wrong = []
    for field, value, get_one in (("location", asked.location, programs.get_location), ("program", asked.program, programs.get_program)):
        try:
            if value is not None:
                await get_one(reader, business_id, value)
        except NotFound:
            wrong.append(FieldError(field, "unknown", N_("There is no such thing here.")))
    return wrong


async def close(db: Database, who: Principal, key: str, now: datetime) -> None:
    """Nobody is in it from now on; its key stays taken, because rules may name it. Raises Forbidden, NotFound."""
    _manager(who)

    async def act(tx: Transaction) -> None:
        segment = await get(tx, who.business_id, key)
        await store.close(tx, who.business_id, key, to_ms(now))
        await audit.record(tx, who, "segment.closed", "segment", segment.id, {"key": key}, now=now)

    await write_transaction(db, act)


# Who is in them.
async def members(reader: Reader, business_id: int, asked: Filter, now: datetime, after: int = 0, limit: int = PAGE) -> list[Member]:
    """Accounts that answer the filter, in order of their ids, those above `after`.

    reader: `db.transaction(readonly=True)`; outside of one a look-up of many accounts is cut off, because it holds tills up.
    """
    return await store.members(reader, business_id, asked, await _moment(reader, business_id, asked, now), after, limit)


async def count(reader: Reader, business_id: int, asked: Filter, now: datetime) -> int:
    """reader: as for `members`."""
    return await store.count(reader, business_id, asked, await _moment(reader, business_id, asked, now))


async def keys_of(reader: Reader, business_id: int, account_id: int, keys: Sequence[str], now: datetime) -> frozenset[str]:
    """Which of the named segments the account is in now; a closed or unknown one holds nobody."""
    if not keys:
        return frozenset()
    found = [_segment(row) for row in await store.find(reader, business_id, keys)]
    asked = [(segment.key, segment.filter, await _moment(reader, business_id, segment.filter, now)) for segment in found]
    return await store.holding(reader, business_id, account_id, asked)


async def _moment(reader: Reader, business_id: int, asked: Filter, now: datetime) -> Moment:
    birthdays: Sequence[str] = ()
    if asked.birthday_within is not None:
        zone = (await programs.get_business(reader, business_id)).time_zone
        birthdays = rules.birthdays(local_day(now, zone), asked.birthday_within)
    beginners = []
    if asked.levels:
        for program in await programs.list_programs(reader, business_id):
            held = program.rules.levels
            if held and any(level.key in asked.levels and level.threshold == 0 for level in held.levels):
                beginners.append(program.id)
    return Moment(to_ms(now), birthdays, beginners)


# Tags.
async def tags_of(reader: Reader, business_id: int, customer_id: int) -> list[str]:
    """In order. Raises NotFound."""
    return _parsed(await store.find_tags(reader, business_id, customer_id))


async def tag(db: Database, who: Principal, customer_id: int, text: str, now: datetime) -> list[str]:
    """Give a customer a tag, a word of the business's own; returns all that they have, in order. Raises Invalid (field tag), NotFound."""
    cleaned = rules.clean_tag(text)
    if cleaned is None:
        raise Invalid(fields=[FieldError("tag", "tag", N_("A tag is a word or two of up to 40 letters and digits."))])
    return await _retag(db, who, customer_id, cleaned, True, now)


async def add_tags(tx: Transaction, business_id: int, customer_id: int, tags: Sequence[str]) -> None:
    """Give tags that are clean already; beyond TAGS_MOST they are left out. For lists of many: what they did is audited as a whole."""
    had = _parsed(await store.lock_tags(tx, business_id, customer_id))
    has = sorted(list(dict.fromkeys([*had, *tags]))[:TAGS_MOST])
    if has != had:
        await store.set_tags(tx, business_id, customer_id, msgspec.json.encode(has).decode())


async def untag(db: Database, who: Principal, customer_id: int, text: str, now: datetime) -> list[str]:
    """Take a tag away; one that is not there is no mistake. Raises NotFound."""
    return await _retag(db, who, customer_id, text.strip().casefold(), False, now)


async def _retag(db: Database, who: Principal, customer_id: int, one: str, wanted: bool, now: datetime) -> list[str]:
    async def act(tx: Transaction) -> list[str]:
        had = _parsed(await store.lock_tags(tx, who.business_id, customer_id))
        has = sorted({*had, one} if wanted else set(had) - {one})
        if len(has) > TAGS_MOST:
            raise Invalid(fields=[FieldError("tag", "too_many", N_("A customer has at most 50 tags."))])
        if has != had:
            await store.set_tags(tx, who.business_id, customer_id, msgspec.json.encode(has).decode())
            # The words may say something about a person, so the log keeps only that there was a change.
            await audit.record(tx, who, "customer.tagged" if wanted else "customer.untagged", "customer", customer_id, now=now)
        return has

    return await write_transaction(db, act)


def _parsed(text: str | None) -> list[str]:
    if text is None:
        raise NotFound()
    return msgspec.json.decode(text, type=list[str])


def _manager(who: Principal) -> None:
    if not who.markets:
        raise Forbidden()
