"""What a card shows, read from wherever it is kept: only what the programme's rules make it have."""
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from msgspec.structs import replace

from app.benefits import service as benefits
from app.cards import rules as card_rules
from app.cards.service import Card
from app.clock import from_ms, local_day
from app.customers import service as customers
from app.designs import service as designs
from app.designs import shown
from app.designs.rules import CardFace, HistoryLine
from app.designs.service import DesignKey, Drawing
from app.ledger import operations_store
from app.ledger import service as ledger
from app.ledger.operations import Operation
from app.ledger.operations_store import Filter
from app.ledger.shown import shown as operation_shown
from app.money import floor_div
from app.passes.store import Reader
from app.programs import service as programs
from app.programs.explain import cashback_bp, has_balance
from app.programs.explain_parts import Called
from app.programs.rules import ProgramRules
from app.programs.store import Location, Program
from app.programs.terms import Level, Said
from app.secrets import KeyRing
from app.segments import known
from app.standing import levels
from app.standing import service as standing

MOST_OPERATIONS, MOST_ADDRESSES, MOST_LOTS = 5, 10, 100
EVER = timedelta(days=36_500)
# Never issued, so that a picture on a page can never be somebody's card.
SAMPLE_CODE = "9999000000000004"
SAMPLE_POINTS = 320
SAMPLE_DAY, SAMPLE_SALE = date(2026, 12, 31), date(2026, 11, 22)


class Shared(NamedTuple):
    """What all cards of a programme show alike; nothing of it moves with the clock. places: the business's open ones; rewards: key → name
    of the catalogue's open ones; called: the places that the rules name."""

    program: Program
    places: Sequence[Location]
    rewards: Mapping[str, Said]
    called: Called
    drawing: Drawing


async def drawn(reader: Reader, ring: KeyRing, card: Card, program: Program, now: datetime) -> tuple[DesignKey, CardFace]:
    """What the card shows, and what it is drawn from."""
    return await drawn_of(reader, ring, card, await _shared(reader, program), now)


async def drawn_of(reader: Reader, ring: KeyRing, card: Card, shared: Shared, now: datetime) -> tuple[DesignKey, CardFace]:
    """The same, of what the card shares with others."""
    face = await face_of(reader, ring, card, shared.program, now, has_rewards=bool(shared.rewards))
    addresses = [place.address for place in shared.places]
    return key_for(shared.program, shared.drawing, shared.rewards, face, shared.called, addresses), face


async def shared_of(reader: Reader, card: Card) -> Shared:
    """What the card shows as the others of its programme do, read now."""
    return await _shared(reader, await programs.get_program(reader, card.business_id, card.program_id))


async def _shared(reader: Reader, program: Program) -> Shared:
    places = [place for place in await programs.list_locations(reader, program.business_id) if place.closed_at is None]
    return Shared(program, places, await reward_names(reader, program), await known.places(reader, program, program.rules),
                  await designs.drawing_of(reader, program))


def key_for(program: Program, drawing: Drawing, rewards: Mapping[str, Said], face: CardFace, called: Called = known.NOTHING,
            addresses: Sequence[str] = ()) -> DesignKey:
    """The design in the colour of the level that the card shows; called: the places that sentences name; addresses: of the shops."""
    coloured = shown.on_level(drawing.content, levels.find(program.rules.levels, face.level))
    shops = [address for address in dict.fromkeys(addresses) if address][:MOST_ADDRESSES]
    return designs.key_of(program, drawing._replace(content=coloured), rewards, called, shops)


def stamps_of(rules: ProgramRules, face: CardFace) -> tuple[int, int] | None:
    """What a picture with stamps shows on this card: (stamped, places)."""
    if rules.stamps is None:
        return None
    size = rules.stamps.card.size
    return min(max(face.stamps or 0, 0), size), size


async def reward_names(reader: Reader, program: Program) -> dict[str, Said]:
    """Key → name of the catalogue's open rewards, as the sentences about rules call them."""
    found = await benefits.list_rewards(reader, program.business_id, program.id)
    return {reward.key: reward.names for reward in found}


