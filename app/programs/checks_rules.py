"""Whether each rule of a programme makes sense by itself, for its programme, and beside the others."""
import re
from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from app.money import MAX_POINTS
from app.programs import terms
from app.programs.checks_parts import counts, earns_base
from app.programs.findings import COUNT, GIVES_AWAY, MILLION, NOT_COUNTED, WHOLE_BP, Findings
from app.programs.terms import Rule, When
from app.text import N_

if TYPE_CHECKING:
    from app.programs.rules import ProgramRules

MOST_RULES = 100
MOST_TIMES_BP = 100_000
_CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_EVENT = re.compile(r"[a-z0-9_]{1,40}")
# What only a purchase has; a rule about an event cannot ask for it.
_OF_A_PURCHASE = ("amount_from", "amount_to", "categories", "skus", "quantity_from", "locations", "channels", "tenders",
                  "first_purchase", "promo", "favourite")
_SORTS: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("discount", (terms.Discount, terms.BuyGet)), ("earn", (terms.Earn, terms.EarnRate, terms.Multiply)),
    ("gift", (terms.GiveVoucher, terms.GiveReward)))


class Known(NamedTuple):
    """Keys of what rules may name, locations by their row ids; None: not asked."""

    rewards: Collection[str] | None = None
    batches: Collection[str] | None = None
    segments: Collection[str] | None = None
    locations: Collection[int] | None = None


def check(found: Findings, rules: "ProgramRules", known: Known) -> None:
    if len(rules.rules) > MOST_RULES:
        found.say("rules", "too_many", N_("A programme has 100 rules at most."))
        return
    found.keys("rules", [rule.key for rule in rules.rules])
    for number, rule in enumerate(rules.rules):
        field = f"rules.{number}"
        found.said(f"{field}.name", rule.name)
        found.within(f"{field}.priority", rule.priority, -1000, 1000, N_("Type a whole number from -1,000 to 1,000."))
        _days(found, field, rule)
        _when(found, f"{field}.when", rules, rule.when, known)
        _effect(found, f"{field}.effect", rules, rule.effect, known)
        _caps(found, f"{field}.caps", rule)
        if rule.when.event is not None:
            _event(found, field, rule)
        if (rule.when.event == "absent") != (rule.when.event_days is not None):
            found.say(f"{field}.when.event_days", "contradiction", N_("Say after how many days without a visit, and only there."))
    _exclusive(found, rules)


def check_gifts(found: Findings, rules: "ProgramRules", best: int) -> None:
    """Rates that give more than was paid. best: the highest base rate, in points per earn_per_minor."""
    per, worth = rules.earn_per_minor, rules.worth_minor
    for number, rule in enumerate(rules.rules):
        effect, field = rule.effect, f"rules.{number}.effect"
        if isinstance(effect, terms.Multiply) and best * effect.by_bp * worth > per * WHOLE_BP * rules.worth_points:
            found.say(f"{field}.by_bp", "gives_away", GIVES_AWAY)
        if isinstance(effect, terms.EarnRate) and (
                (best * effect.per_minor + effect.points * per) * worth > per * effect.per_minor * rules.worth_points):
            found.say(f"{field}.points", "gives_away", GIVES_AWAY)
        if isinstance(effect, terms.Discount) and effect.share_bp == WHOLE_BP and rule.when == When():
            found.share(f"{field}.share_bp", WHOLE_BP, whole=False)


def _days(found: Findings, field: str, rule: Rule) -> None:
    first, last = found.day(f"{field}.starts_on", rule.starts_on), found.day(f"{field}.ends_on", rule.ends_on)
    if first and last and last < first:
        found.say(f"{field}.ends_on", "window", N_("The last day is not before the first."))


def _when(found: Findings, field: str, rules: "ProgramRules", when: When, known: Known) -> None:
    _of_the_receipt(found, field, when)
    _of_the_week(found, field, when)
    levels = [level.key for level in rules.levels.levels] if rules.levels else []
    for number, level in enumerate(when.levels):
        found.known(f"{field}.levels.{number}", level, levels, N_("The programme has no such level."))
    for number, segment in enumerate(when.segments):
        found.known(f"{field}.segments.{number}", segment, known.segments, N_("There is no such group of shoppers."))
    for number, location in enumerate(when.locations):
        if location < 1 or (known.locations is not None and location not in known.locations):
            found.say(f"{field}.locations.{number}", "unknown", N_("The business has no such place."))
    for name in ("birthday_before", "birthday_after"):
        found.within(f"{field}.{name}", getattr(when, name), 0, 180, N_("Type a number of days from 0 to 180."))
    if when.promo is not None:
        found.known(f"{field}.promo", when.promo, known.batches, N_("There are no promo codes of this name."))
    if when.favourite and rules.favourite is None:
        found.say(f"{field}.favourite", "contradiction", N_("Shoppers of this programme choose no favourite product."))


def _of_the_receipt(found: Findings, field: str, when: When) -> None:
    found.amount(f"{field}.amount_from", when.amount_from)
    found.amount(f"{field}.amount_to", when.amount_to)
    if when.amount_from is not None and when.amount_to is not None and when.amount_to < when.amount_from:
        found.say(f"{field}.amount_to", "window", N_("The largest amount is not below the smallest."))
    for name in ("categories", "skus", "channels", "tenders", "segments"):
        found.words(f"{field}.{name}", getattr(when, name))
    found.within(f"{field}.quantity_from", when.quantity_from, 1, MILLION, COUNT)
    if len(when.locations) > MOST_RULES:
        found.say(f"{field}.locations", "too_many", N_("Name 100 of them at most."))


