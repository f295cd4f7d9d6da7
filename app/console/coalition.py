"""A coalition's members and its months; and for a member, what it takes part in. Owners only: it is about money between businesses."""
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.clock import local_day
from app.coalition import service as coalition
from app.coalition.rules import Participation, Statement
from app.console import frame
from app.money import parse_major, to_major
from app.programs import service as programs
from app.programs import words
from app.text import N_
from app.web import routing
from app.web.forms import text_field
from app.web.requests import context, language, principal
from app.web.tables import csv_answer, csv_cell

COALITION = "/console/coalition"
DONE = {"invite": N_("Invited. It holds as soon as its owner accepts."),
        "accept": N_("You take part. Your tills find its cards from now on."), "end": N_("It is ended.")}
SHOWN_MONTHS = 13


async def coalition_page(request: Request) -> Response:
    """GET /console/coalition: ?month= shows the statement of one."""
    return await _page(request, done=DONE.get(request.query_params.get("done", ""), ""))


async def _page(request: Request, typed: dict[str, Any] | None = None, *, done: str = "", wrong: dict[str, str] | None = None,
                status: int = 200) -> Response:
    here, who = context(request), principal(request)
    business = await programs.get_business(here.db, who.business_id)
    members = await coalition.members(here.db, who.business_id)
    memberships = await coalition.memberships(here.db, who.business_id)
    month = await _month(request, business.time_zone)
    statement = await coalition.statement(here.db, who.business_id, month, business.time_zone) if members else None
    businesses = [await programs.get_business(here.db, each) for each in (statement.names if statement else ())]
    names = {each.id: each.name_in(language(request)) for each in businesses}
    return await frame.page(request, "coalition", {
        "members": [_shown(request, each, each.member_name) for each in members],
        "memberships": [_shown(request, each, each.business_name) for each in memberships],
        "months": months(local_day(here.clock.now(), business.time_zone)), "month": month,
        "statement": _statement(statement, names) if statement else None, "csv_url": f"{COALITION}/statement.csv?month={month}",
        "action": COALITION, "values": typed or {"slug": "", "fee": "0", "earns": True, "spends": True}},
        done=frame.said(request, done) if done else "", wrong=wrong, status=status)


async def _month(request: Request, zone: str) -> str:
    """The month that is asked for, else this one. Raises Invalid."""
    text = request.query_params.get("month", "")
    if text:
        coalition.month_of(text, zone)
    return text or local_day(context(request).clock.now(), zone).strftime("%Y-%m")


def months(today: date) -> list[str]:
    """The newest first."""
    count = today.year * 12 + today.month - 1
    return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(count, count - SHOWN_MONTHS, -1)]


def _shown(request: Request, each: Participation, name: str) -> dict[str, Any]:
    return {"id": context(request).ids.encode("participation", each.id), "name": name, "slug": each.member_slug, "earns": each.earns,
            "spends": each.spends, "fee": words.percent(each.fee_bp, language(request)) if each.fee_bp else "",
            "since": each.accepted_at or each.started_at, "is_waiting": each.accepted_at is None}


def _statement(found: Statement, names: Mapping[int, str]) -> dict[str, Any]:
    return {
        "unit": found.unit,
        "accounts": [{"name": names[each.business_id], "issued": each.issued, "accepted": each.accepted, "expired": each.expired,
                      "owes": each.owes, "owed": each.owed, "fees": each.fees, "net": each.net} for each in found.accounts],
        "pairs": [{"issuer": names[pair.issuer], "spender": names[pair.spender], "points": pair.points, "minor": pair.minor}
                  for pair in found.pairs if pair.points or pair.minor],
        "cleared": [{"debtor": names[each.debtor], "creditor": names[each.creditor], "minor": each.minor} for each in found.cleared]}


async def act(request: Request) -> Response:
    """POST /console/coalition: `act` is invite, accept or end."""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    wanted, now = text_field(form, "act", 20), here.clock.now()
    participation_id = here.ids.decode("participation", text_field(form, "participation", 64)) or 0
    typed = {**frame.texts(form, "slug", "fee"), "earns": bool(form.get("earns")), "spends": bool(form.get("spends"))}
    try:
        if wanted == "accept":
            await coalition.accept(here.db, who, participation_id, now)
        elif wanted == "end":
            await coalition.end(here.db, who, participation_id, now)
        elif wanted == "invite":
            await _invite(request, typed, now)
        else:
            raise errors.NotFound()
    except (errors.Invalid, errors.Refused) as refused:
        return await _page(request, typed if wanted == "invite" else None, wrong=frame.sentences_of(request, refused),
                           status=frame.status_for(refused))
    return frame.to(f"{COALITION}?done={wanted}")


async def _invite(request: Request, typed: dict[str, Any], now: datetime) -> None:
    try:
        fee_bp = parse_major(typed["fee"] or "0", "RUB")            # two digits after the point, as basis points
    except errors.Invalid as refused:
        raise errors.Invalid(fields=[errors.FieldError("fee", "share", N_("Type a share from 0 to 100 per cent."))]) from refused
    await coalition.invite(context(request).db, principal(request), typed["slug"], earns=typed["earns"], spends=typed["spends"],
                           fee_bp=fee_bp, now=now)


async def statement_csv(request: Request) -> Response:
    """GET /console/coalition/statement.csv?month=: pairs first, then what each business is paid (below zero: pays)."""
    here, who = context(request), principal(request)
    business = await programs.get_business(here.db, who.business_id)
    month = await _month(request, business.time_zone)
    found = await coalition.statement(here.db, who.business_id, month, business.time_zone)
    return csv_answer(f"clearing-{month}", csv_of(found, business.currency))


def csv_of(found: Statement, currency: str) -> str:
    """Names are safe for spreadsheets; amounts are plain numbers in major units, so that they can be added up."""
    def major(minor: int) -> Decimal:
        return to_major(minor, currency)

    rows: list[list[object]] = [["month", "earned at", "spent at", found.unit, f"worth {currency}", f"fee {currency}"]]
    rows += [[found.month, found.names[pair.issuer], found.names[pair.spender], pair.points, major(pair.minor), major(pair.fee)]
             for pair in found.pairs]
    rows += [[], ["month", "business", f"{found.unit} given", f"{found.unit} taken", f"{found.unit} expired", f"owes {currency}",
                  f"is owed {currency}", f"fee {currency}", f"net {currency}"]]
    rows += [[found.month, found.names[each.business_id], each.issued, each.accepted, each.expired, major(each.owes), major(each.owed),
              major(each.fees), major(each.net)] for each in found.accounts]
    return "".join(",".join(f"{cell}" if isinstance(cell, int | Decimal) else csv_cell(cell) for cell in row) + "\r\n" for row in rows)


routes = [
    routing.route(COALITION, coalition_page, who=frame.OWNER_READ, name="console:coalition"),
    routing.route(COALITION, act, who=frame.OWNER, name="console:coalition_act", methods=["POST"]),
    routing.route(COALITION + "/statement.csv", statement_csv, who=frame.OWNER_READ, name="console:clearing"),
]
