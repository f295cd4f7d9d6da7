"""Your account at the console: the second factor, the sessions, the way back by mail, and the question whether it is still you."""
import json
import re
from html import unescape

import pytest

from app.errors import TooMany
from app.staff import passwords, totp
from app.staff import service as staff
from tests.console.visiting import HOST, Visitor, audited, rows, sign_in, words_of
from tests.shops import PASSWORD

DOOR, SECOND, ACCOUNT, FORGOT = "/console/sign-in", "/console/sign-in/second", "/console/account", "/console/forgot"
OWNER, MANAGER = "owner@coffee.example.com", "manager@coffee.example.com"


@pytest.fixture
def mailing(here):
    """The server has a mail server to send by."""
    object.__setattr__(here.settings, "smtp", "smtp://mail.example.com:587")


def cookies_of(answer) -> dict[str, str]:
    """Name → value of the cookies that an answer sets; dropped ones are left out."""
    pairs = [each.split(";")[0].partition("=") for each in answer.headers.get_list("set-cookie")]
    return {name: value.strip('"') for name, _, value in pairs if value.strip('"')}


def hidden(answer, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]+)"', answer.text)
    assert found is not None, name
    return unescape(found[1])


def key_of(answer) -> bytes:
    """The key of an app, as a person types it from the page."""
    import base64

    text = re.search(r'new-app__key">([A-Z2-7 ]+)<', answer.text)[1].replace(" ", "")
    return base64.b32decode(text)


def code(clock, key: bytes) -> str:
    return totp.code_at(key, totp.step_of(clock.now()))


async def knock(client, email=OWNER, password=PASSWORD, path=DOOR, **headers):
    answer = await client.post(path, data={"email": email, "password": password},
                               headers={"Origin": HOST, "Accept-Language": "en", **headers})
    client.cookies.clear()
    return answer


async def set_up(owner, clock) -> tuple[bytes, list[str]]:
    """An app for whoever is signed in; its key and the recovery codes."""
    page = await owner.get(ACCOUNT + "/app")
    key = key_of(page)
    done = await owner.post(ACCOUNT + "/app", {"ticket": hidden(page, "ticket"), "code": code(clock, key)})
    assert done.status_code == 200, words_of(done)
    clock.advance(minutes=1)
    return key, re.findall(r'<li class="code">([\w-]+)</li>', done.text)


async def second(client, answer, typed):
    """What the second page is sent, with the step's own cookie and token."""
    cookie = "; ".join(f"{name}={value}" for name, value in cookies_of(answer).items())
    page = await client.get(SECOND, headers={"Cookie": cookie, "Accept-Language": "en"})
    assert page.status_code == 200
    done = await client.post(SECOND, data={"csrf": hidden(page, "csrf"), "code": typed}, headers={
        "Cookie": cookie, "Origin": HOST, "Accept-Language": "en"})
    client.cookies.clear()
    return page, done


async def test_an_app_is_set_up_by_typing_its_code_and_asked_for_at_the_next_door(client, here, shop, clock, owner, mailing):
    page = await owner.get(ACCOUNT + "/app")
    before = await rows(here)
    wrong = await owner.post(ACCOUNT + "/app", {"ticket": hidden(page, "ticket"), "code": "000000"})
    assert wrong.status_code == 401 and key_of(wrong) == key_of(page) and await rows(here) == before
    key, codes = await set_up(owner, clock)
    assert len(codes) == 10 and "10 left" in await owner.page(ACCOUNT)
    assert "no-store" in page.headers["cache-control"] and (await audited(here, shop.business_id))[0] == "staff.factor_added"
    assert await here.db.fetch_val("SELECT COUNT(*) FROM mails WHERE kind = 'staff.changed'") == 1
    step = await knock(client)
    assert step.status_code == 303 and step.headers["location"] == SECOND
    assert [name for name in cookies_of(step)] == ["__Host-tessera-step"]
    cookie = step.headers["set-cookie"].lower()
    assert all(part in cookie for part in ("httponly", "secure", "samesite=lax", "max-age=600"))
    page, refused = await second(client, step, "123456")
    assert "Now the six digits" in words_of(page) and refused.status_code == 401 and "__Host-tessera-console" not in cookies_of(refused)
    _, done = await second(client, step, code(clock, key))
    assert done.status_code == 303 and done.headers["location"] == "/console" and list(cookies_of(done)) == ["__Host-tessera-console"]
    _, again = await second(client, await knock(client), codes[3].upper())
    assert again.status_code == 303 and cookies_of(again)


