"""Sales through the API: quote, sale, undo, refund, adjustment, and what was done."""
from starlette.requests import Request
from starlette.responses import Response

from app.clock import to_ms
from app.errors import FieldError, Invalid, NotFound, Refused
from app.programs import service as programs
from app.sales import rules as sales_rules
from app.sales import service as sales
from app.sales.service import RefundRequest, SaleRequest
from app.text import N_
from app.till import answers, asking, elsewhere, shapes
from app.till.calls import KEY_REQUIRED, PAGE, Call, Query
from app.web.requests import context, language, principal, wanted_page
from app.web.routing import key

NO_PROMOTION = N_("There is no such promotion here.")
NO_REWARD = N_("There is no such reward here.")


async def quote(request: Request) -> Response:
    """POST /sales/quote changes nothing and needs no key."""
    here, now = context(request), context(request).clock.now()
    asked = await asking.asked(request, shapes.QuoteRequest)
    wanted = await _sale(request, asked.body)
    drawn = await elsewhere.at_card(here, principal(request), wanted.card_id, lambda who: sales.quote(here.db, who, wanted, now))
    return asking.answered(await answers.quote(here, drawn, language(request), now))


async def sell(request: Request) -> Response:
    here, now = context(request), context(request).clock.now()
    asked = await asking.asked(request, shapes.SaleBody, key_required=True)
    try:
        wanted = await _sale(request, asked.body)
    except (NotFound, Refused):
        # A till that lost our answer repeats the sale, although the barcode it scanned was re-issued meanwhile.
        if (before := await sales.again(here.db, principal(request), asked.key, now)) is None:
            raise
        return _operation(request, before, asked)
    try:
        made = await elsewhere.at_card(here, principal(request), wanted.card_id, lambda who: sales.sell(
            here.db, who, wanted, elsewhere.key_for(who, asked.key), now))
    except sales_rules.QuoteChanged as refusal:
        refusal.extra = {"quote": await answers.quote(here, refusal.quote, language(request), now)}
        raise
    return _operation(request, made, asked)


async def _sale(request: Request, body: shapes.QuoteRequest) -> SaleRequest:
    """The purchase with row ids. Raises what cannot be found, and Invalid for what this kind of programme has not."""
    if body.promo_code is not None:
        raise Invalid(fields=[FieldError("promo_code", "unknown", NO_PROMOTION)])
    points = body.redeem.points if body.redeem else 0
    lines = [{name: value for name, value in ((name, getattr(line, name)) for name in line.__struct_fields__) if value is not None}
             for line in body.lines]
    if not isinstance(body, shapes.SaleBody):
        return SaleRequest(await asking.card_id(request, body.card, body.code), body.amount, points, lines=lines)
    if body.rewards:
        raise Invalid(fields=[FieldError("rewards", "unknown", NO_REWARD)])
    return SaleRequest(
        await asking.card_id(request, body.card, body.code), body.amount, points, body.receipt,
        await asking.location_id(request, body.location), body.at, body.expect.to_pay if body.expect else None, lines)


def _operation(request: Request, made: sales.Outcome, asked: asking.Asked) -> Response:
    return asking.answered(answers.operation(context(request), made.operation), 201, asked.key)


async def undo(request: Request) -> Response:
    here, asked = context(request), await asking.asked(request, shapes.Nothing, key_required=True)
    operation_id = asking.id_in_path(request, "operation")
    made = await elsewhere.at_operation(here, principal(request), operation_id, lambda who: sales.undo(
        here.db, who, operation_id, elsewhere.key_for(who, asked.key), here.clock.now()))
    return _operation(request, made, asked)


async def refund(request: Request) -> Response:
    here, asked = context(request), await asking.asked(request, shapes.RefundBody, key_required=True)
    wanted = RefundRequest(asking.id_in_path(request, "operation"), asked.body.amount, asked.body.receipt)
    made = await elsewhere.at_operation(here, principal(request), wanted.operation_id, lambda who: sales.refund(
        here.db, who, wanted, elsewhere.key_for(who, asked.key), here.clock.now()))
    return _operation(request, made, asked)


async def adjust(request: Request) -> Response:
    here, asked = context(request), await asking.asked(request, shapes.AdjustmentBody, key_required=True)
    body, card_id = asked.body, asking.id_in_path(request, "card")
    made = await sales.adjust(here.db, principal(request), card_id, body.unit, body.amount, body.reason, asked.key, here.clock.now())
    return _operation(request, made, asked)


