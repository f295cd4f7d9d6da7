"""New cards at the till, as a browser without scripts asks for them; and the agent, who may do nothing else."""
import re

import pytest

from app.customers import documents
from app.customers.document_rules import Draft
from app.db import write_transaction
from app.questions import editing
from app.questions import service as questions
from app.questions.rules import QuestionWish
from tests.enrolment.joining import ANNA, TERMS, Joining
from tests.shops import PASSWORD, make_card

ORIGIN = {"Origin": "https://cards.example.com", "Accept-Language": "en"}
ENROL = "/till/enrol"


def hidden(page: str) -> dict[str, str]:
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))


@pytest.fixture
def joining(here, shop) -> Joining:
    return Joining(here, shop)


async def signed_in(client, role: str) -> str:
    client.headers.update(ORIGIN)
    answer = await client.post("/till/sign-in", data={"email": f"{role}@coffee.example.com", "password": PASSWORD})
    return answer.headers["location"]


@pytest.fixture
async def till(client, shop):
    assert await signed_in(client, "cashier") == "/till"
    return client


async def press(till, act: str, address: str = ENROL, **fields: str):
    return await till.post(address, data={**hidden((await till.get(address)).text), "act": act, **fields})


async def test_a_code_on_the_screen_is_seen_to_be_taken(till, client, joining):
    shown = await press(till, "screen", phone="+7 ")
    page = await till.get(shown.headers["location"])
    assert "<svg" in page.text and "data-poll" in page.text and "Look again" in page.text and "/q/" not in page.text
    token = await _token(joining)
    taken = await client.post(f"/q/{token}", data={"phone": ANNA}, headers={"Origin": "null"})
    assert "They have it in hand" in (await till.get(shown.headers["location"])).text
    await client.post(taken.headers["location"], data=TERMS, headers={"Origin": "null"})
    done = await till.get(shown.headers["location"])
    assert "The card is in their phone" in done.text and "/till/cards/crd_" in done.text


async def _token(joining) -> str:
    from app.enrolment import screen

    [row] = await joining.all("screen_links")
    return screen.token_of(joining.here.ring, await screen.get(joining.here.db, joining.shop.business_id, row["id"]))


async def test_digits_that_are_told_activate_the_card_and_hand_it_over(till, joining):
    asked = await press(till, "code", phone="8 916 123-12-34", amount="200")
    address = asked.headers["location"]
    page = await till.get(address)
    assert "Ask, and tick" in page.text and "checked" not in page.text and "ending in" in page.text
    await joining.deliver()
    code = joining.inbox.link()
    unasked = await press(till, "", address, code=code)
    assert unasked.status_code == 422 and "tick the box" in unasked.text and code in unasked.text
    wrong = await press(till, "", address, code="12", terms="on")
    assert wrong.status_code == 422 and "not the code in the message" in wrong.text
    done = await press(till, "", address, code=code, terms="on")
    page = await till.get(done.headers["location"])
    assert "The card is active" in page.text and "<svg" in page.text
    assert [row["status"] for row in await joining.all("cards")] == ["active"]
    assert "has ended already" in (await till.get(address)).text


async def test_words_that_changed_while_they_were_read_out_are_read_out_again(till, joining):
    address = (await press(till, "code", phone=ANNA)).headers["location"]
    await joining.deliver()
    page = (await till.get(address)).text
    answer = await till.post(address, data={**hidden(page), "read": "0" * 16, "code": joining.inbox.link(), "terms": "on"})
    assert answer.status_code == 422 and "have changed meanwhile" in answer.text
    assert [row["status"] for row in await joining.all("cards")] == ["provisional"]


async def test_a_code_sent_again_waits_for_the_gap(till, joining):
    address = (await press(till, "code", phone=ANNA)).headers["location"]
    soon = await press(till, "again", address)
    assert soon.status_code == 429 and int(soon.headers["retry-after"]) > 0
    joining.here.clock.advance(minutes=2)
    assert "Another code is on its way" in (await press(till, "again", address)).text


