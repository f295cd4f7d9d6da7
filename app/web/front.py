"""The server's front door: where `/` leads, and what every page of a server without a business says."""
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.installation import store as installation
from app.web.routing import public, route
from app.web.templating import render

# People's doors; machines (/health, /api, /apple), files and the owner's one-time link are answered as ever.
DOORS = ("/till", "/console", "/e/")
LINK = "/console/link/"
# Google calls back only where its robot may go, and fetches a card's pictures likewise. Secret addresses are not named here.
ROBOTS = """User-agent: *
Allow: /google/callback
Disallow: /console
Disallow: /till
Disallow: /api/
Disallow: /demo
"""


class EmptyServer:
    """Until the first business is made, every door says how to make it. Asked of the database only while it is empty."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._has_business = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._has_business and _is_door(scope["path"]):
            self._has_business = await installation.has_business(scope["app"].state.context.db)
            if not self._has_business:
                page = render(Request(scope), "errors/empty.html", headers={"Cache-Control": "no-store"})
                await page(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _is_door(path: str) -> bool:
    return path == "/" or (path.startswith(DOORS) and not path.startswith(LINK))


async def front(request: Request) -> Response:
    """Nobody lives at `/`: shoppers come by links and posters, staff by their bookmarks, an owner perhaps without one."""
    return RedirectResponse("/console", 303)


async def robots(request: Request) -> Response:
    return PlainTextResponse(ROBOTS, headers={"Cache-Control": "public, max-age=86400"})


routes = [route("/", front, who=public, name="web:front"), route("/robots.txt", robots, who=public, name="web:robots")]
