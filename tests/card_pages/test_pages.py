"""The web card as its owner, a friend with the pass's link, and a stranger meet it."""
import asyncio
import json
import re
from dataclasses import replace

import pytest

from app.cards import service as cards
from app.customers import service as customers
from app.db import write_transaction
from app.sales import service as sales
from app.sales.rules import SaleRequest
from app.web.principal import shopper
from tests.certificates.authority import Authority, key, key_pem, pem
from tests.enrolment.joining import ANNA
from tests.shops import make_card

IPHONE = {"user-agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile Safari/604.1"}
EN = {"accept-language": "en"}


async def agree(joining, card, granted=True):
    """What Anna ticked when she joined."""
    async def act(tx):
        texts = await customers.current_texts(tx, card.business_id, "en")
        for purpose in ("terms", "marketing"):
            await customers.record_consent(tx, shopper(card.business_id, card.customer_id), card.customer_id, purpose,
                                           granted or purpose == "terms", texts[purpose].id, "activation", joining.here.clock.now())
    await write_transaction(joining.here.db, act)


async def consent_now(joining, card):
    given = await customers.consents_of(joining.here.db, card.business_id, card.customer_id)
    return {consent.purpose: consent.granted for consent in given}


async def confirmed(client, joining, page) -> None:
    """Types the code that the message brought."""
    await client.post(f"{page}/code")
    await joining.deliver()
    assert (await client.post(f"{page}/confirm", data={"code": joining.inbox.link()})).status_code == 303


async def test_the_page_shows_card_code_balance_history_and_rules(client, joining, card, links):
    await joining.credit(card)
    answer = await client.get(links["card"], headers=EN)
    assert answer.status_code == 200
    for said in ("Анна", "145", "Coffee corner", "Pushkin Street", "Every"):
        assert said in answer.text, said
    assert " ".join(card.code[at:at + 4] for at in range(0, 16, 4)) in answer.text
    assert card.number not in answer.text and ANNA not in answer.text
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert len(answer.content) < 60_000


async def test_the_pass_link_shows_history_without_places(client, joining, card, links):
    await joining.credit(card)
    shared = (await client.get(links["pass"], headers=EN)).text
    assert "145" in shared and "Pushkin Street" not in shared


async def test_looking_changes_nothing(client, joining, links):
    before = await joining.counts()
    for page in links.values():
        for rest in ("", "/confirm", "/profile", "/manifest.webmanifest", "/sw.js"):
            assert (await client.get(page + rest)).status_code in (200, 303)
            assert (await client.head(page + rest)).status_code in (200, 303)
    assert await joining.counts() == before


async def test_unknown_revoked_and_provisional_cards_have_one_and_the_same_404(client, joining, card, links, shop):
    provisional = await joining.start("+79161112233")
    here = joining.here
    held = await cards.get_card(here.db, shop.business_id, provisional.card_id)
    early = await write_transaction(here.db, lambda tx: cards.page_link(tx, here.ring, held, "card", here.clock.now()))
    await cards.revoke_links(here.db, shop.who, card, here.clock.now())
    pages = [links["card"], f"/c/{early}", "/c/" + "1" * 22, "/c/x", "/c/" + "0" * 22]
    answers = [await client.get(page) for page in pages]
    assert {answer.status_code for answer in answers} == {404}
    assert len({re.sub(r'nonce="[^"]+"', "", answer.text) for answer in answers}) == 1


@pytest.fixture
def with_apple(here):
    """A server that has a pass certificate."""
    apple = Authority(here.clock.now())
    here.settings = replace(here.settings, apple_certificate=pem(apple.issue(key(1).public_key())), apple_key=key_pem(1),
                            apple_wwdr=pem(apple.certificate))


async def test_an_iphone_sees_apples_button_and_a_desktop_a_code_to_carry_on(client, links, with_apple):
    phone, desktop = [(await client.get(links["card"], headers={**EN, **agent})).text for agent in (IPHONE, {"user-agent": "Mozilla/5.0"})]
    assert f'href="{links["card"]}/card.pkpass"' in phone and 'class="mine__handover"' not in phone
    assert 'class="mine__handover"' in desktop
    assert "Google" not in phone + desktop


