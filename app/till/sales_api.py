"""Sales through the API: quote, sale, undo, refund, and what was done."""
from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.benefits import service as benefits
from app.cards import service as cards
from app.clock import to_ms
from app.errors import FieldError, Invalid, NotFound, Refused
from app.programs import service as programs
from app.sales import rules as sales_rules
from app.sales import service as sales
from app.sales.service import RefundRequest, SaleRequest
from app.text import N_
from app.till import answers, asking, elsewhere, sale_shapes, shapes
from app.till.calls import KEY_REQUIRED, PAGE, Call, Query
from app.web.principal import Principal
from app.web.requests import context, language, principal, wanted_page
from app.web.routing import key

NO_REWARD = N_("There is no such reward here.")
COUNTS_POINTS = N_("This programme counts points. Send how many to pay with as `redeem.points`.")
ONE_OF_BOTH = N_("Send points or money, not both.")
NO_SUM = N_("Send the sum as `amount`, or the pieces as `lines`, or `rest` for all that is left.")
REST_ALONE = N_("The rest is all that is left: send neither a sum nor lines with it.")


async def quote(request: Request) -> Response:
    """POST /sales/quote changes nothing and needs no key."""
    here, now = context(request), context(request).clock.now()
    body = (await asking.asked(request, sale_shapes.QuoteRequest)).body
    wanted = await _sale(request, body)

    async def act(who: Principal) -> sales.Quote:
        return await sales.quote(here.db, who, await _resolved(request, who, wanted, body), now)

    drawn = await elsewhere.at_card(here, principal(request), wanted.card_id, act)
    return asking.answered(await answers.quote(here, drawn, language(request), now))


async def sell(request: Request) -> Response:
    here, now = context(request), context(request).clock.now()
    asked = await asking.asked(request, sale_shapes.SaleBody, key_required=True)

    async def act(who: Principal) -> sales.Outcome:
        return await sales.sell(here.db, who, await _resolved(request, who, wanted, asked.body), elsewhere.key_for(who, asked.key), now)

    try:
        wanted = await _sale(request, asked.body)
        made = await elsewhere.at_card(here, principal(request), wanted.card_id, act)
    except sales_rules.QuoteChanged as refusal:
        refusal.extra = {"quote": await answers.quote(here, refusal.quote, language(request), now)}
        raise
    except (NotFound, Refused):
        # A till that lost our answer repeats the sale, although the barcode it scanned was re-issued meanwhile.
        if (before := await sales.again(here.db, principal(request), asked.key, now)) is None:
            raise
        return await operation_answer(request, before, asked)
    return await operation_answer(request, made, asked)


async def _sale(request: Request, body: sale_shapes.QuoteRequest) -> SaleRequest:
    """The purchase with row ids of the card and the place; `_resolved` adds what lies on the card. Raises what cannot be found."""
    lines = [{name: value for name, value in ((name, getattr(line, name)) for name in line.__struct_fields__) if value is not None}
             for line in body.lines]
    wanted = SaleRequest(
        await asking.card_id(request, body.card, body.code), body.amount, body.redeem.points if body.redeem else 0, None,
        await asking.location_id(request, body.location), body.at, None, lines, body.promo_code,
        channel=principal(request).channel if body.channel is None else body.channel,
        tenders=body.tenders, visits=body.visits)
    if not isinstance(body, sale_shapes.SaleBody):
        return wanted
    return msgspec.structs.replace(wanted, receipt=body.receipt, expect_to_pay=body.expect.to_pay if body.expect else None,
                                   confirmed=body.confirmed)


async def _resolved(request: Request, who: Principal, wanted: SaleRequest, body: sale_shapes.QuoteRequest) -> SaleRequest:
    """With the money, vouchers and rewards of whoever's card it is; most sales have none of them and read nothing here."""
    here, money = context(request), body.redeem.money if body.redeem else 0
    if money or body.rewards:
        card = await cards.get_card(here.db, who.business_id, wanted.card_id)
    if money:
        if wanted.redeem:
            raise Invalid(fields=[FieldError("redeem.money", "contradiction", ONE_OF_BOTH)])
        if (await programs.get_program(here.db, who.business_id, card.program_id)).rules.unit != "money":
            raise Invalid(fields=[FieldError("redeem.money", "unit", COUNTS_POINTS)])
        wanted = msgspec.structs.replace(wanted, redeem=money)
    if body.rewards:
        used, bought = await _rewards(request, who, card.program_id, body.rewards)
        wanted = msgspec.structs.replace(wanted, vouchers=used, catalogue=bought)
    return wanted


async def _rewards(request: Request, who: Principal, program_id: int,
                   texts: Sequence[str]) -> tuple[list[tuple[int, str | None]], list[str]]:
    """(vouchers with what they shall become, keys of rewards to buy) of rwd_…, vch_…, vch_…/rwd_… and vouchers' codes.

    Raises Invalid (field `rewards`), with one sentence for whatever is not there.
    """
    here, used, bought = context(request), [], []
    try:
        for text in texts:
            first, _, choice = text.partition("/")
            key_ = await _reward_key(request, who, program_id, choice) if choice else None
            if (voucher_id := here.ids.decode("voucher", first)) is not None:
                used.append(((await benefits.get_voucher(here.db, who.business_id, voucher_id)).id, key_))
            elif (voucher := await benefits.find_voucher(here.db, who.business_id, first)) is not None:
                used.append((voucher.id, key_))
            else:
                bought.append(await _reward_key(request, who, program_id, first))
    except NotFound as failure:
        raise Invalid(fields=[FieldError("rewards", "unknown", NO_REWARD)]) from failure
    return used, bought


