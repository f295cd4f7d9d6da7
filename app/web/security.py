"""Headers that every answer carries, the request's language, and its one log line. Plain ASGI: nothing moves to another task."""
import json
import logging
import re
import time
from functools import lru_cache
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import errors
from app.web import i18n, problems

log = logging.getLogger("tessera.access")

HEADER_CAP = 16 * 1024
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; "
          "manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
# A secret stands in the path: three characters are enough to tell lines apart, and too few to use.
# A link typed by hand may have a slash or a capital too many: it opens nothing, and its secret is in it all the same.
_SECRET_PATH = re.compile(r"^/+(a|c|d|k|q)/+([^/]{0,3})[^/]*", re.IGNORECASE)
_ONE_TIME_PATH = re.compile(r"^(/+(?:console|operator)/+link/+|/+till/+pair/+|/+till/+pins/+|/+sms/+[^/]+/+|/+demo/+google/+save/+)[^/]+",
                            re.IGNORECASE)
# No address of ours holds these, and a proxy before us may read them otherwise than we do.
_ODD_PATH = re.compile(rb"%(2f|5c|00)", re.IGNORECASE)
_LINKS = ("/a/", "/c/", "/d/", "/k/", "/q/")
_PRIVATE = (*_LINKS, "/console", "/operator", "/till", "/api/", "/demo", "/e/")


def masked_path(path: str) -> str:
    """The path as logs may hold it."""
    path = _SECRET_PATH.sub(r"/\1/\2…", path)
    return _ONE_TIME_PATH.sub(r"\1…", path)


class SecurityMiddleware:
    """Outermost: caps headers, sets the language, adds headers, writes the access log line."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self.app, self.https = app, https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500
        path = scope["path"]
        scope.setdefault("state", {})["language"] = i18n.language_of(Request(scope))

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"] = list(message.get("headers", ()))
                there = {name.lower() for name, _ in headers}
                headers += [header for header in self._headers_for(path) if header[0] not in there]
                if status == 503 and b"retry-after" not in there:       # pages that show the sentence beside what was typed, too
                    headers.append((b"retry-after", b"1"))
            await send(message)

        try:
            if _size_of_head(scope) > HEADER_CAP:
                await _refuse(answer, 431, "headers_too_large", "Headers too large",
                              "Address and headers are over 16 KiB. Drop what is not needed, such as old cookies.")
            elif _ODD_PATH.search(scope.get("raw_path") or b""):
                await problems.answer(Request(scope), 404, errors.NotFound())(scope, receive, answer)
            elif b"%00" in scope.get("query_string", b""):
                await _refuse(answer, 400, "malformed", "The request could not be read",
                              "The address holds the character NUL, which means nothing here. Leave it out.")
            else:
                await self.app(scope, receive, answer)
        finally:
            scope["state"]["status"] = status       # the guard counts refusals
            _log_line(scope, status, time.perf_counter() - started)

    def _headers_for(self, path: str) -> tuple[tuple[bytes, bytes], ...]:
        """What an answer at `path` carries unless the page chose otherwise."""
        return _headers(self.https, path.startswith(_LINKS), path.startswith(_PRIVATE))


@lru_cache
def _headers(https: bool, is_secret: bool, is_private: bool) -> tuple[tuple[bytes, bytes], ...]:
    found = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": POLICY, "Cross-Origin-Opener-Policy": "same-origin",
             "Referrer-Policy": "no-referrer" if is_secret else "same-origin"}
    if is_private:
        found["Cache-Control"] = "private, no-store"
    if is_secret:
        found["X-Robots-Tag"] = "noindex, nofollow"
    if https:
        found["Strict-Transport-Security"] = "max-age=31536000"
    return tuple((name.lower().encode(), value.encode()) for name, value in found.items())


def _size_of_head(scope: Scope) -> int:
    """A million pairs in a query are as dear to read as a long header."""
    return (sum([len(name) + len(value) + 4 for name, value in scope["headers"]]) + len(scope.get("raw_path") or b"")
            + len(scope.get("query_string", b"")))


async def _refuse(send: Send, status: int, code: str, title: str, detail: str) -> None:
    body = json.dumps({"type": "about:blank", "title": title, "status": status, "code": code, "detail": detail}).encode()
    await send({"type": "http.response.start", "status": status,
                "headers": [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})


def _log_line(scope: Scope, status: int, seconds: float) -> None:
    if not log.isEnabledFor(logging.INFO):
        return
    line: dict[str, Any] = {"method": scope["method"], "path": masked_path(scope["path"]), "status": status, "ms": round(seconds * 1000, 1)}
    principal = scope.get("state", {}).get("principal")
    if principal is not None:
        line["business"], line["actor"] = principal.business_id, f"{principal.kind}:{principal.id}"
    # As log.info does, without its walk up the stack for who called: a third of the line's price.
    log.handle(log.makeRecord(log.name, logging.INFO, "", 0, "request", (), None, extra={"fields": line}))
