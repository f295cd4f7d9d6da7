"""A programme's rules in plain sentences for a shopper, in English and Russian, made from the settings alone.

So that pass, card page, poster and till can never say something else than what is done. What the programme is comes first; the
workings of the shop (undo, four eyes, priorities, a rule's own name) are not said.
"""
from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.programs import explain_parts as parts
from app.programs import explain_rules, words
from app.programs.checks_parts import earns_base
from app.programs.explain_parts import Called, Names
from app.programs.findings import WHOLE_BP
from app.programs.terms import Said

if TYPE_CHECKING:
    from app.programs.rules import ProgramRules

SHORT = 3
WARNED = (30, 7, 1)
GRACE_DAYS = 14


def explain(rules: "ProgramRules", currency: str, language: str, rewards: Mapping[str, Said] | None = None,
            called: Called | None = None) -> list[str]:
    """All sentences, the most telling first.

    language: "ru" or anything else for English; rewards: key → the name of a reward of the catalogue, "a gift" where it is
    missing; called: what else rules name, as far as the reader may know it. Spaces inside amounts do not break.
    """
    names = Names(currency, language, rewards or {}, called or Called())
    said = [*parts.club(rules.club, names), *parts.gift(rules.gift, names), *parts.visits(rules.visits, names),
            *parts.stamps(rules.stamps, names), *parts.membership(rules.membership, names), *parts.charity(rules.charity, names),
            *_discount(rules, names), *_balance(rules, names), *parts.levels(rules, names), *parts.favourite(rules.favourite, names),
            *parts.offers(rules.offers, names), *explain_rules.sentences(rules, names), *parts.referral(rules.referral, names)]
    if not said:
        said = [_no_earning(rules, names)]
    return [*said, *_least(rules, names), *_returns(rules, names)]


def brief(rules: "ProgramRules", currency: str, language: str, rewards: Mapping[str, Said] | None = None) -> list[str]:
    """The first three sentences, for where there is no room for all; a welcome gift is worth more to say than a lot's life."""
    said = explain(rules, currency, language, rewards)
    welcome = _welcome(rules, Names(currency, language, rewards or {}))
    if welcome and welcome[0] not in said[:SHORT]:
        return [*said[:SHORT - 1], *welcome]
    return said[:SHORT]


def headline(rules: "ProgramRules", currency: str, language: str) -> str | None:
    """What a purchase gives, short enough for a large line: "5 points for every 100 ₽"; None where a sentence says it better."""
    names = Names(currency, language, {})
    if rules.earn_points:
        if back := cashback_bp(rules):
            return names.say(f"{names.percent(back)} back on every purchase", f"{names.percent(back)} с каждой покупки — вам")
        step, gain = names.money(rules.earn_per_minor), names.amount(rules.earn_points, rules.unit)
        return names.say(f"{gain} for every {step}", f"{gain} за каждые {step}")
    if rules.stamps:
        size = words.stamps(rules.stamps.card.size, language)
        return names.say(f"{size} make a gift", f"{size} — и подарок ваш")
    if rules.discount_bp:
        share = names.percent(rules.discount_bp)
        return names.say(f"{share} off every purchase", f"Скидка {share} на каждую покупку")
    return _headline_of_parts(rules, names)


def _headline_of_parts(rules: "ProgramRules", names: Names) -> str | None:
    """The same for what is neither points nor a plain discount."""
    if rules.levels and (most := max(level.discount_bp for level in rules.levels.levels)):
        return names.say(f"Up to {names.percent(most)} off", f"Скидка до {names.percent(most)}")
    if rules.charity:
        fund = names.quoted(rules.charity.fund)
        return names.say(f"Every purchase helps {fund}", f"Каждая покупка помогает фонду {fund}")
    if rules.visits and rules.visits.packages:
        largest = max(rules.visits.packages, key=lambda package: package.visits)
        many, price = names.amount(largest.visits, "visits"), names.money(largest.price_minor)
        return names.say(f"{many} for {price}", f"{many} за {price}")
    return None


def main_sentence(rules: "ProgramRules", currency: str, language: str) -> str | None:
    """The sentence that `headline` says in fewer words; None where it says something of its own."""
    names = Names(currency, language, {})
    if rules.earn_points:
        return _earning(rules, names)
    return None if rules.stamps else next(iter(_discount(rules, names)), None)


def cashback_bp(rules: "ProgramRules") -> int:
    """The share of a purchase that comes back as money, where the rules amount to one; else 0."""
    if rules.unit != "money" or rules.earn_mode != "proportional" or rules.worth_minor != rules.worth_points:
        return 0
    share, rest = divmod(rules.earn_points * WHOLE_BP, rules.earn_per_minor)
    return 0 if rest else share


