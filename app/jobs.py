"""The timetable of what runs by itself. The work is rows in the rooms' own tables, so a crash or a missed tick loses nothing.

Every job runs at its interval and as soon as somebody calls `tx.notify` on its channel. APScheduler keeps the time (memory
store: the timetable is this file); one process runs it: on SQLite the one that writes, on PostgreSQL the holder of an
advisory lock.
"""
import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from app.context import Context
from app.db import Leader
from app.errors import Unavailable

log = logging.getLogger("tessera.jobs")

GATHER_SECONDS = 0.05           # between runs that commits ask for: a busy till asks a thousand times a second
FIRST_SECONDS = 0.3             # a start answers first, then looks what was left behind
GRACE_SECONDS = 10.0            # a stopping process waits this long for work that has begun
LEAD_AGAIN_SECONDS = 5.0        # how often a process without the lead asks for it
SECOND, MINUTE, HOUR = 1.0, 60.0, 3600.0

Act = Callable[[Context], Awaitable[object]]


@dataclass(frozen=True)
class Job:
    """name; every: seconds between runs; act: the work, safe to repeat; channels: what wakes it."""

    name: str
    every: float
    act: Act
    channels: tuple[str, ...] = ()


@dataclass(eq=False)
class Work:
    """One job in this process: never two runs at once, and a wake-up during a run makes it run again."""

    job: Job
    here: Context
    runs: int = 0
    failures: int = 0
    _running: asyncio.Task[None] | None = field(default=None, repr=False)
    _again: bool = False
    _stopped: bool = False

    @property
    def name(self) -> str:
        return self.job.name

    def wake(self) -> None:
        """Called on the loop, after a commit or at a tick; returns at once."""
        if self._stopped:
            return
        if self._running is not None and not self._running.done():
            self._again = True
            return
        self._running = asyncio.get_running_loop().create_task(self._run(), name=f"job {self.name}")

    async def _run(self) -> None:
        self._again = True
        while self._again and not self._stopped:
            self._again = False
            self.runs += 1
            try:
                await self.job.act(self.here)
            except Unavailable as exc:
                self.failures += 1
                log.warning("%s waits for its next turn: %s", self.name, exc)
            except Exception:
                # One job's mistake must not end the others; the rows are still there for the next turn.
                self.failures += 1
                log.exception("%s failed", self.name)
            if self._again and not self._stopped:
                await asyncio.sleep(GATHER_SECONDS)     # whatever commits meanwhile is done in one run

    async def stop(self) -> None:
        """No further run; the one at work may end by itself, within GRACE_SECONDS."""
        self._stopped = True
        if self._running is not None and not self._running.done():
            _, late = await asyncio.wait([self._running], timeout=GRACE_SECONDS)
            for task in late:
                log.warning("%s did not end in %d s and is cut off; its rows are taken up again", self.name, GRACE_SECONDS)
                task.cancel()
                await asyncio.wait([task])


