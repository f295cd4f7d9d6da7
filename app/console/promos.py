"""Promo codes and printed coupons: batches made, watched, exported, printed, closed early."""
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.benefits import coupons, promo, sheet
from app.benefits import rules as benefit_rules
from app.benefits import service as benefits
from app.benefits.rules import Batch, Terms
from app.benefits.sheet import Sheet
from app.clock import from_ms, local_day
from app.console import frame
from app.console.founding import slug_of
from app.console.program import program_of
from app.console.program_fields import Typed
from app.console.program_frame import switch_of
from app.designs import service as designs
from app.errors import Invalid, NotFound
from app.programs.store import Program
from app.text import N_
from app.web import routing
from app.web.requests import context, language, principal, query_number
from app.web.tables import csv_answer

PROMOS = "/console/promos"
KINDS = {"code": N_("Codes to tell or type"), "coupon": N_("Coupons to print")}
STATES = {"open": N_("can be used"), "announced": N_("begins later"), "ended": N_("ended"), "closed": N_("closed"),
          "used_up": N_("used up")}
FIELDS = ("name", "kind", "codes", "count", "length", "uses", "per_person", "total", "starts_on", "ends_on", "reward")
DONE = {"made": N_("The codes are made."), "closed": N_("These codes can no longer be used.")}
SHOWN_CODES, SHOWN_USES = 50, 50
MOMENT = timedelta(milliseconds=1)


def address(request: Request, program: Program, *steps: str, **more: str | int) -> str:
    """A page of this programme's codes."""
    query = "".join(f"&{name}={value}" for name, value in more.items())
    return "/".join((PROMOS, *steps)) + f"?program={context(request).ids.encode('program', program.id)}{query}"


async def promos_page(request: Request) -> Response:
    """GET /console/promos: the batches, and a form for a new one."""
    return await _promos(request, await program_of(request))


async def _promos(request: Request, program: Program, typed: dict[str, str] | None = None, *, wrong: dict[str, str] | None = None,
                  status: int = 200) -> Response:
    here, said, now = context(request), language(request), context(request).clock.now()
    rewards = await benefits.list_rewards(here.db, program.business_id, program.id, open_only=False)
    names = {each.key: each.names.in_(said) for each in rewards}
    batches = await promo.list_batches(here.db, program.business_id, program.id)
    return await frame.page(request, "promos", {
        "batches": [_facts(request, program, each, names) for each in batches], "now": now, "action": address(request, program),
        "other_programs": await switch_of(request, program, PROMOS),
        "kinds": [(key, frame.said(request, word)) for key, word in KINDS.items()], "program_name": program.name_in(said),
        "rewards": [("", frame.said(request, N_("what the rules say"))),
                    *((each.key, names[each.key]) for each in rewards if not each.is_closed)],
        "values": typed or dict.fromkeys(FIELDS, "") | {"kind": "code", "count": "100", "length": "10", "uses": "1", "per_person": "1"}},
        wrong=wrong, status=status)


def _facts(request: Request, program: Program, batch: Batch, names: dict[str, str]) -> dict[str, Any]:
    state = batch.state(context(request).clock.now())
    return {"name": batch.name, "kind": frame.said(request, KINDS[batch.kind]), "is_coupon": batch.kind == "coupon", "state": state,
            "state_word": frame.said(request, STATES[state]), "used": batch.used, "codes": batch.codes, "total": batch.total,
            "uses": batch.uses, "per_person": batch.per_person, "reward": names.get(batch.reward or "", ""), "key": batch.key,
            "first": local_day(batch.starts_at, program.time_zone), "last": _last_day(batch, program), "who": batch.created_by,
            "url": address(request, program, batch.key)}


def _last_day(batch: Batch, program: Program) -> date | None:
    """The local day that is included."""
    return None if batch.ends_at is None else local_day(batch.ends_at - MOMENT, program.time_zone)


async def make(request: Request) -> Response:
    """POST /console/promos: typed codes where there are any, else drawn ones."""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    program = await program_of(request)
    values = frame.texts(form, *FIELDS)
    try:
        typed = Typed(values, program.currency)
        terms = _terms(typed)
        count = None if values["codes"] else typed.whole("count")
        length = 0 if values["codes"] else typed.whole("length")
        typed.done()
        codes = benefit_rules.typed_codes(values["codes"]) if count is None else promo.draw(count, length)
        await promo.create_batch(here.db, who, program.id, terms, codes, here.clock.now(), count=count)
    except (Invalid, errors.Refused) as refused:
        return await _promos(request, program, values, wrong=frame.sentences_of(request, refused), status=frame.status_for(refused))
    return frame.to(address(request, program, terms.key, done="made"))


def _terms(typed: Typed) -> Terms:
    kind = typed.choice("kind", tuple(KINDS))
    days = [typed.day(name) for name in ("starts_on", "ends_on")]
    first, last = (date.fromisoformat(day) if day else None for day in days)
    return Terms(slug_of(typed.text("name")), typed.text("name"), kind, typed.text("reward") or None,
                 1 if kind == "coupon" else typed.whole_or_none("uses"), typed.whole_or_none("per_person"), typed.whole_or_none("total"),
                 first, last)


