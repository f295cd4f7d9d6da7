"""What a receipt would give: typed in and judged by the rules in force or by a draft of them, as at the till; and what rules would cost."""
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.benefits import rewards
from app.clock import local_day
from app.console import frame, program_frame
from app.console.program_draft import draft_of, first_sentence
from app.console.program_fields import Typed, Values, share_text, values_of
from app.console.program_frame import PROGRAMS, program_of
from app.errors import Invalid, Refused
from app.money import ceil_div, minor_digits
from app.programs import rules as program_rules
from app.programs import words
from app.programs.explain_parts import Names
from app.programs.rules import ProgramRules
from app.programs.store import Program
from app.sales import case, judging
from app.sales.judgement import Judgement, Line, Receipt
from app.simulator import service as simulator
from app.simulator.service import Wish
from app.standing.rules import Standing
from app.text import N_
from app.web import routing
from app.web.requests import context, language, principal

LINES = 4
FIRST_WISH: Values = {"source": "receipts", "margin": "30", "members": "40", "receipts": "3000", "average": "740"}


async def try_page(request: Request) -> Response:
    """GET /console/programs/{program}/try: an example receipt, judged."""
    program = await program_of(request)
    values = _example(request, program)
    return await _try(request, program, None, values)


def _example(request: Request, program: Program) -> Values:
    here = context(request).clock.now().astimezone(ZoneInfo(program.time_zone))
    return {"amount": "740", "day": here.date().isoformat(), "clock": f"{here:%H:%M}", "balance": "", "level": "", "promo": "", "draft": ""}


async def try_receipt(request: Request) -> Response:
    """POST /console/programs/{program}/try: the typed receipt; or, from another form, its rules with the example."""
    form, program = await frame.form_of(request, program_frame.MOST_FIELDS), await program_of(request)
    values, comes = values_of(form), bool(form.get("draft_of"))
    try:
        draft = await draft_of(request, form, program)
    except Invalid as refused:
        return await _try(request, program, None, _example(request, program), {"": _first(request, refused)})
    return await _try(request, program, draft, _example(request, program) if comes else values)


def _first(request: Request, refused: Invalid) -> str:
    why = frame.said(request, first_sentence(refused), **refused.params)
    return frame.said(request, N_("These rules cannot be tried yet. %(why)s Go back to the form: what you typed is still there."), why=why)


async def _try(request: Request, program: Program, draft: ProgramRules | None, values: Values,
               wrong: dict[str, str] | None = None) -> Response:
    here, said = context(request), language(request)
    rules, result, refused_word = draft or program.rules, None, ""
    try:
        receipt, standing = scene_of(values, program, rules)
        receipt = msgspec.structs.replace(receipt, catalogue=await case.catalogue_of(here.db, program, rules))
        result = judging.judge(rules, receipt, standing, None)
    except Invalid as refused:
        wrong = (wrong or {}) | program_frame.kept({**values, **dict.fromkeys(_BOXES, "")}, refused, request)
    except Refused as refused:
        refused_word = frame.said(request, refused.detail, **refused.params)
    names = await program_frame.names_of(request, program, said)
    return await program_frame.page(request, program, "try", {
        "action": program_frame.address(request, program, "try"), "values": values, "is_draft": draft is not None,
        "draft": program_rules.dump(draft) if draft else "", "levels": _levels(rules, said),
        "batches": await program_frame.batches_of(request, program),
        "lines": range(LINES), "has_birthday": _asks(rules, "birthday_before"), "refused": refused_word,
        "result": shown(result, rules, names) if result else None,
        "now": here.clock.now()}, wrong=wrong, status=422 if wrong else 200)


_BOXES = ("amount", "day", "clock", "balance", "level", "promo", "birthday", "lines",
          *(f"{box}.{line}" for line in range(LINES) for box in ("amount", "quantity", "category", "sku")))


def _asks(rules: ProgramRules, condition: str) -> bool:
    return any(getattr(rule.when, condition) is not None for rule in rules.rules)