async def test_the_till_asks_for_the_second_factor_too(client, clock, owner):
    key, _ = await set_up(owner, clock)
    step = await knock(client, path="/till/sign-in")
    assert step.headers["location"] == SECOND
    _, done = await second(client, step, code(clock, key))
    assert done.headers["location"] == "/till" and list(cookies_of(done)) == ["__Host-tessera-till"]


@pytest.mark.goal("A5")
async def test_the_step_is_no_session_and_without_it_its_page_leads_to_the_door(client, here, clock, owner):
    await set_up(owner, clock)
    step = await knock(client)
    [token] = cookies_of(step).values()
    assert (await client.get("/console", headers={"Cookie": f"__Host-tessera-console={token}"})).status_code == 303
    for cookie in ("", "__Host-tessera-step=nonsense"):
        lost = await client.get(SECOND, headers={"Cookie": cookie})
        assert lost.status_code == 303 and lost.headers["location"] == DOOR
    before = await rows(here)
    for sent in ({"Origin": "https://evil.example"}, {"Origin": HOST}):
        forged = await client.post(SECOND, data={"code": "1", "csrf": "0" * 32}, headers={
            "Cookie": f"__Host-tessera-step={token}", **sent})
        assert forged.status_code == 403
    assert await rows(here) == before


@pytest.mark.goal("A5")
async def test_an_id_that_a_browser_brought_along_is_never_taken_over(client, here, shop):
    for brought in ("chosen-by-somebody-else", "x" * 43):
        answer = await knock(client, Cookie=f"__Host-tessera-console={brought}")
        assert cookies_of(answer)["__Host-tessera-console"] != brought
        assert (await client.get("/console", headers={"Cookie": f"__Host-tessera-console={brought}"})).status_code == 303


async def test_the_page_lists_where_one_is_signed_in_and_ends_others_at_once(client, here, shop, owner):
    other = await sign_in(client, OWNER)
    text = await owner.page(ACCOUNT)
    assert "this one" in text and "with a password" in text
    actions = re.findall(r'action="(/console/account/sessions/ses_\w+/end)"', (await owner.get(ACCOUNT)).text)
    assert len(actions) == 1
    assert (await owner.post(actions[0])).status_code == 303
    assert (await other.get("/console")).status_code == 303 and (await owner.get("/console")).status_code == 200
    assert (await owner.post(actions[0])).status_code == 404
    third, manager = await sign_in(client, OWNER), await sign_in(client, MANAGER)
    [foreign] = re.findall(r'action="(/console/account/sessions/ses_\w+/end)"', (await owner.get(ACCOUNT)).text)
    assert (await manager.post(foreign)).status_code == 404
    await owner.post(ACCOUNT + "/sessions/end")
    assert (await third.get("/console")).status_code == 303 and (await manager.get("/console")).status_code == 200
    assert (await audited(here, shop.business_id))[0] == "staff.sessions_ended"


