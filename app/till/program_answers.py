"""Draws programmes, rewards, promo codes, segments and products for the API, and reads rules. Inside are row ids, outside public ones."""
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from app.benefits.rules import Batch, Reward
from app.clock import from_ms, rfc3339
from app.context import Context
from app.errors import FieldError, Invalid
from app.programs import rules as program_rules
from app.programs import service as programs
from app.programs.explain_parts import Called
from app.programs.kinds import Kind
from app.programs.rules import ProgramRules
from app.programs.terms import Said
from app.segments.rules import Filter
from app.segments.service import Segment
from app.simulator.service import Figures, Simulation
from app.standing.service import Product
from app.text import N_
from app.till import program_shapes as shapes

Names = Mapping[str, Said]
MOST = 10**15
TOO_LARGE = N_("This number is larger than anything that can be counted. Check its digits.")
UNKNOWN = N_("There is no such thing here.")
_NUMBER = re.compile(r"\.([0-9]+)(?=\.|$)")
_T = TypeVar("_T", bound=msgspec.Struct)


def rules_out(here: Context, drawn: ProgramRules) -> shapes.Rules:
    """The rules with public ids of locations."""
    return _with_places(drawn, shapes.Rules, lambda _, row_id: here.ids.encode("location", row_id))


def rules_in(here: Context, asked: shapes.Rules) -> ProgramRules:
    """The rules with row ids. Raises Invalid for an id that is none."""
    def row_of(field: str, text: str) -> int:
        row_id = here.ids.decode("location", text)
        if row_id is None:
            raise Invalid(fields=[FieldError(field, "unknown", UNKNOWN)])
        return row_id

    return _with_places(asked, ProgramRules, row_of)


def check_numbers(part: Any, field: str) -> None:
    """Raises Invalid for a number that no column holds, wherever it stands: checks of rules ask for sense, not for size."""
    if isinstance(part, dict):
        for name, value in part.items():
            check_numbers(value, f"{field}.{name}")
    elif isinstance(part, list | tuple):
        for number, value in enumerate(part):
            check_numbers(value, f"{field}[{number}]")
    elif isinstance(part, int) and abs(part) > MOST:
        raise Invalid(fields=[FieldError(field, "integer", TOO_LARGE)])


def _with_places(rules: msgspec.Struct, into: type[_T], change: Any) -> _T:
    """change: (field, id) → id, of each location that a rule names."""
    plain = msgspec.to_builtins(rules)
    for number, rule in enumerate(plain["rules"]):
        if places := rule.get("when", {}).get("locations"):
            field = f"rules.{number}.when.locations"
            rule["when"]["locations"] = [change(f"{field}.{at}", place) for at, place in enumerate(places)]
    return msgspec.convert(plain, into)


def in_body(failure: Invalid, field: str) -> Invalid:
    """The refusal with its fields as paths of the body: `rules.2.when` is rules[2].when of what stands at `field`."""
    failure.fields = tuple([FieldError(_NUMBER.sub(r"[\1]", f"{field}.{wrong.field}"), wrong.code, wrong.detail)
                            for wrong in failure.fields])
    return failure


def kind(here: Context, drawn: Kind, currency: str, language: str) -> shapes.Kind:
    rules = drawn.rules(currency)
    names = {reward.key: reward.names for reward in drawn.rewards}
    return shapes.Kind(drawn.key, drawn.name.in_(language), drawn.sentence.in_(language), rules_out(here, rules),
                       program_rules.explain(rules, currency, language, names))


def program(here: Context, drawn: programs.Program, business_slug: str, language: str, rewards: Names, called: Called) -> shapes.Program:
    """rewards: key → name, as its sentences call them; called: the places that they name."""
    closing = None
    if drawn.earns_until_at is not None and drawn.spends_until_at is not None:
        closing = shapes.Closing(rfc3339(from_ms(drawn.earns_until_at)), rfc3339(from_ms(drawn.spends_until_at)))
    return shapes.Program(
        id=here.ids.encode("program", drawn.id), slug=drawn.slug, name=drawn.name_in(language), kind=drawn.kind, currency=drawn.currency,
        rules_version=drawn.rules_version, rules=rules_out(here, drawn.rules),
        explained=program_rules.explain(drawn.rules, drawn.currency, language, rewards, called),
        enrol=here.settings.address(f"/e/{business_slug}/{drawn.slug}"), closing=closing,
        closed_at=None if drawn.closed_at is None else rfc3339(from_ms(drawn.closed_at)),
        rotation=shapes.Rotation(drawn.rotation_seconds, drawn.static_redeems))


def version(here: Context, drawn: Mapping[str, Any], currency: str, language: str, rewards: Names) -> shapes.RulesVersion:
    """drawn: a row of programs.list_rules_versions."""
    starts = drawn["starts_at"]
    return shapes.RulesVersion(
        drawn["version"], rules_out(here, drawn["rules"]), program_rules.explain(drawn["rules"], currency, language, rewards),
        rfc3339(from_ms(drawn["created_at"])), drawn["created_by"], None if starts is None else rfc3339(from_ms(starts)))


def simulation(drawn: Simulation) -> shapes.Simulation:
    return shapes.Simulation(_figures(drawn.draft), _figures(drawn.in_force), drawn.judged, drawn.receipts, rfc3339(drawn.since),
                             rfc3339(drawn.until), list(drawn.unknown))


def _figures(drawn: Figures) -> shapes.Figures:
    return shapes.Figures(
        drawn.receipts, drawn.turnover, drawn.touched, drawn.discount, dict(drawn.given), dict(drawn.vouchers), drawn.donated, drawn.cost,
        drawn.likely, drawn.per_thousand(drawn.likely), drawn.liability, drawn.break_even_bp)


def reward(here: Context, drawn: Reward) -> shapes.Reward:
    return shapes.Reward(
        here.ids.encode("reward", drawn.id), drawn.key, drawn.kind, drawn.names, drawn.value, drawn.unit, drawn.cost, drawn.sku, drawn.days,
        drawn.stock, drawn.level, drawn.position, drawn.is_closed)


def batch(drawn: Batch, now: datetime) -> shapes.Batch:
    return shapes.Batch(
        drawn.key, drawn.name, drawn.kind, drawn.reward, drawn.uses, drawn.per_person, drawn.total, drawn.codes, drawn.used,
        drawn.state(now), rfc3339(drawn.starts_at), rfc3339(drawn.ends_at) if drawn.ends_at else None, rfc3339(drawn.created_at),
        drawn.created_by)


def segment(here: Context, drawn: Segment, count: int | None = None) -> shapes.Segment:
    plain = msgspec.to_builtins(drawn.filter)
    for name in ("location", "program"):
        if plain.get(name) is not None:
            plain[name] = here.ids.encode(name, plain[name])
    return shapes.Segment(drawn.key, drawn.name, msgspec.convert(plain, shapes.SegmentFilter), rfc3339(drawn.created_at), count)


def filter_in(here: Context, asked: shapes.SegmentFilter) -> Filter:
    """The filter with row ids. Raises Invalid for an id that is none."""
    plain = msgspec.to_builtins(asked)
    for name in ("location", "program"):
        if plain.get(name) is None:
            continue
        plain[name] = here.ids.decode(name, plain[name])
        if plain[name] is None:
            raise Invalid(fields=[FieldError(name, "unknown", UNKNOWN)])
    return msgspec.convert(plain, Filter)


def product(drawn: Product) -> shapes.Product:
    return shapes.Product(drawn.sku, drawn.name, drawn.category, drawn.can_be_favourite)
