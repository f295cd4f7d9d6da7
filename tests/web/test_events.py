"""Streams are woken, never asked; they end at shutdown, and nobody opens too many."""
import asyncio

import pytest

from app.web import events
from app.web.events import Broker, TooManyStreams


async def started(broker: Broker, topic: str) -> tuple[asyncio.Task, list]:
    """A reader of `topic` that waits for its first value."""
    got: list = []

    async def read() -> None:
        async for number in broker.stream(topic):
            got.append(number)

    task = asyncio.create_task(read())
    await asyncio.sleep(0)
    return task, got


async def test_only_streams_of_the_changed_card_are_woken() -> None:
    broker = Broker()
    task, got = await started(broker, "card:1")
    other, nothing = await started(broker, "card:2")
    broker.publish(["card:1"], 17)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    broker.close()
    await asyncio.gather(task, other)
    assert (got, nothing) == ([17], [])


async def test_a_slow_reader_is_woken_once_for_many_changes() -> None:
    broker = Broker()
    task, got = await started(broker, "card:1")
    for number in range(5):
        broker.publish(["card:1"], number)
    broker.close()
    await task
    assert got == [0]


async def test_a_quiet_stream_sends_heartbeats_and_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.001)
    monkeypatch.setattr(events, "LIFE_SECONDS", 0.02)
    task, got = await started(Broker(), "card:1")
    await task
    assert got
    assert set(got) == {None}


async def test_a_fifth_stream_of_a_card_is_refused_and_a_closed_one_makes_room() -> None:
    broker = Broker()
    tasks = [(await started(broker, "card:1"))[0] for _ in range(4)]
    with pytest.raises(TooManyStreams):
        await anext(broker.stream("card:1"))
    tasks[0].cancel()
    await asyncio.gather(tasks[0], return_exceptions=True)
    again, _ = await started(broker, "card:1")
    broker.close()
    await asyncio.gather(*tasks[1:], again)


def test_an_event_is_one_block_of_text_with_its_number() -> None:
    assert events.event("card", {"balance": 5}, 17) == b'id: 17\nevent: card\ndata: {"balance":5}\n\n'
