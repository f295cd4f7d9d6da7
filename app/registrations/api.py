"""Apple's five calls under `/apple/{short id}/v1`. The service address ends without a slash, but a client that adds one is understood."""
import hashlib

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from app.context import Context
from app.errors import Malformed
from app.passes import service as passes
from app.registrations import rules, service
from app.registrations.service import Address, Fetches
from app.web.requests import client_address, context, read_body
from app.web.routing import device, route

PKPASS = "application/vnd.apple.pkpass"
NOT_STORED = {"Cache-Control": "no-store"}


class Registration(msgspec.Struct):
    """The body of a registration; further keys are Apple's to add."""

    pushToken: str = ""


class Report(msgspec.Struct):
    logs: list[str] = []


def address_of(request: Request) -> Address:
    parts = request.path_params
    return Address(parts["short"], parts["pass_type"], parts["serial"], rules.pass_token(request.headers.get("authorization", "")))


async def register(request: Request) -> Response:
    here = context(request)
    body = await read_body(request)
    try:
        push_token = msgspec.json.decode(body, type=Registration).pushToken
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        push_token = ""
    is_new = await service.register(here.db, here.ring, address_of(request), request.path_params["device"], push_token, here.clock.now())
    return Response(status_code=201 if is_new else 200, headers=NOT_STORED)


async def unregister(request: Request) -> Response:
    here = context(request)
    await service.unregister(here.db, here.ring, address_of(request), request.path_params["device"], here.clock.now())
    return Response(status_code=200, headers=NOT_STORED)


async def list_changed(request: Request) -> Response:
    parts = request.path_params
    tag = request.query_params.get("passesUpdatedSince")
    found = await service.list_changed(context(request).db, parts["short"], parts["device"], parts["pass_type"], tag)
    if found is None:
        return Response(status_code=204, headers=NOT_STORED)
    return Response(msgspec.json.encode(found), media_type="application/json", headers=NOT_STORED)


async def get_pass(request: Request) -> Response:
    """If-Modified-Since is an opaque mark: 304 only where it equals the version's own Last-Modified."""
    here = context(request)
    now = here.clock.now()
    held = await service.recognise(here, address_of(request))
    built = await passes.build(here, held.card_id, now, unless=request.headers.get("if-modified-since"))
    fetches(here).note(held.id, built.number, now, built.kept)
    headers = NOT_STORED | {"Last-Modified": passes.tag_of(built.modified_at)}
    if built.data is None:
        return Response(status_code=304, headers=headers)
    return Response(built.data, media_type=PKPASS, headers=headers)


async def log(request: Request) -> Response:
    here = context(request)
    body = await read_body(request)
    try:
        lines = rules.log_lines(msgspec.json.decode(body, type=Report).logs)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Malformed() from None
    sender = hashlib.sha256(here.ring.lookup_hash("device.address", client_address(request))).hexdigest()
    await service.keep_logs(here.db, request.path_params["short"], lines, sender, here.clock.now())
    return Response(status_code=200, headers=NOT_STORED)


def fetches(here: Context) -> Fetches:
    """The notes of this process, made with the first."""
    if "registrations.fetches" not in here.extras:
        here.extras["registrations.fetches"] = Fetches(here)
    return here.extras["registrations.fetches"]


def _routes() -> list[BaseRoute]:
    made: list[BaseRoute] = []
    for mark, base in (("", "/apple/{short}/v1"), ("_slash", "/apple/{short}//v1")):
        registration = base + "/devices/{device}/registrations/{pass_type}"
        made += [
            route(base + "/passes/{pass_type}/{serial}", get_pass, who=device, name=f"registrations:pass{mark}"),
            route(registration + "/{serial}", register, who=device, name=f"registrations:register{mark}", methods=["POST"]),
            route(registration + "/{serial}", unregister, who=device, name=f"registrations:unregister{mark}", methods=["DELETE"]),
            route(registration, list_changed, who=device, name=f"registrations:list{mark}"),
            route(base + "/log", log, who=device, name=f"registrations:log{mark}", methods=["POST"]),
        ]
    return made


routes = _routes()