@pytest.mark.goal("A5")
async def test_what_is_dangerous_asks_again_after_ten_minutes_and_the_answer_gives_a_new_id(client, here, clock, owner):
    clock.advance(minutes=10)
    asked = await owner.get(ACCOUNT + "/app")
    assert asked.status_code == 303 and asked.headers["location"] == "/console/confirm?next=%2Fconsole%2Faccount%2Fapp"
    before = await rows(here)
    assert (await owner.post(ACCOUNT + "/rule", {"required": "yes"})).headers["location"].startswith("/console/confirm")
    told = await owner.post(ACCOUNT + "/passkeys/options")
    assert told.json() == {"to": "/console/confirm?next=/console/account"}
    wrong = await owner.post("/console/confirm", {"typed": "not this one", "next": ACCOUNT})
    assert wrong.status_code == 401 and await rows(here) == before
    done = await owner.post("/console/confirm", {"typed": PASSWORD, "next": ACCOUNT + "/app"})
    assert done.status_code == 303 and done.headers["location"] == ACCOUNT + "/app"
    client.cookies.clear()
    assert (await owner.get("/console")).status_code == 303
    newer = Visitor(client, done.headers["set-cookie"].split(";")[0])
    assert (await newer.get(ACCOUNT + "/app")).status_code == 200


@pytest.mark.parametrize("onward", ["https://evil.example", "//evil.example", "/console/../till", "/console\\evil", "/till",
                                    "/console?x=1", ""])
async def test_a_confirmation_leads_to_pages_of_the_console_alone(owner, onward):
    done = await owner.post("/console/confirm", {"typed": PASSWORD, "next": onward})
    assert done.headers["location"] == "/console"


async def test_where_the_owner_wants_it_the_next_sign_in_sets_an_app_up(client, here, clock, owner):
    standing = await sign_in(client, MANAGER)
    assert (await owner.post(ACCOUNT + "/rule", {"required": "yes"})).status_code == 303
    assert (await standing.get("/console")).status_code == 200
    assert (await standing.post(ACCOUNT + "/rule", {})).status_code == 403
    step = await knock(client, MANAGER)
    cookie = "; ".join("=".join(pair) for pair in cookies_of(step).items())
    page = await client.get(SECOND, headers={"Cookie": cookie, "Accept-Language": "en"})
    assert "Set up a second factor" in words_of(page) and MANAGER in unescape(page.text)
    _, done = await second(client, step, code(clock, key_of(page)))
    assert done.status_code == 200 and "Keep these ten codes" in words_of(done)
    assert list(cookies_of(done)) == ["__Host-tessera-console"]
    assert (await knock(client, "cashier@coffee.example.com", path="/till/sign-in")).headers["location"] == "/till"


async def test_name_and_language_are_ones_own_and_the_language_waits_at_every_door(client, here, shop, owner):
    kept = await owner.post(ACCOUNT, {"name": "Анна П.", "language": "ru"})
    assert kept.status_code == 303 and "lang=ru" in kept.headers["set-cookie"]
    assert "Анна П." in await owner.page(ACCOUNT)
    elsewhere = await knock(client)
    assert cookies_of(elsewhere)["lang"] == "ru"
    before = await rows(here)
    for typed in ({"name": "", "language": "ru"}, {"name": "x", "language": "de"}):
        assert (await owner.post(ACCOUNT, typed)).status_code == 422
    assert await rows(here) == before


async def test_without_a_factor_there_are_no_codes_and_the_app_can_be_removed(here, clock, owner):
    assert (await owner.post(ACCOUNT + "/codes")).status_code == 404
    _, codes = await set_up(owner, clock)
    renewed = await owner.post(ACCOUNT + "/codes")
    assert renewed.status_code == 200 and codes[0] not in renewed.text
    assert (await owner.post(ACCOUNT + "/app/remove")).status_code == 303
    assert "Now a password alone opens your account" in await owner.page(ACCOUNT)


async def test_a_key_of_an_app_that_waited_too_long_or_is_another_persons_is_refused(client, here, clock, owner):
    page, other = await owner.get(ACCOUNT + "/app"), await sign_in(client, MANAGER)
    stolen = await other.post(ACCOUNT + "/app", {"ticket": hidden(page, "ticket"), "code": code(clock, key_of(page))})
    assert stolen.status_code == 410 and key_of(stolen) != key_of(page)
    assert await here.db.fetch_val("SELECT COUNT(*) FROM totp_keys") == 0


