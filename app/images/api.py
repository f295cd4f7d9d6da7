"""The files that wallets and pages fetch, without a cookie and without being sent elsewhere."""
from starlette.requests import Request
from starlette.responses import Response

from app.images import service
from app.web.requests import context
from app.web.routing import public, route

# A picture that somebody opens by itself is a page of our site: it may do nothing there. The styles are the browser's own, around it.
HEADERS = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff",
           "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}


async def serve(request: Request) -> Response:
    """GET /images/{digest}/{name}"""
    name = request.path_params["name"]
    found = await service.content_of(context(request).db, request.path_params["digest"], name)
    return Response(found, media_type="image/webp" if name.endswith(".webp") else "image/png", headers=HEADERS)


routes = [route("/images/{digest}/{name}", serve, who=public, name="images:serve")]
