"""Businesses, their locations and programmes: made, read, and changed; a programme's rules only ever get a new version."""
import hashlib
import re
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.audit import service as audit
from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.errors import FieldError, Invalid, NotFound, Refused
from app.programs import rules, store
from app.programs.kinds import get_kind
from app.programs.rules import ProgramRules
from app.programs.store import Business, Location, Program, Reader, Texts
from app.text import N_
from app.updates import spreads
from app.web.principal import Principal

__all__ = [
    "Business",
    "Location",
    "Program",
    "ProgramRules",
    "begin_announced",
    "call_off_rules",
    "change_business",
    "change_location",
    "change_rules",
    "create_business",
    "create_location",
    "create_program",
    "find_business_by_slug",
    "find_program_by_slugs",
    "get_business",
    "get_location",
    "get_program",
    "list_businesses",
    "list_locations",
    "list_programs",
    "list_rules_versions",
    "location_zone",
    "rename_program",
    "rules_at",
    "rules_of_version",
]

MAX_NAME = 100
ANNOUNCED_MOST = timedelta(days=731)
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


class SlugTaken(Refused):
    """The word in the address belongs to something else."""

    code, detail = "slug_taken", N_("This word of the address is taken. Choose another one.")


# Reading.
async def get_business(reader: Reader, business_id: int) -> Business:
    business = await store.find_business(reader, business_id)
    if business is None:
        raise NotFound()
    return business


async def find_business_by_slug(reader: Reader, slug: str) -> Business | None:
    return await store.find_business_by_slug(reader, slug)


async def list_businesses(reader: Reader) -> list[Business]:
    """All businesses of this server but sandboxes: for commands and jobs, never for an answer to one of them."""
    return await store.list_businesses(reader)


async def get_program(reader: Reader, business_id: int, program_id: int) -> Program:
    """The programme with the rules in force now; NotFound also where it is another business's."""
    program = await store.find_program(reader, business_id, program_id)
    if program is None:
        raise NotFound()
    return program


async def list_programs(reader: Reader, business_id: int, *, after: int = 0, limit: int = 200) -> list[Program]:
    """In order of their ids, those above `after`."""
    return await store.list_programs(reader, business_id, after, limit)


async def find_program_by_slugs(reader: Reader, business_slug: str, program_slug: str | None = None) -> Program | None:
    """By the words of an enrolment page's address; without the second, the business's first programme."""
    return await store.find_program_by_slugs(reader, business_slug, program_slug)


async def get_location(reader: Reader, business_id: int, location_id: int) -> Location:
    location = await store.find_location(reader, business_id, location_id)
    if location is None:
        raise NotFound()
    return location


async def list_locations(reader: Reader, business_id: int, *, after: int = 0, limit: int = 200) -> list[Location]:
    """In order of their ids, those above `after`."""
    return await store.list_locations(reader, business_id, after, limit)


async def location_zone(reader: Reader, business_id: int, location_id: int | None) -> str:
    """The IANA time zone that a receipt's local day is read in: the location's, else the business's."""
    if location_id is None:
        return (await get_business(reader, business_id)).time_zone
    return (await get_location(reader, business_id, location_id)).time_zone


async def rules_at(reader: Reader, program: Program, at: datetime) -> tuple[int, ProgramRules]:
    """The version in force at `at`, and its rules; before the programme began, the first. An announced one holds from its moment on."""
    if to_ms(at) >= program.rules_since and (program.rules_until is None or to_ms(at) < program.rules_until):
        return program.rules_version, program.rules
    return await store.rules_in_force(reader, program.id, to_ms(at))


async def rules_of_version(reader: Reader, program: Program, version: int) -> ProgramRules:
    """The rules that judged an operation of `version`."""
    if version == program.rules_version:
        return program.rules
    found = await store.rules_of_version(reader, program.id, version)
    if found is None:
        raise NotFound()
    return found


async def list_rules_versions(reader: Reader, business_id: int, program_id: int) -> list[dict[str, Any]]:
    """Newest first: version, rules, created_at (epoch ms), created_by, starts_at (epoch ms, None: from created_at on)."""
    return await store.list_rules_versions(reader, business_id, program_id)


