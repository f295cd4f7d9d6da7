"""What a manager does on a card's page beside corrections: a level by hand, tags, visits frozen, an event told by hand."""
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request

from app import errors
from app.cards.service import Card
from app.clock import midnight_after
from app.console import frame
from app.console.audit_log import actors
from app.ledger import service as ledger
from app.programs import service as programs
from app.programs.store import Program
from app.sales import adjustments, happenings, visits
from app.segments import service as segments
from app.standing import service as standings
from app.text import N_
from app.web.requests import context, language, principal

SHOWN_LEVELS = 10
REASONS = {"reached": N_("reached"), "lost": N_("no longer reached"), "grace": N_("kept for a while"), "by_hand": N_("by hand"),
           "by_hand_ended": N_("by hand, ended"), "merged": N_("from a merged card")}
UNITS = {"points": N_("points"), "money": N_("money"), "stamps": N_("stamps"), "visits": N_("visits")}
WRONG_DAY = N_("Choose a day from the calendar.")
FIELDS = ("level", "level_reason", "level_until", "tag", "event", "event_key", "event_quantity", "freeze_days",
          "extend_days", "extend_reason")


async def held(request: Request, card: Card, program: Program, shown: ledger.Shown) -> dict[str, Any]:
    """What the card's page shows of these, and the acts that the programme and the card's state allow."""
    here, who, said, now = context(request), principal(request), language(request), context(request).clock.now()
    is_active = card.status == "active"
    level = await standings.level_now(here.db, program.rules, card.account_id, now)
    return {
        "units": [(unit, frame.said(request, UNITS[unit])) for unit in adjustments.units_of(program.rules)],
        "level_name": level.name.in_(said) if level else "", "levels": [("", frame.said(request, N_("none"))), *(
            (each.key, each.name.in_(said)) for each in program.rules.levels.levels)] if program.rules.levels and is_active else [],
        "level_history": await _history(request, program, card), "has_levels": program.rules.levels is not None,
        "tags": await segments.tags_of(here.db, who.business_id, card.customer_id) if card.customer_id else None,
        "can_freeze": is_active and bool(program.rules.visits and program.rules.visits.freeze_days)
        and shown.available.get("visits", 0) > 0 and not shown.pending.get("visits"),
        "can_extend": is_active and program.rules.visits is not None
        and bool(shown.available.get("visits", 0) > 0 or shown.pending.get("visits")),
        "can_unfreeze": is_active and program.rules.visits is not None and bool(shown.pending.get("visits")),
        "events": sorted({rule.when.event for rule in program.rules.rules
                          if rule.when.event and rule.when.event not in happenings.INSIDE}) if is_active else []}


async def _history(request: Request, program: Program, card: Card) -> list[dict[str, Any]]:
    if program.rules.levels is None:
        return []
    here, said = context(request), language(request)
    rows = await standings.history(here.db, card.business_id, card.account_id, SHOWN_LEVELS)
    names = {each.key: each.name.in_(said) for each in program.rules.levels.levels}
    people = await actors(request) if rows else {}
    return [{"level": names.get(row.level or "", row.level or frame.said(request, N_("none"))), "at": row.at, "until": row.until,
             "reason": frame.said(request, REASONS[row.reason]) if row.reason in REASONS else row.reason, "note": row.note or "",
             "who": people.get((row.actor_kind, row.actor_id), "") if row.reason == "by_hand" else ""} for row in rows]


async def _level(request: Request, card: Card, form: FormData) -> None:
    here, typed = context(request), frame.texts(form, *FIELDS)
    program = await programs.get_program(here.db, card.business_id, card.program_id)
    until = _end(typed["level_until"], program.time_zone)
    try:
        await standings.set_by_hand(here.db, principal(request), card.id, typed["level"] or None, typed["level_reason"], until,
                                    here.clock.now())
    except errors.Invalid as refused:
        raise _renamed(refused, {"reason": "level_reason", "until": "level_until"}) from refused


def _end(text: str, zone: str) -> datetime | None:
    """The end of a local day; None for no end. Raises Invalid."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
        return midnight_after(day, zone) if timedelta() < day - date(2000, 1, 1) < timedelta(days=73_000) else _wrong_day()
    except ValueError:
        return _wrong_day()


def _wrong_day() -> datetime:
    raise errors.Invalid(fields=[errors.FieldError("level_until", "date", WRONG_DAY)])


def _renamed(refused: errors.Invalid, names: dict[str, str]) -> errors.Invalid:
    """The same sentences at the fields of this page."""
    return errors.Invalid(fields=[errors.FieldError(names.get(field, field), code, sentence) for field, code, sentence in refused.fields])


async def _tag(request: Request, card: Card, form: FormData) -> None:
    await segments.tag(context(request).db, principal(request), card.customer_id or 0, frame.texts(form, "tag")["tag"],
                       context(request).clock.now())


async def _untag(request: Request, card: Card, form: FormData) -> None:
    await segments.untag(context(request).db, principal(request), card.customer_id or 0, frame.texts(form, "tag")["tag"],
                         context(request).clock.now())


async def _event(request: Request, card: Card, form: FormData) -> None:
    here, typed = context(request), frame.texts(form, *FIELDS)
    quantity = _count(typed["event_quantity"] or "1")
    try:
        await happenings.happen(here.db, principal(request), card.id, typed["event"], quantity, typed["event_key"], None, here.clock.now())
    except errors.Invalid as refused:
        raise _renamed(refused, {"quantity": "event_quantity", "key": "event_key", "key_text": "event_key"}) from refused


async def _freeze(request: Request, card: Card, form: FormData) -> None:
    here, typed = context(request), frame.texts(form, *FIELDS)
    try:
        await visits.freeze(here.db, principal(request), card.id, _count(typed["freeze_days"]), None, here.clock.now())
    except errors.Invalid as refused:
        raise _renamed(refused, {"days": "freeze_days"}) from refused


async def _unfreeze(request: Request, card: Card, form: FormData) -> None:
    await visits.unfreeze(context(request).db, principal(request), card.id, None, context(request).clock.now())


async def _extend(request: Request, card: Card, form: FormData) -> None:
    here, typed = context(request), frame.texts(form, *FIELDS)
    try:
        await visits.extend(here.db, principal(request), card.id, _count(typed["extend_days"]), typed["extend_reason"], None,
                            here.clock.now())
    except errors.Invalid as refused:
        raise _renamed(refused, {"days": "extend_days", "reason": "extend_reason"}) from refused


def _count(text: str) -> int:
    """A whole number; anything else is 0, which every act refuses with its own sentence."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0


# The acts by the last word of their address, under /console/cards/{card}/.
Act = Callable[[Request, Card, FormData], Awaitable[None]]
ACTS: dict[str, Act] = {"level": _level, "tag": _tag, "untag": _untag, "event": _event, "freeze": _freeze, "unfreeze": _unfreeze,
                        "extend": _extend}
DONE = {"level": N_("The level is set."), "tag": N_("The tag is kept."), "untag": N_("The tag is gone."),
        "event": N_("It is counted, and what the rules give for it is on the card."), "freeze": N_("The visits rest."),
        "unfreeze": N_("The visits can be used again."), "extend": N_("The visits live longer.")}
