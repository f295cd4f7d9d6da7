"""What devices ask of the update service: register, unregister, what changed, the pass itself, and their complaints."""
import asyncio
import contextlib
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.clock import from_ms, to_ms
from app.context import Context
from app.db import Database, Transaction, write_transaction
from app.errors import Malformed, Unauthenticated, Unavailable
from app.limits import service as limits
from app.limits.rules import Limit
from app.passes import service as passes
from app.passes.service import Kept
from app.registrations import complaints, known, rules, store
from app.registrations.complaints import Meaning
from app.registrations.known import Known
from app.registrations.store import DeviceLog, HeldPass
from app.secrets import KeyRing, same
from app.text import N_
from app.updates import service as updates

LOGS_KEPT = timedelta(days=30)
PRUNED_AT_ONCE = 500
NOTED_AFTER_SECONDS = 0.5
NOBODY = "no pass has this token"  # compared with where there is no pass, so that both cases take the same way


@dataclass(frozen=True, slots=True)
class Address:
    """What a device's request names: the service (`/apple/{short_id}`), the pass, and the token of its header."""

    short_id: str
    pass_type_identifier: str
    serial_number: str
    token: str


@dataclass(frozen=True, slots=True)
class DeviceReport:
    """A line that a phone wrote about a pass; anybody may send one, so it proves nothing. line: never to be rendered as markup."""

    at: datetime
    meaning: Meaning
    line: str


async def authorise(db: Database, ring: KeyRing, address: Address) -> HeldPass:
    """The pass that the address names. Raises Unauthenticated, the same for an unknown serial and a wrong token."""
    is_readable = all(map(rules.is_identifier, (address.short_id, address.pass_type_identifier, address.serial_number)))
    held = await store.find_pass(db, address.short_id, address.pass_type_identifier, address.serial_number) if is_readable else None
    token = passes.open_token(ring, held.id, held.token_sealed) if held else NOBODY
    # Both sides hashed: compared in constant time whatever bytes and lengths a stranger sends.
    matches = same(hashlib.sha256(token.encode()).digest(), hashlib.sha256(address.token.encode("utf-8", "replace")).digest())
    if held is None or not matches:
        raise Unauthenticated()
    return held


async def recognise(here: Context, address: Address) -> Known:
    """The same from memory, where this process has let the same request in before."""
    digest = known.digest_of(address.short_id, address.pass_type_identifier, address.serial_number, address.token)
    found = known.find(here, digest)
    if found is None:
        held = await authorise(here.db, here.ring, address)
        found = Known(held.id, held.card_id)
        known.note(here, digest, found)
    return found


async def register(db: Database, ring: KeyRing, address: Address, device: str, push_token: str, now: datetime) -> bool:
    """Note that a device holds a pass and can be reached at `push_token`; True when that is new.

    The registration takes an update number of its own and this returns once the number is given: a file from an old
    message, added today, is then in the device's next list. Raises Unauthenticated, Malformed for a device or a push token
    that cannot be kept, NotNumberedYet (503).
    """
    held = await authorise(db, ring, address)
    # Judged after the pass's token, so that a stranger learns nothing about serials.
    if not rules.is_identifier(device) or not rules.is_push_token(push_token):
        raise Malformed(N_("A device names itself and its push token when it registers."))
    before = await updates.newest(db)

    async def act(tx: Transaction) -> tuple[int, bool, int | None]:
        registration_id, is_new = await store.upsert(tx, held.business_id, held.id, held.pass_type_id, device, push_token, to_ms(now))
        number = await updates.append(tx, held.business_id, held.card_id, now, registration_id=registration_id)
        if number is not None:
            await store.set_number(tx, registration_id, number)
        if is_new:
            await updates.emit(tx, held.business_id, "pass.installed", now, card_id=held.card_id, details={"wallet": "apple"})
        return registration_id, is_new, number

    registration_id, is_new, number = await write_transaction(db, act)
    if number is None:
        given = await updates.wait_for_number(db, registration_id, before)
        await write_transaction(db, lambda tx: store.set_number(tx, registration_id, given))
    return is_new


async def unregister(db: Database, ring: KeyRing, address: Address, device: str, now: datetime) -> None:
    """Forget that the device holds the pass; nothing else of the pass changes. Raises Unauthenticated."""
    held = await authorise(db, ring, address)

    async def act(tx: Transaction) -> None:
        if rules.is_identifier(device) and await store.delete(tx, device, held.id):
            await removed(tx, held.business_id, held.card_id, now)

    await write_transaction(db, act)


