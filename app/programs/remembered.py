"""What was read from a programme's rules, remembered for these very rules."""
from collections.abc import Callable
from typing import TypeVar

from app.programs.rules import ProgramRules

_Read = TypeVar("_Read")
MOST = 256


def remembered(read: Callable[[ProgramRules], _Read]) -> Callable[[ProgramRules], _Read]:
    """`read`, once for each rules object.

    Rules are parsed once a version, so the very object stands for the version: hashing ten rules with every sale costs more than
    what is read from them. The object is kept with its answer, so that no other one can be taken for it.
    """
    known: dict[int, tuple[ProgramRules, _Read]] = {}

    def find(rules: ProgramRules) -> _Read:
        found = known.get(id(rules))
        if found is None or found[0] is not rules:
            if len(known) >= MOST:
                known.clear()
            found = known[id(rules)] = rules, read(rules)
        return found[1]

    return find
