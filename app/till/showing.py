"""What a card shows a cashier: what it holds, what to say about it, and the acts that its programme offers; only those."""
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from app.benefits import promo
from app.benefits import service as benefits
from app.benefits.rewards import is_for_sale
from app.benefits.rules import Reward, Voucher, in_groups
from app.cards.service import Card
from app.context import Context
from app.customers import service as customers
from app.designs import service as designs
from app.designs import shown
from app.enrolment import service as enrolment
from app.ledger import service as ledger
from app.ledger.shown import UNITS
from app.money import minor_digits
from app.programs import rules as program_rules
from app.programs import service as programs
from app.programs import words
from app.programs.explain import has_balance
from app.programs.rules import ProgramRules
from app.programs.store import Program
from app.sales import surroundings
from app.sales.surroundings import Seen
from app.sales.words import MOST, about_card
from app.sms import delivered
from app.sms import service as sms
from app.standing import levels
from app.standing import service as standings
from app.web import i18n
from app.web.formats import MINUS

BY_HAND = ("product", "service", "delivery", "text")        # kinds of rewards that are handed over; the others take something off
MOST_CHIPS = 12


async def card_context(here: Context, known: Program, card: Card, language: str, now: datetime) -> dict[str, Any]:
    """What the card's page shows whether or not anything was done. known: a programme at hand, which may be the card's."""
    program = known if card.program_id == known.id else await programs.get_program(here.db, card.business_id, card.program_id)
    customer = await customers.get(here.db, here.ring, card.business_id, card.customer_id) if card.customer_id else None
    held = await ledger.shown(here.db, card.account_id, now)
    seen = await surroundings.look_up(here.db, program, card, now, held)
    soon, what = seen.around.expiring, program.rules
    in_use, is_active = card.status in ("active", "provisional"), card.status == "active"
    level = levels.find(what.levels, seen.standing.level)
    return {
        "brand": (await designs.content_of(here.db, program)).colours().css(), "status": card.status,
        "name": (customer.name if customer else None) or "", "phone": (customer.phone_masked if customer else None) or "",
        "number_end": card.number[-4:], "balance": seen.balance, "figures": figures_of(seen, held.available, language),
        "stamps": _stamps(seen), "level": level.name.in_(language) if level else "", "member": _member(seen),
        "pending": [words.amount(amount, unit, program.currency, language) for unit, amount in held.pending.items() if unit in UNITS],
        "debts": [words.amount(-amount, unit, program.currency, language) for unit, amount in held.available.items()
                  if unit in UNITS and unit != what.unit and amount < 0],
        "hints": [*await _message(here, seen.card, language), *(hints_of(seen, program, language) if in_use else [])],
        "expiring": {"text": words.amount(soon.amount, soon.unit, program.currency, language), "at": soon.at} if soon else None,
        "can_earn": in_use and gives_for_sales(what), "can_redeem": is_active and seen.balance > 0 and what.largest_share_bp > 0,
        "currency": program.currency, "digits": minor_digits(program.currency), "rules": _told_rules(seen),
        **await _acts(here, program, seen, held.available, language, now)}


async def _message(here: Context, card: Card, language: str) -> list[str]:
    """What became of the message to whoever a provisional card waits for."""
    waits = await enrolment.find_of_card(here.db, card) if card.status == "provisional" else None
    found = await sms.delivery_of(here.db, waits) if waits else None
    return [i18n.translate(language, delivered.sentence(found.state, found.why))] if found else []


def hints_of(seen: Seen, program: Program, language: str) -> list[str]:
    """What to say, at most five: about this card, and where there is little to say, what the programme gives."""
    said = []
    if seen.card.status == "active":
        # What ends has a place of its own.
        said = about_card(msgspec.structs.replace(seen, around=msgspec.structs.replace(seen.around, expiring=None)), language)
    rules = program.rules
    # What is for sale stands on the page already.
    if len(said) < 2 and not (rules.visits or rules.membership or rules.gift):
        said += program_rules.explain(rules, program.currency, language, seen.around.rewards)[:1]
    return said[:MOST]


