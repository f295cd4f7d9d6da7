"""What was rung up at a till: the last acts, one found by its receipt, and goods that come back by sum or line by line."""
from datetime import datetime
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import errors, secrets
from app.cards import service as cards
from app.cards.service import Card
from app.coalition import service as coalition
from app.context import Context
from app.customers import service as customers
from app.ledger import operations_store
from app.ledger.operations import Operation
from app.ledger.shown import shown
from app.money import parse_major
from app.programs import service as programs
from app.programs.store import Program
from app.sales import refunds, taking_back
from app.sales import service as sales
from app.sales.rules import RefundRequest
from app.text import N_
from app.till import desk as desks
from app.till import elsewhere, results, typed
from app.till.desk import Desk
from app.till.selling import REFUSALS, TILL, undo
from app.web import i18n, routing, templating
from app.web.forms import check_forgery, csrf_token, read_form, text_field
from app.web.principal import Principal
from app.web.problems import status_of
from app.web.requests import context, language, principal

KIND, SALES = "till", "/till/sales"
SHOWN_SALES, LOOKED_AT, MOST_LINES = 20, 60, 100
NOTHING_BACK = N_("Type a sum, or how many pieces of a line come back.")


# The last ones.
async def sales_page(request: Request) -> Response:
    """GET /till/sales: the last of this place, or those of the receipt number ?q="""
    done = i18n.translate(language(request), N_("The sale is taken back.")) if "undone" in request.query_params else ""
    return await _sales(request, done=done)


async def _sales(request: Request, *, done: str = "", error: str = "", status: int = 200) -> Response:
    here, now = context(request), context(request).clock.now()
    desk = await desks.desk_of(here, principal(request), language(request))
    number = request.query_params.get("q", "").strip()[:64]
    return templating.render(request, "till/sales.html", {
        "place": desk.place, "who": desk.who.name, "till_url": TILL, "action": SALES, "csrf_token": csrf_token(request, KIND),
        "currency": desk.program.currency, "zone": desk.zone, "now": now, "sales": await last_sales(here, desk, number, now), "q": number,
        "done": done, "error": error}, status=status)


async def last_sales(here: Context, desk: Desk, number: str, now: datetime) -> list[dict[str, Any]]:
    """The last acts of this place, newest first, those on a coalition's cards among them; number: only those of this receipt."""
    found: list[tuple[Operation, Principal]] = []
    for who in await _hats(here, desk.who):
        page = await sales.list_operations(here.db, who, receipt=number or None, location_id=None if number else who.location_id,
                                           limit=LOOKED_AT)
        found += [(each, who) for each in page.items if each.kind in results.DONE and each.acting_business_id == who.acting_business_id]
    found.sort(key=lambda pair: (pair[0].recorded_at, pair[0].id), reverse=True)
    rows, known = [], {}
    for operation, who in found[:SHOWN_SALES]:
        if operation.program_id not in known:
            known[operation.program_id] = await programs.get_program(here.db, who.business_id, operation.program_id)
        rows.append(await _row(here, who, known[operation.program_id], operation, now))
    return rows


async def _hats(here: Context, who: Principal) -> list[Principal]:
    """Who this cashier is: at home, and in each coalition that the business takes part in."""
    return [who, *[await coalition.acting_for(here.db, who, each) for each in await coalition.coalitions_of(here.db, who.business_id)]]


async def _row(here: Context, who: Principal, program: Program, operation: Operation, now: datetime) -> dict[str, Any]:
    card = await cards.get_card(here.db, who.business_id, operation.card_id)
    earlier = await operations_store.list_refunds(here.db, who.business_id, operation.id)
    may = desks.is_own(operation, who) or who.may("manager")
    return {"operation": here.ids.encode("operation", operation.id), "at": operation.recorded_at, "number_end": card.number[-4:],
            "name": await _name_of(here, card), "url": f"{SALES}/{here.ids.encode('operation', operation.id)}",
            "amount_minor": operation.amount_minor, "sums": shown(operation)["sums"], "kind": operation.kind,
            "undone": any(each.kind == "undo" for each in earlier), "refunded": any(each.kind == "refund" for each in earlier),
            "who": operation.actor_name or "", "receipt": operation.receipt or "",
            "undoable": may and not earlier and results.undo_seconds(operation, program, now) > 0}


