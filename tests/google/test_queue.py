"""From a press to a card at Google that stays true, whatever Google and the network do."""
import logging
from datetime import timedelta

import pytest

from app.cards import rotation
from app.cards import service as cards
from app.context import Context
from app.db import write_transaction
from app.demo.fakes.google import Answer, Faults
from app.designs.rules import default_content
from app.google import drawing, sending, service, store
from app.google.connections import close
from app.google.queue import read_updates
from app.passes import service as passes
from app.programs import service as programs
from app.sales import service as sales
from app.updates import service as updates
from app.updates import spreads
from tests.conftest import Shop
from tests.google.conftest import Wallet, with_google
from tests.shops import make_card, make_shop


async def press(here: Context, points: int = 120) -> tuple[Shop, cards.Card]:
    """A card whose owner has pressed the button."""
    shop = await make_shop(here)
    card = await make_card(here, shop, points=points)
    await service.save_link(here, card, here.clock.now())
    return shop, card


async def give(here: Context, shop: Shop, card: cards.Card, points: int = 10) -> None:
    await sales.adjust(here.db, shop.who, card.id, "points", points, "a gift", None, here.clock.now())
    await updates.number_pending(here.db)


async def row_of(here: Context, card: cards.Card) -> store.ObjectRow:
    found = await store.find_object(here.db, card.business_id, card.id)
    assert found is not None
    return found


def stored(wallet: Wallet) -> dict:  # type: ignore[type-arg]
    [only] = wallet.fake.shelf.objects.values()
    return only


async def test_nothing_is_at_google_before_the_press_and_class_and_object_are_after_it(here: Context, wallet: Wallet):
    shop = await make_shop(here)
    card = await make_card(here, shop, points=120)
    await service.sync_due(here)
    assert wallet.network.sent == 0
    link = await service.save_link(here, card, here.clock.now())
    assert wallet.calls() == ["POST loyaltyClass", "POST loyaltyObject"]
    assert stored(wallet)["loyaltyPoints"]["balance"] == {"int": 120}
    assert wallet.fake.opened(link.rpartition("/")[2])["id"] == stored(wallet)["id"]


async def test_a_second_press_makes_another_link_of_the_same_object_and_no_request(here: Context, wallet: Wallet):
    _, card = await press(here)
    before = wallet.network.sent
    link = await service.save_link(here, card, here.clock.now())
    assert wallet.network.sent == before
    assert wallet.fake.opened(link.rpartition("/")[2])["id"] == stored(wallet)["id"]


async def test_a_change_reaches_google_on_both_engines(everywhere: Context, key_file: dict[str, str]):
    wallet = with_google(everywhere, key_file)
    shop, card = await press(everywhere)
    await give(everywhere, shop, card)
    assert await service.sync_due(everywhere) >= 1
    assert stored(wallet)["loyaltyPoints"]["balance"] == {"int": 130}
    row = await row_of(everywhere, card)
    assert wallet.calls("PATCH loyaltyObject") and row.wanted_number == row.sent_number
    # Nothing is due any more, and nothing is sent.
    sent = wallet.network.sent
    await service.sync_due(everywhere)
    assert wallet.network.sent == sent
    await close(everywhere)


async def test_changes_of_cards_that_google_does_not_have_are_read_and_sent_nowhere(here: Context, wallet: Wallet):
    shop, _ = await press(here)
    other = await make_card(here, shop, phone="+79160000001", points=5)
    sent = wallet.network.sent
    await give(here, shop, other)
    await service.sync_due(here)
    assert wallet.network.sent == sent and await store.find_object(here.db, shop.business_id, other.id) is None


async def test_a_change_that_the_card_does_not_show_costs_no_request(here: Context, wallet: Wallet):
    shop, card = await press(here)
    sent = wallet.network.sent
    await write_transaction(here.db, lambda tx: updates.append(tx, shop.business_id, card.id, here.clock.now()))
    assert await service.sync_due(here) >= 1
    assert wallet.network.sent == sent


