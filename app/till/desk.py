"""What the till's pages show: a card with what to say about it, the last sales, what was just done."""
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from app.cards import service as cards
from app.cards.service import Card
from app.clock import local_day, midnight_after
from app.context import Context
from app.customers import service as customers
from app.designs import service as designs
from app.designs import shown
from app.ledger.operations import Operation
from app.money import minor_digits
from app.programs import rules as program_rules
from app.programs import service as programs
from app.programs import words
from app.programs.explain import has_balance
from app.programs.store import Program
from app.sales import service as sales
from app.sales import surroundings
from app.sales.surroundings import Seen
from app.sales.words import MOST, about_card
from app.standing import levels
from app.web.formats import MINUS
from app.web.principal import Principal

SHOWN_SALES = 20


@dataclass(frozen=True, slots=True)
class Desk:
    """A cashier at work: where, for whom. `program` is the business's first open one."""

    who: Principal
    program: Program
    place: str
    zone: str


async def desk_of(here: Context, who: Principal, language: str) -> Desk:
    """Raises NotFound where the business has no programme yet."""
    open_ones = [program for program in await programs.list_programs(here.db, who.business_id) if program.closed_at is None]
    program = open_ones[0] if open_ones else await programs.get_program(here.db, who.business_id, 0)
    place = ""
    if who.location_id is not None:
        place = (await programs.get_location(here.db, who.business_id, who.location_id)).name_in(language)
    return Desk(who, program, place, await programs.location_zone(here.db, who.business_id, who.location_id))


async def desk_at(here: Context, desk: Desk, card: Card, who: Principal) -> Desk:
    """The same desk at work on a card, which may be a coalition's; who: as `elsewhere` found."""
    if card.program_id == desk.program.id:
        return desk
    return replace(desk, who=who, program=await programs.get_program(here.db, card.business_id, card.program_id))


async def brand_of(here: Context, program: Program) -> dict[str, str]:
    """The custom properties of the programme's colours."""
    return (await designs.content_of(here.db, program)).colours().css()


async def card_context(here: Context, desk: Desk, card: Card, language: str, now: datetime) -> dict[str, Any]:
    """What the card's page shows whether or not anything was done."""
    program = desk.program if card.program_id == desk.program.id else await programs.get_program(here.db, card.business_id, card.program_id)
    customer = await customers.get(here.db, here.ring, card.business_id, card.customer_id) if card.customer_id else None
    seen = await surroundings.look_up(here.db, program, card, now)
    soon, what = seen.around.expiring, program.rules
    in_use = card.status in ("active", "provisional")
    # What the programme gives, and what to say about this card; what ends has a place of its own.
    told = program_rules.explain(what, program.currency, language, seen.around.rewards)[:1] if in_use else []
    if card.status == "active":
        told += about_card(msgspec.structs.replace(seen, around=msgspec.structs.replace(seen.around, expiring=None)), language)
    return {
        "brand": await brand_of(here, program), "status": card.status, "name": (customer.name if customer else None) or "",
        "phone": (customer.phone_masked if customer else None) or "", "number_end": card.number[-4:], "balance": seen.balance,
        "figures": figures_of(seen, language), "hints": told[:MOST],
        "expiring": {"text": words.amount(soon.amount, soon.unit, program.currency, language), "at": soon.at} if soon else None,
        "can_earn": in_use, "can_redeem": card.status == "active" and seen.balance > 0 and what.largest_share_bp > 0,
        "currency": program.currency, "digits": minor_digits(program.currency), "rules": _told_rules(seen),
    }


def figures_of(seen: Seen, language: str) -> list[tuple[str, str]]:
    """(number, its word) of each balance that the programme keeps, the programme's own unit first."""
    rules, held = seen.rules, seen.standing.held
    own = [(rules.unit, seen.balance)] if has_balance(rules) or seen.balance else []
    others = [(unit, held.get(unit, 0)) for unit, is_kept in (("stamps", rules.stamps), ("visits", shown.has_visits(rules))) if is_kept]
    found = []
    for unit, amount in [*own, *others]:
        text = words.amount(abs(amount), unit, seen.currency, language)
        number, _, word = (text, "", "") if unit == "money" else text.rpartition(words.SPACE)
        found.append((f"{MINUS if amount < 0 else ''}{number}", word))
    return found


