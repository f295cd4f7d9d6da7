"""What happens to a card's account besides sales, through the API: events, purchases, visits, rewards, levels, merging, corrections."""
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.benefits import service as benefits
from app.cards import service as cards
from app.errors import FieldError, Invalid
from app.sales import approvals, claims, happenings, merging, purchases, visits
from app.sales.acts import Outcome
from app.sales.purchases import Giver, Till
from app.standing import service as standings
from app.text import N_
from app.till import answers, asking, elsewhere, sale_shapes, shapes
from app.till.calls import KEY, KEY_REQUIRED, PAGE, Call
from app.till.sales_api import operation_answer
from app.web.principal import Principal
from app.web.requests import context, language, principal, wanted_page
from app.web.routing import key

ONE_OF_THREE = N_("Name one of `package`, `plan` and `gift`.")
OF_GIFT = ("amount", "name", "words")


async def _act(request: Request, asked: asking.Asked, act: Callable[[Principal, int], Awaitable[Outcome]]) -> Response:
    """`act` on the card of the address, at home or as a member of its coalition."""
    card_id = asking.id_in_path(request, "card")
    made = await elsewhere.at_card(context(request), principal(request), card_id, lambda who: act(who, card_id))
    return await operation_answer(request, made, asked)


async def tell_event(request: Request) -> Response:
    """POST /cards/{id}/events"""
    here, asked = context(request), await asking.asked(request, sale_shapes.EventBody)
    body = asked.body
    return await _act(request, asked, lambda who, card_id: happenings.happen(
        here.db, who, card_id, body.event, body.quantity, body.key, elsewhere.key_for(who, asked.key), here.clock.now()))


async def purchase(request: Request) -> Response:
    """POST /cards/{id}/purchases"""
    here, asked = context(request), await asking.asked(request, sale_shapes.PurchaseBody, key_required=True)
    body = asked.body
    if sum(part is not None for part in (body.package, body.plan, body.gift)) != 1:
        raise Invalid(fields=[FieldError("package", "required", ONE_OF_THREE)])
    till, now = Till(body.receipt, await asking.location_id(request, body.location)), here.clock.now()

    async def act(who: Principal, card_id: int) -> Outcome:
        key_ = elsewhere.key_for(who, asked.key)
        if body.package is not None:
            return await purchases.buy_package(here.db, who, card_id, body.package, key_, now, till)
        if body.plan is not None:
            return await purchases.buy_plan(here.db, who, card_id, body.plan, key_, now, till)
        giver = Giver(body.gift.name, body.gift.words) if body.gift.name or body.gift.words else None
        try:
            return await purchases.load_gift(here.db, who, card_id, body.gift.amount, key_, now, till, giver)
        except Invalid as failure:
            if all(wrong.field in OF_GIFT for wrong in failure.fields):
                raise asking.within("gift", failure) from failure
            raise

    return await _act(request, asked, act)


async def visit(request: Request) -> Response:
    """POST /cards/{id}/visits"""
    here, asked = context(request), await asking.asked(request, sale_shapes.VisitBody, key_required=True)
    body, location_id = asked.body, await asking.location_id(request, asked.body.location)
    return await _act(request, asked, lambda who, card_id: visits.visit(
        here.db, who, card_id, body.count, elsewhere.key_for(who, asked.key), here.clock.now(), location_id=location_id, at=body.at))


async def freeze(request: Request) -> Response:
    """POST /cards/{id}/freeze"""
    here, asked = context(request), await asking.asked(request, sale_shapes.FreezeBody)
    return await _act(request, asked, lambda who, card_id: visits.freeze(
        here.db, who, card_id, asked.body.days, elsewhere.key_for(who, asked.key), here.clock.now()))


async def unfreeze(request: Request) -> Response:
    """POST /cards/{id}/unfreeze"""
    here, asked = context(request), await asking.asked(request, shapes.Nothing)
    return await _act(request, asked, lambda who, card_id: visits.unfreeze(
        here.db, who, card_id, elsewhere.key_for(who, asked.key), here.clock.now()))


