"""Every programme of a business, and a new one: its kind, its few numbers, its name."""
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.benefits.opening import open_program
from app.cards import service as cards
from app.console import frame, program_frame
from app.console.founding import slug_of
from app.console.program_fields import Typed, Values, amount_text, share_text, values_of, whole_text
from app.console.program_frame import PROGRAMS, programs_of
from app.designs import service as designs
from app.errors import FieldError, Invalid, NotFound
from app.passes import service as passes
from app.programs import rules as program_rules
from app.programs import service as programs
from app.programs.explain import brief, explain
from app.programs.kind_fields import NumberField
from app.programs.kinds import KINDS, Kind
from app.programs.rules import ProgramRules
from app.programs.store import Business, Program
from app.programs.terms import Said
from app.text import N_
from app.web import routing
from app.web.requests import context, language, principal


async def list_page(request: Request) -> Response:
    """GET /console/programs"""
    here = context(request)
    found = await programs_of(request)
    counts = await cards.count_by_program(here.db, principal(request).business_id)
    rows = [await _row(request, each, counts.get(each.id, 0)) for each in found]
    return await frame.page(request, "programs", {
        "brand": await brand_of(request, found), "rows": [row for row in rows if row["state"] != "closed"],
        "closed": [row for row in rows if row["state"] == "closed"]})


async def brand_of(request: Request, found: list[Program]) -> Any:
    """The colours of the business's first card, for the drawings."""
    if not found:
        return None
    content = await designs.content_of(context(request).db, found[0])
    return (await passes.sample_of(context(request).db, content, found[0], language(request))).css


async def _row(request: Request, program: Program, cards_count: int) -> dict[str, Any]:
    here, said = context(request), language(request)
    coming = await program_frame.announced(request, program)
    state = program_frame.state_of(program, here.clock.now(), is_announced=bool(coming))
    sentences = brief(program.rules, program.currency, said, await program_frame.rewards_of(request, program))
    return {"name": program.name_in(said), "kind": program.kind, "kind_word": kind_word(program.kind, said), "cards": cards_count,
            "url": program_frame.address(request, program), "state": state, "state_word": frame.said(request, program_frame.STATES[state]),
            "sentence": sentences[0] if sentences else "", "note": _note(request, program, state, coming)}


def kind_word(kind: str, language_: str) -> str:
    return KINDS[kind].name.in_(language_) if kind in KINDS else kind


def _note(request: Request, program: Program, state: str, coming: list[dict[str, Any]]) -> str:
    """The day that comes next, where one does."""
    said, zone = language(request), program.time_zone
    if state == "closing" and program.spends_until_at is not None:
        return frame.said(request, N_("ends on %(day)s"), day=program_frame.day_text(program.spends_until_at, said, zone))
    if state == "announced":
        return frame.said(request, N_("from %(day)s"), day=program_frame.day_text(coming[0]["starts_at"], said, zone))
    if state == "closed" and program.closed_at is not None:
        return frame.said(request, N_("since %(day)s"), day=program_frame.day_text(program.closed_at, said, zone))
    return ""


async def kinds_page(request: Request) -> Response:
    """GET /console/programs/new"""
    said = language(request)
    found = await programs.list_programs(context(request).db, principal(request).business_id, limit=1)
    return await frame.page(request, "program_kinds", {
        "brand": await brand_of(request, found),
        "kinds": [{"key": kind.key, "name": kind.name.in_(said), "sentence": kind.sentence.in_(said), "url": f"{PROGRAMS}/new/{kind.key}"}
                  for kind in KINDS.values()]})


def _kind(request: Request) -> Kind:
    found = KINDS.get(request.path_params["kind"])
    if found is None:
        raise NotFound()
    return found


async def begin_page(request: Request) -> Response:
    """GET /console/programs/new/{kind}"""
    kind = _kind(request)
    business = await programs.get_business(context(request).db, principal(request).business_id)
    return await _begin(request, kind, business, await _first_values(request, kind, business))


async def _first_values(request: Request, kind: Kind, business: Business) -> Values:
    found = await programs.list_programs(context(request).db, business.id)
    values: Values = {"name_en": kind.name.en, "name_ru": kind.name.ru,
                      "slug": free_slug(slug_of(kind.key), {program.slug for program in found})}
    rules = kind.rules(business.currency)
    for number in kind.numbers:
        values |= _texts_of(number, number.read(rules), business.currency)
    return values


def free_slug(wanted: str, taken: set[str]) -> str:
    found, number = wanted, 2
    while found in taken:
        found, number = f"{wanted}-{number}", number + 1
    return found


def _texts_of(number: NumberField, value: Any, currency: str) -> Values:
    if isinstance(value, Said):
        return {f"{number.name}.en": value.en, f"{number.name}.ru": value.ru}
    if value is None or number.input == "choice":
        return {number.name: value or ""}
    texts = {"money": lambda: amount_text(value, currency), "percent": lambda: share_text(value), "whole": lambda: whole_text(value)}
    return {number.name: texts[number.input]()}


