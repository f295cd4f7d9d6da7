"""The audit log, as its business reads it: who did what to whom, in words."""
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.audit import service as audit
from app.cards import service as cards
from app.clock import from_ms
from app.console import frame, words
from app.errors import NotFound
from app.programs import service as programs
from app.sales import service as sales
from app.staff import service as staff
from app.text import N_
from app.web import formats, routing
from app.web.requests import context, language, principal

AUDIT = "/console/audit"
AUDIT_ROWS = 50


@dataclass(frozen=True, slots=True)
class Subject:
    """What an act was about, as a reader knows it: its name, and its page or ""."""

    name: str = ""
    url: str = ""


async def audit_page(request: Request) -> Response:
    """GET /console/audit: who did what, newest first; ?before= goes on."""
    here, who = context(request), principal(request)
    before = here.ids.decode("event", request.query_params.get("before", ""))
    found = await audit.list_entries(here.db, who.business_id, before=before, limit=AUDIT_ROWS + 1)
    names, currency = await actors(request), (await programs.get_business(here.db, who.business_id)).currency
    subjects = await _subjects(request, found[:AUDIT_ROWS], names)
    rows = [_row(request, entry, names, subjects.get((entry.subject_kind, entry.subject_id), Subject()), currency)
            for entry in found[:AUDIT_ROWS]]
    more = here.ids.encode("event", found[AUDIT_ROWS - 1].id) if len(found) > AUDIT_ROWS else ""
    return await frame.page(request, "audit", {
        "rows": rows, "next_url": f"{AUDIT}?before={more}" if more else "", "first_url": AUDIT if before else ""})


async def actors(request: Request) -> dict[tuple[str, int | None], str]:
    """(kind, id) → name, of the business's staff and keys."""
    here, who = context(request), principal(request)
    names: dict[tuple[str, int | None], str] = {}
    for person in await staff.list_staff(here.db, here.ring, who.business_id):
        names["staff", person.id] = person.name
    for key in await staff.list_keys(here.db, who.business_id):
        names["api_key", key.id] = key.name
    return names


async def _subjects(request: Request, entries: list[audit.AuditEntry],
                    names: dict[tuple[str, int | None], str]) -> dict[tuple[str | None, int | None], Subject]:
    """(kind, id) → what the acts of a page were about; what is not found has no name."""
    here, who = context(request), principal(request)
    found: dict[tuple[str | None, int | None], Subject] = {key: Subject(name) for key, name in names.items()}
    for place in await programs.list_locations(here.db, who.business_id):
        found["location", place.id] = Subject(place.name_in(language(request)))
    for kind, row_id in {(entry.subject_kind, entry.subject_id) for entry in entries}:
        if kind in ("card", "operation") and row_id is not None:
            found[kind, row_id] = await _card_of(request, kind, row_id)
    return found


async def _card_of(request: Request, kind: str, row_id: int) -> Subject:
    here, who = context(request), principal(request)
    try:
        card_id = row_id if kind == "card" else (await sales.get_operation(here.db, who, row_id)).card_id
        card = await cards.get_card(here.db, who.business_id, card_id)
    except NotFound:
        return Subject()
    return Subject("…" + card.number[-4:], f"/console/cards/{here.ids.encode('card', card.id)}")


def _row(request: Request, entry: audit.AuditEntry, names: dict[tuple[str, int | None], str], subject: Subject,
         currency: str) -> dict[str, Any]:
    who = names.get((entry.actor_kind, entry.actor_id)) or frame.said(request, words.ACTORS.get(entry.actor_kind, N_("somebody")))
    is_own = (entry.subject_kind, entry.subject_id) == (entry.actor_kind, entry.actor_id)
    return {"at": from_ms(entry.at), "who": who, "action": entry.action, "subject": "" if is_own else subject.name, "url": subject.url,
            "words": frame.said(request, words.ACTIONS[entry.action]) if entry.action in words.ACTIONS else "",
            "details": ", ".join(_details(request, entry.details, currency))}


def _details(request: Request, details: dict[str, Any], currency: str) -> list[str]:
    """The details that say something to a person; ids of rows do not."""
    said = []
    for name, known in (("role", words.ROLES), ("session", words.SESSIONS), ("source", words.SOURCES)):
        if details.get(name) in known:
            said.append(frame.said(request, known[details[name]]))
    if isinstance(number := details.get("version"), int):
        said.append(frame.said(request, N_("Version %(number)s"), number=number))
    if isinstance(points := details.get("points"), int):
        said.append(formats.signed(points))
    for name in ("amount", "spent_minor"):
        if isinstance(amount := details.get(name), int):
            said.append(formats.money(amount, currency, language(request)))
    if details.get("closed"):
        said.append(frame.said(request, N_("closed")))
    return said + [str(details[name]) for name in ("scopes", "gateway", "why") if details.get(name)]


routes = [routing.route(AUDIT, audit_page, who=frame.MANAGER_READ, name="console:audit")]