# Making.
async def create_business(tx: Transaction, *, slug: str, name: str, country: str, currency: str, time_zone: str, language: str,
                          now: datetime, texts: Texts | None = None) -> int:
    """A business and nothing in it; returns its id. Raises Invalid for wrong fields and SlugTaken."""
    wrong = [*_wrong_slug(slug), *_wrong_name(name), *_wrong_zone(time_zone)]
    if not re.fullmatch("[A-Z]{2}", country):
        wrong.append(FieldError("country", "country", N_("Name the country by its two letters, such as RU.")))
    if not re.fullmatch("[A-Z]{3}", currency):
        wrong.append(FieldError("currency", "currency", N_("Name the currency by its three letters, such as RUB.")))
    if wrong:
        raise Invalid(fields=wrong)
    business_id = await store.insert_business(tx, {
        "slug": slug, "name": name, "texts": texts or {}, "country": country, "currency": currency, "time_zone": time_zone,
        "language": language, "created_at": to_ms(now)})
    if business_id is None:
        raise SlugTaken()
    return business_id


async def create_location(tx: Transaction, business_id: int, *, name: str, now: datetime, texts: Texts | None = None, address: str = "",
                          time_zone: str | None = None, latitude: float | None = None, longitude: float | None = None) -> int:
    """A shop of a business; returns its id. time_zone: None for the business's; latitude and longitude: degrees, or both None."""
    if wrong := [*_wrong_name(name), *(_wrong_zone(time_zone) if time_zone else []), *_wrong_place(latitude, longitude)]:
        raise Invalid(fields=wrong)
    await spreads.begin_all(tx, business_id, now)
    return await store.insert_location(tx, {
        "business_id": business_id, "name": name, "texts": texts or {}, "address": address, "time_zone": time_zone,
        "latitude": latitude, "longitude": longitude, "created_at": to_ms(now)})


async def create_program(tx: Transaction, business_id: int, *, slug: str, name: str, rules: ProgramRules, now: datetime,
                         texts: Texts | None = None, number_prefix: str | None = None, created_by: str = "Tessera",
                         design_version: int = 1, kind: str = "points") -> int:
    """A programme with version 1 of its rules; returns its id. Its design is laid by the caller (`designs`).

    kind: a key of `kinds.KINDS`, as which the rules began.
    number_prefix: the three digits that its card numbers begin with, never 9 first; None: chosen.
    """
    _validate(rules)
    if wrong := [*_wrong_slug(slug), *_wrong_name(name)]:
        raise Invalid(fields=wrong)
    get_kind(kind)      # refuses a word that is none
    prefix = number_prefix or prefix_for(f"{business_id}/{slug}")
    assert re.fullmatch("[0-8][0-9]{2}", prefix)
    program_id = await store.insert_program(tx, {
        "business_id": business_id, "slug": slug, "kind": kind, "name": name, "texts": texts or {}, "number_prefix": prefix,
        "design_version": design_version, "created_at": to_ms(now)})
    if program_id is None:
        raise SlugTaken()
    await _append_rules(tx, business_id, program_id, 1, rules, created_by, now)
    return program_id


def prefix_for(seed: str) -> str:
    """Three digits from 100 to 899. Programmes may share one: the twelve digits after it are random, and the number is unique."""
    return str(100 + int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4], "big") % 800)


# Changing.
async def change_rules(db: Database, who: Principal, program_id: int, rules: ProgramRules, now: datetime, *,
                       starts_at: datetime | None = None) -> int:
    """A new version that holds from `now` on, or is announced for `starts_at`; returns its number.

    Operations before it keep the version that judged them, and what they gave its terms. Raises Invalid (starts_at too).
    """
    _validate(rules)
    if starts_at is not None and not now < starts_at <= now + ANNOUNCED_MOST:
        raise Invalid(fields=[FieldError("starts_at", "out_of_range", N_("Announce rules for a moment within the next two years."))])

    async def act(tx: Transaction) -> int:
        if await store.unit_in_use(tx, who.business_id, program_id) not in (None, rules.unit):
            raise Invalid(fields=[FieldError("unit", "in_use", N_("What a programme counts stays as it is once it has cards: "
                                                                  "balances would be lost. Open a new programme."))])
        version = await store.next_rules_version(tx, who.business_id, program_id)
        if version is None:
            raise NotFound()
        await _append_rules(tx, who.business_id, program_id, version, rules, who.name, now, starts_at)
        if starts_at is None:
            await store.set_rules_version(tx, who.business_id, program_id, version)
            await spreads.begin(tx, who.business_id, program_id, now)
        await audit.record(tx, who, "program.rules_changed", "program", program_id, {"version": version}, now=now)
        return version

    return await write_transaction(db, act)


async def call_off_rules(db: Database, who: Principal, program_id: int, version: int, now: datetime) -> None:
    """An announced version will not hold after all. Raises NotFound where it is none, or holds already."""
    async def act(tx: Transaction) -> None:
        if not await store.delete_announced(tx, who.business_id, program_id, version, to_ms(now)):
            raise NotFound()
        await audit.record(tx, who, "program.rules_called_off", "program", program_id, {"version": version}, now=now)

    await write_transaction(db, act)


