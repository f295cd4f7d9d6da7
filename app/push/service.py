"""Telling phones: from numbered updates to pushes, each claimed, sent after the commit, and its answer kept.

The work is rows: a stop between sending and noting sends once more when the lease ends, and a phone told twice only asks twice.
"""
import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from app.certificates import service as certificates
from app.certificates.service import Identity
from app.context import Context
from app.db import Database, Transaction, write_transaction
from app.push import rules, store
from app.push.apns import ApnsClient
from app.push.clients import Clients, client_of
from app.push.rules import Bucket, Kind, PushResult
from app.push.store import Target
from app.registrations import service as registrations
from app.updates.following import Follower

log = logging.getLogger("tessera.push")

CURSOR = "push"
PUSHES_AT_ONCE, BEGUN_AT_ONCE = 200, 20
# Longer than the client waits for an answer, and short enough that a killed sender's work goes out within a minute.
LEASE = timedelta(seconds=45)
KEPT_BY_APNS = timedelta(days=1)
# A refused certificate or key needs a person; asking now and then shows that one has acted.
CONFIGURATION_PAUSE = timedelta(minutes=20)
REPEATS_EVERY = timedelta(minutes=1)
REPEATS_AT_ONCE = 500
LOOK_SECONDS = 0.25             # while one pass type waits for its connection, the others are looked after so often
WAITING_LONG = timedelta(minutes=10)


class Trouble(NamedTuple):
    """needs_person: waiting alone mends nothing; sentence: what happened."""

    needs_person: bool
    sentence: str


class Pusher:
    """What the pushing process keeps between runs: connections, how far it has read, which pass types wait for a person.

    open_client and identities: who is spoken with and as whom; jitter: 0 <= x < 1 at each call.
    """

    def __init__(self, here: Context, open_client: Callable[[Identity], ApnsClient] | None = None,
                 identities: Callable[[Context, datetime], Awaitable[Sequence[Identity]]] = certificates.identities,
                 jitter: Callable[[], float] = random.random) -> None:
        self.here, self.jitter = here, jitter
        self.clients = Clients(open_client or partial(client_of, here))
        self.identities = identities
        self.updates = Follower(here.db, CURSOR, store.concerns_any, store.want)
        self.repeated_at: datetime | None = None
        self.rests: dict[int, datetime] = {}        # pass type → nothing of it goes out before

    async def follow_certificates(self) -> None:
        """A new certificate takes over at once, and what waited for one goes out; an ended one's connection is closed."""
        for pass_type_id in await self.clients.follow(await self.identities(self.here, self.here.clock.now())):
            self.rests.pop(pass_type_id, None)

    def is_resting(self, pass_type_id: int) -> bool:
        return pass_type_id in self.rests and self.rests[pass_type_id] > self.here.clock.now()


def pusher(here: Context) -> Pusher:
    """The Pusher of this process, made with the first use."""
    made: Pusher | None = here.extras.get("push")
    if made is None:
        made = here.extras["push"] = Pusher(here)
    return made


async def close(here: Context) -> None:
    """End the connections to APNs; the next run opens others."""
    made: Pusher | None = here.extras.pop("push", None)
    if made:
        await made.clients.close()


async def push_due(here: Context) -> int:
    """One run of the job: read what changed, send all that is due; returns how many pushes were tried. Safe to repeat.

    Each pass type has a queue of its own: one that waits for its connection or its certificate keeps no other waiting.
    """
    made = pusher(here)
    await made.follow_certificates()
    await read_updates(made)
    await repeat_unheard(made)
    tried, running, away = 0, dict[int, asyncio.Task[tuple[int, bool]]](), set[int]()
    try:
        while True:
            for pass_type_id in await store.due_types(here.db, here.clock.now()):
                if pass_type_id not in running and pass_type_id not in away and not made.is_resting(pass_type_id):
                    running[pass_type_id] = asyncio.create_task(drain(made, pass_type_id))
            if not running:
                return tried
            await asyncio.wait(running.values(), timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            for pass_type_id in [each for each, task in running.items() if task.done()]:
                sent, is_away = running.pop(pass_type_id).result()
                tried += sent
                away |= {pass_type_id} if is_away else set()
            await read_updates(made)
    finally:
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)


