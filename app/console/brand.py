"""The business's own pictures: send them, see them on the card, publish them.

What is being chosen lies in the page's address (`?logo=…`, a digest; empty: none), so that nothing is published before somebody says
so, and a reload shows the same.
"""
import asyncio
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import urlencode

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from app.console import frame
from app.console.program_frame import program_of, programs_of, switch_of
from app.designs import pictures as own_pictures
from app.designs import service as designs
from app.designs.pictures import OwnPictures
from app.designs.rules import DesignContent, Pictures
from app.errors import Invalid, NotFound, Refused, TesseraError, TooLarge
from app.images import rules as image_rules
from app.images import service as images
from app.passes import service as passes
from app.programs.store import Program
from app.text import N_
from app.web import routing
from app.web.forms import check_forgery, read_upload
from app.web.requests import context, language, principal

BRAND = "/console/brand"
KINDS = image_rules.KINDS
SEEN = 2.0          # below this contrast a logo is hardly there
READS_LARGE = 3.0   # WCAG 2.2, 1.4.3: large text
HARDLY_READ = N_("The figure is hard to read over this cover (%(ratio)s : 1; it needs 3 : 1). Send one that is calmer at the left, "
                 "darker under white words or lighter under dark ones.")
HARDLY_SEEN = N_("Your logo can hardly be seen on the card’s colour (%(ratio)s : 1). Send one in another colour, or change the card’s.")


async def brand_page(request: Request) -> Response:
    """GET /console/brand"""
    done = frame.said(request, N_("Published. Phones get it within minutes.")) if "done" in request.query_params else ""
    return await _page(request, done=done)


async def _page(request: Request, *, done: str = "", wrong: Mapping[str, str] | None = None, status: int = 200) -> Response:
    here, program = context(request), await program_of(request)
    shown = await designs.content_of(here.db, program)
    chosen = await _chosen(request, program, shown)
    content = replace(shown, pictures=chosen)
    own = await own_pictures.read(here.db, program.business_id, chosen)
    view = await passes.sample_of(here.db, content, program, language(request))
    return await frame.page(request, "brand", {
        "brand": view.css, "view": view, "pictures": _shown(request, program, own), "action": _address(request, program, chosen),
        "other_programs": await switch_of(request, program, BRAND), "is_changed": chosen != shown.pictures,
        "has_stamps": view.stamps is not None, "icon_picture": await _icon(own, content),
        "design_url": f"/console/design?program={_id(request, program)}",
        "program_name": program.name_in(language(request)),
        "warnings": await _warnings(request, content, own, has_stamps=view.stamps is not None)},
        done=done, wrong=wrong, status=status)


async def _chosen(request: Request, program: Program, shown: DesignContent) -> Pictures:
    """What the address says, where it says something of the business's own; else what the cards show now."""
    found = {}
    for kind in KINDS:
        asked = request.query_params.get(kind)
        if asked is None:
            found[kind] = getattr(shown.pictures, kind)
        else:
            found[kind] = asked if asked and await images.find(context(request).db, program.business_id, kind, asked) else None
    return Pictures(**found)


def _shown(request: Request, program: Program, own: OwnPictures) -> dict[str, dict[str, str]]:
    """kind → address of the picture as our pages show it, and of this page without it; both "" where there is none."""
    names = {"logo": "logo.webp", "icon": "icon@3x.png", "strip": "strip.webp"}
    return {kind: {"url": own.addresses.get(names[kind], ""), "remove": _address(request, program, replace(own.digests, **{kind: None}))}
            for kind in KINDS}


def _id(request: Request, program: Program) -> str:
    return context(request).ids.encode("program", program.id)


def _address(request: Request, program: Program, chosen: Pictures) -> str:
    """This page with these pictures chosen."""
    query = {"program": _id(request, program)} | {str(kind): getattr(chosen, kind) or "" for kind in KINDS}
    return f"{BRAND}?{urlencode(query)}"


async def _icon(own: OwnPictures, content: DesignContent) -> str:
    """What notifications show, as an address: the icon, or what is made of the logo; "" for the drawn mark."""
    if "icon@2x.png" in own.addresses:
        return own.addresses["icon@2x.png"]
    if "logo@3x.png" not in own.files:
        return ""
    made = await asyncio.to_thread(own_pictures.icon_of, own.files["logo@3x.png"], content.background)
    return "data:image/png;base64," + b64encode(made["icon@2x.png"]).decode()


async def _warnings(request: Request, content: DesignContent, own: OwnPictures, *, has_stamps: bool) -> list[str]:
    """What the chosen colours and pictures do to one another, in sentences."""
    found = [frame.said(request, each.sentence, **each.params) for each in content.colours().corrections]
    if "logo.png" in own.files:
        ratio = await asyncio.to_thread(own_pictures.contrast_of, own.files["logo.png"], content.background)
        if ratio < SEEN:
            found.append(frame.said(request, HARDLY_SEEN, ratio=_rounded(ratio)))
    if "strip.png" in own.files and not has_stamps:
        colours = content.colours()
        ratio = await asyncio.to_thread(own_pictures.contrast_over, own.files["strip.png"], colours.on_brand, colours.brand)
        if ratio < READS_LARGE:
            found.append(frame.said(request, HARDLY_READ, ratio=_rounded(ratio)))
    return found


def _rounded(ratio: float) -> str:
    """Down, so that 2.99 is never shown as 3."""
    return f"{int(ratio * 10) / 10:.1f}"


async def upload(request: Request) -> Response:
    """POST /console/brand/{kind}: keep a picture, and show it on the card."""
    kind = request.path_params["kind"]
    here, program = context(request), await program_of(request)
    if kind not in KINDS:
        raise NotFound()
    try:
        form, data = await read_upload(request, "picture", image_rules.MOST_BYTES)
        check_forgery(request, form, frame.KIND)
        shown = await designs.content_of(here.db, program)
        digest = await images.keep(here.db, principal(request), kind, data, here.clock.now(), ground=shown.background)
    except TooLarge as refused:
        return await _page(request, wrong={kind: frame.said(request, image_rules.TOO_HEAVY)}, status=frame.status_for(refused))
    except (Invalid, Refused) as refused:
        return await _page(request, wrong=_beside(request, kind, refused), status=frame.status_for(refused))
    chosen = await _chosen(request, program, shown)
    return frame.to(_address(request, program, replace(chosen, **{kind: digest})))


def _beside(request: Request, kind: str, refused: TesseraError) -> dict[str, str]:
    return {kind: " ".join(frame.sentences_of(request, refused).values())}


async def publish(request: Request) -> Response:
    """POST /console/brand: the chosen pictures on the cards of this programme, or of every one that is open."""
    here, who = context(request), principal(request)
    form = await frame.form_of(request)
    program = await program_of(request)
    chosen = await _chosen(request, program, await designs.content_of(here.db, program))
    everywhere = form.get("where") == "all"
    found = await programs_of(request) if everywhere else [program]
    for each in found:
        shown = await designs.content_of(here.db, each)
        if each.closed_at is None and shown.pictures != chosen:
            await passes.publish_design(here.db, who, each.id, replace(shown, pictures=chosen), here.clock.now())
    return frame.to(f"{BRAND}?program={_id(request, program)}&done=1")


routes = [
    routing.route(BRAND, brand_page, who=frame.PROGRAM_READ, name="console:brand"),
    routing.route(BRAND, publish, who=frame.LOOK, name="console:publish_brand", methods=["POST"]),
    routing.route(BRAND + "/{kind}", upload, who=frame.LOOK, name="console:upload_picture", methods=["POST"]),
]
