"""Draws the API's answers from what the rooms know: public ids, masked phones, RFC 3339 times."""
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.cards import service as cards
from app.clock import from_ms, rfc3339
from app.context import Context
from app.customers import service as customers
from app.enrolment.service import Told
from app.ledger import service as ledger
from app.ledger.operations import Operation
from app.programs import rules as program_rules
from app.programs import service as programs
from app.programs.terms import Said
from app.registrations import service as registrations
from app.sales import service as sales
from app.sales import surroundings
from app.sales.surroundings import Seen
from app.till import shapes, words
from app.web.principal import Principal

# What callers see of an account; progress and membership are the server's own books.
UNITS = ("points", "money", "stamps", "visits", "donated")


def shown(balances: Mapping[str, int]) -> dict[str, int]:
    """Those balances that callers see."""
    return {unit: amount for unit, amount in balances.items() if unit in UNITS}


async def card(here: Context, drawn: cards.Card, language: str, now: datetime, balances: Mapping[str, int] | None = None,
               seen: Seen | None = None) -> shapes.Card:
    """A card as it stands now; `balances`: those that a repeated request was answered with before; seen: where it was looked up."""
    if balances is None:
        balances = await ledger.balances(here.db, drawn.account_id)
    ending = await ledger.expiring(here.db, drawn.account_id, now)
    if seen is None:
        program = await programs.get_program(here.db, drawn.business_id, drawn.program_id)
        seen = await surroundings.look_up(here.db, program, drawn, now)
    return shapes.Card(
        id=here.ids.encode("card", drawn.id), number=drawn.number, code=drawn.code, program=here.ids.encode("program", drawn.program_id),
        status=drawn.status, customer=await _customer(here, drawn), balances=shapes.Balances(**shown(balances)), pending=shapes.Pending(),
        tier=None, expiring=[shapes.Expiring(end.unit, end.amount, rfc3339(end.at)) for end in ending],
        wallets=shapes.Wallets(await registrations.count_devices(here.db, drawn.business_id, drawn.id), 0),
        hints=words.hints(seen, language), created_at=rfc3339(drawn.created_at))


async def _customer(here: Context, drawn: cards.Card) -> shapes.Customer | None:
    if drawn.customer_id is None:
        return None
    found = await customers.get(here.db, here.ring, drawn.business_id, drawn.customer_id)
    return shapes.Customer(here.ids.encode("customer", found.id), found.name, found.phone_masked)


async def quote(here: Context, drawn: sales.Quote, language: str, now: datetime) -> shapes.Quote:
    judged = drawn.judgement
    return shapes.Quote(
        card=await card(here, drawn.card, language, now, seen=surroundings.seen_in(drawn)), amount=judged.amount, discount=judged.discount,
        redeemable=shapes.Redeemable(judged.redeemable_points, judged.redeemable_minor), to_earn=shapes.ToEarn(judged.to_earn),
        rewards=[], to_pay=judged.to_pay, hints=sales.hints(drawn, language))


def operation(here: Context, drawn: Operation) -> shapes.Operation:
    def public(kind: str, row_id: int | None) -> str | None:
        return None if row_id is None else here.ids.encode(kind, row_id)

    return shapes.Operation(
        id=here.ids.encode("operation", drawn.id), kind=drawn.kind, card=here.ids.encode("card", drawn.card_id),
        location=public("location", drawn.location_id), at=rfc3339(drawn.at), receipt=drawn.receipt, reason=drawn.texts.get("reason"),
        amount=drawn.amount_minor, discount=drawn.discount_minor, to_pay=drawn.to_pay_minor, pay_back=drawn.pay_back_minor,
        shortfall=drawn.shortfall, changes=[_change(change) for change in drawn.changes if change.unit in UNITS],
        balances=shapes.Balances(**shown(drawn.balances)),
        tier=None, actor=shapes.Actor(drawn.actor_kind, drawn.actor_name), of=public("operation", drawn.of_operation_id),
        hash=drawn.hash.hex() if drawn.hash else None)


def _change(change: Any) -> shapes.Change:
    made = shapes.Change(change.unit, change.amount, change.why)
    if change.expires_at is not None:
        made.expires_at = rfc3339(from_ms(change.expires_at))
    return made


def enrolment(here: Context, told: Told) -> shapes.Enrolment:
    return shapes.Enrolment(
        id=None if told.id is None else here.ids.encode("enrolment", told.id), status=told.status,
        card=None if told.card_id is None else here.ids.encode("card", told.card_id),
        expires_at=rfc3339(told.expires_at) if told.expires_at else None)


def program(here: Context, drawn: programs.Program, business_slug: str, language: str, rewards: Mapping[str, Said]) -> shapes.Program:
    """rewards: key → name, as its sentences call them."""
    return shapes.Program(
        id=here.ids.encode("program", drawn.id), slug=drawn.slug, name=drawn.name_in(language), kind=drawn.kind, currency=drawn.currency,
        rules_version=drawn.rules_version, rules=drawn.rules,
        explained=program_rules.explain(drawn.rules, drawn.currency, language, rewards),
        enrol=here.settings.address(f"/e/{business_slug}/{drawn.slug}"))


def location(here: Context, drawn: programs.Location, language: str) -> shapes.Location:
    return shapes.Location(here.ids.encode("location", drawn.id), drawn.name_in(language), drawn.address, drawn.time_zone)


def me(here: Context, who: Principal, business: programs.Business, language: str) -> shapes.Me:
    assert who.id is not None
    return shapes.Me(
        id=here.ids.encode("api_key", who.id), name=who.name, scopes=sorted(who.scopes),
        location=None if who.location_id is None else here.ids.encode("location", who.location_id),
        business=shapes.Business(here.ids.encode("business", business.id), business.name_in(language), business.currency,
                                 business.country, business.time_zone, business.language))