async def face_of(reader: Reader, ring: KeyRing, card: Card, program: Program, now: datetime, *, has_rewards: bool = False) -> CardFace:
    """What the card shows. One that is no longer in use shows nothing of its account, which another card may go on with.

    has_rewards: there is a catalogue, so that vouchers may wait that no rule gives.
    """
    if card.status not in card_rules.LIVE:
        return CardFace(card.code, 0, 0, program.currency, is_voided=True)
    rules = program.rules
    kept = await ledger.shown(reader, card.account_id, now)
    customer = await customers.get(reader, ring, card.business_id, card.customer_id) if card.customer_id else None
    face = CardFace(
        card.code, kept.available.get("points", 0), worth_minor(kept.available.get(rules.unit, 0), rules), program.currency,
        customer.name if customer else None, is_voided=card.status == "blocked",
        pending=kept.pending.get("points"), pending_minor=kept.pending.get("money"), **_counted(rules, kept.available))
    more: dict[str, Any] = await _ending(reader, card, program, now)
    operations = await operations_store.list_operations(
        reader, Filter(card.business_id, card.account_id), MOST_OPERATIONS, has_balances=False)
    # A blocked card may lie in a stranger's hand.
    more["history"] = () if face.is_voided else tuple([history_line(operation, program.time_zone) for operation in operations])
    level, is_member, end = None, True, None
    if rules.membership is not None:
        until = await ledger.member_until(reader, card.account_id, now)
        is_member = until is not None or await ledger.alive(reader, card.account_id, "membership", now)
        # A membership that is over shows the day on which it was: an empty field says nothing.
        end = until or (None if is_member else await ledger.member_ended(reader, card.account_id, now))
        more["valid_until"] = last_day(end, program.time_zone) if end else None
    if rules.levels is not None:
        level = await standing.level_now(reader, rules, card.account_id, now)
        more |= await _level(reader, card, rules, level, now)
    if has_rewards or shown.has_vouchers(rules):
        more |= await _vouchers(reader, card, program, now)
    more["expires_at"] = await _end_of_card(reader, card, program, operations, end, now)
    return replace(face, **more, **_shares(rules, level, is_member))


def history_line(operation: Operation, zone: str) -> HistoryLine:
    """What an operation did, in the unit that it is about; a purchase that moved nothing shows what was paid."""
    sums = operation_shown(operation)["sums"]
    paid = operation.to_pay_minor if operation.kind == "sale" else 0
    unit, amount = sums[0] if sums else ("paid", paid)
    return HistoryLine(local_day(operation.at, zone), operation.kind, amount, unit)


async def _end_of_card(reader: Reader, card: Card, program: Program, operations: Sequence[Operation], member_end: datetime | None,
                       now: datetime) -> datetime | None:
    """When the card ends as a whole, also one that has ended: wallets then put it away. None for a card that goes on.

    A card with anything else on it goes on without its membership, its money or its coupons.
    """
    closing = [from_ms(program.spends_until_at)] if program.spends_until_at is not None else []
    own = None
    if shown.is_membership(program.rules):
        own = member_end
    elif program.rules.gift is not None:
        own = await _end_of_money(reader, card, operations, now)
    elif shown.is_coupons(program.rules):
        ends = [voucher.ends_at for voucher in await benefits.vouchers_of(reader, card.business_id, card.account_id, now)]
        own = max([at for at in ends if at is not None], default=None) if None not in ends else None
    return min([*closing, *([own] if own else [])], default=None)


async def _end_of_money(reader: Reader, card: Card, operations: Sequence[Operation], now: datetime) -> datetime | None:
    """When the last of a gift card's money ends; None while some of it never does, or all of it was spent."""
    held = (await ledger.shown(reader, card.account_id, now)).available.get("money", 0)
    lots = await ledger.expiring(reader, card.account_id, now, within=EVER, limit=MOST_LOTS, unit="money")
    if held > 0:
        return lots[-1].at if sum([lot.amount for lot in lots]) == held else None
    return operations[0].at if operations and operations[0].kind == "expiry" else None


def last_day(end: datetime, zone: str) -> date:
    """The last good day of what ends at a midnight: the one before it."""
    return local_day(end - timedelta(milliseconds=1), zone)


def worth_minor(points: int, what: ProgramRules) -> int:
    """What a balance pays at the till, in minor units; rounded down, nothing for a debt."""
    return floor_div(max(points, 0) * what.worth_minor, what.worth_points)