async def _begin(request: Request, kind: Kind, business: Business, values: Values, wrong: dict[str, str] | None = None) -> Response:
    here, said = context(request), language(request)
    found = await programs.list_programs(here.db, business.id, limit=1)
    rewards = {reward.key: reward.names for reward in kind.rewards}
    try:
        rules = rules_of(kind, values, business.currency)
    except Invalid:
        rules = kind.rules(business.currency)
    fields = [{"name": each.name, "label": frame.said(request, each.label), "input": each.input, "is_optional": each.is_optional,
               "choices": [(choice.value, frame.said(request, choice.label)) for choice in each.choices]} for each in kind.numbers]
    return await frame.page(request, "program_begin", {
        "brand": await brand_of(request, found), "action": f"{PROGRAMS}/new/{kind.key}", "fields": fields, "values": values,
        "kind_row": {"key": kind.key, "name": kind.name.in_(said), "sentence": kind.sentence.in_(said)},
        "sentences": explain(rules, business.currency, said, rewards),
        "address": here.settings.address(f"/e/{business.slug}/")}, wrong=wrong, status=422 if wrong else 200)


def rules_of(kind: Kind, values: Values, currency: str) -> ProgramRules:
    """The rules that the few numbers mean. Raises Invalid by the form's names."""
    typed = Typed(values, currency)
    read = {number.name: _read(typed, number) for number in kind.numbers}
    typed.done()
    rules = kind.write(kind.rules(currency), read)
    names = {".".join(map(str, number.path)): number.name for number in kind.numbers}
    try:
        program_rules.validate(rules)
    except Invalid as refused:
        raise Invalid(fields=[FieldError(names.get(field.replace("[", ".").replace("]", ""), ""), code, said)
                              for field, code, said in refused.fields], params=refused.params) from refused
    return rules


def _read(typed: Typed, number: NumberField) -> Any:
    name = number.name
    if number.input == "words":
        return Said(typed.text(f"{name}.en"), typed.text(f"{name}.ru"))
    if number.input == "choice":
        return typed.choice(name, tuple(choice.value for choice in number.choices))
    if number.is_optional and not typed.text(name):
        return None
    return {"whole": typed.whole, "money": typed.amount, "percent": typed.share}[number.input](name)


async def preview(request: Request) -> Response:
    """POST /console/programs/new/{kind}/preview: the sentences of the form as it stands; keeps nothing."""
    form, kind = await frame.form_of(request), _kind(request)
    business = await programs.get_business(context(request).db, principal(request).business_id)
    try:
        rules = rules_of(kind, values_of(form), business.currency)
    except Invalid as refused:
        return JSONResponse({"errors": frame.sentences_of(request, refused)}, 422)
    rewards = {reward.key: reward.names for reward in kind.rewards}
    return JSONResponse({"sentences": explain(rules, business.currency, language(request), rewards)})


async def begin(request: Request) -> Response:
    """POST /console/programs/new/{kind}: the programme, its rewards and its design at once."""
    here, who, form, kind = context(request), principal(request), await frame.form_of(request), _kind(request)
    business, values = await programs.get_business(here.db, who.business_id), values_of(form)
    typed = Typed(values, business.currency)
    names = Said(typed.text("name_en"), typed.text("name_ru"))
    try:
        if not names.en and not names.ru:
            raise Invalid(fields=[FieldError("name_en", "name", N_("Type a name of 1 to 100 characters."))])
        rules = rules_of(kind, values, business.currency)
        program_id = await open_program(here.db, who, business, kind, names, typed.text("slug"), rules, here.clock.now())
    except programs.SlugTaken as refused:
        return await _begin(request, kind, business, values, {"slug": frame.said(request, refused.detail)})
    except Invalid as refused:
        renamed = Invalid(fields=[FieldError("name_en" if field == "name" else field, code, said) for field, code, said in refused.fields],
                          params=refused.params)
        return await _begin(request, kind, business, values, program_frame.kept(values, renamed, request))
    return frame.to(f"{PROGRAMS}/{here.ids.encode('program', program_id)}?done=new")


routes = [
    routing.route(PROGRAMS, list_page, who=frame.PROGRAM_READ, name="console:programs"),
    routing.route(PROGRAMS + "/new", kinds_page, who=frame.MANAGER, name="console:program_kinds"),
    routing.route(PROGRAMS + "/new/{kind}", begin_page, who=frame.MANAGER, name="console:begin_program"),
    routing.route(PROGRAMS + "/new/{kind}", begin, who=frame.MANAGER, name="console:open_program", methods=["POST"]),
    routing.route(PROGRAMS + "/new/{kind}/preview", preview, who=frame.MANAGER, name="console:preview_kind", methods=["POST"]),
]
