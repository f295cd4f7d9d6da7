"""The operator's pages: businesses and their limits, never anybody's customers."""
import base64
import re
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest

from app import secrets
from app.cards import service as cards
from app.db import write_transaction
from app.limits.quotas import QuotaSpent
from app.mail import service as mail
from app.mail.service import Mail
from app.operators import service
from app.privacy import held
from app.staff import totp
from app.staff.tries import WrongPassword
from tests import engines
from tests.console.visiting import HOST, Visitor, audited, sign_in, words_of
from tests.listening import listen
from tests.shops import make_card

PASSWORD = "five quiet operators"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return engines.sqlite_url(tmp_path, migrated=True)


async def begin(here, client):
    """An operator who came in by the one-time link."""
    token = secrets.new_secret()
    await write_transaction(here.db, lambda tx: service.invite(tx, here.ring, "Root@Example.com", token, here.clock.now()))
    answer = await client.post(f"/operator/link/{token}", data={"password": PASSWORD}, headers={"Origin": HOST})
    assert answer.status_code == 303 and answer.headers["location"] == "/operator"
    visitor = Visitor(client, answer.headers["set-cookie"].split(";")[0])
    client.cookies.clear()
    visitor.token = re.search(r'name="csrf" value="([0-9a-f]+)"', (await visitor.get("/operator")).text)[1]
    return SimpleNamespace(visitor=visitor, link=token)


async def test_an_operator_comes_in_by_a_link_once_and_then_by_the_password(here, client):
    known = await begin(here, client)
    again = await client.post(f"/operator/link/{known.link}", data={"password": PASSWORD}, headers={"Origin": HOST})
    assert again.status_code == 410
    assert (await client.get(f"/operator/link/{known.link}")).status_code == 410
    token = await service.sign_in(here.db, here.ring, "root@example.com", PASSWORD, "10.0.0.1", here.clock.now())
    who = await service.principal_of_session(here.db, here.ring, token, here.clock.now())
    assert (who.kind, who.business_id, who.may("agent")) == ("operator", 0, False)
    for email, password in (("root@example.com", "wrong words here"), ("nobody@example.com", PASSWORD)):
        with pytest.raises(WrongPassword):
            await service.sign_in(here.db, here.ring, email, password, "10.0.0.1", here.clock.now())
    await service.sign_out(here.db, who, here.clock.now())
    assert await service.principal_of_session(here.db, here.ring, token, here.clock.now()) is None


async def test_an_idle_operator_is_out_after_half_an_hour(here, client):
    visitor = (await begin(here, client)).visitor
    here.clock.advance(minutes=29)
    assert (await visitor.get("/operator")).status_code == 200
    here.clock.advance(minutes=31)
    answer = await visitor.get("/operator")
    assert answer.status_code == 303 and answer.headers["location"] == "/operator/sign-in"


async def test_a_business_is_made_with_a_link_for_its_owner_and_both_records_tell(here, client):
    visitor = (await begin(here, client)).visitor
    wish = {"name": "Чайная лавка", "email": "tea@example.com", "slug": "", "country": "ru", "currency": "rub",
            "time_zone": "Europe/Moscow", "language": "ru"}
    answer = await visitor.post("/operator", wish)
    link = re.search(r'id="once" value="https://[^/]+(/console/link/[^"]+)"', answer.text)[1]
    assert answer.status_code == 200 and "A sign-in link for tea@example.com." in words_of(answer)
    assert (await client.post(link, data={"password": "three calm words"}, headers={"Origin": HOST})).headers["location"] == "/console"
    client.cookies.clear()
    assert (await visitor.post("/operator", wish)).status_code in (409, 422)
    [made] = await service.businesses(here.db, here.clock.now())
    assert made.name == "Чайная лавка" and "business.founded" in await audited(here, made.id)
    assert "made a business · Чайная лавка" in await visitor.page("/operator/acts")
    assert "Root@" not in (await visitor.get("/operator/acts")).text