async def test_a_wallet_that_is_not_set_up_is_not_offered(client, links):
    assert "card.pkpass" not in (await client.get(links["card"], headers=IPHONE)).text


async def test_through_the_pass_link_a_wallet_asks_for_the_code_and_then_opens_the_card_link(client, joining, links, with_apple):
    page = links["pass"]
    assert f'href="{page}/confirm?to=wallet"' in (await client.get(page, headers=IPHONE)).text
    sent = await client.post(f"{page}/code?to=wallet")
    assert sent.headers["location"] == f"{page}/confirm?to=wallet"
    await joining.deliver()
    done = await client.post(f"{page}/confirm?to=wallet", data={"code": joining.inbox.link()})
    assert (done.status_code, done.headers["location"]) == (303, links["card"])


@pytest.mark.goal("N2")
@pytest.mark.parametrize("strength", ["card", "pass"])
async def test_messages_are_stopped_by_one_press_through_either_link(client, joining, card, links, strength):
    await agree(joining, card)
    page = links[strength]
    assert f'action="{page}/stop"' in (await client.get(page)).text
    answer = await client.post(f"{page}/stop")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{page}?done=stop#agreed")
    assert await consent_now(joining, card) == {"terms": True, "marketing": False}
    after = await client.get(f"{page}?done=stop", headers=EN)
    assert f'action="{page}/stop"' not in after.text and "No more messages" in after.text
    [row] = [row for row in await joining.all("consents") if row["purpose"] == "marketing" and not row["granted"]]
    assert row["channel"] == ("card_page" if strength == "card" else "pass_back")


async def test_asking_for_a_code_page_sends_nothing_and_the_code_goes_to_the_cards_own_number(client, joining, links):
    page = links["card"]
    first = await client.get(f"{page}/confirm", headers=EN)
    assert 'name="code"' not in first.text
    await joining.deliver()
    assert joining.inbox.messages == []
    await client.post(f"{page}/code")
    await joining.deliver()
    [(to, text)] = joining.inbox.messages
    assert to == ANNA and re.fullmatch(r"Coffee corner: code \d{6}|Coffee corner: код \d{6}", text)
    assert 'name="code"' in (await client.get(f"{page}/confirm")).text


async def test_a_code_is_tried_five_times_lives_ten_minutes_and_works_once(client, joining, links):
    page = links["card"]
    await client.post(f"{page}/code")
    await joining.deliver()
    code = joining.inbox.link()
    wrong = "000000" if code != "000000" else "111111"
    for _ in range(4):
        assert (await client.post(f"{page}/confirm", data={"code": wrong})).status_code == 422
    assert (await client.post(f"{page}/confirm", data={"code": f" {code[:3]} {code[3:]} "})).status_code == 303
    assert (await client.post(f"{page}/confirm", data={"code": code})).status_code == 422
    joining.here.clock.advance(minutes=2)
    await client.post(f"{page}/code")
    await joining.deliver()
    for _ in range(5):
        await client.post(f"{page}/confirm", data={"code": wrong})
    assert (await client.post(f"{page}/confirm", data={"code": joining.inbox.link()})).status_code == 422
    joining.here.clock.advance(minutes=2)
    await client.post(f"{page}/code")
    await joining.deliver()
    joining.here.clock.advance(minutes=10)
    assert (await client.post(f"{page}/confirm", data={"code": joining.inbox.link()})).status_code == 422


async def test_codes_stand_in_the_same_counters_as_every_message(client, joining, links):
    page = links["card"]
    await client.post(f"{page}/code")
    soon = await client.post(f"{page}/code", headers=EN)
    assert soon.status_code == 422 and "Wait a minute" in soon.text
    for _ in range(2):
        joining.here.clock.advance(minutes=1)
        assert (await client.post(f"{page}/code")).status_code == 303
    joining.here.clock.advance(minutes=1)
    assert "tomorrow" in (await client.post(f"{page}/code", headers=EN)).text