def _told_rules(seen: Seen) -> dict[str, Any]:
    """What the page's script needs to say beforehand what a button will do. is_simple: no rule asks for more than the amount."""
    rules = seen.rules
    level = levels.find(rules.levels, seen.standing.level)
    rate = level.earn_points if level and level.earn_points is not None else rules.earn_points
    share = level.largest_share_bp if level and level.largest_share_bp is not None else rules.largest_share_bp
    is_simple = not (rules.rules or rules.offers or rules.favourite or seen.standing.is_closed or not seen.standing.is_member)
    return {"earn_points": rate, "earn_per_minor": rules.earn_per_minor, "whole_steps": rules.earn_mode == "whole_steps",
            "minimum_minor": rules.minimum_receipt_minor, "worth_minor": rules.worth_minor, "worth_points": rules.worth_points,
            "share_bp": share, "discount_bp": shown.discount_of(rules, level, seen.standing.is_member), "is_money": rules.unit == "money",
            "smallest": rules.smallest_redeem, "step": rules.redeem_step, "is_simple": is_simple}


async def done_of(here: Context, desk: Desk, card: Card, operation_id: int | None, now: datetime) -> dict[str, Any] | None:
    """The sale that was just recorded, while its undo is within reach; None for whatever is not a sale of this card."""
    if operation_id is None:
        return None
    operation = await sales.get_operation(here.db, desk.who, operation_id)
    if operation.kind != "sale" or operation.account_id != card.account_id:
        return None
    return {"points": _change(operation), "to_pay_minor": operation.to_pay_minor, "operation": here.ids.encode("operation", operation.id),
            "seconds": undo_seconds(operation, desk.program, now)}


def undo_seconds(operation: Operation, program: Program, now: datetime) -> int:
    """How long a sale can still be undone, in whole seconds; 0: no longer."""
    return max(0, int((operation.recorded_at + timedelta(minutes=program.rules.undo_minutes) - now).total_seconds()))


def _change(operation: Operation) -> int:
    return sum(change.amount for change in operation.changes if change.unit == "points")


async def served_today(here: Context, desk: Desk, now: datetime) -> int:
    """How many different cards this cashier has served since the place's midnight."""
    begin = midnight_after(local_day(now, desk.zone) - timedelta(days=1), desk.zone)
    page = await sales.list_operations(here.db, desk.who, kind="sale", since=begin, limit=200)
    return len({operation.card_id for operation in page.items if _is_own(operation, desk.who)})


async def last_sales(here: Context, desk: Desk, now: datetime) -> list[dict[str, Any]]:
    """The last sales of this place, each with whether this cashier may still undo it."""
    found = await sales.list_operations(here.db, desk.who, kind="sale", location_id=desk.who.location_id, limit=SHOWN_SALES)
    taken_back = await sales.list_operations(here.db, desk.who, kind="undo", limit=200)
    undone = {operation.of_operation_id for operation in taken_back.items}
    cards_of = {operation.card_id: await cards.get_card(here.db, desk.who.business_id, operation.card_id) for operation in found.items}
    people = await customers.get_many(here.db, here.ring, desk.who.business_id,
                                      {card.customer_id for card in cards_of.values() if card.customer_id is not None})
    return [_sale_row(here, desk, operation, cards_of[operation.card_id], people, operation.id in undone, now) for operation in found.items]


def _is_own(operation: Operation, who: Principal) -> bool:
    return (operation.actor_kind, operation.actor_id) == (who.kind, who.id)


def _sale_row(here: Context, desk: Desk, operation: Operation, card: Card, people: dict[int, customers.Customer], is_undone: bool,
              now: datetime) -> dict[str, Any]:
    customer = people.get(card.customer_id) if card.customer_id is not None else None
    may = _is_own(operation, desk.who) or desk.who.may("manager")
    return {"operation": here.ids.encode("operation", operation.id), "at": operation.recorded_at, "number_end": card.number[-4:],
            "name": (customer.name if customer else None) or "", "url": f"/till/cards/{here.ids.encode('card', card.id)}",
            "amount_minor": operation.amount_minor, "points": _change(operation), "undone": is_undone, "who": operation.actor_name or "",
            "undoable": may and not is_undone and undo_seconds(operation, desk.program, now) > 0}
