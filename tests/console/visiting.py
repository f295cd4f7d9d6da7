"""Staff at the console, as a browser would be: a session's cookie, the hidden token of its forms, a look at every row."""
import re
from html import unescape
from typing import Any

import httpx2

from app.context import Context
from tests.shops import PASSWORD

HOST = "https://cards.example.com"
# What every request may touch: when a session was seen, and how often somebody knocked.
_NOTED = {"limit_hits"}


class Visitor:
    """Somebody who is signed in to the console."""

    def __init__(self, client: httpx2.AsyncClient, cookie: str, token: str = "") -> None:
        self.client, self.cookie, self.token = client, cookie, token

    async def get(self, path: str, language: str = "en") -> httpx2.Response:
        return await self.client.get(path, headers={"Cookie": self.cookie, "Accept-Language": language})

    async def page(self, path: str, language: str = "en") -> str:
        """The page's text as it is read, without markup."""
        answer = await self.get(path, language)
        assert answer.status_code == 200, (path, answer.status_code)
        return words_of(answer)

    async def post(self, path: str, data: dict[str, Any] | None = None, *, token: str | None = None,
                   headers: dict[str, str] | None = None) -> httpx2.Response:
        """Send a form with its hidden token, from our own page unless told otherwise."""
        fields = {"csrf": self.token if token is None else token, **(data or {})}
        sent = {"Cookie": self.cookie, "Accept-Language": "en", "Origin": HOST, **(headers or {})}
        return await self.client.post(path, data=fields, headers=sent)


async def sign_in(client: httpx2.AsyncClient, email: str) -> Visitor:
    answer = await client.post("/console/sign-in", data={"email": email, "password": PASSWORD}, headers={"Origin": HOST})
    assert answer.status_code == 303, answer.text
    visitor = Visitor(client, answer.headers["set-cookie"].split(";")[0])
    client.cookies.clear()
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', (await visitor.get("/console")).text)
    assert found is not None
    visitor.token = found[1]
    return visitor


def words_of(answer: httpx2.Response) -> str:
    """What a person reads: markup, styles and repeated spaces left out."""
    text = re.sub(r"<(style|script|svg|template)\b.*?</\1>", " ", answer.text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text))).strip()


def value_of(answer: httpx2.Response, name: str) -> str:
    """What stands in a field of the answered form."""
    found = re.search(rf'<input[^>]*\bname="{re.escape(name)}"[^>]*>', answer.text)
    assert found is not None, name
    value = re.search(r'\bvalue="([^"]*)"', found[0])
    return unescape(value[1]) if value else ""


async def rows(here: Context) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the database but what every request may touch."""
    names = [row["name"] for row in await here.db.fetch_all(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")]
    found = {}
    for name in names:
        if name not in _NOTED:
            found[name] = [tuple((key, value) for key, value in dict(row).items() if (name, key) != ("sessions", "seen_at"))
                           for row in await here.db.fetch_all(f"SELECT * FROM {name}")]
    return found


async def audited(here: Context, business_id: int) -> list[str]:
    """Actions of the audit log, the newest first."""
    return [row["action"] for row in await here.db.fetch_all(
        "SELECT action FROM audit_entries WHERE business_id = :business ORDER BY id DESC", {"business": business_id})]
