"""What every page of the console needs: its frame, its words, and forms that come back with the typed text."""
from collections.abc import Mapping
from functools import partial
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import errors
from app.certificates import watching
from app.programs import service as programs
from app.sms import alerts
from app.staff import key_warnings
from app.web import closing, i18n, routing, templating
from app.web.forms import MAX_FIELDS, check_forgery, csrf_token, read_form
from app.web.problems import status_of
from app.web.requests import context, language, principal
from app.webhooks import notices as webhook_notices

KIND = "console"
# Who opens and sends what (the table in docs/business.md). Roles beside the line are named where they may come in; `within`: pages that
# show people who are kept to a location or to programmes theirs alone. A page that says nothing of it is closed to them.
PARTS = ("location", "programs")
ANYONE = routing.staff(KIND, "manager", "marketer", "auditor", within=PARTS)
OWNER, OWNER_READ = routing.staff(KIND, "owner"), routing.staff(KIND, "owner", "auditor")
MANAGER, MANAGER_READ = routing.staff(KIND, "manager"), routing.staff(KIND, "manager", "auditor")
PART, PART_READ = routing.staff(KIND, "manager", within=PARTS), routing.staff(KIND, "manager", "auditor", within=PARTS)
PLACE_READ = routing.staff(KIND, "manager", "auditor", within=("location",))
PROGRAM = routing.staff(KIND, "manager", within=("programs",))
PROGRAM_READ = routing.staff(KIND, "manager", "marketer", "auditor", within=("programs",))
LOOK = routing.staff(KIND, "manager", "marketer", within=("programs",))
TEXTS, TEXTS_READ = routing.staff(KIND, "owner", "marketer"), routing.staff(KIND, "owner", "marketer", "auditor")
ISSUED_READ = routing.staff(KIND, "manager", "marketer", "auditor", within=("location",))
MARKET, MARKET_READ = routing.staff(KIND, "manager", "marketer"), routing.staff(KIND, "manager", "marketer", "auditor")


def said(request: Request, message: str, **params: Any) -> str:
    """A sentence in the page's language."""
    return i18n.translate(language(request), message, **params)


def sentences_of(request: Request, refused: errors.TesseraError) -> dict[str, str]:
    """field → sentence; "" for what concerns no field."""
    if not refused.fields:
        return {"": said(request, refused.detail, **refused.params)}
    return {field: said(request, sentence, **refused.params) for field, _, sentence in refused.fields}


async def page(request: Request, name: str, values: Mapping[str, Any], *, done: str = "", wrong: Mapping[str, str] | None = None,
               status: int = 200) -> Response:
    """A page inside the console's frame. wrong: sentences by field; the one of "" stands on top."""
    here, who = context(request), principal(request)
    business, now = await programs.get_business(here.db, who.business_id), here.clock.now()
    made = templating.render(request, f"console/{name}.html", {
        "business_name": business.name_in(language(request)), "staff_name": who.name, "is_owner": who.may("owner"),
        "may_open": (may_open := partial(routing.opens, request, "GET")), "reads_only": who.role == "auditor",
        "first_open": lambda addresses: next(filter(may_open, addresses), ""),
        "csrf_token": csrf_token(request, KIND), "done": done, "error": (wrong or {}).get("", ""), "errors": dict(wrong or {}),
        "zone": business.time_zone, "currency": business.currency, "now": now,
        "banners": [*await watching.banners(here, business.id, who.role or "", language(request), now),
                    *await webhook_notices.banners(here, business.id, who.role or "", language(request)),
                    *await alerts.banners(here, business.id, who.role or "", language(request), now),
                    *await key_warnings.banners(here, business, who.role or "", language(request), now)], **values}, status=status)
    return made if who.may("manager") and not who.kept_to else _only_theirs(request, made)


def _only_theirs(request: Request, made: Response) -> Response:
    """The page without forms and links that would be refused."""
    html = closing.closed(bytes(made.body).decode(), request.url.path, partial(routing.opens, request))
    made.body = html.encode()
    made.headers["Content-Length"] = str(len(made.body))
    return made


async def form_of(request: Request, most_fields: int = MAX_FIELDS) -> FormData:
    """The posted form, after the forgery checks."""
    form = await read_form(request, most_fields)
    check_forgery(request, form, KIND)
    return form


def texts(form: FormData, *names: str) -> dict[str, str]:
    """These fields as they were typed, without the spaces around them. Their rooms say what is too long; here nothing typed is lost."""
    return {name: value.strip() if isinstance(value := form.get(name, ""), str) else "" for name in names}


def to(address: str) -> Response:
    """See other: a reload repeats nothing."""
    return RedirectResponse(address, 303)


def status_for(refused: errors.TesseraError) -> int:
    return status_of(refused)


def own_id(request: Request, kind: str, name: str) -> int:
    """The row id in the address; a malformed one is one that does not exist."""
    return context(request).ids.decode(kind, request.path_params[name]) or 0
