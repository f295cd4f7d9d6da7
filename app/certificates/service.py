"""Pass types and the certificates that sign for them: the server's own from its settings, and those that businesses brought."""
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from app import secrets
from app.certificates import rules, store
from app.certificates.rules import Warning
from app.certificates.signer import CertificateExpired, PassSigner
from app.certificates.signers import CHANNEL, Fault, Live, NotSetUp, Signers, signers
from app.certificates.store import PassType
from app.clock import to_ms
from app.context import Context
from app.db import write_transaction

__all__ = ["CHANNEL", "CertificateExpired", "Fault", "Identity", "NotSetUp", "PassType", "Warning", "can_issue", "identities", "pass_type",
           "pass_type_for", "signer_of", "warnings"]

SHORT_ID_LENGTH = 6


@dataclass(frozen=True, slots=True)
class Identity:
    """What a certificate shows to Apple's push servers. certificate_id: its row, None for the one in the settings.

    chain_pem: the certificate, then its intermediate; key: ready to use, no password. Equal between two calls for as long as the
    certificate lives.
    """

    certificate_id: int | None
    pass_type_id: int
    pass_type_identifier: str
    chain_pem: bytes
    key: RSAPrivateKey
    not_after: datetime


async def signer_of(here: Context, pass_type_id: int, now: datetime) -> PassSigner:
    """The newest certificate of the pass type that may sign at `now`. Raises CertificateExpired, or NotSetUp where there is none."""
    found = (await signers(here).fresh(now)).live.get(pass_type_id, ())
    for live in found:
        if live.signer.is_valid(now):
            return live.signer
    raise CertificateExpired if found else NotSetUp


async def pass_type(here: Context, pass_type_id: int, now: datetime) -> PassType:
    """The row of a pass type, which never changes."""
    known = signers(here).types.get(pass_type_id)
    if known is None:
        signers(here).forget()
        known = (await signers(here).fresh(now)).types[pass_type_id]
    return known


async def pass_type_for(here: Context, business_id: int, now: datetime) -> PassType:
    """What a new pass of the business is issued under: its own newest pass type that can sign, else the server's.

    A business whose certificates have all expired keeps its type, and is told so when it signs: its cards do not change hands.
    Raises NotSetUp where there is neither.
    """
    known = await signers(here).fresh(now)
    own = [live for found in known.live.values() for live in found if live.kind.business_id == business_id]
    if own:
        return max(own, key=lambda live: (live.signer.is_valid(now), live.id or 0)).kind
    if known.own is None:
        raise NotSetUp()
    return await _servers(here, known.own, now)


async def _servers(here: Context, signer: PassSigner, now: datetime) -> PassType:
    """The row of the settings' pass type; made with the first use, and its word in addresses with it."""
    made = next((kind for kind in signers(here).types.values() if kind.pass_type_identifier == signer.pass_type_identifier), None)
    if made is None:
        short_id = secrets.new_token(SHORT_ID_LENGTH)
        await write_transaction(here.db, partial(store.insert_type, values={
            "business_id": None, "short_id": short_id, "pass_type_identifier": signer.pass_type_identifier,
            "team_identifier": signer.team_identifier, "now": to_ms(now)}))
        signers(here).forget()
        await signers(here).fresh(now)
        made = await store.find_type(here.db, signer.pass_type_identifier)
        if made is None or made.business_id is not None:
            raise NotSetUp()
    return made


async def can_issue(here: Context, business_id: int, now: datetime) -> bool:
    """Whether a wallet button makes sense on a card's page of the business: a certificate is there, valid or not."""
    known = await signers(here).fresh(now)
    return known.own is not None or any(live.kind.business_id == business_id for found in known.live.values() for live in found)


async def identities(here: Context, now: datetime) -> list[Identity]:
    """One for each certificate that is valid at `now`, the server's own included; of one pass type the newest first.

    A pass type without any pass yet may be missing. Asked every second it costs nothing: the table is looked at every few seconds.
    """
    known = await signers(here).fresh(now)
    return [_identity(live) for found in known.live.values() for live in found if live.signer.is_valid(now)]


def _identity(live: Live) -> Identity:
    signer = live.signer
    return Identity(live.id, live.kind.id, signer.pass_type_identifier, signer.chain_pem, signer.key, signer.not_after)


async def warnings(here: Context, now: datetime, business_id: int | None = None) -> list[Warning]:
    """Pass types whose last certificate ends within 60 days or has ended, the soonest first.

    business_id: only what concerns this business, its own and the server's; None: all of the server's businesses.
    """
    known = await signers(here).fresh(now)
    found = [warning for kind_id, live in known.live.items()
             if (warning := _warning(known.types[kind_id], live, now)) is not None]
    if known.own is not None and not any(live.id is None for each in known.live.values() for live in each):
        found += _of_unused(known, now)
    return sorted((each for each in found if business_id is None or each.business_id in (None, business_id)), key=lambda each: each.ends_at)


def _warning(kind: PassType, live: tuple[Live, ...], now: datetime) -> Warning | None:
    return _warned(kind.business_id, max((each.signer for each in live), key=lambda each: each.not_after), now)


def _of_unused(known: Signers, now: datetime) -> list[Warning]:
    """The server's own certificate before its first pass."""
    assert known.own is not None
    warning = _warned(None, known.own, now)
    return [warning] if warning else []


def _warned(business_id: int | None, signer: PassSigner, now: datetime) -> Warning | None:
    passed = rules.threshold(signer.not_after, now)
    if passed is None:
        return None
    return Warning(business_id, signer.pass_type_identifier, signer.not_after, rules.days_left(signer.not_after, now), passed)
