"""The button's picture, which other sites show."""
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.designs import service as designs
from app.posters import button
from app.posters.rules import LANGUAGES
from app.programs import service as programs
from app.web.requests import context
from app.web.routing import public, route

# A picture on somebody else's page: anybody may show it, it may do nothing itself, and it is kept for an hour.
HEADERS = {"Cross-Origin-Resource-Policy": "cross-origin", "Access-Control-Allow-Origin": "*", "Cache-Control": "public, max-age=3600",
           "Content-Security-Policy": "default-src 'none'", "X-Robots-Tag": "noindex"}


async def button_picture(request: Request) -> Response:
    """GET /e/{business}/{program}/button.svg?lang=: the same for everybody, without a cookie."""
    here = context(request)
    program = await programs.find_program_by_slugs(here.db, request.path_params["business"], request.path_params["program"])
    if program is None:
        raise errors.NotFound()
    wanted = request.query_params.get("lang", program.language)
    language = wanted if wanted in LANGUAGES else LANGUAGES[0]
    content = await designs.content_of(here.db, program)
    sheet = await run_in_threadpool(button.picture, content.words(language).name, content.colours(), language)
    return Response(await run_in_threadpool(button.drawn, sheet), media_type="image/svg+xml", headers=HEADERS)


routes = [route("/e/{business}/{program}/button.svg", button_picture, who=public, name="posters:button")]