def has_balance(rules: "ProgramRules") -> bool:
    """Whether a card of these rules ever holds points (or money) to spend."""
    if earns_base(rules) or rules.welcome_points or rules.gift is not None:
        return True
    if rules.referral is not None and rules.referral.unit == rules.unit:
        return True
    return any(explain_rules.fills(rule.effect, rules.unit) for rule in rules.rules)


def _balance(rules: "ProgramRules", names: Names) -> list[str]:
    """Earning, worth, spending and life of the programme's unit."""
    if not has_balance(rules):
        return []
    said = []
    if rules.earn_points:
        said.append(_earning(rules, names))
    elif rules.gift is None and not earns_base(rules):
        said.append(_no_earning(rules, names))
    if rules.unit == "points" or rules.worth_minor != rules.worth_points:
        said.append(_worth(rules, names))
    said.append(_spending(rules, names))
    said += _smallest(rules, names)
    # Loaded money has an end of its own, which its sentence says.
    if rules.gift is None or rules.earn_points:
        said += [_life(rules, names), *_waiting(rules, names)]
    said += _warnings(rules, names)
    said += parts.conversion(rules.convert, rules.unit, names)
    return said + _welcome(rules, names)


def _no_earning(rules: "ProgramRules", names: Names) -> str:
    if rules.unit == "money":
        return names.say("Purchases bring no money back at the moment.", "За покупки деньги на карту сейчас не возвращаются.")
    return names.say("Purchases give no points at the moment.", "За покупки баллы сейчас не начисляются.")


def _earning(rules: "ProgramRules", names: Names) -> str:
    if back := cashback_bp(rules):
        share = names.percent(back)
        return names.say(f"{share} of what you pay comes back to your card.", f"{share} от суммы покупки возвращаются на карту.")
    step, gain = names.money(rules.earn_per_minor), names.amount(rules.earn_points, rules.unit)
    if rules.earn_mode == "whole_steps":
        return names.say(f"Every full {step} you pay gives {gain}.", f"За каждые полные {step} — {gain}.")
    return names.say(f"Every {step} you pay gives {gain}, in proportion.", f"За каждые {step} — {gain}, пропорционально сумме.")


def _worth(rules: "ProgramRules", names: Names) -> str:
    count, worth = names.amount(rules.worth_points, rules.unit), names.money(rules.worth_minor)
    return names.say(f"{count} {'is' if rules.worth_points == 1 else 'are'} {worth} off.", f"{count} — {worth} скидки.")


def _spending(rules: "ProgramRules", names: Names) -> str:
    """How much of a receipt the balance pays."""
    what, by = names.say("Points", "Баллами"), names.percent(rules.largest_share_bp)
    if rules.unit == "money":
        what = names.say("The money on your card", "Деньгами с карты")
    if not rules.largest_share_bp:
        cannot = f"Оплатить покупку {what.lower()} сейчас нельзя."
        return names.say(f"{what} cannot pay for purchases at the moment.", cannot)
    if rules.largest_share_bp == WHOLE_BP:
        said = names.say(f"{what} can pay for a whole receipt", f"{what} можно оплатить весь чек")
    else:
        said = names.say(f"{what} can pay for up to {by} of a receipt", f"{what} можно оплатить до {by} чека")
    if rules.minimum_receipt_minor:
        least = names.money(rules.minimum_receipt_minor)
        said += names.say(f"; receipts from {least} on count", f"; программа действует для чеков от {least}")
    return said + "."


def _smallest(rules: "ProgramRules", names: Names) -> list[str]:
    least = names.up_to(rules.smallest_redeem, rules.unit) if rules.smallest_redeem else ""
    step = names.amount(rules.redeem_step, rules.unit) if rules.redeem_step > 1 else ""
    if not least and not step:
        return []
    english = [f"from {least} on" if least else "", f"in steps of {step}" if step else ""]
    russian = [f"от {least}" if least else "", f"шагами по {step}" if step else ""]
    return [names.say("They can be spent " if rules.unit == "points" else "It can be spent ", "Списать можно ")
            + ", ".join(part for part in names.say_list(english, russian) if part) + "."]


