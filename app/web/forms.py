"""Forms: reading them with limits, and protection against forgery.

Forms of staff carry a hidden `csrf` token, bound to the session's cookie, and come from our own Origin. Pages under
`no-referrer` (/a and /c) make browsers send `Origin: null`: there the site is judged by Sec-Fetch-Site, and the secret
address itself or a token bound to it authorises.
"""
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from app import errors
from app.secrets import same
from app.text import N_
from app.web.cookies import cookie
from app.web.requests import JSON_CAP, context, read_body

MAX_FIELDS = 100
FORM_CAP = JSON_CAP
UPLOAD_PATIENCE = 32 * 1024 * 1024


class Forged(errors.Forbidden):
    """The form did not come from our own page."""

    code = "forged"
    detail = N_("This form did not come from this site, or its page is too old. Open the page again and repeat.")


async def read_form(request: Request, most_fields: int = MAX_FIELDS) -> FormData:
    """The form's fields; files are refused, each text is at most FORM_CAP bytes. Raises Malformed, Invalid (NUL) or TooLarge.

    The whole body is read first: the parser caps fields, but would read separators without end.
    """
    body = await read_body(request, 2 * FORM_CAP)

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        form = await Request(request.scope, receive).form(max_files=0, max_fields=most_fields, max_part_size=FORM_CAP)
    except HTTPException as exc:
        raise errors.Malformed() from exc
    for name, value in form.multi_items():
        if "\x00" in name or (isinstance(value, str) and "\x00" in value):       # no database keeps it, and nobody types it
            raise errors.Invalid(fields=[errors.FieldError(name, "unprintable", N_("This text has signs in it that cannot be kept."))])
    return form


async def read_upload(request: Request, name: str, most_bytes: int) -> tuple[FormData, bytes]:
    """A form with one file, and the bytes of it in the field `name`; b"" where none was chosen. Raises Malformed or TooLarge."""
    form, [sent] = await read_uploads(request, [name], most_bytes)
    return form, sent


async def read_uploads(request: Request, names: Sequence[str], most_bytes: int) -> tuple[FormData, list[bytes]]:
    """A form with a file in each of the fields `names`, and their bytes; b"" where none was chosen. most_bytes: of all together.

    Raises Malformed or TooLarge. A body that is too large is read to its end, unkept, where that is in reach: a browser that is cut
    off while it sends shows its own words instead of ours.
    """
    cap = most_bytes + FORM_CAP
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > UPLOAD_PATIENCE:
            break
        if size <= cap:
            chunks.append(chunk)
        else:
            chunks.clear()
    if size > cap:
        raise errors.TooLarge(N_("The body is over %(cap)s bytes. Send less at once."), params={"cap": cap})
    body = b"".join(chunks)

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        form = await Request(request.scope, receive).form(max_files=len(names), max_fields=MAX_FIELDS, max_part_size=FORM_CAP)
    except HTTPException as exc:
        raise errors.Malformed() from exc
    sent = [form.get(name) for name in names]
    found = [b"" if isinstance(each, str) or each is None else await each.read() for each in sent]
    await form.close()
    return form, found


async def read_file(request: Request, name: str, most_bytes: int) -> tuple[FormData, UploadFile | None]:
    """A form with one file that is too large for memory: it lies on disk, at its beginning; None where none was chosen.

    Whoever calls closes the form. Raises Malformed or TooLarge (a body that is too large is read no further).
    """
    # A form of another kind brings no file, and is no larger than any form.
    size, most = 0, most_bytes if request.headers.get("content-type", "").startswith("multipart/form-data") else 0

    async def counted() -> Message:
        nonlocal size
        message = await request.receive()
        size += len(message.get("body", b""))
        if size > most + FORM_CAP:
            raise errors.TooLarge(N_("The body is over %(cap)s bytes. Send less at once."), params={"cap": most or FORM_CAP})
        return message

    try:
        form = await Request(request.scope, counted).form(max_files=1, max_fields=MAX_FIELDS, max_part_size=FORM_CAP)
    except HTTPException as exc:
        raise errors.Malformed() from exc
    sent = form.get(name)
    if not isinstance(sent, UploadFile) or not sent.size:
        return form, None
    await sent.seek(0)
    return form, sent


def text_field(form: FormData, name: str, most: int = 2000) -> str:
    """A field's text, stripped; an empty string where it is missing. Longer than `most` characters is Invalid."""
    value = form.get(name, "")
    if not isinstance(value, str):
        raise errors.Malformed()
    if len(value) > most:
        raise errors.Invalid(fields=[errors.FieldError(name, "too_long", N_("This is longer than the field takes."))])
    return value.strip()


def csrf_token(request: Request, kind: str) -> str:
    """The hidden token for forms of the session in cookie `kind`."""
    here = context(request)
    return bound_token(request, cookie(request, here.settings, kind))


def bound_token(request: Request, secret: str) -> str:
    """A token bound to `secret`, a cookie's value or the token in a page's address."""
    return context(request).ring.lookup_hash("web.forgery", secret).hex()[:32]


def check_forgery(request: Request, form: FormData, kind: str) -> None:
    """For forms that a cookie authenticates: our own Origin and the hidden token, else Forged (403)."""
    check_origin(request)
    given = form.get("csrf") or request.headers.get("x-csrf-token", "")
    if not isinstance(given, str) or not same(given, csrf_token(request, kind)):
        raise Forged()


def check_origin(request: Request) -> None:
    """Refuses what another site sent: a foreign or null Origin, or, without one, a foreign Sec-Fetch-Site."""
    origin = request.headers.get("origin")
    if origin is not None:
        if not _is_ours(request, origin):
            raise Forged()
    elif request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise Forged()


def check_site(request: Request) -> None:
    """For pages whose address is the secret: Sec-Fetch-Site decides where it is sent; `Origin: null` alone refuses nothing."""
    if request.headers.get("sec-fetch-site", "same-origin") in ("cross-site", "same-site"):
        raise Forged()
    origin = request.headers.get("origin", "null")
    if origin != "null" and not _is_ours(request, origin):
        raise Forged()


def _is_ours(request: Request, origin: str) -> bool:
    settings = context(request).settings
    parts = urlsplit(settings.url)
    scheme = "https" if settings.is_https else request.url.scheme
    return origin in (f"{parts.scheme}://{parts.netloc}", f"{scheme}://{request.headers.get('host', '')}")
