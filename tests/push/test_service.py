"""From a change to the phones that hold the card: who is told, how often, and what each of APNs' answers does to the queue."""
import asyncio
from datetime import timedelta

import pytest

from app.clock import to_ms
from app.demo.fakes.apns import Answer, GoAway
from app.push import service, store
from app.push.service import push_due
from app.updates import service as updates
from tests.money import NOON, add_card
from tests.push.conftest import TOPIC
from tests.push.worlds import MINUTE, on_sqlite


async def test_a_change_is_pushed_once_to_every_device_that_holds_the_card(world):
    tokens = [await world.phone() for _ in range(3)]
    await world.change()
    assert await push_due(world.here) == 3
    assert sorted(world.pushed()) == sorted(tokens)
    assert await push_due(world.here) == 0 and world.pushed() == []


async def test_a_phone_with_two_cards_is_told_once_for_both(world):
    token = await world.phone()
    _, other = await add_card(world.here.db, world.bed.business_id, world.bed.program_id)
    await world.hold("the same phone", token, other)
    await world.change()
    await world.change(other)
    await push_due(world.here)
    assert world.pushed() == [token]


async def test_changes_of_cards_on_no_phone_are_read_and_cost_no_row(world):
    _, other = await add_card(world.here.db, world.bed.business_id, world.bed.program_id)
    await world.phone()
    await world.change(other)
    await push_due(world.here)
    assert world.pushed() == [] and world.here.extras["push"].updates.number == 1
    assert await updates.find_cursor(world.here.db, "push") == 0


async def test_a_registrations_own_number_is_not_pushed(world):
    await world.phone()
    await world.change(registration_id=1)
    await push_due(world.here)
    assert world.pushed() == []


@on_sqlite
async def test_the_third_sale_in_a_minute_is_pushed_at_once(world):
    token = await world.phone()
    for _ in range(3):
        await world.change()
        await push_due(world.here)
        world.here.clock.advance(seconds=20)
    assert world.pushed() == [token] * 3


@on_sqlite
async def test_the_sixth_change_in_a_minute_waits_for_the_refill_and_takes_the_others_along(world):
    token = await world.phone()
    for _ in range(9):
        await world.change()
        await push_due(world.here)
    assert world.pushed() == [token] * 5
    world.here.clock.advance(seconds=59)
    assert await push_due(world.here) == 0
    world.here.clock.advance(seconds=1)
    assert await push_due(world.here) == 1
    assert await push_due(world.here) == 0


@on_sqlite
async def test_a_full_batch_of_waiting_phones_does_not_hide_the_one_that_may_go(world, monkeypatch):
    monkeypatch.setattr(service, "PUSHES_AT_ONCE", 2)
    waiting = [await world.phone() for _ in range(3)]
    for _ in range(6):
        await world.change()
        await push_due(world.here)
    world.pushed()
    _, other = await add_card(world.here.db, world.bed.business_id, world.bed.program_id)
    fresh = await world.phone(other)
    await world.here.db.execute("UPDATE push_targets SET due_at = 0")
    await world.change(other)
    await push_due(world.here)
    assert world.pushed() == [fresh] and fresh not in waiting


@pytest.mark.goal("F4")
async def test_a_410_removes_the_registrations_with_that_token_and_says_so(world):
    token, kept = await world.phone(), await world.phone()
    world.fake.uninstall(token, NOON + MINUTE)
    world.here.clock.advance(minutes=2)
    await world.change()
    await push_due(world.here)
    assert await world.tokens() == [kept]
    assert await world.here.db.fetch_val("SELECT COUNT(*) FROM push_targets") == 1
    assert await world.here.db.fetch_val("SELECT kind FROM events") == "pass.removed"


