"""The enrolment page and the activation link as browsers, scanners and strangers meet them."""
import logging
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from app.db import write_transaction
from app.enrolment import service
from app.enrolment.rules import ProgramClosing
from app.enrolment.service import Wish
from app.sales import closing
from app.sms import service as sms
from tests import engines
from tests.enrolment.joining import ANNA, TERMS, Joining

JOIN = "/e/coffee/points"
# People who never tap: every one of these fetches links by itself.
PREVIEWS = [
    "TelegramBot (like TwitterBot)", "WhatsApp/2.24.1 A", "facebookexternalhit/1.1", "Twitterbot/1.0", "Slackbot-LinkExpanding 1.0",
    "Discordbot/2.0", "LinkedInBot/1.0", "Googlebot/2.1", "bingbot/2.0", "YandexBot/3.0", "Applebot/0.1", "SkypeUriPreview Preview/0.5",
    "vkShare; +http://vk.com/dev/Share", "Viber/13", "GoogleImageProxy", "Barracuda Sentinel", "Mimecast", "Microsoft Office/16 SafeLinks",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/604.1", "curl/8.5"]


@pytest.fixture
def database_url(tmp_path):
    """What pages add is the same on both engines; what stands behind them is tested on both."""
    return engines.sqlite_url(tmp_path, migrated=True)


@pytest.fixture
def site(client, joining: Joining):
    """A browser (client), with a shop and a carrier."""
    return client


async def ask(site, joining, phone=ANNA, path=JOIN, **parts):
    answer = await site.post(path, data={"phone": phone}, **parts)
    await joining.deliver()
    return answer


async def invited(site, joining) -> str:
    """The path of a fresh activation link."""
    await ask(site, joining)
    return joining.inbox.path()


def as_seen(answer) -> tuple:
    """What a browser gets."""
    return answer.status_code, answer.content, dict(answer.headers)


async def test_the_page_shows_the_card_asks_for_a_number_and_changes_nothing(site, joining):
    before = await joining.counts()
    for path in ("/e/coffee", JOIN):
        answer = await site.get(path, headers={"accept-language": "en"})
        assert answer.status_code == 200
        assert 'name="phone"' in answer.text and "required" in answer.text and "pass__" in answer.text
        assert answer.headers["cache-control"] == "private, no-store"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert await joining.counts() == before


@pytest.mark.parametrize("path", ["/e/nobody", "/e/coffee/nothing", "/e/COFFEE", "/e/coffee'--", "/e/%2e%2e/points"])
async def test_an_unknown_page_is_404(site, path):
    assert (await site.get(path)).status_code == 404


async def test_the_language_follows_the_browser_then_the_business(site):
    assert '<html lang="en"' in (await site.get(JOIN, headers={"accept-language": "en-GB"})).text
    assert '<html lang="ru"' in (await site.get(JOIN, headers={"accept-language": "ru"})).text
    assert '<html lang="en"' in (await site.get(JOIN, headers={"accept-language": "de"})).text


async def test_a_new_number_a_member_and_a_number_over_its_limit_see_one_and_the_same_page(site, joining):
    new = await ask(site, joining)
    over = await ask(site, joining)
    path = joining.inbox.path()
    await site.post(path, data=TERMS)
    joining.here.clock.advance(minutes=2)
    member = await ask(site, joining)
    assert joining.inbox.path().startswith("/c/")

    def plain(answer):
        return answer.status_code, re.sub(r'nonce="[^"]+"', "", answer.text)
    assert new.status_code == 200
    assert plain(new) == plain(over) == plain(member)


async def test_a_wrong_number_comes_back_with_a_sentence_and_what_was_typed(site, joining):
    before = await joining.counts()
    for phone in ("", "12345", "8 495 123-45-67", "+89123456789", "+7 701 234 56 78", "x" * 1000, "<script>alert(1)</script>", "{{7*7}}"):
        answer = await ask(site, joining, phone, headers={"accept-language": "en"})
        assert answer.status_code == 422, phone
        assert 'role="alert"' in answer.text
        assert "<script>alert" not in answer.text and ">49<" not in answer.text
    assert 'value="12345"' in (await ask(site, joining, "12345")).text
    assert await joining.counts() == before


async def test_a_body_over_the_cap_is_413(site, joining):
    assert (await site.post(JOIN, data={"phone": "1" * 200_000})).status_code == 413


async def test_another_sites_form_cannot_make_us_text_somebody(site, joining):
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert (await ask(site, joining, headers=headers)).status_code == 403
    assert joining.inbox.messages == []


async def test_the_poster_is_remembered_and_counted(site, joining):
    await ask(site, joining, path=f"{JOIN}?from=door")
    [row] = await joining.all("enrolments")
    assert (row["source"], row["poster"]) == ("poster", "door")
    answer = await site.get(f"{JOIN}?from=door")
    assert f'action="{JOIN}?from=door"' in answer.text


async def test_a_silent_refusal_stands_in_the_log_without_the_number(site, joining, caplog):
    caplog.set_level(logging.WARNING)
    await ask(site, joining)
    await ask(site, joining)
    assert "limit:sms.phone" in caplog.text and "9161231234" not in caplog.text


@pytest.mark.goal("S1")
async def test_a_thousand_previews_change_nothing_and_the_human_gets_the_card(site, joining):
    await joining.start(name="Анна")
    path = joining.inbox.path()
    before = await joining.counts()
    for number in range(1000):
        agent = {"user-agent": PREVIEWS[number % len(PREVIEWS)]}
        answer = await (site.head if number % 3 == 0 else site.get)(path, headers=agent)
        assert answer.status_code == 200
    assert await joining.counts() == before
    answer = await site.post(path, data={**TERMS, "name": "Анна"})
    assert answer.status_code == 303 and answer.headers["location"].startswith("/c/")


async def test_the_link_shows_the_brand_and_two_digits_and_nothing_personal(site, joining):
    told = await joining.start(name="Анна")
    answer = await site.get(joining.inbox.path())
    for secret in ("Анна", ANNA, "9161231234", str(told.card_id) + "</"):
        assert secret not in answer.text
    assert ">34<" in answer.text
    assert re.search(r'name="terms"[^>]*required', answer.text) and not re.search(r'name="marketing"[^>]*(required|checked)', answer.text)
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["x-robots-tag"] == "noindex, nofollow"
    assert re.findall(r'<meta property="og:[^>]+>', answer.text) == ['<meta property="og:title" content="Coffee corner">']


async def test_a_form_without_the_terms_comes_back_with_its_sentence_and_the_typed_name(site, joining):
    path = await invited(site, joining)
    before = await joining.counts()
    answer = await site.post(path, data={"name": "Анна <b>", "marketing": "on"}, headers={"accept-language": "en"})
    assert answer.status_code == 422
    assert 'value="Анна &lt;b&gt;"' in answer.text
    assert 'id="terms-error"' in answer.text
    assert re.search(r'name="marketing"[^>]*checked', answer.text)
    assert await joining.counts() == before
    assert (await site.post(path, data={**TERMS, "name": "Анна"})).status_code == 303


@pytest.mark.parametrize("name", ["а" * 65_000, "a\u202eb", "a\x00b"])
async def test_a_name_that_cannot_be_shown_comes_back_with_a_sentence(site, joining, name):
    path = await invited(site, joining)
    answer = await site.post(path, data={**TERMS, "name": name})
    assert answer.status_code in (413, 422)
    assert (await site.post(path, data=TERMS)).status_code == 303


@pytest.mark.goal("S3")
async def test_expired_used_and_unknown_links_are_one_page_to_the_byte(site, joining):
    used = await invited(site, joining)
    await site.post(used, data=TERMS)
    site.cookies.clear()
    refused = (await ask(site, joining, "+79031112233"), joining.inbox.path("+79031112233"))[1]
    await site.post(f"{refused}/not-me")
    expired = (await ask(site, joining, "+79051112233"), joining.inbox.path("+79051112233"))[1]
    joining.here.clock.advance(days=7)
    answers = [as_seen(await site.get(path)) for path in (used, refused, expired, "/a/123456789ABC", "/a/x", "/a/0OIl0OIl0OIl")]
    assert answers[0][0] == 410
    assert all(answer == answers[0] for answer in answers)
    posts = [as_seen(await site.post(path, data=TERMS)) for path in (used, refused, expired, "/a/123456789ABC")]
    assert all(post == answers[0] for post in posts)
    again = [as_seen(await site.post(path, data={"again": "1"})) for path in (used, refused, expired, "/a/123456789ABC")]
    assert again[0][0] == 200
    assert all(answer == again[0] for answer in again)


async def test_the_dead_links_page_sends_a_new_link_to_the_registered_number(site, joining):
    path = await invited(site, joining)
    joining.here.clock.advance(days=8)
    page = await site.get(path)
    assert page.status_code == 410 and 'name="again"' in page.text
    await site.post(path, data={"again": "1"})
    await joining.deliver()
    assert joining.inbox.path() != path
    assert (await site.post(joining.inbox.path(), data=TERMS)).status_code == 303


async def test_the_browser_that_used_the_link_is_taken_to_its_card_and_others_are_not(site, joining):
    path = await invited(site, joining)
    done = await site.post(path, data=TERMS)
    assert "HttpOnly" in done.headers["set-cookie"] and "Secure" in done.headers["set-cookie"] and "__Host-" in done.headers["set-cookie"]
    again = await site.get(path)
    assert (again.status_code, again.headers["location"]) == (303, done.headers["location"])
    assert (await site.post(path, data=TERMS)).headers["location"] == done.headers["location"]
    site.cookies.clear()
    assert (await site.get(path)).status_code == 410


@pytest.mark.goal("S5")
async def test_a_stranger_presses_not_me_and_is_told_that_it_is_over(site, joining):
    await joining.start(name="Борис")
    path = joining.inbox.path()
    answer = await site.post(f"{path}/not-me")
    assert answer.status_code == 200 and "Борис" not in answer.text
    assert (await site.get(path)).status_code == 410
    follow = await site.post(f"{path}/not-me")
    assert (follow.status_code, follow.headers["location"]) == (303, path)
    joining.here.clock.advance(days=2)
    with pytest.raises(sms.Suppressed):
        await joining.start()


@pytest.mark.parametrize(("headers", "status"), [
    ({"origin": "null"}, 303), ({"origin": "null", "sec-fetch-site": "same-origin"}, 303), ({}, 303),
    ({"origin": "https://cards.example.com"}, 303), ({"origin": "null", "sec-fetch-site": "cross-site"}, 403),
    ({"origin": "null", "sec-fetch-site": "same-site"}, 403), ({"origin": "https://evil.example"}, 403)])
async def test_a_null_origin_is_never_refused_by_itself_and_other_sites_are(site, joining, headers, status):
    path = await invited(site, joining)
    assert (await site.post(path, data=TERMS, headers=headers)).status_code == status


@pytest.mark.goal("S3")
async def test_whoever_guesses_links_is_throttled_and_learns_nothing(site, joining):
    path = await invited(site, joining)
    statuses = [(await site.get(f"/a/{number:012}".replace("0", "z"))).status_code for number in range(1, 70)]
    assert statuses == [410] * 60 + [429] * 9
    # Over the limit the answer no longer depends on the link.
    assert (await site.get(path)).status_code == 429
    joining.here.clock.advance(minutes=10)
    assert (await site.get(path)).status_code == 200


async def test_in_a_demo_on_ones_own_machine_dead_links_may_be_tried_at_will(site, joining):
    joining.here.settings = replace(joining.here.settings, demo=True)
    assert {(await site.get("/a/123456789ABC")).status_code for _ in range(70)} == {410}


async def test_no_log_line_holds_a_link_a_number_or_a_name(site, joining, caplog):
    caplog.set_level(logging.DEBUG)
    path = await invited(site, joining)
    done = await site.post(path, data={**TERMS, "name": "Анна"})
    await site.get(done.headers["location"])
    for secret in (path[3:], done.headers["location"][3:], "9161231234", "Анна"):
        # The test's own client writes lines as well.
        assert secret not in "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("tessera"))


async def test_pages_answer_when_the_database_cannot_be_written(site, joining, monkeypatch):
    """Reads go on; what writes says so and may be repeated."""
    from app.errors import Unavailable

    async def refuse(*_args, **_parts):
        raise Unavailable()
    path = await invited(site, joining)
    monkeypatch.setattr("app.enrolment.activation.write_transaction", refuse)
    assert (await site.get(path)).status_code == 200
    assert (await site.post(path, data=TERMS)).status_code == 503
    monkeypatch.setattr("app.enrolment.activation.write_transaction", write_transaction)
    assert (await site.post(path, data=TERMS)).status_code == 303


async def test_a_closing_programme_takes_nobody_new_and_says_so(client, joining):
    here, shop = joining.here, joining.shop
    now = here.clock.now()
    await closing.announce(here.db, shop.who, shop.program_id, now + timedelta(days=1), now + timedelta(days=30), now)
    page = await client.get("/e/coffee/points", headers={"accept-language": "en"})
    assert page.status_code == 200 and "purchases count until 23 November" in page.text
    here.clock.advance(days=2)
    page = await client.get("/e/coffee/points", headers={"accept-language": "en"})
    assert page.status_code == 403 and "takes nobody new" in page.text and "<form" not in page.text.split("</main>")[0]
    before = await here.db.fetch_val("SELECT COUNT(*) FROM enrolments")
    assert (await client.post("/e/coffee/points", data={"phone": "+79161239999"})).status_code == 403
    with pytest.raises(ProgramClosing):
        await service.start(here.db, here.ring, here.settings, shop.who, Wish(shop.program_id, "+79161239999", "till", "en"),
                            here.clock.now())
    assert await here.db.fetch_val("SELECT COUNT(*) FROM enrolments") == before
