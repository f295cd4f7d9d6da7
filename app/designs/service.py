"""A programme's design: the version that is shown, and a new one in its place. A version is never changed."""
import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from app.audit import service as audit
from app.clock import from_ms, to_ms
from app.db import Transaction
from app.designs import prepared, rules, store
from app.designs.prepared import PreparedDesign
from app.designs.rules import DesignContent, default_content
from app.designs.store import Reader
from app.errors import NotFound
from app.programs.rules import ProgramRules, explain
from app.programs.store import Program
from app.web.principal import Principal

__all__ = ["DesignContent", "DesignVersion", "content_of", "create", "find_ready", "list_versions", "publish", "ready"]

TEMPLATE = "points"
KEPT_READY = 64
_ready: OrderedDict[tuple[DesignContent, ProgramRules, str], PreparedDesign] = OrderedDict()
_parsed = lru_cache(256)(rules.parse)


@dataclass(frozen=True, slots=True)
class DesignVersion:
    """One version, as a list shows it."""

    version: int
    created_at: datetime
    created_by: str


async def content_of(reader: Reader, program: Program) -> DesignContent:
    """The design that the programme shows now; a programme without one of its own shows the template's."""
    text = await store.find(reader, program.business_id, program.id, program.design_version)
    return _parsed(text) if text is not None else first_content(program)


def first_content(program: Program) -> DesignContent:
    """What a programme begins with: the business's names in the template's colours."""
    return default_content(program.business_name_in("en"), program.business_name_in("ru"),
                           language="ru" if program.language == "ru" else "en")


async def create(tx: Transaction, business_id: int, program_id: int, content: DesignContent, created_by: str, now: datetime) -> None:
    """Version 1, with a new programme. Raises Invalid."""
    rules.validate(content)
    await store.insert(tx, _row(business_id, program_id, 1, content, created_by, now))


async def publish(tx: Transaction, who: Principal, program_id: int, content: DesignContent, now: datetime) -> int:
    """A new version that is shown from here on; returns its number. Raises Invalid and NotFound.

    Wallets learn of it by updates, which the caller appends (`passes.publish_design`).
    """
    rules.validate(content)
    version = await store.next_version(tx, who.business_id, program_id)
    if version is None:
        raise NotFound()
    await store.insert(tx, _row(who.business_id, program_id, version, content, who.name, now))
    await audit.record(tx, who, "design.published", "program", program_id, {"version": version}, now=now)
    return version


async def list_versions(reader: Reader, business_id: int, program_id: int, limit: int = 50) -> list[DesignVersion]:
    """Newest first."""
    rows = await store.list_versions(reader, business_id, program_id, limit)
    return [DesignVersion(row["version"], from_ms(row["created_at"]), row["created_by"]) for row in rows]


def find_ready(content: DesignContent, what: ProgramRules, currency: str) -> PreparedDesign | None:
    """The prepared design where it is at hand. Kept by content, so nothing has to be forgotten when a version follows."""
    return _ready.get((content, what, currency))


async def ready(content: DesignContent, what: ProgramRules, currency: str) -> PreparedDesign:
    """The prepared design; made in a thread the first time (new colours cost a third of a second)."""
    found = find_ready(content, what, currency)
    if found is None:
        sentences = {language: explain(what, currency, language) for language in rules.LANGUAGES}
        found = _ready[content, what, currency] = await asyncio.to_thread(prepared.prepare, content, sentences, TEMPLATE)
        while len(_ready) > KEPT_READY:
            _ready.popitem(last=False)
    return found


def _row(business_id: int, program_id: int, version: int, content: DesignContent, created_by: str, now: datetime) -> dict[str, object]:
    return {"business_id": business_id, "program_id": program_id, "version": version, "template": TEMPLATE, "content": rules.dump(content),
            "created_at": to_ms(now), "created_by": created_by}
