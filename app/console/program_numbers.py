"""The numbers of a programme as boxes of a form: which there are, what stands in them, and the rules that they mean when they come back.

A box is named as the part of the rules that it sets ("stamps.card.size"), so what `checks` says of a field stands beside its box.
"""
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from app.console.program_fields import Typed, Values, amount_text, share_text, whole_text
from app.console.program_parts import BASE, PARTS, Box, Group, beginning_of
from app.console.program_rule_form import fades_text, read_fades
from app.errors import FieldError, Invalid
from app.programs import rules as program_rules
from app.programs.rules import ProgramRules
from app.programs.terms import Said
from app.segments.known import Known
from app.text import N_

MOST_ROWS = 12


class Counting(NamedTuple):
    """What the boxes count in: the programme's own unit, its levels' measure, what a referral gives."""

    unit: str
    measure: str
    gift: str


class Shown(NamedTuple):
    """A group as a page shows it. rows: for tables of boxes, how many, one empty one at the end included; 0: no table."""

    group: Group
    rows: int


def shown_groups(rules: ProgramRules) -> list[Shown]:
    """The groups that concern these rules: those of every programme, then the parts that it has."""
    found = [Shown(group, 0) for group in BASE if not group.only or group.only == rules.unit]
    for part in PARTS:
        value = getattr(rules, part.key)
        if value is not None:
            found.append(Shown(part, min(len(_at(value, part.rows)) + 1, MOST_ROWS) if part.rows else 0))
    return found


def counting_of(rules: ProgramRules) -> Counting:
    return Counting(rules.unit, rules.levels.measure if rules.levels else "spend", rules.referral.unit if rules.referral else "points")


def parts_left(rules: ProgramRules) -> list[Group]:
    """The parts that could be added."""
    return [part for part in PARTS if getattr(rules, part.key) is None]


def with_part(rules: ProgramRules, key: str, currency: str) -> ProgramRules:
    """With a part as it begins; unchanged where it has it or there is none such."""
    if key not in [part.key for part in parts_left(rules)]:
        return rules
    return msgspec.structs.replace(rules, **{key: beginning_of(key, currency)})


def without_part(rules: ProgramRules, key: str) -> ProgramRules:
    return msgspec.structs.replace(rules, **{key: None}) if key in [part.key for part in PARTS] else rules


def boxes_of(shown: Shown) -> Iterator[Box]:
    """Every box of a group; those of a table once a row, with the row's number in their names."""
    yield from shown.group.boxes
    for row in range(shown.rows):
        for box in shown.group.columns:
            yield box._replace(path=f"{shown.group.key}.{shown.group.rows}.{row}.{box.path}")


def typed_of(rules: ProgramRules, currency: str) -> Values:
    """What stands in the boxes."""
    values: Values = {"parts": [part.key for part in PARTS if getattr(rules, part.key) is not None]}
    counting = counting_of(rules)
    for shown in shown_groups(rules):
        for box in boxes_of(shown):
            values |= _texts_of(box, _at(rules, box.path), counting, currency)
    return values


def _at(value: Any, path: str) -> Any:
    """The part of a struct that a path names; None beyond a table's last row."""
    for step in path.split("."):
        if value is None:
            return None
        value = (value[int(step)] if int(step) < len(value) else None) if step.isdigit() else getattr(value, step)
    return value


def _texts_of(box: Box, value: Any, counting: Counting, currency: str) -> Values:
    if box.kind == "said":
        said = value if isinstance(value, Said) else Said()
        return {f"{box.path}.en": said.en, f"{box.path}.ru": said.ru}
    return {box.path: _text_of(kind_of(box, counting), value, currency)}


def kind_of(box: Box, counting: Counting) -> str:
    """Boxes that count in the programme's unit, a level's measure or a referral's gift hold money where that is money."""
    asked = {"unit": counting.unit == "money", "threshold": counting.measure == "spend", "gift": counting.gift == "money"}
    kind = box.kind.rstrip("?")
    return box.kind.replace(kind, "amount" if asked[kind] else "whole") if kind in asked else box.kind


def _text_of(kind: str, value: Any, currency: str) -> str | list[str]:
    if value is None:
        return [] if kind == "rewards" else ""
    match kind.rstrip("?"):
        case "amount":
            return amount_text(value, currency)
        case "share" | "share0":
            return share_text(value)
        case "rewards":
            return list(value)
        case "words":
            return ", ".join(value)
        case "wholes":
            return ", ".join(map(str, value))
        case "amounts":
            return "; ".join(amount_text(each, currency) for each in value)
        case "fades":
            return fades_text(value)
        case "flag":
            return "1" if value else ""
        case _:
            return whole_text(value) if isinstance(value, int) else str(value)