async def removed(tx: Transaction, business_id: int, card_id: int, now: datetime) -> None:
    """Tell the outbox that a device holds a card's pass no more."""
    await updates.emit(tx, business_id, "pass.removed", now, card_id=card_id, details={"wallet": "apple"})


async def end_token(tx: Transaction, pass_type_id: int, push_token: str, until: datetime, now: datetime) -> bool:
    """APNs says that a token has ended: delete what was registered with it at or before `until`. False: something is left."""
    for gone in await store.end_token(tx, pass_type_id, push_token, to_ms(until)):
        await removed(tx, gone.business_id, gone.card_id, now)
    return not await store.has_token(tx, pass_type_id, push_token)


async def list_changed(db: Database, short_id: str, device: str, pass_type: str, tag: str | None) -> dict[str, object] | None:
    """The answer to "what changed since the tag?" for this device alone; None: nothing, or nobody we know."""
    if not all(map(rules.is_identifier, (short_id, device, pass_type))):
        return None
    return rules.listing(await store.changed(db, short_id, device, pass_type, rules.seen_number(tag)))


async def count_devices(db: Database | Transaction, business_id: int, card_id: int) -> int:
    """How many devices hold this card's Apple pass."""
    return await store.count_devices(db, business_id, card_id)


async def keep_logs(db: Database, short_id: str, lines: list[str], sender: str, now: datetime) -> int:
    """Keep what a device reports, at most 10 MB a day in all; returns how many lines were kept.

    sender: a keyed hash of the caller's address. Raises LimitReached above 60 reports a minute from one.
    """
    pass_type_id = await store.find_pass_type(db, short_id) if rules.is_identifier(short_id) else None
    if pass_type_id is None:
        return 0

    async def act(tx: Transaction) -> int:
        await limits.hit(tx, [Limit("device.log", sender, 60, 60)], now)
        room = rules.LOG_BYTES_A_DAY - await store.logged_since(tx, to_ms(now - timedelta(days=1)))
        kept = 0
        for line in lines:
            room -= len(line.encode())
            if room < 0:
                break
            await store.append_log(tx, pass_type_id, rules.serial_in(line), line, to_ms(now))
            kept += 1
        return kept

    return await write_transaction(db, act)


async def recent_logs(db: Database, now: datetime, limit: int) -> list[DeviceLog]:
    """What devices reported in the last day, newest first: the best there is to find out why a pass does not update."""
    return await store.logs(db, to_ms(now - timedelta(days=1)), limit)


async def reports_on(db: Database, business_id: int, card_id: int, limit: int) -> list[DeviceReport]:
    """What phones reported of a business's card, newest first: what it means, when it came, and the line itself."""
    return [DeviceReport(from_ms(log.received_at), complaints.meaning_of(log.message), log.message)
            for log in await store.logs_of_card(db, business_id, card_id, limit)]


async def prune_logs(db: Database, now: datetime) -> int:
    """Delete reports older than 30 days, in small transactions; returns how many."""
    total = 0
    while deleted := await write_transaction(db, lambda tx: store.prune_logs(tx, to_ms(now - LOGS_KEPT), PRUNED_AT_ONCE)):
        total += deleted
    return total


class Fetches:
    """Notes which versions were fetched, and keeps them: in batches and outside the answer, because a GET changes nothing (rule 11).

    What a stop loses is only a reason to push once more.
    """

    def __init__(self, here: Context) -> None:
        self._here, self._db = here, here.db
        self._seen: dict[int, tuple[int, datetime]] = {}
        self._kept: list[Kept] = []
        self._task: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    def note(self, pass_id: int, number: int, now: datetime, kept: Kept | None = None) -> None:
        """The pass was handed out (`kept`), or found current, as of update `number`. Returns at once."""
        self._seen[pass_id] = (number, now)
        if kept is not None:
            self._kept.append(kept)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._later())

    async def flush(self) -> None:
        """Write what was noted; when this returns, all of it is in the rows."""
        async with self._turn:
            batch, self._seen = self._seen, {}
            signed, self._kept = self._kept, []

            async def act(tx: Transaction) -> None:
                await store.note_fetched(tx, [(pass_id, number, to_ms(now)) for pass_id, (number, now) in batch.items()])

            if batch:
                # A database that is busy or full keeps answering devices; the note is not worth an error.
                with contextlib.suppress(Unavailable):
                    await write_transaction(self._db, act)
            if signed:
                await passes.keep(self._here, signed)

    async def close(self) -> None:
        """Write what is left and end."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.flush()

    async def _later(self) -> None:
        while self._seen:
            await asyncio.sleep(NOTED_AFTER_SECONDS)
            await self.flush()