async def _batch(request: Request, program: Program) -> Batch:
    return await promo.get_batch(context(request).db, program.business_id, program.id, request.path_params["batch"])


async def batch_page(request: Request) -> Response:
    """GET /console/promos/{batch}: how it goes, its newest uses, its first codes, its files."""
    here, program = context(request), await program_of(request)
    batch = await _batch(request, program)
    word = DONE.get(request.query_params.get("done", ""))
    names = {each.key: each.names.in_(language(request))
             for each in await benefits.list_rewards(here.db, program.business_id, program.id, open_only=False)}
    codes = await promo.codes_of(here.db, batch, limit=SHOWN_CODES)
    parts = range(1, -(-batch.codes // sheet.MOST) + 1)
    return await frame.page(request, "promo", {
        "batch": _facts(request, program, batch, names), "back_url": address(request, program),
        "codes": [(benefit_rules.in_groups(code), used) for _, code, used in codes], "more_codes": max(0, batch.codes - SHOWN_CODES),
        "uses": await _uses(request, batch), "csv_url": address(request, program, batch.key, "codes.csv"),
        "sheets": [{"language": each, "part": part, "first": (part - 1) * sheet.MOST + 1, "last": min(part * sheet.MOST, batch.codes),
                    "url": address(request, program, batch.key, "sheet.pdf", language=each, part=part)}
                   for each in sheet.WORDS for part in parts] if batch.kind == "coupon" else [],
        "close_action": "" if batch.closed_at else address(request, program, batch.key, "close")},
        done=frame.said(request, word) if word else "")


async def _uses(request: Request, batch: Batch) -> list[dict[str, Any]]:
    """Newest first."""
    rows = await promo.newest_uses(context(request).db, batch, SHOWN_USES)
    return [{"code": benefit_rules.in_groups(row["code"]), "at": from_ms(row["at"]), "place": row["place"] or "",
             "is_bearer": row["account_id"] is None, "is_taken_back": row["taken_back_at"] is not None} for row in rows]


async def codes_csv(request: Request) -> Response:
    """GET /console/promos/{batch}/codes.csv: every code; coupons with the address that their QR code says."""
    here, program = context(request), await program_of(request)
    batch = await _batch(request, program)
    codes = await promo.codes_of(here.db, batch)
    lines = promo.export_lines(codes, _addresses(request, codes) if batch.kind == "coupon" else None)
    return csv_answer(batch.key, lines)


def _addresses(request: Request, codes: list[tuple[int, str, int]]) -> Iterator[str]:
    here = context(request)
    return (coupons.address_of(here.settings, here.ring, here.ids, code_id) for code_id, _, _ in codes)


async def sheet_pdf(request: Request) -> Response:
    """GET /console/promos/{batch}/sheet.pdf?language=&part=: coupons to print, so many a file. NotFound for a part that is none."""
    here, program = context(request), await program_of(request)
    batch, said, part = await _batch(request, program), request.query_params.get("language", "en"), query_number(request, "part", 1, 1, 99)
    codes = await promo.codes_of(here.db, batch, skip=(part - 1) * sheet.MOST, limit=sheet.MOST)
    if batch.kind != "coupon" or said not in sheet.WORDS or not codes:
        raise NotFound()
    reward = await benefits.get_reward(here.db, program.business_id, program.id, batch.reward) if batch.reward else None
    content = await designs.content_of(here.db, program)
    slips = list(zip([code for _, code, _ in codes], _addresses(request, codes), strict=True))
    gift = reward.names.in_(said) if reward else batch.name
    made = Sheet(program.business_name_in(said), gift, batch.name, batch.starts_at, batch.ends_at, here.clock.now(),
                 program.time_zone, said, content.colours().ui_light, slips)
    return Response(await run_in_threadpool(sheet.draw, made), media_type="application/pdf",
                    headers={"Content-Disposition": f'attachment; filename="{batch.key}-{part}-{said}.pdf"'})


async def close(request: Request) -> Response:
    """POST /console/promos/{batch}/close"""
    here, program = context(request), await program_of(request)
    await frame.form_of(request)
    await promo.close_batch(here.db, principal(request), program.id, request.path_params["batch"], here.clock.now())
    return frame.to(address(request, program, request.path_params["batch"], done="closed"))


routes = [
    routing.route(PROMOS, promos_page, who=frame.PROGRAM_READ, name="console:promos"),
    routing.route(PROMOS, make, who=frame.PROGRAM, name="console:make_promos", methods=["POST"]),
    routing.route(PROMOS + "/{batch}", batch_page, who=frame.PROGRAM_READ, name="console:promo"),
    routing.route(PROMOS + "/{batch}/codes.csv", codes_csv, who=frame.PROGRAM, name="console:promo_csv"),
    routing.route(PROMOS + "/{batch}/sheet.pdf", sheet_pdf, who=frame.PROGRAM, name="console:promo_sheet"),
    routing.route(PROMOS + "/{batch}/close", close, who=frame.PROGRAM, name="console:close_promo", methods=["POST"]),
]