async def test_a_burst_of_fifty_changes_becomes_few_requests_and_the_last_balance_wins(here: Context, wallet: Wallet):
    shop, card = await press(here)
    for _ in range(50):
        await give(here, shop, card, 1)
    await service.sync_due(here)
    assert len(wallet.calls("PATCH loyaltyObject")) == 1
    assert stored(wallet)["loyaltyPoints"]["balance"] == {"int": 170}


async def test_a_lost_answer_to_an_insert_leaves_one_object(here: Context, wallet: Wallet):
    shop = await make_shop(here)
    card = await make_card(here, shop, points=7)
    for what in ("loyaltyClass", "loyaltyObject"):
        wallet.network.lost, wallet.network.lost_on = 1, what
        with pytest.raises(service.GoogleAway):
            await service.save_link(here, card, here.clock.now())
    await give(here, shop, card)
    await service.save_link(here, card, here.clock.now())
    assert len(wallet.fake.shelf.objects) == 1 and len(wallet.fake.shelf.classes) == 1
    assert stored(wallet)["loyaltyPoints"]["balance"] == {"int": 17}
    assert [call.line.split(".")[0] for call in wallet.fake.calls] == [
        "POST loyaltyClass", "POST loyaltyClass", "PATCH loyaltyClass/3388000000022222228", "POST loyaltyObject",
        "POST loyaltyObject", "PATCH loyaltyObject/3388000000022222228"]


async def test_the_job_finishes_what_a_press_could_not(here: Context, wallet: Wallet):
    shop = await make_shop(here)
    card = await make_card(here, shop)
    wallet.network.is_down = True
    with pytest.raises(service.GoogleAway) as refusal:
        await service.save_link(here, card, here.clock.now())
    assert refusal.value.retry_after
    wallet.network.is_down = False
    here.clock.advance(minutes=1)
    await service.sync_due(here)
    assert (await row_of(here, card)).is_created and len(wallet.fake.shelf.objects) == 1


FAILURES = {
    "token endpoint down": lambda wallet: setattr(wallet.fake.faults, "token", 503),
    "token endpoint silent": lambda wallet: setattr(wallet.fake.faults, "token_is_closing", True),
    "401": lambda wallet: setattr(wallet.fake.faults, "always", Answer(401, "authError")),
    "404": lambda wallet: (wallet.fake.shelf.objects.clear(), wallet.fake.shelf.classes.clear()),
    "409": lambda wallet: wallet.fake.faults.answers.extend([Answer(404, on="PATCH"), Answer(409, "alreadyExists", on="POST")]),
    "429": lambda wallet: setattr(wallet.fake.faults, "always", Answer(429, "rateLimitExceeded")),
    "503": lambda wallet: setattr(wallet.fake.faults, "always", Answer(503)),
    "500": lambda wallet: setattr(wallet.fake.faults, "always", Answer(500)),
    "no answer within 30 s": lambda wallet: setattr(wallet.network, "lost", 10**6),
    "no connection": lambda wallet: setattr(wallet.network, "is_down", True),
}


@pytest.mark.goal("F6")
@pytest.mark.parametrize("failure", FAILURES)
async def test_within_five_minutes_after_google_is_back_the_card_shows_the_ledger(here: Context, wallet: Wallet, failure: str):
    shop, card = await press(here)
    FAILURES[failure](wallet)
    wallet.fake.accounts.end_tokens()
    here.clock.advance(hours=2)                 # the token has ended
    for _ in range(12):
        await give(here, shop, card, 1)                                 # the till does not notice
        await service.sync_due(here)
        here.clock.advance(minutes=6)
    wallet.fake.faults = Faults()
    wallet.network.is_down, wallet.network.lost = False, 0
    for _ in range(5 * 6):
        await service.sync_due(here)
        here.clock.advance(seconds=10)
    assert stored(wallet)["loyaltyPoints"]["balance"] == {"int": 120 + 12}
    row = await row_of(here, card)
    assert row.wanted_number == row.sent_number and row.last_reason is None


