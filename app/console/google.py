"""Google Wallet: who issues the business's cards, bringing an issuer of one's own, and how its classes stand."""
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.console import frame
from app.google import accounts, issuers, issuers_store, own, store
from app.google.store import ClassRow
from app.programs import service as programs
from app.text import N_
from app.web import routing
from app.web.forms import check_forgery, read_upload, text_field
from app.web.requests import context, language, principal

GOOGLE = "/console/google"
DONE = {"brought": N_("Checked with Google and kept. New cards go to this issuer from now on."),
        "retired": N_("Out of use. Cards that it issued stay with it; new ones do not go there.")}
# As Google says it, without underscores and in small letters: answers come in more than one spelling.
REVIEWS = {"approved": N_("approved"), "underreview": N_("under review"), "rejected": N_("rejected"), "draft": N_("draft")}


async def google_page(request: Request) -> Response:
    """GET /console/google"""
    done = DONE.get(request.query_params.get("done", ""), "")
    return await _page(request, done=frame.said(request, done) if done else "")


async def _page(request: Request, *, typed: str = "", done: str = "", wrong: dict[str, str] | None = None, status: int = 200) -> Response:
    here, who = context(request), principal(request)
    server, now_at = issuers.server_issuer(here), await issuers.issuer_for(here, who.business_id)
    brought = await issuers_store.issuers_of(here.db, who.business_id)
    return await frame.page(request, "google", {
        "server": {"issuer_id": server.issuer_id, "email": server.account.client_email} if server else None,
        "is_server_used": now_at is not None and now_at.row_id == 0, "is_server_named": bool(here.settings.google_issuer),
        "issuers": [{"id": here.ids.encode("google_issuer", row.id), "issuer_id": row.issuer_id, "email": row.client_email,
                     "since": row.created_at, "by": row.created_by, "retired": row.retired_at} for row in brought],
        "classes": [await _class(request, row) for row in await store.classes_of(here.db, who.business_id)],
        "action": GOOGLE, "typed": typed}, done=done, wrong=wrong, status=status)


async def _class(request: Request, row: ClassRow) -> dict[str, Any]:
    here = context(request)
    program = await programs.get_program(here.db, row.business_id, row.program_id)
    made, held, waiting = await store.counts_of(here.db, row.id)
    review = REVIEWS.get((row.review_status or "").replace("_", "").lower(), "")
    return {"program": program.name_in(language(request)), "class_id": row.class_id,
            "review": frame.said(request, review) if review else row.review_status or "", "cards": made, "held": held, "waiting": waiting,
            "error": " ".join(filter(None, (str(row.last_status or ""), row.last_reason))) if row.last_reason else "",
            "failures": await store.failures_of(here.db, row.id),
            "callback": row.callback_at}


async def bring(request: Request) -> Response:
    """POST /console/google: an issuer id and its service account's file."""
    here = context(request)
    form, key_file = await read_upload(request, "account", accounts.MOST_BYTES)
    check_forgery(request, form, frame.KIND)
    typed = text_field(form, "issuer_id", 100)
    try:
        await own.bring(here, principal(request), typed, key_file, here.clock.now())
    except errors.Invalid as refused:
        return await _page(request, typed=typed, wrong=frame.sentences_of(request, refused), status=422)
    return frame.to(f"{GOOGLE}?done=brought")


async def retire(request: Request) -> Response:
    """POST /console/google/{issuer}/retire"""
    here = context(request)
    await frame.form_of(request)
    await own.retire(here.db, principal(request), frame.own_id(request, "google_issuer", "issuer"), here.clock.now())
    return frame.to(f"{GOOGLE}?done=retired")


routes = [
    routing.route(GOOGLE, google_page, who=frame.OWNER_READ, name="console:google"),
    routing.route(GOOGLE, bring, who=frame.OWNER, name="console:bring_google", methods=["POST"]),
    routing.route(GOOGLE + "/{issuer}/retire", retire, who=frame.OWNER, name="console:retire_google", methods=["POST"]),
]
