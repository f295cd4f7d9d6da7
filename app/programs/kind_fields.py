"""The few numbers of a kind as fields of a form: what they are called, how they are typed, where in the rules they stand."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from msgspec.structs import replace

from app.errors import FieldError, Invalid
from app.programs.rules import ProgramRules
from app.programs.terms import Said
from app.text import N_

Input = Literal["whole", "money", "percent", "choice", "words"]
Value = int | str | Said | None

NOT_A_NUMBER = N_("Type a number within the limits.")
NOT_A_CHOICE = N_("Choose one of the answers.")
NO_WORDS = N_("Type the words in at least one language.")
MOST_LETTERS = 200


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer: what the rules hold, and what people read (a msgid)."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class NumberField:
    """One field. whole: an int; money: minor units; percent: basis points; choice: one of `choices`; words: a Said.

    path: the way to the value in ProgramRules; a number is the place in a list, as in ("levels", "levels", 1, "threshold").
    least, most: limits, both included (of a text: its letters); is_optional: may be left empty, which is None.
    """

    name: str
    label: str
    input: Input
    path: tuple[str | int, ...]
    least: int = 0
    most: int = 1_000_000
    is_optional: bool = False
    choices: tuple[Choice, ...] = ()

    def read(self, rules: ProgramRules) -> Value:
        """The value as the rules have it; None too where they lack the part that it belongs to."""
        found: Any = rules
        for step in self.path:
            if found is None or (isinstance(step, int) and step >= len(found)):
                return None
            found = found[step] if isinstance(step, int) else getattr(found, step)
        return found

    def write(self, rules: ProgramRules, value: Value) -> ProgramRules:
        """The rules with the value in its place. Raises Invalid at `name`."""
        if wrong := self.wrong(value):
            raise Invalid(fields=[wrong])
        return _put(rules, self.path, value)

    def wrong(self, value: Value) -> FieldError | None:
        """What is wrong with a value, None where nothing is."""
        if value is None:
            return None if self.is_optional else FieldError(self.name, "required", NOT_A_NUMBER)
        if self.input == "words":
            fits = isinstance(value, Said) and any(text.strip() for text in (value.en, value.ru)) \
                and max(len(value.en), len(value.ru)) <= MOST_LETTERS
            return None if fits else FieldError(self.name, "words", NO_WORDS)
        if self.input == "choice":
            return None if value in [choice.value for choice in self.choices] else FieldError(self.name, "choice", NOT_A_CHOICE)
        fits = isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.most
        return None if fits else FieldError(self.name, "out_of_range", NOT_A_NUMBER)


def _put(part: Any, path: tuple[str | int, ...], value: Value) -> Any:
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        return (*part[:step], _put(part[step], rest, value), *part[step + 1:])
    return replace(part, **{step: _put(getattr(part, step), rest, value)})


def read_all(fields: Sequence[NumberField], rules: ProgramRules) -> dict[str, Value]:
    """What a form shows: name → value."""
    return {field.name: field.read(rules) for field in fields}


def write_all(fields: Sequence[NumberField], rules: ProgramRules, values: Mapping[str, Value]) -> ProgramRules:
    """The rules with the values given; names that are missing stay. Raises Invalid with every mistake, unknown names too."""
    known = {field.name: field for field in fields}
    wrong = [FieldError(name, "unknown", N_("This kind of programme has no such number.")) for name in values if name not in known]
    for name, value in values.items():
        if name in known and (mistake := known[name].wrong(value)):
            wrong.append(mistake)
    if wrong:
        raise Invalid(fields=wrong)
    for name, value in values.items():
        rules = _put(rules, known[name].path, value)
    return rules