async def _reward_key(request: Request, who: Principal, program_id: int, text: str) -> str:
    here = context(request)
    return (await benefits.reward_by_id(here.db, who.business_id, program_id, asking.id_of(request, "reward", text))).key


async def operation_answer(request: Request, made: sales.Outcome, asked: asking.Asked) -> Response:
    """What an act made; a repeat says that it is one."""
    drawn = await answers.operation(context(request), made.operation, language(request))
    return asking.answered(drawn, 201, asked.key, is_replay=made.is_replay)


async def undo(request: Request) -> Response:
    here, asked = context(request), await asking.asked(request, shapes.Nothing, key_required=True)
    operation_id = asking.id_in_path(request, "operation")
    made = await elsewhere.at_operation(here, principal(request), operation_id, lambda who: sales.undo(
        here.db, who, operation_id, elsewhere.key_for(who, asked.key), here.clock.now()))
    return await operation_answer(request, made, asked)


async def refund(request: Request) -> Response:
    here, asked = context(request), await asking.asked(request, sale_shapes.RefundBody, key_required=True)
    body = asked.body
    if body.amount is None and not body.lines and not body.rest:
        raise Invalid(fields=[FieldError("amount", "required", NO_SUM)])
    if body.rest and (body.amount is not None or body.lines):
        raise Invalid(fields=[FieldError("rest", "contradiction", REST_ALONE)])
    wanted = RefundRequest(asking.id_in_path(request, "operation"), body.amount, body.receipt,
                           await asking.location_id(request, body.location), [(one.line, one.quantity) for one in body.lines])
    made = await elsewhere.at_operation(here, principal(request), wanted.operation_id, lambda who: sales.refund(
        here.db, who, wanted, elsewhere.key_for(who, asked.key), here.clock.now()))
    return await operation_answer(request, made, asked)


async def get_operation(request: Request) -> Response:
    here = context(request)
    operation_id = asking.id_in_path(request, "operation")
    found = await elsewhere.at_operation(here, principal(request), operation_id, lambda who: sales.get_operation(
        here.db, who, operation_id))
    return asking.answered(await answers.operation(here, found, language(request)))


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
    items = [await answers.operation(here, one, language(request)) for one in found.items]
    return asking.answered(sale_shapes.OperationList(items, cursor))


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
_VOUCHERS = ("voucher_used", "voucher_void", "voucher_ended", "voucher_not_yet", "voucher_elsewhere", "out_of_stock", "reward_closed",
             "level_needed", "promo_unknown", "promo_other_program", "promo_not_yet", "promo_ended", "promo_used_up", "promo_used_by_you")
_REFUSED = ("not_enough_points", "not_enough", "over_largest_share", "below_smallest_redeem", "not_in_steps", "visits_used_today",
            "card_blocked", "card_provisional", "card_ended", "own_card", "several_cards", "program_closed", "other_location",
            "member_only_earns", "code_outdated", *_VOUCHERS)

CALLS = (
    Call("POST", "/sales/quote", "api:quote", quote, _WRITE, "Sales", "What a purchase would do; changes nothing", sale_shapes.Quote,
         body=sale_shapes.QuoteRequest, refusals=_REFUSED),
    Call("POST", "/sales", "api:sell", sell, _WRITE, "Sales", "A purchase: points pay a part of it, the rest of it earns",
         sale_shapes.Operation, 201, sale_shapes.SaleBody, KEY_REQUIRED,
         refusals=(*_REFUSED, "quote_changed", "receipt_already_used", "provisional_limit", "confirmation_needed", "live_code_needed",
                   "campaign_used_up")),
    Call("POST", "/sales/{id}/undo", "api:undo", undo, _WRITE, "Sales",
         "The whole sale (or purchase, visit, claim) taken back, within the programme's minutes", sale_shapes.Operation, 201,
         shapes.Nothing, KEY_REQUIRED, "operation",
         refusals=("not_your_sale", "not_a_sale", "already_undone", "already_refunded", "undo_too_late", "purchase_used", "voucher_used")),
    Call("POST", "/sales/{id}/refunds", "api:refund", refund, _WRITE, "Sales", "A part of a sale comes back: a sum, or pieces of lines",
         sale_shapes.Operation, 201, sale_shapes.RefundBody, KEY_REQUIRED, "operation",
         refusals=("not_a_sale", "already_undone", "already_refunded", "refund_exceeds_sale", "purchase_used", "whole_only",
                   "undo_too_late", "voucher_used", "receipt_already_used", "other_location")),
    Call("GET", "/cards/{id}/operations", "api:list_of_card", list_of_card, key("cards:read", "sales:write"), "Operations",
         "What was done on the card's account, newest first", sale_shapes.OperationList, kind="card", query=PAGE),
    Call("GET", "/operations", "api:list_operations", list_operations, _READ, "Operations", "What was done, newest first",
         sale_shapes.OperationList, query=(
             Query("receipt", "The receipt's number."), Query("location", "Where it was."), Query("card", "On this card's account."),
             Query("from", "Not before this moment.", "date-time"), Query("to", "Before this moment.", "date-time"), *PAGE)),
    Call("GET", "/operations/{id}", "api:get_operation", get_operation, _READ, "Operations", "An operation", sale_shapes.Operation,
         kind="operation"),
)