@pytest.mark.goal("F4")
async def test_a_410_older_than_the_registration_leaves_it_and_the_push_is_tried_again(world):
    token = await world.phone()
    world.fake.uninstall(token, NOON - MINUTE)
    await world.change()
    await push_due(world.here)
    assert await world.tokens() == [token]
    world.fake.attach(token, lambda topic: None)
    world.here.clock.advance(minutes=1)
    assert await push_due(world.here) == 1
    assert await world.here.db.fetch_val("SELECT last_status FROM push_targets") == 200


@pytest.mark.goal("F4")
async def test_a_bad_token_is_removed_when_others_are_accepted(world):
    good = await world.phone()
    await world.change()
    await push_due(world.here)
    await world.hold("strange phone", "ab" * 32)
    world.here.clock.advance(minutes=1)
    await world.change()
    await push_due(world.here)
    assert await world.tokens() == [good]


@pytest.mark.goal("F4")
@on_sqlite
async def test_a_bad_token_alone_is_our_configuration_and_removes_nobody(world, caplog):
    await world.hold("phone of another environment", "ab" * 32)
    await world.change()
    await push_due(world.here)
    assert await world.tokens() == ["ab" * 32]
    assert await push_due(world.here) == 0
    world.here.clock.advance(minutes=20)
    assert await push_due(world.here) == 1


@pytest.mark.goal("F4")
@pytest.mark.parametrize(("answer", "rest"), [
    (Answer(429, "TooManyRequests"), 2 * MINUTE), (Answer(503, "ServiceUnavailable"), timedelta(seconds=1))])
@on_sqlite
async def test_a_throttled_or_unavailable_push_is_kept_and_sent_later(world, answer, rest):
    token = await world.phone()
    world.fake.faults.answers.append(answer)
    await world.change()
    await push_due(world.here)
    world.here.clock.advance(seconds=rest.total_seconds() - 0.5)
    assert await push_due(world.here) == 0
    world.here.clock.advance(seconds=0.5)
    world.pushed()
    assert await push_due(world.here) == 1 and world.pushed() == [token]


