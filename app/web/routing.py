"""Routes that say who may use them; the check happens here and nowhere else.

`app/access.csv` repeats every route and its access: a test compares both (goal A1), so that nobody opens a door unseen.
"""
import functools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route, Router
from starlette.types import Receive, Scope, Send

from app import errors
from app.text import N_
from app.web import rates
from app.web.principal import Principal

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call a route.

    kind: public | link (the address holds the secret) | device (the handler checks the pass's token) | staff | key | operator (of the
    server, signed in at /operator);
    role: the least role of staff; session: the kind of session asked for; scopes: of which a key needs one;
    also: roles beside that line which may come in too; within: of "location" and "programs", what the handler keeps people to who are
    kept to it: nobody else's handler lets them in.
    """

    kind: str
    role: str = ""
    session: str = ""
    scopes: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    within: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join(filter(None, (self.kind, self.session, self.role, *self.scopes, *(f"+{each}" for each in self.also),
                                      *(f"~{each}" for each in self.within))))

    def names(self, who: Principal) -> bool:
        """Whether this is for the role of this member of staff."""
        return who.may(self.role) or who.role in self.also

    def lets(self, who: Principal) -> bool:
        """Whether this member of staff may come in: by their role, and by what they are kept to."""
        return self.names(who) and (self.session == "till" or who.kept_to <= set(self.within))


OUTSIDE = N_("This is about the whole business, and you work for a part of it. Ask an owner.")
public = Access("public")
link = Access("link")
device = Access("device")
operator = Access("operator")


def staff(session: str, role: str, *also: str, within: Sequence[str] = ()) -> Access:
    """Staff of `role` or above, signed in to `session` ("console" or "till").

    also: roles beside that line (principal.BESIDE) which may come in too; within: see Access. A till stands in one place and its
    services ask what is within reach, so every page of it keeps people to their part.
    """
    return Access("staff", role, session, also=also, within=() if session == "till" else tuple(within))


def key(*scopes: str) -> Access:
    """An API key with one of `scopes`; none named: any key."""
    return Access("key", scopes=scopes)


@dataclass(frozen=True)
class Doors:
    """How a session's cookie or a bearer key becomes a Principal; `staff` implements it, `main.py` hands it over."""

    of_session: Callable[[Request, str], Awaitable[Principal | None]]
    of_key: Callable[[Request, str], Awaitable[Principal | None]]
    of_operator: Callable[[Request], Awaitable[Principal | None]]
    # Raises NotFound where the address names a thing that is outside of what a person is kept to.
    check_reach: Callable[[Request, Principal], Awaitable[None]]


class Door(Route):
    """A route that knows by the text before its first parameter that a request is not for it: most are for another, and all are asked."""

    def __init__(self, path: str, endpoint: Endpoint, **named: Any) -> None:
        super().__init__(path, endpoint, **named)
        self._begin = path.partition("{")[0]
        self.app = self._answer         # Starlette's own looks once more for what the middleware around all routes catches anyway

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.endpoint(Request(scope, receive, send))
        await response(scope, receive, send)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if not scope.get("root_path") and not scope["path"].startswith(self._begin):
            return Match.NONE, {}
        return super().matches(scope)


