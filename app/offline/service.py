"""A till's batch: taken in by number, then done in order through the same services as at an online till. What managers decide is in
conflicts.py, what tills show without a network in pack.py."""
import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from app.clock import to_ms
from app.context import Context
from app.db import Transaction, write_transaction
from app.devices import service as devices
from app.devices.service import Device
from app.errors import NotFound, TesseraError, TooMany, Unavailable
from app.idempotency.rules import KeyInUse
from app.offline import doing, rules, store
from app.offline.rules import Batch, Conflict, Item
from app.offline.store import ItemRow
from app.sales import service as sales
from app.web.principal import Principal

PURPOSE = "offline.item"
_TRANSIENT = (Unavailable, KeyInUse, TooMany)


class State(NamedTuple):
    """What became of one operation of a batch: applied, waiting (for a lower number, or to be sent again) or conflict (with its why);
    repeated: it was so before this batch."""

    counter: int
    key: str
    state: str
    why: str | None
    repeated: bool
    operation_id: int | None


class Answer(NamedTuple):
    """newest: up to which number everything came, or is told as lost."""

    items: list[State]
    newest: int


class Arrived(NamedTuple):
    """An operation with what its till signed, and whether it did."""

    item: Item
    digest: bytes
    sealed: bytes
    is_genuine: bool


async def receive(here: Context, who: Principal, sent: Batch, now: datetime) -> Answer:
    """Take a batch in and do what can be done. Safe to repeat, whole or in parts, in any order.

    Raises NotFound where the business has no such device (nor ever had).
    """
    device = await devices.get(here.db, who.business_id, here.ids.decode("device", sent.device) or 0)
    arrived = [_arrived(here, device, sent.device, item) for item in sorted(sent.items, key=lambda item: item.counter)]
    oldest = sent.oldest if devices.verify(device, rules.oldest_text(sent.device, sent.oldest), _bytes(sent.signature)) else 0
    newest, known = await write_transaction(here.db, lambda tx: _take_in(tx, device, arrived, oldest, to_ms(now)))
    await _do(here, device, newest, now)
    return Answer([await _state(here, device, each, known) for each in arrived], newest)


def _arrived(here: Context, device: Device, public_id: str, item: Item) -> Arrived:
    text = rules.signed_text(public_id, item)
    body = here.ring.seal(PURPOSE, msgspec.json.encode(item), str(device.id).encode())
    return Arrived(item, rules.digest_of(text), body, devices.verify(device, text, _bytes(item.signature)))


def _bytes(text: str) -> bytes:
    """base64url without padding; anything else is no signature."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""


async def _take_in(tx: Transaction, device: Device, arrived: Sequence[Arrived], oldest: int, now_ms: int) -> tuple[int, set[bytes]]:
    """(the newest number up to which everything came, digests that were there before)."""
    # The device's row is the lock: two batches of one till are taken in one after the other.
    newest = await store.newest_of(tx, device.business_id, device.id)
    known = set()
    for each in arrived:
        if not each.is_genuine:
            if await store.count_forged(tx, device.id) < rules.MOST_FORGED:
                await _append(tx, device, each, now_ms, "signature")
        elif not await _append(tx, device, each, now_ms):
            there = await store.slot(tx, device.id, each.item.counter)
            is_same = there is not None and there.digest == each.digest
            if is_same or not await _append(tx, device, each, now_ms, "counter_reused"):
                known.add(each.digest)
        elif each.item.counter <= newest:
            await store.fill_gaps(tx, device.id, each.item.counter, now_ms)
    reached = await _close_gaps(tx, device, newest, oldest, now_ms)
    if reached != newest:
        await store.set_newest(tx, device.business_id, device.id, reached)
    return reached, known


async def _append(tx: Transaction, device: Device, each: Arrived, now_ms: int, why: str | None = None) -> bool:
    """Whether it is new: under its number, or with a `why` beside it."""
    return await store.append(tx, {
        "business_id": device.business_id, "device_id": device.id, "counter": each.item.counter, "until": None, "digest": each.digest,
        "is_slot": int(why is None), "kind": each.item.kind, "state": "conflict" if why else "waiting", "why": why,
        "body_sealed": each.sealed, "happened_at": each.item.at, "received_at": now_ms}) is not None


async def _close_gaps(tx: Transaction, device: Device, newest: int, oldest: int, now_ms: int) -> int:
    """What the till itself does not hold any more and never came is told to the manager, and waited for no longer."""
    held = await store.counters_above(tx, device.id, newest)
    for first, last in rules.missing(newest, oldest, held):
        await store.append(tx, {
            "business_id": device.business_id, "device_id": device.id, "counter": first, "until": last,
            "digest": rules.digest_of(f"gap {first} {last}".encode()), "is_slot": 0, "kind": "gap", "state": "conflict", "why": "gap",
            "body_sealed": None, "happened_at": now_ms, "received_at": now_ms})
    return rules.after(max(newest, oldest - 1), held)


async def _do(here: Context, device: Device, newest: int, now: datetime) -> None:
    """Does what waits, in order; stops where the server cannot just now, so that nothing overtakes."""
    settled = []
    for row in await store.waiting(here.db, device.id, newest, rules.MOST_DONE):
        try:
            settled.append((row.id, await _do_one(here, device, row, now)))
        except _TRANSIENT:
            break

    async def act(tx: Transaction) -> None:
        for item_id, values in settled:
            await store.settle(tx, item_id, values)

    # In one commit at the end: whatever a crash leaves out finds its own key again, and is done no second time.
    if settled:
        await write_transaction(here.db, act)


async def _do_one(here: Context, device: Device, row: ItemRow, now: datetime) -> dict[str, object]:
    """The row's new values. Raises what says that it may be tried again."""
    item = item_of(here, row)
    found: dict[str, object] = {"card_id": None, "staff_id": None, "operation_id": None, "settled_at": None}
    try:
        if device.revoked_at is not None:
            raise Conflict("device_revoked")
        who = await doing.actor_of(here, device, item)
        found["staff_id"], public_id = who.id, here.ids.encode("device", device.id)
        # A crash between the sale and its mark: it is done, whatever became of its card since.
        done = await sales.again(here.db, who, doing.key_for(who, item, public_id), now)
        if done is None:
            card = await doing.card_of(here, who, item, now)
            found["card_id"] = card.id
            done = await doing.do(here, who, card, item, public_id, now)
    except _TRANSIENT:
        raise
    except TesseraError as refused:
        return {**found, "state": "conflict", "why": rules.why_of(refused)}
    return {**found, "state": "applied", "why": None, "card_id": done.operation.card_id, "operation_id": done.operation.id,
            "settled_at": to_ms(now)}


def item_of(here: Context, row: ItemRow) -> Item:
    """What a row holds. Raises NotFound where it holds nothing any more, or never did (a gap)."""
    if row.body_sealed is None:
        raise NotFound()
    return msgspec.json.decode(here.ring.open(PURPOSE, row.body_sealed, str(row.device_id).encode()), type=Item)


async def _state(here: Context, device: Device, each: Arrived, known: set[bytes]) -> State:
    row = await store.of_digest(here.db, device.id, each.item.counter, each.digest)
    # Forged ones beyond those that are kept have no row, and are conflicts all the same.
    state, why = ("conflict", "signature") if row is None else (row.state, row.why)
    return State(each.item.counter, each.item.key, "conflict" if state == "dismissed" else state, why, each.digest in known,
                 row.operation_id if row else None)