async def _name_of(here: Context, card: Card) -> str:
    if card.customer_id is None:
        return ""
    return (await customers.get(here.db, here.ring, card.business_id, card.customer_id)).name or ""


async def undo_sale(request: Request) -> Response:
    """POST /till/sales: `act` undo of an `operation`."""
    form = await read_form(request)
    check_forgery(request, form, KIND)
    try:
        return await undo(request, form, SALES)
    except (errors.Refused, errors.Forbidden, errors.Unavailable) as refused:
        return await _sales(request, error=typed.said(request, refused), status=status_of(refused))


# One of them.
async def sale_page(request: Request) -> Response:
    """GET /till/sales/{operation}; ?done= names the refund that the form before made."""
    return await _sale(request, *await _found(request))


async def _found(request: Request) -> tuple[Operation, Principal]:
    """The address's operation, made here, and who works on it. Raises NotFound."""
    here = context(request)
    operation_id = here.ids.decode("operation", request.path_params["operation"]) or 0

    async def own(who: Principal) -> tuple[Operation, Principal]:
        return await sales.get_operation(here.db, who, operation_id), who

    found = await elsewhere.at_operation(here, principal(request), operation_id, own)
    if found[0].kind not in results.DONE:
        raise errors.NotFound()
    return found


async def _sale(request: Request, operation: Operation, who: Principal, *, form: FormData | None = None,
                wrong: dict[str, str] | None = None, status: int = 200) -> Response:
    here, said, now = context(request), language(request), context(request).clock.now()
    desk = await desks.desk_of(here, principal(request), said)
    program = await programs.get_program(here.db, who.business_id, operation.program_id)
    card = await cards.get_card(here.db, who.business_id, operation.card_id)
    earlier = await operations_store.list_refunds(here.db, who.business_id, operation.id)
    done_id = here.ids.decode("operation", request.query_params.get("done", "")) if form is None else None
    done = next((each for each in earlier if each.id == done_id), None)
    lines = _lines(operation, earlier)
    return templating.render(request, "till/receipt.html", {
        "place": desk.place, "who": desk.who.name, "till_url": TILL, "sales_url": SALES, "zone": desk.zone, "now": now,
        "action": f"{SALES}/{here.ids.encode('operation', operation.id)}", "csrf_token": csrf_token(request, KIND),
        "key": (text_field(form, "key", 64) if form else "") or secrets.new_token(22), "currency": program.currency,
        "card_url": f"{TILL}/cards/{here.ids.encode('card', card.id)}", "name": await _name_of(here, card), "number_end": card.number[-4:],
        "sale": {"kind": operation.kind, "at": operation.at, "receipt": operation.receipt or "", "amount": operation.amount_minor,
                 "discount": operation.discount_minor, "spent": operation.spent_minor, "to_pay": operation.to_pay_minor,
                 "sums": shown(operation)["sums"], "who": operation.actor_name or ""},
        "left": _left(operation, earlier), "lines": lines, "is_undone": any(each.kind == "undo" for each in earlier),
        "undoable": not earlier and results.undo_seconds(operation, program, now) > 0,
        "done": _told(done, program, said) if done else None, "errors": wrong or {},
        "typed": {"sum": text_field(form, "sum", 40) if form else "", "receipt": text_field(form, "receipt", 400) if form else "",
                  "lines": {each["number"]: text_field(form, f"line{each['number']}", 10) if form else "" for each in lines}}},
        status=status)


def _left(operation: Operation, earlier: list[Operation]) -> int:
    """What of the sale's price after discount has not come back yet, in minor units."""
    if any(each.kind == "undo" for each in earlier):
        return 0
    return max(0, operation.amount_minor - operation.discount_minor - sum(each.amount_minor for each in earlier))


