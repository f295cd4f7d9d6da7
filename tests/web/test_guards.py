"""Doors, forms, failures and headers, on a tiny application of their own."""
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from app import errors
from app.context import Context
from app.secrets import KeyRing
from app.settings import load
from app.web import forms, problems, routing
from app.web.principal import Principal
from app.web.requests import client_address, read_json
from app.web.security import SecurityMiddleware, masked_path

CASHIER = Principal(1, 1, "staff", id=5, role="cashier")
KEYS = {"reader": Principal(1, 1, "api_key", id=1, scopes=frozenset({"cards:read"})),
        "admin": Principal(1, 1, "api_key", id=2, scopes=frozenset({"admin"}))}
HOST = "https://cards.example.com"


class Body(msgspec.Struct, forbid_unknown_fields=True):
    amount: int
    name: str = ""


async def hello(request: Request) -> Response:
    return PlainTextResponse("hello")


async def taking(request: Request) -> Response:
    body, raw = await read_json(request, Body)
    return JSONResponse({"amount": body.amount, "bytes": len(raw)})


async def posting(request: Request) -> Response:
    form = await forms.read_form(request)
    forms.check_forgery(request, form, "till")
    return PlainTextResponse("done")


async def by_link(request: Request) -> Response:
    forms.check_site(request)
    return PlainTextResponse("done")


async def address(request: Request) -> Response:
    return PlainTextResponse(client_address(request))


async def token(request: Request) -> Response:
    return PlainTextResponse(forms.csrf_token(request, "till"))


async def broken(request: Request) -> Response:
    raise ZeroDivisionError("secret detail")


@pytest.fixture
async def web(ring: KeyRing, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async def of_session(request: Request, kind: str) -> Principal | None:
        return CASHIER if request.cookies.get("__Host-tessera-till") == "live" and kind == "till" else None

    async def of_key(request: Request, plain: str) -> Principal | None:
        return KEYS.get(plain)

    async def of_operator(request: Request) -> Principal | None:
        return None

    async def check_reach(request: Request, who: Principal) -> None:
        raise errors.NotFound()

    app = Starlette(
        routes=[routing.route("/api/cards", hello, who=routing.key("cards:read"), name="t:cards"),
                routing.route("/api/me", hello, who=routing.key(), name="t:me"),
                routing.route("/api/take", taking, who=routing.public, name="t:take", methods=["POST"]),
                routing.route("/till", hello, who=routing.staff("till", "cashier"), name="t:till"),
                routing.route("/till/rules", hello, who=routing.staff("till", "manager"), name="t:rules"),
                routing.route("/till/post", posting, who=routing.staff("till", "cashier"), name="t:post", methods=["POST"]),
                routing.route("/till/token", token, who=routing.public, name="t:token"),
                routing.route("/a/link", by_link, who=routing.link, name="t:link", methods=["POST"]),
                routing.route("/address.json", address, who=routing.public, name="t:address"),
                routing.route("/api/broken", broken, who=routing.public, name="t:broken")],
        middleware=[Middleware(SecurityMiddleware, https=True)],
        exception_handlers={errors.TesseraError: problems.on_failure, HTTPException: problems.on_http_exception,
                            Exception: problems.on_bug})
    settings = load({"TESSERA_URL": HOST, "TESSERA_DATA": str(tmp_path), "TESSERA_PROXIES": "10.0.0.0/8"})
    app.state.context = Context(settings, None, ring, None, None)  # type: ignore[arg-type]
    app.state.doors = routing.Doors(of_session, of_key, of_operator, check_reach)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False, client=("10.1.1.1", 5))
    async with httpx2.AsyncClient(transport=transport, base_url=HOST) as client:
        yield client


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def test_a_key_opens_only_what_its_scopes_name(web: httpx2.AsyncClient) -> None:
    assert (await web.get("/api/cards", headers=bearer("reader"))).status_code == 200
    assert (await web.get("/api/cards", headers=bearer("admin"))).status_code == 200
    assert (await web.get("/api/me", headers=bearer("reader"))).status_code == 200
    refused = await web.get("/api/cards", headers=bearer("nobody"))
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    assert refused.headers["content-type"] == "application/problem+json"
    assert (await web.get("/api/cards")).status_code == 401


async def test_staff_pages_need_a_session_and_the_role(web: httpx2.AsyncClient) -> None:
    away = await web.get("/till")
    assert (away.status_code, away.headers["location"]) == (303, "/till/sign-in")
    live = {"Cookie": "__Host-tessera-till=live"}
    assert (await web.get("/till", headers=live)).status_code == 200
    assert (await web.get("/till/rules", headers=live)).status_code == 403


