"""A programme's design: the version that is shown, and a new one in its place. A version is never changed."""
import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

from app.audit import service as audit
from app.clock import from_ms, to_ms
from app.db import Transaction
from app.designs import pictures, prepared, rules, shown, store
from app.designs.pictures import OwnPictures
from app.designs.prepared import PreparedDesign
from app.designs.rules import DesignContent, default_content
from app.designs.store import Reader
from app.errors import NotFound
from app.programs import service as programs
from app.programs.explain_parts import Called
from app.programs.kinds import template_of
from app.programs.rules import ProgramRules, explain
from app.programs.store import Program
from app.programs.terms import Said
from app.web.principal import Principal

__all__ = ["DesignContent", "DesignKey", "DesignVersion", "Drawing", "content_of", "create", "drawing_for", "drawing_of",
           "find_ready", "key_of", "list_versions", "publish", "ready"]

KEPT_READY = 64
_ready: OrderedDict["DesignKey", PreparedDesign] = OrderedDict()
_parsed = lru_cache(256)(rules.parse)


class DesignKey(NamedTuple):
    """All that a prepared design is made from. template: a folder of pass_templates; rewards: the catalogue's open ones
    and what they are called; places: row id → name of those that the rules name; addresses: of the shops that are open;
    pictures: the business's own, told apart by their digests."""

    content: DesignContent
    rules: ProgramRules
    currency: str
    template: str = "points"
    rewards: tuple[tuple[str, Said], ...] = ()
    places: tuple[tuple[int, Said], ...] = ()
    addresses: tuple[str, ...] = ()
    pictures: OwnPictures = pictures.NONE


class Drawing(NamedTuple):
    """A version as cards are drawn from it: the business's copy, the folder of pass_templates it is a copy for, and its own pictures."""

    content: DesignContent
    template: str
    pictures: OwnPictures = pictures.NONE


@dataclass(frozen=True, slots=True)
class DesignVersion:
    """One version, as a list shows it."""

    version: int
    created_at: datetime
    created_by: str


async def drawing_of(reader: Reader, program: Program) -> Drawing:
    """What the programme shows now; one without a design of its own shows that of its kind."""
    row = await store.find(reader, program.business_id, program.id, program.design_version)
    if row is None:
        return Drawing(first_content(program), template_of(program.kind))
    content = _parsed(row["content"])
    return Drawing(content, row["template"], await pictures.read(reader, program.business_id, content.pictures))


async def drawing_for(reader: Reader, program: Program, content: DesignContent) -> Drawing:
    """The same for a design that is still being chosen; `content` was validated."""
    own = await pictures.read(reader, program.business_id, content.pictures)
    return Drawing(content, (await drawing_of(reader, program)).template, own)


async def content_of(reader: Reader, program: Program) -> DesignContent:
    """The business's own part of it."""
    return (await drawing_of(reader, program)).content


def first_content(program: Program) -> DesignContent:
    """What a programme begins with: the business's names in the template's colours."""
    return default_content(program.business_name_in("en"), program.business_name_in("ru"),
                           language="ru" if program.language == "ru" else "en")


async def create(tx: Transaction, business_id: int, program_id: int, content: DesignContent, created_by: str, now: datetime) -> None:
    """Version 1, with a new programme, drawn as its kind is. Raises Invalid."""
    rules.validate(content)
    await pictures.check(tx, business_id, content.pictures)
    program = await programs.get_program(tx, business_id, program_id)
    await store.insert(tx, _row(business_id, program_id, 1, content, template_of(program.kind), created_by, now))


async def publish(tx: Transaction, who: Principal, program_id: int, content: DesignContent, now: datetime) -> int:
    """A new version that is shown from here on; returns its number. Raises Invalid (also for pictures that the business does
    not have) and NotFound. Wallets learn of it by updates, which the caller appends (`passes.publish_design`).
    """
    rules.validate(content)
    await pictures.check(tx, who.business_id, content.pictures)
    version = await store.next_version(tx, who.business_id, program_id)
    if version is None:
        raise NotFound()
    before = await store.find(tx, who.business_id, program_id, version - 1)
    template = before["template"] if before else template_of("points")
    await store.insert(tx, _row(who.business_id, program_id, version, content, template, who.name, now))
    await audit.record(tx, who, "design.published", "program", program_id, {"version": version}, now=now)
    return version


async def list_versions(reader: Reader, business_id: int, program_id: int, limit: int = 50) -> list[DesignVersion]:
    """Newest first."""
    rows = await store.list_versions(reader, business_id, program_id, limit)
    return [DesignVersion(row["version"], from_ms(row["created_at"]), row["created_by"]) for row in rows]


def key_of(program: Program, drawing: Drawing, rewards: Mapping[str, Said] | None = None, called: Called | None = None,
           addresses: Sequence[str] = ()) -> DesignKey:
    """What the programme's cards are drawn from now; rewards: key → name, for the sentences on the back; called: places for them;
    addresses: of the shops, for the back."""
    named = tuple(sorted((rewards or {}).items(), key=itemgetter(0)))
    places = tuple(sorted(called.places.items(), key=itemgetter(0))) if called else ()
    return DesignKey(drawing.content, program.rules, program.currency, drawing.template, named, places, tuple(addresses),
                     drawing.pictures)


def find_ready(key: DesignKey) -> PreparedDesign | None:
    """The prepared design where it is at hand. Kept by content, so nothing has to be forgotten when a version follows."""
    return _ready.get(key)


async def ready(key: DesignKey) -> PreparedDesign:
    """The prepared design; made in a thread the first time (new colours cost a third of a second)."""
    found = find_ready(key)
    if found is None:
        found = _ready[key] = await asyncio.to_thread(_prepare, key)
        while len(_ready) > KEPT_READY:
            _ready.popitem(last=False)
    return found


def _prepare(key: DesignKey) -> PreparedDesign:
    called = Called(dict(key.places))
    sentences = {language: explain(key.rules, key.currency, language, dict(key.rewards), called) for language in rules.LANGUAGES}
    values = shown.values_of(key.rules, has_rewards=bool(key.rewards))
    return prepared.prepare(key.content, sentences, key.template, values=values, terms=shown.terms_of(key.rules),
                            addresses=key.addresses, pictures=key.pictures)


def _row(business_id: int, program_id: int, version: int, content: DesignContent, template: str, created_by: str,
         now: datetime) -> dict[str, object]:
    return {"business_id": business_id, "program_id": program_id, "version": version, "template": template, "content": rules.dump(content),
            "created_at": to_ms(now), "created_by": created_by}
