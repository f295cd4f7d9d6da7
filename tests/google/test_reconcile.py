"""Who holds a card: asked of Google itself, at a low rate, because callbacks get lost."""
from datetime import timedelta

import msgspec

from app.context import Context
from app.db import write_transaction
from app.demo.fakes.google import Answer
from app.google import service
from app.google.connections import close
from app.google.reconcile import HELD, NOT_HELD, next_look
from app.till import answers
from tests.google.conftest import Wallet, with_google
from tests.google.test_queue import press, row_of, stored


async def events(here: Context) -> list[tuple[str, str]]:
    rows = await here.db.fetch_all("SELECT kind, details FROM events WHERE kind LIKE 'pass.%' ORDER BY id")
    return [(row["kind"], msgspec.json.decode(row["details"])["wallet"]) for row in rows]


async def test_saving_and_removing_are_noticed_without_any_callback(everywhere: Context, key_file: dict[str, str]):
    here, wallet = everywhere, with_google(everywhere, key_file)
    shop, card = await press(here)
    assert await service.reconcile_due(here) == 0                       # the owner is still looking at Google's page
    wallet.fake.shelf.hold(stored(wallet)["id"])
    here.clock.advance(minutes=3)
    assert await service.reconcile_due(here) == 1
    assert await service.count_held(here.db, shop.business_id, card.id) == 1
    row = await row_of(here, card)
    assert row.has_users and row.saved_at == here.clock.now() and await events(here) == [("pass.installed", "google")]
    assert await service.reconcile_due(here) == 0                       # not again for days
    wallet.fake.shelf.let_go(stored(wallet)["id"])
    here.clock.advance(days=8)
    assert await service.reconcile_due(here) == 1
    assert await service.count_held(here.db, shop.business_id, card.id) == 0
    assert (await row_of(here, card)).removed_at == here.clock.now()
    assert await events(here) == [("pass.installed", "google"), ("pass.removed", "google")]
    await close(here)


async def test_a_hint_has_google_asked_at_once(here: Context, wallet: Wallet):
    _, card = await press(here)
    wallet.fake.shelf.hold(stored(wallet)["id"])
    row = await row_of(here, card)
    await write_transaction(here.db, lambda tx: service.hint(tx, row.id, here.clock.now()))
    assert await service.reconcile_due(here) == 1 and (await row_of(here, card)).has_users


async def test_an_answer_that_does_not_come_changes_nothing_and_is_asked_for_again(here: Context, wallet: Wallet):
    _, card = await press(here)
    wallet.fake.shelf.hold(stored(wallet)["id"])
    here.clock.advance(minutes=3)
    wallet.fake.faults.always = Answer(503)
    await service.reconcile_due(here)
    assert not (await row_of(here, card)).has_users and await service.reconcile_due(here) == 0
    wallet.fake.faults.always = None
    here.clock.advance(minutes=11)
    await service.reconcile_due(here)
    assert (await row_of(here, card)).has_users and len(await events(here)) == 1


async def test_what_nobody_saves_is_asked_for_less_and_less(here: Context, wallet: Wallet):
    _, card = await press(here)
    row = await row_of(here, card)
    now = row.created_at
    assert next_look(row, True, now) == now + HELD
    looks = [next_look(row, False, now + age) for age in (timedelta(minutes=3), timedelta(hours=2), timedelta(days=90))]
    assert looks == [now + timedelta(minutes=6), now + timedelta(hours=2) + NOT_HELD, None]


async def test_the_api_and_the_console_count_the_holder(here: Context, wallet: Wallet):
    _, card = await press(here)
    wallet.fake.shelf.hold(stored(wallet)["id"])
    here.clock.advance(minutes=3)
    await service.reconcile_due(here)
    shown = await answers.card(here, card, "en", here.clock.now())
    assert (shown.wallets.apple, shown.wallets.google) == (0, 1)
