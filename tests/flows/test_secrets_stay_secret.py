"""Goal A7: secrets are planted, the whole way is walked with every log line kept, and then all that is left behind is searched for them."""
import io
import json
import logging
import re
import sqlite3
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app import logs
from app.clock import FixedClock
from app.context import Context
from app.demo.certificates import make_demo_certificates
from app.main import create_app
from app.secrets import KeyRing
from app.sms.console import Console
from app.sms.gateways import Result
from app.web.forms import bound_token
from tests import engines
from tests.enrolment.joining import Inbox, Joining
from tests.shops import PASSWORD, make_shop

PHONE, OTHER_PHONE = "+79161239977", "+79161239988"
NAME, EMAIL, NEW_PASSWORD = "Канареева Цветана", "canary.keeper@example.com", "yellow birds sing at dawn"
NOW = datetime.now(UTC).replace(microsecond=0)        # certificates live in the present


class Carrier(Inbox):
    """Delivers here, and says on the log what a real installation without a carrier would say."""

    def __init__(self, here: Context) -> None:
        super().__init__()
        self.console = Console(here.db, here.clock, shows_links=False)

    async def send(self, to_e164: str, text: str, sender: str, client_ref: str) -> Result:
        await self.console.send(to_e164, text, sender, client_ref)
        return await super().send(to_e164, text, sender, client_ref)


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return engines.sqlite_url(tmp_path, migrated=True)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
async def here(settings: Any, db: Any, ring: KeyRing, ids: Any, clock: FixedClock, tmp_path: Path) -> Context:
    made = make_demo_certificates(tmp_path, pass_type_identifier="pass.example.canary", team_identifier="TESSERA001",
                                  now=NOW - timedelta(days=1))
    return Context(replace(settings, apple_certificate=made.certificate.read_bytes(), apple_key=made.key.read_bytes(),
                           apple_wwdr=made.wwdr.read_bytes()), db, ring, ids, clock)


class Walk:
    """A browser, a till and a phone, what they were told in secret, and the answers that went wrong."""

    def __init__(self, here: Context, browser: httpx2.AsyncClient) -> None:
        self.here, self.browser = here, browser
        self.secrets: dict[str, str] = {"phone": PHONE[1:], "national number": PHONE[2:], "other phone": OTHER_PHONE[2:], "name": NAME,
                                        "e-mail": EMAIL, "password": PASSWORD, "new password": NEW_PASSWORD}
        self.failures: list[httpx2.Response] = []

    def keep(self, what: str, secret: str) -> str:
        assert len(secret) > 8
        self.secrets[what] = secret
        return secret

    async def sign_in(self, kind: str, email: str) -> str:
        """The hidden token of the pages behind the door."""
        answer = await self.browser.post(f"/{kind}/sign-in", data={"email": email, "password": PASSWORD})
        assert answer.status_code == 303
        token = self.keep(f"session at the {kind}", self.browser.cookies[f"__Host-tessera-{kind}"])
        return self.here.ring.lookup_hash("web.forgery", token).hex()[:32]

    async def fail(self, method: str, path: str, status: int, **sent: Any) -> None:
        answer = await self.browser.request(method, path, **sent)
        assert answer.status_code == status, (path, answer.status_code)
        self.failures.append(answer)


@pytest.fixture
async def walk(here: Context) -> AsyncIterator[Walk]:
    app = create_app(here)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport, base_url="https://cards.example.com") as browser:
        yield Walk(here, browser)


async def office(walk: Walk) -> dict[str, str]:
    """The owner makes a key and invites somebody, who sets a password. Gives the headers of the key."""
    csrf = await walk.sign_in("console", "owner@coffee.example.com")
    page = await walk.browser.post("/console/keys", data={"csrf": csrf, "name": "till", "scopes": ["admin"], "location": ""})
    key = walk.keep("API key", re.findall(r"tsk_[\w-]{43}", page.text)[0])
    page = await walk.browser.post("/console/staff", data={
        "csrf": csrf, "name": "Keeper", "email": EMAIL, "role": "manager", "location": ""})
    link = walk.keep("sign-in link", re.findall(r"/console/link/([\w-]{43})", page.text)[0])
    await walk.browser.get(f"/console/link/{link}")
    walk.browser.cookies.delete("__Host-tessera-console")
    await walk.fail("POST", f"/console/link/{link}", 422, data={"password": "short"})
    assert (await walk.browser.post(f"/console/link/{link}", data={"password": NEW_PASSWORD})).status_code == 303
    walk.keep("invited session", walk.browser.cookies["__Host-tessera-console"])
    await walk.fail("GET", f"/console/link/{link}", 410)
    return {"Authorization": f"Bearer {key}"}


