"""Draws the API's answers from what the rooms know: public ids, masked phones, RFC 3339 times."""
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET

from app.benefits import rewards
from app.benefits import service as benefits
from app.cards import service as cards
from app.clock import from_ms, rfc3339
from app.context import Context
from app.customers import service as customers
from app.enrolment.service import Told
from app.errors import NotFound
from app.ledger import service as ledger
from app.ledger.operations import Operation
from app.ledger.shown import UNITS
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.programs.terms import Level
from app.sales import service as sales
from app.sales import surroundings
from app.sales.approvals import Approval
from app.sales.approvals_rules import LIFE
from app.sales.surroundings import Seen
from app.staff.key_rules import Allowance
from app.standing import levels
from app.standing import service as standings
from app.till import looks_store, sale_shapes, shapes, words
from app.till.looks_store import Look
from app.web.principal import Principal

Catalogue = Mapping[str, benefits.Reward]
MOST_ENDING = 10


def shown(balances: Mapping[str, int]) -> dict[str, int]:
    """Those balances that callers see."""
    return {unit: amount for unit, amount in balances.items() if unit in UNITS}


async def catalogue_of(here: Context, business_id: int, program_id: int) -> Catalogue:
    """key → reward, closed ones too: vouchers for them stay good."""
    found = await benefits.list_rewards(here.db, business_id, program_id, open_only=False)
    return {reward.key: reward for reward in found}


async def card(here: Context, drawn: cards.Card, language: str, now: datetime, balances: Mapping[str, int] | None = None,
               seen: Seen | None = None, catalogue: Catalogue | None = None) -> shapes.Card:
    """A card as it stands now; `balances`: those that a repeated request was answered with before; seen: where it was looked up.

    What a programme has not is not read: a card of plain points costs no more than its points.
    """
    held, ending = await ledger.shown_with_ending(here.db, drawn.account_id, now, limit=MOST_ENDING)
    look = await looks_store.look(here.db, drawn)
    if look is None:
        raise NotFound()
    if seen is None:
        seen = await surroundings.look_up(here.db, look.program, drawn, now, held, ending if len(ending) < MOST_ENDING else None,
                                          may_have_vouchers=bool(look.has_vouchers))
    if catalogue is None and seen.vouchers:
        catalogue = await catalogue_of(here, drawn.business_id, drawn.program_id)
    until = seen.around.member_until
    return shapes.Card(
        id=here.ids.encode("card", drawn.id), number=drawn.number, code=drawn.code, program=here.ids.encode("program", drawn.program_id),
        status=drawn.status, customer=_customer(here, drawn, look),
        balances=shapes.Balances(**shown(held.available if balances is None else balances)),
        pending=shapes.Pending(**shown(held.pending)),
        tier=tier(seen.rules, levels.find(seen.rules.levels, seen.standing.level), language),
        expiring=[shapes.Expiring(end.unit, end.amount, rfc3339(end.at)) for end in ending],
        wallets=shapes.Wallets(look.apple, look.google),
        hints=words.hints(seen, language), created_at=rfc3339(drawn.created_at),
        vouchers=vouchers(here, seen.vouchers, catalogue or {}, language), member_until=rfc3339(until) if until else None,
        favourite=await _favourite(here, drawn, look.program, seen.rules, now))


def _customer(here: Context, drawn: cards.Card, look: Look) -> shapes.Customer | None:
    if look.customer_id is None:
        return None
    name, phone = customers.shown(here.ring, drawn.business_id, look.name_sealed, look.phone_sealed)
    return shapes.Customer(here.ids.encode("customer", look.customer_id), name, phone)


async def _favourite(here: Context, drawn: cards.Card, program: programs.Program, rules: ProgramRules,
                     now: datetime) -> shapes.ChosenFavourite | None:
    if rules.favourite is None:
        return None
    found = await standings.favourite_of(here.db, program, drawn.account_id, now)
    return favourite(found) if found else None


def favourite(drawn: standings.Favourite) -> shapes.ChosenFavourite:
    return shapes.ChosenFavourite(drawn.sku, drawn.name, rfc3339(drawn.until), rfc3339(drawn.again))