def rules_of(values: Values, before: ProgramRules, currency: str) -> ProgramRules:
    """The rules that a form means; what it does not show stays as in `before`. Raises Invalid by the boxes' names."""
    typed = Typed(values, currency)
    counting = Counting(before.unit, typed.text("levels.measure"), typed.text("referral.unit"))
    made = msgspec.to_builtins(before)
    for shown in shown_groups(before):
        if shown.group.rows:
            _put(made, f"{shown.group.key}.{shown.group.rows}", [])
        for box in shown.group.boxes:
            _put(made, box.path, _read(typed, box, counting))
        for row in _rows_typed(values, shown.group):
            _put(made, f"{shown.group.key}.{shown.group.rows}", [*_get(made, f"{shown.group.key}.{shown.group.rows}"),
                                                                  _row_of(typed, shown.group, row, before, counting)])
    typed.done()
    try:
        rules = msgspec.convert(made, ProgramRules)
    except msgspec.ValidationError as exc:
        raise Invalid(fields=[FieldError("", "type", N_("This is not a rule of a programme."))]) from exc
    return rules


def checked(rules: ProgramRules, names: set[str], known: Known) -> ProgramRules:
    """The same rules; raises Invalid, each sentence beside the box of `names` that it is about. known: as `validate` takes it."""
    try:
        program_rules.validate(rules, **known)
    except Invalid as refused:
        raise Invalid(fields=[FieldError(box_named(field, names), code, said) for field, code, said in refused.fields],
                      params=refused.params) from refused
    return rules


def box_named(field: str, names: set[str]) -> str:
    """The box that a field of `checks` means: itself, the nearest one inside or around it, else none ("")."""
    path = field.replace("[", ".").replace("]", "")
    if path in names:
        return path
    inside = sorted(name for name in names if name.startswith(path + "."))
    around = [name for name in names if path.startswith(name + ".")]
    return inside[0] if inside else around[0] if around else ""


def _rows_typed(values: Values, group: Group) -> list[int]:
    """The rows of a table in which anything was typed."""
    if not group.rows:
        return []
    head = f"{group.key}.{group.rows}."
    return sorted({int(name[len(head):].split(".")[0]) for name, value in values.items()
                   if name.startswith(head) and value and name[len(head):].split(".")[0].isdecimal()
                   and int(name[len(head):].split(".")[0]) < MOST_ROWS and not name.endswith(".key")})


def _row_of(typed: Typed, group: Group, row: int, before: ProgramRules, counting: Counting) -> dict[str, Any]:
    """One row as builtins, over what the row of the same key held besides (a level's colour)."""
    head = f"{group.key}.{group.rows}.{row}"
    made: dict[str, Any] = {}
    old = {each.key: each for each in _at(before, f"{group.key}.{group.rows}")}.get(typed.text(f"{head}.key"))
    if old is not None:
        made = msgspec.to_builtins(old)
    for box in group.columns:
        _put(made, box.path, _read(typed, box._replace(path=f"{head}.{box.path}"), counting))
    if not made.get("key"):
        made["key"] = _new_key(made.get("name", {}), {typed.text(name) for name in typed.values if name.endswith(".key")}, row)
    return made


def _new_key(name: dict[str, str], taken: set[str], row: int) -> str:
    from app.console.founding import slug_of

    wanted = slug_of(name.get("en") or name.get("ru") or "")
    return wanted if wanted not in taken and wanted != "business" else f"{wanted if wanted != 'business' else 'row'}-{row + 1}"


def _read(typed: Typed, box: Box, counting: Counting) -> Any:
    name, kind = box.path, kind_of(box, counting)
    match kind:
        case "said":
            return {"en": typed.text(f"{name}.en"), "ru": typed.text(f"{name}.ru")}
        case "choice":
            return typed.choice(name, tuple(value for value, _ in box.options))
        case "flag":
            return typed.flag(name)
        case "words" | "wholes":
            return typed.words(name) if kind == "words" else typed.wholes(name)
        case "amounts":
            return _amounts(typed, name)
        case "fades":
            return msgspec.to_builtins(read_fades(typed, name))
        case "rewards":
            return typed.several(name)
        case "text":
            return typed.text(name)
        case "text?":
            return typed.text(name) or None
        case "share0":
            return typed.share_or_none(name) or 0
        case _:
            return _number(typed, name, kind)


def _number(typed: Typed, name: str, kind: str) -> int | None:
    read = {"whole": typed.whole, "whole?": typed.whole_or_none, "amount": typed.amount, "amount?": typed.amount_or_none,
            "share": typed.share, "share?": typed.share_or_none}
    return read[kind](name)


def _amounts(typed: Typed, name: str) -> list[int]:
    """Amounts with semicolons between them: a comma may stand inside one."""
    texts = [text.strip() for text in typed.text(name).split(";") if text.strip()]
    parts = Typed({str(at): text for at, text in enumerate(texts)}, typed.currency)
    found = [parts.amount(str(at)) for at in range(len(texts))]
    if parts.wrong:
        typed.refuse(name, "amount", N_("Type amounts with semicolons between them, such as 500; 1000; 3000."))
    return found


def _get(made: dict[str, Any], path: str) -> Any:
    for step in path.split("."):
        made = made[step]
    return made


def _put(made: dict[str, Any], path: str, value: Any) -> None:
    *steps, last = path.split(".")
    for step in steps:
        made = made.setdefault(step, {})
    made[last] = value