def timetable() -> Sequence[Job]:
    """Every job. Rooms are imported here and not above: a command that runs no jobs does not pay for them."""
    from app.benefits import coupons
    from app.benefits import service as benefits
    from app.campaigns import sending as campaigns
    from app.card_pages import service as card_pages
    from app.certificates import watching
    from app.certificates.service import CHANNEL as CERTIFICATES
    from app.enrolment import screen
    from app.enrolment import service as enrolment
    from app.google import callbacks_service as google_callbacks
    from app.google import service as google
    from app.idempotency import service as idempotency
    from app.imports import service as imports
    from app.imports import working as imports_at_work
    from app.ledger import day_seals
    from app.ledger import service as ledger
    from app.limits import service as limits
    from app.mail import service as mail
    from app.passes import keeping
    from app.privacy import erasing, retention, wiping
    from app.profiles import numbers as profile_numbers
    from app.programs import service as programs
    from app.push import service as push
    from app.referrals import service as referrals
    from app.registrations import service as registrations
    from app.reports import suspicions
    from app.sales import approvals, closing, occasions
    from app.sandbox import service as sandbox
    from app.sms import alerts as sms_alerts
    from app.sms import balances, polling
    from app.sms import delivery as sms
    from app.sms.gateways import gateways_of
    from app.staff import service as staff
    from app.standing import service as standing
    from app.till import telling
    from app.updates import service as updates
    from app.updates import spreads
    from app.webhooks import sending as webhooks
    from app.webhooks.service import CHANNEL as WEBHOOKS

    return (
        Job("send messages", SECOND, lambda here: sms.deliver_due(here.db, here.ring, gateways_of(here), here.clock), ("messages",)),
        Job("ask what became of messages", 30 * SECOND, polling.poll_due, (polling.CHANNEL,)),
        # Once an hour each; a minute after one had no money.
        Job("ask gateways for their balance", MINUTE, balances.ask_due),
        Job("tell of messages", MINUTE, sms_alerts.tell_due, (sms_alerts.CHANNEL,)),
        # Every second: a phone whose pushes are held back for a moment is not told later than that.
        Job("push updates", SECOND, push.push_due, ("updates", "pushes")),
        Job("spread changes", SECOND, spreads.go_on, (spreads.CHANNEL,)),
        Job("tell Google", SECOND, google.sync_due, ("updates", "google")),
        Job("ask Google who holds cards", 10 * SECOND, google.reconcile_due, (google.HINTS,)),
        # Nearly all that is told changed a card too; what did not is a second late.
        Job("tell webhooks", SECOND, lambda here: webhooks.send_due(here, telling.data_of), ("updates", WEBHOOKS)),
        Job("give webhooks up", 10 * MINUTE, webhooks.give_up_old),
        Job("look at certificates", 24 * HOUR, watching.warn_due, (CERTIFICATES,)),
        Job("send mail", MINUTE, mail.deliver_due, (mail.CHANNEL,)),
        Job("expire points", 10 * MINUTE, lambda here: ledger.expire_due(here.db, here.clock.now())),
        Job("wake pending points", 10 * MINUTE, lambda here: ledger.mature_due(here.db, here.clock.now())),
        Job("warn of ends", HOUR, lambda here: ledger.warn_due(here.db, here.clock.now())),
        Job("begin announced rules", MINUTE, lambda here: programs.begin_announced(here.db, here.clock.now())),
        Job("review levels", 5 * MINUTE, lambda here: standing.review_due(here.db, here.clock.now())),
        Job("renew offers", 5 * MINUTE, lambda here: standing.renew_offers(here.db, here.clock.now())),
        Job("seal days", 10 * MINUTE, lambda here: day_seals.seal_days(here.db, here.clock.now())),
        Job("forget sandboxes", HOUR, lambda here: sandbox.forget_ended(here.db, here.ring, here.clock.now())),
        Job("expire vouchers", 10 * MINUTE, lambda here: benefits.expire_due(here.db, here.clock.now())),
        # Within seconds: whoever has just joined looks at the card now.
        Job("give what coupons prove", MINUTE, lambda here: occasions.give_claimed(here.db, here.clock.now()), (coupons.CLAIMED,)),
        Job("give activation gifts", 5 * SECOND, lambda here: occasions.give_activations(here.db, here.clock.now())),
        Job("give birthday gifts", HOUR, lambda here: occasions.give_birthdays(here.db, here.clock.now())),
        Job("give absence gifts", HOUR, lambda here: occasions.give_absences(here.db, here.clock.now())),
        Job("close programmes", 10 * MINUTE, lambda here: closing.close_due(here.db, here.clock.now())),
        Job("expire approvals", HOUR, lambda here: approvals.expire_due(here.db, here.clock.now())),
        Job("expire enrolments", 10 * MINUTE, lambda here: enrolment.expire_due(here.db, here.ring, here.clock.now())),
        Job("keep to the retention table", 24 * HOUR, retention.run),
        Job("follow erasures", HOUR, wiping.follow, (erasing.CHANNEL,)),
        Job("take lists in", 10 * SECOND, imports_at_work.go_on, (imports.CHANNEL,)),
        Job("send invitations", 10 * SECOND, campaigns.go_on, (campaigns.CHANNEL,)),
        Job("forget lists", HOUR, lambda here: imports.forget_old(here.db, here.clock.now())),
        Job("reward friends", 10 * MINUTE, lambda here: referrals.settle_due(here.db, here.clock.now())),
        Job("look for signs of fraud", MINUTE, lambda here: suspicions.review_due(here.db, here.clock.now())),
        Job("forget codes of card pages", HOUR, lambda here: card_pages.forget_old(here.db, here.clock.now())),
        Job("tell lost numbers", MINUTE, lambda here: profile_numbers.tell_due(here, here.clock.now())),
        Job("forget numbers that changed", HOUR, lambda here: profile_numbers.forget_old(here, here.clock.now())),
        Job("forget kept passes", 6 * HOUR, keeping.prune),
        Job("forget codes of tills", 6 * HOUR, lambda here: screen.forget_old(here.db, here.clock.now())),
        Job("forget mail", 24 * HOUR, mail.forget_old),
        Job("forget what was said of messages", HOUR, sms_alerts.forget_old),
        Job("forget sessions", HOUR, lambda here: staff.forget_old_sessions(here.db, here.clock.now())),
        Job("forget limits", HOUR, lambda here: limits.prune(here.db, here.clock.now())),
        Job("forget idempotency keys", HOUR, lambda here: idempotency.forget_old(here.db, here.clock.now())),
        Job("forget what Google said once", HOUR, lambda here: google_callbacks.forget_nonces(here.db, here.clock.now())),
        Job("forget updates", HOUR, lambda here: updates.forget_old(here.db, here.clock.now())),
        Job("forget device logs", HOUR, lambda here: registrations.prune_logs(here.db, here.clock.now())),
    )