def tier(rules: ProgramRules, level: Level | None, language: str) -> shapes.Tier | None:
    if level is None:
        return None
    points = rules.earn_points if level.earn_points is None else level.earn_points
    return shapes.Tier(level.name.in_(language), level.key, level.discount_bp, shapes.EarnRate(points, rules.earn_per_minor))


def named(here: Context, reward: benefits.Reward, language: str) -> shapes.Named:
    return shapes.Named(here.ids.encode("reward", reward.id), reward.key, reward.names.in_(language))


def vouchers(here: Context, drawn: Sequence[benefits.Voucher], catalogue: Catalogue, language: str) -> list[shapes.Voucher]:
    return [shapes.Voucher(
        here.ids.encode("voucher", one.id), one.code, [named(here, catalogue[key], language) for key in one.rewards if key in catalogue],
        one.status, rfc3339(one.starts_at), rfc3339(one.ends_at) if one.ends_at else None) for one in drawn]


# Quotes.
async def quote(here: Context, drawn: sales.Quote, language: str, now: datetime) -> sale_shapes.Quote:
    judged, catalogue = drawn.judgement, await catalogue_of(here, drawn.card.business_id, drawn.card.program_id)
    is_money = drawn.rules.unit == "money"
    redeemable = sale_shapes.Redeemable(0 if is_money else judged.redeemable_points, judged.redeemable_minor,
                                        judged.redeemable_minor if is_money else UNSET)
    earned = {unit: judged.gained(unit) for unit in UNITS}
    to_earn = sale_shapes.ToEarn(earned["points"], earned["stamps"], *[earned[unit] or UNSET for unit in ("visits", "money", "donated")])
    return sale_shapes.Quote(
        card=await card(here, drawn.card, language, now, seen=surroundings.seen_in(drawn), catalogue=catalogue), amount=judged.amount,
        discount=judged.discount, redeemable=redeemable, to_earn=to_earn, rewards=_usable(here, drawn, catalogue, language, now),
        to_pay=judged.to_pay, hints=sales.hints(drawn, language),
        to_give=[sale_shapes.ToGive(named(here, catalogue[one.reward], language), one.rule, one.at_once) for one in judged.given
                 if one.reward in catalogue],
        applied=[sale_shapes.Applied(one.rule, one.what, one.amount) for one in judged.applied], visits=judged.takes.get("visits", 0),
        live_code_needed=drawn.live_code_needed)


def _usable(here: Context, drawn: sales.Quote, catalogue: Catalogue, language: str, now: datetime) -> list[sale_shapes.Usable]:
    """The card's vouchers, one line for each reward that they may become, and what its balances can buy."""
    if drawn.card.status != "active":
        return []
    found = []
    for voucher in drawn.vouchers:
        for reward in [catalogue[key] for key in voucher.rewards if key in catalogue and voucher.starts_at <= now]:
            use = here.ids.encode("voucher", voucher.id)
            if len(voucher.rewards) > 1:
                use += "/" + here.ids.encode("reward", reward.id)
            found.append(sale_shapes.Usable(use, named(here, reward, language), reward.kind, 0, None))
    for reward in catalogue.values():
        if reward.unit is not None and rewards.is_for_sale(reward, _held(drawn, reward.unit), drawn.standing.level, drawn.rules):
            made = named(here, reward, language)
            found.append(sale_shapes.Usable(made.id, made, reward.kind, reward.cost, reward.unit))
    return found


def _held(drawn: sales.Quote, unit: str) -> int:
    return drawn.standing.spendable if unit == drawn.rules.unit else drawn.standing.held.get(unit, 0)


