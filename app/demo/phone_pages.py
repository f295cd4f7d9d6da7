"""The simulated phone's page: its screen, what it just did, and the form that a tap on "Add to Apple Wallet" stands for."""
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.console.design_wallet import ACTION_WORDS
from app.context import Context
from app.demo import equipment
from app.demo.fakes.apns import FakeApns
from app.demo.phone import Phone, PhoneError, shown
from app.demo.phone_memory import Held
from app.demo.watching import changes
from app.designs.colours import BLACK, WHITE, BrandColours, derive
from app.designs.preview import PassView, ViewField, written
from app.designs.wallet import Barcode
from app.errors import NotFound
from app.passes.check import PassContents
from app.web.events import Broker
from app.web.formats import clock_time, day_of_year
from app.web.forms import check_origin, read_form, text_field
from app.web.i18n import language_of, translate
from app.web.requests import context
from app.web.routing import public, route
from app.web.templating import render

PRIVATE = {"Cache-Control": "private, no-store"}
ZONE = "Europe/Moscow"  # where the demo's shop is, and so its shoppers
TOPIC = "demo:phone"
STEPS_SHOWN = 40
# A lock screen keeps a message until it is looked at; this one is looked at all the time.
MESSAGE_SHOWN = timedelta(seconds=60)
RGB = re.compile(r"rgb\((\d{1,3}), ?(\d{1,3}), ?(\d{1,3})\)")


@asynccontextmanager
async def living(here: Context, *, apns: FakeApns) -> AsyncIterator[None]:
    """The phone lives beside the server, on line at `apns`, and remembers its cards in the data folder."""
    def changed() -> None:
        if isinstance(broker := here.extras.get("broker"), Broker):
            broker.publish((TOPIC,), 0)

    phone = Phone(root_pem=equipment.certificates(here.settings.data).root.read_bytes(), folder=here.settings.data / "phone",
                  clock=here.clock, changed=changed)
    here.extras["demo.phone"] = phone
    apns.attach(phone.memory.push_token, phone.told)
    try:
        yield
    finally:
        apns.detach(phone.memory.push_token)
        await phone.close()


async def screen(request: Request) -> Response:
    return page(request)


async def add(request: Request) -> Response:
    """Install the pass behind `address`; what is wrong with it is said beside the field."""
    check_origin(request)
    address = text_field(await read_form(request), "address")
    phone = phone_of(request)
    try:
        await phone.install(address)
    except PhoneError:
        # The sentence of the step that failed; its technical side stands in the list below.
        failed = next(step for step in reversed(phone.steps) if not step.is_good)
        return page(request, address=address, error=translate(language_of(request), failed.text, **failed.params))
    return RedirectResponse("/demo/phone", 303, headers=PRIVATE)


async def remove(request: Request) -> Response:
    """Delete the card with `pass_type` and `serial_number`, as a thumb on the pass's back would."""
    check_origin(request)
    form, phone = await read_form(request), phone_of(request)
    named = text_field(form, "pass_type"), text_field(form, "serial_number")
    if named in phone.memory.passes:
        await phone.remove(*named)
    return RedirectResponse("/demo/phone", 303, headers=PRIVATE)


async def picture(request: Request) -> Response:
    """A picture of a pass that the phone holds, by the hash that its manifest names."""
    for held in phone_of(request).passes:
        for name, digest in pictures_of(held.contents).items():
            if digest == request.path_params["digest"]:
                return Response(held.contents.files[name], media_type="image/png", headers={"Cache-Control": "private, max-age=31536000"})
    raise NotFound()


async def stream(request: Request) -> Response:
    """An event whenever the phone did something."""
    return changes(request, TOPIC)


def phone_of(request: Request) -> Phone:
    return context(request).extras["demo.phone"]


def page(request: Request, *, address: str = "", error: str = "") -> Response:
    here, phone, language = context(request), phone_of(request), language_of(request)
    now = here.clock.now()
    stacks, ended = phone.stacks(now)

    def drawn(held: Held) -> dict[str, Any]:
        return {"pass_type": held.key[0], "serial_number": held.key[1], "view": view_of(held.contents, language),
                "tiles": tiles_of(held.contents, language)}

    steps = [{"at": step.at, "words": translate(language, step.text, **step.params), "detail": step.detail, "good": step.is_good}
             for step in list(phone.steps)[:-STEPS_SHOWN - 1:-1]]
    return render(request, "demo/phone.html", {
        "action": "/demo/phone", "remove_action": "/demo/phone/remove", "events": "/demo/phone/events", "address": address,
        "error": error, "inbox_url": "/demo/sms", "csrf_token": "", "stacks": [[drawn(held) for held in stack] for stack in stacks],
        "ended": [drawn(held) for held in ended], "note": note_of(phone, language, now),
        "clock": clock_time(now, ZONE), "log": steps, "zone": ZONE, "now": now}, status=422 if error else 200, headers=PRIVATE)


