"""A stand-in for Google Wallet: its token, REST, save and root key addresses on a free port of this machine, faults on request.

Source: Google, "Wallet REST API"; discovery document walletobjects v1. What is stored is in google_shelf.py, who may call in
google_accounts.py, what is called back in google_callbacks.py.
"""
import asyncio
import contextlib
import html
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from app.clock import Clock, SystemClock
from app.demo.fakes import google_accounts
from app.demo.fakes.google_accounts import Account, Accounts, TokenRefusal
from app.demo.fakes.google_callbacks import CallbackSigner
from app.demo.fakes.google_shelf import CLASS, Refusal, Shelf, check
from app.google.rules import issuer_of

log = logging.getLogger("tessera.demo.google")

ISSUER = "3388000000022222228"
BODY_CAP = 1024 * 1024
CALLS_KEPT = 10_000
METHODS = ("GET", "POST", "PUT", "PATCH")
ROOM = "walletobjects/v1/"
CUT = "tessera.cut"
CALLBACK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer instead of the true one, nothing stored. on: only to calls that begin so, such as "PATCH loyaltyObject"."""

    status: int
    reason: str = "backendError"
    message: str = "Told to fail."
    on: str = ""
    retry_after: int | None = None


@dataclass(slots=True)
class Faults:
    """What goes wrong; a test sets it, and it holds until it is set back. REST calls alone unless it says token."""

    answers: deque[Answer] = field(default_factory=deque)   # to the next calls that they fit, one each
    always: Answer | None = None
    token: int = 0                  # the token endpoint answers this status
    token_is_closing: bool = False  # ... or nothing at all: the connection is dropped
    is_closing: bool = False        # every connection is dropped, nothing is done
    lost: int = 0                   # this many next changes are stored, and the connection dropped instead of an answer
    lost_on: str = ""               # ... of those calls that begin so
    delay_seconds: float = 0.0      # what was asked is done at once and answered so much later
    most_a_second: int = 0          # 429 above that; 0: no limit
    keys: int = 0                   # the root keys' address answers this status
    keys_max_age: int = 3600        # what its Cache-Control says, seconds


@dataclass(slots=True)
class Call:
    """One REST request as it arrived. path: below walletobjects/v1/; status: 0 where nothing was answered."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    at: datetime
    status: int = 0

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


