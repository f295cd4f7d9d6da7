"""Whether a shop could mean these rules: every number in its range, nothing given away whole, nothing that contradicts itself."""
from collections.abc import Collection
from typing import TYPE_CHECKING

from app.errors import Invalid
from app.money import MAX_AMOUNT, MAX_POINTS
from app.programs import checks_parts, checks_rules, terms
from app.programs.findings import (
    AMOUNT_OR_ZERO,
    COUNT_OR_ZERO,
    DAYS_OR_ZERO,
    GIVES_AWAY,
    LONGEST_LIFE,
    MILLION,
    SHARE,
    WHOLE_BP,
    Findings,
)
from app.text import N_

if TYPE_CHECKING:
    from app.programs.rules import ProgramRules

_ABOVE_ZERO = 1, 10**9, N_("Type an amount above zero, at most 1,000,000,000 of the smallest coins.")
OVER_BEFORE = N_("These points would end before they can be spent. Let them wait for fewer days, or live longer.")
_UP_TO_ALL = 0, MAX_POINTS, N_("Type a whole number of zero or more, or leave it empty.")
# Field → least, most, what is said otherwise. None passes where the field may be None.
LIMITS = {
    "earn_points": (0, MILLION, COUNT_OR_ZERO), "earn_per_minor": _ABOVE_ZERO, "worth_minor": _ABOVE_ZERO, "worth_points": _ABOVE_ZERO,
    "minimum_receipt_minor": (0, MAX_AMOUNT, AMOUNT_OR_ZERO),
    "largest_share_bp": (0, WHOLE_BP, SHARE),
    "lot_days": (1, LONGEST_LIFE, N_("Type a number of days from 1 to 3650, or leave it empty where points never expire.")),
    "welcome_points": (0, MILLION, COUNT_OR_ZERO),
    "refund_grace_days": (0, 365, DAYS_OR_ZERO),
    "undo_minutes": (0, 1440, N_("Type a number of minutes from 0 to 1440.")),
    "discount_bp": (0, WHOLE_BP, SHARE),
    "smallest_redeem": (0, MILLION, COUNT_OR_ZERO),
    "redeem_step": (1, MILLION, N_("Type a whole number from 1 to 1,000,000.")),
    "pending_days": (0, 365, DAYS_OR_ZERO),
    "four_eyes_over": _UP_TO_ALL, "confirm_redeem_over": _UP_TO_ALL,
}


def validate(rules: "ProgramRules", *, known_rewards: Collection[str] | None = None, known_batches: Collection[str] | None = None,
             known_segments: Collection[str] | None = None, known_locations: Collection[int] | None = None) -> None:
    """Raises Invalid, a sentence for each field, unless a shop could mean these rules.

    known_*: the keys of rewards, promo batches and segments that there are, and the row ids of locations; None: not asked
    (`segments.known.there_is` gathers them).
    """
    found = Findings()
    _numbers(found, rules)
    _lives(found, rules)
    checks_parts.check(found, rules, known_rewards)
    # Rules are measured by the programme's numbers: nonsense there would only be said twice.
    is_sound = not found.wrong
    checks_rules.check(found, rules, checks_rules.Known(known_rewards, known_batches, known_segments, known_locations))
    if is_sound:
        _gifts(found, rules)
    if found.wrong:
        raise Invalid(fields=found.wrong)


def _numbers(found: Findings, rules: "ProgramRules") -> None:
    for field, (least, most, sentence) in LIMITS.items():
        # Zero days mean the end of this very month or year.
        is_this = field == "lot_days" and rules.lot_end in ("month", "year")
        found.within(field, getattr(rules, field), 0 if is_this else least, most, sentence)
    if rules.discount_bp == WHOLE_BP:
        found.share("discount_bp", WHOLE_BP, whole=False)
    if rules.unit == "money" and rules.worth_minor != rules.worth_points:
        found.say("worth_minor", "money_worth", N_("Money on a card pays just its own amount: both numbers of its worth are equal."))
    found.fades("fades", rules.fades, rules.lot_days if rules.lot_end == "day" else None)
    if rules.lot_end == "activity":
        of_rules = [(f"rules.{number}.effect.fades", effect.fades) for number, effect in _gains(rules)]
        for field, fades in (("fades", rules.fades), *of_rules):
            if fades:
                found.say(field, "contradiction", N_("What ends in parts cannot live on from the last purchase too. Choose one of them."))
    if rules.lot_end != "day" and rules.lot_days is None:
        found.say("lot_days", "contradiction", N_("Say how many days, or choose that points never expire."))
    warned = rules.warn_days
    if len(warned) > 5 or len(set(warned)) != len(warned) or not all(1 <= days <= 365 for days in warned):
        found.say("warn_days", "out_of_range", N_("Name up to five different numbers of days from 1 to 365."))


def _gains(rules: "ProgramRules") -> list[tuple[int, terms.Earn | terms.EarnRate]]:
    """(number, effect) of the rules that put something into the programme's unit with a purchase."""
    return [(number, rule.effect) for number, rule in enumerate(rules.rules) if rule.when.event is None and (
        isinstance(rule.effect, terms.EarnRate) or (isinstance(rule.effect, terms.Earn) and rule.effect.unit == rules.unit))]


def _lives(found: Findings, rules: "ProgramRules") -> None:
    """What waits as long as it lives would end before it could be spent; a month's or year's end may come on the last of its days."""
    wait = rules.pending_days
    if not wait:
        return
    if any(life is not None and life <= wait for life in (rules.lot_days, *(fade.days for fade in rules.fades))):
        found.say("pending_days", "contradiction", OVER_BEFORE)
    for number, effect in _gains(rules):
        lives: list[tuple[str, list[int | None]]] = [("days", [effect.days]), ("fades", [fade.days for fade in effect.fades])]
        for name, days in lives:
            if any(life is not None and life <= wait for life in days):
                found.say(f"rules.{number}.effect.{name}", "contradiction", OVER_BEFORE)


def _gifts(found: Findings, rules: "ProgramRules") -> None:
    """A decimal point in the wrong place would give the shop away: 5 points of 1 ₽ for every kopeck."""
    levels = rules.levels.levels if rules.levels else ()
    rates = {"earn_points": rules.earn_points} | {f"levels.levels.{number}.earn_points": level.earn_points
                                                  for number, level in enumerate(levels) if level.earn_points is not None}
    best = 0
    for field, points in rates.items():
        if points * rules.worth_minor > rules.earn_per_minor * rules.worth_points:
            found.say(field, "gives_away", GIVES_AWAY)
        else:
            best = max(best, points)
    checks_rules.check_gifts(found, rules, best)
