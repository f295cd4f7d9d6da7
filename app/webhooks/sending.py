"""Telling: each address that is due gets a visit of its own, its deliveries one after another in order; every step is a row first.

A stop between sending and noting sends once more when the lease ends: receivers drop an event id that they know.
"""
import asyncio
import logging
import random
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import msgspec

from app.clock import from_ms, rfc3339, to_ms
from app.context import Context
from app.db import Transaction, write_transaction
from app.errors import Invalid, NotFound, Unavailable
from app.text import N_
from app.webhooks import notices, rules, service, store
from app.webhooks.addresses import CLOSED, Resolve, resolve
from app.webhooks.store import Delivery, Event, Webhook
from app.webhooks.wire import TRY_SECONDS, Line, Reply

log = logging.getLogger("tessera.webhooks")

VISITS_MOST, VISITS_OF_BUSINESS = 32, 4     # at once: whoever has many slow addresses waits for itself
VISIT_DELIVERIES, VISIT_SECONDS = 200, 30.0
# Longer than a visit and the try that it ends with.
LEASE = timedelta(seconds=VISIT_SECONDS + 3 * TRY_SECONDS)
GIVEN_UP_AT_ONCE = 500
GIVEN_UP = N_("given up after three days")
OUR_MISTAKE = N_("the server could not make it; its log says why")
FORGOTTEN = N_("the event was forgotten before it could be told")
USER_AGENT = "Tessera"

# (here, event) → the body's `data`; app/till knows how cards and operations look. Raises NotFound for what is gone.
Draw = Callable[[Context, Event], Awaitable[dict[str, object]]]


@dataclass
class Sender:
    """What the telling process keeps between runs: the visits under way. trust, look_up and jitter: for tests."""

    draw: Draw
    trust: ssl.SSLContext | None = None
    look_up: Resolve = resolve
    jitter: Callable[[], float] = random.random
    visits: dict[int, asyncio.Task[int]] = field(default_factory=dict)      # by webhook
    owners: dict[int, int] = field(default_factory=dict)                    # webhook → business


def sender(here: Context, draw: Draw) -> Sender:
    """The Sender of this process, made with the first use."""
    made: Sender | None = here.extras.get("webhooks")
    if made is None:
        made = here.extras["webhooks"] = Sender(draw)
    return made


async def send_due(here: Context, draw: Draw) -> int:
    """One run of the job: begin a visit to each address that is due and has none; returns how many began.

    It waits for none of them: an address that takes its ten seconds every time delays nobody else.
    """
    made, begun = sender(here, draw), 0
    made.visits = {webhook_id: task for webhook_id, task in made.visits.items() if not task.done()}
    busy = Counter(made.owners[webhook_id] for webhook_id in made.visits)
    for webhook_id, business_id in await store.due(here.db, to_ms(here.clock.now()), 4 * VISITS_MOST):
        if len(made.visits) < VISITS_MOST and busy[business_id] < VISITS_OF_BUSINESS and webhook_id not in made.visits:
            made.visits[webhook_id] = asyncio.create_task(_visit_safely(made, here, webhook_id), name=f"webhook {webhook_id}")
            made.owners[webhook_id] = business_id
            busy[business_id] += 1
            begun += 1
    return begun


async def close(here: Context) -> None:
    """Cut the visits off; their rows are taken up again."""
    made: Sender | None = here.extras.pop("webhooks", None)
    if made:
        for task in made.visits.values():
            task.cancel()
        await asyncio.gather(*made.visits.values(), return_exceptions=True)


async def settle(here: Context) -> None:
    """Wait for the visits under way; for tests and commands."""
    made: Sender | None = here.extras.get("webhooks")
    if made:
        await asyncio.gather(*made.visits.values())


async def give_up_old(here: Context) -> int:
    """The job: what waited for three days behind others, or at an address that is paused, is given up; returns how many."""
    total, now_ms = 0, to_ms(here.clock.now())
    while gone := await write_transaction(here.db, lambda tx: store.give_up(tx, GIVEN_UP, now_ms, GIVEN_UP_AT_ONCE)):
        total += gone
    return total


async def _visit_safely(made: Sender, here: Context, webhook_id: int) -> int:
    try:
        return await visit(made, here, webhook_id)
    except Exception:
        # One address's visit must not end the others; its rows are still there for the next turn.
        log.exception("a visit to webhook %d failed", webhook_id)
        return 0


