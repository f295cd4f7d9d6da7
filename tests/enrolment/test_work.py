"""The puzzle for whoever asks too often, and where it is asked for."""
import hashlib
import itertools
import re

import pytest

from app.enrolment import work
from tests.enrolment.joining import ANNA

EN = {"accept-language": "en"}


def solve(challenge: str) -> str:
    wanted = int(challenge.split("-")[1])
    return next(str(number) for number in itertools.count()
                if work.zero_bits(hashlib.sha256(f"{challenge}.{number}".encode()).digest()) >= wanted)


def challenge_of(page: str) -> str:
    return re.search(r'data-work="([^"]+)"', page)[1]


@pytest.mark.parametrize(("digest", "bits"), [(b"\xff", 0), (b"\x7f", 1), (b"\x01\xff", 7), (b"\x00\x80", 8), (b"\x00\x00", 16)])
def test_zero_bits_are_counted_from_the_front(digest, bits):
    assert work.zero_bits(digest) == bits


def test_an_answer_holds_for_its_own_challenge_page_and_ten_minutes(ring, clock):
    asked = work.challenge(ring, "/e/coffee", clock.now(), bits=6)
    answer = solve(asked)
    assert work.is_answer(ring, "/e/coffee", asked, answer, clock.now())
    assert not work.is_answer(ring, "/e/leaf", asked, answer, clock.now())
    assert not work.is_answer(ring, "/e/coffee", asked.replace("-6-", "-1-"), answer, clock.now())
    later = str(int(asked.split("-")[0]) + 10 ** 9)
    assert not work.is_answer(ring, "/e/coffee", later + asked[asked.index("-"):], answer, clock.now())
    for wrong in ("", "-1", "x", "1" * 30, "١"):
        assert not work.is_answer(ring, "/e/coffee", asked, wrong, clock.now())
    for wrong in ("", "-", "a-b-c", asked[:-1], "é" * 20, "0" * 500):
        assert not work.is_answer(ring, "/e/coffee", wrong, answer, clock.now())
    clock.advance(minutes=10)
    assert not work.is_answer(ring, "/e/coffee", asked, answer, clock.now())


async def test_an_answer_counts_once(here):
    asked = work.challenge(here.ring, "/e/coffee", here.clock.now(), bits=6)
    answer = solve(asked)
    assert await work.use(here.db, here.ring, "/e/coffee", asked, answer, here.clock.now())
    assert not await work.use(here.db, here.ring, "/e/coffee", asked, answer, here.clock.now())


async def test_the_page_asks_nobody_below_its_soft_limit_and_sends_nothing_without_an_answer_above_it(client, joining):
    for number in range(3):
        assert "data-work" not in (await client.get("/e/coffee")).text
        assert (await client.post("/e/coffee", data={"phone": f"+7916123000{number}"})).status_code == 200
    await joining.deliver()
    before, sent = await joining.counts(), len(joining.inbox.messages)
    asked = await client.post("/e/coffee", data={"phone": ANNA}, headers=EN)
    assert "small puzzle" in asked.text and "turn them on" in asked.text and await joining.counts() == before
    challenge = challenge_of(asked.text)
    answered = await client.post("/e/coffee", data={"phone": ANNA, "work": challenge, "answer": solve(challenge)}, headers=EN)
    assert "A message is on its way" in answered.text
    await joining.deliver()
    assert len(joining.inbox.messages) == sent + 1


async def test_the_answer_to_one_page_s_puzzle_opens_no_other_page(client, joining):
    for number in range(3):
        await client.post("/e/coffee", data={"phone": f"+7916123000{number}"})
    challenge = challenge_of((await client.get("/e/coffee")).text)
    answer = {"phone": ANNA, "work": challenge, "answer": solve(challenge)}
    assert "data-work" in (await client.post("/e/coffee/points", data=answer)).text


async def test_the_puzzle_is_the_same_for_a_member_and_a_stranger(client, joining):
    await joining.start(ANNA)
    for number in range(3):
        await client.post("/e/coffee", data={"phone": f"+7916123000{number}"})
    pages = [(await client.post("/e/coffee", data={"phone": phone}, headers=EN)).text for phone in (ANNA, "+79161239999")]
    assert len({re.sub(r'data-work="[^"]+"|name="work" value="[^"]+"|nonce="[^"]+"|value="\+7[^"]*"', "", page) for page in pages}) == 1
