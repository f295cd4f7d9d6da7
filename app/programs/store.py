"""The tables of businesses, locations, programmes and the versions of their rules."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from app.db import Database, Transaction
from app.programs import rules
from app.programs.rules import ProgramRules

Reader = Database | Transaction
Texts = Mapping[str, Mapping[str, str]]


def said(texts: Texts, language: str, field: str, fallback: str) -> str:
    """What `texts` ({"ru": {"name": …}}) hold for a field in a language, else `fallback`."""
    return texts.get(language, {}).get(field) or fallback


@dataclass(frozen=True, slots=True)
class Business:
    """A tenant. settings: its own limits and choices; texts: names in further languages; sandbox_of: the business that it is a copy of,
    to try things in: nothing that is sent leaves for it, and no list or report of the server counts it."""

    id: int
    slug: str
    name: str
    texts: Texts
    country: str
    currency: str
    time_zone: str
    language: str
    settings: Mapping[str, Any]
    sandbox_of: int | None = None

    @property
    def is_sandbox(self) -> bool:
        return self.sandbox_of is not None

    def name_in(self, language: str) -> str:
        return said(self.texts, language, "name", self.name)


@dataclass(frozen=True, slots=True)
class Location:
    """A shop of a business. time_zone: its own, else the business's; latitude and longitude: degrees, both None for a shop that is on
    no map; closed_at: epoch ms."""

    id: int
    business_id: int
    name: str
    texts: Texts
    address: str
    time_zone: str
    latitude: float | None
    longitude: float | None
    closed_at: int | None

    def name_in(self, language: str) -> str:
        return said(self.texts, language, "name", self.name)

    @property
    def near(self) -> tuple[tuple[str, str], ...]:
        """What lock screens say near it, as (language, text); empty where the business says the same near all its shops."""
        return tuple([(language, texts["near"]) for language, texts in sorted(self.texts.items()) if texts.get("near")])


@dataclass(frozen=True, slots=True)
class Program:
    """A programme with the rules in force now. rules_since: epoch ms from which they hold; rules_until: when announced ones follow.

    Where it is closing: earns_until_at, epoch ms from which on it earns nothing; spends_until_at, from which on it is over.

    rotation_seconds: how long a code on Google's card and the web card stays the same, 0 for codes that stand still; static_redeems:
    whether, with rotation, a still code (Apple's, paper) may redeem without being confirmed by the card's owner."""

    id: int
    business_id: int
    slug: str
    kind: str
    name: str
    texts: Texts
    number_prefix: str
    rules_version: int
    rules: ProgramRules
    rules_since: int
    design_version: int
    closed_at: int | None
    business_name: str
    business_texts: Texts
    currency: str
    time_zone: str
    country: str
    language: str
    earns_until_at: int | None = None
    spends_until_at: int | None = None
    rules_until: int | None = None
    rotation_seconds: int = 0
    static_redeems: bool = False

    def name_in(self, language: str) -> str:
        return said(self.texts, language, "name", self.name)

    def business_name_in(self, language: str) -> str:
        return said(self.business_texts, language, "name", self.business_name)


_BUSINESS = "SELECT id, slug, name, texts, country, currency, time_zone, language, settings, sandbox_of FROM businesses"
_LOCATION = """
SELECT l.id, l.business_id, l.name, l.texts, l.address, COALESCE(l.time_zone, b.time_zone) AS time_zone,
       l.latitude, l.longitude, l.closed_at
FROM locations l JOIN businesses b ON b.id = l.business_id"""
# For whoever reads a programme together with something of theirs: in a text with programs p and PROGRAM_JOINS; `program_of` takes the row.
PROGRAM_COLUMNS = """p.id, p.business_id, p.slug, p.kind, p.name, p.texts, p.number_prefix, p.rules_version, r.rules,
       COALESCE(r.starts_at, r.created_at) AS rules_since,
       p.design_version, p.closed_at, b.name AS business_name, b.texts AS business_texts, b.currency, b.time_zone, b.country, b.language,
       p.earns_until_at, p.spends_until_at, (
         SELECT MIN(n.starts_at) FROM rules_versions n
         WHERE n.program_id = p.id AND n.starts_at > COALESCE(r.starts_at, r.created_at)) AS rules_until,
       p.rotation_seconds, p.static_redeems"""
PROGRAM_WIDTH = 23
PROGRAM_JOINS = "JOIN businesses b ON b.id = p.business_id JOIN rules_versions r ON r.program_id = p.id AND r.version = p.rules_version"
_PROGRAM = f"SELECT {PROGRAM_COLUMNS} FROM programs p {PROGRAM_JOINS}"


# The same few texts and programmes are read with every sale; kept by content, so that nothing has to be forgotten when a row changes.
@lru_cache(256)
def _parsed(text: str) -> Any:
    return msgspec.json.decode(text)


@lru_cache(256)
def _parsed_rules(text: str) -> ProgramRules:
    return rules.parse(text)


def _business(row: Any) -> Business:
    return Business(**{**dict(row), "texts": _parsed(row["texts"]), "settings": _parsed(row["settings"])})


def _location(row: Any) -> Location:
    return Location(**{**dict(row), "texts": _parsed(row["texts"])})


@lru_cache(256)
def _made(row: tuple[Any, ...]) -> Program:
    return Program(row[0], row[1], row[2], row[3], row[4], _parsed(row[5]), row[6], row[7], _parsed_rules(row[8]), row[9], row[10],
                   row[11], row[12], _parsed(row[13]), row[14], row[15], row[16], row[17], row[18], row[19], row[20], row[21],
                   bool(row[22]))


def program_of(columns: Sequence[Any]) -> Program:
    """The programme of PROGRAM_COLUMNS: the same object for the same content."""
    return _made(tuple(columns))


async def find_business(reader: Reader, business_id: int) -> Business | None:
    row = await reader.fetch_one(f"{_BUSINESS} WHERE id = :id", {"id": business_id})
    return _business(row) if row else None


async def find_business_by_slug(reader: Reader, slug: str) -> Business | None:
    row = await reader.fetch_one(f"{_BUSINESS} WHERE slug = :slug", {"slug": slug})
    return _business(row) if row else None


async def list_businesses(reader: Reader) -> list[Business]:
    return [_business(row) for row in await reader.fetch_all(f"{_BUSINESS} WHERE sandbox_of IS NULL ORDER BY id")]


async def find_location(reader: Reader, business_id: int, location_id: int) -> Location | None:
    row = await reader.fetch_one(f"{_LOCATION} WHERE l.id = :id AND l.business_id = :business_id",
                                 {"id": location_id, "business_id": business_id})
    return _location(row) if row else None


async def list_locations(reader: Reader, business_id: int, after: int, limit: int) -> list[Location]:
    rows = await reader.fetch_all(f"{_LOCATION} WHERE l.business_id = :business_id AND l.id > :after ORDER BY l.id LIMIT :limit",
                                  {"business_id": business_id, "after": after, "limit": limit})
    return [_location(row) for row in rows]


async def find_program(reader: Reader, business_id: int, program_id: int) -> Program | None:
    row = await reader.fetch_one(f"{_PROGRAM} WHERE p.id = :id AND p.business_id = :business_id",
                                 {"id": program_id, "business_id": business_id})
    return program_of(row) if row else None


async def list_programs(reader: Reader, business_id: int, after: int, limit: int) -> list[Program]:
    rows = await reader.fetch_all(f"{_PROGRAM} WHERE p.business_id = :business_id AND p.id > :after ORDER BY p.id LIMIT :limit",
                                  {"business_id": business_id, "after": after, "limit": limit})
    return [program_of(row) for row in rows]


async def find_program_by_slugs(reader: Reader, business_slug: str, program_slug: str | None) -> Program | None:
    """The programme, or the business's first open one where no programme is named."""
    row = await reader.fetch_one(
        f"{_PROGRAM} WHERE b.slug = :business AND b.closed_at IS NULL AND p.closed_at IS NULL"
        " AND (CAST(:program AS TEXT) IS NULL OR p.slug = CAST(:program AS TEXT)) ORDER BY p.id LIMIT 1",
        {"business": business_slug, "program": program_slug})
    return program_of(row) if row else None


async def rules_in_force(reader: Reader, program_id: int, at: int) -> tuple[int, ProgramRules]:
    """The version in force at `at` (epoch ms); before the first one, the first."""
    row = await reader.fetch_one(
        "SELECT version, rules FROM rules_versions WHERE program_id = :program_id"
        " ORDER BY CASE WHEN COALESCE(starts_at, created_at) <= :at THEN 0 ELSE 1 END,"
        " CASE WHEN COALESCE(starts_at, created_at) <= :at THEN -COALESCE(starts_at, created_at) ELSE COALESCE(starts_at, created_at) END,"
        " CASE WHEN COALESCE(starts_at, created_at) <= :at THEN -version ELSE version END LIMIT 1",
        {"program_id": program_id, "at": at})
    return row["version"], _parsed_rules(row["rules"])


async def rules_of_version(reader: Reader, program_id: int, version: int) -> ProgramRules | None:
    text = await reader.fetch_val("SELECT rules FROM rules_versions WHERE program_id = :program_id AND version = :version",
                                  {"program_id": program_id, "version": version})
    return _parsed_rules(text) if text is not None else None


async def list_rules_versions(reader: Reader, business_id: int, program_id: int) -> list[dict[str, Any]]:
    """Newest first: version, rules, created_at (epoch ms), created_by, starts_at (epoch ms, None: from created_at on)."""
    rows = await reader.fetch_all(
        "SELECT version, rules, created_at, created_by, starts_at FROM rules_versions"
        " WHERE program_id = :program_id AND business_id = :business_id ORDER BY version DESC",
        {"program_id": program_id, "business_id": business_id})
    return [{**dict(row), "rules": _parsed_rules(row["rules"])} for row in rows]


async def insert_business(tx: Transaction, values: Mapping[str, Any]) -> int | None:
    """The new row's id, or None where the slug is taken."""
    row = await tx.fetch_one(
        "INSERT INTO businesses(slug, name, texts, country, currency, time_zone, language, created_at)"
        " VALUES (:slug, :name, :texts, :country, :currency, :time_zone, :language, :created_at)"
        " ON CONFLICT DO NOTHING RETURNING id", {**values, "texts": _dumped(values["texts"])})
    return row["id"] if row else None


async def update_business(tx: Transaction, business_id: int, values: Mapping[str, Any]) -> None:
    await tx.execute("UPDATE businesses SET name = :name, texts = :texts, time_zone = :time_zone, language = :language WHERE id = :id",
                     {**values, "texts": _dumped(values["texts"]), "id": business_id})


async def insert_location(tx: Transaction, values: Mapping[str, Any]) -> int:
    row = await tx.fetch_one(
        "INSERT INTO locations(business_id, name, texts, address, time_zone, latitude, longitude, created_at)"
        " VALUES (:business_id, :name, :texts, :address, :time_zone, :latitude, :longitude, :created_at) RETURNING id",
        {**values, "texts": _dumped(values["texts"])})
    return row["id"]


async def update_location(tx: Transaction, business_id: int, location_id: int, values: Mapping[str, Any]) -> None:
    await tx.execute(
        "UPDATE locations SET name = :name, texts = :texts, address = :address, time_zone = :time_zone, latitude = :latitude,"
        " longitude = :longitude, closed_at = :closed_at"
        " WHERE id = :id AND business_id = :business_id",
        {**values, "texts": _dumped(values["texts"]), "id": location_id, "business_id": business_id})


async def insert_program(tx: Transaction, values: Mapping[str, Any]) -> int | None:
    """The new row's id, or None where the business has the slug already. Its rules_version is 1."""
    row = await tx.fetch_one(
        "INSERT INTO programs(business_id, slug, kind, name, texts, number_prefix, rules_version, design_version, created_at)"
        " VALUES (:business_id, :slug, :kind, :name, :texts, :number_prefix, 1, :design_version, :created_at)"
        " ON CONFLICT DO NOTHING RETURNING id", {**values, "texts": _dumped(values["texts"])})
    return row["id"] if row else None


async def delete_announced(tx: Transaction, business_id: int, program_id: int, version: int, now: int) -> bool:
    """Whether there was such a version, still to come: nothing was judged by it yet."""
    return await tx.fetch_one(
        "DELETE FROM rules_versions WHERE program_id = :program_id AND business_id = :business_id AND version = :version"
        " AND starts_at > :now RETURNING id",
        {"program_id": program_id, "business_id": business_id, "version": version, "now": now}) is not None


async def unit_in_use(tx: Transaction, business_id: int, program_id: int) -> str | None:
    """What the programme counts, where somebody has an account in it; None where nobody has."""
    text = await tx.fetch_val(
        "SELECT r.rules FROM programs p JOIN rules_versions r ON r.program_id = p.id AND r.version = p.rules_version"
        " WHERE p.id = :id AND p.business_id = :business_id AND ("
        # Nobody's accounts are those of bearers' cards, which are active from the start.
        " EXISTS (SELECT 1 FROM accounts a WHERE a.program_id = p.id AND a.customer_id IS NOT NULL)"
        " OR EXISTS (SELECT 1 FROM cards c WHERE c.program_id = p.id AND c.activated_at IS NOT NULL))",
        {"id": program_id, "business_id": business_id})
    return _parsed_rules(text).unit if text is not None else None


async def next_rules_version(tx: Transaction, business_id: int, program_id: int) -> int | None:
    """The number of the next version, which nobody else gets before `tx` ends; None where the business has no such programme."""
    held = await tx.fetch_one(
        "UPDATE programs SET rules_version = rules_version WHERE id = :id AND business_id = :business_id RETURNING id",
        {"id": program_id, "business_id": business_id})
    if held is None:
        return None
    return 1 + await tx.fetch_val("SELECT MAX(version) FROM rules_versions WHERE program_id = :id", {"id": program_id})


async def set_rules_version(tx: Transaction, business_id: int, program_id: int, version: int) -> None:
    """From here on this version is the one that is read with the programme."""
    await tx.execute("UPDATE programs SET rules_version = :version WHERE id = :id AND business_id = :business_id",
                     {"version": version, "id": program_id, "business_id": business_id})


async def programs_to_move(reader: Reader, now: int) -> list[tuple[int, int]]:
    """(business, programme) whose announced rules began by `now` while older ones are still read."""
    rows = await reader.fetch_all(
        "SELECT DISTINCT p.business_id, p.id FROM rules_versions n JOIN programs p ON p.id = n.program_id"
        " JOIN rules_versions r ON r.program_id = p.id AND r.version = p.rules_version"
        " WHERE n.starts_at <= :now AND n.starts_at > COALESCE(r.starts_at, r.created_at) ORDER BY p.id", {"now": now})
    return [(row[0], row[1]) for row in rows]


async def insert_rules(tx: Transaction, values: Mapping[str, Any]) -> None:
    await tx.execute(
        "INSERT INTO rules_versions(business_id, program_id, version, rules, created_at, created_by, starts_at)"
        " VALUES (:business_id, :program_id, :version, :rules, :created_at, :created_by, CAST(:starts_at AS BIGINT))", values)


async def set_rotation(tx: Transaction, business_id: int, program_id: int, seconds: int, static_redeems: bool) -> None:
    await tx.execute("UPDATE programs SET rotation_seconds = :seconds, static_redeems = :static "
                     "WHERE id = :id AND business_id = :business_id",
                     {"id": program_id, "business_id": business_id, "seconds": seconds, "static": int(static_redeems)})


async def rename_program(tx: Transaction, business_id: int, program_id: int, name: str, texts: Texts) -> None:
    await tx.execute("UPDATE programs SET name = :name, texts = :texts WHERE id = :id AND business_id = :business_id",
                     {"name": name, "texts": _dumped(texts), "id": program_id, "business_id": business_id})


def _dumped(texts: Texts) -> str:
    return msgspec.json.encode(texts).decode()