async def extend(request: Request) -> Response:
    """POST /cards/{id}/extend"""
    here, asked = context(request), await asking.asked(request, sale_shapes.ExtendBody, key_required=True)
    made = await visits.extend(here.db, principal(request), asking.id_in_path(request, "card"), asked.body.days, asked.body.reason,
                               asked.key, here.clock.now())
    return await operation_answer(request, made, asked)


async def hand_over(request: Request) -> Response:
    """POST /cards/{id}/vouchers/use"""
    here, asked = context(request), await asking.asked(request, sale_shapes.UseBody, key_required=True)
    voucher_id = asking.id_of(request, "voucher", asked.body.voucher)

    async def act(who: Principal, card_id: int) -> Outcome:
        return await claims.hand_over(here.db, who, card_id, voucher_id, await _reward_key(request, who, card_id, asked.body.reward),
                                      elsewhere.key_for(who, asked.key), here.clock.now())

    return await _act(request, asked, act)


async def _reward_key(request: Request, who: Principal, card_id: int, named: str | None) -> str | None:
    """The key of a reward by the id that the body names. Raises NotFound."""
    if named is None:
        return None
    db = context(request).db
    card = await cards.get_card(db, who.business_id, card_id)
    return (await benefits.reward_by_id(db, who.business_id, card.program_id, asking.id_of(request, "reward", named))).key


async def claim(request: Request) -> Response:
    """POST /cards/{id}/claims"""
    here, asked = context(request), await asking.asked(request, sale_shapes.ClaimBody, key_required=True)

    async def act(who: Principal, card_id: int) -> Outcome:
        reward = await _reward_key(request, who, card_id, asked.body.reward)
        return await claims.claim(here.db, who, card_id, reward or "", elsewhere.key_for(who, asked.key), here.clock.now())

    return await _act(request, asked, act)


async def choose_favourite(request: Request) -> Response:
    """POST /cards/{id}/favourite; the same product again changes nothing, so that no key is needed."""
    here, asked, card_id = context(request), await asking.asked(request, sale_shapes.FavouriteBody), asking.id_in_path(request, "card")

    async def act() -> dict[str, Any]:
        chosen = await standings.choose_favourite(here.db, principal(request), card_id, asked.body.sku, here.clock.now())
        return msgspec.to_builtins(answers.favourite(chosen))

    kept = await asking.once(request, asked, act)
    return asking.answered(msgspec.convert(kept, shapes.ChosenFavourite), 200, asked.key)


async def set_level(request: Request) -> Response:
    """PUT /cards/{id}/level"""
    here, who, asked = context(request), principal(request), await asking.asked(request, sale_shapes.LevelBody)
    body, card_id, now = asked.body, asking.id_in_path(request, "card"), here.clock.now()
    await standings.set_by_hand(here.db, who, card_id, body.level, body.reason, body.until, now)
    card = await cards.get_card(here.db, who.business_id, card_id)
    return asking.answered(await answers.card(here, card, language(request), now))


async def merge(request: Request) -> Response:
    """POST /cards/{id}/merge"""
    here, asked = context(request), await asking.asked(request, sale_shapes.MergeBody, key_required=True)
    keep, lose = asking.id_in_path(request, "card"), asking.id_of(request, "card", asked.body.card)
    made = await merging.merge(here.db, principal(request), keep, lose, asked.key, here.clock.now())
    return await operation_answer(request, made, asked)


async def adjust(request: Request) -> Response:
    """POST /cards/{id}/adjustments: 201 the operation, 202 what waits for a second manager."""
    here, asked = context(request), await asking.asked(request, sale_shapes.AdjustmentBody, key_required=True)
    body, card_id = asked.body, asking.id_in_path(request, "card")
    made = await approvals.adjust_or_ask(here.db, principal(request), card_id, body.unit, body.amount, body.reason, asked.key,
                                         here.clock.now())
    if isinstance(made, Outcome):
        return await operation_answer(request, made, asked)
    return asking.answered(answers.approval(here, made), 202, asked.key)