def _counted(rules: ProgramRules, available: Mapping[str, int]) -> dict[str, Any]:
    """The balances beside points that cards of these rules show."""
    return {
        "money_minor": available.get("money", 0) if rules.unit == "money" else None,
        "stamps": available.get("stamps", 0) if rules.stamps else None, "stamps_size": rules.stamps.card.size if rules.stamps else None,
        "visits": available.get("visits", 0) if shown.has_visits(rules) else None,
        "donated_minor": available.get("donated", 0) if rules.charity else None}


async def _ending(reader: Reader, card: Card, program: Program, now: datetime) -> dict[str, Any]:
    """The lot that ends first, of the unit that the card is about."""
    rules = program.rules
    unit = "visits" if shown.has_visits(rules) and not has_balance(rules) else rules.unit
    soon = await ledger.expiring(reader, card.account_id, now, within=EVER, limit=1, unit=unit)
    if not soon:
        return {}
    amount = {"points": {"expiring_points": soon[0].amount}, "money": {"expiring_minor": soon[0].amount}}.get(unit, {})
    return {**amount, "expires_on": last_day(soon[0].at, program.time_zone)}


async def _level(reader: Reader, card: Card, rules: ProgramRules, level: Level | None, now: datetime) -> dict[str, Any]:
    """The level's key, and what is missing to the next one in what levels measure."""
    assert rules.levels is not None
    held = level.key if level else None
    following = await standing.next_level(reader, rules, card.account_id, held, now)
    missing = "next_minor" if rules.levels.measure == "spend" else "next_count"
    return {"level": held, **({missing: following.missing} if following else {})}


async def _vouchers(reader: Reader, card: Card, program: Program, now: datetime) -> dict[str, Any]:
    """How many wait to be used, and the last good day of the one that ends first."""
    ready = [voucher for voucher in await benefits.vouchers_of(reader, card.business_id, card.account_id, now) if voucher.starts_at <= now]
    ends = min([voucher.ends_at for voucher in ready if voucher.ends_at is not None], default=None)
    return {"vouchers": len(ready), "voucher_until": last_day(ends, program.time_zone) if ends else None}


def _shares(rules: ProgramRules, level: Level | None, is_member: bool) -> dict[str, Any]:
    """What comes back and what is off, on this level and with or without a membership."""
    rate = cashback_bp(rules if level is None or level.earn_points is None else replace(rules, earn_points=level.earn_points))
    return {"rate_bp": rate or None, "discount_bp": shown.discount_of(rules, level, is_member) if shown.has_discount(rules) else None}


def sample(rules: ProgramRules, currency: str, language: str) -> CardFace:
    """A card of these rules that nobody has: in the middle of whatever it is about."""
    name = "Анна" if language == "ru" else "Anna"
    money = rules.earn_per_minor * 5 if rules.gift is None else max([rules.gift.least_minor, *rules.gift.amounts[:1]])
    level = rules.levels.levels[len(rules.levels.levels) // 2] if rules.levels else None
    missing: dict[str, Any] = {}
    if rules.levels is not None and level is not None and (following := levels.following(rules.levels, level.key, 0)):
        missing = {"next_minor" if rules.levels.measure == "spend" else "next_count": max(1, following.missing // 4)}
    available = {"points": SAMPLE_POINTS, "money": money, "visits": 4, "donated": rules.charity.a_visit_minor * 12 if rules.charity else 0,
                 "stamps": rules.stamps.card.size // 2 if rules.stamps else 0}
    unit, amount = ("stamps", 1) if rules.stamps else ("points", 25) if rules.unit == "points" and has_balance(rules) else ("paid", money)
    return CardFace(
        SAMPLE_CODE, SAMPLE_POINTS, worth_minor(available[rules.unit], rules), currency, name, **_counted(rules, available),
        level=level.key if level else None, valid_until=SAMPLE_DAY if rules.membership else None,
        history=(HistoryLine(SAMPLE_SALE, "sale", amount, unit),),
        vouchers=1 if shown.has_vouchers(rules) else None, voucher_until=SAMPLE_DAY if shown.has_vouchers(rules) else None,
        expires_on=SAMPLE_DAY if rules.gift or shown.has_visits(rules) else None, **missing, **_shares(rules, level, True))