# Operations.
async def operation(here: Context, drawn: Operation, language: str) -> sale_shapes.Operation:
    def public(kind: str, row_id: int | None) -> str | None:
        return None if row_id is None else here.ids.encode(kind, row_id)

    return sale_shapes.Operation(
        id=here.ids.encode("operation", drawn.id), kind=drawn.kind, card=here.ids.encode("card", drawn.card_id),
        location=public("location", drawn.location_id), at=rfc3339(drawn.at), receipt=drawn.receipt, reason=drawn.texts.get("reason"),
        amount=drawn.amount_minor, discount=drawn.discount_minor, to_pay=drawn.to_pay_minor, pay_back=drawn.pay_back_minor,
        shortfall=drawn.shortfall, changes=[_change(change) for change in drawn.changes if change.unit in UNITS],
        balances=shapes.Balances(**shown(drawn.balances)), tier=await _tier_after(here, drawn, language),
        actor=sale_shapes.Actor(drawn.actor_kind, drawn.actor_name), of=public("operation", drawn.of_operation_id),
        hash=drawn.hash.hex() if drawn.hash else None,
        vouchers=await _moved(here, drawn, language), applied=[sale_shapes.Applied(*one) for one in drawn.texts.get("rules", ())],
        channel=drawn.texts.get("channel", "till") if drawn.kind == "sale" else None)


def _change(change: Any) -> sale_shapes.Change:
    made = sale_shapes.Change(change.unit, change.amount, change.why)
    if change.expires_at is not None:
        made.expires_at = rfc3339(from_ms(change.expires_at))
    return made


async def _tier_after(here: Context, drawn: Operation, language: str) -> shapes.Tier | None:
    # A sale under levels says so itself, so that one without them asks for nothing more.
    if drawn.kind == "sale" and "level" not in drawn.texts:
        return None
    rules = (await programs.get_program(here.db, drawn.business_id, drawn.program_id)).rules
    if rules.levels is None:
        return None
    return tier(rules, await standings.level_now(here.db, rules, drawn.account_id, drawn.recorded_at), language)


async def _moved(here: Context, drawn: Operation, language: str) -> sale_shapes.Vouchers:
    """The vouchers that an operation issued and used; looked for only where there can be some."""
    if drawn.kind != "claim" and not drawn.texts.keys() & {"vouchers", "promo", "takes"}:
        return sale_shapes.Vouchers([], [])
    issued, used = [await benefits.vouchers_of_operation(here.db, drawn.business_id, drawn.id, used=is_used) for is_used in (False, True)]
    catalogue = await catalogue_of(here, drawn.business_id, drawn.program_id) if issued or used else {}
    return sale_shapes.Vouchers(vouchers(here, issued, catalogue, language), vouchers(here, used, catalogue, language))


def approval(here: Context, drawn: Approval) -> sale_shapes.Approval:
    return sale_shapes.Approval(
        here.ids.encode("approval", drawn.id), here.ids.encode("card", drawn.card_id), drawn.unit, drawn.amount, drawn.reason,
        drawn.status, drawn.asked_name, rfc3339(drawn.asked_at), rfc3339(drawn.asked_at + LIFE),
        None if drawn.operation_id is None else here.ids.encode("operation", drawn.operation_id))


# What a key may know of the business.
def enrolment(here: Context, told: Told, message: str | None = None) -> shapes.Enrolment:
    """message: what a sandbox would have sent."""
    link = re.search(r"https?://\S+", message) if message else None
    return shapes.Enrolment(
        id=None if told.id is None else here.ids.encode("enrolment", told.id), status=told.status,
        card=None if told.card_id is None else here.ids.encode("card", told.card_id),
        expires_at=rfc3339(told.expires_at) if told.expires_at else None, message=message or UNSET, link=link[0] if link else UNSET)


def location(here: Context, drawn: programs.Location, language: str) -> shapes.Location:
    return shapes.Location(here.ids.encode("location", drawn.id), drawn.name_in(language), drawn.address, drawn.time_zone)


def me(here: Context, who: Principal, business: programs.Business, language: str, ends_at: int | None,
       allowance: Allowance | None) -> shapes.Me:
    """ends_at: of the secret that asks, epoch ms; allowance: None where it may ask as often as it likes."""
    assert who.id is not None
    return shapes.Me(
        id=here.ids.encode("api_key", who.id), name=who.name, scopes=sorted(who.scopes),
        location=None if who.location_id is None else here.ids.encode("location", who.location_id),
        business=shapes.Business(here.ids.encode("business", business.id), business.name_in(language), business.currency,
                                 business.country, business.time_zone, business.language),
        channel=who.channel, expires_at=None if ends_at is None else rfc3339(from_ms(ends_at)),
        rate=None if allowance is None else shapes.Rate(allowance.per_second, allowance.burst), sandbox=who.sandbox)