async def test_by_mail_only_where_the_programme_allows_it(till, joining):
    assert 'name="email"' not in (await till.get(ENROL)).text
    await joining.allow(mail=True)
    assert 'name="email"' in (await till.get(ENROL)).text
    wrong = await press(till, "link", phone="+7 ", email="anna@")
    assert wrong.status_code == 422 and "anna@example.com" in wrong.text
    refused = await press(till, "link", phone="+7 ", email="anna@example.com")
    assert refused.status_code == 503 and "sends no mail" in refused.text
    assert await joining.all("enrolments") == []


async def test_ways_that_are_closed_have_no_button_and_forms_for_them_are_refused(till, joining):
    await joining.allow(code=False, screen=False)
    page = (await till.get(ENROL)).text
    assert 'value="code"' not in page and 'value="screen"' not in page
    for act in ("code", "screen"):
        assert (await press(till, act, phone=ANNA)).status_code == 409
    assert await joining.all("enrolments") == [] and await joining.all("screen_links") == []


async def test_an_agent_gives_cards_and_sees_neither_scanner_nor_sales_nor_customers(client, joining):
    card = await make_card(joining.here, joining.shop, phone="+79161230000")
    assert await signed_in(client, "agent") == ENROL
    page = (await client.get(ENROL)).text
    assert 'name="amount"' not in page and "/till/sales" not in page and "Sign out" in page
    sent = await press(client, "link", phone=ANNA, amount="200")
    assert sent.status_code == 200 and "/till/cards/" not in sent.text
    assert await joining.all("operations") == []
    [enrolment] = await joining.all("enrolments")
    assert enrolment["source"] == "agent"
    member = await press(client, "link", phone="+79161230000")
    assert "Анна" not in member.text and "/till/cards/" not in member.text
    for closed in ("/till", "/till/sales", f"/till/cards/{joining.here.ids.encode('card', card.id)}"):
        assert (await client.get(closed)).status_code == 403
    signed = await client.post("/console/sign-in", data={"email": "agent@coffee.example.com", "password": PASSWORD})
    assert signed.status_code == 403
    out = await client.post("/till/sign-out", data=hidden(page))
    assert out.headers["location"] == "/till/sign-in"


async def test_an_agent_of_a_coalition_s_member_is_no_cashier_there(shop):
    from app.coalition import rules
    from app.web.principal import Principal

    agent = Principal(shop.business_id, shop.business_id, "staff", 1, "Agent", "agent")
    assert not rules.acting(agent, 99).may("cashier")
    assert rules.acting(shop.who, 99).role == "cashier"


async def test_a_key_that_may_only_enrol_can_do_that_alone(client, joining, ids):
    from app.staff import service as staff

    here, shop = joining.here, joining.shop
    card = await make_card(here, shop, phone="+79161230000")
    _, plain = await staff.create_key(here.db, here.ring, shop.who, "agency", frozenset({"enrolments:write"}), None, here.clock.now())
    key = {"authorization": f"Bearer {plain}"}
    begun = await client.post("/api/v1/enrolments", json={"program": ids.encode("program", shop.program_id), "phone": ANNA}, headers=key)
    assert begun.status_code == 202
    assert (await client.get(f"/api/v1/enrolments/{begun.json()['id']}", headers=key)).status_code == 200
    for method, path in (("GET", "/api/v1/cards?code=1"), ("GET", f"/api/v1/cards/{ids.encode('card', card.id)}"),
                         ("GET", "/api/v1/programs"), ("GET", "/api/v1/operations"), ("POST", "/api/v1/cards"), ("POST", "/api/v1/sales")):
        assert (await client.request(method, path, headers=key)).json()["code"] == "scope_missing"