async def joining_of(walk: Walk, shop: Any, key: dict[str, str]) -> tuple[Joining, str]:
    """From the poster and the till API to an active card; gives its page's path."""
    joining = Joining(walk.here, shop)
    joining.inbox = Carrier(walk.here)
    await walk.browser.post("/e/coffee", data={"phone": PHONE})
    sent = await walk.browser.post("/api/v1/enrolments", headers=key, json={
        "program": walk.here.ids.encode("program", shop.program_id), "phone": OTHER_PHONE, "name": NAME})
    assert sent.status_code == 202
    await joining.deliver()
    path = joining.inbox.path(PHONE)
    walk.keep("activation link", path.removeprefix("/a/"))
    walk.keep("other activation link", joining.inbox.path(OTHER_PHONE).removeprefix("/a/"))
    await walk.fail("POST", path, 422, data={"name": NAME})
    done = await walk.browser.post(path, data={"name": NAME, "terms": "on"})
    assert done.status_code == 303
    page = done.headers["location"]
    walk.keep("page token", page.removeprefix("/c/"))
    walk.keep("browser's cookie", next(value for name, value in walk.browser.cookies.items() if "card-" in name))
    return joining, page


async def pocket(walk: Walk, page: str) -> None:
    """The pass is fetched and registered; a stranger's token is refused."""
    contents = json.loads(zipfile.ZipFile(io.BytesIO((await walk.browser.get(f"{page}/card.pkpass")).content)).read("pass.json"))
    walk.keep("authentication token", contents["authenticationToken"])
    service = re.sub(r"^https://[^/]+", "", contents["webServiceURL"])
    at = f"{service}/v1/devices/{'d' * 32}/registrations/{contents['passTypeIdentifier']}/{contents['serialNumber']}"
    auth = {"Authorization": f"ApplePass {contents['authenticationToken']}"}
    assert (await walk.browser.post(at, json={"pushToken": "ab" * 32}, headers=auth)).status_code == 201
    await walk.browser.get(f"{service}/v1/passes/{contents['passTypeIdentifier']}/{contents['serialNumber']}", headers=auth)
    await walk.fail("DELETE", at, 401, headers={"Authorization": "ApplePass " + "x" * 32})
    walk.keep("pass's own page token", re.findall(r"/c/(\w{10,})", json.dumps(contents["storeCard"]["backFields"]))[0])


async def counter(walk: Walk, key: dict[str, str]) -> None:
    """The shopper buys, through the API and at the till; the manager looks the card up."""
    csrf = await walk.sign_in("till", "cashier@coffee.example.com")
    found = (await walk.browser.get("/api/v1/cards", params={"code": PHONE}, headers=key)).json()["items"][0]
    sold = await walk.browser.post("/api/v1/sales", headers={**key, "Idempotency-Key": "one"},
                                   json={"card": found["id"], "amount": 100_000})
    assert sold.status_code == 201
    await walk.browser.post("/till", data={"csrf": csrf, "code": PHONE})
    sale = await walk.browser.post(f"/till/cards/{found['id']}", data={"csrf": csrf, "act": "earn", "amount": "125"})
    assert sale.status_code == 303
    link = (await walk.browser.post(f"/api/v1/cards/{found['id']}/page-links", headers=key)).json()["url"]
    walk.keep("page link of the API", link.rpartition("/")[2])
    for path in ("/console", "/console/customers", f"/console/cards/{found['id']}", "/console/operations", "/console/audit"):
        assert (await walk.browser.get(path, params={"q": PHONE})).status_code == 200
    await walk.fail("POST", f"/till/cards/{found['id']}", 422, data={"csrf": csrf, "act": "earn", "amount": "nothing"})
    await walk.fail("POST", f"/till/cards/{found['id']}", 403, data={"csrf": "0" * 32, "act": "earn", "amount": "1"})


