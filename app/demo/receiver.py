"""The demo's own receiver of webhooks: what a business's CRM would be told, checked as it should check it, and shown."""
import json
import re
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from app.console.webhooks import KINDS
from app.context import Context
from app.demo.pages import PRIVATE, ZONE
from app.programs import service as programs
from app.secrets import same
from app.web import i18n
from app.web.principal import system
from app.web.requests import context, language, read_body
from app.web.routing import public, route
from app.web.templating import render
from app.webhooks import rules
from app.webhooks import service as webhooks

PAGE, DOOR = "/demo/webhooks", "/demo/webhooks/in"
NOTE = "Demo receiver"
KEPT = 50
_SIGNED = re.compile(r"t=(\d{1,12})((?:,v1=[0-9a-f]{64}){1,2})")


@dataclass(frozen=True, slots=True)
class Arrived:
    kind: str
    at: datetime
    body: str
    is_signed: bool


async def attach(here: Context, slug: str) -> None:
    """The business tells this receiver, at the port that the demo listens on today."""
    url = f"http://127.0.0.1:{here.settings.port}{DOOR}"
    business = next(each for each in await programs.list_businesses(here.db) if each.slug == slug)
    who, now = system(business.id), here.clock.now()
    found = next((each for each in await webhooks.list_webhooks(here.db, business.id) if each.note == NOTE), None)
    if found is None:
        await webhooks.create(here, who, url, list(rules.KINDS), NOTE, None, now)
    elif found.url != url:
        await webhooks.change(here, who, found.id, url, list(found.kinds), NOTE, now)


def _arrived(here: Context) -> "deque[Arrived]":
    made: deque[Arrived] = here.extras.setdefault("demo.webhooks", deque(maxlen=KEPT))
    return made


async def take(request: Request) -> Response:
    """POST /demo/webhooks/in"""
    here, body = context(request), await read_body(request)
    try:
        told = json.loads(body)
        kind, text = str(told["kind"]), json.dumps(told, indent=2, ensure_ascii=False)
    except (ValueError, KeyError, TypeError):
        return Response("no event\n", 400, media_type="text/plain")
    is_signed = await _is_signed(here, request.headers.get(rules.HEADER, ""), body)
    _arrived(here).appendleft(Arrived(kind, here.clock.now(), text, is_signed))
    return Response("thank you\n", media_type="text/plain")


async def _is_signed(here: Context, header: str, body: bytes) -> bool:
    """Whether one of the signatures is by a secret of a webhook that leads here."""
    found = _SIGNED.fullmatch(header)
    if found is None:
        return False
    given = [each.removeprefix("v1=") for each in found[2].split(",") if each]
    for business in await programs.list_businesses(here.db):
        for webhook in await webhooks.list_webhooks(here.db, business.id):
            for secret in webhooks.secrets_of(here.ring, webhook, here.clock.now()):
                right = rules.signature([secret], int(found[1]), body).partition(",v1=")[2]
                if any(same(each, right) for each in given):
                    return True
    return False


async def page(request: Request) -> Response:
    """GET /demo/webhooks: newest on top."""
    here = context(request)
    shown = [{"kind": one.kind, "what": i18n.translate(language(request), KINDS[one.kind]) if one.kind in KINDS else one.kind,
              "at": one.at, "body": one.body, "is_signed": one.is_signed} for one in _arrived(here)]
    return render(request, "demo/webhooks.html", {"arrived": shown, "console_url": here.settings.address("/console/webhooks"),
                                                  "till_url": here.settings.address("/till"), "zone": ZONE, "now": here.clock.now()},
                  headers=PRIVATE)


routes = [
    route(PAGE, page, who=public, name="demo:webhooks"),
    route(DOOR, take, who=public, name="demo:webhook_in", methods=["POST"]),
]
