"""Consent documents in the console: what is asked for now, every version, and a new one with a look at it before it holds."""
from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.console import frame, privacy
from app.customers import documents
from app.customers.document_rules import Draft, fingerprint
from app.db import write_transaction
from app.privacy.pages import parts_of
from app.programs import service as programs
from app.text import N_
from app.web import routing
from app.web.i18n import LANGUAGES
from app.web.requests import context, language, principal

DOCUMENTS = f"{privacy.PRIVACY}/documents"
DONE = {"added": N_("The purpose is there. Write its words, and shoppers are asked."), "closed": N_("That is asked for no more."),
        "written": N_("The new version is asked for from now on. Whoever agreed to an earlier one agreed to that one.")}


def _told(request: Request) -> str:
    done = DONE.get(request.query_params.get("done", ""), "")
    return frame.said(request, done) if done else ""


async def documents_page(request: Request) -> Response:
    """GET /console/privacy"""
    return await _documents(request, done=_told(request))


async def _documents(request: Request, typed: dict[str, str] | None = None, *, done: str = "", wrong: dict[str, str] | None = None,
                     status: int = 200) -> Response:
    here, who = context(request), principal(request)
    current = {(each.purpose, each.language): each for code in LANGUAGES
               for each in await documents.current(here.db, who.business_id, code)}
    purposes = [{"key": each.key, "name": each.name_in(language(request)), "is_own": each.is_own, "close": f"{DOCUMENTS}/{each.key}/close",
                 "languages": [{"code": code, "name": name, "url": f"{DOCUMENTS}/{each.key}/{code}",
                                "document": current.get((each.key, code))} for code, name in LANGUAGES.items()]}
                for each in await documents.purposes_of(here.db, who.business_id)]
    return await frame.page(request, "privacy", {
        "purposes": purposes, "action": DOCUMENTS, "typed": dict.fromkeys(("key", *privacy.NAMES), "") | (typed or {})},
        done=done, wrong=wrong, status=status)


async def add_purpose(request: Request) -> Response:
    """POST /console/privacy/documents: an own purpose."""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    typed = frame.texts(form, "key", *privacy.NAMES)
    names = {code: typed[f"name_{code}"] for code in LANGUAGES}
    try:
        await write_transaction(here.db, lambda tx: documents.add_purpose(tx, who, typed["key"], names, here.clock.now()))
    except errors.Invalid as refused:
        return await _documents(request, typed, wrong=frame.sentences_of(request, refused), status=422)
    return frame.to(f"{privacy.PRIVACY}?done=added")


async def close_purpose(request: Request) -> Response:
    """POST /console/privacy/documents/{purpose}/close"""
    here, who = context(request), principal(request)
    await frame.form_of(request)
    purpose = await _purpose(request)
    if not purpose.is_own:
        raise errors.NotFound()
    await write_transaction(here.db, lambda tx: documents.close_purpose(tx, who, purpose.key, here.clock.now()))
    return frame.to(f"{privacy.PRIVACY}?done=closed")


async def _purpose(request: Request) -> documents.Purpose:
    """The purpose of the address. Raises NotFound."""
    for each in await documents.purposes_of(context(request).db, principal(request).business_id):
        if each.key == request.path_params["purpose"]:
            return each
    raise errors.NotFound()


async def document_page(request: Request) -> Response:
    """GET /console/privacy/documents/{purpose}/{language}: the editor, and every version there was."""
    found = await documents.current_of(context(request).db, principal(request).business_id, (await _purpose(request)).key, _code(request))
    draft = Draft("", "", found.text, found.title, found.long_text) if found else Draft("", "", "")
    return await _editor(request, draft, done=_told(request))


def _code(request: Request) -> str:
    code: str = request.path_params["language"]
    if code not in LANGUAGES:
        raise errors.NotFound()
    return code


async def _editor(request: Request, draft: Draft, *, preview: Draft | None = None, done: str = "", wrong: dict[str, str] | None = None,
                  status: int = 200) -> Response:
    """preview: shown as shoppers would see it, and not written yet."""
    here, who, purpose, code = context(request), principal(request), await _purpose(request), _code(request)
    business = await programs.get_business(here.db, who.business_id)
    versions = await documents.history(here.db, who.business_id, purpose.key, code)
    return await frame.page(request, "privacy_document", {
        "purpose": purpose.name_in(language(request)), "key": purpose.key, "code": code, "code_name": LANGUAGES[code],
        "typed": draft, "action": f"{DOCUMENTS}/{purpose.key}/{code}", "list_url": privacy.PRIVACY,
        "preview": {"text": preview.text, "title": preview.title, "parts": parts_of(preview.long_text),
                    "sha256": fingerprint(preview.title, preview.text, preview.long_text).hex()} if preview else None,
        "versions": [{"version": each.version, "text": each.text, "at": each.created_at if each.created_at.year > 1970 else None,
                      "ask_again": each.ask_again, "sha256": each.sha256.hex(), "url": documents.address_of(business.slug, each)}
                     for each in versions]},
        done=done, wrong=wrong, status=status)


async def write(request: Request) -> Response:
    """POST /console/privacy/documents/{purpose}/{language}: a new version; with `look` only a look at it."""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    typed = frame.texts(form, "text", "title", "long_text")
    draft = Draft((await _purpose(request)).key, _code(request), typed["text"], typed["title"], typed["long_text"], "ask_again" in form)
    try:
        checked = draft.check()
        if "look" in form:
            return await _editor(request, checked, preview=checked)
        await write_transaction(here.db, lambda tx: documents.write(tx, who, draft, here.clock.now()))
    except errors.Invalid as refused:
        return await _editor(request, draft, wrong=frame.sentences_of(request, refused), status=422)
    return frame.to(f"{DOCUMENTS}/{draft.purpose}/{draft.language}?done=written")


routes = [
    routing.route(privacy.PRIVACY, documents_page, who=frame.OWNER_READ, name="console:privacy"),
    routing.route(DOCUMENTS, add_purpose, who=frame.OWNER, name="console:add_purpose", methods=["POST"]),
    routing.route(DOCUMENTS + "/{purpose}/close", close_purpose, who=frame.OWNER, name="console:close_purpose", methods=["POST"]),
    routing.route(DOCUMENTS + "/{purpose}/{language}", document_page, who=frame.OWNER_READ, name="console:document"),
    routing.route(DOCUMENTS + "/{purpose}/{language}", write, who=frame.OWNER, name="console:write_document", methods=["POST"]),
]
