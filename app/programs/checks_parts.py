"""Whether the parts of a programme make sense: levels, stamps, visits, membership, gifts, charity, clubs, referrals, offers."""
import re
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from app.money import MAX_AMOUNT
from app.programs import terms
from app.programs.findings import COUNT, COUNT_OR_ZERO, DAYS_OR_ZERO, FEW, MILLION, NOT_COUNTED, Findings
from app.text import N_

if TYPE_CHECKING:
    from app.programs.rules import ProgramRules

_COLOUR = re.compile(r"#[0-9a-f]{6}", re.IGNORECASE)
_NO_PART = N_("Add one to ten of them.")


def check(found: Findings, rules: "ProgramRules", known_rewards: Collection[str] | None) -> None:
    if rules.convert is not None:
        _conversion(found, "convert", rules.convert, 1, MILLION, COUNT, known_rewards)
    if rules.stamps is not None:
        _stamps(found, rules.stamps, known_rewards)
    if rules.levels is not None:
        _levels(found, rules, rules.levels)
    if rules.gift is not None:
        _gift(found, rules, rules.gift)
    if rules.referral is not None:
        _referral(found, rules, rules.referral)
    plain: tuple[tuple[Any, Callable[[Findings, Any], None]], ...] = (
        (rules.visits, _visits), (rules.membership, _membership), (rules.charity, _charity), (rules.club, _club),
        (rules.offers, _offers), (rules.favourite, _favourite))
    for part, check_part in plain:
        if part is not None:
            check_part(found, part)


def counts(rules: "ProgramRules", unit: str) -> bool:
    """Whether a programme has balances of a unit."""
    return unit == rules.unit or (unit == "stamps" and rules.stamps is not None) or (unit == "visits" and rules.visits is not None)


def earns_base(rules: "ProgramRules") -> bool:
    """Whether purchases as such earn anything, on some level at least."""
    return bool(rules.earn_points or (rules.levels and any(level.earn_points for level in rules.levels.levels)))


def _conversion(found: Findings, field: str, what: terms.Conversion, least: int, most: int, sentence: str,
                known_rewards: Collection[str] | None) -> None:
    found.within(f"{field}.size", what.size, least, most, sentence)
    found.rewards(f"{field}.rewards", what.rewards, known_rewards)
    found.life(f"{field}.voucher_days", what.voucher_days)


def _stamps(found: Findings, stamps: terms.Stamps, known_rewards: Collection[str] | None) -> None:
    _conversion(found, "stamps.card", stamps.card, 2, 30, N_("A card has 2 to 30 stamps."), known_rewards)
    if stamps.by == "sum":
        found.amount("stamps.per_minor", stamps.per_minor)
    elif stamps.per_minor:
        found.say("stamps.per_minor", "contradiction", N_("A sum is asked for only where stamps are given by sum."))
    found.words("stamps.categories", stamps.categories)
    found.words("stamps.skus", stamps.skus)
    if not 0 <= stamps.first < max(stamps.card.size, 1):
        found.say("stamps.first", "out_of_range", N_("A new card has fewer stamps than a full one."))
    found.within("stamps.most_a_receipt", stamps.most_a_receipt, 1, 1000, FEW)
    found.life("stamps.days", stamps.days)


def _levels(found: Findings, rules: "ProgramRules", what: terms.Levels) -> None:
    if not 1 <= len(what.levels) <= 10:
        found.say("levels.levels", "too_many", _NO_PART)
    found.keys("levels.levels", [level.key for level in what.levels])
    before = -1
    for number, level in enumerate(what.levels):
        field = f"levels.levels.{number}"
        found.said(f"{field}.name", level.name)
        found.amount(f"{field}.threshold", level.threshold, zero=True)
        if 0 <= level.threshold <= before:
            found.say(f"{field}.threshold", "order", N_("Each level begins above the one before it."))
        before = max(before, level.threshold)
        found.within(f"{field}.earn_points", level.earn_points, 0, MILLION, COUNT_OR_ZERO)
        found.share(f"{field}.discount_bp", level.discount_bp, whole=False)
        found.share(f"{field}.largest_share_bp", level.largest_share_bp)
        found.perks(f"{field}.perks", level.perks)
        if level.background is not None and not _COLOUR.fullmatch(level.background):
            found.say(f"{field}.background", "colour", N_("Type the colour as # and six digits or letters a to f, such as #0f4546."))
    found.life("levels.window_days", what.window_days)
    found.within("levels.grace_days", what.grace_days, 0, 365, DAYS_OR_ZERO)
    if what.measure == "points" and not earns_base(rules):
        found.say("levels.measure", "contradiction", N_("Purchases earn nothing here, so nobody would reach a level by points."))