async def test_one_cards_cookie_opens_no_other_card(client, joining, links, here, shop):
    await confirmed(client, joining, links["card"])
    other = await make_card(here, shop, phone="+79035556677", name="Борис")
    token = await write_transaction(here.db, lambda tx: cards.page_link(tx, here.ring, other, "card", here.clock.now()))
    assert (await client.get(f"/c/{token}/profile")).status_code == 303
    for cookie in list(client.cookies.jar):
        client.cookies.set(cookie.name.rpartition("-")[0] + "-" + here.ids.encode("card", other.id), cookie.value, domain=cookie.domain)
    assert (await client.post(f"/c/{token}/profile", data={"name": "Eve"})).status_code == 403


@pytest.mark.parametrize("rest", ["/stop", "/code", "/confirm", "/profile"])
async def test_another_sites_form_is_refused_and_a_null_origin_is_not(client, joining, links, rest):
    before = await joining.counts()
    for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}):
        assert (await client.post(links["card"] + rest, headers=headers)).status_code == 403
    assert await joining.counts() == before
    assert (await client.post(f"{links['card']}/stop", headers={"origin": "null"})).status_code == 303


async def test_a_blocked_card_says_so_and_offers_no_wallet(client, joining, card, links, shop, with_apple):
    await cards.block(joining.here.db, shop.who, card.id, None, joining.here.clock.now())
    page = await client.get(links["card"], headers=EN)
    assert page.status_code == 200 and "blocked" in page.text and "card.pkpass" not in page.text


async def test_the_page_can_be_installed_and_its_worker_sees_this_page_alone(client, links):
    page = links["card"]
    manifest = await client.get(f"{page}/manifest.webmanifest")
    said = json.loads(manifest.content)
    assert manifest.headers["content-type"].startswith("application/manifest+json")
    assert (said["start_url"], said["scope"], said["display"]) == (page, page, "standalone")
    worker = await client.get(f"{page}/sw.js")
    assert worker.headers["content-type"].startswith("text/javascript")
    assert worker.headers["service-worker-allowed"] == page
    assert (await client.get("/c/" + "1" * 22 + "/sw.js")).status_code == 404


async def test_a_sale_reaches_the_open_page_and_a_fifth_page_is_refused(client, here, card, links, shop):
    broker, topic = here.extras["broker"], f"card:{card.id}"
    numbers = broker.stream(topic)
    first = asyncio.ensure_future(anext(numbers))
    await asyncio.sleep(0)
    await sales.sell(here.db, shop.cashier, SaleRequest(card.id, 50_000), None, here.clock.now())
    assert await asyncio.wait_for(first, 2) > 0
    waiting = [asyncio.ensure_future(anext(broker.stream(topic))) for _ in range(3)]
    await asyncio.sleep(0)
    refused = await client.get(f"{links['card']}/events")
    assert refused.status_code == 429 and refused.headers["retry-after"]
    for one in waiting:
        one.cancel()
    await numbers.aclose()


async def test_a_stream_tells_at_once_what_changed_before_it_was_opened(client, here, card, links, shop, joining):
    page = (await client.get(links["card"])).text
    events_url = re.search(r'data-events="([^"]+)"', page)[1]
    await joining.credit(card)
    here.extras["broker"].close()               # the stream ends after what it has to tell
    missed = await client.get(events_url)
    assert missed.headers["content-type"].startswith("text/event-stream") and "event: changed" in missed.text
    number = re.search(r"id: (\d+)", missed.text)[1]
    for known in ({"last-event-id": number}, {"last-event-id": "9" * 40}, {"last-event-id": "nonsense"}):
        assert "event: changed" not in (await client.get(events_url, headers=known)).text


async def test_texts_of_people_are_shown_literally(client, joining, here, shop):
    evil = await make_card(here, shop, phone="+79035556677", name="<img src=x onerror=alert(1)> {{7*7}} ' OR 1=1 --")
    token = await write_transaction(here.db, lambda tx: cards.page_link(tx, here.ring, evil, "card", here.clock.now()))
    page = (await client.get(f"/c/{token}")).text
    assert "<img src=x" not in page and "&lt;img src=x" in page and "{{7*7}}" in page
