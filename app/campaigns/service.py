"""What can be done with a campaign: make it, start, pause and stop it, see what it brought."""
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from app.audit import service as audit
from app.campaigns import rules, store
from app.campaigns.rules import Campaign, Report, Wish
from app.campaigns.store import Reader
from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.errors import FieldError, Forbidden, Invalid, NotFound, Refused
from app.imports import service as imports
from app.programs import service as programs
from app.segments import service as segments
from app.text import N_
from app.web.principal import Principal

__all__ = ["CHANNEL", "Campaign", "CampaignOver", "Report", "Wish", "count", "create", "deliveries", "get", "newest", "pause", "report",
           "start", "stop"]

CHANNEL = "campaigns"


class CampaignOver(Refused):
    code, detail = "campaign_over", N_("This campaign is over, or its people are being gathered still. Look at it again in a moment.")


async def create(db: Database, who: Principal, wish: Wish, now: datetime) -> int:
    """Its people are gathered by the job; nobody is written to before it is started. Returns its id.

    Who may be invited: people whose row in the list says that they agreed, members with a live marketing consent, and everybody where
    the owner states where they agreed. Raises Forbidden, NotFound (programme), Invalid.
    """
    if not who.markets:
        raise Forbidden()
    wish = replace(wish, tag=wish.tag.strip().casefold())
    wrong = rules.wrong(wish)
    await programs.get_program(db, who.business_id, wish.program_id)
    wrong += await _wrong_audience(db, who, wish)
    if wrong:
        raise Invalid(fields=wrong)

    async def act(tx: Transaction) -> int:
        campaign_id = await store.insert(tx, {
            "business_id": who.business_id, "program_id": wish.program_id, "name": wish.name.strip(), "import_id": wish.import_id,
            "segment": wish.segment, "tag": wish.tag or None, "way": wish.way, "held_out_bp": wish.held_out_bp,
            "per_hour": wish.per_hour, "statement": wish.statement.strip() or None, "actor_kind": who.kind, "actor_id": who.id,
            "now": to_ms(now)})
        await audit.record(tx, who, "campaign.made", "campaign", campaign_id, {"stated": bool(wish.statement.strip())}, now=now)
        tx.notify(CHANNEL)
        return campaign_id

    return await write_transaction(db, act)


async def _wrong_audience(reader: Reader, who: Principal, wish: Wish) -> Sequence[FieldError]:
    unknown = [FieldError("audience", "unknown", N_("There is no such thing here."))]
    try:
        if wish.segment is not None:
            await segments.get(reader, who.business_id, wish.segment)
        elif wish.import_id is not None:
            found = await imports.get(reader, who.business_id, wish.import_id)
            if found.program_id != wish.program_id:
                return unknown
            if found.state != "done":
                return [FieldError("audience", "not_in", N_("This list is not in yet. Take it in first."))]
            if "consent" not in found.mapping and not wish.statement.strip():
                return [FieldError("statement", "required",
                                   N_("The list does not say who agreed to messages. State where, when and to what these people agreed."))]
    except NotFound:
        return unknown
    return []


async def start(db: Database, who: Principal, campaign_id: int, now: datetime) -> None:
    """Send, or go on sending. Raises Forbidden, NotFound, CampaignOver."""
    await _move(db, who, campaign_id, "running", ("ready", "paused"), "campaign.started", now)


async def pause(db: Database, who: Principal, campaign_id: int, now: datetime) -> None:
    """What stands in the outbox already still goes out. Raises as `start`."""
    await _move(db, who, campaign_id, "paused", ("running",), "campaign.paused", now)


async def stop(db: Database, who: Principal, campaign_id: int, now: datetime) -> None:
    """For good. Raises as `start`."""
    await _move(db, who, campaign_id, "stopped", ("gathering", "ready", "running", "paused"), "campaign.stopped", now)


async def _move(db: Database, who: Principal, campaign_id: int, state: str, was: Sequence[str], action: str, now: datetime) -> None:
    if not who.markets:
        raise Forbidden()
    campaign = await get(db, who.business_id, campaign_id)

    async def act(tx: Transaction) -> None:
        moved = await store.set_state(tx, campaign, state, was, started_at=to_ms(now) if state == "running" else None,
                                      finished_at=to_ms(now) if state == "stopped" else None)
        if not moved:
            raise CampaignOver()
        await audit.record(tx, who, action, "campaign", campaign.id, now=now)
        tx.notify(CHANNEL)

    await write_transaction(db, act)


async def get(reader: Reader, business_id: int, campaign_id: int) -> Campaign:
    """Raises NotFound."""
    found = await store.find(reader, business_id, campaign_id)
    if found is None:
        raise NotFound()
    return found


async def newest(reader: Reader, business_id: int, limit: int = 50) -> list[Campaign]:
    return await store.newest(reader, business_id, limit)


async def count(reader: Reader, campaign: Campaign) -> dict[str, int]:
    """How many stand in each state of rules.STATES; `people`: all of them."""
    return rules.counted(await store.states(reader, campaign))


async def deliveries(reader: Reader, campaign: Campaign) -> dict[str, int]:
    """delivered, lost (the carrier gave up on it) and underway, of the messages that were sent."""
    found = await store.deliveries(reader, campaign)
    lost = sum(found.get(state, 0) for state in ("undelivered", "expired", "rejected", "cancelled"))
    delivered = found.get("delivered", 0)
    return {"delivered": delivered, "lost": lost, "underway": sum(found.values()) - delivered - lost}


async def report(reader: Reader, campaign: Campaign) -> Report | None:
    """What those who were invited did since it began, beside those who were held out; None before it began.

    reader: `db.transaction(readonly=True)`; outside of one a look-up of many people is cut off, because it holds tills up.
    """
    if campaign.started_at is None:
        return None
    return Report(await store.outcome(reader, campaign, "sent", campaign.started_at),
                  await store.outcome(reader, campaign, "held_out", campaign.started_at))
