"""The programme's rules: a form, and beside it the sentences that explain them, made from the form itself."""
from typing import Any

import msgspec
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.cards import service as cards
from app.clock import from_ms
from app.console import frame
from app.errors import FieldError, Invalid
from app.money import parse_major, to_major
from app.passes import service as passes
from app.programs import rules as program_rules
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.programs.store import Program
from app.text import N_
from app.web import routing
from app.web.forms import text_field
from app.web.requests import context, language, principal

PROGRAM = "/console/program"
WHOLE = N_("Type a whole number.")
# What the form calls a field, and what the rules call it.
AMOUNTS = {"earn_per": "earn_per_minor", "minimum_receipt": "minimum_receipt_minor", "worth": "worth_minor"}
NUMBERS = ("earn_points", "worth_points", "welcome_points", "undo_minutes")
FIELDS = (*AMOUNTS, *NUMBERS, "earn_mode", "largest_share", "lot_days", "refund_debt")
_FORM_NAMES = {rule: name for name, rule in AMOUNTS.items()} | {"largest_share_bp": "largest_share"}


async def program_of(request: Request) -> Program:
    """The business's programme; raises NotFound where it has none yet."""
    here, who = context(request), principal(request)
    found = await programs.list_programs(here.db, who.business_id, limit=1)
    return found[0] if found else await programs.get_program(here.db, who.business_id, 0)


async def program_page(request: Request) -> Response:
    """GET /console/program"""
    done = frame.said(request, N_("These rules hold from now on.")) if "done" in request.query_params else ""
    return await _program(request, done=done)


async def _program(request: Request, typed: dict[str, str] | None = None, *, done: str = "",
                   wrong: dict[str, str] | None = None) -> Response:
    here, program = context(request), await program_of(request)
    versions = await programs.list_rules_versions(here.db, program.business_id, program.id)
    return await frame.page(request, "program", {
        "action": PROGRAM, "preview_action": PROGRAM + "/preview", "values": typed or _typed(program.rules, program.currency),
        "sentences": program_rules.explain(program.rules, program.currency, language(request)),
        "cards_count": sum((await cards.count(here.db, program.business_id)).values()),
        "versions": [{"number": each["version"], "at": from_ms(each["created_at"]), "who": each["created_by"]} for each in versions]},
        done=done, wrong=wrong, status=422 if wrong else 200)


def _typed(rules: ProgramRules, currency: str) -> dict[str, str]:
    """The rules as the form shows them: amounts in major units, the share in per cent."""
    values = {name: str(getattr(rules, name)) for name in NUMBERS}
    values |= {name: _plain(to_major(getattr(rules, rule), currency)) for name, rule in AMOUNTS.items()}
    return values | {"earn_mode": rules.earn_mode, "refund_debt": rules.refund_debt, "lot_days": str(rules.lot_days or ""),
                     "largest_share": _plain(to_major(rules.largest_share_bp, "RUB"))}


def _plain(number: Any) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def rules_of(form: FormData, before: ProgramRules, currency: str) -> ProgramRules:
    """The rules that a form means; what the form does not show stays. Raises Invalid, a sentence for each field, by the form's names."""
    wrong: list[FieldError] = []
    values: dict[str, Any] = {"earn_mode": text_field(form, "earn_mode"), "refund_debt": text_field(form, "refund_debt")}
    for name in NUMBERS:
        values[name] = _whole(form, name, wrong)
    values["lot_days"] = _whole(form, "lot_days", wrong) if text_field(form, "lot_days") else None
    for name, rule in AMOUNTS.items():
        values[rule] = _amount(form, name, currency, wrong)
    values["largest_share_bp"] = _amount(form, "largest_share", "RUB", wrong)     # two digits after the point, as basis points
    if wrong:
        raise Invalid(fields=wrong)
    try:
        made = msgspec.convert({**msgspec.to_builtins(before), **values}, ProgramRules)
    except msgspec.ValidationError as exc:
        field = "refund_debt" if "refund_debt" in str(exc) else "earn_mode"
        raise Invalid(fields=[FieldError(field, "choice", N_("Choose one of the two."))]) from exc
    try:
        program_rules.validate(made)
    except Invalid as refused:
        raise Invalid(fields=[FieldError(_FORM_NAMES.get(field, field), code, said) for field, code, said in refused.fields]) from refused
    return made


def _whole(form: FormData, name: str, wrong: list[FieldError]) -> int:
    text = "".join(text_field(form, name, 100).split())
    if text.isascii() and text.isdigit() and len(text) < 16:
        return int(text)
    wrong.append(FieldError(name, "integer", WHOLE))
    return 0


def _amount(form: FormData, name: str, currency: str, wrong: list[FieldError]) -> int:
    try:
        return parse_major(text_field(form, name, 100), currency)
    except Invalid as refused:
        wrong.append(FieldError(name, refused.fields[0].code, refused.fields[0].detail))
        return 0


async def keep_rules(request: Request) -> Response:
    """POST /console/program: a new version from now on; passes tell the new rules."""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    program = await program_of(request)
    try:
        made = rules_of(form, program.rules, program.currency)
    except Invalid as refused:
        typed = {name: text_field(form, name, 300) for name in FIELDS}
        return await _program(request, typed, wrong=frame.sentences_of(request, refused))
    if made != program.rules:
        await programs.change_rules(here.db, who, program.id, made, here.clock.now())
        await passes.touch_program(here.db, who.business_id, program.id, here.clock.now())
    return frame.to(PROGRAM + "?done=1")


async def preview_rules(request: Request) -> Response:
    """POST /console/program/preview: the sentences of the form as it stands; keeps nothing."""
    form, program = await frame.form_of(request), await program_of(request)
    try:
        made = rules_of(form, program.rules, program.currency)
    except Invalid as refused:
        return JSONResponse({"errors": frame.sentences_of(request, refused)}, 422)
    return JSONResponse({"sentences": program_rules.explain(made, program.currency, language(request))})


routes = [
    routing.route(PROGRAM, program_page, who=frame.MANAGER, name="console:program"),
    routing.route(PROGRAM, keep_rules, who=frame.MANAGER, name="console:keep_rules", methods=["POST"]),
    routing.route(PROGRAM + "/preview", preview_rules, who=frame.MANAGER, name="console:preview_rules", methods=["POST"]),
]
