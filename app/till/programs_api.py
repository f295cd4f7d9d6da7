"""Programmes through the API: kinds, opening, rules with their versions, trying rules out, closing."""
from collections.abc import Mapping
from datetime import UTC
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.benefits import promo, rewards
from app.benefits.opening import open_program
from app.cards import rotation
from app.coalition import service as coalition
from app.errors import FieldError, Invalid, NotFound, Refused
from app.passes import service as passes
from app.programs import rules as program_rules
from app.programs import service as programs
from app.programs.kinds import KINDS, get_kind
from app.programs.rules import ProgramRules
from app.programs.store import Program
from app.sales import case, closing, judging
from app.sales.judgement import Line, Receipt, UsedReward
from app.segments import known
from app.segments import service as segments
from app.simulator import service as simulator
from app.standing.rules import Standing
from app.text import N_
from app.till import asking, program_answers, program_shapes, shapes
from app.till.calls import KEY, PAGE, Call
from app.web.i18n import translate
from app.web.principal import Principal
from app.web.requests import context, language, principal, wanted_page
from app.web.routing import key

WISH_FIELDS = {"average": "average", "receipts": "receipts", "members": "members_bp", "redeemed": "redeemed_bp", "margin": "margin_bp"}
NO_KIND = N_("There is no such kind of programme.")


async def program_of(request: Request, *, is_read: bool = False) -> Program:
    """The programme of the address; one that is only read may be a coalition's that the business takes part in. Raises NotFound."""
    here, who, program_id = context(request), principal(request), asking.id_in_path(request, "program")
    try:
        return await programs.get_program(here.db, who.business_id, program_id)
    except NotFound:
        if is_read:
            for program in await coalition.programs_for(here.db, who.business_id):
                if program.id == program_id:
                    return program
        raise


async def list_kinds(request: Request) -> Response:
    """GET /programs/kinds"""
    here, who = context(request), principal(request)
    currency = (await programs.get_business(here.db, who.business_id)).currency
    found, cursor = asking.paged(request, tuple(KINDS.values()), lambda one: one.key)
    return asking.answered(program_shapes.KindList([program_answers.kind(here, one, currency, language(request)) for one in found], cursor))


async def list_programs(request: Request) -> Response:
    """GET /programs: the business's own, and after them those of its coalitions."""
    here, who, limit = context(request), principal(request), wanted_page(request)["limit"]
    after = asking.after(request, "program")
    found = await programs.list_programs(here.db, who.business_id, after=after, limit=limit + 1)
    cursor = here.ids.encode("program", found[limit - 1].id) if len(found) > limit else None
    shared = [] if cursor else await coalition.programs_for(here.db, who.business_id)
    return asking.answered(program_shapes.ProgramList([await _drawn(request, one) for one in [*found[:limit], *shared]], cursor))


async def get_program(request: Request) -> Response:
    return asking.answered(await _drawn(request, await program_of(request, is_read=True)))


async def _drawn(request: Request, program: Program) -> program_shapes.Program:
    here = context(request)
    business = await programs.get_business(here.db, program.business_id)
    names, called = await passes.reward_names(here.db, program), await known.places(here.db, program, program.rules)
    return program_answers.program(here, program, business.slug, language(request), names, called)


async def open_one(request: Request) -> Response:
    """POST /programs"""
    here, who, asked = context(request), principal(request), await asking.asked(request, program_shapes.ProgramBody)
    body, business = asked.body, await programs.get_business(here.db, who.business_id)
    try:
        kind = get_kind(body.kind)
    except Invalid as failure:
        raise Invalid(fields=[FieldError("kind", "unknown", NO_KIND)]) from failure
    rules = kind.rules(business.currency)
    if body.rules is not None:
        rules = await _checked(request, who, body.rules, {"known_rewards": {each.key for each in kind.rewards}, "known_batches": ()})

    async def act() -> dict[str, Any]:
        program_id = await open_program(here.db, who, business, kind, body.name, body.slug, rules, here.clock.now())
        return {"program": program_id}

    kept = await asking.once(request, asked, act)
    program = await programs.get_program(here.db, who.business_id, kept["program"])
    return asking.answered(await _drawn(request, program), 201, asked.key)


async def _checked(request: Request, who: Principal, asked: program_shapes.Rules, there: dict[str, Any]) -> ProgramRules:
    """The rules that a shop could mean. Raises Invalid by paths of the body."""
    here = context(request)
    program_answers.check_numbers(msgspec.to_builtins(asked), "rules")
    try:
        rules = program_answers.rules_in(here, asked)
        places = {one.id for one in await programs.list_locations(here.db, who.business_id)} if _places(rules) else set()
        for number, at, row_id in _places(rules):
            if row_id not in places:
                raise Invalid(fields=[FieldError(f"rules.{number}.when.locations.{at}", "unknown", program_answers.UNKNOWN)])
        groups = {each.key for each in await segments.list_segments(here.db, who.business_id)}
        program_rules.validate(rules, **there, known_segments=groups)
    except Invalid as failure:
        raise program_answers.in_body(failure, "rules") from failure
    return rules


