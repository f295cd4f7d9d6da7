"""What a copy of a business is called, and how what it names is found in it."""
from collections.abc import Mapping
from typing import Any

import msgspec

from app.programs import rules as program_rules
from app.programs.rules import ProgramRules
from app.segments.rules import Filter

KEY_PREFIX = "tsk_test_"
SLUG_PREFIX = "sandbox-"


def places_in(rules: ProgramRules, places: Mapping[int, int]) -> ProgramRules:
    """The rules with the copies' row ids of locations. One that has no copy (a closed one) becomes 0, which is nowhere."""
    plain = msgspec.to_builtins(rules)
    for rule in plain["rules"]:
        if named := rule.get("when", {}).get("locations"):
            rule["when"]["locations"] = [places.get(each, 0) for each in named]
    return msgspec.convert(plain, ProgramRules)


def same(one: ProgramRules, other: ProgramRules) -> bool:
    return program_rules.dump(one) == program_rules.dump(other)


def filter_in(asked: Filter, places: Mapping[int, int], programs: Mapping[int, int]) -> str:
    """A segment's questions (JSON) about the copies."""
    plain: dict[str, Any] = msgspec.to_builtins(asked)
    for name, copies in (("location", places), ("program", programs)):
        if plain.get(name) is not None:
            plain[name] = copies.get(plain[name], 0)
    return msgspec.json.encode(msgspec.convert(plain, Filter)).decode()