def _levels(rules: ProgramRules, language_: str) -> list[tuple[str, str]]:
    return [(level.key, level.name.in_(language_)) for level in rules.levels.levels] if rules.levels else []


def scene_of(values: Values, program: Program, rules: ProgramRules) -> tuple[Receipt, Standing]:
    """The typed receipt and shopper. Raises Invalid by the form's names."""
    typed = Typed(values, program.currency)
    lines = tuple(line for at in range(LINES) if (line := _line(typed, at)) is not None)
    amount = typed.amount("amount") if typed.text("amount") or not lines else sum(line.amount for line in lines)
    day, clock = typed.day("day"), typed.clock("clock")
    if not amount and not typed.wrong:
        typed.refuse("amount", "amount", N_("Type an amount above zero."))
    balance = typed.amount_or_none("balance") if rules.unit == "money" else typed.whole_or_none("balance")
    typed.done()
    zone = program.time_zone
    at = datetime.combine(date.fromisoformat(day) if day else date.today(), time.fromisoformat(clock or "12:00"), ZoneInfo(zone))
    moment = at.astimezone(UTC)
    receipt = Receipt(amount, moment, zone, zone, lines, promo=typed.text("promo") or None)
    standing = Standing(spendable=balance or 0, level=typed.text("level") or None, is_first=typed.flag("first"),
                        birthday=local_day(moment, zone) if typed.flag("birthday") else None)
    return receipt, standing


def _line(typed: Typed, at: int) -> Line | None:
    """A typed line; None for an empty one."""
    if not any(typed.text(f"{box}.{at}") for box in ("amount", "category", "sku")):
        return None
    quantity = typed.whole_or_none(f"quantity.{at}")
    if quantity == 0:
        typed.refuse(f"quantity.{at}", "integer", N_("A line has one piece at least."))
    return Line(typed.amount(f"amount.{at}"), quantity or 1, typed.text(f"sku.{at}") or None, None, typed.text(f"category.{at}") or None)


def shown(result: Judgement, rules: ProgramRules, names: Names) -> dict[str, Any]:
    """The judgement as the page says it."""
    by_key = {rule.key: rule for rule in rules.rules}
    gains: dict[str, int] = {}
    for gain in result.gains:
        gains[gain.unit] = gains.get(gain.unit, 0) + gain.amount

    def amount(unit: str, count: int) -> str:
        return words.amount(count, unit, names.currency, names.language)

    return {
        "discount": result.discount, "spent_minor": result.spent_minor, "to_pay": result.to_pay, "amount": result.amount,
        "spent": amount(rules.unit, result.points) if result.points else "",
        "gains": [amount(unit, count) for unit, count in gains.items() if unit in ("points", "money", "stamps", "visits") and count],
        "donated": gains.get("donated", 0),
        "gifts": [(names.rewards[each.reward].in_(names.language) if each.reward in names.rewards else each.reward, each.at_once)
                  for each in result.given],
        "applied": [(program_frame.rule_sentence(by_key[each.rule], rules, names), each.what)
                    for each in result.applied if each.rule in by_key],
        "silent": [program_frame.rule_sentence(rule, rules, names) for rule in rules.rules
                   if not rule.paused and rule.when.event is None and rule.key not in {each.rule for each in result.applied}]}


async def simulator_page(request: Request) -> Response:
    """GET /console/programs/{program}/simulator: the last 30 days under the rules in force."""
    program = await program_of(request)
    return await _simulate(request, program, None, dict(FIRST_WISH))


async def simulate(request: Request) -> Response:
    """POST /console/programs/{program}/simulator: with the typed wish; or, from another form, its rules against the last 30 days."""
    form, program = await frame.form_of(request, program_frame.MOST_FIELDS), await program_of(request)
    values = values_of(form)
    first: Values = dict(FIRST_WISH)
    try:
        draft = await draft_of(request, form, program)
    except Invalid as refused:
        return await _simulate(request, program, None, first, {"": _first(request, refused)})
    return await _simulate(request, program, draft, first if form.get("draft_of") else values)


