"""One connection per certificate: each pass type's queue goes on, stops and changes its certificate by itself."""
import asyncio

import pytest

from app.demo.fakes.apns import Answer
from app.push import service
from app.push.service import push_due
from tests.money import NOON
from tests.push.conftest import OTHER_TOPIC, TOPIC
from tests.push.worlds import MINUTE, on_sqlite


async def test_each_pass_type_goes_out_under_its_own_certificate_and_over_its_own_connection(world, more_certificates):
    other = await world.second(more_certificates[OTHER_TOPIC])
    tokens = [await world.phone(), await world.phone(other.card_id, other.pass_type_id)]
    await world.change()
    await world.change(other.card_id)
    assert await push_due(world.here) == 2
    assert {push.token: push.topic for push in world.fake.pushes} == dict(zip(tokens, (TOPIC, OTHER_TOPIC), strict=True))
    assert world.fake.connections == 2


@pytest.mark.goal("F4")
async def test_a_certificate_that_expires_stops_its_own_pass_type_alone_and_says_so(world, more_certificates, caplog):
    other = await world.second(more_certificates[OTHER_TOPIC], ends=NOON + MINUTE)
    mine, theirs = await world.phone(), await world.phone(other.card_id, other.pass_type_id)
    for _ in range(2):
        await world.change()
        await world.change(other.card_id)
        await push_due(world.here)
        told = world.pushed()
        world.here.clock.advance(minutes=1)
    assert told == [mine] and "NoCertificate" in caplog.text
    [trouble] = await service.troubles(world.here.db)
    assert trouble.needs_person and OTHER_TOPIC in trouble.sentence
    world.certify(other.files, 3, other.pass_type_id, OTHER_TOPIC)
    await push_due(world.here)
    assert world.pushed() == [theirs] and await service.troubles(world.here.db) == []


@pytest.mark.goal("F4")
@on_sqlite
async def test_a_pass_type_whose_connection_is_a_black_hole_keeps_no_other_waiting(world, more_certificates, monkeypatch):
    other = await world.second(more_certificates[OTHER_TOPIC])
    mine, _ = await world.phone(), await world.phone(other.card_id, other.pass_type_id)
    true, stuck = service.send, asyncio.Event()

    async def send(made, target):
        if target.pass_type_id == other.pass_type_id:
            await stuck.wait()
        return await true(made, target)

    monkeypatch.setattr(service, "send", send)
    monkeypatch.setattr(service, "LOOK_SECONDS", 0.01)
    await world.change(other.card_id)
    await world.change()
    run = asyncio.create_task(push_due(world.here))
    for _ in range(3):      # while the other waits, every change of ours goes out in the same run
        while not world.fake.pushes:
            await asyncio.sleep(0)
        assert world.pushed() == [mine]
        await world.change()
    stuck.set()
    await run


async def test_a_renewed_certificate_takes_over_without_a_restart_and_the_old_one_helps_out_when_refused(world, more_certificates, caplog):
    token = await world.phone()
    await world.change()
    await push_due(world.here)
    old = world.here.extras["push"].clients.best(world.pass_type_id, NOON)
    world.certify(more_certificates[TOPIC], 2, world.pass_type_id)
    await world.change()
    await push_due(world.here)
    assert world.fake.connections == 2 and world.pushed() == [token, token]
    world.fake.faults.answers.append(Answer(403, "BadCertificate"))
    await world.change()
    assert await push_due(world.here) == 2              # refused, and told again with the older one in the same run
    assert world.pushed() == [token, token] and "BadCertificate" in caplog.text
    assert world.here.extras["push"].clients.best(world.pass_type_id, NOON) is old
    world.here.clock.advance(minutes=20)
    assert world.here.extras["push"].clients.best(world.pass_type_id, world.here.clock.now()) is not old


async def test_a_retired_certificates_connection_is_closed(world, more_certificates):
    other = await world.second(more_certificates[OTHER_TOPIC])
    await world.phone(other.card_id, other.pass_type_id)
    await world.change(other.card_id)
    await push_due(world.here)
    line = world.here.extras["push"].clients.best(other.pass_type_id, NOON)
    world.identities[:] = [one for one in world.identities if one.pass_type_id == world.pass_type_id]
    await push_due(world.here)
    assert line.client._connection is None and not line.client._connections
