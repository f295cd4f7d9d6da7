"""Says in time what ends: by mail once for each threshold, in the console, in `doctor` and in /metrics."""
import logging
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from app.certificates import service, words
from app.certificates.rules import EXPIRED, Warning
from app.certificates.signers import signers
from app.context import Context
from app.db import Transaction, write_transaction
from app.mail import service as mail
from app.mail.service import Mail
from app.programs import service as programs
from app.staff import service as staff

log = logging.getLogger("tessera.certificates")
PAGE = "/console/certificates"


class Addressee(NamedTuple):
    email: str
    language: str


class Banner(NamedTuple):
    """sentence: in the reader's language; is_over: the certificate has ended; is_own: its owner can do something about it here."""

    sentence: str
    is_over: bool
    is_own: bool


async def warn_due(here: Context) -> int:
    """The job, at start, daily and after every change: look at all certificates, log what ends, and queue a mail for each warning that
    was not sent yet. Returns how many mails were queued; safe to repeat: each goes out once.
    """
    now, queued = here.clock.now(), 0
    for warning in await service.warnings(here, now):
        log.warning("%s (%s)", words.sentence(warning, "en"), warning.pass_type_identifier)
        if not mail.is_set_up(here.settings):
            continue
        people = await _addressees(here, warning)
        queued += await write_transaction(here.db, partial(_queue, here=here, warning=warning, people=people, now=now))
    return queued


async def _queue(tx: Transaction, here: Context, warning: Warning, people: Sequence[Addressee], now: datetime) -> int:
    address = here.settings.address(PAGE)
    made = [await mail.queue(
        tx, here.ring, Mail(each.email, words.subject(warning, each.language), words.text(warning, each.language, address)),
        kind="certificate", business_id=warning.business_id, now=now, dedupe=f"{warning.key}:{_hashed(here, each.email)}")
        for each in people]
    return sum(each is not None for each in made)


def _hashed(here: Context, email: str) -> str:
    """A dedupe key is stored in the clear, an address is not."""
    return here.ring.lookup_hash("mail.to", email).hex()[:16]


async def _addressees(here: Context, warning: Warning) -> list[Addressee]:
    """The owners of the business, or the operator for the server's own certificate."""
    if warning.business_id is None:
        return [Addressee(here.settings.operator, "en")] if here.settings.operator else []
    business = await programs.get_business(here.db, warning.business_id)
    people = await staff.list_staff(here.db, here.ring, warning.business_id)
    return [Addressee(each.email, business.language if business.language in words.RENEW else "en")
            for each in people if each.role == "owner" and not each.disabled and mail.can_reach(each.email)]


async def banners(here: Context, business_id: int, role: str, language: str, now: datetime) -> list[Banner]:
    """What the console shows on top of each page: a business's own certificates to owners and managers, the server's to owners."""
    found = await service.warnings(here, now, business_id)
    return [Banner(words.banner(each, language), each.threshold == EXPIRED, each.is_own) for each in found
            if role == "owner" or (role == "manager" and each.is_own)]


async def seconds_left(here: Context, now: datetime) -> dict[str, float]:
    """Pass type identifier → seconds until its last certificate ends, negative after it; for /metrics."""
    known = await signers(here).fresh(now)
    ends = {known.types[kind].pass_type_identifier: max(each.signer.not_after for each in live) for kind, live in known.live.items()}
    if known.own is not None:
        ends.setdefault(known.own.pass_type_identifier, known.own.not_after)
    return {name: (end - now).total_seconds() for name, end in ends.items()}
