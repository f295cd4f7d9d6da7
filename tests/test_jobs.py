import asyncio
import logging

import pytest

from app import jobs
from app.context import Context
from app.db import write_transaction
from app.errors import Unavailable


class Counter:
    """An act that counts its runs and can be held up."""

    def __init__(self) -> None:
        self.runs = 0
        self.at_once = self.most_at_once = 0
        self.began, self.may_end = asyncio.Event(), asyncio.Event()
        self.may_end.set()

    async def __call__(self, here: Context) -> None:
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        self.runs += 1
        self.began.set()
        try:
            await self.may_end.wait()
        finally:
            self.at_once -= 1


async def until(condition) -> None:  # type: ignore[no-untyped-def]
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


async def test_a_job_runs_at_once_when_its_process_starts(here: Context) -> None:
    counter = Counter()
    async with jobs.running(here, [jobs.Job("count", 3600, counter)]):
        await until(lambda: counter.runs == 1)


async def test_a_committed_notification_wakes_the_job_of_that_channel(here: Context) -> None:
    counter = Counter()
    async with jobs.running(here, [jobs.Job("count", 3600, counter, ("messages",))]):
        await until(lambda: counter.runs == 1)

        async def act(tx) -> None:  # type: ignore[no-untyped-def]
            tx.notify("messages")

        await write_transaction(here.db, act)
        await until(lambda: counter.runs == 2)


async def test_a_job_never_runs_twice_at_once_and_misses_no_wake_up(here: Context) -> None:
    counter = Counter()
    counter.may_end.clear()
    async with jobs.running(here, [jobs.Job("count", 3600, counter)]) as works:
        await counter.began.wait()
        for _ in range(5):
            works[0].wake()
        counter.may_end.set()
        await until(lambda: counter.runs == 2)
    assert counter.most_at_once == 1
    assert counter.runs == 2


async def test_the_clock_runs_a_job_again(here: Context) -> None:
    counter = Counter()
    async with jobs.running(here, [jobs.Job("count", 0.01, counter)]):
        await until(lambda: counter.runs >= 3)


async def test_a_job_that_fails_is_logged_and_runs_again(here: Context, caplog: pytest.LogCaptureFixture) -> None:
    async def fails(context: Context) -> None:
        raise ValueError("our mistake")

    async def waits(context: Context) -> None:
        raise Unavailable()

    with caplog.at_level(logging.WARNING, "tessera.jobs"):
        async with jobs.running(here, [jobs.Job("fails", 0.01, fails), jobs.Job("waits", 0.01, waits)]) as works:
            await until(lambda: all(work.failures >= 2 for work in works))
    said = [record.getMessage() for record in caplog.records]
    assert any("fails failed" in line for line in said)
    assert any(line.startswith("waits waits for its next turn") for line in said)


async def test_a_stop_lets_work_that_has_begun_end(here: Context) -> None:
    counter = Counter()
    counter.may_end.clear()
    ended = []

    async def act(context: Context) -> None:
        await counter(context)
        ended.append(True)

    running = jobs.running(here, [jobs.Job("count", 3600, act)])
    await running.__aenter__()
    await counter.began.wait()
    stopping = asyncio.create_task(running.__aexit__(None, None, None))
    await asyncio.sleep(0)
    assert not stopping.done()
    counter.may_end.set()
    await stopping
    assert ended == [True]


async def test_work_that_does_not_end_is_cut_off_at_a_stop(here: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "GRACE_SECONDS", 0.02)
    counter = Counter()
    counter.may_end.clear()
    async with jobs.running(here, [jobs.Job("count", 3600, counter)]):
        await counter.began.wait()
    assert counter.at_once == 0


async def test_of_two_processes_one_leads_and_the_other_takes_over(here: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runners on one PostgreSQL; on SQLite the process lock has decided already."""
    monkeypatch.setattr(jobs, "LEAD_AGAIN_SECONDS", 0.02)
    first, second = Counter(), Counter()
    stop_first, stop_second = asyncio.Event(), asyncio.Event()
    leading = asyncio.create_task(jobs.lead(here, stop_first, [jobs.Job("count", 3600, first)]))
    await until(lambda: first.runs == 1)
    waiting = asyncio.create_task(jobs.lead(here, stop_second, [jobs.Job("count", 3600, second)]))
    if here.db.engine == "postgresql":
        assert second.runs == 0
    stop_first.set()
    await leading
    await until(lambda: second.runs == 1)
    stop_second.set()
    await waiting


def test_whatever_wakes_a_job_is_a_name_that_both_engines_know():
    for job in jobs.timetable():
        assert all(channel.isidentifier() and channel.islower() for channel in job.channels), job.name
