"""Reports of a programme by month: the share that is spent, gift cards, charity, vouchers and codes; each a table, also as a file."""
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.benefits import promo
from app.console import frame
from app.console.program_frame import program_of, switch_of
from app.console.promos import STATES
from app.money import to_major
from app.programs import words
from app.programs.store import Program
from app.reports.movements import Month, Movements, movements
from app.text import N_
from app.web import formats, routing
from app.web.requests import context, language
from app.web.tables import csv_answer, csv_rows

REPORTS = "/console/reports"
HEADS = {
    "redemption": (N_("Month"), N_("Given"), N_("Spent"), N_("Ended"), N_("By hand"), N_("Spent ÷ given")),
    "gifts": (N_("Month"), N_("Sold"), N_("Used"), N_("Ended"), N_("By hand")),
    "charity": (N_("Month"), N_("To the fund")),
    "codes": (N_("Month"), N_("Vouchers given"), N_("Vouchers used"), N_("Vouchers ended"), N_("Promo codes used")),
}


async def reports_page(request: Request) -> Response:
    """GET /console/reports: of ?program=, else the first one."""
    here, said, program = context(request), language(request), await program_of(request)
    found = await movements(here.db, program, here.clock.now())
    batches = await promo.list_batches(here.db, program.business_id, program.id)
    return await frame.page(request, "reports", {
        "programs": await switch_of(request, program, REPORTS), "program_name": program.name_in(said),
        "outstanding": words.amount(found.outstanding, program.rules.unit, program.currency, said),
        "unit": frame.said(request, N_("money") if program.rules.unit == "money" else N_("points")),
        "tables": [_table(request, name, found, program) for name in reports_of(program)], "fund": _fund(program, said),
        "batches": [{"name": each.name, "used": each.used, "codes": each.codes, "is_coupon": each.kind == "coupon",
                     "state": frame.said(request, STATES[each.state(here.clock.now())]),
                     "url": f"/console/promos/{each.key}?program={here.ids.encode('program', program.id)}"} for each in batches]})


def reports_of(program: Program) -> list[str]:
    """Keys of HEADS that say something about the programme."""
    rules = program.rules
    return [name for name, is_there in (("redemption", rules.gift is None), ("gifts", rules.gift is not None),
                                        ("charity", rules.charity is not None), ("codes", True)) if is_there]


def _fund(program: Program, said: str) -> str:
    return program.rules.charity.fund.in_(said) if program.rules.charity else ""


def cells(name: str, month: Month) -> list[int | None]:
    """The numbers of a row as they are counted; the last of redemption in basis points."""
    found: dict[str, list[int | None]] = {
        "redemption": [month.given, month.spent, month.ended, month.by_hand, month.rate_bp],
        "gifts": [month.loaded, month.spent, month.ended, month.by_hand], "charity": [month.donated],
        "codes": [month.vouchers_issued, month.vouchers_used, month.vouchers_ended, month.codes_used]}
    return found[name]


def _is_money(name: str, program: Program) -> bool:
    return name in ("gifts", "charity") or (name == "redemption" and program.rules.unit == "money")


def _table(request: Request, name: str, found: Movements, program: Program) -> dict[str, Any]:
    here, said = context(request), language(request)

    def tell(value: int | None, at: int) -> str:
        if value is None:
            return "–"
        if name == "redemption" and at == 4:
            return words.percent(value, said)
        return formats.money(value, program.currency, said) if _is_money(name, program) else formats.points(value)

    return {"name": name, "heads": [frame.said(request, head) for head in HEADS[name]],
            "rows": [[month.month, *(tell(value, at) for at, value in enumerate(cells(name, month)))] for month in found.months],
            "csv_url": f"{REPORTS}/{name}?program={here.ids.encode('program', program.id)}"}


async def report_csv(request: Request) -> Response:
    """GET /console/reports/{report}: the same table as a file; money in major units, shares in per cent."""
    here, name, program = context(request), request.path_params["report"], await program_of(request)
    if name not in HEADS:
        raise errors.NotFound()
    found = await movements(here.db, program, here.clock.now())

    def plain(value: int | None, at: int) -> object:
        if value is None:
            return ""
        if name == "redemption" and at == 4:
            return f"{value / 100:.2f}"
        return to_major(value, program.currency) if _is_money(name, program) else value

    rows = [[month.month, *(plain(value, at) for at, value in enumerate(cells(name, month)))] for month in found.months]
    return csv_answer(f"{name}-{program.slug}", csv_rows([[frame.said(request, head) for head in HEADS[name]], *rows]))


routes = [
    routing.route(REPORTS, reports_page, who=frame.PROGRAM_READ, name="console:reports"),
    routing.route(REPORTS + "/{report}", report_csv, who=frame.PROGRAM_READ, name="console:report_csv"),
]
