"""What the address of a public page carries on: the name of the link that led to it, and the invitation of a friend."""
from urllib.parse import urlencode

from starlette.requests import Request

from app.enrolment import rules
from app.programs.store import Program
from app.referrals import service as referrals
from app.web.requests import context


def kept(request: Request, path: str = "") -> str:
    """`path`, by itself the request's own, with what the request's address carries."""
    names = {"from": rules.link_name(request.query_params), "friend": rules.poster_of(request.query_params.get("friend", ""))}
    carried = {name: text for name, text in names.items() if text}
    return (path or request.url.path) + (f"?{urlencode(carried)}" if carried else "")


async def invitation_of(request: Request, program: Program) -> int | None:
    """The invitation that the address names, if it is open."""
    here, code = context(request), rules.poster_of(request.query_params.get("friend", ""))
    found = await referrals.find_invitation(here.db, program, code, here.clock.now())
    return found.id if found else None
