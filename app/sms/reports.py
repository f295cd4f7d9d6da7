"""What gateways tell us: reports of what became of messages, and words of people. Believed only as far as each can be checked."""
import logging
import re
from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from app.clock import to_ms
from app.context import Context
from app.customers import phones
from app.db import Transaction, write_transaction
from app.errors import FieldError, Forbidden, Invalid, NotFound
from app.programs import service as programs
from app.programs.store import Business
from app.sms import callbacks, delivery_store, gateways_store, moving, suppression
from app.sms.delivery_store import Early, Sent
from app.sms.gateways import Forged, Gateway, Incoming, Listening, Report, Reporting, gateways_of
from app.text import N_

log = logging.getLogger("tessera.sms")
BODY_CAP = 64 * 1024
# A message is spoken of for so long; whoever knows the address and an old id moves nothing.
HEARD_FOR = timedelta(days=7)
# An answer to a send takes seconds. More than these wait for none.
EARLY_FOR, MOST_EARLY = timedelta(hours=1), 100
POKED_AGAIN = timedelta(seconds=30)
ANSWERED_FOR = timedelta(days=30)
CHANNEL = "sms_polls"
UNREADABLE = N_("This is not a report that this address knows.")


def counts(here: Context) -> Counter[str]:
    """For /metrics: what came to this process: moved, no_news, early, unknown_id, poked, forged, unreadable, stop, start."""
    return here.extras.setdefault("sms.reports", Counter())


async def accept(here: Context, name: str, secret: str, incoming: Incoming) -> tuple[str, str]:
    """Takes a report; (body, media type) of the answer that this gateway waits for.

    Raises NotFound (no such address), Forbidden (not signed as it has to be), Invalid (cannot be read), having written nothing.
    A report about a message that we do not know is answered like any other, and dropped.
    """
    business, gateway = await _addressed(here, name, secret)
    if not isinstance(gateway, Reporting):
        raise NotFound()
    try:
        reports, pokes = gateway.reports_in(incoming), gateway.pokes_in(incoming)
    except Forged as exc:
        raise _forged(here, name, exc) from exc
    except ValueError as exc:
        raise _unreadable(here, name) from exc
    now = here.clock.now()

    async def act(tx: Transaction) -> list[str]:
        told = [await _take(tx, business, name, report, now) for report in reports]
        return told + [await _poke(tx, business, name, word, now) for word in pokes]

    counts(here).update(await write_transaction(here.db, act) if reports or pokes else ["no_news"])
    return gateway.reply


async def hear(here: Context, name: str, secret: str, incoming: Incoming) -> None:
    """Takes what a person wrote to the gateway's number: a word to stop, a word to start, or nothing to us. Raises as `accept`."""
    business, gateway = await _addressed(here, name, secret)
    if not isinstance(gateway, Listening):
        raise NotFound()
    try:
        said = gateway.said_in(incoming)
    except Forged as exc:
        raise _forged(here, name, exc) from exc
    except ValueError as exc:
        raise _unreadable(here, name) from exc
    if said is None:
        return
    now, stops = here.clock.now(), suppression.is_stop_word(said.text)
    if not stops and not suppression.is_start_word(said.text):
        return
    # A number that several businesses write from: whoever answers it answers all of them.
    writers = await gateways_store.writers_to(here.db, name, phones.server_hash(here.ring, said.from_e164), to_ms(now - ANSWERED_FOR))

    async def act(tx: Transaction) -> None:
        for business_id in {business.id, *writers}:
            if stops:
                await suppression.stop(tx, here.ring, business_id, said.from_e164, "stop", now)
            else:
                await suppression.lift(tx, here.ring, business_id, said.from_e164, now)

    counts(here)["stop" if stops else "start"] += 1
    await write_transaction(here.db, act)


