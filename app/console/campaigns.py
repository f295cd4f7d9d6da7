"""Campaigns: whom to invite, how fast, how many to leave out; what went out, and what it brought beside those who were left out."""
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.campaigns import rules, service
from app.campaigns.rules import Campaign, Outcome, Wish
from app.clock import from_ms
from app.console import frame
from app.imports import service as imports
from app.mail import service as mail
from app.programs import service as programs
from app.programs import words as program_words
from app.segments import service as segments
from app.text import N_
from app.web import routing
from app.web.requests import context, language, principal

CAMPAIGNS = "/console/campaigns"
FIELDS = ("name", "audience", "program", "tag", "way", "held_out", "per_hour", "statement")
EMPTY = dict.fromkeys(FIELDS, "") | {"way": "sms", "held_out": "10", "per_hour": "200"}
STATES = {"gathering": N_("gathers its people"), "ready": N_("waits for you"), "running": N_("is sending"), "paused": N_("paused"),
          "stopped": N_("stopped"), "done": N_("all sent")}
STONES = {"gathering": "waiting", "ready": "waiting", "running": "active", "paused": "blocked", "stopped": "over", "done": "active"}
WHY = {"budget": N_("The limit for messages is spent for now. It goes on by itself."),
       "links": N_("Too few of the links were opened, so it was paused. Look at the text and at the list before you go on."),
       "mail": N_("This server sends no mail. Ask whoever runs it to set TESSERA_SMTP."),
       "program": N_("This programme is closing and takes nobody new.")}
PEOPLE = {
    "waiting": N_("To be invited"), "sent": N_("Invited"), "held_out": N_("Held out to compare"), "suppressed": N_("Want no messages"),
    "failed": N_("Could not be reached"), "not_allowed": N_("Did not agree to messages"),
    "no_contact": N_("Without number or address"), "member": N_("Have a card already")}


async def campaigns_page(request: Request) -> Response:
    """GET /console/campaigns; ?import= names the list that the form begins with."""
    asked = request.query_params.get("import", "")
    return await _campaigns(request, EMPTY | {"audience": f"list:{asked}"} if asked else EMPTY)


async def _campaigns(request: Request, typed: Mapping[str, str], *, wrong: Mapping[str, str] | None = None, status: int = 200) -> Response:
    here, who, said = context(request), principal(request), language(request)
    known = {each.id: each for each in await programs.list_programs(here.db, who.business_id)}
    lists = [each for each in await imports.newest(here.db, who.business_id) if each.state == "done"]
    groups = await segments.list_segments(here.db, who.business_id)
    return await frame.page(request, "campaigns", {
        "campaigns": [_line(request, each) for each in await service.newest(here.db, who.business_id)],
        "action": CAMPAIGNS, "values": typed, "has_audience": bool(lists or groups), "import_url": "/console/imports",
        "audiences": [*((f"list:{here.ids.encode('import', each.id)}", frame.said(request, N_("list %(name)s"), name=each.name))
                        for each in lists),
                      *((f"group:{each.key}", frame.said(request, N_("group %(name)s"), name=each.name)) for each in groups)],
        "programs": [(here.ids.encode("program", each.id), each.name_in(said)) for each in known.values() if each.closed_at is None],
        "ways": [("sms", "SMS"), ("mail", frame.said(request, N_("mail")))], "sends_mail": mail.is_set_up(here.settings)},
        wrong=wrong, status=status)


def _line(request: Request, campaign: Campaign) -> dict[str, Any]:
    return {"name": campaign.name, "url": _address(request, campaign), "state": frame.said(request, STATES[campaign.state]),
            "stone": STONES[campaign.state], "at": from_ms(campaign.created_at)}


def _address(request: Request, campaign: Campaign) -> str:
    return f"{CAMPAIGNS}/{context(request).ids.encode('campaign', campaign.id)}"


async def make(request: Request) -> Response:
    """POST /console/campaigns"""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    typed = frame.texts(form, *FIELDS)
    try:
        campaign_id = await service.create(here.db, who, await _wish(request, typed), here.clock.now())
    except errors.Invalid as refused:
        return await _campaigns(request, typed, wrong=frame.sentences_of(request, refused), status=frame.status_for(refused))
    return frame.to(f"{CAMPAIGNS}/{here.ids.encode('campaign', campaign_id)}")


async def _wish(request: Request, typed: Mapping[str, str]) -> Wish:
    """Raises NotFound for a programme that is not there. A list's programme is its own."""
    here, who = context(request), principal(request)
    kind, _, key = typed["audience"].partition(":")
    import_id = (here.ids.decode("import", key) or 0) if kind == "list" else None
    if import_id:
        program_id = (await imports.get(here.db, who.business_id, import_id)).program_id
    else:
        program_id = here.ids.decode("program", typed["program"]) or 0
    return Wish(program_id, typed["name"], import_id, key if kind == "group" else None, typed["tag"], typed["way"],
                _whole(typed["held_out"]) * 100, _whole(typed["per_hour"]), typed["statement"])