@contextlib.asynccontextmanager
async def running(here: Context, jobs: Sequence[Job] | None = None) -> AsyncIterator[list[Work]]:
    """Runs the timetable in this process from entry to exit."""
    works = [Work(job, here) for job in (timetable() if jobs is None else jobs)]
    here.extras["jobs"] = works
    for work in works:
        for channel in work.job.channels:
            await here.db.listen(channel, work.wake)
    clock = asyncio.create_task(_keep_time(works))
    try:
        yield works
    finally:
        clock.cancel()
        await asyncio.wait([clock])
        for work in works:
            for channel in work.job.channels:
                await here.db.forget(channel, work.wake)
        await asyncio.gather(*(work.stop() for work in works))
        await _hang_up(here)


async def _keep_time(works: Sequence[Work]) -> None:
    """Wakes each work at its interval until cancelled; begins when the process has answered for the first time."""
    await asyncio.sleep(FIRST_SECONDS)
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

    scheduler = AsyncIOScheduler(job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}, timezone="UTC")
    for work in works:
        scheduler.add_job(_tick, "interval", args=[work], seconds=work.job.every, id=work.name)
        work.wake()                 # what a stop or a crash left behind does not wait for the first tick
    scheduler.start()
    try:
        await asyncio.Event().wait()
    finally:
        scheduler.shutdown(wait=False)


async def _hang_up(here: Context) -> None:
    """Connections that the work kept open between its runs."""
    if "push" in here.extras:
        from app.push import service as push

        await push.close(here)
    if "webhooks" in here.extras:
        from app.webhooks import sending as webhooks

        await webhooks.close(here)
    if "google" in here.extras and "broker" not in here.extras:     # pages of this process may be using it
        from app.google import service as google

        await google.close(here)


async def _tick(work: Work) -> None:
    """A coroutine, because APScheduler would run a plain function in a thread."""
    work.wake()


@contextlib.asynccontextmanager
async def numbering(here: Context) -> AsyncIterator[None]:
    """PostgreSQL: every process stands ready to number updates and seal operations, and one of them does.

    Not in the timetable: a sale's update must be numbered within 200 ms, also where no worker was started. SQLite needs neither.
    """
    from app.ledger.sealing import run_sealing
    from app.updates.runner import run_numbering

    tasks = [asyncio.create_task(run(here.db), name=run.__name__) for run in (run_numbering, run_sealing)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def lead(here: Context, stopping: asyncio.Event, jobs: Sequence[Job] | None = None) -> None:
    """Runs the timetable whenever this process has the lead among all, until `stopping` is set (PostgreSQL)."""
    while not stopping.is_set():
        leader = await _try_leader(here)
        if leader is not None:
            log.info("this process runs the jobs")
            try:
                async with running(here, jobs):
                    while leader.held and not stopping.is_set():
                        await _pause(stopping, SECOND)
            finally:
                await leader.release()
        await _pause(stopping, LEAD_AGAIN_SECONDS)


async def _try_leader(here: Context) -> Leader | None:
    try:
        return await here.db.try_leader("jobs")
    except Unavailable as exc:
        log.warning("cannot ask for the lead: %s", exc)
        return None


async def _pause(stopping: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)
