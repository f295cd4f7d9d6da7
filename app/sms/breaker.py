"""The conversion breaker: a block of numbers, a shop or a poster whose links nobody uses sends none for a while."""
from datetime import datetime, timedelta

from app.audit import service as audit
from app.clock import from_ms, to_ms
from app.db import Database, Transaction, write_transaction
from app.errors import NotFound
from app.limits import service as limits
from app.secrets import KeyRing
from app.sms import allowances, rules, watch_store
from app.sms.allowances import Asker
from app.sms.refusals import Paused
from app.sms.watch_store import Pause
from app.web.principal import Principal

__all__ = ["Pause", "lift", "note_used", "pauses", "refuse_paused"]


async def refuse_paused(tx: Transaction, asker: Asker, e164: str, now: datetime) -> None:
    """Raises Paused where too few of the last links were used; else notes this link for the next judgement."""
    for kind, subject in allowances.watched(asker):
        if until := await _paused_until(tx, int(asker.business), kind, subject, now):
            hint = {"block": rules.number_block(e164), "location": "", "poster": subject}[kind]
            raise Paused(kind, subject, hint, to_ms(until))
        await limits.note(tx, f"sms.link.{kind}", subject, now)


async def _paused_until(tx: Transaction, business_id: int, kind: str, subject: str, now: datetime) -> datetime | None:
    ripe = await limits.newest(tx, f"sms.link.{kind}", subject, now - rules.BREAKER_RIPE, rules.BREAKER_LINKS)
    if len(ripe) < rules.BREAKER_LINKS:
        return None
    # Whoever lifted a pause knew why: links from before it are not held against the place again.
    lifted = await watch_store.lifted_at(tx, business_id, kind, subject)
    if lifted is not None and ripe[-1] <= from_ms(lifted):
        return None
    used = await limits.count(tx, f"sms.used.{kind}", subject, ripe[-1] - timedelta(milliseconds=1), ripe[0])
    if not rules.is_paused([to_ms(at) for at in ripe], used, to_ms(now)):
        return None
    return ripe[0] + rules.BREAKER_RIPE + rules.BREAKER_PAUSE


async def note_used(tx: Transaction, ring: KeyRing, e164: str, location_id: int | None, poster: str | None, sent_at: datetime) -> None:
    """The link that went out at `sent_at` was used (a POST, never a GET): the breaker counts it where it counted the link."""
    location = None if location_id is None else str(location_id)
    block = ring.lookup_hash("phone.block", rules.number_block(e164)).hex()
    for kind, subject in allowances.watched(Asker("", "", block, location=location, poster=poster)):
        await limits.note(tx, f"sms.used.{kind}", subject, sent_at)


async def pauses(reader: Database | Transaction, business_id: int, now: datetime) -> list[Pause]:
    """The places that were refused and are paused still, newest first."""
    return await watch_store.pauses(reader, business_id, to_ms(now))


async def lift(db: Database, who: Principal, pause_id: int, now: datetime) -> None:
    """A manager lets a place go on, for this business alone: it is judged by its next fifty links. Raises NotFound."""
    async def act(tx: Transaction) -> None:
        found = await watch_store.lift_pause(tx, who.business_id, pause_id, to_ms(now))
        if found is None:
            raise NotFound()
        await audit.record(tx, who, "sms.pause_lifted", "pause", found.id, {"kind": found.kind, "hint": found.hint}, now=now)

    await write_transaction(db, act)