def figures_of(seen: Seen, available: Mapping[str, int], language: str) -> list[tuple[str, str]]:
    """(number, its word) of each balance that the programme keeps, the programme's own unit first; stamps have a place of their own."""
    rules = seen.rules
    kept: list[str] = [rules.unit] if has_balance(rules) or seen.balance else []
    kept += ["visits"] if shown.has_visits(rules) else []
    kept += ["donated"] if rules.charity else []
    return [_figure(available.get(unit, 0), unit, seen.currency, language) for unit in kept]


def _figure(amount: int, unit: str, currency: str, language: str) -> tuple[str, str]:
    text = words.amount(abs(amount), unit, currency, language)
    if unit == "donated":
        return text, "в фонд" if language == "ru" else "to the fund"
    number, _, word = (text, "", "") if unit == "money" else text.rpartition(words.SPACE)
    return f"{MINUS if amount < 0 else ''}{number}", word


def _stamps(seen: Seen) -> dict[str, int] | None:
    """held of size; None where the programme gives none."""
    if seen.rules.stamps is None:
        return None
    return {"held": seen.standing.held.get("stamps", 0), "size": seen.rules.stamps.card.size}


def _member(seen: Seen) -> dict[str, Any] | None:
    """Whether and until when this is a member; None where the programme has no membership."""
    if seen.rules.membership is None:
        return None
    return {"is_member": seen.standing.is_member, "until": seen.around.member_until}


def gives_for_sales(rules: ProgramRules) -> bool:
    """Whether a purchase does anything: with nothing but prepaid visits or stored value it does not."""
    more = (rules.earn_points, rules.discount_bp, rules.levels, rules.stamps, rules.charity, rules.membership, rules.offers,
            rules.favourite, *(rule for rule in rules.rules if rule.when.event is None))
    return any(more) or not (rules.visits or rules.gift)


def _told_rules(seen: Seen) -> dict[str, Any]:
    """What the page's script needs to say beforehand what a button will do. is_simple: no rule asks for more than the amount."""
    rules = seen.rules
    level = levels.find(rules.levels, seen.standing.level)
    rate = level.earn_points if level and level.earn_points is not None else rules.earn_points
    share = level.largest_share_bp if level and level.largest_share_bp is not None else rules.largest_share_bp
    return {"earn_points": rate, "earn_per_minor": rules.earn_per_minor, "whole_steps": rules.earn_mode == "whole_steps",
            "minimum_minor": rules.minimum_receipt_minor, "worth_minor": rules.worth_minor, "worth_points": rules.worth_points,
            "share_bp": share, "discount_bp": shown.discount_of(rules, level, seen.standing.is_member), "is_money": rules.unit == "money",
            "smallest": rules.smallest_redeem, "step": rules.redeem_step, "is_simple": is_simple(seen)}


def is_simple(seen: Seen) -> bool:
    """Whether the amount alone says what a purchase does, so that one press is enough; else it is shown before it is done."""
    return asks_amount_alone(seen.rules) and not seen.standing.is_closed and seen.standing.is_member


def asks_amount_alone(rules: ProgramRules) -> bool:
    """Whether no rule looks at more than the amount, whoever buys."""
    return not (rules.rules or rules.offers or rules.favourite)