async def visit(made: Sender, here: Context, webhook_id: int) -> int:
    """Tell one address what waits for it, in order, until nothing is due, it fails, or half a minute is over; returns how many tries."""
    now_ms = to_ms(here.clock.now())
    webhook = await write_transaction(here.db, lambda tx: store.claim(tx, webhook_id, now_ms, now_ms + LEASE // timedelta(milliseconds=1)))
    if webhook is None:
        return 0
    loop = asyncio.get_running_loop()
    line, ends, tries = None, loop.time() + VISIT_SECONDS, 0
    try:
        while tries < VISIT_DELIVERIES and loop.time() < ends:
            delivery = await store.next_due(here.db, webhook.id, to_ms(here.clock.now()))
            if delivery is None:
                break
            tries += 1
            try:
                line = line or _line(made, here, webhook)
                told = await _tell(made, here, line, webhook, delivery)
            except Invalid:
                # The operator has closed the network that it lies in.
                told = await _note(made, here, webhook, delivery, delivery.body, Reply(None, why=CLOSED))
            except Unavailable:
                raise       # the database is away, and the rows wait in it
            except Exception:
                log.exception("delivery %d cannot be made", delivery.id)
                await _step_aside(here, delivery)
                told = webhook
            if told is None:
                break
            webhook = told
    finally:
        if line is not None:
            line.close()
        await write_transaction(here.db, lambda tx: store.release(tx, webhook))
    return tries


def _line(made: Sender, here: Context, webhook: Webhook) -> Line:
    inside = here.settings.webhook_private
    return Line(rules.parse_place(webhook.url, inside), inside, trust=made.trust, look_up=made.look_up)


async def _tell(made: Sender, here: Context, line: Line, webhook: Webhook, delivery: Delivery) -> Webhook | None:
    """One try. The webhook as it then stands; None where the visit is over."""
    body = delivery.body
    if body is None:
        body = await _body(made, here, delivery)
        if body is None:
            await write_transaction(here.db, lambda tx: store.drop(tx, delivery, FORGOTTEN, to_ms(here.clock.now())))
            return webhook
    was_used = line.is_used
    reply = await line.post(body.encode(), _headers(here, webhook, delivery, body))
    if reply.status is None and was_used:
        return webhook      # the receiver closed a connection at rest: no failure; the next try opens another
    return await _note(made, here, webhook, delivery, body, reply)


async def _body(made: Sender, here: Context, delivery: Delivery) -> str | None:
    """Made once, with the first try, so that every further one and the console show the same. None: the event is gone."""
    if delivery.event_id is None:
        return _written(here.ids.encode("delivery", delivery.id), delivery, {})
    event = await store.find_event(here.db, delivery.business_id, delivery.event_id)
    if event is None:
        return None
    try:
        data = await made.draw(here, event)
    except NotFound:
        return None
    return _written(here.ids.encode("event", event.id), delivery, data)


def _written(event: str, delivery: Delivery, data: dict[str, object]) -> str:
    return msgspec.json.encode({"id": event, "kind": delivery.kind, "at": rfc3339(from_ms(delivery.event_at)), "data": data}).decode()


def _headers(here: Context, webhook: Webhook, delivery: Delivery, body: str) -> dict[str, str]:
    now = here.clock.now()
    return {"Content-Type": "application/json", "User-Agent": USER_AGENT, "Accept-Encoding": "identity",
            "Tessera-Delivery": here.ids.encode("delivery", delivery.id),
            rules.HEADER: rules.signature(service.secrets_of(here.ring, webhook, now), int(now.timestamp()), body.encode())}


async def _step_aside(here: Context, delivery: Delivery) -> None:
    """Our own mistake says nothing about the address: what stands behind goes on."""
    now = here.clock.now()
    values = {"state": rules.FAILED if to_ms(now) >= delivery.give_up_at else rules.WAITING, "body": delivery.body, "now": to_ms(now),
              "due_at": to_ms(now + rules.pause_after(delivery.tries + 1)), "status": None, "answer": None, "why": OUR_MISTAKE,
              "took_ms": 0}
    await write_transaction(here.db, lambda tx: store.note_delivery(tx, delivery, values))


async def _note(made: Sender, here: Context, webhook: Webhook, delivery: Delivery, body: str | None, reply: Reply) -> Webhook | None:
    now = here.clock.now()
    now_ms, is_taken = to_ms(now), rules.is_taken(reply.status)
    failures = 0 if is_taken else webhook.failures + 1
    since = None if is_taken else webhook.failing_since or now_ms
    waits = rules.Waits(timedelta(), timedelta()) if is_taken else rules.waits_after(
        reply.status, failures, delivery.tries + 1, made.jitter(), reply.retry_after)
    state = rules.DELIVERED if is_taken else rules.FAILED if now_ms >= delivery.give_up_at else rules.WAITING
    why = "" if is_taken or since is None else rules.should_pause(reply.status, failures, now - from_ms(since))
    people = await notices.owners(here, webhook.business_id) if why else ()
    values = {"state": state, "due_at": to_ms(now + waits.delivery), "body": body, "now": now_ms, "status": reply.status,
              "answer": rules.shown(reply.body), "why": reply.why or None, "took_ms": reply.took_ms}

    async def act(tx: Transaction) -> None:
        await store.note_delivery(tx, delivery, values)
        if failures or webhook.failures:
            await store.note_webhook(tx, webhook, failures, since, to_ms(now + waits.webhook))
        if why and await store.pause_failing(tx, webhook, why, now_ms):
            await notices.tell(tx, here, webhook, why, people, now)

    await write_transaction(here.db, act)
    if not is_taken:
        log.warning("webhook %d: try %d of a delivery failed: %s", webhook.id, delivery.tries + 1, reply.why or reply.status)
    if why or waits.webhook:
        return None
    return replace(webhook, failures=failures, failing_since=since)