class Lanes(Router):
    """A router that asks only the routes whose first segment is the request's: of several hundred a few. The order stays."""

    def __init__(self, routes: Sequence[BaseRoute], **named: Any) -> None:
        super().__init__(routes, **named)
        starts = [_first_segment(each) for each in routes]
        self._lanes = {start: [each for each, its in zip(routes, starts, strict=True) if its in (None, start)] for start in {*starts, ""}}
        # Addresses without a parameter lead to their route at once.
        self._plain = {(method, each.path): each for each in routes if isinstance(each, Door) and "{" not in each.path
                       for method in each.methods or () if self._first(method, each.path) is each}

    def access_of(self, method: str, path: str) -> Access | None:
        """Who may call the route behind an address; None: there is none, or nobody said."""
        return getattr(self._plain.get((method, path)) or self._first(method, path), "who", None)

    def _first(self, method: str, path: str) -> BaseRoute | None:
        """The route that takes an address whole."""
        scope = {"type": "http", "method": method, "path": path, "headers": []}
        return next((each for each in self._lanes.get(path[1:].partition("/")[0], ()) if each.matches(scope)[0] is Match.FULL), None)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What no route takes whole (another method, nobody's address) goes the way of every router."""
        if scope["type"] == "http" and not scope.get("root_path"):
            if (door := self._plain.get((scope["method"], scope["path"]))) is not None:
                scope.setdefault("router", self)
                scope["route"], scope["endpoint"], scope["path_params"] = door, door.endpoint, {}
                await door.app(scope, receive, send)
                return
            for each in self._lanes.get(scope["path"][1:].partition("/")[0]) or self._lanes[""]:
                match, child_scope = each.matches(scope)
                if match is Match.FULL:
                    scope.setdefault("router", self)
                    scope["route"] = each
                    scope.update(child_scope)
                    await each.handle(scope, receive, send)
                    return
        await super().app(scope, receive, send)


def _first_segment(given: BaseRoute) -> str | None:
    """What a path must begin with to be for the route; None where that cannot be told."""
    begin, parameter, _ = given.path.partition("{") if isinstance(given, Route) else ("", "{", "")
    segment, slash, _ = begin[1:].partition("/")
    return None if parameter and not slash else segment


def route(path: str, endpoint: Endpoint, *, who: Access, name: str, methods: Sequence[str] = ("GET",)) -> Route:
    """A Starlette route whose endpoint runs only for `who`; `name` is `room:verb`."""
    made = Door(path, guarded(endpoint, who), methods=list(methods), name=name)
    made.who = who  # type: ignore[attr-defined]
    return made


def guarded(endpoint: Endpoint, who: Access) -> Endpoint:
    @functools.wraps(endpoint)
    async def call(request: Request) -> Response:
        if who.kind == "staff":
            request.state.principal = await _of_staff(request, who)
        elif who.kind == "key":
            request.state.principal = await _of_key(request, who)
            return rates.tell(request, await endpoint(request))
        elif who.kind == "operator":
            request.state.principal = await _of_operator(request)
        return await endpoint(request)

    return call


def opens(request: Request, method: str, address: str) -> bool:
    """Whether the route behind an address of ours lets in who asks here, as far as their role and part say.

    For drawing what a person may use: an address of another kind of session, or of nobody, is left to whoever opens it.
    """
    path, who = address.partition("?")[0], getattr(request.state, "principal", None)
    asked = request.app.router.access_of(method, path)
    if who is None or asked is None or asked.kind != "staff" or asked.session != request.scope["route"].who.session:
        return True
    return asked.lets(who)


class SignInNeeded(errors.Unauthenticated):
    """No live session: a page sends the browser to the sign-in form of `session`."""

    def __init__(self, session: str) -> None:
        super().__init__(N_("Your session has ended. Sign in again; nothing that you typed was saved."), code="session_expired")
        self.session = session


async def _of_staff(request: Request, who: Access) -> Principal:
    principal = await request.app.state.doors.of_session(request, who.session)
    if principal is None:
        raise SignInNeeded(who.session)
    if not who.names(principal):
        raise errors.Forbidden()
    if principal.kept_to:
        if not who.lets(principal):
            raise errors.Forbidden(OUTSIDE, code="outside_part")
        await request.app.state.doors.check_reach(request, principal)
    return principal


async def _of_operator(request: Request) -> Principal:
    principal = await request.app.state.doors.of_operator(request)
    if principal is None:
        raise SignInNeeded("operator")
    return principal


async def _of_key(request: Request, who: Access) -> Principal:
    scheme, _, plain = request.headers.get("authorization", "").partition(" ")
    principal = None
    if scheme.lower() == "bearer" and plain:
        principal = await request.app.state.doors.of_key(request, plain.strip())
    if principal is None:
        raise errors.Unauthenticated()
    if who.scopes and not principal.has_scope(*who.scopes):
        raise errors.Forbidden(N_("This key lacks the scope that the call needs: %(scopes)s."), code="scope_missing",
                               params={"scopes": ", ".join(who.scopes)})
    return principal
