"""/ledger/{business}: the seals of finished days, for anybody to keep: nothing in them tells what was bought."""
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from app.errors import NotFound
from app.ledger import day_seals
from app.programs import service as programs
from app.web.requests import context
from app.web.routing import public, route


async def seals(request: Request) -> Response:
    """GET /ledger/{business}: a line a day, newest first: day, number and hash of its last link, root over its links."""
    here = context(request)
    business = await programs.find_business_by_slug(here.db, request.path_params["business"])
    if business is None:
        raise NotFound()
    lines = [f"{seal.day}  {seal.last_seq}  {seal.head.hex()}  root {seal.root.hex()}"
             for seal in await day_seals.list_days(here.db, business.id)]
    return PlainTextResponse("".join(line + "\n" for line in lines), headers={"Cache-Control": "public, max-age=300"})


routes = [route("/ledger/{business}", seals, who=public, name="ledger:seals")]
