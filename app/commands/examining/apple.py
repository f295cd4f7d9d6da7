"""Apple's side: certificates (the server's own and those of businesses), the pass types that were issued, and what APNs says."""
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

from app.certificates import service as certificates
from app.certificates.signer import PassSigner
from app.certificates.signers import Signers, signers
from app.commands import store
from app.commands.examining.line import Line
from app.context import Context
from app.push import service as push
from app.push.clients import client_of
from app.push.rules import Kind, PushResult
from app.registrations import service as registrations
from app.registrations.complaints import meaning_of

DEVICE_LINES = 3
LEVELS = {"good": "ok", "soon": "warn", "wrong": "fail"}
WHERE_FROM = "certs.example/README.md says where each file comes from."
# No device has it: APNs answers BadDeviceToken to a certificate that it takes, and 403 to one that it does not.
NOBODYS_TOKEN = "0" * 64


async def apple(context: Context) -> AsyncIterator[Line]:
    """Everything that keeps passes from being made, updated or announced."""
    known = await signers(context).fresh(context.clock.now())
    for fault in known.faults:
        yield Line("fail", f"{await _whose(context, fault.business_id)}{fault.sentence}", WHERE_FROM)
    if not context.settings.apple_certificate and not known.live:
        yield Line("warn", "There is no Apple certificate: cards have a page, but no pass for Apple Wallet.",
                   "certs.example/README.md leads through it.")
    for business_id, signer in _signers(known):
        for finding in signer.findings(context.clock.now()):
            yield Line(LEVELS[finding.level], f"{await _whose(context, business_id)}{finding.sentence}")
    async for line in _issued(context, known):
        yield line
    async for line in _pushes(context):
        yield line
    async for line in _devices(context):
        yield line


def _signers(known: Signers) -> Iterator[tuple[int | None, PassSigner]]:
    """The server's own first, used or not."""
    if known.own is not None:
        yield None, known.own
    for found in known.live.values():
        for live in found:
            if live.id is not None:
                yield live.kind.business_id, live.signer


async def _whose(context: Context, business_id: int | None) -> str:
    if business_id is None:
        return ""
    return f"{await store.business_name(context.db, business_id)}: "


async def _issued(context: Context, known: Signers) -> AsyncIterator[Line]:
    """Passes whose pass type or team is no longer that of a certificate: phones refuse or never get their next version."""
    for kind in await store.issued_types(context.db):
        live = known.live.get(kind.id, ())
        if not live:
            yield Line("fail", f"{kind.passes} passes were issued as {kind.pass_type_identifier}, and no certificate for it is here: "
                               "they are never updated again.",
                       f"Make a certificate for {kind.pass_type_identifier} in Apple's portal; an issued pass cannot change its type.")
        for team in sorted({each.signer.team_identifier for each in live} - {kind.team_identifier}):
            yield Line("fail", f"The certificate of {kind.pass_type_identifier} belongs to team {team}, but its {kind.passes} passes were "
                               f"issued by team {kind.team_identifier}: phones refuse the next version.",
                       f"Use a certificate of team {kind.team_identifier} (its OU).")


async def _pushes(context: Context) -> AsyncIterator[Line]:
    """What Apple's push servers refused, and what they say just now to each certificate."""
    for trouble in await push.troubles(context.db, context.clock.now()):
        yield Line("fail" if trouble.needs_person else "warn", trouble.sentence,
                   "Phones learn of changes late. Is the certificate the right one and still valid, and can this machine reach "
                   f"{context.settings.apns}?" if trouble.needs_person else "They are tried again by themselves.")
    if context.settings.demo:
        return      # its APNs lives inside the running server, on a port that nobody else knows
    for identity in await certificates.identities(context, context.clock.now()):
        try:
            client = client_of(context, identity)
        except ValueError as exc:
            yield Line("fail", f"No pushes of {identity.pass_type_identifier} can go out: {exc}")
            continue
        try:
            told = await client.push(NOBODYS_TOKEN, identity.pass_type_identifier,
                                     expiration=context.clock.now() + timedelta(minutes=1))
        finally:
            await client.close()
        yield _told(identity.pass_type_identifier, context.settings.apns, told)


def _told(pass_type_identifier: str, address: str, told: PushResult) -> Line:
    answer = f"{told.status} {told.reason}".strip() if told.status else told.reason
    if told.kind in (Kind.ACCEPTED, Kind.BAD_TOKEN, Kind.GONE, Kind.THROTTLED):
        return Line("ok", f"{address} takes pushes of {pass_type_identifier}.")
    if told.kind is Kind.CONFIGURATION:
        return Line("fail", f"{address} refuses the certificate of {pass_type_identifier}: {answer}.",
                    "Passes need the pass type's own certificate, not that of an app, and Apple's production servers. Was it revoked?")
    if told.kind is Kind.BUG:
        return Line("fail", f"{address} refuses our requests for {pass_type_identifier}: {answer}.",
                    "Is TESSERA_APNS really Apple's push service?")
    return Line("warn", f"{address} cannot be reached, or does not answer: {answer}.",
                "Pushes need outgoing connections to port 443 (or 2197) of api.push.apple.com; phones learn of changes late without.")


async def _devices(context: Context) -> AsyncIterator[Line]:
    """What phones complain of: they tell their owners nothing."""
    for log in await registrations.recent_logs(context.db, context.clock.now(), DEVICE_LINES):
        meaning = meaning_of(log.message)
        yield Line("warn" if meaning.needs_person else "ok", f"A phone reported: {log.message}",
                   f"{meaning.sentence} The pass: `{log.serial_number or log.pass_type_identifier}`.")
