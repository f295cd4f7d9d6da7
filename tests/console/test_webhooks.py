"""The owner's page of webhooks: a secret once, what was told and how it went, once more by hand."""
import re

import pytest

from app.clock import to_ms
from app.db import write_transaction
from app.updates import service as updates
from app.webhooks import service, store
from tests.console.visiting import audited, rows, words_of

PAGE = "/console/webhooks"
FORM = {"url": "https://crm.example.com/tessera", "note": "CRM", "kinds": ["operation.created", "pass.installed"]}


@pytest.fixture
async def made(owner, here, shop) -> str:
    """The address of its page."""
    answer = await owner.post(PAGE, FORM)
    assert answer.status_code == 200, words_of(answer)
    return f"{PAGE}/{here.ids.encode('webhook', 1)}"


async def fail(here, shop, **values) -> None:
    """An event that was tried once and refused."""
    now = to_ms(here.clock.now())
    await write_transaction(here.db, lambda tx: updates.emit(
        tx, shop.business_id, "pass.installed", here.clock.now(), card_id=1))
    drawn = await service.get_delivery(here.db, shop.business_id, 1)
    await write_transaction(here.db, lambda tx: store.note_delivery(tx, drawn, {
        "state": "failed", "due_at": now, "body": '{"id":"evt_1","kind":"pass.installed"}', "now": now, "status": 500,
        "answer": "<b>oh</b>", "why": None, "took_ms": 7, **values}))


async def test_the_secret_is_on_the_page_that_answers_and_on_no_other(owner, here, shop):
    answer = await owner.post(PAGE, FORM)
    [secret] = re.findall(r"whsec_[\w-]+", answer.text)
    own = f"{PAGE}/{here.ids.encode('webhook', 1)}"
    assert secret not in (await owner.get(own)).text and secret not in (await owner.get(PAGE)).text
    assert "CRM" in await owner.page(PAGE) and "2 kinds of events" in await owner.page(PAGE)
    turned = await owner.post(own + "/acts", {"act": "secret"})
    assert secret not in turned.text and "whsec_" in turned.text
    assert "The older secret signs too until" in await owner.page(own)
    assert (await audited(here, shop.business_id))[:2] == ["webhook.secret_rotated", "webhook.created"]


@pytest.mark.parametrize(("wrong", "words"), [
    ({"url": "http://crm.example.com"}, "must begin with https://"), ({"url": "https://192.168.1.1/"}, "inside a private network"),
    ({"kinds": []}, "Choose at least one event"), ({"note": "x" * 101}, "That is too long")])
async def test_what_was_typed_wrong_stays_and_nothing_is_written(wrong, words, owner, here):
    before = await rows(here)
    answer = await owner.post(PAGE, {**FORM, **wrong})
    assert answer.status_code == 422 and words in words_of(answer) and (wrong.get("note") or "CRM") in answer.text
    assert await rows(here) == before


async def test_a_delivery_shows_what_was_sent_and_what_the_receiver_said(owner, here, shop, made):
    await fail(here, shop)
    assert "A card is put into a wallet given up 500 · 7 ms" in await owner.page(made)
    own = f"{made}/deliveries/{here.ids.encode('delivery', 1)}"
    page = await owner.get(own)
    assert "&lt;b&gt;oh&lt;/b&gt;" in page.text and '"kind": "pass.installed"' in words_of(page)
    assert (await owner.post(own)).headers["location"].endswith("?done=resent")
    assert (await service.get_delivery(here.db, shop.business_id, 1)).state == "waiting"
    assert own not in (await owner.get(made + "?state=failed")).text and own in (await owner.get(made + "?state=waiting")).text


async def test_why_nobody_answered_is_said_in_the_reader_s_language(owner, here, shop, made):
    await fail(here, shop, status=None, answer="", why="its certificate is not valid: certificate has expired")
    assert "сертификат недействителен: certificate has expired" in await owner.page(made, "ru")


async def test_all_that_failed_is_sent_again_at_once(owner, here, shop, made):
    await fail(here, shop)
    await owner.post(made + "/acts", {"act": "again"})
    assert (await service.get_delivery(here.db, shop.business_id, 1)).state == "waiting"
    assert "Everything that failed" in await owner.page(made + "?done=again")


async def test_a_paused_address_says_so_and_goes_on_by_a_button(owner, here, shop, made):
    await owner.post(made + "/acts", {"act": "pause"})
    assert "Paused. What happens is gathered" in await owner.page(made) and 'value="ping"' not in (await owner.get(made)).text
    assert (await owner.post(made + "/acts", {"act": "ping"})).status_code == 409
    await owner.post(made + "/acts", {"act": "resume"})
    await owner.post(made + "/acts", {"act": "ping"})
    assert "A test" in await owner.page(made)
    await owner.post(made + "/acts", {"act": "none of these"})


async def test_an_address_that_was_paused_for_silence_is_told_on_every_page_to_owners(owner, manager, here, shop, made):
    await here.db.execute("UPDATE webhooks SET paused_at = 1, paused_why = 'failing'")
    assert "your system does not hear of what happens" in await owner.page("/console")
    assert "ваша система не узнаёт" in await owner.page("/console", "ru")
    assert "your system does not hear" not in await manager.page("/console")
    assert (await manager.get(PAGE)).status_code == 403


async def test_another_address_and_other_events_are_kept(owner, here, shop, made):
    answer = await owner.post(made, {**FORM, "url": "https://erp.example.com/in", "kinds": ["card.created"]})
    assert answer.status_code == 303
    kept = await service.get(here.db, shop.business_id, 1)
    assert (kept.url, kept.kinds) == ("https://erp.example.com/in", ("card.created",))
    wrong = await owner.post(made, {**FORM, "url": "https://localhost/"})
    assert wrong.status_code == 422 and "https://localhost/" in wrong.text


async def test_a_deleted_address_is_gone(owner, here, shop, made):
    answer = await owner.post(made + "/acts", {"act": "delete"})
    assert answer.headers["location"] == PAGE + "?done=deleted" and (await owner.get(made)).status_code == 404
    assert "No address yet" in await owner.page(PAGE)