def _life(rules: "ProgramRules", names: Names) -> str:
    russian, money = names.language == "ru", rules.unit == "money"
    what = names.say("The money" if money else "Points", "Деньги" if money else "Баллы")
    if rules.lot_days is None:
        return names.say(f"{what} never {'expires' if money else 'expire'}.",
                         f"{what} не сгорают.")
    life = words.days(rules.lot_days, names.language)
    stay = names.say("stays on the card for" if money else "live", "живут на карте" if money else "живут")
    if rules.fades:
        return _fading(rules, names)
    if rules.lot_end in ("month", "year"):
        return _life_to_end(rules, names)
    if rules.lot_end == "activity":
        return names.say(f"{what} {stay} {life} from your last purchase.", f"{what} {stay} {life} с последней покупки.")
    oldest = names.say("is spent first" if money else "are spent first", "самые старые")
    return f"{what} {stay} {life}; первыми тратятся {oldest}." if russian else f"{what} {stay} {life}; the oldest {oldest}."


def _life_to_end(rules: "ProgramRules", names: Names) -> str:
    """Lots that end with a month or a year: that of the purchase, or that in which so many days have passed."""
    assert rules.lot_days is not None
    month, life = rules.lot_end == "month", words.days(rules.lot_days, names.language)
    english, russian = ("month", "месяца") if month else ("year", "года")
    verb = ("ends", "действуют") if rules.unit == "money" else ("end", "действуют")
    what = names.what(rules.unit)
    if not rules.lot_days:
        return names.say(f"{what} {verb[0]} with the {english} of the purchase.", f"{what} {verb[1]} до конца {russian} покупки.")
    return names.say(f"{what} {verb[0]} with the {english} in which {life} have passed.",
                     f"{what} {verb[1]} {life} и ещё до конца этого {russian}.")


def _fading(rules: "ProgramRules", names: Names) -> str:
    what, left = names.what(rules.unit), WHOLE_BP
    steps = []
    for fade in rules.fades:
        left -= fade.share_bp
        steps.append(names.say(f"{names.percent(fade.share_bp)} after {words.days(fade.days, 'en')}",
                               f"{names.percent(fade.share_bp)} через {words.days(fade.days, 'ru')}"))
    if left > 0 and rules.lot_days is not None:
        steps.append(names.say(f"the rest after {words.days(rules.lot_days, 'en')}", f"остальные через {words.days(rules.lot_days, 'ru')}"))
    verb = "ends" if rules.unit == "money" else "end"
    return names.say(f"{what} {verb} in parts: {', '.join(steps)}.", f"{what} сгорают частями: {', '.join(steps)}.")


def _waiting(rules: "ProgramRules", names: Names) -> list[str]:
    if not rules.pending_days:
        return []
    days, what = words.days(rules.pending_days, names.language), names.what(rules.unit)
    return [names.say(f"{what} from a purchase can be spent after {days}.", f"{what} за покупку можно тратить через {days}.")]


def _warnings(rules: "ProgramRules", names: Names) -> list[str]:
    """Only what differs from what everybody expects: reminders a month, a week and a day before."""
    if rules.warn_days == WARNED:
        return []
    if not rules.warn_days:
        return [names.say("No reminder is sent before they end.", "О сгорании мы не напоминаем.")]
    days = words.listed([words.days(count, names.language) for count in rules.warn_days], names.language)
    return [names.say(f"A reminder comes {days} before an end.", f"О сгорании напомним за {days}.")]


def _welcome(rules: "ProgramRules", names: Names) -> list[str]:
    if not rules.welcome_points:
        return []
    gift = names.amount(rules.welcome_points, rules.unit)
    return [names.say(f"{gift} as a welcome gift.", f"{gift} в подарок при вступлении.")]


def _discount(rules: "ProgramRules", names: Names) -> list[str]:
    if not rules.discount_bp:
        return []
    share = names.percent(rules.discount_bp)
    return [names.say(f"{share} off every purchase.", f"Скидка {share} на каждую покупку.")]


def _least(rules: "ProgramRules", names: Names) -> list[str]:
    """The smallest receipt, where no sentence about a balance says it."""
    if not rules.minimum_receipt_minor or (has_balance(rules) and rules.largest_share_bp):
        return []
    least = names.money(rules.minimum_receipt_minor)
    return [names.say(f"Receipts from {least} on count.", f"Программа действует для чеков от {least}.")]


def _returns(rules: "ProgramRules", names: Names) -> list[str]:
    said = []
    if rules.refund_debt == "waived":
        said.append(names.say("When a purchase is returned, what you have already spent of its gain is not asked back.",
                              "При возврате покупки уже потраченное начисление не взыскивается."))
    if rules.refund_grace_days != GRACE_DAYS:
        days = words.days(rules.refund_grace_days, names.language)
        said.append(names.say(f"What a return gives back after its end can be used for {days} more.",
                              f"Если срок вернувшегося уже прошёл, оно действует ещё {days}."))
    return said
