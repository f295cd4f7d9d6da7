"""Where Google says that a card was saved or removed; public, and believed only as far as its signatures go."""
from starlette.requests import Request
from starlette.responses import Response

from app.google import callbacks_service
from app.google.callbacks import BODY_CAP
from app.web.requests import context, read_body
from app.web.routing import public, route


async def callback(request: Request) -> Response:
    here = context(request)
    await callbacks_service.accept(here, await read_body(request, BODY_CAP), here.clock.now())
    return Response(status_code=200, headers={"Cache-Control": "no-store"})


routes = [route("/google/callback", callback, who=public, name="google:callback", methods=["POST"])]
