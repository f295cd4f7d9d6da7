"""Where gateways tell what became of messages, and what people wrote; public, and believed only as far as it can be checked."""
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from app.errors import FieldError, Invalid
from app.sms import reports
from app.sms.gateways import Incoming
from app.web.requests import context, read_body
from app.web.routing import public, route

NO_STORE = {"Cache-Control": "no-store"}


async def report(request: Request) -> Response:
    if request.method == "HEAD":        # somebody looks whether the address is there; nothing moves by looking
        return Response(headers=NO_STORE)
    body, media_type = await reports.accept(context(request), request.path_params["gateway"], request.path_params["secret"],
                                            await _incoming(request))
    return Response(body, media_type=media_type, headers=NO_STORE)


async def inbound(request: Request) -> Response:
    if request.method == "HEAD":
        return Response(headers=NO_STORE)
    await reports.hear(context(request), request.path_params["gateway"], request.path_params["secret"], await _incoming(request))
    # An empty answer in Twilio's language: nothing is written back. The others look at the status alone.
    return Response("<Response/>", media_type="text/xml", headers=NO_STORE)


async def _incoming(request: Request) -> Incoming:
    body, query = await read_body(request, reports.BODY_CAP), request.url.query
    try:
        fields = reports.fields_of(request.method, request.headers.get("content-type", ""), query, body)
        where = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=200))
    except ValueError as exc:
        raise Invalid(fields=[FieldError("", "unreadable", reports.UNREADABLE)]) from exc
    path = request.scope["path"] + (f"?{query}" if query else "")
    # The address that the gateway was given, whatever stands in the Host header.
    return Incoming(request.method, context(request).settings.address(path),
                    {name.lower(): value for name, value in request.headers.items()}, body, fields, where)


routes = [
    route("/sms/{gateway}/{secret}/report", report, who=public, name="sms:report", methods=["GET", "POST"]),
    route("/sms/{gateway}/{secret}/inbound", inbound, who=public, name="sms:inbound", methods=["GET", "POST"]),
]
