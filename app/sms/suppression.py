"""Who wants no messages: said on a page, answered to a message, asked for in a shop, or known by the carrier."""
from datetime import datetime

from app.audit import service as audit
from app.clock import to_ms
from app.customers import phones
from app.db import Database, Transaction
from app.errors import NotFound
from app.secrets import KeyRing
from app.sms import suppression_store as store
from app.sms.suppression_store import Suppression
from app.sms.wording import is_start_word, is_stop_word
from app.web.principal import Principal, system

__all__ = ["REASONS", "Suppression", "is_start_word", "is_stop_word", "is_suppressed", "lift", "lift_one", "stop", "suppressions"]

REASONS = ("not_me", "stop", "bounced", "asked")


async def stop(tx: Transaction, ring: KeyRing, business_id: int | None, e164: str, reason: str, now: datetime,
               who: Principal | None = None) -> None:
    """From now on this business (None: nobody on this server) sends nothing to this number. Saying it twice changes nothing.

    reason: one of REASONS; who: the member of staff who typed it, None where the person or the carrier said it.
    """
    assert reason in REASONS
    phone_hash = phones.server_hash(ring, e164)
    if await store.is_listed(tx, business_id, phone_hash):
        return
    made = await store.append(tx, business_id, phone_hash, e164[-2:], reason, to_ms(now))
    if business_id is not None:
        await audit.record(tx, who or system(business_id), "sms.stopped", "suppression", made, {"reason": reason}, now=now)


async def lift(tx: Transaction, ring: KeyRing, business_id: int | None, e164: str, now: datetime, why: str = "start") -> bool:
    """The person behind this number wants messages again (START, or a word to the shop); False where nothing stood against them.

    What stands for the whole server is lifted by business_id None alone.
    """
    lifted = await store.lift(tx, business_id, phones.server_hash(ring, e164), why, to_ms(now))
    for suppression_id in lifted:
        if business_id is not None:
            await audit.record(tx, system(business_id), "sms.stop_lifted", "suppression", suppression_id, {"why": why}, now=now)
    return bool(lifted)


async def lift_one(tx: Transaction, who: Principal, suppression_id: int, why: str, now: datetime) -> None:
    """A manager takes a number off the business's list, and says why. Raises NotFound."""
    if not await store.lift_one(tx, who.business_id, suppression_id, why, to_ms(now)):
        raise NotFound()
    await audit.record(tx, who, "sms.stop_lifted", "suppression", suppression_id, {"why": why}, now=now)


async def suppressions(reader: Database | Transaction, business_id: int, *, before: int | None = None,
                       limit: int = 50) -> list[Suppression]:
    """The business's list, newest first; `before`: the id of the last one of the page before."""
    return await store.listed(reader, business_id, before, limit)


async def is_suppressed(reader: Database | Transaction, ring: KeyRing, business_id: int, e164: str) -> bool:
    """Whether this business, or the whole server, sends nothing to this number."""
    return await store.is_suppressed(reader, business_id, phones.server_hash(ring, e164))