async def _addressed(here: Context, name: str, secret: str) -> tuple[Business, Gateway]:
    gateway = gateways_of(here).by_name(name)
    business_id = await callbacks.business_of(here.db, here.ring, secret) if gateway else None
    if gateway is None or business_id is None:
        raise NotFound()
    return await programs.get_business(here.db, business_id), gateway


def _forged(here: Context, name: str, exc: Forged) -> Forbidden:
    counts(here)["forged"] += 1
    log.warning("a report in the name of gateway %s was refused: %s", name, exc)
    return Forbidden()


def _unreadable(here: Context, name: str) -> Invalid:
    counts(here)["unreadable"] += 1
    log.warning("a report of gateway %s could not be read", name)
    return Invalid(fields=[FieldError("", "unreadable", UNREADABLE)])


async def _take(tx: Transaction, business: Business, gateway: str, report: Report, now: datetime) -> str:
    """Applies a report; returns what came of it, as `counts` knows it."""
    sent, message_id = await _meant(tx, business.id, gateway, report, now)
    if sent is not None and sent.state != "submitting":
        return "moved" if await moving.apply(tx, business, sent, report, now) else "no_news"
    if sent is None and not await delivery_store.is_sending(tx, business.id, gateway):
        return "unknown_id"
    # The answer to the send is not here yet: it may be about the message that is under way.
    if await delivery_store.early_count(tx, business.id, to_ms(now - EARLY_FOR)) >= MOST_EARLY:
        return "unknown_id"
    kept = Early(report.provider_id, report.state, report.code, report.cost_minor, report.currency)
    await delivery_store.keep_early(tx, business.id, gateway, message_id if sent else None, kept, to_ms(now))
    return "early"


async def _meant(tx: Transaction, business_id: int, gateway: str, report: Report, now: datetime) -> tuple[Sent | None, int | None]:
    """(the message that a report is about, its id): by the gateway's id, else by our own word where a signed report repeats it."""
    since = to_ms(now - HEARD_FOR)
    if report.provider_id:
        sent = await delivery_store.sent_by_provider_id(tx, business_id, gateway, report.provider_id, since)
        if sent is not None:
            return sent, sent.id
    message_id = _id_in(report.ref)
    if message_id is None:
        return None, None
    return await delivery_store.sent_without_id(tx, business_id, gateway, message_id, since), message_id


def _id_in(ref: str) -> int | None:
    found = re.fullmatch(r"tessera-(\d{1,18})", ref)
    return int(found[1]) if found else None


async def _poke(tx: Transaction, business: Business, gateway: str, word: str, now: datetime) -> str:
    """The message is asked after at once; word: the gateway's id of it, or our ref."""
    since, message_id = to_ms(now - HEARD_FOR), _id_in(word)
    sent = (await delivery_store.sent_by_provider_id(tx, business.id, gateway, word, since) if message_id is None
            else await delivery_store.sent_by_id(tx, business.id, message_id))
    if sent is None or sent.gateway != gateway or sent.created_at < since:
        return "unknown_id"
    await delivery_store.hurry_poll(tx, sent.id, to_ms(now), to_ms(now - POKED_AGAIN))
    tx.notify(CHANNEL)
    return "poked"


def fields_of(method: str, content_type: str, query: str, body: bytes) -> list[tuple[str, str]]:
    """The fields of a request: a form's or a JSON object's where it has a body, else the query's. Raises ValueError for what is neither."""
    if method != "POST" or not body:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=200, encoding="utf-8", errors="replace")
    if content_type.partition(";")[0].strip().lower() == "application/json":
        return _members(body)
    return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=1000, encoding="utf-8", errors="replace")


def _members(body: bytes) -> list[tuple[str, str]]:
    try:
        told: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as exc:
        raise ValueError("no JSON") from exc
    if not isinstance(told, dict):
        raise ValueError("no JSON object")
    return [(name, value if isinstance(value, str) else str(value)) for name, value in told.items()
            if isinstance(value, str | int | float) and not isinstance(value, bool)]
