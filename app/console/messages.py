"""Messages: what carries them, what they cost, where they are paused, what was refused, and who wants none."""
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.clock import from_ms
from app.console import frame
from app.customers import phones
from app.db import write_transaction
from app.money import parse_major
from app.programs import service as programs
from app.programs.store import Business
from app.sms import breaker, spending, suppression, texts, wording
from app.sms import service as sms
from app.sms.delivery import state_of_gateways
from app.text import N_
from app.web import formats, routing
from app.web.requests import context, language, principal

MESSAGES, STOPPED = "/console/messages", "/console/messages/stopped"
CAPS = ("message_cap", "day_cap", "month_cap")
DONE = {"kept": N_("Kept."), "on": N_("Links go out there again. The next fifty decide whether it stays so."),
        "again": N_("The gateway is asked again with the next message."), "stopped": N_("Nothing goes to that number any more."),
        "lifted": N_("That number may be texted again.")}
# Why a message was not sent, as `refusals.reason_of` names it; a word without a sentence is shown as it is.
REASONS = {
    "limit:sms.phone": N_("the number had enough messages"), "limit:sms.block": N_("too many messages to neighbouring numbers"),
    "limit:sms.country": N_("too many messages to another country"), "limit:sms.staff": N_("one cashier sent too many"),
    "limit:sms.location": N_("one shop sent too many"), "limit:sms.business": N_("the business sent too many"),
    "limit:sms.address": N_("too many from one household on the joining page"),
    "limit:sms.network": N_("too many from one network on the joining page"), "limit:sms.poster": N_("too many through one poster"),
    "limit:lost.address": N_("too many searches for a lost card"), "number_suppressed": N_("the person wants no messages"),
    "limit:number.card": N_("too many new numbers for one card"),
    "sms_paused": N_("the place is paused"), "sms_cap_reached": N_("the limit for money is spent"),
}
STOP_REASONS = {"not_me": N_("said that the number is not theirs"), "stop": N_("answered STOP"),
                "bounced": N_("the carrier says that the person wants none"), "asked": N_("asked in the shop")}
NO_WHY = N_("Say why, in up to 200 characters.")
SHOWN, LONGEST_WHY = 50, 200


def _done(request: Request) -> str:
    done = DONE.get(request.query_params.get("done", ""), "")
    return frame.said(request, done) if done else ""


# Sending.
async def messages_page(request: Request) -> Response:
    """GET /console/messages"""
    return await _messages(request, done=_done(request))


async def _messages(request: Request, typed: dict[str, str] | None = None, *, done: str = "", wrong: dict[str, str] | None = None,
                    status: int = 200) -> Response:
    here, who, now = context(request), principal(request), context(request).clock.now()
    business = await programs.get_business(here.db, who.business_id)
    chosen = await texts.choices_of(here.db, who.business_id)
    caps = (chosen.message_cap_minor, chosen.day_cap_minor, chosen.month_cap_minor)
    values = {"sender": chosen.sender or "", **{name: _major(cap, business) for name, cap in zip(CAPS, caps, strict=True)}}
    most = (here.settings.sms_message_cap_minor, here.settings.sms_day_cap_minor, here.settings.sms_month_cap_minor)
    return await frame.page(request, "messages", {
        "messages_tab": "sending", "action": MESSAGES, "values": {**values, **(typed or {})}, "most": dict(zip(CAPS, most, strict=True)),
        "price_minor": here.settings.sms_price_minor, "purses": await _purses(request, business), "pauses": await _pauses(request),
        "gateways": await _gateways(request), "refused": [(frame.said(request, REASONS[reason]) if reason in REASONS else reason, count)
                    for reason, count in await sms.refusals_today(here.db, business, now)]}, done=done, wrong=wrong, status=status)


def _major(minor: int | None, business: Business) -> str:
    return "" if minor is None else formats.number(minor, business.currency, business.language)


