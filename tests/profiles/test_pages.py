"""The profile as its owner, a friend with the pass's link and a stranger meet it."""
import json
from dataclasses import replace

import pytest

from app.customers import contacts
from app.customers import service as customers
from app.db import write_transaction
from app.questions import editing
from app.questions import service as questions
from app.questions.rules import Choice, QuestionWish
from tests.enrolment.joining import ANNA
from tests.profiles.conftest import EN, links_of, only_mail, second_card
from tests.shops import make_card

STRONG = ["/profile", "/messages", "/phone", "/export", "/leave", "/erase"]


@pytest.mark.parametrize("rest", STRONG)
async def test_every_page_behind_the_profile_asks_for_a_code_first_through_either_link(anna, rest):
    for page in (anna.page, anna.shared):
        answer = await anna.client.get(page + rest)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{page}/confirm?to={rest[1:]}")


@pytest.mark.parametrize("rest", [*STRONG, "/messages/stop", "/phone/confirm", "/phone/merge", "/phone/cancel", "/another", "/language",
                                  "/cards"])
async def test_no_form_is_taken_from_another_site(anna, joining, rest):
    await anna.confirm()
    before = await joining.counts()
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
        assert (await anna.client.post(anna.page + rest, headers=headers)).status_code == 403
    assert await joining.counts() == before


@pytest.mark.parametrize("rest", [rest for rest in STRONG])
async def test_without_a_code_nothing_is_taken(anna, joining, rest):
    before = await joining.counts()
    for page in (anna.page, anna.shared):
        assert (await anna.post(rest, page, sure="on", format="json", phone="+79217778899", name="Eve")).status_code == 403
    assert await joining.counts() == before


async def test_looking_at_any_of_the_pages_changes_nothing(anna, joining):
    await anna.confirm()
    before = await joining.counts()
    for rest in (*STRONG, "/another", "/history"):
        await anna.get(rest)
    assert await joining.counts() == before


async def test_the_browser_is_believed_for_half_an_hour_and_for_what_cannot_be_taken_back_ten_minutes(anna, here):
    await anna.confirm()
    here.clock.advance(minutes=9, seconds=59)
    for rest in ("/phone", "/leave", "/export", "/erase"):
        await anna.get(rest)
    here.clock.advance(seconds=1)
    for rest in ("/phone", "/leave", "/export", "/erase"):
        assert (await anna.client.get(anna.page + rest)).headers["location"] == f"{anna.page}/confirm?to={rest[1:]}"
        assert (await anna.post(rest, sure="on", format="json", phone="+79217778899")).status_code == 403
    await anna.get("/profile")
    here.clock.advance(minutes=20)
    assert (await anna.client.get(anna.page + "/profile")).status_code == 303
    assert (await anna.post("/profile", name="Eve")).status_code == 403


async def test_a_name_is_corrected_and_an_empty_one_taken_back(anna, here):
    await anna.confirm()
    assert 'value="Анна"' in await anna.get("/profile")
    for name, kept in (("Аня", "Аня"), ("", None)):
        saved = await anna.post("/profile", name=name)
        assert saved.headers["location"] == f"{anna.page}/profile?done=saved"
        assert (await customers.get(here.db, here.ring, anna.card.business_id, anna.card.customer_id)).name == kept


async def test_a_name_that_cannot_be_shown_comes_back_with_its_sentence(anna, here):
    await anna.confirm()
    answer = await anna.post("/profile", name="a\u202eb")
    assert answer.status_code == 422 and 'role="alert"' in answer.text
    assert (await customers.get(here.db, here.ring, anna.card.business_id, anna.card.customer_id)).name == "Анна"


async def test_the_programmes_own_questions_are_answered_and_corrected(anna, here, shop):
    wish = QuestionWish("", "choice", {"en": "Tea or coffee?"}, (Choice("tea", {"en": "Tea"}), Choice("coffee", {"en": "Coffee"})))
    made = await editing.create(here.db, shop.who, shop.program_id, wish, here.clock.now())
    await anna.confirm()
    assert "Tea or coffee?" in await anna.get("/profile")
    for value in ("tea", "coffee"):
        assert (await anna.post("/profile", name="Анна", **{made.field: value})).status_code == 303
        [answer] = await questions.answers_of(here.db, here.ring, shop.business_id, anna.card.customer_id)
        assert answer.value == value
    refused = await anna.post("/profile", name="Анна", **{made.field: "beer"})
    assert refused.status_code == 422 and 'role="alert"' in refused.text


