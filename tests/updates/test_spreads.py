"""A change of a whole programme: told to every card in a wallet once, at a pace, whatever stops or overtakes it; on both engines."""
from datetime import timedelta
from types import SimpleNamespace

import pytest

from app.clock import FixedClock, to_ms
from app.context import Context
from app.db import write_transaction
from app.updates import service as updates
from app.updates import spreads
from tests.money import NOON, add_card, make_bed

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class World:
    """A programme with cards in wallets; `told` reads whom the spread has told since the last look."""

    def __init__(self, here: Context, bed) -> None:
        self.here, self.bed, self.seen = here, bed, 0

    async def cards(self, count: int, wallet: str = "apple") -> list[int]:
        made = []
        for _ in range(count):
            _, card_id = await add_card(self.here.db, self.bed.business_id, self.bed.program_id)
            made.append(card_id)
            await self.put(card_id, wallet)
        return made

    async def put(self, card_id: int, wallet: str) -> None:
        """A phone holds the card, or Google does."""
        db, values = self.here.db, {"business": self.bed.business_id, "card": card_id, "name": f"n{card_id}"}
        if wallet == "apple":
            pass_id = await db.fetch_val(
                "INSERT INTO passes(business_id, card_id, pass_type_id, serial_number, authentication_token_sealed, created_at) "
                "VALUES (:business, :card, 1, :name, '', 0) RETURNING id", values)
            await db.fetch_val(
                "INSERT INTO registrations(business_id, pass_id, pass_type_id, device_library_identifier, push_token, created_at, "
                "renewed_at) VALUES (:business, :pass, 1, :name, :name, 0, 0) RETURNING id",
                {"business": self.bed.business_id, "pass": pass_id, "name": values["name"]})
        else:
            await db.fetch_val(
                "INSERT INTO google_objects(business_id, card_id, class_row_id, object_id, is_created, due_at, created_at) "
                "VALUES (:business, :card, 1, :name, :created, 0, 0) RETURNING id", {**values, "created": 1 if wallet == "google" else 0})

    async def change(self) -> int:
        return await write_transaction(
            self.here.db, lambda tx: spreads.begin(tx, self.bed.business_id, self.bed.program_id, self.here.clock.now()))

    async def told(self) -> list[int]:
        await updates.number_pending(self.here.db)
        rows = await updates.since(self.here.db, self.seen, 10_000)
        self.seen = rows[-1].number if rows else self.seen
        return [row.card_id for row in rows]

    async def progress(self) -> spreads.Progress:
        return await spreads.progress(self.here.db, self.bed.business_id, self.bed.program_id)


@pytest.fixture
async def world(db, monkeypatch):
    monkeypatch.setattr(spreads, "AT_ONCE", 10)
    monkeypatch.setattr(spreads, "BATCH", 3)
    here = Context(SimpleNamespace(spread_a_minute=60), db, None, None, FixedClock(NOON))
    bed = await make_bed(db)
    await db.execute("INSERT INTO pass_types(short_id, pass_type_identifier, team_identifier, created_at) VALUES ('s', 'pass.x', 'T', 0)")
    await db.execute("INSERT INTO google_classes(business_id, program_id, issuer_id, class_id, due_at, created_at) "
                     "VALUES (:business, :program, '1', '1.c', 0, 0)", {"business": bed.business_id, "program": bed.program_id})
    return World(here, bed)


async def test_a_small_programme_is_told_at_once_and_the_change_is_finished(world):
    cards = await world.cards(7)
    await world.change()
    assert await spreads.go_on(world.here) == 7
    assert await world.told() == cards
    assert await world.progress() == (7, 7, to_ms(NOON))
    assert await spreads.go_on(world.here) == 0 and await world.told() == []


async def test_only_cards_that_a_phone_or_google_holds_are_told(world):
    [phone] = await world.cards(1)
    [google] = await world.cards(1, "google")
    await world.cards(1, "asked for, never saved")
    await add_card(world.here.db, world.bed.business_id, world.bed.program_id)
    await world.change()
    await spreads.go_on(world.here)
    assert await world.told() == [phone, google]


