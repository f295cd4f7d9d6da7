"""What the guard answers itself, made once: it must cost next to nothing."""
import itertools
import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.types import Receive, Scope, Send

App = Callable[[Scope, Receive, Send], Awaitable[None]]
_SENTENCES = {
    "overloaded": (503, "Too much at once", "The server has more to do than it can at this moment. Nothing was done; try again.",
                   "Сервер сейчас перегружен. Ничего не сделано, попробуйте ещё раз."),
    "too_many_requests": (429, "Too many requests", "Too many requests came from your address. Wait a moment.",
                          "С вашего адреса пришло слишком много запросов. Подождите немного."),
}
# One second would bring all that were refused together back together.
_retry = itertools.cycle((b"1", b"2", b"3"))


def _problem(code: str) -> bytes:
    status, title, detail, _ = _SENTENCES[code]
    return json.dumps({"type": "about:blank", "title": title, "status": status, "code": code, "detail": detail}).encode()


def _page(code: str) -> bytes:
    _, title, english, russian = _SENTENCES[code]
    return (f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f'<title>{title}</title><p>{english}</p><p lang="ru">{russian}</p></html>').encode()


def _headers(kind: bytes, body: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"content-type", kind), (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"), (b"content-security-policy", b"default-src 'none'")]


def refusing(code: str) -> App:
    """An application that only says this: a problem under /api and to devices, a page in both languages elsewhere."""
    status = _SENTENCES[code][0]
    shapes = [(body, _headers(kind, body)) for kind, body in (
        (b"application/problem+json", _problem(code)), (b"text/html; charset=utf-8", _page(code)))]

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        body, headers = shapes[not scope["path"].startswith(("/api/", "/apple/", "/google/"))]
        await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"retry-after", next(_retry))]})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    return answer


OVERLOADED, FLOODED = refusing("overloaded"), refusing("too_many_requests")


def raw(status: int, phrase: str, **headers: Any) -> bytes:
    """An answer of its own before a connection is closed, where no application can be asked."""
    lines = [f"HTTP/1.1 {status} {phrase}", "content-type: text/plain; charset=utf-8", f"content-length: {len(phrase)}",
             "connection: close", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n" + phrase).encode()


FULL = raw(503, "Service Unavailable", retry_after=1)
SLOW = raw(408, "Request Timeout")
LONG = raw(431, "Request Header Fields Too Large")