async def test_a_form_without_our_token_or_from_another_site_is_refused(web: httpx2.AsyncClient) -> None:
    live = {"Cookie": "__Host-tessera-till=live", "Origin": HOST}
    good = (await web.get("/till/token", headers=live)).text
    assert (await web.post("/till/post", data={"csrf": good}, headers=live)).status_code == 200
    assert (await web.post("/till/post", data={"csrf": "x" * 32}, headers=live)).status_code == 403
    assert (await web.post("/till/post", data={}, headers=live)).status_code == 403
    for origin in ("https://evil.example", "null"):
        assert (await web.post("/till/post", data={"csrf": good}, headers={**live, "Origin": origin})).status_code == 403
    without = {"Cookie": live["Cookie"], "Sec-Fetch-Site": "cross-site"}
    assert (await web.post("/till/post", data={"csrf": good}, headers=without)).status_code == 403


@pytest.mark.parametrize(("headers", "status"), [
    ({}, 200), ({"Origin": "null"}, 200), ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, 200), ({"Sec-Fetch-Site": "none"}, 200),
    ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, 403), ({"Sec-Fetch-Site": "same-site"}, 403),
    ({"Origin": "https://evil.example"}, 403), ({"Origin": HOST}, 200),
])
async def test_pages_under_no_referrer_are_judged_by_the_site_never_by_a_null_origin(
        web: httpx2.AsyncClient, headers: dict[str, str], status: int) -> None:
    assert (await web.post("/a/link", headers=headers)).status_code == status


@pytest.mark.parametrize(("body", "status", "code", "field"), [
    (b"{", 400, "malformed_json", None), (b'{"amount": 1.5}', 422, "integer", "amount"), (b'{"amount": "5"}', 422, "integer", "amount"),
    (b'{"amount": true}', 422, "integer", "amount"), (b'{"amount": 1e309}', 422, "integer", "amount"),
    (b'{"amount": NaN}', 400, "malformed_json", None),
    (b'{"amount": 5, "balance": 7}', 422, "unknown_field", "balance"), (b"{}", 422, "required", "amount"), (b"[]", 422, "wrong_type", ""),
    (b'{"amount": 5, "name": "\xff"}', 400, "malformed_json", None), (b"[" * 30000, 422, "wrong_type", ""),
])
async def test_a_body_that_does_not_fit_is_told_which_field(
        web: httpx2.AsyncClient, body: bytes, status: int, code: str, field: str | None) -> None:
    answer = await web.post("/api/take", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert told["detail"]
    if field is None:
        assert told["code"] == code
    else:
        assert (told["errors"][0]["field"], told["errors"][0]["code"]) == (field, code)


async def test_a_body_over_its_cap_is_refused_even_when_its_length_lies(web: httpx2.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1024
    for content in (b" " * 70000, endless()):
        answer = await web.post("/api/take", content=content, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert (await web.post("/api/take", content=b"{}", headers={"Content-Type": "text/plain"})).status_code == 415


async def test_headers_over_their_cap_are_refused(web: httpx2.AsyncClient) -> None:
    assert (await web.get("/till", headers={"X-Long": "x" * 17000})).status_code == 431


async def test_a_bug_shows_a_calm_sentence_and_no_trace(web: httpx2.AsyncClient) -> None:
    answer = await web.get("/api/broken")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert answer.json()["code"] == "internal"


async def test_the_sentence_follows_the_language(web: httpx2.AsyncClient) -> None:
    answer = await web.get("/api/cards", headers={"Accept-Language": "ru"})
    assert answer.json()["detail"] != errors.Unauthenticated.detail
    assert answer.headers["vary"] == "Accept-Language"


async def test_every_answer_carries_the_guarding_headers(web: httpx2.AsyncClient) -> None:
    answer = await web.get("/till/token")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "unsafe-inline" not in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "private, no-store"
    assert "max-age" in answer.headers["strict-transport-security"]
    assert (await web.post("/a/link")).headers["referrer-policy"] == "no-referrer"


async def test_a_forwarded_address_is_believed_only_from_a_configured_proxy(web: httpx2.AsyncClient) -> None:
    told = await web.get("/address.json", headers={"X-Forwarded-For": "6.6.6.6, 203.0.113.7, 10.2.2.2"})
    assert told.text == "203.0.113.7"


def test_secrets_in_paths_never_reach_the_log() -> None:
    assert masked_path("/a/AbCdEfGhJkLm") == "/a/AbC…"
    assert masked_path("/c/AbCdEfGhJkLm/card.pkpass") == "/c/AbC…/card.pkpass"
    assert masked_path("/k/AbCdEfGhJkLm/redeem") == "/k/AbC…/redeem"
    assert masked_path("/console/link/verysecret") == "/console/link/…"