@pytest.mark.parametrize("path", ["/console/keys", "/console/staff", "/console/keys/{key}/rotate", "/console/staff/{staff}/link",
                                  "/console/staff/{staff}", "/console/staff/{staff}/factors"])
async def test_keys_and_access_for_others_are_given_by_somebody_who_is_surely_still_there(here, shop, clock, owner, path):
    path = path.format(key=here.ids.encode("api_key", shop.key_principal.id), staff=here.ids.encode("staff", shop.cashier.id))
    clock.advance(minutes=11)
    before = await rows(here)
    asked = await owner.post(path, {"name": "x", "email": "x@example.com", "role": "cashier", "scopes": "cards:read"})
    assert asked.status_code == 303 and asked.headers["location"].startswith("/console/confirm?next=") and await rows(here) == before


async def test_an_owner_lets_somebody_begin_again_who_lost_the_phone(client, here, shop, clock, owner, mailing):
    manager = await sign_in(client, MANAGER)
    await set_up(manager, clock)
    staff_id = here.ids.encode("staff", await here.db.fetch_val("SELECT id FROM staff WHERE role = 'manager'"))
    assert "Phone or passkey lost?" in await owner.page(f"/console/staff/{staff_id}")
    done = await owner.post(f"/console/staff/{staff_id}/factors")
    assert done.headers["location"] == "/console/staff?done=cleared"
    assert (await manager.get("/console")).status_code == 303
    assert (await knock(client, MANAGER)).headers["location"] == "/console"
    assert "Phone or passkey lost?" not in await owner.page(f"/console/staff/{staff_id}")
    assert await here.db.fetch_val("SELECT COUNT(*) FROM mails WHERE kind = 'staff.changed'") == 2


async def test_an_invitation_goes_by_mail_and_is_shown_only_where_there_is_none(client, here, shop, owner, mailing):
    wish = {"name": "Nina", "email": "nina@coffee.example.com", "role": "manager", "location": ""}
    sent = await owner.post("/console/staff", wish)
    assert sent.status_code == 200 and "on its way to nina@coffee.example.com" in words_of(sent) and "/console/link/" not in sent.text
    [row] = await here.db.fetch_all("SELECT id, kind, text_sealed FROM mails")
    assert row["kind"] == "staff.invitation"
    used = await client.post(link_in(here, row["text_sealed"], row["id"]), data={"password": PASSWORD}, headers={"Origin": HOST})
    assert used.status_code == 303 and used.headers["location"] == "/console"


# Forgot the password.

async def forget(client, email, **headers):
    answer = await client.post(FORGOT, data={"email": email}, headers={"Origin": HOST, "Accept-Language": "en", **headers})
    client.cookies.clear()
    return answer


def link_in(here, sealed, mail_id) -> str:
    text = json.loads(here.ring.open_text("mail.text", bytes(sealed), str(mail_id).encode()))["text"]
    return re.search(r"https://cards\.example\.com(/console/link/\S+)", text)[1]


@pytest.mark.goal("A6")
async def test_a_way_back_comes_bymailing_and_the_page_says_the_same_to_everybody(client, here, shop, owner, mailing):
    told = [await forget(client, email) for email in (OWNER, "nobody@coffee.example.com", "no address", "")]
    assert len({(answer.status_code, answer.headers["location"], answer.text) for answer in told}) == 1
    shown = await client.get(told[0].headers["location"], headers={"Accept-Language": "en"})
    assert "a link is on its way" in words_of(shown) and OWNER not in shown.text
    [row] = await here.db.fetch_all("SELECT id, text_sealed FROM mails")
    link = link_in(here, row["text_sealed"], row["id"])
    assert (await client.get(link)).status_code == 200 and (await owner.get("/console")).status_code == 200
    used = await client.post(link, data={"password": "four other calm words"}, headers={"Origin": HOST})
    client.cookies.clear()
    assert used.status_code == 303 and (await owner.get("/console")).status_code == 303
    assert (await client.get(link)).status_code == 410
    assert await here.db.fetch_val("SELECT COUNT(*) FROM mails WHERE kind = 'staff.changed'") == 1