def _of_the_week(found: Findings, field: str, when: When) -> None:
    if len(set(when.weekdays)) != len(when.weekdays) or not all(1 <= day <= 7 for day in when.weekdays):
        found.say(f"{field}.weekdays", "out_of_range", N_("Weekdays are numbers from 1 (Monday) to 7 (Sunday), each once."))
    for name in ("time_from", "time_to"):
        clock = getattr(when, name)
        is_end_of_day = name == "time_to" and clock == "24:00"
        if clock is not None and not _CLOCK.fullmatch(clock) and not is_end_of_day:
            found.say(f"{field}.{name}", "clock", N_("Write the time as hours and minutes: 09:30."))
    if when.time_to is not None and when.time_to == (when.time_from or "00:00"):
        found.say(f"{field}.time_to", "window", N_("This time of day ends where it begins. Change one of the two."))


def _effect(found: Findings, field: str, rules: "ProgramRules", effect: terms.Effect, known: Known) -> None:
    match effect:
        case terms.Earn():
            found.within(f"{field}.amount", effect.amount, 1, MILLION, COUNT)
            if not counts(rules, effect.unit):
                found.say(f"{field}.unit", "unit", NOT_COUNTED)
        case terms.EarnRate():
            found.within(f"{field}.points", effect.points, 1, MILLION, COUNT)
            found.amount(f"{field}.per_minor", effect.per_minor)
        case terms.Multiply():
            if not 0 <= effect.by_bp <= MOST_TIMES_BP or effect.by_bp == WHOLE_BP:
                found.say(f"{field}.by_bp", "out_of_range", N_("Multiply by 0 to 10, but not by 1."))
            if not earns_base(rules):
                found.say(f"{field}.by_bp", "contradiction", N_("Purchases earn nothing here that could be multiplied."))
        case terms.Discount():
            _discount(found, field, effect)
        case terms.BuyGet():
            found.within(f"{field}.buy", effect.buy, 1, 1000, N_("Type how many are paid, from 1 to 1,000."))
            found.within(f"{field}.get", effect.get, 1, 1000, N_("Type how many are cheaper, from 1 to 1,000."))
            found.share(f"{field}.discount_bp", effect.discount_bp, zero=False)
        case _:
            found.reward(f"{field}.reward", effect.reward, known.rewards)
    if isinstance(effect, terms.Earn | terms.EarnRate | terms.GiveVoucher):
        found.life(f"{field}.days", effect.days)
    if isinstance(effect, terms.Earn | terms.EarnRate):
        lives = rules.lot_days if rules.lot_end == "day" and (isinstance(effect, terms.EarnRate) or effect.unit == rules.unit) else None
        found.fades(f"{field}.fades", effect.fades, lives if effect.days is None else effect.days)


def _discount(found: Findings, field: str, effect: terms.Discount) -> None:
    found.share(f"{field}.share_bp", effect.share_bp)
    found.amount(f"{field}.amount_minor", effect.amount_minor, zero=True)
    if effect.share_bp == 0 == effect.amount_minor:
        found.say(f"{field}.share_bp", "required", N_("Take off a share or an amount above zero."))
    if effect.share_bp and effect.amount_minor:
        found.say(f"{field}.amount_minor", "contradiction", N_("A discount is a share or an amount, not both."))


def _caps(found: Findings, field: str, rule: Rule) -> None:
    caps, effect = msgspec.structs.asdict(rule.caps), rule.effect
    gift = effect.amount if isinstance(effect, terms.Earn) else 1
    for name, cap in caps.items():
        if cap is not None and not 1 <= cap <= MAX_POINTS:
            found.within(f"{field}.{name}", cap, 1, MAX_POINTS, N_("Type a limit above zero that can be counted to, or leave it empty."))
        elif cap is not None and cap < gift:
            found.say(f"{field}.{name}", "contradiction", N_("This limit is below what the rule gives at once."))
        elif cap is not None and isinstance(effect, terms.Multiply) and effect.by_bp < WHOLE_BP:
            found.say(f"{field}.{name}", "contradiction", N_("A rule that lessens what is earned has no limit."))


def _event(found: Findings, field: str, rule: Rule) -> None:
    when = rule.when
    if not _EVENT.fullmatch(when.event or ""):
        found.say(f"{field}.when.event", "key", N_("An event has 1 to 40 small letters a to z, digits and _."))
    for name in _OF_A_PURCHASE:
        if getattr(when, name) not in (None, (), False):
            found.say(f"{field}.when.{name}", "contradiction", N_("Only a purchase has this, and this rule is about something else."))
    if not isinstance(rule.effect, terms.Earn | terms.GiveVoucher):
        found.say(f"{field}.effect", "contradiction", N_("Without a purchase a rule can give a number or a voucher, nothing else."))
    found.life(f"{field}.when.event_days", when.event_days)


def _exclusive(found: Findings, rules: "ProgramRules") -> None:
    """Of two rules that shut each other out, hold at the same time and stand at the same height, none could be said to count."""
    seen: set[tuple[object, ...]] = set()
    for number, rule in enumerate(rules.rules):
        if not rule.exclusive or rule.paused:
            continue
        sort = next(sort for sort, effects in _SORTS if isinstance(rule.effect, effects))
        place = (sort, rule.priority, rule.when, rule.starts_on, rule.ends_on)
        if place in seen:
            found.say(f"rules.{number}.exclusive", "contradiction",
                      N_("Another rule with the same conditions and priority is exclusive too. Change one of them."))
        seen.add(place)
