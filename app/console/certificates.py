"""A business's own certificates for Apple Wallet: what signs, what ends when, a signing request, an upload. Owners alone."""
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.certificates import bringing
from app.certificates import service as certificates
from app.certificates.bringing import Brought
from app.certificates.uploads import Upload
from app.console import frame
from app.text import N_
from app.web import routing
from app.web.forms import check_forgery, read_uploads, text_field
from app.web.requests import context, principal

CERTIFICATES = "/console/certificates"
FILES = ("certificate", "key", "wwdr")
MOST_BYTES = 64 * 1024          # of all files together; a certificate has 2 KB
REQUEST_TYPE = "application/pkcs10"
DONE = {"requested": N_("The signing request is made. Download it, and have Apple issue a certificate for it."),
        "brought": N_("The certificate fits, and signs your cards from now on."),
        "retired": N_("Taken out of use. Bringing the same certificate again puts it back.")}


async def certificates_page(request: Request) -> Response:
    """GET /console/certificates"""
    done = request.query_params.get("done", "")
    return await _page(request, done=frame.said(request, DONE[done]) if done in DONE else "")


async def _page(request: Request, *, done: str = "", wrong: dict[str, str] | None = None, status: int = 200) -> Response:
    here, who, now = context(request), principal(request), context(request).clock.now()
    rows = await bringing.listing(here, who.business_id, now)
    return await frame.page(request, "certificates", {
        "action": CERTIFICATES, "request_action": f"{CERTIFICATES}/request",
        "waiting": [_shown(request, each) for each in rows if each.state == "waiting"],
        "certificates": [_shown(request, each) for each in rows if each.state not in ("waiting", "retired")],
        "retired": [_shown(request, each) for each in rows if each.state == "retired" and each.not_after],
        "is_servers": not any(each.state in ("signs", "ready", "expired", "early", "faulty") for each in rows),
        "has_servers": await certificates.can_issue(here, who.business_id, now), "has_wwdr": bool(here.settings.apple_wwdr)},
        done=done, wrong=wrong, status=status)


def _shown(request: Request, row: Brought) -> dict[str, Any]:
    address = f"{CERTIFICATES}/{context(request).ids.encode('certificate', row.id)}"
    return {"state": row.state, "pass_type": row.pass_type_identifier, "team": row.team_identifier,
            "serial": row.serial_number[-8:].upper(), "ends_at": row.not_after, "days_left": row.days_left, "created_at": row.created_at,
            "created_by": row.created_by, "sentence": row.sentence, "download": f"{address}/request", "retire_action": f"{address}/retire"}


async def bring(request: Request) -> Response:
    """POST /console/certificates: the files `certificate`, `key`, `wwdr`, and a `password`, which is used and forgotten."""
    here = context(request)
    form, [certificate, key, wwdr] = await read_uploads(request, FILES, MOST_BYTES)
    check_forgery(request, form, frame.KIND)
    upload = Upload(certificate, key, wwdr, text_field(form, "password", 200))
    try:
        await bringing.bring(here, principal(request), upload, here.clock.now())
    except errors.Invalid as refused:
        return await _page(request, wrong=frame.sentences_of(request, refused), status=frame.status_for(refused))
    return frame.to(f"{CERTIFICATES}?done=brought")


async def make_request(request: Request) -> Response:
    """POST /console/certificates/request"""
    here = context(request)
    await frame.form_of(request)
    try:
        await bringing.request(here, principal(request), here.clock.now())
    except errors.Refused as refused:
        return await _page(request, wrong=frame.sentences_of(request, refused), status=frame.status_for(refused))
    return frame.to(f"{CERTIFICATES}?done=requested")


async def download(request: Request) -> Response:
    """GET /console/certificates/{certificate}/request: the file that Apple's portal asks for."""
    here = context(request)
    text = await bringing.request_text(here, principal(request).business_id, frame.own_id(request, "certificate", "certificate"))
    return Response(text, media_type=REQUEST_TYPE, headers={
        "Content-Disposition": 'attachment; filename="cards.certSigningRequest"', "Cache-Control": "private, no-store"})


async def retire(request: Request) -> Response:
    """POST /console/certificates/{certificate}/retire"""
    here = context(request)
    await frame.form_of(request)
    await bringing.retire(here, principal(request), frame.own_id(request, "certificate", "certificate"), here.clock.now())
    return frame.to(f"{CERTIFICATES}?done=retired")


routes = [
    routing.route(CERTIFICATES, certificates_page, who=frame.OWNER_READ, name="console:certificates"),
    routing.route(CERTIFICATES, bring, who=frame.OWNER, name="console:bring_certificate", methods=["POST"]),
    routing.route(f"{CERTIFICATES}/request", make_request, who=frame.OWNER, name="console:request_certificate", methods=["POST"]),
    routing.route(CERTIFICATES + "/{certificate}/request", download, who=frame.OWNER, name="console:certificate_request"),
    routing.route(CERTIFICATES + "/{certificate}/retire", retire, who=frame.OWNER, name="console:retire_certificate", methods=["POST"]),
]
