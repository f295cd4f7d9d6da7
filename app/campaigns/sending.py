"""The job: gathers a campaign's people, draws who is left out, and invites the others at its pace, one a transaction."""
import asyncio
import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from app import secrets
from app.campaigns import rules, store
from app.campaigns.rules import Campaign
from app.campaigns.service import CHANNEL
from app.clock import to_ms
from app.context import Context
from app.customers import service as customers
from app.customers import topics
from app.db import Row, Transaction, write_transaction
from app.enrolment import rules as enrolment_rules
from app.enrolment import service as enrolment
from app.enrolment.mailing import MailStopped, NoMailServer
from app.enrolment.rules import ProgramClosing
from app.enrolment.service import Wish
from app.errors import Invalid, NotFound, TesseraError
from app.limits.rules import LimitReached
from app.programs import service as programs
from app.programs.store import Program
from app.segments import service as segments
from app.sms import service as sms
from app.sms.refusals import CapReached, Paused, Suppressed
from app.web.principal import system

__all__ = ["CHANNEL", "go_on"]

OPEN_MOST, GATHERED_AT_ONCE, SENT_AT_ONCE = 50, 50, 50
HOUR = timedelta(hours=1)
# Counters of a number and its neighbours: they say nothing about the next person.
PERSONS = ("sms.phone", "sms.block", "mail.person")


async def go_on(here: Context) -> int:
    """Gather what is to be gathered, send what the pace allows now; returns how many were invited. Safe to repeat."""
    sent = 0
    for campaign in await store.at_work(here.db, to_ms(here.clock.now()), OPEN_MOST):
        if campaign.state == "gathering":
            await _gather(here, campaign)
        else:
            sent += await _send(here, campaign)
    return sent


# Who they are.
async def _gather(here: Context, campaign: Campaign) -> None:
    at_hand: Campaign | None = campaign
    while at_hand is not None:
        at_hand = await _gather_page(here, at_hand)
        await asyncio.sleep(0)


async def _gather_page(here: Context, campaign: Campaign) -> Campaign | None:
    page, to = await _page(here, campaign)
    rows = [{"business_id": campaign.business_id, "campaign_id": campaign.id, "account_id": row["account_id"],
             "customer_id": row["customer_id"], "state": state, "is_held_out": int(state == "held_out")}
            for row in page if (state := await _state_of(here, campaign, row)) is not None]

    async def act(tx: Transaction) -> bool:
        if to is None:
            await store.set_state(tx, campaign, "ready", ("gathering",))
            return False
        if not await store.gathered(tx, campaign, to):
            return False
        await store.insert_people(tx, rows)
        return True

    goes_on = await write_transaction(here.db, act)
    return await store.find(here.db, campaign.business_id, campaign.id) if goes_on else None


async def _page(here: Context, campaign: Campaign) -> tuple[Sequence[Row], int | None]:
    """(the next people, the cursor behind them; None: that was all)."""
    if campaign.import_id is not None:
        page = await store.of_import(here.db, campaign, GATHERED_AT_ONCE)
        return page, page[-1]["id"] if page else None
    assert campaign.segment is not None
    try:
        segment = await segments.get(here.db, campaign.business_id, campaign.segment)
    except NotFound:
        return [], None             # closed since
    async with here.db.transaction(readonly=True) as tx:
        members = await segments.members(tx, campaign.business_id, segment.filter, here.clock.now(), campaign.gathered_to, GATHERED_AT_ONCE)
    if not members:
        return [], None
    return await store.of_accounts(here.db, campaign, [each.account_id for each in members]), members[-1].account_id


async def _state_of(here: Context, campaign: Campaign, row: Row) -> str | None:
    """What somebody of the audience begins as; None: not meant (the tag)."""
    if campaign.tag and campaign.tag not in json.loads(row["tags"]):
        return None
    if row["is_member"]:
        return "member"
    if not row["has_phone" if campaign.way == "sms" else "has_email"]:
        return "no_contact"
    if not (row["may_write"] or await _may_invite(here, campaign, row["customer_id"])):
        return "not_allowed"
    hashed = here.ring.lookup_hash(f"campaign.held_out:{campaign.business_id}", str(row["customer_id"]))
    return "held_out" if rules.is_held_out(rules.draw_of(hashed), campaign.held_out_bp) else "waiting"


async def _may_invite(here: Context, campaign: Campaign, customer_id: int) -> bool:
    """Besides what a list says: the owner's statement, or a member's own live consent."""
    return campaign.statement is not None or await topics.may_send(here.db, campaign.business_id, customer_id, campaign.way)