async def test_nobody_of_a_closed_business_comes_in_until_it_is_open_again(here, client, shop, other_shop):
    visitor, owner = (await begin(here, client)).visitor, await sign_in(client, "owner@coffee.example.com")
    address = f"/operator/businesses/{here.ids.encode('business', shop.business_id)}"
    key = {"Authorization": f"Bearer {shop.api_key}"}
    assert (await client.get("/api/v1/me", headers=key)).status_code == 200
    assert (await visitor.post(f"{address}/access", {"closed": "1"})).status_code == 303
    assert (await owner.get("/console")).status_code == 303
    assert (await client.get("/api/v1/me", headers=key)).status_code == 401
    assert (await client.post("/till/sign-in", data={"email": "cashier@coffee.example.com", "password": "three calm words"},
                              headers={"Origin": HOST})).status_code == 401
    assert (await client.get("/e/coffee")).status_code == 404
    assert (await client.get("/e/leaf")).status_code == 200
    assert "closed" in await visitor.page(address)
    await visitor.post(f"{address}/access", {"closed": ""})
    assert (await client.get("/api/v1/me", headers=key)).status_code == 200
    assert (await owner.get("/console")).status_code == 303, "a session that ended stays ended"
    assert await sign_in(client, "owner@coffee.example.com")
    assert {"business.closed", "business.opened"} <= set(await audited(here, shop.business_id))
    assert "business.closed" not in await audited(here, other_shop.business_id)


async def test_limits_are_kept_as_typed_and_a_business_with_all_its_cards_gets_no_more(here, client, shop):
    visitor = (await begin(here, client)).visitor
    address = f"/operator/businesses/{here.ids.encode('business', shop.business_id)}"
    await make_card(here, shop)
    wrong = await visitor.post(address, {"messages_day": "many", "cards": "1", "key_per_second": "-1", "storage_bytes": "9" * 30})
    assert wrong.status_code == 422 and wrong.text.count("Type a whole number, or leave the field empty.") == 3
    assert (await service.get_business(here.db, shop.business_id, here.clock.now())).cards is None
    typed = {"messages_day": "50", "cards": "1", "key_per_second": "", "storage_bytes": "3"}
    assert (await visitor.post(address, typed)).status_code == 303
    kept = await service.get_business(here.db, shop.business_id, here.clock.now())
    assert (kept.messages_day, kept.cards, kept.key_per_second, kept.storage_bytes) == (50, 1, None, 3 * 1024 * 1024)
    with pytest.raises(QuotaSpent):
        await make_card(here, shop, phone="+79161239999")
    assert await cards.count(here.db, shop.business_id) == {"active": 1}


async def test_staff_and_keys_find_no_operators_pages_and_operators_no_console(here, client, shop):
    visitor, owner = (await begin(here, client)).visitor, await sign_in(client, "owner@coffee.example.com")
    value = visitor.cookie.partition("=")[2]
    for cookie in (owner.cookie, owner.cookie.replace("tessera-console", "tessera-operator"), f"__Host-tessera-operator={'x' * 43}"):
        answer = await client.get("/operator", headers={"Cookie": cookie})
        assert answer.status_code == 303 and answer.headers["location"] == "/operator/sign-in"
    for path, kind in (("/console", "console"), ("/till", "till")):
        answer = await client.get(path, headers={"Cookie": f"__Host-tessera-{kind}={value}"})
        assert answer.status_code == 303
    assert (await client.get("/api/v1/me", headers={"Authorization": f"Bearer {value}"})).status_code == 401


async def test_no_page_of_operators_reads_a_column_that_holds_a_person(here, client, shop, database_url, monkeypatch):
    """Whatever an operator opens or sends: of tables with people in them only counts, never what seals or names somebody."""
    visitor = (await begin(here, client)).visitor
    await make_card(here, shop, name="Анна Тайная")
    asked = listen(monkeypatch)
    address = f"/operator/businesses/{here.ids.encode('business', shop.business_id)}"
    for path in ("/operator", "/operator/server", "/operator/acts", address):
        text = (await visitor.get(path)).text
        assert "Тайная" not in text and "9161231234" not in text
    await visitor.post(address, {"messages_day": "5", "cards": "", "key_per_second": "", "storage_bytes": ""})
    for closed in ("1", ""):
        await visitor.post(f"{address}/access", {"closed": closed})
    read = columns_read(database_url, asked)
    assert {("businesses", "name"), ("operator_sessions", "token_hash"), ("cards", "business_id"), ("messages", "business_id")} <= read
    # The publisher of changes reads this one by itself, for open pages: numbers of cards alone.
    personal = {each.table for each in held.HELD} - {"updates"}
    counted = {"id", "business_id", "status", "state", "created_at", ""}
    assert {(table, column) for table, column in read if table in personal and column not in counted} == set()