def _lines(operation: Operation, earlier: list[Operation]) -> list[dict[str, Any]]:
    """number from 1, name, quantity left, what the line cost; none where the till that sold sent no lines."""
    if operation.kind != "sale":
        return []
    sold = taking_back.sold_of(operation).lines
    back: dict[int, int] = {}
    for each in earlier:
        for number, quantity in each.texts.get("lines_back", ()):
            back[number] = back.get(number, 0) + quantity
    named = operation.texts.get("lines") or ()
    return [{"number": number, "name": line.get("name") or line.get("sku") or "", "net": sold[number - 1].net,
             "left": sold[number - 1].quantity - back.get(number, 0)}
            for number, line in enumerate(named[:MOST_LINES], 1) if number <= len(sold)]


def _told(refund: Operation, program: Program, said: str) -> dict[str, Any]:
    """What a refund did: what to give back in money, what came and went on the card."""
    return {"pay_back": refund.pay_back_minor, "shortfall": refund.shortfall,
            "gains": [results.signed(amount, unit, program.currency, said) for unit, amount in shown(refund)["sums"]],
            "vouchers_used": len(refund.texts.get("shortfall_vouchers", ()))}


async def act_on_sale(request: Request) -> Response:
    """POST /till/sales/{operation}: `act` undo, or refund of `sum` (empty: all that is left) or of pieces line by line."""
    here, form = context(request), await read_form(request)
    check_forgery(request, form, KIND)
    operation, who = await _found(request)
    own = f"{SALES}/{here.ids.encode('operation', operation.id)}"
    try:
        if text_field(form, "act", 20) == "undo":
            return await undo(request, form, SALES)
        wanted = await _refund_of(request, operation, who, form)
        key = typed.key_of(request, form, "refund", str(wanted.amount), str(wanted.lines), wanted.receipt or "")
        done = await refunds.refund(here.db, who, wanted, elsewhere.key_for(who, key), here.clock.now())
    except REFUSALS as refused:
        wrong = typed.wrong_of(request, refused)
        if "amount" in wrong:
            wrong["sum"] = wrong.pop("amount")
        return await _sale(request, operation, who, form=form, wrong=wrong, status=status_of(refused))
    return RedirectResponse(f"{own}?done={here.ids.encode('operation', done.operation.id)}", 303)


async def _refund_of(request: Request, operation: Operation, who: Principal, form: FormData) -> RefundRequest:
    """What the form asks to take back. `act` whole: all that is left. Raises Invalid."""
    here, text = context(request), text_field(form, "sum", 40)
    receipt = text_field(form, "receipt", 400) or None
    earlier = await operations_store.list_refunds(here.db, who.business_id, operation.id)
    if text_field(form, "act", 20) == "whole":
        return RefundRequest(operation.id, None, receipt)
    counts = [(each["number"], text_field(form, f"line{each['number']}", 10)) for each in _lines(operation, earlier)]
    lines = [(number, typed.count_of(count)) for number, count in counts if count not in ("", "0")]
    if lines:
        return RefundRequest(operation.id, None, receipt, lines=lines)
    if not text:
        raise errors.Invalid(fields=[errors.FieldError("amount", "required", NOTHING_BACK)])
    program = await programs.get_program(here.db, who.business_id, operation.program_id)
    return RefundRequest(operation.id, parse_major(text, program.currency), receipt)


CASHIER = routing.staff(KIND, "cashier")
routes = [
    routing.route(SALES, sales_page, who=CASHIER, name="till:sales"),
    routing.route(SALES, undo_sale, who=CASHIER, name="till:undo", methods=["POST"]),
    routing.route(SALES + "/{operation}", sale_page, who=CASHIER, name="till:sale"),
    routing.route(SALES + "/{operation}", act_on_sale, who=CASHIER, name="till:refund", methods=["POST"]),
]