def _whole(text: str) -> int:
    """-1 for what is no number, which no field takes."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else -1


# One of them.
async def campaign_page(request: Request) -> Response:
    """GET /console/campaigns/{campaign}"""
    return await _campaign(request, await _found(request))


async def _found(request: Request) -> Campaign:
    return await service.get(context(request).db, principal(request).business_id, frame.own_id(request, "campaign", "campaign"))


async def _campaign(request: Request, campaign: Campaign, *, wrong: Mapping[str, str] | None = None, status: int = 200) -> Response:
    here, address, said = context(request), _address(request, campaign), language(request)
    program = await programs.get_program(here.db, campaign.business_id, campaign.program_id)
    counts, deliveries = await service.count(here.db, campaign), await service.deliveries(here.db, campaign)
    async with here.db.transaction(readonly=True) as tx:
        found = await service.report(tx, campaign)
    groups = [] if found is None else [
        _group(request, N_("Invited"), found.invited, program.currency), _group(request, N_("Held out"), found.held_out, program.currency)]
    price = counts["waiting"] * here.settings.sms_price_minor if campaign.way == "sms" else 0
    return await frame.page(request, "campaign", {
        "campaign": _line(request, campaign) | {
            "way": campaign.way, "per_hour": campaign.per_hour, "statement": campaign.statement, "tag": campaign.tag,
            "held_out": campaign.held_out_bp // 100, "why": frame.said(request, WHY[campaign.why]) if campaign.why in WHY else "",
            "rests_until": from_ms(campaign.rests_until) if campaign.rests_until else None, "program": program.name_in(said)},
        "people": [(frame.said(request, words), counts[state]) for state, words in PEOPLE.items()
                   if counts[state] or state in ("waiting", "sent")],
        "total": counts["people"], "deliveries": deliveries, "groups": groups,
        "costs": program_words.money(price, program.currency, said) if price else "",
        "can_start": campaign.state in ("ready", "paused"), "can_pause": campaign.state == "running",
        "can_stop": campaign.state in rules.OPEN, "is_paused": campaign.state == "paused",
        "start_action": f"{address}/start", "pause_action": f"{address}/pause", "stop_action": f"{address}/stop", "list_url": CAMPAIGNS},
        wrong=wrong, status=status)


def _group(request: Request, name: str, found: Outcome, currency: str) -> dict[str, Any]:
    """Counts, and what a hundred of the group did, so that groups of two sizes can be compared; rounded down."""
    people = max(found.people, 1)
    return {"name": frame.said(request, name), "people": found.people, "activated": found.activated, "visitors": found.visitors,
            "visits": found.visits, "money": program_words.money(found.money_minor, currency, language(request)),
            "share": found.visitors * 100 // people, "activated_share": found.activated * 100 // people,
            "each": program_words.money(found.money_minor // people, currency, language(request))}


async def start(request: Request) -> Response:
    """POST /console/campaigns/{campaign}/start: send, or go on."""
    return await _move(request, service.start)


async def pause(request: Request) -> Response:
    """POST /console/campaigns/{campaign}/pause"""
    return await _move(request, service.pause)


async def stop(request: Request) -> Response:
    """POST /console/campaigns/{campaign}/stop"""
    return await _move(request, service.stop)


async def _move(request: Request, act: Any) -> Response:
    here, campaign = context(request), await _found(request)
    await frame.form_of(request)
    try:
        await act(here.db, principal(request), campaign.id, here.clock.now())
    except errors.Refused as refused:
        return await _campaign(request, await _found(request), wrong=frame.sentences_of(request, refused), status=frame.status_for(refused))
    return frame.to(_address(request, campaign))


routes = [
    routing.route(CAMPAIGNS, campaigns_page, who=frame.MARKET_READ, name="console:campaigns"),
    routing.route(CAMPAIGNS, make, who=frame.MARKET, name="console:make_campaign", methods=["POST"]),
    routing.route(CAMPAIGNS + "/{campaign}", campaign_page, who=frame.MARKET_READ, name="console:campaign"),
    routing.route(CAMPAIGNS + "/{campaign}/start", start, who=frame.MARKET, name="console:start_campaign", methods=["POST"]),
    routing.route(CAMPAIGNS + "/{campaign}/pause", pause, who=frame.MARKET, name="console:pause_campaign", methods=["POST"]),
    routing.route(CAMPAIGNS + "/{campaign}/stop", stop, who=frame.MARKET, name="console:stop_campaign", methods=["POST"]),
]
