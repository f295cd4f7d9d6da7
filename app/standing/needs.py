"""Which questions about a person a programme's rules ask, so that a sale reads the answers to these and nothing else."""
from functools import lru_cache
from typing import NamedTuple

from app.programs.rules import ProgramRules
from app.programs.terms import Rule


class Needs(NamedTuple):
    """capped: keys of rules with a cap for a person's day, a person, or everybody; segments: the keys that conditions name."""

    level: bool
    membership: bool
    birthday: bool
    first_purchase: bool
    favourite: bool
    offers: bool
    visits_today: bool
    day_caps: tuple[str, ...]
    person_caps: tuple[str, ...]
    campaign_caps: tuple[str, ...]
    segments: tuple[str, ...]


@lru_cache(256)
def of(rules: ProgramRules) -> Needs:
    running = [rule for rule in rules.rules if not rule.paused]
    return Needs(
        level=rules.levels is not None,
        membership=rules.membership is not None,
        birthday=any(rule.when.birthday_before is not None or rule.when.birthday_after is not None for rule in running),
        first_purchase=any(rule.when.first_purchase for rule in running),
        favourite=rules.favourite is not None,
        offers=rules.offers is not None,
        visits_today=rules.visits is not None and rules.visits.a_day is not None,
        day_caps=_capped(running, "day"), person_caps=_capped(running, "person"), campaign_caps=_capped(running, "campaign"),
        segments=tuple(sorted({key for rule in running for key in rule.when.segments})))


def _capped(rules: list[Rule], cap: str) -> tuple[str, ...]:
    return tuple(rule.key for rule in rules if getattr(rule.caps, cap) is not None)