# What they are sent.
async def _send(here: Context, campaign: Campaign) -> int:
    now, sent = here.clock.now(), 0
    room = campaign.per_hour - await store.sent_since(here.db, campaign, to_ms(now - HOUR))
    program = await programs.get_program(here.db, campaign.business_id, campaign.program_id)
    people = await store.waiting(here.db, campaign, to_ms(now), min(SENT_AT_ONCE, room)) if room > 0 else []
    for row in people:
        try:
            sent += await _invite(here, campaign, program, row, now)
        except TesseraError as refusal:
            if isinstance(refusal, CapReached | Paused):
                await _alarm(here, campaign, row, refusal, now)
            if not await write_transaction(here.db, lambda tx, row=row, refusal=refusal: _note(tx, campaign, row, refusal, now)):  # type: ignore[misc]
                return sent
    if not people and room > 0 and await store.next_due(here.db, campaign) is None:
        await write_transaction(here.db, lambda tx: store.set_state(tx, campaign, "done", ("running",), finished_at=to_ms(now)))
    elif campaign.why is not None and sent:
        await write_transaction(here.db, lambda tx: store.rest(tx, campaign, None, None))
    return sent


async def _invite(here: Context, campaign: Campaign, program: Program, row: Row, now: datetime) -> int:
    """One person; 1 where a message went into the outbox. Asked again right before: a withdrawal is in effect with its commit."""
    token = secrets.new_token(enrolment_rules.TOKEN_LETTERS)
    business_id, customer_id, who = campaign.business_id, row["customer_id"], system(campaign.business_id)

    async def act(tx: Transaction) -> int:
        if not await store.hold(tx, campaign):
            return 0
        person = await customers.get(tx, here.ring, business_id, customer_id)
        e164 = await customers.phone_of(tx, here.ring, business_id, customer_id) if campaign.way == "sms" else None
        email = await customers.email_of(tx, here.ring, business_id, customer_id) if campaign.way == "mail" else None
        if not (e164 or email):
            await store.settle(tx, campaign, row["account_id"], "no_contact")
            return 0
        allowed = campaign.statement is not None or await store.may_write(tx, business_id, row["account_id"]) or await topics.may_send(
            tx, business_id, customer_id, campaign.way)
        if not allowed:
            await store.settle(tx, campaign, row["account_id"], "not_allowed")
            return 0
        wish = Wish(program.id, e164, "invitation", person.language, name=person.name, email=email,
                    card_id=await store.imported_card(tx, business_id, program.id, customer_id))
        invited = await enrolment.invite(tx, here.ring, here.settings, who, program, wish, token, now)
        if invited is None:
            await store.settle(tx, campaign, row["account_id"], "member")
            return 0
        return int(await store.settle(tx, campaign, row["account_id"], "sent", enrolment_id=invited.id, sent_at=to_ms(now)))

    return await write_transaction(here.db, act)


async def _alarm(here: Context, campaign: Campaign, row: Row, refusal: TesseraError, now: datetime) -> None:
    """Spent money and pauses are told like any other caller's; who wants no messages or waits for tomorrow stands in the campaign."""
    if e164 := await customers.phone_of(here.db, here.ring, campaign.business_id, row["customer_id"]):
        await sms.note_refusal(here.db, here.settings, campaign.business_id, e164, refusal, now)


async def _note(tx: Transaction, campaign: Campaign, row: Row, refusal: TesseraError, now: datetime) -> bool:
    """What a refusal means for the person or for the campaign; whether it goes on with the next one."""
    account_id = row["account_id"]
    if isinstance(refusal, Suppressed | MailStopped):
        await store.settle(tx, campaign, account_id, "suppressed", why=refusal.code)
    elif isinstance(refusal, LimitReached) and refusal.limit.scope in PERSONS:
        await store.put_off(tx, campaign, account_id, rules.tomorrow(now), "later")
    elif isinstance(refusal, LimitReached | CapReached):
        await store.rest(tx, campaign, "budget", to_ms(now + timedelta(seconds=min(refusal.retry_after or 3600, 3600))))
        return False
    elif isinstance(refusal, Paused):
        # Too few links are opened: going on would only cost money, until somebody has looked at it.
        if refusal.kind == "block":
            await store.put_off(tx, campaign, account_id, rules.tomorrow(now), "links")
            return True
        await store.set_state(tx, campaign, "paused", ("running",), why="links")
        return False
    elif isinstance(refusal, NoMailServer | ProgramClosing):
        await store.set_state(tx, campaign, "paused", ("running",), why="mail" if isinstance(refusal, NoMailServer) else "program")
        return False
    elif isinstance(refusal, Invalid | NotFound):
        await store.settle(tx, campaign, account_id, "failed", why=refusal.code)
    else:
        raise refusal
    return True