async def mishaps(walk: Walk, page: str, joining: Joining, key: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong addresses that nearly hold a secret, a wrong code, a bug, a database that fails in the middle."""
    link = walk.secrets["activation link"]
    await walk.fail("GET", page + "/none", 404)
    await walk.fail("PUT", page, 405)
    walk.browser.cookies.clear()
    await walk.fail("GET", f"/a/{link}", 410)
    await walk.browser.post(f"{page}/code")
    await joining.deliver()
    await walk.fail("POST", f"{page}/confirm", 422, data={"code": "000000"})
    await walk.fail("GET", "/api/v1/me", 401, headers={"Authorization": key["Authorization"] + "x"})
    await walk.fail("POST", "/till/sign-in", 401, data={"email": EMAIL, "password": NEW_PASSWORD + "!"})

    def breaks(*_args: Any, **_parts: Any) -> None:
        raise RuntimeError("a bug")
    for name, path, sent in (("app.customers.phones.parse_phone", "/e/coffee", {"data": {"phone": PHONE}}),
                             ("app.card_pages.service.confirm", f"{page}/confirm", {"data": {"code": "123456"}}),
                             ("app.till.service.issue_card", "/api/v1/cards", {"headers": key, "json": {
                                 "program": walk.here.ids.encode("program", 1), "customer": {"phone": PHONE, "name": NAME},
                                 "consent": {"terms": True}}})):
        with monkeypatch.context() as patched:
            patched.setattr(name, breaks)
            await walk.fail("POST", path, 500, **sent)


def lines_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [logs.JsonLines().format(record) for record in caplog.records]


def hits(secrets: dict[str, str], text: str) -> list[str]:
    """Which secrets stand in a text; also percent-encoded and escaped."""
    from urllib.parse import quote

    return [what for what, secret in secrets.items()
            if any(form in text for form in {secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1]})]


@pytest.mark.goal("A7")
async def test_no_secret_is_left_in_logs_error_pages_metrics_or_in_clear_in_the_database(
        walk: Walk, here: Context, database_url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    caplog.set_level(logging.DEBUG)
    for name in list(logging.root.manager.loggerDict):
        caplog.set_level(logging.DEBUG, name)
    shop = await make_shop(here)
    key = await office(walk)
    joining, page = await joining_of(walk, shop, key)
    await pocket(walk, page)
    await counter(walk, key)
    await mishaps(walk, page, joining, key, monkeypatch)

    lines = lines_of(caplog)
    assert len(lines) > 40, "the log was not kept, so that nothing is shown"
    # The test's own client logs what it asks for; the server's lines are what matters.
    ours = [line for line in lines if json.loads(line)["log"].split(".")[0] not in ("httpx2", "httpcore2")]
    assert sum(json.loads(line)["log"] == "tessera.access" for line in ours) > 30
    assert [(hit, line) for line in ours for hit in hits(walk.secrets, line)] == []

    typed = {"phone", "national number", "e-mail", "name"}      # what a form brings back to whom typed it
    for answer in walk.failures:
        told = hits({what: secret for what, secret in walk.secrets.items() if what not in typed}, answer.text + str(answer.headers))
        # A page behind a secret address posts back to that address.
        assert [what for what in told if answer.request.url.path.find(walk.secrets[what]) < 0] == [], answer.request.url.path
        if answer.status_code in (404, 405, 410, 500):
            assert hits(walk.secrets, answer.text) == [], answer.request.url.path
    metrics = await walk.browser.get("/metrics")
    assert metrics.status_code == 200
    assert hits(walk.secrets, metrics.text) == []
    assert in_clear(database_url, walk.secrets) == []


def in_clear(database_url: str, secrets: dict[str, str]) -> list[tuple[str, str]]:
    """(what, file) of each secret that stands in the bytes of the database, its log or its index."""
    path = Path(database_url.removeprefix("sqlite:///"))
    files = [path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")]
    found = []
    for file in files:
        content = file.read_bytes()
        found += [(what, file.suffix) for what, secret in secrets.items()
                  for form in (secret.encode(), secret.encode("utf-16-le"), secret.encode().hex().encode()) if form in content]
    return found


@pytest.mark.goal("A7")
async def test_a_folded_name_stands_in_its_own_column_alone(walk: Walk, here: Context, database_url: str) -> None:
    """Search needs it in clear; an erasure knows where it is."""
    shop = await make_shop(here)
    key = await office(walk)
    await joining_of(walk, shop, key)
    with sqlite3.connect(database_url.removeprefix("sqlite:///")) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        places = {(table, column[1]) for table in tables for column in connection.execute(f"PRAGMA table_info({table})")
                  for (value,) in connection.execute(f"SELECT {column[1]} FROM {table}")
                  if isinstance(value, str) and "канареева" in value.casefold()}
    connection.close()
    assert places == {("customers", "name_folded")}


async def test_the_log_masks_what_it_must_and_tells_the_rest(walk: Walk, here: Context, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tessera.access")
    await make_shop(here)
    for path in ("/c/AbCdEfGhJkLmNoPqRsTuVw", "/a/AbCdEfGhJkLm/not-me", "/console/link/" + "s" * 43, "/e/coffee",
                 "/k/0123456789abcdefghjkmnpqrstvw", "/c/AbCdEfGhJkLmNoPqRsTuVw/receipts/1/proof.json", "/e/coffee?friend=AbCdEfGhJkLm",
                 "/c//AbCdEfGhJkLmNoPqRsTuVw", "/C/AbCdEfGhJkLmNoPqRsTuVw"):
        await walk.browser.get(path)
    paths = [json.loads(line).get("path") for line in lines_of(caplog)]
    assert paths == ["/c/AbC…", "/a/AbC…/not-me", "/console/link/…", "/e/coffee", "/k/012…", "/c/AbC…/receipts/1/proof.json", "/e/coffee",
                     "/c/AbC…", "/C/AbC…"]


def test_a_token_of_a_page_says_nothing_of_its_address(here: Context) -> None:
    """The hidden token of a form is made from the secret by a keyed hash: it opens nothing."""
    request: Any = type("Request", (), {"app": type("App", (), {"state": type("State", (), {"context": here})})})
    assert "AbCdEfGhJkLm" not in bound_token(request, "AbCdEfGhJkLm")