def _places(rules: ProgramRules) -> list[tuple[int, int, int]]:
    """(number of the rule, number of the place in it, the location's row)"""
    return [(number, at, row_id) for number, rule in enumerate(rules.rules) for at, row_id in enumerate(rule.when.locations)]


async def _known(request: Request, program: Program) -> dict[str, Any]:
    """What the programme's rules may name."""
    db, business_id = context(request).db, program.business_id
    return {"known_rewards": {each.key for each in await rewards.list_rewards(db, business_id, program.id)},
            "known_batches": {each.key for each in await promo.list_batches(db, business_id, program.id)}}


async def list_versions(request: Request) -> Response:
    """GET /programs/{id}/rules: newest first, announced ones included."""
    here, program, page = context(request), await program_of(request, is_read=True), wanted_page(request)
    found = await programs.list_rules_versions(here.db, program.business_id, program.id)
    if cursor := page["cursor"]:
        if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10):
            raise asking.wrong_cursor()
        found = [each for each in found if each["version"] < int(cursor)]
    shown, names = found[:page["limit"]], await passes.reward_names(here.db, program)
    items = [program_answers.version(here, each, program.currency, language(request), names) for each in shown]
    following = str(shown[-1]["version"]) if len(found) > len(shown) else None
    return asking.answered(program_shapes.RulesVersionList(items, following))


async def set_rules(request: Request) -> Response:
    """PUT /programs/{id}/rules: the same rules again make no new version."""
    here, who, program = context(request), principal(request), await program_of(request)
    body: program_shapes.RulesBody = (await asking.asked(request, program_shapes.RulesBody)).body
    rules, now = await _checked(request, who, body.rules, await _known(request, program)), here.clock.now()
    number = program.rules_version
    if rules != program.rules or body.starts_at is not None:
        number = await programs.change_rules(here.db, who, program.id, rules, now, starts_at=body.starts_at)
    found = await programs.list_rules_versions(here.db, who.business_id, program.id)
    made = next(each for each in found if each["version"] == number)
    names = await passes.reward_names(here.db, program)
    return asking.answered(program_answers.version(here, made, program.currency, language(request), names))


async def check_rules(request: Request) -> Response:
    """POST /programs/{id}/rules/check: said back and tried, and not kept."""
    here, who, program = context(request), principal(request), await program_of(request)
    body: program_shapes.CheckBody = (await asking.asked(request, program_shapes.CheckBody)).body
    rules = await _checked(request, who, body.rules, await _known(request, program))
    names = await passes.reward_names(here.db, program)
    called = await known.places(here.db, program, rules)
    said = program_shapes.Sentences(*[program_rules.explain(rules, program.currency, each, names, called) for each in ("en", "ru")])
    made = None if body.simulate is None else await _simulated(request, program, rules, body.simulate)
    tried = None if body.receipt is None else _tried(
        request, program, rules, body.receipt, await case.catalogue_of(context(request).db, program, rules))
    return asking.answered(program_shapes.Checked(said, made, tried))


async def _simulated(request: Request, program: Program, rules: ProgramRules, asked: program_shapes.Simulate) -> program_shapes.Simulation:
    here = context(request)
    wish = simulator.Wish(asked.source, asked.average, asked.receipts, asked.members_bp, asked.redeemed_bp, asked.margin_bp)
    try:
        return program_answers.simulation(await simulator.simulate(here.db, program.business_id, program, rules, wish, here.clock.now()))
    except Invalid as failure:
        failure.fields = tuple(FieldError(f"simulate.{WISH_FIELDS[wrong.field]}", wrong.code, wrong.detail) for wrong in failure.fields)
        raise


def _tried(request: Request, program: Program, rules: ProgramRules, asked: program_shapes.TryReceipt,
           catalogue: Mapping[str, UsedReward] | None) -> program_shapes.Tried:
    here, zone = context(request), program.time_zone
    at = (asked.at or here.clock.now()).astimezone(UTC)
    place = None if asked.location is None else asking.id_of(request, "location", asked.location)
    lines = tuple(Line(line.amount, line.quantity, line.sku, line.name, line.category) for line in asked.lines)
    receipt = Receipt(asked.amount, at, zone, zone, lines, place, asked.channel, tuple(asked.tenders), asked.promo,
                      catalogue=catalogue)
    standing = Standing(spendable=asked.held, level=asked.level, is_member=asked.member, is_first=asked.first_purchase)
    try:
        judged = judging.judge(rules, receipt, standing, asked.redeem)
    except Invalid as failure:
        raise asking.within("receipt", failure) from failure
    except Refused as failure:
        return program_shapes.Tried(0, 0, asked.amount, {}, [], [], translate(language(request), failure.detail, **failure.params))
    gains: dict[str, int] = {}
    for gain in judged.gains:
        gains[gain.unit] = gains.get(gain.unit, 0) + gain.amount
    return program_shapes.Tried(judged.discount, judged.points, judged.to_pay, gains, [one.reward for one in judged.given],
                                [one.rule for one in judged.applied], None)