async def test_an_outage_is_probed_gently(here: Context, wallet: Wallet):
    shop, card = await press(here)
    await give(here, shop, card)
    wallet.network.is_down = True
    sent = wallet.network.sent
    for _ in range(600):
        await service.sync_due(here)
        here.clock.advance(seconds=1)
    assert 3 <= wallet.network.sent - sent <= 20


async def test_a_refused_body_is_kept_for_the_operator_and_not_asked_again(here: Context, wallet: Wallet, caplog):
    shop, card = await press(here)
    wallet.fake.faults.always = Answer(400, "invalid", "The image could not be fetched.", on="PATCH loyaltyObject")
    await give(here, shop, card)
    with caplog.at_level(logging.ERROR):
        await service.sync_due(here)
    row = await row_of(here, card)
    assert row.last_status == 400 and row.last_reason and "image could not be fetched" in row.last_reason
    assert "image could not be fetched" in caplog.text
    sent = wallet.network.sent
    here.clock.advance(hours=1)
    await service.sync_due(here)
    assert wallet.network.sent == sent
    wallet.fake.faults.always = None
    await give(here, shop, card)
    await service.sync_due(here)
    assert stored(wallet)["loyaltyPoints"]["balance"] == {"int": 140} and (await row_of(here, card)).last_reason is None


async def test_an_account_without_rights_stops_its_issuer_with_an_alarm_and_is_tried_again_later(here: Context, wallet: Wallet, caplog):
    shop, card = await press(here)
    wallet.fake.faults.always = Answer(403, "permissionDenied", "Service account has no edit access.")
    await give(here, shop, card)
    with caplog.at_level(logging.ERROR):
        await service.sync_due(here)
        sent = wallet.network.sent
        await give(here, shop, card)
        await service.sync_due(here)
    assert wallet.network.sent == sent and caplog.text.count("refuses issuer") == 1 and "no edit access" in caplog.text
    wallet.fake.faults.always = None
    here.clock.advance(minutes=3)
    await service.sync_due(here)
    assert stored(wallet)["loyaltyPoints"]["balance"] == {"int": 140}


async def test_an_object_that_google_lost_is_made_again_its_class_first(here: Context, wallet: Wallet):
    shop, card = await press(here)
    wallet.fake.shelf.objects.clear()
    wallet.fake.shelf.classes.clear()
    await give(here, shop, card)
    await service.sync_due(here)
    assert stored(wallet)["loyaltyPoints"]["balance"] == {"int": 130} and len(wallet.fake.shelf.classes) == 1


async def test_no_second_holds_more_than_ten_requests(here: Context, wallet: Wallet):
    shop, _ = await press(here)
    for number in range(30):
        await service.save_link(here, await make_card(here, shop, phone=f"+7916000{number:04d}"), here.clock.now())
    wallet.waited, before = 0.0, wallet.network.sent
    await spread(here, shop)
    await service.sync_due(here)
    # The class once, and no card: nothing that cards show has changed.
    assert wallet.network.sent - before == 0
    for row in await here.db.fetch_all("SELECT card_id FROM google_objects"):
        await give(here, shop, await cards.get_card(here.db, shop.business_id, row["card_id"]))
    started = wallet.time
    await service.sync_due(here)
    assert wallet.network.sent - before == 31
    assert wallet.time - started >= 31 / 10 - 0.2


async def spread(here: Context, shop: Shop) -> None:
    await write_transaction(here.db, lambda tx: spreads.begin(tx, shop.business_id, shop.program_id, here.clock.now()))


