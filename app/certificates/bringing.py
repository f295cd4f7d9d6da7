"""A business's own certificates: a signing request made, a certificate brought, one retired. Owners alone do it, and it is on record."""
import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from app import secrets
from app.audit import service as audit
from app.certificates import rules, store, uploads
from app.certificates.service import SHORT_ID_LENGTH
from app.certificates.signer import Wrong
from app.certificates.signers import CHANNEL, open_key, seal_key, signers
from app.certificates.store import Certificate, PassType
from app.certificates.uploads import KnownKey, Read, Upload, key_der, pem
from app.clock import to_ms
from app.context import Context
from app.db import Transaction, write_transaction
from app.errors import FieldError, Invalid, NotFound, Refused
from app.programs import service as programs
from app.secrets import CannotOpen
from app.text import N_
from app.web.principal import Principal

MOST_REQUESTS = 5
# One child at a time: uploads never take the server's processors.
_threads = ThreadPoolExecutor(1, thread_name_prefix="certificates")
# Whether another business or the server has it is not said: nobody learns here who else is on the server.
TAKEN = N_("This pass type is in use on this server already. Make another pass type in Apple's portal, and a certificate for it.")
OTHER_TEAM = N_("Cards of this pass type were made for another team. A pass type belongs to one team for ever.")
TWICE = N_("This certificate is here already.")


class TooManyRequests(Refused):
    code = "too_many_requests"
    detail = N_("Five signing requests wait for their certificates. Bring one, or remove one that is not needed.")


@dataclass(frozen=True, slots=True)
class Brought:
    """A row of the page. state: waiting (a request without its certificate), signs, ready (valid, but a newer one signs), early, expired,
    faulty (`sentence` says why) or retired. days_left: whole days, None where there is no certificate."""

    id: int
    state: str
    pass_type_identifier: str
    team_identifier: str
    serial_number: str
    not_after: datetime | None
    days_left: int | None
    created_at: datetime
    created_by: str
    sentence: str = ""


async def request(here: Context, who: Principal, now: datetime) -> int:
    """Makes a key and a signing request for it; returns the row's id. Raises TooManyRequests."""
    business = await programs.get_business(here.db, who.business_id)
    text, key = await asyncio.to_thread(uploads.new_request, business.name)

    async def act(tx: Transaction) -> int:
        waiting = [each for each in await store.of_business(tx, who.business_id) if each.certificate is None and each.retired_at is None]
        if len(waiting) >= MOST_REQUESTS:
            raise TooManyRequests()
        made = await store.insert(tx, _values(who, now, request=text))
        await store.set_key(tx, made, seal_key(here.ring, made, key))
        await audit.record(tx, who, "certificate.request", "certificate", made, now=now)
        return made

    return await write_transaction(here.db, act)


async def request_text(here: Context, business_id: int, certificate_id: int) -> str:
    """The signing request, PEM. Raises NotFound."""
    found = await store.find(here.db, business_id, certificate_id)
    if found is None or not found.request:
        raise NotFound()
    return found.request


async def bring(here: Context, who: Principal, upload: Upload, now: datetime) -> PassType:
    """Checks and keeps a certificate; from now on it signs, being the newest of its pass type. Raises Invalid beside the field."""
    known = await asyncio.to_thread(_known_keys, here, await store.of_business(here.db, who.business_id))
    try:
        read = await asyncio.get_running_loop().run_in_executor(_threads, uploads.read, upload, known, here.settings.apple_wwdr, now)
    except Wrong as wrong:
        raise _invalid(wrong.field, wrong.sentence, wrong.params) from None
    own = (await signers(here).fresh(now)).own
    if own is not None and own.pass_type_identifier == read.signer.pass_type_identifier:
        raise _invalid("certificate", TAKEN)
    short_id = secrets.new_token(SHORT_ID_LENGTH)
    kind = await write_transaction(here.db, lambda tx: _bring(tx, here, who, read, short_id, now))
    signers(here).forget()
    return kind