async def announce_closing(request: Request) -> Response:
    """POST /programs/{id}/closing: announced, or announced anew; the same again changes nothing."""
    here, who, program = context(request), principal(request), await program_of(request)
    asked = await asking.asked(request, program_shapes.ClosingBody)
    body: program_shapes.ClosingBody = asked.body

    async def act() -> dict[str, Any]:
        await closing.announce(here.db, who, program.id, body.earns_until, body.spends_until, here.clock.now())
        return {}

    await asking.once(request, asked, act)
    return await _closing(request, program, asked)


async def call_off_closing(request: Request) -> Response:
    """POST /programs/{id}/closing/call-off"""
    here, who, program = context(request), principal(request), await program_of(request)
    asked = await asking.asked(request, shapes.Nothing)

    async def act() -> dict[str, Any]:
        await closing.call_off(here.db, who, program.id, here.clock.now())
        return {}

    await asking.once(request, asked, act)
    return await _closing(request, program, asked)


async def _closing(request: Request, program: Program, asked: asking.Asked) -> Response:
    here = context(request)
    return asking.answered(await _drawn(request, await programs.get_program(here.db, program.business_id, program.id)), 200, asked.key)


async def set_rotation(request: Request) -> Response:
    """PUT /programs/{id}/rotation: the same again tells no card anything."""
    here, who, program = context(request), principal(request), await program_of(request)
    body: program_shapes.RotationBody = (await asking.asked(request, program_shapes.RotationBody)).body
    try:
        await rotation.choose(here.db, who, program.id, body.seconds, body.static_redeems, here.clock.now())
    except Invalid as failure:
        raise Invalid(fields=[FieldError("seconds", each.code, each.detail) for each in failure.fields]) from failure
    return asking.answered(await _drawn(request, await programs.get_program(here.db, program.business_id, program.id)))


_READ, _ADMIN = key("cards:read"), key("admin")


def _one(method: str, below: str, name: str, endpoint: object, summary: str, answer: type[msgspec.Struct],
         body: type[msgspec.Struct] | None = None, **more: Any) -> Call:
    who = _READ if method == "GET" else _ADMIN
    return Call(method, f"/programs/{{id}}{below}", f"api:{name}", endpoint, who, "Programmes", summary, answer,  # type: ignore[arg-type]
                body=body, kind="program", **more)


CALLS = (
    Call("GET", "/programs/kinds", "api:list_kinds", list_kinds, _READ, "Programmes", "Ready-made kinds of programmes, to begin with",
         program_shapes.KindList, query=PAGE),
    Call("GET", "/programs", "api:list_programs", list_programs, _READ, "Programmes",
         "The programmes and their rules, those of its coalitions last", program_shapes.ProgramList, query=PAGE),
    Call("POST", "/programs", "api:open_program", open_one, _ADMIN, "Programmes", "A new programme of a kind, with its rewards and design",
         program_shapes.Program, 201, program_shapes.ProgramBody, KEY, refusals=("slug_taken",)),
    _one("GET", "", "get_program", get_program, "A programme", program_shapes.Program),
    _one("GET", "/rules", "list_rules", list_versions, "The versions of its rules, newest first", program_shapes.RulesVersionList,
         query=PAGE),
    _one("PUT", "/rules", "set_rules", set_rules, "New rules, from now or from a moment on", program_shapes.RulesVersion,
         program_shapes.RulesBody),
    _one("POST", "/rules/check", "check_rules", check_rules, "Rules said back, simulated, tried with a receipt; keeps nothing",
         program_shapes.Checked, program_shapes.CheckBody),
    _one("PUT", "/rotation", "set_rotation", set_rotation, "Whether codes change with the time, and whether still ones may spend",
         program_shapes.Program, program_shapes.RotationBody),
    _one("POST", "/closing", "announce_closing", announce_closing, "The programme ends: when earning stops, and when everything does",
         program_shapes.Program, program_shapes.ClosingBody, key=KEY, refusals=("closing_begun", "program_closed")),
    _one("POST", "/closing/call-off", "call_off_closing", call_off_closing, "It goes on, as long as earning has not stopped",
         program_shapes.Program, shapes.Nothing, key=KEY, refusals=("closing_begun", "program_closed")),
)