def _visits(found: Findings, visits: terms.Visits) -> None:
    if not 1 <= len(visits.packages) <= 10:
        found.say("visits.packages", "too_many", _NO_PART)
    found.keys("visits.packages", [package.key for package in visits.packages])
    for number, package in enumerate(visits.packages):
        field = f"visits.packages.{number}"
        found.said(f"{field}.name", package.name)
        found.within(f"{field}.visits", package.visits, 1, 1000, FEW)
        found.amount(f"{field}.price_minor", package.price_minor)
        found.life(f"{field}.days", package.days)
    found.within("visits.a_day", visits.a_day, 1, 1000, FEW)
    found.within("visits.freeze_days", visits.freeze_days, 0, 365, DAYS_OR_ZERO)
    if visits.freeze_days:
        found.within("visits.freeze_times", visits.freeze_times, 1, 1000, FEW)


def _membership(found: Findings, membership: terms.Membership) -> None:
    if not 1 <= len(membership.plans) <= 10:
        found.say("membership.plans", "too_many", _NO_PART)
    found.keys("membership.plans", [plan.key for plan in membership.plans])
    for number, plan in enumerate(membership.plans):
        field = f"membership.plans.{number}"
        found.said(f"{field}.name", plan.name)
        found.life(f"{field}.days", plan.days)
        found.amount(f"{field}.price_minor", plan.price_minor)
    found.within("membership.trial_days", membership.trial_days, 0, 365, DAYS_OR_ZERO)
    found.share("membership.discount_outside_bp", membership.discount_outside_bp, whole=False)
    found.perks("membership.perks", membership.perks)


def _gift(found: Findings, rules: "ProgramRules", gift: terms.Gift) -> None:
    found.amount("gift.least_minor", gift.least_minor)
    found.amount("gift.most_minor", gift.most_minor)
    if gift.most_minor < gift.least_minor:
        found.say("gift.most_minor", "window", N_("The largest amount is not below the smallest."))
    for number, amount in enumerate(gift.amounts):
        if not max(1, gift.least_minor) <= amount <= min(gift.most_minor, MAX_AMOUNT):
            found.say(f"gift.amounts.{number}", "out_of_range", N_("Each amount lies between the smallest and the largest."))
    if len(gift.amounts) > 20 or len(set(gift.amounts)) != len(gift.amounts):
        found.say("gift.amounts", "too_many", N_("Name twenty different amounts at most."))
    found.life("gift.days", gift.days)
    if rules.unit != "money":
        found.say("unit", "contradiction", N_("A gift card holds money, not points."))


def _charity(found: Findings, charity: terms.Charity) -> None:
    found.said("charity.fund", charity.fund)
    found.amount("charity.a_visit_minor", charity.a_visit_minor, zero=True)
    found.share("charity.share_bp", charity.share_bp)
    if not charity.a_visit_minor and not charity.share_bp:
        found.say("charity.a_visit_minor", "contradiction", N_("Give the fund an amount for each visit or a share, or both."))


def _club(found: Findings, club: terms.Club) -> None:
    if club.by == "points":
        found.within("club.points", club.points, 1, MAX_AMOUNT, N_("Type how much must be reached, above zero."))
        if not club.program:
            found.say("club.program", "required", N_("Choose the programme whose members may join."))
        else:
            found.key("club.program", club.program)
    elif club.program or club.points:
        found.say("club.by", "contradiction", N_("A club by invitation asks for no other programme and no points."))


def _referral(found: Findings, rules: "ProgramRules", referral: terms.Referral) -> None:
    found.within("referral.giver", referral.giver, 0, MILLION, COUNT_OR_ZERO)
    found.within("referral.friend", referral.friend, 0, MILLION, COUNT_OR_ZERO)
    if referral.giver == referral.friend == 0:
        found.say("referral.giver", "contradiction", N_("Give something to one of the two at least."))
    if not counts(rules, referral.unit):
        found.say("referral.unit", "unit", NOT_COUNTED)
    found.amount("referral.least_minor", referral.least_minor, zero=True)
    found.within("referral.settle_days", referral.settle_days, 0, 365, DAYS_OR_ZERO)
    found.within("referral.a_month", referral.a_month, 1, 1000, FEW)


def _offers(found: Findings, offers: terms.Offers) -> None:
    found.within("offers.count", offers.count, 1, 50, N_("Type a whole number from 1 to 50."))
    found.share("offers.discount_bp", offers.discount_bp, zero=False, whole=False)
    found.within("offers.days", offers.days, 1, 60, N_("Type a number of days from 1 to 60."))
    found.share("offers.new_share_bp", offers.new_share_bp)


def _favourite(found: Findings, favourite: terms.Favourite) -> None:
    found.share("favourite.discount_bp", favourite.discount_bp, zero=False, whole=False)
    found.life("favourite.days", favourite.days)
    found.within("favourite.again_days", favourite.again_days, 0, 365, DAYS_OR_ZERO)
