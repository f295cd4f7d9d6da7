"""The audit log, as its business reads it."""
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.audit import service as audit
from app.clock import from_ms
from app.console import frame
from app.staff import service as staff
from app.text import N_
from app.web import routing
from app.web.requests import context, principal

AUDIT_ROWS = 50
SUBJECTS = {"card", "operation", "program", "location", "customer", "enrolment", "api_key", "staff"}
WORDS = {
    "staff.signed_in": N_("signed in"), "staff.signed_out": N_("signed out"), "staff.password_set": N_("set a password"),
    "staff.invited": N_("made a sign-in link"), "staff.changed": N_("changed somebody's work"), "staff.disabled": N_("took access away"),
    "staff.enabled": N_("gave access back"), "staff.location_chosen": N_("chose where the till stands"),
    "api_key.created": N_("made an API key"), "api_key.revoked": N_("revoked an API key"), "business.changed": N_("changed the business"),
    "location.created": N_("added a location"), "location.changed": N_("changed a location"),
    "program.rules_changed": N_("changed the rules"),
    "design.published": N_("published a design"), "card.block": N_("blocked a card"), "card.unblock": N_("unblocked a card"),
    "card.reissue": N_("gave a card a new code"), "card.replace": N_("replaced a card"),
    "card.page_link": N_("made a link to a card's page"),
    "card.reserved_tried": N_("tried a number that was never issued"), "sale.adjustment": N_("corrected points"),
    "operation.adjustment": N_("corrected points"),
}


async def audit_page(request: Request) -> Response:
    """GET /console/audit: who did what, newest first; ?before= goes on."""
    here, who = context(request), principal(request)
    before = here.ids.decode("event", request.query_params.get("before", ""))
    found = await audit.list_entries(here.db, who.business_id, before=before, limit=AUDIT_ROWS + 1)
    names = await actors(request)
    rows = [_audit_row(request, entry, names) for entry in found[:AUDIT_ROWS]]
    more = here.ids.encode("event", found[AUDIT_ROWS - 1].id) if len(found) > AUDIT_ROWS else ""
    return await frame.page(request, "audit", {
        "rows": rows, "next_url": f"/console/audit?before={more}" if more else "", "first_url": "/console/audit" if before else ""})


async def actors(request: Request) -> dict[tuple[str, int | None], str]:
    """(kind, id) → name, of the business's staff and keys."""
    here, who = context(request), principal(request)
    names: dict[tuple[str, int | None], str] = {}
    for person in await staff.list_staff(here.db, here.ring, who.business_id):
        names["staff", person.id] = person.name
    for key in await staff.list_keys(here.db, who.business_id):
        names["api_key", key.id] = key.name
    return names


def _audit_row(request: Request, entry: audit.AuditEntry, names: dict[tuple[str, int | None], str]) -> dict[str, Any]:
    here = context(request)
    others = {"shopper": N_("the shopper"), "system": N_("Tessera")}
    who = names.get((entry.actor_kind, entry.actor_id)) or frame.said(request, others.get(entry.actor_kind, N_("somebody")))
    subject = ""
    if entry.subject_kind in SUBJECTS and entry.subject_id is not None:
        subject = here.ids.encode(entry.subject_kind, entry.subject_id)
    return {"at": from_ms(entry.at), "who": who, "action": entry.action, "subject": subject,
            "words": frame.said(request, WORDS[entry.action]) if entry.action in WORDS else "",
            "details": [(name, value) for name, value in entry.details.items() if isinstance(value, str | int)]}


routes = [routing.route("/console/audit", audit_page, who=frame.MANAGER, name="console:audit")]