async def drain(made: Pusher, pass_type_id: int) -> tuple[int, bool]:
    """Send all that is due of one pass type; returns how many pushes were tried, and whether APNs is away."""
    tried = 0
    while not made.is_resting(pass_type_id) and (taken := await claim(made, pass_type_id)):
        results = await send_all(made, taken)
        await note(made, list(zip(taken, results, strict=True)))
        tried += len(taken)
        if all(result.kind is Kind.UNAVAILABLE for result in results):
            return tried, True      # the rest keeps its turn instead of failing one after another
    return tried, False


async def read_updates(made: Pusher) -> None:
    """Turn numbered updates since the cursor into phones that should be told."""
    await made.updates.follow(made.here.clock.now())


async def repeat_unheard(made: Pusher) -> None:
    """Tell phones again that were told and did not fetch: after 15 min, 2 h, 12 h, then never."""
    now = made.here.clock.now()
    if made.repeated_at is not None and abs(now - made.repeated_at) < REPEATS_EVERY:
        return
    made.repeated_at = now
    longest, shortest = max(rules.REPEAT_AFTER), min(rules.REPEAT_AFTER)
    told = await store.unheard(made.here.db, now - longest - timedelta(hours=1), now - shortest, len(rules.REPEAT_AFTER), REPEATS_AT_ONCE)
    due = [each for each in told if (at := rules.repeat_at(each.pushes, each.sent_at)) is not None and at <= now]
    if due:
        await write_transaction(made.here.db, lambda tx: store.tell_again(tx, due, now))


async def claim(made: Pusher, pass_type_id: int) -> list[Target]:
    """Take the phones that are due and have a push left in their bucket, for LEASE; the others wait for their refill."""
    now = made.here.clock.now()

    async def act(tx: Transaction) -> list[tuple[Target, Bucket]]:
        found = await store.due(tx, pass_type_id, now, PUSHES_AT_ONCE)
        await store.forget(tx, [target for target in found if not target.is_held])
        judged = [(target, *rules.take(target.bucket, now)) for target in found if target.is_held]
        taken = [(target, bucket) for target, bucket, may_go in judged if may_go]
        await store.claim(tx, taken, now + LEASE)
        waiting = [(target, rules.next_free_at(bucket, now)) for target, bucket, may_go in judged if not may_go]
        await store.postpone(tx, waiting)
        return taken

    # Looked at without a transaction first: most runs have nothing to do. A batch of nothing but empty buckets hides those
    # behind it, so it looks again.
    while await store.due(made.here.db, pass_type_id, now, 1):
        if taken := await write_transaction(made.here.db, act):
            return [target for target, _ in taken]
    return []


async def send_all(made: Pusher, taken: Sequence[Target]) -> list[PushResult]:
    """All pushes of a batch, on their way at once; begun a few at a time, so that a till's request is never behind all of them."""
    tasks = []
    for target in taken:
        tasks.append(asyncio.create_task(send(made, target)))
        if len(tasks) % BEGUN_AT_ONCE == 0:
            await asyncio.sleep(0)
    return await asyncio.gather(*tasks)


async def send(made: Pusher, target: Target) -> PushResult:
    """One push with the newest certificate that APNs does not refuse; without any it is a matter of configuration."""
    now = made.here.clock.now()
    line = made.clients.best(target.pass_type_id, now)
    if line is None:
        return PushResult(Kind.CONFIGURATION, 0, "NoCertificate", None, "")
    result = await line.client.push(target.push_token, target.pass_type_identifier, expiration=now + KEPT_BY_APNS)
    if result.kind is Kind.CONFIGURATION:
        line.refused_until = made.here.clock.now() + CONFIGURATION_PAUSE
    return result


