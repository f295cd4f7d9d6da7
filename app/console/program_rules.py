"""The rule editor: a rule as a sentence whose conditions and effect are chosen, each with its own fields; works without scripts."""
import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.console import frame, program_frame
from app.console import program_rule_form as rule_form
from app.console.founding import slug_of
from app.console.program import change, starts_of
from app.console.program_fields import Typed, Values, values_of
from app.console.program_frame import PROGRAMS, program_of
from app.errors import Invalid, NotFound
from app.programs import rules as program_rules
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.programs.store import Program
from app.programs.terms import Rule, Said
from app.web import routing
from app.web.requests import context, language

NEW = "new"
DAYS = tuple(enumerate(rule_form.WEEKDAYS, 1))


async def rule_page(request: Request) -> Response:
    """GET /console/programs/{program}/rules/{rule}; rule "new" for a blank one."""
    here, program = context(request), await program_of(request)
    rule = rule_named(request, program)
    values = rule_form.blank() if rule is None else rule_form.typed_of(
        rule, program.rules, program.currency, lambda row: here.ids.encode("location", row))
    return await _show(request, program, rule, values)


def rule_named(request: Request, program: Program) -> Rule | None:
    """The rule that the address names; None for a new one. Raises NotFound."""
    key = request.path_params["rule"]
    if key == NEW:
        return None
    for rule in program.rules.rules:
        if rule.key == key:
            return rule
    raise NotFound()


async def _show(request: Request, program: Program, rule: Rule | None, values: Values, *, wrong: dict[str, str] | None = None,
                focus: str = "") -> Response:
    here, said = context(request), language(request)
    names = await program_frame.names_of(request, program, said)
    try:
        _, made = await meant(request, program, rule, values)
        sentence = program_frame.rule_sentence(made, program.rules, names)
    except Invalid:
        sentence = program_frame.rule_sentence(rule, program.rules, names) if rule else ""
    chosen = Typed(values, program.currency).several("conditions")
    places = await programs.list_locations(here.db, program.business_id)
    return await program_frame.page(request, program, "rule", {
        "rule": {"key": rule.key, "name": rule.name.in_(said), "paused": rule.paused} if rule else None, "values": values, "focus": focus,
        "action": program_frame.address(request, program, "rules", rule.key if rule else NEW), "sentence": sentence, "conditions": chosen,
        "conditions_left": [(name, frame.said(request, word)) for name, word in rule_form.CONDITION_WORDS.items() if name not in chosen],
        "condition_words": rule_form.CONDITION_WORDS, "effects": _said(request, rule_form.EFFECT_WORDS),
        "units": _said(request, rule_form.UNIT_WORDS), "days": DAYS, "channels": _said(request, rule_form.CHANNELS),
        "events": _said(request, rule_form.EVENT_WORDS),
        "places": [(here.ids.encode("location", each.id), each.name_in(said)) for each in places],
        "levels": [(each.key, each.name.in_(said)) for each in program.rules.levels.levels] if program.rules.levels else [],
        "segments": await program_frame.segments_of(request), "batches": await program_frame.batches_of(request, program),
        "rewards": [(key, name.in_(said)) for key, name in names.rewards.items()], "cap_money": _cap_money(values, program.rules)},
        wrong=wrong, status=422 if wrong else 200)


def _said(request: Request, words: dict[str, str]) -> list[tuple[str, str]]:
    return [(key, frame.said(request, word)) for key, word in words.items()]


def _cap_money(values: Values, rules: ProgramRules) -> bool:
    typed = Typed(values, "RUB")
    return rule_form.counts_money(typed.text("effect"), typed.text("unit") if typed.text("effect") == "earn" else rules.unit)


async def meant(request: Request, program: Program, rule: Rule | None, values: Values) -> tuple[ProgramRules, Rule]:
    """The programme's rules with the typed one among them, and that one. Raises Invalid by the form's names."""
    here = context(request)
    places = await programs.list_locations(here.db, program.business_id)
    row_ids = {here.ids.encode("location", each.id): each.id for each in places}
    key = rule.key if rule else free_key(program.rules, Typed(values, program.currency).text("name_en") or str(values.get("name_ru", "")))
    made = rule_form.rule_of(values, key, program.rules, program.currency, row_ids)
    rules = with_rule(program.rules, made)
    at = [each.key for each in rules.rules].index(key)
    try:
        program_rules.validate(rules, **await program_frame.known(request, program))
    except Invalid as refused:
        raise rule_form.form_names(refused, at) from refused
    return rules, made


def with_rule(rules: ProgramRules, rule: Rule) -> ProgramRules:
    """With `rule` in the place of the one with its key, else at the end."""
    if rule.key in [each.key for each in rules.rules]:
        return msgspec.structs.replace(rules, rules=tuple(rule if each.key == rule.key else each for each in rules.rules))
    return msgspec.structs.replace(rules, rules=(*rules.rules, rule))


