"""What a call of the API is. One list of them makes both the routes and the OpenAPI document, so that neither knows more than the other."""
from dataclasses import dataclass
from typing import Literal

import msgspec

from app.web.routing import Access, Endpoint

PREFIX = "/api/v1"
# Which statuses and codes a call may answer with, besides those that every call has.
NO_KEY, KEY, KEY_REQUIRED = "none", "taken", "required"


@dataclass(frozen=True, slots=True)
class Query:
    """A parameter of the query. kind: string, integer or date-time."""

    name: str
    what: str
    kind: Literal["string", "integer", "date-time"] = "string"
    required: bool = False


PAGE = (Query("limit", "How many, 1 to 200; 50 unless told.", "integer"), Query("cursor", "The next_cursor of the page before."))


@dataclass(frozen=True, slots=True)
class Call:
    """One method of one address.

    path: below PREFIX, `{id}` the public id of a `kind`; answer and status: of a success; key: whether an Idempotency-Key is
    needed; refusals: the codes of the 403, 404 and 409 that the rules give.
    """

    method: str
    path: str
    name: str
    endpoint: Endpoint
    who: Access
    tag: str
    summary: str
    answer: type[msgspec.Struct] | None
    status: int = 200
    body: type[msgspec.Struct] | None = None
    key: str = NO_KEY
    kind: str = ""
    query: tuple[Query, ...] = ()
    refusals: tuple[str, ...] = ()
    may_text: bool = False

    @property
    def address(self) -> str:
        return PREFIX + self.path
