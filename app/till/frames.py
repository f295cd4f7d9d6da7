"""POST /till/frame: a square of what a till's camera sees, for browsers that read no codes themselves. A picture is read and forgotten."""
import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app import errors
from app.cards import rules as card_rules
from app.cards import service as cards
from app.coalition import service as coalition
from app.context import Context
from app.designs import service as designs
from app.programs import service as programs
from app.text import N_
from app.till import desk as desks
from app.till import finding, frame_reader
from app.web import i18n, routing
from app.web.forms import check_forgery
from app.web.requests import context, language, principal, read_body

KIND, FRAME = "till", "/till/frame"
MOST_BYTES = 150_000
A_SECOND, AT_ONCE = 5.0, 10     # frames of a session; a page sends four, and a line that stuttered sends what it held back
MOST_SESSIONS = 10_000          # whose pace is remembered
READ_AT_ONCE = 4                # beside the answers of everybody else
KNOWN_FOR = timedelta(seconds=60)
OLD_PLASTIC = frozenset({"code_128", "ean_13"})
NAMES = {"qr": "qr_code", "aztec": "aztec", "pdf417": "pdf417", "code128": "code_128"}
JPEG_ONLY = N_("Send the picture itself with Content-Type: image/jpeg.")


@dataclass
class Frames:
    """What a process remembers of cameras: the pace of each session, and which codes a business shows.

    paces: session → (frames left, when that was so); formats: business → (until when, its formats).
    """

    paces: dict[int, tuple[float, datetime]] = field(default_factory=dict)
    formats: dict[int, tuple[datetime, frozenset[str]]] = field(default_factory=dict)
    a_second: float = A_SECOND
    reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(READ_AT_ONCE))


def _memory(here: Context) -> Frames:
    return here.extras.setdefault("till.frames", Frames())


async def formats_of(here: Context, business_id: int, now: datetime) -> frozenset[str]:
    """What cards of a business and of its coalitions can show their code as (keys of frame_reader.FORMATS), as of a minute ago at most.

    QR is always there: coupons are, whatever cards are. Old plastic of another system is Code 128 or EAN-13.
    """
    known = _memory(here).formats
    if (kept := known.get(business_id)) and kept[0] > now:
        return kept[1]
    shown = [*await programs.list_programs(here.db, business_id), *await coalition.programs_for(here.db, business_id)]
    found = {NAMES[(await designs.content_of(here.db, program)).wallet.barcode] for program in shown if program.closed_at is None}
    old = OLD_PLASTIC if await cards.has_aliases(here.db, business_id) else frozenset()
    if len(known) > MOST_SESSIONS:
        known.clear()
    known[business_id] = now + KNOWN_FOR, frozenset({"qr_code", *found, *old})
    return known[business_id][1]


def _check_pace(here: Context, session_id: int, now: datetime) -> None:
    """Raises TooMany where a session sends faster than its page does."""
    paces, a_second = _memory(here).paces, _memory(here).a_second
    left, since = paces.get(session_id, (float(AT_ONCE), now))
    left = min(float(AT_ONCE), left + (now - since).total_seconds() * a_second)
    if left < 1:
        raise errors.TooMany(retry_after=1)
    if len(paces) > MOST_SESSIONS:
        paces.clear()
    paces[session_id] = left - 1, now


async def frame(request: Request) -> Response:
    """POST /till/frame: {code, url, says}: the code and the page to open, or "" with a sentence in `says`; 204 where nothing is read."""
    here, who, now = context(request), principal(request), context(request).clock.now()
    check_forgery(request, FormData(), KIND)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "image/jpeg":
        raise errors.UnsupportedMedia(JPEG_ONLY)
    _check_pace(here, who.session_id or 0, now)
    jpeg = await read_body(request, MOST_BYTES)
    formats = await formats_of(here, who.business_id, now)
    async with _memory(here).reading:
        code = await asyncio.to_thread(frame_reader.read_code, jpeg, formats)
    return JSONResponse(await _told(request, code)) if code else Response(status_code=204)


async def _told(request: Request, code: str) -> dict[str, str]:
    here, said = context(request), language(request)
    desk = await desks.desk_of(here, principal(request), said)
    try:
        led = await finding.lead(here, desk, code, here.clock.now())
    except errors.TooMany as refused:
        return {"code": code, "url": "", "says": i18n.translate(said, refused.detail)}
    says = i18n.translate(said, card_rules.PROBLEMS[led.problem]) if led.problem else ""
    return {"code": code, "url": led.url, "says": says}


routes = [routing.route(FRAME, frame, who=routing.staff(KIND, "cashier"), name="till:frame", methods=["POST"])]