async def test_asking_for_links_is_limited_and_says_when_to_come_back(client, here, shop, mailing):
    for _ in range(20):
        assert (await forget(client, OWNER)).status_code == 303
    late = await forget(client, OWNER)
    assert late.status_code == 429 and int(late.headers["retry-after"]) > 0
    assert await here.db.fetch_val("SELECT COUNT(*) FROM mails") == 3


async def test_a_server_withoutmailing_says_who_helps(client, here, shop):
    page = await client.get(FORGOT, headers={"Accept-Language": "en"})
    assert "Ask an owner of your business" in words_of(page) and "<form" not in page.text.partition("sign__foot")[0]
    assert (await forget(client, OWNER)).status_code == 303 and await here.db.fetch_val("SELECT COUNT(*) FROM sign_in_links") == 0


async def test_another_site_sends_nobody_a_link_and_asks_for_no_passkey(client, here, shop, mailing):
    before = await rows(here)
    for path in (FORGOT, "/console/sign-in/passkey", "/console/sign-in/passkey/options"):
        assert (await client.post(path, data={"email": OWNER}, headers={"Origin": "https://evil.example"})).status_code == 403
    assert await rows(here) == before


@pytest.mark.parametrize("credential", ["", "{}", "[]", "null", "[" * 9_000, '{"rawId": 5}', '{"id": "AA", "rawId": "AA", "response": {}}'])
async def test_what_is_no_passkey_opens_nothing(client, here, shop, owner, credential):
    ticket = (await client.post("/console/sign-in/passkey/options", headers={"Origin": HOST})).json()["ticket"]
    made = (await owner.post(ACCOUNT + "/passkeys/options")).json()["ticket"]
    before = await rows(here)
    for given in (ticket, "00", "zz", ""):
        answer = await client.post("/console/sign-in/passkey", data={"ticket": given, "credential": credential}, headers={"Origin": HOST})
        assert answer.status_code == 401 and not answer.headers.get("set-cookie")
    assert (await owner.post(ACCOUNT + "/passkeys", {"ticket": made, "credential": credential, "name": "x"})).status_code == 401
    assert await rows(here) == before


@pytest.mark.goal("A6")
@pytest.mark.parametrize("addresses", [1, 100])
async def test_a_thousand_wrong_passwords_get_ten_looks_in_a_quarter_of_an_hour_and_the_owner_still_comes_in(
        client, here, shop, clock, monkeypatch, mailing, addresses):
    """argon2 is stubbed: what counts is how often it was asked. Known and unknown accounts cost the same looks, words and statements."""
    looked: list[str | None] = []
    real = passwords._verify
    monkeypatch.setattr(passwords, "_verify", lambda password, stored: looked.append(stored))
    told = {}
    for email in (OWNER, "nobody@coffee.example.com"):
        looked.clear()
        answers = []
        for number in range(1_000):
            with pytest.raises((staff.WrongPassword, TooMany)) as raised:
                await staff.sign_in(here.db, here.ring, email, f"guess {number}", "console", f"10.0.{addresses}.{number % addresses}",
                                    clock.now())
            answers.append((type(raised.value), raised.value.detail, bool(raised.value.retry_after)))
        told[email] = (len(looked), answers)
    assert told[OWNER] == told["nobody@coffee.example.com"] and told[OWNER][0] == 10
    monkeypatch.setattr(passwords, "_verify", real)
    # Never for good: the mailbox opens it now, and whoever waits comes in by the password.
    await forget(client, OWNER)
    [row] = await here.db.fetch_all("SELECT id, text_sealed FROM mails")
    link = link_in(here, row["text_sealed"], row["id"])
    assert (await client.post(link, data={"password": "four other calm words"}, headers={"Origin": HOST})).status_code == 303
    client.cookies.clear()
    clock.advance(minutes=15)
    assert (await knock(client, password="four other calm words")).status_code == 303
