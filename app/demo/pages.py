"""The simulated shopper's inbox: what the gateway `console:` would have sent."""
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.clock import from_ms, rfc3339
from app.context import Context
from app.sms import service as sms
from app.text import N_
from app.web import i18n
from app.web.requests import context, language
from app.web.routing import public, route
from app.web.templating import render

PRIVATE = {"Cache-Control": "private, no-store"}
ZONE = "Europe/Moscow"
HELD_BACK = N_("Nothing was sent: a limit held it back (%(limit)s). The page said the same as ever, so that nobody learns who has a card.")


async def inbox(request: Request) -> Response:
    """Newest on top, for a person."""
    here = context(request)
    messages = [{**told, "at": from_ms(message.at)} for message, told in reversed(await _messages(here))]
    for told in messages:
        if "note" in told:
            told["note"] = i18n.translate(language(request), HELD_BACK, limit=told["note"])
    return render(request, "demo/sms.html", {
        "messages": messages, "enrol_url": here.settings.address("/e/coffee"), "phone_url": here.settings.address("/demo/phone"),
        "zone": ZONE, "now": here.clock.now()}, headers=PRIVATE)


async def inbox_json(request: Request) -> Response:
    """`[{"to", "text", "links", "at"}]`, newest last: what was sent. What a limit held back stands on the page for people."""
    told = [{**told, "at": rfc3339(from_ms(message.at))} for message, told in await _messages(context(request)) if not message.note]
    return JSONResponse(told, headers=PRIVATE)


async def _messages(here: Context) -> list[tuple[sms.DemoMessage, dict[str, Any]]]:
    return [(message, {"to": message.phone, "text": message.text, "links": links(message.text),
                       **({"note": message.note} if message.note else {})})
            for message in await sms.demo_messages(here.db)]


def links(text: str) -> list[str]:
    """The addresses in a text, as a phone would underline them."""
    return re.findall(r"https?://[^\s]+", text)


routes = [
    route("/demo/sms", inbox, who=public, name="demo:sms"),
    route("/demo/sms.json", inbox_json, who=public, name="demo:sms_json"),
]
