"""“Lost your phone?” on the enrolment page: a member's number brings a link, and strangers learn nothing."""
import re

import pytest

from app.db import Database, Transaction
from app.db.sqlite import SQLiteTransaction
from tests.enrolment.joining import ANNA
from tests.shops import make_card

EN = {"accept-language": "en"}


@pytest.fixture
async def lost(here, shop, client):
    slug = await here.db.fetch_val("SELECT slug FROM programs WHERE id = :id", {"id": shop.program_id})
    return f"/e/coffee/{slug}/lost"


def text_of(answer) -> str:
    """The page without what is drawn for each answer alone."""
    return re.sub(r'nonce="[^"]*"', "", answer.text)


async def test_the_enrolment_page_leads_there(client, lost):
    assert f'href="{lost}"' in (await client.get("/e/coffee")).text
    assert "Lost your phone?" in (await client.get(lost, headers=EN)).text


async def test_a_members_number_brings_a_link_to_where_another_card_is_asked_for(client, here, shop, joining, lost):
    await make_card(here, shop)
    assert (await client.post(lost, data={"phone": ANNA}, headers=EN)).status_code == 200
    await joining.deliver()
    page = joining.inbox.path()
    assert page.endswith("/lost")
    assert "First we send six digits" in (await client.get(page, headers=EN)).text


async def test_a_strangers_number_gets_the_same_page_and_no_message(client, here, shop, joining, lost):
    await make_card(here, shop)
    member = await client.post(lost, data={"phone": ANNA}, headers=EN)
    stranger = await client.post(lost, data={"phone": "+79169991234"}, headers=EN)
    assert text_of(member) == text_of(stranger) and "If a card belongs" in stranger.text
    await joining.deliver()
    assert [to for to, _ in joining.inbox.messages] == [ANNA]
    assert await here.db.fetch_val("SELECT COUNT(*) FROM enrolments") == 0


async def test_what_is_no_number_is_said_so(client, lost):
    answer = await client.post(lost, data={"phone": "12"}, headers=EN)
    assert answer.status_code == 422 and 'aria-invalid="true"' in answer.text


async def test_messages_to_a_number_have_their_gap_and_asking_has_an_end(client, here, shop, joining, lost):
    await make_card(here, shop)
    for _ in range(12):
        assert (await client.post(lost, data={"phone": ANNA}, headers=EN)).status_code == 200
    here.clock.advance(minutes=2)
    assert (await client.post(lost, data={"phone": ANNA}, headers=EN)).status_code == 200
    await joining.deliver()
    assert len(joining.inbox.messages) == 1
    here.clock.advance(hours=1)
    await client.post(lost, data={"phone": ANNA}, headers=EN)
    await joining.deliver()
    assert len(joining.inbox.messages) == 2


async def test_another_site_asks_for_nothing(client, here, shop, joining, lost):
    await make_card(here, shop)
    refused = await client.post(lost, data={"phone": ANNA}, headers={"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"})
    assert refused.status_code == 403
    await joining.deliver()
    assert joining.inbox.messages == []


class Wire:
    """Sends a form to the application and counts what the database was asked, until the last byte of the answer and altogether."""

    def __init__(self, monkeypatch) -> None:
        self.asked = self.before_answer = 0
        for kind in (Database, Transaction, SQLiteTransaction):
            for name in ("fetch_one", "fetch_all", "fetch_val", "execute"):
                if name in vars(kind):
                    monkeypatch.setattr(kind, name, self._counted(getattr(kind, name)))

    def _counted(self, method):
        async def counted(*given, **named):
            self.asked += 1
            return await method(*given, **named)
        return counted

    async def post(self, app, path: str, form: bytes) -> tuple[int, int]:
        """(asked before the answer was whole, asked altogether)"""
        self.asked = self.before_answer = 0
        body = [{"type": "http.request", "body": form, "more_body": False}]

        async def receive():
            return body.pop() if body else {"type": "http.disconnect"}

        async def send(message):
            if message["type"] == "http.response.body" and not message.get("more_body"):
                self.before_answer = self.asked

        headers = [(b"host", b"cards.example.com"), (b"content-type", b"application/x-www-form-urlencoded"), (b"accept-language", b"en")]
        await app({"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers,
                   "scheme": "https", "server": ("cards.example.com", 443), "client": ("203.0.113.9", 1), "http_version": "1.1",
                   "root_path": ""}, receive, send)
        return self.before_answer, self.asked


async def test_a_known_number_costs_no_more_time_before_the_answer_than_an_unknown_one(client, here, shop, joining, lost, monkeypatch):
    await make_card(here, shop)
    wire, app = Wire(monkeypatch), client._transport.app
    await wire.post(app, lost, b"phone=%2B79035550000")           # what is read once a process is read
    unknown, known = [await wire.post(app, lost, b"phone=" + number) for number in (b"%2B79169991234", ANNA.replace("+", "%2B").encode())]
    assert known[0] == unknown[0] > 0
    assert known[1] > unknown[1] > unknown[0]                     # the difference is there, but after the answer
    await joining.deliver()
    assert [to for to, _ in joining.inbox.messages] == [ANNA]
