"""Signs of fraud on the first page: whom to look at, why, and the button that says that somebody has."""
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.cards import store as cards_store
from app.console import frame
from app.console.audit_log import actors
from app.reports import suspicions
from app.reports.suspicions import Suspicion
from app.text import N_
from app.web import routing
from app.web.forms import text_field
from app.web.requests import context, principal

SUSPICIONS = "/console/suspicions"
# What is said of whom; `who` is a person's, a key's or a card's name.
SENTENCES = {
    "one_card": N_("%(who)s rang up %(count)s purchases on one card in a day. Receipts that nobody claimed?"),
    "late_claims": N_("%(count)s purchases were added to card %(who)s long after they were paid. Receipts that were found?"),
    "split": N_("Several purchases within ten minutes on card %(who)s at one till. One receipt in pieces?"),
    "spent_and_returned": N_("Goods came back %(count)s times to card %(who)s after their points were spent."),
    "two_places": N_("Card %(who)s was used at two tills within %(seconds)s seconds. A copied code?"),
    "welcome_farming": N_("%(who)s made %(count)s cards in a day that got the welcome gift and bought nothing."),
    "corrections": N_("%(who)s gave points by hand %(count)s times in a day."),
}


async def rows(request: Request) -> list[dict[str, Any]]:
    """text, url of the card or "", at, and the id that the form sends."""
    here, who = context(request), principal(request)
    found = await suspicions.list_open(here.db, who.business_id)
    names = await actors(request) if found else {}
    return [await _row(request, each, names) for each in found]


async def _row(request: Request, found: Suspicion, names: dict[tuple[str, int | None], str]) -> dict[str, Any]:
    here, who, url = context(request), principal(request), ""
    name = names.get((found.subject_kind, found.subject_id), "")
    account_id = found.subject_id if found.subject_kind == "account" else found.details.get("account")
    held = await cards_store.of_account(here.db, who.business_id, account_id) if account_id else []
    if held:
        url = f"/console/cards/{here.ids.encode('card', held[0].id)}"
    if found.subject_kind == "account" and held:
        name = "…" + held[0].number[-4:]
    said = {"count": found.details.get("count", 0), "seconds": found.details.get("seconds", 0)}
    return {"text": frame.said(request, SENTENCES[found.kind], who=name or frame.said(request, N_("Somebody")), **said), "url": url,
            "at": found.at, "id": here.ids.encode("suspicion", found.id)}


async def dismiss(request: Request) -> Response:
    """POST /console/suspicions: `suspicion` is settled."""
    here, form = context(request), await frame.form_of(request)
    suspicion_id = here.ids.decode("suspicion", text_field(form, "suspicion", 64)) or 0
    await suspicions.dismiss(here.db, principal(request), suspicion_id, here.clock.now())
    return frame.to("/console#look")


routes = [routing.route(SUSPICIONS, dismiss, who=frame.MANAGER, name="console:settle_suspicion", methods=["POST"])]