async def _acts(here: Context, program: Program, seen: Seen, held: Mapping[str, int], language: str, now: datetime) -> dict[str, Any]:
    """What can be pressed; empty where the programme or the card's state offers nothing of it."""
    rules, is_active = program.rules, seen.card.status == "active"
    rewards = {each.key: each for each in await benefits.list_rewards(here.db, program.business_id, program.id, open_only=False)}
    can_buy = [each for each in rewards.values()
               if is_active and is_for_sale(each, held.get(each.unit or "", 0), seen.standing.level, rules)]
    ready = [each for each in seen.vouchers if each.starts_at <= now] if is_active else []
    return {
        "chips": [*_voucher_chips(here, ready, rewards, language),
                  *[_reward_chip(here, each, program, language) for each in can_buy]][:MOST_CHIPS],
        "claims": [(each.key, _priced(each, program, language)) for each in can_buy],
        "gifts": [chip for chip in _voucher_chips(here, ready, rewards, language) if chip["by_hand"]][:MOST_CHIPS],
        "takes_promo": any(each.state(now) == "open" for each in await promo.list_batches(here.db, program.business_id, program.id)),
        "tenders": sorted({tender for rule in rules.rules if not rule.paused for tender in rule.when.tenders}),
        "visits_left": held.get("visits", 0) if rules.visits and is_active else 0,
        "buys": _buys(program, language) if seen.card.status in ("active", "provisional") else [],
        "gift": _gift(program, language) if seen.card.status in ("active", "provisional") else None,
        "favourites": await _favourites(here, program, seen, now) if is_active else None}


def _voucher_chips(here: Context, vouchers: Sequence[Voucher], rewards: Mapping[str, Reward], language: str) -> list[dict[str, Any]]:
    """One for each reward that a voucher may become; `use` as the form sends it."""
    return [{"use": f"{here.ids.encode('voucher', each.id)}/{key}", "name": rewards[key].names.in_(language), "cost": "",
             "code": in_groups(each.code), "until": each.ends_at, "by_hand": rewards[key].kind in BY_HAND,
             "is_line": _is_line(rewards[key])}
            for each in vouchers for key in each.rewards if key in rewards]


def _reward_chip(here: Context, reward: Reward, program: Program, language: str) -> dict[str, Any]:
    assert reward.unit is not None
    return {"use": here.ids.encode("reward", reward.id), "name": reward.names.in_(language), "code": "", "until": None,
            "cost": words.amount(reward.cost, reward.unit, program.currency, language), "by_hand": reward.kind in BY_HAND,
            "is_line": _is_line(reward)}


def _is_line(reward: Reward) -> bool:
    """Whether it takes the price of one of the receipt's lines off."""
    return reward.kind == "product" and bool(reward.sku)


def _priced(reward: Reward, program: Program, language: str) -> str:
    assert reward.unit is not None
    return f"{reward.names.in_(language)} · {words.amount(reward.cost, reward.unit, program.currency, language)}"


def _buys(program: Program, language: str) -> list[dict[str, str]]:
    """Packages of visits and plans of a membership: value as the form sends it, name, price, days."""
    rules = program.rules
    found: list[tuple[str, Any]] = [("package", each) for each in (rules.visits.packages if rules.visits else ())]
    found += [("plan", each) for each in (rules.membership.plans if rules.membership else ())]
    return [{"value": f"{kind}:{each.key}", "name": each.name.in_(language),
             "price": words.money(each.price_minor, program.currency, language),
             "days": words.days(each.days, language) if each.days else ""} for kind, each in found]


def _gift(program: Program, language: str) -> dict[str, Any] | None:
    """amounts: (minor units, words) of those that can be chosen; empty for any from least to most."""
    gift = program.rules.gift
    if gift is None:
        return None
    return {"amounts": [(str(each), words.money(each, program.currency, language)) for each in gift.amounts],
            "least": words.money(gift.least_minor, program.currency, language),
            "most": words.money(gift.most_minor, program.currency, language)}


async def _favourites(here: Context, program: Program, seen: Seen, now: datetime) -> dict[str, Any] | None:
    """The products to choose one from; None where nothing can be chosen today."""
    if program.rules.favourite is None:
        return None
    chosen = await standings.favourite_of(here.db, program, seen.card.account_id, now)
    if chosen is not None and chosen.again > now:
        return None
    found = await standings.list_products(here.db, program.business_id, only_favourites=True)
    return {"products": [(each.sku, each.name) for each in found]} if found else None