async def _bring(tx: Transaction, here: Context, who: Principal, read: Read, short_id: str, now: datetime) -> PassType:
    signer = read.signer
    await store.insert_type(tx, {
        "business_id": who.business_id, "short_id": short_id, "pass_type_identifier": signer.pass_type_identifier,
        "team_identifier": signer.team_identifier, "now": to_ms(now)})
    kind = await store.find_type(tx, signer.pass_type_identifier)
    assert kind is not None
    if kind.business_id != who.business_id:
        raise _invalid("certificate", TAKEN)
    if kind.team_identifier != signer.team_identifier:
        raise _invalid("certificate", OTHER_TEAM)
    serial = f"{signer.certificate.serial_number:x}"
    rows = await store.of_business(tx, who.business_id)
    if any(each.serial_number == serial and each.retired_at is None for each in rows):
        raise _invalid("certificate", TWICE)
    made = await _keep(tx, here, who, read, _values(who, now, kind=kind, read=read, serial=serial), rows)
    await audit.record(tx, who, "certificate.bring", "certificate", made,
                       {"pass_type": kind.pass_type_identifier, "ends": signer.not_after.date().isoformat()}, now=now)
    tx.notify(CHANNEL)
    return kind


async def _keep(tx: Transaction, here: Context, who: Principal, read: Read, values: dict[str, object], rows: list[Certificate]) -> int:
    """Into the row of the request that it answers, where that still waits; else a row of its own."""
    waits = any(each.id == read.request_id and each.certificate is None and each.retired_at is None for each in rows)
    if waits and read.request_id is not None and await store.complete(tx, {"id": read.request_id, **{name: values[name] for name in (
            "business_id", "pass_type_id", "certificate", "wwdr", "serial_number", "not_before", "not_after")}}):
        return read.request_id
    made = await store.insert(tx, values)
    await store.set_key(tx, made, seal_key(here.ring, made, key_der(read.signer.key)))
    return made


async def retire(here: Context, who: Principal, certificate_id: int, now: datetime) -> None:
    """It signs nothing any more; a request is given up. Raises NotFound. Bringing the certificate again undoes it."""
    async def act(tx: Transaction) -> None:
        if not await store.retire(tx, who.business_id, certificate_id, to_ms(now)):
            raise NotFound()
        await audit.record(tx, who, "certificate.retire", "certificate", certificate_id, now=now)
        tx.notify(CHANNEL)

    await write_transaction(here.db, act)
    signers(here).forget()


async def listing(here: Context, business_id: int, now: datetime) -> list[Brought]:
    """Everything that the business brought or asked for, newest first."""
    known = await signers(here).fresh(now)
    faults = {fault.certificate_id: fault.sentence for fault in known.faults}
    signing = {next((live.id for live in found if live.signer.is_valid(now)), None) for found in known.live.values()}
    return [_shown(row, known.types.get(row.pass_type_id or 0), faults.get(row.id, ""), row.id in signing, now)
            for row in await store.of_business(here.db, business_id)]


def _shown(row: Certificate, kind: PassType | None, fault: str, is_signing: bool, now: datetime) -> Brought:
    if row.retired_at is not None:
        state = "retired"
    elif row.certificate is None or row.not_after is None or row.not_before is None:
        state = "waiting"
    elif fault:
        state = "faulty"
    elif now > row.not_after:
        state = "expired"
    elif now < row.not_before:
        state = "early"
    else:
        state = "signs" if is_signing else "ready"
    left = None if row.not_after is None else rules.days_left(row.not_after, now)
    return Brought(row.id, state, kind.pass_type_identifier if kind else "", kind.team_identifier if kind else "", row.serial_number or "",
                   row.not_after, left, row.created_at, row.created_by, fault)


def _known_keys(here: Context, rows: list[Certificate]) -> list[KnownKey]:
    """The business's keys, those of waiting requests first; one that does not open is no hindrance to another."""
    found = []
    for row in sorted(rows, key=lambda row: row.certificate is not None):
        try:
            found.append(KnownKey(row.id, open_key(here.ring, row)))
        except CannotOpen:
            continue
    return found


def _values(who: Principal, now: datetime, *, kind: PassType | None = None, read: Read | None = None, serial: str | None = None,
            request: str | None = None) -> dict[str, object]:
    signer = read.signer if read else None
    return {"business_id": who.business_id, "pass_type_id": kind.id if kind else None, "serial_number": serial, "request": request,
            "certificate": pem(signer.certificate) if signer else None, "wwdr": pem(signer.wwdr) if signer else None,
            "not_before": to_ms(signer.not_before) if signer else None, "not_after": to_ms(signer.not_after) if signer else None,
            "now": to_ms(now), "created_by": who.name}


def _invalid(field: str, sentence: str, params: dict[str, object] | None = None) -> Invalid:
    return Invalid(fields=[FieldError(field, "certificate", sentence)], params=params)