async def note(made: Pusher, results: Sequence[tuple[Target, PushResult]]) -> None:
    """Keep what became of a batch of pushes of one pass type."""
    now = made.here.clock.now()
    jitters = [made.jitter() for _ in results]

    async def act(tx: Transaction) -> set[Kind]:
        """The kinds of answers that are a matter of configuration."""
        await store.note_sent(tx, [target for target, result in results if result.kind is Kind.ACCEPTED], now)
        return {result.kind for (target, result), jitter in zip(results, jitters, strict=True)
                if result.kind is not Kind.ACCEPTED and await _note_failed(tx, target, result, jitter, now) is Kind.CONFIGURATION}

    misconfigured = await write_transaction(made.here.db, act)
    pass_type_id = results[0][0].pass_type_id
    # Another certificate of the pass type is tried at once, but not with tokens that may be of another environment.
    if Kind.BAD_TOKEN in misconfigured or (misconfigured and made.clients.best(pass_type_id, now) is None):
        made.rests[pass_type_id] = now + CONFIGURATION_PAUSE
    _alert(results)


async def _note_failed(tx: Transaction, target: Target, result: PushResult, jitter: float, now: datetime) -> Kind:
    """What a push that was not accepted means for its phone; returns the kind that it counts as."""
    kind = result.kind
    if kind is Kind.BAD_TOKEN and not rules.is_token_at_fault(now, await store.accepted_at(tx, target)):
        kind = Kind.CONFIGURATION
    wait = rules.wait_after(kind, target.tries + 1, jitter)
    if kind in (Kind.GONE, Kind.BAD_TOKEN):
        # Renewed since: the phone spoke to us after APNs learnt that the token had ended, so it is told again.
        if await registrations.end_token(tx, target.pass_type_id, target.push_token, rules.ended_until(result.timestamp, now), now):
            await store.forget(tx, [target])
        else:
            await store.note_failed(tx, target, result.status, result.reason, now + rules.backoff(target.tries + 1, jitter))
    elif kind is Kind.CONFIGURATION:
        # The pass type rests as a whole; as soon as a certificate is there that may help, this phone's turn is first.
        await store.note_failed(tx, target, result.status, result.reason, now)
    elif wait is not None:
        await store.note_failed(tx, target, result.status, result.reason, now + wait)
    else:
        await store.give_up(tx, target, result.status, result.reason)
    return kind


async def troubles(db: Database, now: datetime | None = None) -> list[Trouble]:
    """What phones' newest pushes met other than acceptance, the commonest first, in sentences for an operator.

    now: also pass types whose phones have waited for WAITING_LONG without a word from APNs.
    """
    found = []
    for row in await store.trouble(db):
        needs_person = rules.needs_person(row["last_status"], row["last_reason"])
        answer = f"{row['last_status'] or 'nothing'} {row['last_reason']}".strip()
        found.append(Trouble(needs_person, f"Pushes of {row['pass_type_identifier']} to {row['phones']} phones got {answer} from APNs."))
    for row in await store.waiting(db, now - WAITING_LONG) if now else ():
        found.append(Trouble(True, f"{row['phones']} phones wait for pushes of {row['pass_type_identifier']} for more than "
                                   f"{WAITING_LONG // timedelta(minutes=1)} minutes."))
    return found


def _alert(results: Sequence[tuple[Target, PushResult]]) -> None:
    """What an operator must hear of, once a batch and reason, with one push's id: Apple asks for it."""
    seen = {(target.pass_type_identifier, result.kind, result.status, result.reason): result.apns_id for target, result in results}
    for (pass_type, kind, status, reason), apns_id in sorted(seen.items()):
        if kind in (Kind.CONFIGURATION, Kind.BUG):
            log.error("APNs refuses pushes for %s: %s %s (apns-id %s); phones fetch by themselves only now and then",
                      pass_type, status, reason, apns_id or "none")
        elif kind is Kind.UNAVAILABLE:
            log.warning("APNs is not reachable for %s: %s %s; pushes wait", pass_type, status, reason)
