"""The one place where a failure becomes a status; a kind missing here is our bug, 500.

Under /api an answer is `application/problem+json` (RFC 9457); elsewhere a page.
"""
import logging
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from app import errors
from app.text import N_
from app.web import rates
from app.web.cookies import cookie
from app.web.routing import SignInNeeded

log = logging.getLogger("tessera.web")

STATUS: dict[type[errors.TesseraError], int] = {
    errors.Malformed: 400, errors.Invalid: 422, errors.Unauthenticated: 401, errors.Forbidden: 403, errors.NotFound: 404,
    errors.Refused: 409, errors.Expired: 410, errors.TooLarge: 413, errors.UnsupportedMedia: 415, errors.TooMany: 429,
    errors.Unavailable: 503,
}
TITLES = {
    400: N_("The request could not be read"), 401: N_("Sign in first"), 403: N_("Not allowed"), 404: N_("Nothing here"),
    405: N_("Not this way"), 409: N_("Refused"), 410: N_("This link has had its day"), 413: N_("Too large"),
    415: N_("Wrong kind of body"), 422: N_("Something needs another look"), 429: N_("Too often"), 431: N_("Headers too large"),
    500: N_("Our mistake"), 503: N_("Not just now"),
}
_BY_STATUS: dict[int, tuple[str, str]] = {
    404: ("not_found", errors.NotFound.detail), 405: ("method_not_allowed", N_("This address does not take that method.")),
    413: ("too_large", errors.TooLarge.detail), 400: ("malformed", errors.Malformed.detail),
}
# Where staff find their way again; a shopper's link has no other page.
START_OF = {"console": "/console", "till": "/till", "operator": "/operator"}
OUR_MISTAKE = N_("Something broke on our side. It has been noted; nothing was half done. Try again in a moment.")


def status_of(failure: errors.TesseraError) -> int:
    for kind in type(failure).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return 500


async def on_failure(request: Request, exc: Exception) -> Response:
    """Starlette's handler for every TesseraError."""
    assert isinstance(exc, errors.TesseraError)
    if isinstance(exc, SignInNeeded) and not _wants_json(request):
        return _to_sign_in(request, exc.session)
    return answer(request, status_of(exc), exc)


async def on_http_exception(request: Request, exc: Exception) -> Response:
    """Starlette's own: unknown address, wrong method, a body that its parser refused."""
    assert isinstance(exc, HTTPException)
    code, detail = _BY_STATUS.get(exc.status_code, ("error", errors.Malformed.detail))
    response = answer(request, exc.status_code, errors.TesseraError(detail, code=code))
    for name, value in (exc.headers or {}).items():
        response.headers[name] = value
    if exc.status_code == 405:
        response.headers["Allow"] = ", ".join(sorted(_methods_of(request)))
    return response


def _methods_of(request: Request) -> set[str]:
    """What the address takes: Starlette knows only the first of the routes that share it."""
    matching = [route for route in request.app.routes if isinstance(route, Route) and route.path_regex.match(request.url.path)]
    return {method for route in matching for method in route.methods or ()}


async def on_bug(request: Request, exc: Exception) -> Response:
    """Whatever else escaped: a log line with the trace, a calm sentence for the person."""
    log.error("unhandled %s on %s", type(exc).__name__, request.scope.get("route_name", "?"), exc_info=exc)
    return answer(request, 500, errors.TesseraError(OUR_MISTAKE, code="internal"))


def answer(request: Request, status: int, failure: errors.TesseraError) -> Response:
    response = problem(request, status, failure) if _wants_json(request) else _page(request, status, failure)
    if failure.retry_after is not None:
        response.headers["Retry-After"] = str(failure.retry_after)
    if status == 401 and _wants_json(request):
        # Each door says what it asks for: phones bring their pass's token, everybody else a key.
        response.headers["WWW-Authenticate"] = "ApplePass" if request.url.path.startswith("/apple/") else "Bearer"
    return rates.tell(request, response)


def problem(request: Request, status: int, failure: errors.TesseraError) -> Response:
    """RFC 9457, in the language of Accept-Language."""
    body: dict[str, Any] = {"type": "about:blank", "title": _said(request, TITLES.get(status, "Error")), "status": status,
                            "code": failure.code, "detail": _said(request, failure.detail, **failure.params)}
    if failure.fields:
        body["errors"] = [{"field": field, "code": code, "detail": _said(request, detail, **failure.params)}
                          for field, code, detail in failure.fields]
    body.update(failure.extra)
    return Response(msgspec.json.encode(body), status, media_type="application/problem+json",
                    headers={"Cache-Control": "no-store", "Vary": "Accept-Language"})


def _page(request: Request, status: int, failure: errors.TesseraError) -> Response:
    from app.web.templating import render

    sentences = [failure.detail] if not failure.fields else [detail for _, _, detail in failure.fields]
    return render(request, "errors/page.html", {
        "status": status, "detail": " ".join(_said(request, sentence, **failure.params) for sentence in sentences),
        "reference": "", "back": START_OF.get(request.url.path.split("/")[1], "")}, status=status)


def _to_sign_in(request: Request, session: str) -> Response:
    where = f"/{session}/sign-in"
    if session == "till" and cookie(request, request.app.state.context.settings, "device"):
        # A shared tablet: its people and their PINs, and back to where the one before was.
        where = "/till/start?" + urlencode({"next": request.url.path})
    return RedirectResponse(where, 303, headers={"Cache-Control": "private, no-store"})


def _wants_json(request: Request) -> bool:
    path = request.url.path
    return path.startswith(("/api/", "/apple/", "/google/")) or path.endswith(".json")


def _said(request: Request, msgid: str, **params: Any) -> str:
    from app.web.i18n import translate

    return translate(getattr(request.state, "language", "en"), msgid, **params)
