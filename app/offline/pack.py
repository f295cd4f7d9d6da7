"""What a till needs to work without a network: the cards seen lately where it stands, as they are now, and what each purchase may do."""
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app.cards import service as cards
from app.cards.service import Card
from app.clock import to_ms
from app.context import Context
from app.customers import service as customers
from app.designs.shown import discount_of
from app.devices.service import Device
from app.ledger import service as ledger
from app.money import minor_digits
from app.offline import rules, store
from app.privacy import reads
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.programs.store import Program
from app.sales import surroundings
from app.sales.surroundings import Seen
from app.standing import levels
from app.web.principal import Principal


async def pack(here: Context, who: Principal, device: Device, language: str, now: datetime) -> dict[str, Any]:
    """As JSON carries it. next: the till's next number; until: epoch ms from which on nothing of it may be shown; redeem_most: minor
    units that points may pay of a receipt; programs: by place in the list, which `program` of a card names."""
    business = await programs.get_business(here.db, who.business_id)
    offered = [each for each in await programs.list_programs(here.db, who.business_id) if each.closed_at is None]
    place = await programs.get_location(here.db, who.business_id, device.location_id) if device.location_id else None
    open_ids = {each.id for each in offered}
    found = [card for card in await _lately(here, who.business_id, device.location_id, now) if card.program_id in open_ids]
    reads.note(here.db, who, [card.id for card in found], now)
    return {
        "now": to_ms(now), "until": to_ms(now + rules.PACK_LIFE), "next": device.counter + 1,
        "device": here.ids.encode("device", device.id),
        "staff": {"id": here.ids.encode("staff", who.id or 0), "name": who.name}, "place": place.name_in(language) if place else "",
        "business": business.name_in(language), "redeem_most": await store.redeem_most(here.db, who.business_id),
        "programs": [_program(each, language) for each in offered],
        "cards": await _shown(here, who, found, offered, language, now)}


async def _lately(here: Context, business_id: int, location_id: int | None, now: datetime) -> list[Card]:
    """Those with an operation where the till stands, newest first."""
    ids = await store.cards_seen(here.db, business_id, location_id, to_ms(now - rules.PACK_SEEN), rules.PACK_CARDS)
    return [await cards.get_card(here.db, business_id, card_id) for card_id in ids]


def _program(program: Program, language: str) -> dict[str, Any]:
    """What holds for a card of the programme that the till has not seen: the rules for everybody."""
    what = program.rules
    return {"prefix": program.number_prefix, "name": program.name_in(language), "currency": program.currency,
            "digits": minor_digits(program.currency), "unit": what.unit, "whole_steps": what.earn_mode == "whole_steps",
            "earn_per_minor": what.earn_per_minor, "minimum_minor": what.minimum_receipt_minor, "worth_minor": what.worth_minor,
            "worth_points": what.worth_points, "smallest": what.smallest_redeem, "step": what.redeem_step,
            "confirm_over": what.confirm_redeem_over, "can_buy": _can_buy(what), "has_visits": what.visits is not None,
            "is_live": bool(program.rotation_seconds) and not program.static_redeems,
            "earn_points": what.earn_points, "discount_bp": discount_of(what, None, what.membership is None), "is_plain": _is_plain(what)}


def _is_plain(what: ProgramRules) -> bool:
    """Whether the amount alone says what a purchase brings."""
    return not (what.rules or what.offers or what.favourite)


def _can_buy(what: ProgramRules) -> bool:
    """Whether a purchase does anything here, as on the page of a card."""
    more = (what.earn_points, what.discount_bp, what.levels, what.stamps, what.charity, what.membership, what.offers, what.favourite,
            *(rule for rule in what.rules if rule.when.event is None))
    return any(more) or not (what.visits or what.gift)


async def _shown(here: Context, who: Principal, found: Sequence[Card], offered: Sequence[Program], language: str,
                 now: datetime) -> list[dict[str, Any]]:
    people = await customers.get_many(here.db, here.ring, who.business_id, {card.customer_id for card in found if card.customer_id})
    known = {program.id: (place, program) for place, program in enumerate(offered)}
    rows = []
    for card in found:
        place, program = known[card.program_id]
        held = await ledger.shown(here.db, card.account_id, now)
        seen = await surroundings.look_up(here.db, program, card, now, held)
        person = people.get(card.customer_id) if card.customer_id else None
        rows.append({"id": here.ids.encode("card", card.id), "program": place, "name": (person.name if person else None) or "",
                     "number": card.number, "code": card.code, "status": card.status, **_card(seen, held.available, language)})
    return rows


def _card(seen: Seen, held: dict[str, int], language: str) -> dict[str, Any]:
    """What the card holds, and the numbers that its level changes."""
    what = seen.rules
    level = levels.find(what.levels, seen.standing.level)
    return {"balance": seen.balance, "visits": held.get("visits", 0) if what.visits else 0,
            "stamps": [seen.standing.held.get("stamps", 0), what.stamps.card.size] if what.stamps else None,
            "level": level.name.in_(language) if level else "",
            "earn_points": level.earn_points if level and level.earn_points is not None else what.earn_points,
            "share_bp": level.largest_share_bp if level and level.largest_share_bp is not None else what.largest_share_bp,
            "discount_bp": discount_of(what, level, seen.standing.is_member),
            "is_plain": _is_plain(what) and not seen.standing.is_closed and seen.standing.is_member}