async def test_after_the_first_cards_the_others_follow_evenly(world):
    cards = await world.cards(14)
    await world.change()
    assert await spreads.go_on(world.here) == 10
    assert await world.told() == cards[:10]
    assert await world.progress() == (10, 14, None)
    for card in cards[10:]:         # sixty a minute
        assert await spreads.go_on(world.here) == 0
        world.here.clock.advance(seconds=1)
        assert await spreads.go_on(world.here) == 1
        assert await world.told() == [card]
    world.here.clock.advance(seconds=1)
    await spreads.go_on(world.here)
    assert await world.progress() == (14, 14, to_ms(world.here.clock.now()))


async def test_a_newer_change_goes_on_where_the_older_stood_and_comes_round_to_the_first(world):
    cards = await world.cards(15)
    await world.change()
    await spreads.go_on(world.here)
    assert await world.told() == cards[:10]
    await world.change()
    # At the pace that is left, not with a second ten at once.
    assert await spreads.go_on(world.here) == 0
    world.here.clock.advance(minutes=1)
    await spreads.go_on(world.here)
    world.here.clock.advance(minutes=1)
    await spreads.go_on(world.here)
    assert await world.told() == cards[10:] + cards[:10]
    assert (await world.progress())[:2] == (15, 15)
    assert await spreads.go_on(world.here) == 0 and await world.told() == []


async def test_whoever_saves_again_and_again_keeps_no_card_waiting(world):
    cards, heard = await world.cards(30), set()
    for _ in range(4):
        await world.change()
        await spreads.go_on(world.here)
        heard |= set(await world.told())
        world.here.clock.advance(seconds=10)
    assert heard == set(cards)


async def test_another_programmes_change_does_not_wait_for_a_big_one(world):
    big = await world.cards(20)
    other = await make_bed(world.here.db, "tea")
    _, card = await add_card(world.here.db, other.business_id, other.program_id)
    await World(world.here, other).put(card, "apple")
    await world.change()
    await World(world.here, other).change()
    await spreads.go_on(world.here)
    assert set(await world.told()) == {*big[:10], card}


async def test_a_stop_between_two_transactions_tells_nobody_twice_and_forgets_nobody(world, monkeypatch):
    cards, advance = await world.cards(9), spreads.store.advance

    async def dying(*values):
        if (await world.progress()).told == 6:
            raise KeyboardInterrupt
        return await advance(*values)

    await world.change()
    monkeypatch.setattr(spreads.store, "advance", dying)
    with pytest.raises(KeyboardInterrupt):
        await spreads.go_on(world.here)
    monkeypatch.setattr(spreads.store, "advance", advance)
    assert await spreads.go_on(world.here) == 3
    assert await world.told() == cards


async def test_a_step_that_a_newer_change_overtook_writes_nothing(world):
    await world.cards(5)
    await world.change()
    [seen] = await spreads.store.open_ones(world.here.db, 1)
    await world.change()
    assert await spreads._step(world.here, seen) == 0
    assert await world.told() == []


@on_sqlite
async def test_a_server_that_stood_still_or_whose_clock_was_set_back_goes_on_at_the_pace_it_has(world):
    await world.cards(40)
    await world.change()
    assert await spreads.go_on(world.here) == 10
    world.here.clock.advance(hours=3)
    assert await spreads.go_on(world.here) == 10
    world.here.clock.advance(hours=-5)
    assert await spreads.go_on(world.here) == 10


@on_sqlite
async def test_a_programme_that_never_changed_has_no_progress_and_a_removed_card_makes_none_impossible(world):
    assert await world.progress() is None
    await world.cards(3)
    await world.change()
    await spreads.go_on(world.here)
    await world.here.db.execute("DELETE FROM registrations")
    assert (await world.progress())[:2] == (3, 3)


@pytest.mark.parametrize("a_minute", [1, 7, 1200, 10**6])
def test_the_allowance_is_a_thousand_at_first_and_the_pace_afterwards(a_minute):
    now = to_ms(NOON)
    assert spreads.allowance(0, a_minute, now)[0] in (spreads.AT_ONCE, spreads.AT_ONCE - 1)
    assert spreads.allowance(now, a_minute, now) == (0, now)
    later = now + int(timedelta(minutes=1).total_seconds() * 1000)
    assert spreads.allowance(now, a_minute, later)[0] == min(a_minute, spreads.AT_ONCE)