async def test_a_change_of_the_whole_programme_changes_the_class_once(here: Context, wallet: Wallet):
    shop, _ = await press(here)
    content = default_content("Coffee corner", background="#7a1fa2")
    await passes.publish_design(here.db, shop.who, shop.program_id, content, here.clock.now())
    await service.sync_due(here)
    [kept] = wallet.fake.shelf.classes.values()
    assert kept["hexBackgroundColor"] == "#7a1fa2" and kept["reviewStatus"] == "APPROVED"
    [sent] = wallet.bodies("PATCH loyaltyClass")
    assert sent["reviewStatus"] == "UNDER_REVIEW"


@pytest.mark.parametrize(("act", "state"), [("block", "INACTIVE"), ("replace", "INACTIVE"), ("expired", "EXPIRED")])
async def test_what_happens_to_the_card_is_the_objects_state(here: Context, wallet: Wallet, act: str, state: str):
    shop, card = await press(here)
    now = here.clock.now()
    if act == "block":
        await cards.block(here.db, shop.who, card.id, None, now)
    elif act == "replace":
        await cards.replace(here.db, shop.who, card.id, None, "472", now)
    else:
        await write_transaction(here.db, lambda tx: cards.end(tx, card, act, now))
    await service.sync_due(here)
    assert stored(wallet)["state"] == state
    if act == "block":
        await cards.unblock(here.db, shop.who, card.id, None, now)
        await service.sync_due(here)
        assert stored(wallet)["state"] == "ACTIVE"


@pytest.mark.parametrize("by", ["status", "request"])
async def test_an_erased_card_leaves_three_members_at_google_and_is_never_sent_again(everywhere: Context, key_file, by: str):
    here, wallet = everywhere, with_google(everywhere, key_file)
    shop, card = await press(here)
    now = here.clock.now()
    if by == "status":
        await write_transaction(here.db, lambda tx: cards.end(tx, card, "erased", now))
        await updates.number_pending(here.db)
    else:
        await write_transaction(here.db, lambda tx: service.erase(tx, shop.business_id, card.id, now))
    await service.sync_due(here)
    [body] = wallet.bodies("PUT loyaltyObject")
    assert set(body) == {"id", "classId", "state"} and body["state"] == "INACTIVE"
    assert stored(wallet) == body
    row = await row_of(here, card)
    assert (row.shred, row.shown, row.fingerprint) == (2, None, None)
    await updates.number_pending(here.db)
    sent = wallet.network.sent
    await write_transaction(here.db, lambda tx: updates.append(tx, shop.business_id, card.id, now))
    await updates.number_pending(here.db)
    here.clock.advance(days=1)
    await service.sync_due(here)
    await service.reconcile_due(here)
    assert wallet.network.sent == sent
    await close(here)


async def test_a_fresh_press_is_looked_after_soon_and_then_ever_more_rarely(here: Context, wallet: Wallet):
    await press(here)
    looks, waited = [], 0
    while waited < 3600:
        here.clock.advance(seconds=10)
        waited += 10
        if await service.reconcile_due(here):
            looks.append(waited)
    assert looks == [20, 40, 80, 160, 320, 640, 1280]
    await close(here)


async def test_an_erasure_that_is_asked_for_while_the_card_is_on_its_way_is_not_lost(here: Context, wallet: Wallet, monkeypatch):
    shop, card = await press(here)
    await give(here, shop, card)
    deliver = sending._deliver

    async def deliver_late(*parts):  # type: ignore[no-untyped-def]
        await write_transaction(here.db, lambda tx: service.erase(tx, shop.business_id, card.id, here.clock.now()))
        return await deliver(*parts)

    monkeypatch.setattr(sending, "_deliver", deliver_late)
    await service.sync_due(here)
    await service.sync_due(here)
    assert set(stored(wallet)) == {"id", "classId", "state"} and (await row_of(here, card)).shred == 2


