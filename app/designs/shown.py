"""Which of a card's values the rules of its programme ever fill, and what the programme calls its levels."""
from collections.abc import Mapping

from msgspec.structs import replace

from app.designs.rules import LANGUAGES, DesignContent
from app.programs.explain import cashback_bp, has_balance
from app.programs.rules import ProgramRules
from app.programs.terms import Earn, GiveVoucher, Level

Words = Mapping[str, str]


def values_of(rules: ProgramRules, *, has_rewards: bool = False) -> frozenset[str]:
    """The values that cards of these rules can have, beside what every card has: fields of others are left out of the design.

    has_rewards: there is a catalogue, whose rewards may be bought with points.
    """
    levels, money, vouchers = rules.levels, rules.unit == "money", has_rewards or has_vouchers(rules)
    asked = {
        "balance": has_balance(rules) and not money, "money": money, "expiring_money": money, "rate": cashback_bp(rules) > 0,
        "pending": rules.pending_days > 0 and not money, "pending_money": rules.pending_days > 0 and money,
        "discount": has_discount(rules), "level": levels is not None,
        "next_money": levels is not None and levels.measure == "spend", "next_count": levels is not None and levels.measure != "spend",
        "stamps": rules.stamps is not None, "visits": has_visits(rules), "valid_until": rules.membership is not None,
        "donated": rules.charity is not None, "vouchers": vouchers, "voucher_until": vouchers,
    }
    return frozenset([name for name, is_filled in asked.items() if is_filled])


def has_discount(rules: ProgramRules) -> bool:
    """Whether a card stands for a share off by itself: everybody's, a level's, or without a membership."""
    of_levels = rules.levels is not None and any(level.discount_bp for level in rules.levels.levels)
    return bool(rules.discount_bp or of_levels or (rules.membership and rules.membership.discount_outside_bp))


def has_visits(rules: ProgramRules) -> bool:
    """Whether a card can hold visits: packages, or rules that give some."""
    return rules.visits is not None or any(isinstance(rule.effect, Earn) and rule.effect.unit == "visits" for rule in rules.rules)


def has_vouchers(rules: ProgramRules) -> bool:
    """Whether anything gives vouchers: full stamp cards, thresholds, rules."""
    return rules.stamps is not None or rules.convert is not None or any(isinstance(rule.effect, GiveVoucher) for rule in rules.rules)


def is_membership(rules: ProgramRules) -> bool:
    """Whether a card is nothing without its membership, so that it ends with it."""
    if rules.membership is None or rules.membership.discount_outside_bp:
        return False
    return not any((has_balance(rules), has_visits(rules), has_vouchers(rules), rules.levels, rules.charity))


def is_coupons(rules: ProgramRules) -> bool:
    """Whether a card is for its coupons alone, so that it ends with the last of them."""
    others = (has_balance(rules), has_discount(rules), has_visits(rules), rules.stamps, rules.levels, rules.charity, rules.membership)
    return has_vouchers(rules) and not any(others)


def terms_of(rules: ProgramRules) -> dict[str, Words]:
    """Key → what the programme calls it, of everything that a field in the format `term` may show."""
    levels = rules.levels.levels if rules.levels else ()
    return {level.key: {language: level.name.in_(language) or level.key for language in LANGUAGES} for level in levels}


def discount_of(rules: ProgramRules, level: Level | None, is_member: bool) -> int:
    """The share off that this card stands for now: the larger of everybody's and the level's, as a receipt is judged."""
    if rules.membership is not None and not is_member:
        return rules.membership.discount_outside_bp
    return max(rules.discount_bp, level.discount_bp if level else 0)


def on_level(content: DesignContent, level: Level | None) -> DesignContent:
    """The design in the level's own colour, where it has one."""
    return content if level is None or level.background is None else replace(content, background=level.background)
