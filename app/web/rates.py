"""What an answer says of how often its caller may ask: the fields of draft-ietf-httpapi-ratelimit-headers-03, which most clients read."""
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response


class Allowance(Protocol):
    """burst: calls at once; left: of them now; reset: seconds until all may come again."""

    burst: int
    left: float

    @property
    def reset(self) -> int: ...


def tell(request: Request, response: Response) -> Response:
    """The same answer; with an allowance on the request's state, saying what is left of it."""
    allowance: Allowance | None = request.scope["state"].get("allowance") if "state" in request.scope else None
    if allowance is not None:
        response.raw_headers += ((b"ratelimit-limit", b"%d" % allowance.burst), (b"ratelimit-remaining", b"%d" % allowance.left),
                                 (b"ratelimit-reset", b"%d" % allowance.reset))
    return response