async def begin_announced(db: Database, now: datetime) -> int:
    """Announced rules whose moment came are read with their programme from here on; returns how many programmes moved.

    `rules_at` gives them from their moment on, whether or not this ran.
    """
    async def act(tx: Transaction, business_id: int, program_id: int) -> None:
        version, _ = await store.rules_in_force(tx, program_id, to_ms(now))
        await store.set_rules_version(tx, business_id, program_id, version)
        await spreads.begin(tx, business_id, program_id, now)

    due = await store.programs_to_move(db, to_ms(now))
    for business_id, program_id in due:
        await write_transaction(db, partial(act, business_id=business_id, program_id=program_id))
    return len(due)


async def rename_program(db: Database, who: Principal, program_id: int, name: str, texts: Texts, now: datetime) -> None:
    if wrong := _wrong_name(name):
        raise Invalid(fields=wrong)

    async def act(tx: Transaction) -> None:
        await get_program(tx, who.business_id, program_id)
        await store.rename_program(tx, who.business_id, program_id, name, texts)
        await spreads.begin(tx, who.business_id, program_id, now)
        await audit.record(tx, who, "program.renamed", "program", program_id, now=now)

    await write_transaction(db, act)


async def change_business(db: Database, who: Principal, *, name: str, texts: Texts, time_zone: str, language: str, now: datetime) -> None:
    """What a business may change about itself; country and currency are for ever, because its ledger is written in them."""
    if wrong := [*_wrong_name(name), *_wrong_zone(time_zone)]:
        raise Invalid(fields=wrong)

    async def act(tx: Transaction) -> None:
        await store.update_business(tx, who.business_id, {"name": name, "texts": texts, "time_zone": time_zone, "language": language})
        await spreads.begin_all(tx, who.business_id, now)
        await audit.record(tx, who, "business.changed", "business", who.business_id, now=now)

    await write_transaction(db, act)


async def change_location(db: Database, who: Principal, location_id: int, *, name: str, texts: Texts, address: str,
                          time_zone: str | None, latitude: float | None, longitude: float | None, closed: bool, now: datetime) -> None:
    """As `create_location`. A closed location keeps its operations and takes no new staff or keys."""
    if wrong := [*_wrong_name(name), *(_wrong_zone(time_zone) if time_zone else []), *_wrong_place(latitude, longitude)]:
        raise Invalid(fields=wrong)

    async def act(tx: Transaction) -> None:
        before = await get_location(tx, who.business_id, location_id)
        closed_at = (before.closed_at or to_ms(now)) if closed else None
        await store.update_location(tx, who.business_id, location_id, {
            "name": name, "texts": texts, "address": address, "time_zone": time_zone, "latitude": latitude, "longitude": longitude,
            "closed_at": closed_at})
        await spreads.begin_all(tx, who.business_id, now)
        await audit.record(tx, who, "location.changed", "location", location_id, {"closed": closed}, now=now)

    await write_transaction(db, act)


async def _append_rules(tx: Transaction, business_id: int, program_id: int, version: int, what: ProgramRules, created_by: str,
                        now: datetime, starts_at: datetime | None = None) -> None:
    await store.insert_rules(tx, {"business_id": business_id, "program_id": program_id, "version": version,
                                  "rules": rules.dump(what), "created_at": to_ms(now), "created_by": created_by,
                                  "starts_at": to_ms(starts_at) if starts_at else None})


_validate = rules.validate


def _wrong_slug(slug: str) -> list[FieldError]:
    if _SLUG.fullmatch(slug):
        return []
    return [FieldError("slug", "slug", N_("Use up to 40 small Latin letters, digits and hyphens, such as coffee-corner."))]


def _wrong_name(name: str) -> list[FieldError]:
    if 1 <= len(name.strip()) <= MAX_NAME and name.isprintable():
        return []
    return [FieldError("name", "name", N_("Type a name of 1 to 100 characters."))]


def _wrong_place(latitude: float | None, longitude: float | None) -> list[FieldError]:
    if latitude is None and longitude is None:
        return []
    if latitude is not None and longitude is not None and abs(latitude) <= 90 and abs(longitude) <= 180:
        return []
    return [FieldError("place", "place", N_("Type the latitude and the longitude as maps show them, such as 55.7601, 37.6186."))]


def _wrong_zone(time_zone: str) -> list[FieldError]:
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return [FieldError("time_zone", "time_zone", N_("Name the time zone as in Europe/Moscow."))]
    return []

