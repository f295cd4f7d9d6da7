"""Telling phones: from numbered updates to pushes, each claimed, sent after the commit, and its answer kept.

The work is rows: a stop between sending and noting sends once more when the lease ends, and a phone told twice only asks twice.
"""
import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding

from app.certificates.signer import PassSigner
from app.context import Context
from app.db import Database, Transaction, write_transaction
from app.errors import SettingsError
from app.push import rules, store
from app.push.apns import ApnsClient
from app.push.rules import Bucket, Kind, PushResult
from app.push.store import Target
from app.registrations import service as registrations
from app.updates import service as updates

log = logging.getLogger("tessera.push")

CURSOR = "push"
UPDATES_AT_ONCE = 500
PUSHES_AT_ONCE = 200
# Longer than the client waits for an answer, and short enough that a killed sender's work goes out within a minute.
LEASE = timedelta(seconds=45)
KEPT_BY_APNS = timedelta(days=1)
# A refused certificate or key needs a person; asking now and then shows that one has acted.
CONFIGURATION_PAUSE = timedelta(minutes=20)
REPEATS_EVERY = timedelta(minutes=1)
REPEATS_AT_ONCE = 500


class Trouble(NamedTuple):
    """needs_person: waiting alone mends nothing; sentence: what happened."""

    needs_person: bool
    sentence: str


class Pusher:
    """What the pushing process keeps between runs: the connection, how far it has read, when it last looked for repeats."""

    def __init__(self, here: Context, client: ApnsClient | None, topic: str, jitter: Callable[[], float] = random.random) -> None:
        self.here, self.client, self.topic, self.jitter = here, client, topic, jitter
        self.cursor: int | None = None
        self.repeated_at: datetime | None = None


def pusher(here: Context) -> Pusher:
    """The Pusher of this process, made with the first use from the settings' certificate."""
    made = here.extras.get("push")
    if made is None:
        made = here.extras["push"] = _make_pusher(here)
    return made


def _make_pusher(here: Context) -> Pusher:
    settings = here.settings
    if not settings.apple_certificate:
        return Pusher(here, None, "")
    try:
        signer = PassSigner.load(settings.apple_certificate, settings.apple_key, settings.apple_key_password or None, settings.apple_wwdr)
        chain = signer.certificate.public_bytes(Encoding.PEM) + signer.wwdr.public_bytes(Encoding.PEM)
        client = ApnsClient(settings.apns, chain, settings.apple_key, key_password=settings.apple_key_password.encode() or None,
                            ca_pem=settings.apns_ca or None)
    except (ValueError, SettingsError) as exc:
        log.error("no pushes go out: %s", exc)
        return Pusher(here, None, "")
    return Pusher(here, client, signer.pass_type_identifier)


async def close(here: Context) -> None:
    """End the connection to APNs; the next run opens another."""
    made: Pusher | None = here.extras.pop("push", None)
    if made and made.client:
        await made.client.close()


async def push_due(here: Context) -> int:
    """One run of the job: read what changed, send all that is due; returns how many pushes were tried. Safe to repeat."""
    made = pusher(here)
    await read_updates(made)
    await repeat_unheard(made)
    tried = 0
    while taken := await claim(made):
        results = await asyncio.gather(*(send(made, target) for target in taken))
        await note(made, list(zip(taken, results, strict=True)))
        tried += len(taken)
        if all(result.kind is Kind.UNAVAILABLE for result in results):
            break  # APNs is away: the rest keeps its turn instead of failing one after another
        await read_updates(made)
    return tried


async def read_updates(made: Pusher) -> None:
    """Turn numbered updates since the cursor into phones that should be told; the cursor commits with them."""
    db, now = made.here.db, made.here.clock.now()
    if made.cursor is None:
        made.cursor = await updates.find_cursor(db, CURSOR)
    while rows := await updates.since(db, made.cursor, UPDATES_AT_ONCE):
        after, until = made.cursor, rows[-1].number

        async def act(tx: Transaction, after: int = after, until: int = until) -> None:
            await store.want(tx, after, until, now)
            await updates.move_cursor(tx, CURSOR, until)

        # Most changes are of cards on no phone: for those a sale costs no second commit. The cursor on disk then lags,
        # and a restart only reads some numbers again.
        if await store.concerns_any(db, after, until):
            await write_transaction(db, act)
        made.cursor = until


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