async def test_after_a_restore_google_is_told_the_older_truth_again(here: Context, wallet: Wallet):
    await press(here)
    stored(wallet)["loyaltyPoints"]["balance"] = {"int": 999}           # what was earned after the backup was made
    await service.sync_due(here)
    assert stored(wallet)["loyaltyPoints"]["balance"] == {"int": 999}
    await write_transaction(here.db, lambda tx: service.after_restore(tx, here.clock.now()))
    await service.sync_due(here)
    assert stored(wallet)["loyaltyPoints"]["balance"] == {"int": 120}


async def test_a_claim_of_a_killed_process_ends_by_itself(here: Context, wallet: Wallet):
    shop, card = await press(here)
    await give(here, shop, card)
    now = here.clock.now()
    await read_updates(wallet.google)
    row = await row_of(here, card)
    await write_transaction(here.db, lambda tx: store.claim(tx, store.OBJECTS, [row.id], now, now + timedelta(minutes=3)))
    sent = wallet.network.sent
    await service.sync_due(here)
    assert wallet.network.sent == sent
    here.clock.advance(minutes=4)
    await service.sync_due(here)
    assert stored(wallet)["loyaltyPoints"]["balance"] == {"int": 130}


async def test_a_card_that_cannot_be_drawn_does_not_stop_the_others(here: Context, wallet: Wallet, monkeypatch, caplog):
    shop, broken = await press(here)
    whole = await make_card(here, shop, phone="+79160000009")
    await service.save_link(here, whole, here.clock.now())
    drawn = sending.draw_object

    async def draw(context, row, class_id, now):  # type: ignore[no-untyped-def]
        if row.card_id == broken.id:
            raise ZeroDivisionError("a mistake of ours")
        return await drawn(context, row, class_id, now)

    monkeypatch.setattr(sending, "draw_object", draw)
    for card in (broken, whole):
        await give(here, shop, card)
    await service.sync_due(here)
    assert "a mistake of ours" in caplog.text
    assert wallet.fake.shelf.objects[(await row_of(here, whole)).object_id]["loyaltyPoints"]["balance"] == {"int": 10}
    monkeypatch.setattr(sending, "draw_object", drawn)
    here.clock.advance(minutes=5)
    await service.sync_due(here)
    assert wallet.fake.shelf.objects[(await row_of(here, broken)).object_id]["loyaltyPoints"]["balance"] == {"int": 130}


async def test_a_body_that_the_schema_refuses_is_not_sent(here: Context, wallet: Wallet, monkeypatch, caplog):
    shop, card = await press(here)
    whole = drawing.object_body
    monkeypatch.setattr(drawing, "object_body", lambda *parts: {**whole(*parts), "state": "active"})
    await give(here, shop, card)
    sent = wallet.network.sent
    await service.sync_due(here)
    assert wallet.network.sent == sent and "state: enum" in caplog.text
    assert (await row_of(here, card)).last_reason == "schema state: enum"


async def test_codes_that_turn_take_the_place_of_the_still_one_and_are_the_tills(here: Context, wallet: Wallet):
    shop, card = await press(here)
    assert "barcode" in stored(wallet)
    await rotation.choose(here.db, shop.who, shop.program_id, 60, False, here.clock.now())
    await spread(here, shop)
    await spreads.go_on(here)
    await service.sync_due(here)
    body = stored(wallet)
    assert "barcode" not in body and body["rotatingBarcode"]["valuePattern"] == card.code + "{totp_value_0}"
    [parameters] = body["rotatingBarcode"]["totpDetails"]["parameters"]
    program = await programs.get_program(here.db, shop.business_id, shop.program_id)
    live = await rotation.live_code(here.db, here.ring, card, program, here.clock.now())
    assert rotation.code_at(bytes.fromhex(parameters["key"]), here.clock.now(), 60) in live.text.replace(" ", "")
    await rotation.choose(here.db, shop.who, shop.program_id, 0, False, here.clock.now())
    await spread(here, shop)
    here.clock.advance(minutes=10)
    await spreads.go_on(here)
    await service.sync_due(here)
    assert "rotatingBarcode" not in stored(wallet) and stored(wallet)["barcode"]["value"] == card.code
