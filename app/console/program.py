"""One programme: its few numbers beside the sentences that they make, its rules in order, what was changed when."""
from datetime import date, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from app.clock import from_ms, local_day, midnight_after, to_ms
from app.console import frame, program_frame, program_numbers
from app.console.program_calendar import calendar_of
from app.console.program_fields import Typed, Values, values_of
from app.console.program_frame import PROGRAMS, program_of
from app.errors import FieldError, Invalid
from app.programs import service as programs
from app.programs.explain import has_balance
from app.programs.explain_parts import Names
from app.programs.rules import ProgramRules
from app.programs.store import Program
from app.text import N_
from app.web import routing
from app.web.forms import text_field
from app.web.requests import context, language, principal

DONE = {"rules": N_("These rules hold from now on."), "called_off": N_("The announced change will not come."),
        "announced": N_("The change is announced. It holds from the day that you chose."),
        "rule": N_("The rule is kept."), "gone": N_("The rule is deleted."), "same": N_("Nothing was changed."),
        "new": N_("The programme is open. Look at its numbers, then hang its poster."), "paused": N_("The rule is paused."),
        "resumed": N_("The rule holds again.")}
SHOWN_VERSIONS = 20
IDLE = ("earning", "spending", "life")
ANNOUNCED_MOST = 728     # days; the service counts two years from this minute


async def old_page(request: Request) -> Response:
    """GET /console/program: where the only programme used to be."""
    return RedirectResponse(program_frame.address(request, await program_of(request)), 303)


async def program_page(request: Request) -> Response:
    """GET /console/programs/{program}"""
    program = await program_of(request)
    word = DONE.get(request.query_params.get("done", ""))
    return await show(request, program, program.rules, done=frame.said(request, word) if word else "")


async def show(request: Request, program: Program, rules: ProgramRules, values: Values | None = None, *, done: str = "",
               wrong: dict[str, str] | None = None) -> Response:
    """The page with `rules`' groups and, where something was typed, what was typed."""
    here, said = context(request), language(request)
    names = await program_frame.names_of(request, program, said)
    versions = await _versions(request, program, names)
    return await program_frame.page(request, program, "numbers", {
        **boxes(rules), "values": values or program_numbers.typed_of(rules, program.currency),
        "sentences": program_frame.sentences(rules, names),
        "rewards": [(key, name.in_(said)) for key, name in names.rewards.items()],
        "rows": _rule_rows(request, program, names), "today": local_day(here.clock.now(), program.time_zone),
        "calendar": calendar_of(program.rules.rules, local_day(here.clock.now(), program.time_zone), said),
        "versions": versions}, done=done, wrong=wrong, status=422 if wrong else 200)


def boxes(rules: ProgramRules) -> dict[str, Any]:
    """The form's groups for a template. Where cards hold no balance, what concerns one stands behind "More numbers"."""
    shown, idle = program_numbers.shown_groups(rules), () if has_balance(rules) else IDLE
    first = [each for each in shown if not each.group.is_more and not _is_part(each) and each.group.key not in idle]
    return {"groups": first, "parts": [each for each in shown if _is_part(each)], "is_part_first": bool(idle),
            "more": [each for each in shown if each.group.is_more or each.group.key in idle],
            "parts_left": program_numbers.parts_left(rules),
            "kind_of": lambda box: program_numbers.kind_of(box, program_numbers.counting_of(rules))}


def _is_part(shown: program_numbers.Shown) -> bool:
    return shown.group in program_numbers.PARTS


def _rule_rows(request: Request, program: Program, names: Names) -> list[dict[str, Any]]:
    """The rules as they are judged: higher priority first, then by key."""
    said = language(request)
    ordered = sorted(program.rules.rules, key=lambda rule: (-rule.priority, rule.key))
    return [{"key": rule.key, "name": rule.name.in_(said), "priority": rule.priority, "exclusive": rule.exclusive, "paused": rule.paused,
             "sentence": program_frame.rule_sentence(rule, program.rules, names),
             "starts": date.fromisoformat(rule.starts_on) if rule.starts_on else None,
             "ends": date.fromisoformat(rule.ends_on) if rule.ends_on else None,
             "url": program_frame.address(request, program, "rules", rule.key)} for rule in ordered]


async def _versions(request: Request, program: Program, names: Names) -> list[dict[str, Any]]:
    """Newest first: when, by whom, and which sentences went and came."""
    here = context(request)
    found = await programs.list_rules_versions(here.db, program.business_id, program.id)
    said_of = [program_frame.sentences(each["rules"], names) for each in found[:SHOWN_VERSIONS + 1]]
    return [{"number": each["version"], "at": from_ms(each["created_at"]), "who": each["created_by"],
             "starts": program_frame.moment(each.get("starts_at")), "is_coming": (each.get("starts_at") or 0) > to_ms(here.clock.now()),
             "changes": program_frame.changes(said_of[at + 1], said_of[at]) if at + 1 < len(said_of) else [],
             "is_first": at + 1 == len(found)} for at, each in enumerate(found[:SHOWN_VERSIONS])]