def note_of(phone: Phone, language: str, now: datetime) -> dict[str, str] | None:
    """The newest lock-screen message while it is fresh, in `language` where the pass speaks it."""
    if not phone.messages or now - phone.messages[-1].at > MESSAGE_SHOWN:
        return None
    message = phone.messages[-1]
    return {"name": message.titles.get(language) or next(iter(message.titles.values())),
            "text": message.texts.get(language) or next(iter(message.texts.values()))}


TILES = dict(ACTION_WORDS)
DRAWN: dict[str, Barcode] = {
    "PKBarcodeFormatQR": "qr", "PKBarcodeFormatAztec": "aztec", "PKBarcodeFormatPDF417": "pdf417", "PKBarcodeFormatCode128": "code128"}


def view_of(contents: PassContents, language: str) -> PassView:
    """What a phone draws from pass.json alone; numbers stay plain digits."""
    def fields(*places: str) -> tuple[ViewField, ...]:
        return tuple(ViewField(field["key"], contents.text(field["label"], language), shown_value(contents, field, language), "text",
                               field["value"]) for place in places for field in contents.fields(place))

    card = contents.card
    return PassView(
        language=language, name=contents.text(card["organizationName"], language),
        logo_text=contents.text(card.get("logoText", card["organizationName"]), language),
        description=contents.text(card["description"], language), header=fields("headerFields"), primary=fields("primaryFields"),
        row=fields("secondaryFields", "auxiliaryFields"), back=fields("backFields"), barcode_message=contents.barcode["message"],
        barcode_text=contents.barcode["altText"], colours=colours_of(contents), is_voided=contents.is_voided,
        barcode=DRAWN[contents.barcode["format"]], logo_address=address_of(contents, "logo"), strip_address=address_of(contents, "strip"))


def tiles_of(contents: PassContents, language: str) -> list[str]:
    """The captions of the tiles under the pass, as iOS 27 draws them; it has words of its own for each type."""
    return [translate(language, TILES[action["type"]]) for action in contents.card.get("featuredActions", []) if action["type"] in TILES]


def shown_value(contents: PassContents, field: Mapping[str, Any], language: str) -> str:
    """A field's value as the phone's locale writes it."""
    value = field["value"]
    if "currencyCode" in field:
        return written(value, "money", field["currencyCode"], language)
    if "dateStyle" in field:
        return day_of_year(datetime.fromisoformat(value).date(), language)
    return contents.text(shown(field), language)


def pictures_of(contents: PassContents) -> Mapping[str, str]:
    """Name → hash of the pictures in the pass, as its manifest has it."""
    return {name: digest for name, digest in json.loads(contents.files["manifest.json"]).items() if name.endswith(".png")}


def address_of(contents: PassContents, kind: str) -> str:
    """Where the page finds the pass's own logo or strip, the sharpest; "" for a pass without."""
    found = pictures_of(contents)
    digest = next((found[f"{kind}{density}.png"] for density in ("@3x", "@2x", "") if f"{kind}{density}.png" in found), "")
    return f"/demo/phone/pictures/{digest}" if digest else ""


def colours_of(contents: PassContents) -> BrandColours:
    card = contents.card
    brand, on_brand = hex_of(card.get("backgroundColor"), WHITE), hex_of(card.get("foregroundColor"), BLACK)
    return derive(brand, hex_of(card.get("labelColor"), on_brand), on_brand)


def hex_of(colour: str | None, default: str) -> str:
    """`rgb(r, g, b)` as #rrggbb."""
    found = RGB.fullmatch(colour or "")
    return "#" + "".join(f"{min(255, int(part)):02x}" for part in found.groups()) if found else default


routes = [
    route("/demo/phone", screen, who=public, name="demo:phone"),
    route("/demo/phone", add, who=public, name="demo:phone_add", methods=["POST"]),
    route("/demo/phone/remove", remove, who=public, name="demo:phone_remove", methods=["POST"]),
    route("/demo/phone/pictures/{digest}", picture, who=public, name="demo:phone_picture"),
    route("/demo/phone/events", stream, who=public, name="demo:phone_events"),
]
