"""A router that asks only the routes of a request's first segment answers as one that asks them all."""
import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from app.web.routing import Lanes, public, route


async def named(request: Request) -> Response:
    return PlainTextResponse(f"{request.scope['route'].name} {request.path_params}")


def some_routes() -> list[BaseRoute]:
    return [route("/", named, who=public, name="root"), route("/a/{x}", named, who=public, name="a"),
            route("/a/{x}/b", named, who=public, name="ab", methods=["POST"]), route("/a", named, who=public, name="plain"),
            route("/{x}.txt", named, who=public, name="text"), Mount("/m", routes=[Route("/{x}", named, name="inner")]),
            route("/a/{x}", named, who=public, name="never")]


async def answers(app: Starlette, path: str, method: str) -> tuple[int, str]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="https://cards.example.com") as browser:
        answer = await browser.request(method, path)
        return answer.status_code, answer.text


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
async def test_every_address_and_method_is_answered_as_by_a_plain_router(method):
    plain, lanes = Starlette(routes=some_routes()), Starlette()
    plain.router.redirect_slashes = False
    lanes.router = Lanes(some_routes(), redirect_slashes=False)
    for path in ("/", "/a", "/a/", "/a/1", "/a/1/b", "//a/1", "/b", "/b.txt", "/a.txt", "/m/7", "/m", "/A/1", "/a/1/c", "/%61/1"):
        assert await answers(lanes, path, method) == await answers(plain, path, method), path