async def keep(request: Request) -> Response:
    """POST /console/programs/{program}: the numbers, from now on or from a day on; or a part more or less in the form."""
    form, program = await frame.form_of(request, program_frame.MOST_FIELDS), await program_of(request)
    values = values_of(form)
    before = with_parts(program.rules, values, program.currency)
    if step := Typed(values, program.currency).text("step"):
        return await _stepped(request, program, before, values, step)
    try:
        starts_at = await starts_of(request, program, values)
        made = await meant(request, program, values)
    except Invalid as refused:
        return await show(request, program, before, values, wrong=program_frame.kept(values, refused, request))
    return await change(request, program, made, starts_at)


async def meant(request: Request, program: Program, values: Values) -> ProgramRules:
    """The rules that the form means. Raises Invalid by its boxes."""
    before = with_parts(program.rules, values, program.currency)
    made = program_numbers.rules_of(values, before, program.currency)
    return program_numbers.checked(made, set(values), await program_frame.known(request, program))


def with_parts(rules: ProgramRules, values: Values, currency: str) -> ProgramRules:
    """The rules with exactly the parts that the form shows, new ones as they begin."""
    shown = Typed(values, currency).several("parts")
    for group in program_numbers.PARTS:
        if group.key in shown:
            rules = program_numbers.with_part(rules, group.key, currency)
        else:
            rules = program_numbers.without_part(rules, group.key)
    return rules


async def _stepped(request: Request, program: Program, before: ProgramRules, values: Values, step: str) -> Response:
    """The form once more, with a part added ("add:levels") or taken away ("drop:levels"); nothing is kept yet."""
    act, _, part = step.partition(":")
    part = part or Typed(values, program.currency).text("part")
    rules = program_numbers.with_part(before, part, program.currency) if act == "add" else program_numbers.without_part(before, part)
    fresh = program_numbers.typed_of(rules, program.currency)
    typed = {name: value for name, value in values.items() if name in fresh}
    return await show(request, program, rules, {**fresh, **typed, "parts": fresh["parts"]})


async def starts_of(request: Request, program: Program, values: Values) -> datetime | None:
    """From when on a change shall hold: None for now. Raises Invalid for a day that is over."""
    typed = Typed(values, program.currency)
    if typed.text("from") != "day":
        return None
    day = typed.day("from_day")
    if day is None and not typed.wrong:
        typed.refuse("from_day", "day", N_("Choose the day from which the change holds."))
    typed.done()
    assert day is not None
    chosen, today = date.fromisoformat(day), local_day(context(request).clock.now(), program.time_zone)
    if chosen <= today:
        raise Invalid(fields=[FieldError("from_day", "past", N_("Choose a day after today, or let the change hold from now on."))])
    if chosen.toordinal() - today.toordinal() > ANNOUNCED_MOST:
        raise Invalid(fields=[FieldError("from_day", "out_of_range", N_("Announce rules for a day within the next two years."))])
    return midnight_after(date.fromordinal(chosen.toordinal() - 1), program.time_zone)


async def change(request: Request, program: Program, rules: ProgramRules, starts_at: datetime | None, word: str = "") -> Response:
    """A new version, and back to the programme; passes tell the new rules."""
    here, who = context(request), principal(request)
    if rules == program.rules:
        return frame.to(program_frame.address(request, program) + "?done=same")
    if starts_at is None:
        await programs.change_rules(here.db, who, program.id, rules, here.clock.now())
        return frame.to(program_frame.address(request, program) + f"?done={word or 'rules'}")
    await programs.change_rules(here.db, who, program.id, rules, here.clock.now(), starts_at=starts_at)
    return frame.to(program_frame.address(request, program) + "?done=announced")


async def call_off(request: Request) -> Response:
    """POST /console/programs/{program}/call-off: an announced version will not hold after all."""
    here, program, form = context(request), await program_of(request), await frame.form_of(request)
    text = text_field(form, "version", 10)
    version = int(text) if text.isascii() and text.isdigit() else 0
    await programs.call_off_rules(here.db, principal(request), program.id, version, here.clock.now())
    return frame.to(program_frame.address(request, program) + "?done=called_off")


async def preview(request: Request) -> Response:
    """POST /console/programs/{program}/preview: the sentences of the form as it stands; keeps nothing."""
    form, program = await frame.form_of(request, program_frame.MOST_FIELDS), await program_of(request)
    values, names = values_of(form), await program_frame.names_of(request, program, language(request))
    try:
        made = await meant(request, program, values)
    except Invalid as refused:
        return JSONResponse({"errors": frame.sentences_of(request, refused)}, 422)
    return JSONResponse({"sentences": program_frame.sentences(made, names)})


routes = [
    routing.route("/console/program", old_page, who=frame.PROGRAM_READ, name="console:old_program"),
    routing.route(PROGRAMS + "/{program}", program_page, who=frame.PROGRAM_READ, name="console:program"),
    routing.route(PROGRAMS + "/{program}", keep, who=frame.PROGRAM, name="console:keep_program", methods=["POST"]),
    routing.route(PROGRAMS + "/{program}/call-off", call_off, who=frame.PROGRAM, name="console:call_off_rules", methods=["POST"]),
    routing.route(PROGRAMS + "/{program}/preview", preview, who=frame.PROGRAM, name="console:preview_program", methods=["POST"]),
]