class FakeGoogle:
    """The server.

    folder: where the state is kept over a restart, None: nowhere. send: posts a callback's body to an address and returns the
    status; None: over HTTP. unheard: called with an object that was saved or removed and whose class names no address to call back.
    `shelf` holds what is stored, `faults` what goes wrong, `calls` what was asked.
    """

    def __init__(self, *, clock: Clock | None = None, folder: Path | None = None,
                 send: Callable[[str, bytes], Awaitable[int]] | None = None,
                 unheard: Callable[[str], Awaitable[None]] | None = None) -> None:
        self.clock = clock or SystemClock()
        self.faults, self.calls = Faults(), deque[Call](maxlen=CALLS_KEPT)
        self.token_requests = 0
        self.shelf = Shelf(self.clock, folder / "google.json" if folder else None)
        self.shelf.load()
        self.accounts = Accounts(self.clock)
        self.signer = CallbackSigner()
        self.unheard = unheard or _nobody
        self._send = send or _post
        self._recent: deque[float] = deque()
        self._state = ServerState()
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1; port 0 takes a free one."""
        app = Starlette(routes=[Route("/{path:path}", self._of_own_port, methods=list(METHODS))])
        config = Config(app, http=_Protocol, ws="none", lifespan="off", access_log=False, log_config=None, server_header=False,
                        date_header=False, proxy_headers=False)
        config.load()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Protocol(config, self._state, {}), "127.0.0.1", port)
        self.accounts.audiences.add(self.token)

    async def stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._state.connections):
            connection.transport.abort()
        tasks = list(self._state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()

    # Addresses, as the settings take them

    @property
    def root(self) -> str:
        """What Google's own clients call api_endpoint."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def api(self) -> str:
        return f"{self.root}/walletobjects/v1"

    @property
    def token(self) -> str:
        return f"{self.root}/token"

    @property
    def save(self) -> str:
        return f"{self.root}/save/"

    @property
    def keys(self) -> str:
        return f"{self.root}/issuer/keys"

    # Issuers and holders

    def new_account(self, *issuers: str, name: str = "tessera") -> dict[str, str]:
        """A service account's key file; it is a user of `issuers`, of ISSUER unless told."""
        made = google_accounts.new_account(self.token, name)
        self.accounts.admit(made, frozenset(issuers or (ISSUER,)))
        return made

    def opened(self, token: str) -> dict[str, Any]:
        """The object behind a save link, as a phone previews it; raises Refusal with what is wrong."""
        return self.accounts.object_of_link(token, self.shelf)

    async def hold(self, object_id: str) -> None:
        """Its owner confirms: the card is saved, and the issuer called back."""
        self.shelf.hold(object_id)
        await self.call_back("save", object_id)

    async def let_go(self, object_id: str) -> None:
        self.shelf.let_go(object_id)
        await self.call_back("del", object_id)

    async def call_back(self, event: str, object_id: str) -> int:
        """Posts a signed callback where the class asks for one. Returns the status, 0 where nobody asks or answers."""
        class_id = self.shelf.objects[object_id]["classId"]
        address = self.shelf.classes[class_id].get("callbackOptions", {}).get("url")
        if not address:
            await self.unheard(object_id)
            return 0
        body = self.signer.body(event, class_id, object_id, issuer_of(object_id), self.clock.now())
        try:
            return await self._send(address, body)
        except httpx2.HTTPError as exc:
            log.warning("%s did not take a callback: %s", address, exc)
            return 0

    # HTTP

    async def _of_own_port(self, request: Request) -> Response:
        answer = await self.answer(request, request.path_params["path"])
        answer.headers["Date"] = format_datetime(self.clock.now(), usegmt=True)     # callers whose clock is off go by it
        return answer

    async def answer(self, request: Request, path: str) -> Response:
        """Answers a request at `path` (no leading slash): also where another server lends its port."""
        if self.faults.is_closing:
            return await _cut(request)
        match (request.method, path.split("/")):
            case ("POST", ["token"]):
                return await self._token(request)
            case ("GET", ["issuer", "keys"]):
                return self._keys()
            case ("GET" | "POST", ["save", token]):
                return await self._save_page(request.method, token)
        # Also without its room in front: then the address given out may be read either way.
        return await self._rest(request, path.removeprefix(ROOM))

    async def _token(self, request: Request) -> Response:
        self.token_requests += 1
        if self.faults.token_is_closing:
            return await _cut(request)
        if self.faults.token:
            return JSONResponse({"error": "internal_failure", "error_description": "Told to fail."}, self.faults.token)
        form = {name: values[0] for name, values in parse_qs((await _body(request)).decode("utf-8", "replace")).items()}
        try:
            return JSONResponse(self.accounts.grant(form), headers={"Cache-Control": "no-store"})
        except TokenRefusal as exc:
            return JSONResponse({"error": exc.error, "error_description": str(exc)}, exc.status)

    def _keys(self) -> Response:
        if self.faults.keys:
            return JSONResponse({}, self.faults.keys)
        return JSONResponse(self.signer.keys(self.clock.now()), headers={"Cache-Control": f"public, max-age={self.faults.keys_max_age}"})

    async def _save_page(self, method: str, token: str) -> Response:
        """The bare page of this port; the demo draws a better one at its own."""
        try:
            stored = self.opened(token)
        except Refusal as exc:
            return HTMLResponse(f"<h1>Something went wrong</h1><p>{html.escape(str(exc))}</p>", exc.status)
        if method == "GET":
            return HTMLResponse("<h1>Save this card?</h1><form method='post'><button>Add to Google Wallet</button></form>")
        await self.hold(stored["id"])
        return HTMLResponse("<h1>Saved</h1>")

    async def _rest(self, request: Request, path: str) -> Response:
        raw = await _body(request)
        call = Call(request.method, path, dict(request.query_params), None, self.clock.now())
        self.calls.append(call)
        try:
            if told := self._told(call):
                raise Refusal(told.status, told.reason, told.message)
            self._check_rate()
            account = self.accounts.of_bearer(request.headers.get("authorization", ""))
            call.body = _decoded(raw) if call.method != "GET" else None
            status, made = 200, self._do(call, account)
        except Refusal as exc:
            status, made = exc.status, exc.body()
        if self.faults.delay_seconds:
            await _delayed(request, self.faults.delay_seconds)
        if self.faults.lost and call.method != "GET" and call.line.startswith(self.faults.lost_on):
            self.faults.lost -= 1
            return await _cut(request)
        call.status = status
        wait = {"Retry-After": str(told.retry_after)} if told and told.retry_after is not None else None
        return JSONResponse(made, status, headers=wait)

    def _told(self, call: Call) -> Answer | None:
        for answer in self.faults.answers:
            if call.line.startswith(answer.on):
                self.faults.answers.remove(answer)
                return answer
        always = self.faults.always
        return always if always and call.line.startswith(always.on) else None

    def _check_rate(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._recent and self._recent[0] <= now - 1:
            self._recent.popleft()
        if self.faults.most_a_second and len(self._recent) >= self.faults.most_a_second:
            raise Refusal(429, "rateLimitExceeded", "Quota exceeded for quota metric 'Requests' of service "
                                                    "'walletobjects.googleapis.com'.", "global")
        self._recent.append(now)

    def _do(self, call: Call, account: Account) -> Any:
        """The call's result; raises Refusal."""
        match (call.method, call.path.split("/")):
            case ("POST", [("loyaltyClass" | "loyaltyObject") as kind]):
                check("LoyaltyClass" if kind == CLASS else "LoyaltyObject", call.body)
                _check_issuer(account, call.body["id"])
                return self.shelf.insert(kind, call.body)
            case ("GET", [("loyaltyClass" | "loyaltyObject") as kind]):
                of = call.query.get("issuerId" if kind == CLASS else "classId", "")
                _check_issuer(account, of)
                return self.shelf.listed(kind, of, _number(call.query.get("maxResults")), _number(call.query.get("token")) or 0)
            case (method, [("loyaltyClass" | "loyaltyObject") as kind, name]):
                _check_issuer(account, name)
                return self._on_one(method, kind, name, call.body)
            case ("POST", [("loyaltyClass" | "loyaltyObject") as kind, name, "addMessage"]):
                _check_issuer(account, name)
                return self.shelf.add_message(kind, name, call.body)
            case ("GET", ["issuer", name]):
                _check_issuer(account, name)
                return {"issuerId": name, "name": "Tessera demo"}
            case ("POST", ["jwt", "validate"]):
                return self._validate(call.body)
        raise Refusal(404, "notFound", "The requested URL was not found on this server.", "global")

    def _on_one(self, method: str, kind: str, name: str, body: Any) -> Any:
        match method:
            case "GET":
                return self.shelf.get(kind, name)
            case "PATCH":
                return self.shelf.patch(kind, name, body)
            case "PUT":
                return self.shelf.put(kind, name, body)
        raise Refusal(405, "methodNotAllowed", "The method is not known here.", "global")

    def _validate(self, body: Any) -> dict[str, Any]:
        """`jwt/validate`: creates nothing."""
        if isinstance(body, Mapping) and "jwtResource" in body:
            self.opened(str(body["jwtResource"].get("jwt", "")))
        elif isinstance(body, Mapping) and "jsonResource" in body:
            told = _decoded(str(body["jsonResource"].get("json", "")).encode())
            payload = told.get("payload", told)
            for one in payload.get("loyaltyClasses", []):
                check("LoyaltyClass", one)
            for one in payload.get("loyaltyObjects", []):
                check("LoyaltyObject", one)
        else:
            raise Refusal(400, "invalid", "Neither jwtResource nor jsonResource is given.")
        return {}


class _Protocol(HttpToolsProtocol):
    """uvicorn's, and a request may have its connection cut."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {CUT: {"cut": self.transport.abort}}     # type: ignore[typeddict-item]


async def _cut(request: Request) -> Response:
    """Drops the connection; what is returned goes nowhere."""
    extension = request.scope.get("extensions", {}).get(CUT)
    if extension is None:           # another server's port: the nearest thing to silence
        return Response(status_code=502)
    extension["cut"]()
    await _gone(request)
    return Response(status_code=500)


async def _delayed(request: Request, seconds: float) -> None:
    """Waits, but no longer than the caller does."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(_gone(request), seconds)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _body(request: Request) -> bytes:
    kept = b""
    async for chunk in request.stream():
        kept += chunk
        if len(kept) > BODY_CAP:
            return b""
    return kept


def _decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        raise Refusal(400, "parseError", "Invalid JSON payload received.", "global") from None


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None


def _check_issuer(account: Account, name: str) -> None:
    if issuer_of(name) not in account.issuers:
        raise Refusal(403, "permissionDenied", f"Service account {account.client_email} does not have edit access to issuer "
                                               f"{issuer_of(name)}.")


async def _nobody(object_id: str) -> None:
    """Who is not called back hears of it when they ask."""


async def _post(address: str, body: bytes) -> int:
    async with httpx2.AsyncClient(timeout=CALLBACK_SECONDS) as client:
        return (await client.post(address, content=body, headers={"Content-Type": "application/json"})).status_code