async def claim(made: Pusher) -> list[Target]:
    """Take the phones that are due and have a push left in their bucket, for LEASE; the others wait for their refill."""
    now = made.here.clock.now()

    async def act(tx: Transaction) -> list[tuple[Target, Bucket]]:
        found = await store.due(tx, now, PUSHES_AT_ONCE)
        for target in found:
            if not target.is_held:
                await store.forget(tx, target)
        judged = [(target, *rules.take(target.bucket, now)) for target in found if target.is_held]
        taken = [(target, bucket) for target, bucket, may_go in judged if may_go]
        await store.claim(tx, taken, now + LEASE)
        waiting = [(target, rules.next_free_at(bucket, now)) for target, bucket, may_go in judged if not may_go]
        await store.postpone(tx, waiting)
        return taken

    # Looked at without a transaction first: most runs have nothing to do. A batch of nothing but empty buckets hides those
    # behind it, so it looks again.
    while await store.due(made.here.db, now, 1):
        if taken := await write_transaction(made.here.db, act):
            return [target for target, _ in taken]
    return []


async def send(made: Pusher, target: Target) -> PushResult:
    """One push. A pass type without its certificate is a matter of configuration like a refused one."""
    if made.client is None or target.pass_type_identifier != made.topic:
        return PushResult(Kind.CONFIGURATION, 0, "NoCertificate", None, "")
    expiration = made.here.clock.now() + KEPT_BY_APNS
    return await made.client.push(target.push_token, target.pass_type_identifier, expiration=expiration)


async def note(made: Pusher, results: Sequence[tuple[Target, PushResult]]) -> None:
    """Keep what became of a batch of pushes."""
    now = made.here.clock.now()
    jitters = [made.jitter() for _ in results]

    async def act(tx: Transaction) -> None:
        for (target, result), jitter in zip(results, jitters, strict=True):
            await _note_one(tx, target, result, jitter, now)

    await write_transaction(made.here.db, act)
    _alert(results)


async def _note_one(tx: Transaction, target: Target, result: PushResult, jitter: float, now: datetime) -> None:
    kind = result.kind
    if kind is Kind.BAD_TOKEN and not rules.is_token_at_fault(now, await store.accepted_at(tx, target)):
        kind = Kind.CONFIGURATION
    wait = rules.wait_after(kind, target.tries + 1, jitter)
    if kind is Kind.ACCEPTED:
        await store.note_sent(tx, target, result.status, result.reason, now)
    elif kind in (Kind.GONE, Kind.BAD_TOKEN):
        # Renewed since: the phone spoke to us after APNs learnt that the token had ended, so it is told again.
        if await registrations.end_token(tx, target.pass_type_id, target.push_token, rules.ended_until(result.timestamp, now), now):
            await store.forget(tx, target)
        else:
            await store.note_failed(tx, target, result.status, result.reason, now + rules.backoff(target.tries + 1, jitter))
    elif kind is Kind.CONFIGURATION:
        await store.note_failed(tx, target, result.status, result.reason, now + CONFIGURATION_PAUSE)
        await store.pause(tx, target.pass_type_id, now + CONFIGURATION_PAUSE)
    elif wait is not None:
        await store.note_failed(tx, target, result.status, result.reason, now + wait)
    else:
        await store.give_up(tx, target, result.status, result.reason)


async def troubles(db: Database) -> list[Trouble]:
    """What phones' newest pushes met other than acceptance, the commonest first, in sentences for an operator."""
    found = []
    for row in await store.trouble(db):
        needs_person = rules.needs_person(row["last_status"], row["last_reason"])
        answer = f"{row['last_status'] or 'nothing'} {row['last_reason']}".strip()
        found.append(Trouble(needs_person, f"Pushes of {row['pass_type_identifier']} to {row['phones']} phones got {answer} from APNs."))
    return found


def _alert(results: Sequence[tuple[Target, PushResult]]) -> None:
    """What an operator must hear of, once a batch and reason."""
    seen = {(target.pass_type_identifier, result.kind, result.status, result.reason) for target, result in results}
    for pass_type, kind, status, reason in sorted(seen):
        if kind in (Kind.CONFIGURATION, Kind.BUG):
            log.error("APNs refuses pushes for %s: %s %s; phones fetch by themselves only now and then", pass_type, status, reason)
        elif kind is Kind.UNAVAILABLE:
            log.warning("APNs is not reachable for %s: %s %s; pushes wait", pass_type, status, reason)