def columns_read(database_url, asked):
    """(table, column) of everything that the statements read, as the engine itself tells when it prepares them."""
    read = set()
    connection = sqlite3.connect(database_url.removeprefix("sqlite:///"))
    connection.set_authorizer(lambda action, table, column, *_: read.add((table, column)) or 0 if action == sqlite3.SQLITE_READ else 0)
    for sql in set(asked):
        connection.execute("EXPLAIN " + sql, dict.fromkeys(re.findall(r":(\w+)", sql)))
    connection.close()
    return read


async def test_the_server_page_tells_what_waits_in_words(here, client, shop):
    visitor = (await begin(here, client)).visitor
    sent = Mail("root@example.com", "A word", "Hello")
    await write_transaction(here.db, lambda tx: mail.queue(tx, here.ring, sent, kind="test", business_id=None, now=here.clock.now()))
    text = await visitor.page("/operator/server")
    assert "Mails to be sent 1" in text and "Messages to be sent 0" in text
    assert "Почта на отправку" in await visitor.page("/operator/server", "ru")


async def test_an_operator_with_an_app_owes_its_code_and_a_new_link_from_the_server_lets_them_begin_again(here, client):
    visitor = (await begin(here, client)).visitor
    page = await visitor.get("/operator/factor")
    key = base64.b32decode(re.search(r'new-app__key">([A-Z2-7 ]+)<', page.text)[1].replace(" ", ""))
    ticket = re.search(r'name="ticket" value="(\w+)"', page.text)[1]
    wrong = await visitor.post("/operator/factor", {"ticket": ticket, "code": "000000"})
    assert wrong.status_code == 401 and await here.db.fetch_val("SELECT COUNT(*) FROM totp_keys") == 0
    made = await visitor.post("/operator/factor", {"ticket": ticket, "code": code(here, key)})
    [first, *others] = re.findall(r'<li class="code">([\w-]+)</li>', made.text)
    assert len(others) == 9
    here.clock.advance(minutes=1)

    async def knock(typed):
        step = await client.post("/operator/sign-in", data={"email": "root@example.com", "password": PASSWORD}, headers={"Origin": HOST})
        assert step.headers["location"] == "/operator/sign-in/second" and "tessera-operator=" not in step.headers["set-cookie"]
        cookie = step.headers["set-cookie"].split(";")[0]
        asked = await client.get("/operator/sign-in/second", headers={"Cookie": cookie})
        token = re.search(r'name="csrf" value="([0-9a-f]+)"', asked.text)[1]
        answer = await client.post("/operator/sign-in/second", data={"csrf": token, "code": typed},
                                   headers={"Cookie": cookie, "Origin": HOST})
        client.cookies.clear()
        return answer

    assert (await knock("123456")).status_code == 401
    for typed in (code(here, key), first):
        answer = await knock(typed)
        assert answer.status_code == 303 and answer.headers["location"] == "/operator"
    assert (await knock(first)).status_code == 401
    assert (await visitor.post("/operator/factor/remove", {"code": "000000"})).status_code == 401
    assert await here.db.fetch_val("SELECT COUNT(*) FROM totp_keys") == 1
    await begin(here, client)
    assert await here.db.fetch_val("SELECT COUNT(*) FROM totp_keys") == 0


async def test_an_operator_removes_the_app_with_a_code_of_it(here, client):
    visitor = (await begin(here, client)).visitor
    page = await visitor.get("/operator/factor")
    key = base64.b32decode(re.search(r'new-app__key">([A-Z2-7 ]+)<', page.text)[1].replace(" ", ""))
    await visitor.post("/operator/factor", {"ticket": re.search(r'name="ticket" value="(\w+)"', page.text)[1], "code": code(here, key)})
    here.clock.advance(minutes=1)
    assert "10 recovery codes left" in words_of(await visitor.get("/operator/factor"))
    assert (await visitor.post("/operator/factor/remove", {"code": code(here, key)})).status_code == 303
    assert await service.sign_in(here.db, here.ring, "root@example.com", PASSWORD, "10.0.0.1", here.clock.now())


def code(here, key):
    return totp.code_at(key, totp.step_of(here.clock.now()))