@pytest.fixture
async def asking(till, joining):
    """A business that also asks for its partners, with a document behind the terms, and a programme that cannot do without a town."""
    here, shop = joining.here, joining.shop

    async def act(tx):
        now = here.clock.now()
        await documents.add_purpose(tx, shop.who, "partners", {"en": "Partners", "ru": "Партнёры"}, now)
        await documents.write(tx, shop.who, Draft("partners", "en", "Tell the bakery next door"), now)
        await documents.write(tx, shop.who, Draft("terms", "en", "Keep my number", "How we keep data", "For a year."), now)

    await write_transaction(here.db, act)
    for key, need in (("town", "required"), ("pet", "optional")):
        await editing.create(here.db, shop.who, shop.program_id, QuestionWish(key, "text", {"en": f"Which {key}?"}, (), need),
                             here.clock.now())
    address = (await press(till, "code", phone=ANNA)).headers["location"]
    await joining.deliver()
    return address


async def said_at_the_till(joining) -> dict[str, tuple[bool, str, str]]:
    here, [row] = joining.here, await joining.all("customers")
    found = await documents.given_by(here.db, joining.shop.business_id, row["id"])
    return {each.document.purpose: (each.granted, each.document.text, each.channel) for each in found}


@pytest.mark.goal("N1")
async def test_at_the_till_every_purpose_is_asked_with_its_words_and_kept_as_said_there(till, joining, asking):
    page = (await till.get(asking)).text
    boxes = re.findall(r'<input type="checkbox" name="([^"]+)"', page)
    assert boxes == ["terms", "marketing", "agree-partners"] and "checked" not in page
    assert "Tell the bakery next door" in page and 'href="/e/coffee/terms/terms/en/2"' in page
    done = await press(till, "", asking, **{"code": joining.inbox.link(), "terms": "on", "agree-partners": "on", "q_town": "Tver"})
    assert done.status_code == 303
    assert await said_at_the_till(joining) == {
        "terms": (True, "Keep my number", "till"), "marketing": (False, "Text me about gifts and news", "till"),
        "partners": (True, "Tell the bakery next door", "till")}


async def test_what_the_card_cannot_be_without_is_asked_at_the_till_and_nothing_else(till, joining, asking):
    page = (await till.get(asking)).text
    assert 'name="q_town"' in page and 'name="q_pet"' not in page and 'name="name"' not in page
    code = joining.inbox.link()
    missing = await press(till, "", asking, **{"code": code, "agree-partners": "on", "q_town": " "})
    assert missing.status_code == 422 and 'id="q_town-error" role="alert"' in missing.text and 'id="terms-error"' in missing.text
    assert code in missing.text and re.search(r'name="agree-partners" checked', missing.text) and missing.text.count("autofocus") == 1
    assert [row["tries"] for row in await joining.all("told_codes")] == [0] and await joining.all("consents") == []
    wrong = await press(till, "", asking, code="12", terms="on", q_town="Тверь <b>")
    assert wrong.status_code == 422 and 'value="Тверь &lt;b&gt;"' in wrong.text
    assert (await press(till, "", asking, code=code, terms="on", q_town="Тверь")).status_code == 303
    here, [row] = joining.here, await joining.all("customers")
    found = await questions.answers_of(here.db, here.ring, joining.shop.business_id, row["id"])
    assert {each.question.key: each.value for each in found} == {"town": "Тверь"}


async def test_words_that_changed_leave_what_was_typed_and_take_the_ticks_away(till, joining, asking):
    read = hidden((await till.get(asking)).text)
    here, shop = joining.here, joining.shop
    await write_transaction(here.db, lambda tx: documents.write(tx, shop.who, Draft("partners", "en", "Tell everybody"), here.clock.now()))
    late = await till.post(asking, data={**read, "code": joining.inbox.link(), "terms": "on", "agree-partners": "on", "q_town": "Tver"})
    assert late.status_code == 422 and "have changed meanwhile" in late.text and "Tell everybody" in late.text
    assert 'value="Tver"' in late.text and joining.inbox.link() in late.text and "checked" not in late.text
    assert await joining.all("consents") == []


async def test_a_first_purchase_that_is_no_amount_begins_nothing_and_texts_nobody(till, joining):
    for act in ("link", "code"):
        wrong = await press(till, act, phone=ANNA, amount="12,505")
        assert wrong.status_code == 422 and 'value="12,505"' in wrong.text
    assert await joining.all("enrolments") == [] and await joining.all("messages") == []
