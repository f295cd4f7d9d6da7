"""Root keys are fetched rarely, never kept too long, and nothing is believed while none can be had."""
import json
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from app.clock import to_ms
from app.google.callbacks import RootKey
from app.google.root_keys import KeysAway, RootKeys, kept_until
from tests.google.callback_bodies import NOW, Signer

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Source:
    """Where keys come from. status 0: nothing answers."""

    def __init__(self) -> None:
        self.signer, self.asked, self.status = Signer(), 0, 200
        self.cache_control, self.more = "public, max-age=7200", {}  # type: ignore[var-annotated]
        self.keys = RootKeys("https://google.test/keys", httpx2.MockTransport(self.answer))

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked += 1
        if not self.status:
            raise httpx2.ConnectError("down")
        return httpx2.Response(self.status, content=self.content(), headers={"Cache-Control": self.cache_control})

    def content(self) -> bytes:
        return json.dumps(self.signer.root_keys(**self.more)).encode()


@pytest.fixture
def source() -> Source:
    return Source()


async def test_keys_are_kept_as_long_as_the_answer_allows(source: Source) -> None:
    first = await source.keys.current(NOW)
    assert await source.keys.current(NOW + 2 * HOUR - MINUTE) == first
    assert source.asked == 1
    await source.keys.current(NOW + 2 * HOUR)
    assert source.asked == 2


@pytest.mark.parametrize(("ends", "cache_control", "kept"), [
    (30 * DAY, "public, max-age=7200", 2 * HOUR), (30 * DAY, "", DAY), (30 * DAY, "max-age=999999", DAY),
    (5 * HOUR, "max-age=999999", 4 * HOUR),
    (HOUR, "max-age=7200", MINUTE), (30 * DAY, "no-cache, max-age=0", MINUTE)])
def test_keys_are_kept_for_the_shortest_of_three_and_a_minute_at_least(ends: timedelta, cache_control: str, kept: timedelta) -> None:
    keys = (RootKey("", "", to_ms(NOW + 60 * DAY)), RootKey("", "", to_ms(NOW + ends)))
    assert kept_until(keys, cache_control, NOW) == NOW + kept


@pytest.mark.parametrize("wrong", [{"status": 0}, {"status": 500}, {"status": 302}, {"more": {"keyExpiration": None}},
                                   {"more": {"keyExpiration": str(to_ms(NOW))}}, {"more": {"protocolVersion": "ECv2"}}])
async def test_nothing_can_be_proven_without_a_key_that_holds(source: Source, wrong: dict[str, Any]) -> None:
    for name, value in wrong.items():
        setattr(source, name, value)
    with pytest.raises(KeysAway):
        await source.keys.current(NOW)


async def test_keys_that_ran_out_are_not_used_while_no_new_ones_come(source: Source) -> None:
    await source.keys.current(NOW)
    source.status = 0
    with pytest.raises(KeysAway):
        await source.keys.current(NOW + 2 * HOUR)
    with pytest.raises(KeysAway):       # and the source is left alone for some seconds
        await source.keys.current(NOW + 2 * HOUR + timedelta(seconds=5))
    assert source.asked == 2
    source.status = 200
    assert await source.keys.current(NOW + 2 * HOUR + timedelta(seconds=10))


async def test_new_keys_are_looked_for_once_where_those_at_hand_vouch_for_nothing(source: Source) -> None:
    old = await source.keys.current(NOW)
    source.signer = Signer()
    new = await source.keys.renewed(NOW, old)
    assert new != old
    assert await source.keys.renewed(NOW, old) == new       # somebody else has fetched them meanwhile
    assert await source.keys.renewed(NOW + timedelta(seconds=59), new) == new
    assert source.asked == 2
    await source.keys.renewed(NOW + MINUTE, new)
    assert source.asked == 3


async def test_a_failed_look_for_new_keys_leaves_those_at_hand(source: Source) -> None:
    old = await source.keys.current(NOW)
    source.status = 500
    assert await source.keys.renewed(NOW, old) == old
    assert await source.keys.current(NOW) == old