async def _purses(request: Request, business: Business) -> list[dict[str, Any]]:
    """The day and the month: what was spent, the cap, and how much of the bar is filled."""
    here = context(request)
    found = await spending.purses(here.db, here.settings, business, here.clock.now())
    return [{"words": frame.said(request, word), "spent_minor": each.spent_minor, "cap_minor": each.cap_minor,
             "share": min(100, each.spent_minor * 100 // each.cap_minor) if each.cap_minor else 100, "is_nearly": each.is_nearly_spent,
             "is_over": each.is_spent} for each, word in zip(found, (N_("Today"), N_("This month")), strict=True)]


async def _gateways(request: Request) -> list[dict[str, Any]]:
    """Each gateway of the server: whether it works, what it said last, what is left, and the address of its button."""
    here, said = context(request), language(request)
    return [{"name": each.name, "until": each.resting_until, "why": each.why or "", "failed_at": each.failed_at, "failures": each.failures,
             "is_low": each.is_low, "action": f"{MESSAGES}/gateways/{each.name}",
             "balance": "" if each.balance_minor is None else _balance(each.balance_minor, each.currency, said)}
            for each in await state_of_gateways(here.db, here.clock.now())]


def _balance(minor: int, currency: str, said: str) -> str:
    sign = "−" if minor < 0 else ""
    return sign + (formats.money(abs(minor), currency, said) if currency else str(abs(minor)))


async def _pauses(request: Request) -> list[dict[str, Any]]:
    """kind, name, from and until of each place, and the address of its button."""
    here, who = context(request), principal(request)
    places = {str(each.id): each.name_in(language(request)) for each in await programs.list_locations(here.db, who.business_id)}
    return [{"kind": each.kind, "name": {"location": places.get(each.subject, ""), "poster": each.hint.partition(":")[2]}.get(
                each.kind, each.hint), "since": from_ms(each.paused_at), "until": from_ms(each.until_at),
             "action": f"{MESSAGES}/pauses/{here.ids.encode('pause', each.id)}"}
            for each in await breaker.pauses(here.db, who.business_id, here.clock.now())]


async def go_on(request: Request) -> Response:
    """POST /console/messages/pauses/{pause}"""
    here = context(request)
    await frame.form_of(request)
    await breaker.lift(here.db, principal(request), frame.own_id(request, "pause", "pause"), here.clock.now())
    return frame.to(f"{MESSAGES}?done=on")


async def ask_again(request: Request) -> Response:
    """POST /console/messages/gateways/{gateway}"""
    here = context(request)
    await frame.form_of(request)
    await sms.wake_gateway(here.db, principal(request), request.path_params["gateway"], here.clock.now())
    return frame.to(f"{MESSAGES}?done=again")


async def keep_sender(request: Request) -> Response:
    """POST /console/messages/sender"""
    here, form = context(request), await frame.form_of(request)
    typed = frame.texts(form, "sender")
    try:
        await texts.set_sender(here.db, principal(request), typed["sender"], here.clock.now())
    except errors.Invalid as refused:
        return await _messages(request, typed, wrong=frame.sentences_of(request, refused), status=422)
    return frame.to(f"{MESSAGES}?done=kept")


async def keep_caps(request: Request) -> Response:
    """POST /console/messages/caps"""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    typed = frame.texts(form, *CAPS)
    business = await programs.get_business(here.db, who.business_id)
    try:
        message, day, month = _amounts(typed, business.currency)
        await texts.set_caps(here.db, here.settings, who, message, day, month, here.clock.now())
    except errors.Invalid as refused:
        return await _messages(request, typed, wrong=_wrong_caps(request, refused, business), status=422)
    return frame.to(f"{MESSAGES}?done=kept")


def _amounts(typed: dict[str, str], currency: str) -> list[int | None]:
    """The three caps in minor units, None for an empty field. Raises Invalid with every field that is no amount."""
    found, wrong = list[int | None](), []
    for name in CAPS:
        try:
            found.append(parse_major(typed[name], currency) if typed[name] else None)
        except errors.Invalid as refused:
            wrong += [errors.FieldError(name, each.code, each.detail) for each in refused.fields]
    if wrong:
        raise errors.Invalid(fields=wrong)
    return found


def _wrong_caps(request: Request, refused: errors.Invalid, business: Business) -> dict[str, str]:
    settings = context(request).settings
    most = {"message_cap": settings.sms_message_cap_minor, "day_cap": settings.sms_day_cap_minor, "month_cap": settings.sms_month_cap_minor}
    return {each.field: frame.said(request, each.detail, **({"most": formats.money(most[each.field], business.currency, language(request))}
                                                            if each.detail == texts.ABOVE else {})) for each in refused.fields}


# Who wants none.
async def stopped_page(request: Request) -> Response:
    """GET /console/messages/stopped"""
    return await _stopped(request, done=_done(request))


async def _stopped(request: Request, typed: dict[str, str] | None = None, *, done: str = "", wrong: dict[str, str] | None = None,
                   status: int = 200) -> Response:
    here, who = context(request), principal(request)
    business = await programs.get_business(here.db, who.business_id)
    cursor = request.query_params.get("before", "")
    found = await suppression.suppressions(here.db, who.business_id, limit=SHOWN + 1,
                                           before=here.ids.decode("suppression", cursor) if cursor else None)
    rows = [{"hint": each.hint, "reason": frame.said(request, STOP_REASONS[each.reason]), "at": from_ms(each.created_at),
             "action": f"{STOPPED}/{here.ids.encode('suppression', each.id)}"} for each in found[:SHOWN]]
    last = here.ids.encode("suppression", found[SHOWN - 1].id) if len(found) > SHOWN else ""
    return await frame.page(request, "messages_stopped", {
        "messages_tab": "stopped", "action": STOPPED, "stopped": rows, "values": typed or {"phone": ""},
        "prefix": phones.prefix(business.country), "stop_words": sorted(wording.STOP_WORDS), "start_words": sorted(wording.START_WORDS),
        "next_url": f"{STOPPED}?before={last}" if last else "", "first_url": STOPPED if cursor else ""},
        done=done, wrong=wrong, status=status)


async def stop_number(request: Request) -> Response:
    """POST /console/messages/stopped: somebody asked in the shop."""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    typed = frame.texts(form, "phone")
    business = await programs.get_business(here.db, who.business_id)
    now = here.clock.now()
    try:
        e164 = phones.parse_phone(typed["phone"], business.country, None)
    except errors.Invalid as refused:
        return await _stopped(request, typed, wrong=frame.sentences_of(request, refused), status=422)
    await write_transaction(here.db, lambda tx: suppression.stop(tx, here.ring, who.business_id, e164, "asked", now, who))
    return frame.to(f"{STOPPED}?done=stopped")


async def lift_number(request: Request) -> Response:
    """POST /console/messages/stopped/{suppression}"""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    why, now = frame.texts(form, "why")["why"], here.clock.now()
    listed = frame.own_id(request, "suppression", "suppression")
    if not 0 < len(why) <= LONGEST_WHY or not why.isprintable():
        return await _stopped(request, wrong={"": frame.said(request, NO_WHY)}, status=422)
    await write_transaction(here.db, lambda tx: suppression.lift_one(tx, who, listed, why, now))
    return frame.to(f"{STOPPED}?done=lifted")


routes = [
    routing.route(MESSAGES, messages_page, who=frame.MANAGER_READ, name="console:messages"),
    routing.route(MESSAGES + "/pauses/{pause}", go_on, who=frame.MANAGER, name="console:go_on", methods=["POST"]),
    routing.route(MESSAGES + "/gateways/{gateway}", ask_again, who=frame.OWNER, name="console:ask_gateway", methods=["POST"]),
    routing.route(MESSAGES + "/sender", keep_sender, who=frame.OWNER, name="console:keep_sender", methods=["POST"]),
    routing.route(MESSAGES + "/caps", keep_caps, who=frame.OWNER, name="console:keep_caps", methods=["POST"]),
    routing.route(STOPPED, stopped_page, who=frame.MANAGER_READ, name="console:stopped"),
    routing.route(STOPPED, stop_number, who=frame.MANAGER, name="console:stop_number", methods=["POST"]),
    routing.route(STOPPED + "/{suppression}", lift_number, who=frame.MANAGER, name="console:lift_number", methods=["POST"]),
]