async def list_approvals(request: Request) -> Response:
    """GET /approvals: what waits, oldest first."""
    here, limit, after = context(request), wanted_page(request)["limit"], asking.after(request, "approval")
    waiting = await approvals.list_waiting(here.db, principal(request).business_id, here.clock.now())
    found = [one for one in waiting if one.id > after][:limit + 1]
    cursor = here.ids.encode("approval", found[limit - 1].id) if len(found) > limit else None
    return asking.answered(sale_shapes.ApprovalList([answers.approval(here, one) for one in found[:limit]], cursor))


_SELL, _ADMIN = key("sales:write"), key("admin")
_CARD = ("card_blocked", "card_provisional", "card_ended", "program_closed")


def _on_card(verb: str, endpoint: object, summary: str, body: type, refusals: tuple[str, ...], *, key_: str = KEY_REQUIRED,
             who: object = _SELL) -> Call:
    return Call("POST", f"/cards/{{id}}/{verb}", f"api:{verb}", endpoint, who, "Account", summary,  # type: ignore[arg-type]
                sale_shapes.Operation, 201, body, key_, "card", refusals=refusals)


CALLS = (
    _on_card("events", tell_event, "Something happened that is no purchase; gives what the rules say, once", sale_shapes.EventBody,
             (*_CARD, "own_card", "event_gives_nothing", "campaign_used_up"), key_=KEY),
    _on_card("purchases", purchase, "A package of visits, a membership or a load of a gift card is bought", sale_shapes.PurchaseBody,
             (*_CARD, "own_card", "receipt_already_used", "other_location")),
    _on_card("visits", visit, "Prepaid visits are used, without a receipt", sale_shapes.VisitBody,
             (*_CARD, "not_enough", "visits_used_today", "other_location", "member_only_earns", "live_code_needed")),
    _on_card("freeze", freeze, "Prepaid visits rest and live longer", sale_shapes.FreezeBody,
             (*_CARD, "not_enough", "already_frozen", "freeze_limit"), key_=KEY),
    _on_card("unfreeze", unfreeze, "Frozen visits can be used again", shapes.Nothing, (*_CARD, "not_frozen"), key_=KEY),
    _on_card("extend", extend, "What is left of prepaid visits lives longer, with a reason", sale_shapes.ExtendBody,
             ("card_blocked", "card_provisional", "card_ended", "not_enough"), who=_ADMIN),
    Call("POST", "/cards/{id}/vouchers/use", "api:use_voucher", hand_over, _SELL, "Account",
         "A voucher is handed over without a receipt; an undo opens it again", sale_shapes.Operation, 201, sale_shapes.UseBody,
         KEY_REQUIRED, "card", refusals=(*_CARD, "voucher_elsewhere", "voucher_used", "voucher_void", "voucher_ended", "voucher_not_yet",
                                         "out_of_stock", "needs_receipt", "member_only_earns", "live_code_needed")),
    _on_card("claims", claim, "A reward of the catalogue is bought with what the card holds; it becomes a voucher", sale_shapes.ClaimBody,
             (*_CARD, "not_enough", "level_needed", "out_of_stock", "reward_closed", "member_only_earns",
              "live_code_needed")),
    Call("POST", "/cards/{id}/favourite", "api:favourite", choose_favourite, key("cards:write"), "Account",
         "The shopper's favourite product", shapes.ChosenFavourite, 200, sale_shapes.FavouriteBody, KEY, "card",
         refusals=("card_ended", "no_favourites", "favourite_chosen_already")),
    Call("PUT", "/cards/{id}/level", "api:level", set_level, _ADMIN, "Account", "A level given by hand, with a reason and an end",
         shapes.Card, 200, sale_shapes.LevelBody, kind="card"),
    _on_card("merge", merge, "Another card of the programme ends; all that it has goes to this one", sale_shapes.MergeBody,
             ("card_blocked", "card_provisional", "card_ended", "own_card", "same_card", "other_program"), who=_ADMIN),
    _on_card("adjustments", adjust, "Given or taken by hand, never below zero; 202 with an approval where a second manager is needed",
             sale_shapes.AdjustmentBody, ("not_enough_points", "card_ended", "own_card"), who=_ADMIN),
    Call("GET", "/approvals", "api:approvals", list_approvals, _ADMIN, "Account", "Adjustments that wait for a second manager",
         sale_shapes.ApprovalList, query=PAGE),
)