async def get_operation(request: Request) -> Response:
    here = context(request)
    operation_id = asking.id_in_path(request, "operation")
    found = await elsewhere.at_operation(here, principal(request), operation_id, lambda who: sales.get_operation(
        here.db, who, operation_id))
    return asking.answered(answers.operation(here, found))


async def list_of_card(request: Request) -> Response:
    """GET /cards/{id}/operations: the whole account's, so that a history goes on when a card is replaced."""
    return await _list(request, card_id=asking.id_in_path(request, "card"))


async def list_operations(request: Request) -> Response:
    """GET /operations"""
    asked, who = request.query_params, principal(request)
    location_id = None
    if asked.get("location"):
        location_id = (await programs.get_location(
            context(request).db, who.business_id, asking.id_of(request, "location", asked["location"]))).id
    return await _list(request, card_id=asking.id_of(request, "card", asked["card"]) if asked.get("card") else None,
                       location_id=location_id, receipt=asked.get("receipt") or None, since=asking.moment(request, "from"),
                       until=asking.moment(request, "to"))


async def _list(request: Request, **wanted: object) -> Response:
    here, page = context(request), wanted_page(request)
    before = await _before(request, page["cursor"])
    found = await sales.list_operations(here.db, principal(request), before=before, limit=page["limit"], **wanted)  # type: ignore[arg-type]
    cursor = here.ids.encode("operation", found.next[1]) if found.next else None
    return asking.answered(shapes.OperationList([answers.operation(here, one) for one in found.items], cursor))


async def _before(request: Request, cursor: str | None) -> tuple[int, int] | None:
    """Where the page before ended: its last operation names both the moment and the row."""
    here = context(request)
    if not cursor:
        return None
    row_id = here.ids.decode("operation", cursor)
    if row_id is None:
        raise asking.wrong_cursor()
    last = await sales.get_operation(here.db, principal(request), row_id)
    return to_ms(last.at), row_id


_WRITE, _READ = key("sales:write"), key("sales:write", "reports:read")
_REFUSED = ("not_enough_points", "over_largest_share", "card_blocked", "card_provisional", "card_ended", "several_cards")

CALLS = (
    Call("POST", "/sales/quote", "api:quote", quote, _WRITE, "Sales", "What a purchase would do; changes nothing", shapes.Quote,
         body=shapes.QuoteRequest, refusals=_REFUSED),
    Call("POST", "/sales", "api:sell", sell, _WRITE, "Sales", "A purchase: points pay a part of it, the rest of it earns",
         shapes.Operation, 201, shapes.SaleBody, KEY_REQUIRED,
         refusals=(*_REFUSED, "quote_changed", "receipt_already_used", "provisional_limit", "other_location")),
    Call("POST", "/sales/{id}/undo", "api:undo", undo, _WRITE, "Sales", "The whole sale taken back, within the programme's minutes",
         shapes.Operation, 201, shapes.Nothing, KEY_REQUIRED, "operation",
         refusals=("not_your_sale", "not_a_sale", "already_undone", "already_refunded", "undo_too_late")),
    Call("POST", "/sales/{id}/refunds", "api:refund", refund, _WRITE, "Sales", "A part of a sale comes back", shapes.Operation, 201,
         shapes.RefundBody, KEY_REQUIRED, "operation",
         refusals=("not_a_sale", "already_undone", "refund_exceeds_sale", "receipt_already_used", "other_location")),
    Call("POST", "/cards/{id}/adjustments", "api:adjust", adjust, key("admin"), "Sales", "Points given or taken by hand, never below zero",
         shapes.Operation, 201, shapes.AdjustmentBody, KEY_REQUIRED, "card", refusals=("not_enough_points", "card_ended")),
    Call("GET", "/cards/{id}/operations", "api:list_of_card", list_of_card, key("cards:read", "sales:write"), "Operations",
         "What was done on the card's account, newest first", shapes.OperationList, kind="card", query=PAGE),
    Call("GET", "/operations", "api:list_operations", list_operations, _READ, "Operations", "What was done, newest first",
         shapes.OperationList, query=(
             Query("receipt", "The receipt's number."), Query("location", "Where it was."), Query("card", "On this card's account."),
             Query("from", "Not before this moment.", "date-time"), Query("to", "Before this moment.", "date-time"), *PAGE)),
    Call("GET", "/operations/{id}", "api:get_operation", get_operation, _READ, "Operations", "An operation", shapes.Operation,
         kind="operation"),
)