@on_sqlite
async def test_waits_grow_while_apns_stays_away(world):
    await world.phone()
    world.fake.faults.answers.extend(Answer(503, "Shutdown") for _ in range(4))
    await world.change()
    waits = []
    for _ in range(4):
        await push_due(world.here)
        due_at = await world.here.db.fetch_val("SELECT due_at FROM push_targets")
        waits.append((due_at - to_ms(world.here.clock.now())) // 1000)
        world.here.clock.advance(seconds=waits[-1])
    assert waits == [1, 2, 4, 8]


@pytest.mark.goal("F4")
async def test_a_403_stops_everything_of_the_pass_type_says_so_and_goes_on_after_the_pause(world, caplog):
    await world.phone()
    _, other = await add_card(world.here.db, world.bed.business_id, world.bed.program_id)
    await world.phone(other)
    world.fake.faults.answers.append(Answer(403, "BadCertificate"))
    await world.change()
    await push_due(world.here)
    assert "BadCertificate" in caplog.text
    world.pushed()
    await world.change(other)
    world.here.clock.advance(minutes=1)
    await push_due(world.here)
    world.here.clock.advance(minutes=20)
    assert await push_due(world.here) == 2
    assert [row["last_reason"] for row in await store.trouble(world.here.db)] == []


@on_sqlite
async def test_our_own_mistake_is_said_and_not_repeated_but_the_next_change_goes_out(world, caplog):
    token = await world.phone()
    world.fake.faults.answers.append(Answer(400, "BadPriority"))
    await world.change()
    await push_due(world.here)
    assert "BadPriority" in caplog.text
    assert [row["phones"] for row in await store.trouble(world.here.db)] == [1]
    world.here.clock.advance(hours=1)
    assert await push_due(world.here) == 0
    world.pushed()
    await world.change()
    await push_due(world.here)
    assert world.pushed() == [token]


@on_sqlite
async def test_without_a_certificate_pushes_wait_and_go_out_as_soon_as_there_is_one(world, certificates, caplog):
    world.identities.clear()
    token = await world.phone()
    await world.change()
    assert await push_due(world.here) == 1 and world.pushed() == []
    assert "NoCertificate" in caplog.text
    world.certify(certificates, 1, world.pass_type_id)
    await push_due(world.here)
    assert world.pushed() == [token]


@pytest.mark.goal("F3")
@pytest.mark.parametrize("step", ["claim", "send", "note"])
@on_sqlite
async def test_a_sender_killed_at_any_step_tells_every_phone_at_least_once_and_at_most_twice(world, monkeypatch, step):
    tokens = [await world.phone() for _ in range(3)]
    await world.change()
    true = getattr(service, step)
    done = asyncio.Event()

    async def dies(*arguments):
        # Dies after its work is done (claimed, sent) or before it is kept (note).
        if step != "note":
            await true(*arguments)
        done.set()
        raise KeyError("killed")

    monkeypatch.setattr(service, step, dies)
    with pytest.raises(KeyError):
        await push_due(world.here)
    assert done.is_set()
    monkeypatch.undo()
    await world.start()
    assert await push_due(world.here) == 0  # the lease of the dead process still runs
    world.here.clock.advance(seconds=60)
    await push_due(world.here)
    told = world.pushed()
    assert all(1 <= told.count(token) <= 2 for token in tokens)
    assert await world.here.db.fetch_val("SELECT COUNT(*) FROM push_targets WHERE wanted_number > sent_number") == 0


@pytest.mark.goal("F3")
async def test_a_reader_killed_before_its_cursor_moved_loses_no_update(world, monkeypatch):
    token = await world.phone()
    await world.change()

    async def dies(*arguments):
        raise KeyError("killed")

    monkeypatch.setattr(updates, "move_cursor", dies)
    with pytest.raises(KeyError):
        await push_due(world.here)
    monkeypatch.undo()
    await world.start()
    await push_due(world.here)
    assert world.pushed() == [token]


@on_sqlite
async def test_a_change_while_the_push_is_on_its_way_is_pushed_after_it(world, monkeypatch):
    token = await world.phone()
    await world.change()
    true = service.send

    async def and_a_sale(made, target):
        result = await true(made, target)
        monkeypatch.undo()
        await world.change()
        return result

    monkeypatch.setattr(service, "send", and_a_sale)
    assert await push_due(world.here) == 2
    assert world.pushed() == [token, token]


async def test_a_version_nobody_fetches_is_pushed_again_after_15_minutes_2_hours_and_12_hours_and_then_never(world):
    await world.phone()
    await world.change()
    await push_due(world.here)
    pushes = []
    for _ in range(60 * 30 // 5):
        world.here.clock.advance(minutes=5)
        if await push_due(world.here):
            pushes.append(world.here.clock.now() - NOON)
    assert pushes == [timedelta(minutes=15), timedelta(hours=2, minutes=15), timedelta(hours=14, minutes=15)]


async def test_a_fetched_version_is_not_pushed_again_and_the_next_one_starts_anew(world):
    await world.phone()
    await world.change()
    await push_due(world.here)
    world.here.clock.advance(minutes=16)
    assert await push_due(world.here) == 1
    await world.fetched(1)
    world.here.clock.advance(hours=3)
    assert await push_due(world.here) == 0
    await world.change()
    assert await push_due(world.here) == 1
    world.here.clock.advance(minutes=16)
    assert await push_due(world.here) == 1


@pytest.mark.goal("F4")
@pytest.mark.parametrize(("answer", "needs_person"), [(Answer(403, "BadCertificate"), True), (Answer(503, "Shutdown"), False)])
@on_sqlite
async def test_an_operator_is_told_what_apns_refuses_until_it_accepts_again(world, caplog, answer, needs_person):
    await world.phone()
    world.fake.faults.answers.append(answer)
    await world.change()
    await push_due(world.here)
    [trouble] = await service.troubles(world.here.db)
    assert trouble.needs_person is needs_person and answer.reason in trouble.sentence and TOPIC in trouble.sentence
    world.here.clock.advance(minutes=20)
    await push_due(world.here)
    assert await service.troubles(world.here.db) == []


async def test_a_phone_that_unregistered_before_its_push_is_left_in_peace(world):
    await world.phone()
    await world.change()
    await service.read_updates(world.here.extras["push"])
    await world.here.db.execute("DELETE FROM registrations")
    assert await push_due(world.here) == 0 and world.pushed() == []
    assert await world.here.db.fetch_val("SELECT COUNT(*) FROM push_targets") == 0


@on_sqlite
async def test_while_apns_is_away_a_run_tries_one_batch_and_leaves_the_rest_their_turn(world, monkeypatch):
    monkeypatch.setattr(service, "PUSHES_AT_ONCE", 2)
    tokens = [await world.phone() for _ in range(5)]
    world.fake.faults.answers.extend([Answer(503, "Shutdown")] * 2)
    await world.change()
    assert await push_due(world.here) == 2
    world.pushed()
    world.here.clock.advance(seconds=2)
    await push_due(world.here)
    assert sorted(world.pushed()) == sorted(tokens)


@pytest.mark.goal("F4")
@on_sqlite
async def test_a_goaway_in_the_middle_of_a_batch_loses_no_phone_and_tells_none_twice(world):
    tokens = [await world.phone() for _ in range(200)]
    world.fake.faults.goaway = GoAway(received=150, processed=60)
    await world.change()
    await push_due(world.here)
    assert sorted(world.pushed()) == sorted(tokens)


@on_sqlite
async def test_the_answer_of_each_phone_is_kept_for_the_operator(world):
    await world.phone()
    world.fake.faults.answers.append(Answer(503, "ServiceUnavailable"))
    await world.change()
    await push_due(world.here)
    assert await store.trouble(world.here.db) == [
        {"pass_type_identifier": TOPIC, "last_status": 503, "last_reason": "ServiceUnavailable", "phones": 1}]


@pytest.mark.goal("F4")
@pytest.mark.parametrize("answer", [
    Answer(400, "IdleTimeout"), Answer(403, "BadCertificate"), Answer(403, "BadCertificateEnvironment"),
    Answer(403, "ExpiredProviderToken"),
    Answer(429, "TooManyRequests"), Answer(429, "TooManyProviderTokenUpdates"), Answer(500, "InternalServerError"),
    Answer(503, "ServiceUnavailable"), Answer(503, "Shutdown"), Answer(500, raw=b"\xff")])
@on_sqlite
async def test_no_answer_of_apns_that_passes_loses_an_update(world, answer):
    tokens = [await world.phone() for _ in range(3)]
    world.fake.faults.answers.extend([answer] * 3)
    await world.change()
    for _ in range(30):
        await push_due(world.here)
        world.here.clock.advance(minutes=1)
    assert set(world.pushed()[3:]) == set(tokens)
    assert await world.here.db.fetch_val("SELECT COUNT(*) FROM push_targets WHERE wanted_number > sent_number") == 0
    assert len(await world.tokens()) == 3


@on_sqlite
async def test_phones_that_wait_and_hear_nothing_at_all_are_an_operators_matter(world):
    await world.phone()
    await world.change()
    await service.read_updates(world.here.extras["push"])
    now = world.here.clock.now()
    assert await service.troubles(world.here.db, now + MINUTE) == []
    [trouble] = await service.troubles(world.here.db, now + 10 * MINUTE)
    assert trouble.needs_person and trouble.sentence == f"1 phones wait for pushes of {TOPIC} for more than 10 minutes."


@on_sqlite
async def test_a_long_list_of_changes_that_concern_no_phone_moves_the_cursor_on_disk_now_and_then(world, monkeypatch):
    monkeypatch.setattr(updates, "LAG_MOST", 3)
    for expected in (0, 0, 3, 3):
        await world.change()
        await push_due(world.here)
        assert await updates.find_cursor(world.here.db, "push") == expected