def free_key(rules: ProgramRules, name: str) -> str:
    """A word for a rule that no other has, made from its name."""
    wanted = slug_of(name).replace("-", "_")[:30].strip("_")
    taken = {each.key for each in rules.rules} | {NEW}
    found, number = wanted, 2
    while found in taken:
        found, number = f"{wanted}_{number}", number + 1
    return found


async def keep_rule(request: Request) -> Response:
    """POST /console/programs/{program}/rules/{rule}: keeps the rule; or, with `step`, shows the form with a condition more or less."""
    form, program = await frame.form_of(request, program_frame.MOST_FIELDS), await program_of(request)
    rule, values = rule_named(request, program), values_of(form)
    if step := Typed(values, program.currency).text("step"):
        return await _show(request, program, rule, stepped(values, step), focus=step.rpartition(":")[2] or str(values.get("condition", "")))
    try:
        rules, _ = await meant(request, program, rule, values)
        starts_at = await starts_of(request, program, values)
    except Invalid as refused:
        return await _show(request, program, rule, values, wrong=program_frame.kept(_named(values), refused, request))
    return await change(request, program, rules, starts_at, "rule")


def _named(values: Values) -> Values:
    """The typed values, and every box that the form shows and a browser leaves out when it is empty."""
    boxes = {each: "" for fields in rule_form.CONDITIONS.values() for each in fields}
    return {**boxes, "unit": "", "reward": "", "share": "", "off": "", "get_share": "", **values}


def stepped(values: Values, step: str) -> Values:
    """The form after "add" (the condition of the select), "drop:weekdays", or "effect" (another effect was chosen)."""
    act, _, name = step.partition(":")
    chosen = [each for each in Typed(values, "RUB").several("conditions") if each in rule_form.CONDITIONS]
    if act == "add" and (more := str(values.get("condition", ""))) in rule_form.CONDITIONS and more not in chosen:
        chosen.append(more)
    if act == "drop":
        chosen = [each for each in chosen if each != name]
    return {**values, "conditions": [name for name in rule_form.CONDITIONS if name in chosen]}


async def preview_rule(request: Request) -> Response:
    """POST /console/programs/{program}/rules/{rule}/preview: the sentence of the form as it stands; keeps nothing."""
    form, program = await frame.form_of(request, program_frame.MOST_FIELDS), await program_of(request)
    try:
        _, made = await meant(request, program, rule_named(request, program), values_of(form))
    except Invalid as refused:
        return JSONResponse({"errors": frame.sentences_of(request, refused)}, 422)
    names = await program_frame.names_of(request, program, language(request))
    return JSONResponse({"sentences": [program_frame.rule_sentence(made, program.rules, names)]})


async def act_on_rule(request: Request) -> Response:
    """POST /console/programs/{program}/rules/{rule}/{act}: copy, pause, resume or delete."""
    await frame.form_of(request)
    program = await program_of(request)
    rule = rule_named(request, program)
    if rule is None:
        raise NotFound()
    made, word = acted(program.rules, rule, request.path_params["act"])
    answer = await change(request, program, made, None, word)
    if word == "copied":
        return frame.to(program_frame.address(request, program, "rules", made.rules[-1].key))
    return answer


def acted(rules: ProgramRules, rule: Rule, act: str) -> tuple[ProgramRules, str]:
    """The rules after the act, and what is said of it. Raises NotFound for other acts."""
    if act == "delete":
        return msgspec.structs.replace(rules, rules=tuple(each for each in rules.rules if each.key != rule.key)), "gone"
    if act in ("pause", "resume"):
        return with_rule(rules, msgspec.structs.replace(rule, paused=act == "pause")), f"{act}d"
    if act == "copy":
        # A copy gives nothing by itself until somebody has looked at it.
        name = Said(*(f"{said} 2" if said else "" for said in (rule.name.en, rule.name.ru)))
        return with_rule(rules, msgspec.structs.replace(rule, key=free_key(rules, rule.key), name=name, paused=True)), "copied"
    raise NotFound()


_ONE = PROGRAMS + "/{program}/rules/{rule}"
routes = [
    routing.route(_ONE, rule_page, who=frame.PROGRAM_READ, name="console:rule"),
    routing.route(_ONE, keep_rule, who=frame.PROGRAM, name="console:keep_rule", methods=["POST"]),
    routing.route(_ONE + "/preview", preview_rule, who=frame.PROGRAM, name="console:preview_rule", methods=["POST"]),
    routing.route(_ONE + "/{act}", act_on_rule, who=frame.PROGRAM, name="console:act_on_rule", methods=["POST"]),
]