async def test_the_chosen_language_is_spoken_on_every_device_and_in_messages(anna, here, joining):
    done = await anna.post("/language", language="en")
    assert (done.status_code, done.headers["location"]) == (303, anna.page)
    anna.client.cookies.clear()
    page = await anna.client.get(anna.page, headers={"accept-language": "ru"})
    assert '<html lang="en"' in page.text
    assert (await customers.get(here.db, here.ring, anna.card.business_id, anna.card.customer_id)).language == "en"
    assert await contacts.chosen_language(here.db, anna.card.business_id, anna.card.customer_id) == "en"
    await anna.client.post(f"{anna.page}/code", headers={"accept-language": "ru"})
    await joining.deliver()
    assert ": code " in joining.inbox.messages[-1][1]


async def test_a_language_takes_effect_on_the_pass_and_is_not_set_through_the_pass_link(anna, joining):
    before = await joining.counts()
    assert (await anna.post("/language", anna.shared, language="en")).status_code == 403
    assert (await anna.post("/language", language="tlh")).status_code == 400
    assert await joining.counts() == before
    await anna.post("/language", language="en")
    assert (await joining.counts())["updates"] == before["updates"] + 1


async def test_my_other_cards_here_are_shown_with_balance_and_way_and_never_another_business(anna, here, shop, other_shop):
    second = await second_card(here, shop, anna.card.customer_id)
    await make_card(here, other_shop, phone=ANNA)
    assert 'id="cards"' not in await anna.get(page=anna.shared)
    shown = await anna.get()
    assert "Breakfast club" in shown and shown.count('name="card"') == 1
    key = here.ids.encode("card", second.id)
    done = await anna.post("/cards", card=key)
    assert done.headers["location"] == (await links_of(here, second))["card"]
    assert (await anna.post("/cards", anna.shared, card=key)).status_code == 404
    stranger = await make_card(here, shop, phone="+79035556677")
    assert (await anna.post("/cards", card=here.ids.encode("card", stranger.id))).status_code == 404
    await anna.confirm(page=anna.shared)
    assert "Breakfast club" in await anna.get(page=anna.shared)


async def test_history_is_told_page_by_page_from_the_first_to_the_last(anna, here, shop):
    from app.sales import service as sales

    for number in range(35):
        await sales.adjust(here.db, shop.who, anna.card.id, "points", number + 1, f"day {number}", None, here.clock.now())
    front = await anna.get()
    assert front.count('class="list__value plus"') == 10 and "All that happened: 36" in front
    first, second = await anna.get("/history"), await anna.get("/history?from=6")
    assert first.count('class="list__value plus"') == 30 and f'href="{anna.page}/history?from=6"' in first
    assert second.count('class="list__value plus"') == 6 and f'href="{anna.page}/history"' in second and "?from=0" not in second
    assert f"{anna.page}/receipts/1\"" in second
    assert "/receipts/" not in await anna.get("/history", anna.shared)
    for odd in ("0", "-1", "x", "9" * 40, "999"):
        assert (await anna.get(f"/history?from={odd}")).count('class="list__value plus"') == 30


async def test_the_next_end_stands_beside_the_balance_however_far_it_is(anna):
    shown = await anna.get()
    assert "will expire on" in shown and "120" in shown and "off your next purchases" in shown


async def test_an_anonymous_card_says_that_it_is_lost_like_cash_and_offers_a_number(nobody):
    front = await nobody.get()
    assert "Add a number" in front and f'href="{nobody.page}/phone"' in front
    profile = await nobody.get("/profile")
    assert "lost like cash" in profile and f'href="{nobody.page}/phone"' in profile
    assert "Add a number" not in await nobody.get("/profile", nobody.shared)
    assert "no code can be sent" in (await nobody.client.get(f"{nobody.page}/confirm", headers=EN)).text


async def test_a_person_with_an_address_only_gets_the_code_by_mail(anna, here):
    here.settings = replace(here.settings, smtp="smtp://127.0.0.1:1", mail_from="cards@example.com")
    await write_transaction(here.db, lambda tx: only_mail(tx, here, anna.card))
    assert "a•••@example.com" in await anna.get("/confirm")
    assert (await anna.post("/code?to=profile")).status_code == 303
    [row] = await here.db.fetch_all("SELECT id, text_sealed FROM mails")
    sent = json.loads(here.ring.open_text("mail.text", bytes(row["text_sealed"]), str(row["id"]).encode()))
    assert sent["to"] == "anna@example.com"
    code = sent["subject"].rpartition(" ")[2]
    assert (await anna.post("/confirm?to=profile", code=code)).headers["location"] == f"{anna.page}/profile"
    assert (await anna.post("/code?to=profile")).status_code == 422          # a minute between two
    assert (await anna.client.get(anna.page + "/messages", headers=EN)).text.count('name="mail"') == 1


@pytest.mark.parametrize("rest", ["", *STRONG, "/another", "/history"])
async def test_no_page_is_heavier_than_sixty_kilobytes(anna, rest):
    await anna.confirm()
    assert len((await anna.client.get(anna.page + rest, headers=EN)).content) < 60_000