async def _simulate(request: Request, program: Program, draft: ProgramRules | None, values: Values,
                    wrong: dict[str, str] | None = None) -> Response:
    here, said, found = context(request), language(request), None
    try:
        wish = wish_of(values, program.currency)
        found = await simulator.simulate(here.db, principal(request).business_id, program, draft or program.rules, wish, here.clock.now())
    except Invalid as refused:
        boxes = dict.fromkeys(("redeemed", "margin", "average", "receipts", "members"), "")
        wrong = (wrong or {}) | program_frame.kept({**values, **boxes}, refused, request)
    catalogue = {each.key: each for each in await rewards.list_rewards(here.db, program.business_id, program.id)}
    changes: list[tuple[str, str]] = []
    if draft:
        names = await program_frame.names_of(request, program, said)
        changes = program_frame.changes(program_frame.sentences(program.rules, names), program_frame.sentences(draft, names))
    return await program_frame.page(request, program, "simulator", {
        "action": program_frame.address(request, program, "simulator"), "values": values, "is_draft": draft is not None,
        "draft": program_rules.dump(draft) if draft else "", "found": found,
        "sides": [side_of(each, program, said, catalogue) for each in ((found.draft, found.in_force) if draft else (found.in_force,))]
        if found else [], "changes": changes,
        "unknown": [frame.said(request, UNKNOWN_WORDS[each]) for each in found.unknown] if found else []},
        wrong=wrong, status=422 if wrong else 200)


UNKNOWN_WORDS = {"segments": N_("groups of shoppers"), "birthday_before": N_("birthdays"), "birthday_after": N_("birthdays"),
                 "favourite": N_("favourite products"), "promo": N_("promo codes"), "event": N_("what happens besides purchases")}


def wish_of(values: Values, currency: str) -> Wish:
    """What the form asks for. Raises Invalid by its names."""
    typed = Typed(values, currency)
    average = typed.text("source") == "average"
    made = Wish("average" if average else "receipts", typed.amount("average") if average else 0, typed.whole("receipts") if average else 0,
                typed.share("members") if average else 10_000, typed.share_or_none("redeemed"), typed.share("margin"))
    typed.done()
    return made


def side_of(figures: simulator.Figures, program: Program, language_: str, catalogue: dict[str, Any]) -> dict[str, Any]:
    """One set of rules as a column of the table. …_whole: rounded up to the currency's whole unit, for large print."""
    def number(share_bp: int) -> str:
        return share_text(share_bp).replace(".", ",") if language_ == "ru" else share_text(share_bp)

    unit, per_thousand = 10**minor_digits(program.currency), figures.per_thousand(figures.likely)
    return {"figures": figures, "per_thousand": per_thousand, "per_thousand_whole": ceil_div(per_thousand, unit) * unit,
            "liability_whole": ceil_div(figures.liability, unit) * unit, "at_most": figures.per_thousand(figures.cost),
            "cost_share": number(figures.cost_bp), "touched": number(figures.touched_bp - figures.touched_bp % 10),
            "break_even": None if figures.break_even_bp is None else number(figures.break_even_bp),
            "given": [words.amount(count, unit, program.currency, language_) for unit, count in figures.given.items() if count],
            "vouchers": [(catalogue[key].names.in_(language_) if key in catalogue else key, count)
                         for key, count in figures.vouchers.items()]}


_ONE = PROGRAMS + "/{program}"
routes = [
    routing.route(_ONE + "/try", try_page, who=frame.PROGRAM_READ, name="console:try"),
    routing.route(_ONE + "/try", try_receipt, who=frame.PROGRAM, name="console:try_receipt", methods=["POST"]),
    routing.route(_ONE + "/simulator", simulator_page, who=frame.PROGRAM_READ, name="console:simulator"),
    routing.route(_ONE + "/simulator", simulate, who=frame.PROGRAM, name="console:simulate", methods=["POST"]),
]
