"""Pictures for Google to fetch: public, the same for ever under their address."""
from starlette.requests import Request
from starlette.responses import Response

from app.errors import NotFound
from app.google import pictures
from app.web.requests import context
from app.web.routing import public, route

# A picture that somebody opens by itself is a page of our site: it may do nothing there.
HEADERS = {"Cache-Control": "public, max-age=31536000, immutable", "Content-Security-Policy": "default-src 'none'; sandbox"}


async def picture(request: Request) -> Response:
    """GET /google/pictures/{name}/{code}.png"""
    name, code = request.path_params["name"], request.path_params["code"]
    if not pictures.is_ours(context(request).ring, name, code):
        raise NotFound()
    return Response(await pictures.picture(name), media_type="image/png", headers=HEADERS)


routes = [route("/google/pictures/{name}/{code}.png", picture, who=public, name="google:picture")]
