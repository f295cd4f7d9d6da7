"""What the programme's pages share: which programme is meant, where its pages are, what its rewards are called, its rules in words."""
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.benefits import promo, rewards
from app.clock import from_ms, to_ms
from app.console import frame
from app.console.program_fields import Values
from app.errors import TesseraError
from app.programs import explain_rules
from app.programs import service as programs
from app.programs.explain import explain
from app.programs.explain_parts import Names
from app.programs.rules import ProgramRules
from app.programs.store import Program
from app.programs.terms import Rule, Said
from app.segments import known as segments_known
from app.segments import service as segments
from app.segments.known import Known
from app.text import N_
from app.web import formats
from app.web.requests import context, language, principal

PROGRAMS = "/console/programs"
MOST_FIELDS = 600        # a programme with every part and twelve levels
STATES = {"open": N_("open"), "announced": N_("a change is announced"), "closing": N_("closing"), "closed": N_("closed")}
Rewards = Mapping[str, Said]


async def program_of(request: Request) -> Program:
    """The programme that the address names, else the first that is not out of reach; raises NotFound where there is none such."""
    here, who = context(request), principal(request)
    named = request.path_params.get("program") or request.query_params.get("program")
    if named:
        return await programs.get_program(here.db, who.business_id, here.ids.decode("program", named) or 0)
    found = await programs_of(request)
    return found[0] if found else await programs.get_program(here.db, who.business_id, 0)


async def programs_of(request: Request) -> list[Program]:
    """The business's programmes, of somebody who is kept to some those."""
    who = principal(request)
    return [each for each in await programs.list_programs(context(request).db, who.business_id) if who.reaches(program_id=each.id)]


def address(request: Request, program: Program, *steps: str) -> str:
    """/console/programs/{program}/…"""
    return "/".join((PROGRAMS, context(request).ids.encode("program", program.id), *steps))


async def switch_of(request: Request, program: Program, path: str) -> list[dict[str, Any]]:
    """Links to `path` for each programme, for pages that show one of them; none where there is only one."""
    here = context(request)
    found = await programs_of(request)
    if len(found) < 2:
        return []
    return [{"url": f"{path}?program={here.ids.encode('program', each.id)}", "name": each.name_in(language(request)),
             "current": each.id == program.id} for each in found if each.closed_at is None or each.id == program.id]


async def rewards_of(request: Request, program: Program) -> Rewards:
    """What the catalogue's rewards are called, by their keys."""
    found = await rewards.list_rewards(context(request).db, program.business_id, program.id)
    return {reward.key: reward.names for reward in found}


async def segments_of(request: Request) -> list[tuple[str, str]]:
    """(key, name) of the business's groups of shoppers."""
    return [(each.key, each.name) for each in await segments.list_segments(context(request).db, principal(request).business_id)]


async def batches_of(request: Request, program: Program) -> list[tuple[str, str]]:
    """(key, name) of the programme's batches of promo codes."""
    return [(each.key, each.name) for each in await promo.list_batches(context(request).db, program.business_id, program.id)]


async def known(request: Request, program: Program) -> Known:
    """What the rules may name, as `validate` asks for it."""
    return await segments_known.there_is(context(request).db, program)


async def names_of(request: Request, program: Program, language_: str, *, is_public: bool = False) -> Names:
    """What sentences for managers call rewards, places, segments and promo codes by; is_public: on paper for shoppers."""
    db = context(request).db
    called = await (segments_known.places(db, program, program.rules) if is_public else segments_known.called(db, program))
    return Names(program.currency, language_, await rewards_of(request, program), called)


def sentences(rules: ProgramRules, names: Names) -> list[str]:
    return explain(rules, names.currency, names.language, names.rewards, names.called)


def rule_sentence(rule: Rule, rules: ProgramRules, names: Names) -> str:
    """What shoppers read of one rule; managers with all its names."""
    return explain_rules.sentence(rule, rules, names)


def changes(before: list[str], after: list[str]) -> list[tuple[str, str]]:
    """("−", sentence that went) and ("+", sentence that came), in the order of the sentences."""
    return [*(("−", each) for each in before if each not in after), *(("+", each) for each in after if each not in before)]


async def announced(request: Request, program: Program) -> list[dict[str, Any]]:
    """Versions of the rules that do not hold yet, the next first."""
    here = context(request)
    now = to_ms(here.clock.now())
    found = await programs.list_rules_versions(here.db, program.business_id, program.id)
    return sorted((each for each in found if (each.get("starts_at") or 0) > now), key=lambda each: each["starts_at"])


def state_of(program: Program, now: datetime, *, is_announced: bool = False) -> str:
    """A key of STATES."""
    if program.closed_at is not None:
        return "closed"
    if program.earns_until_at is not None:
        return "closing"
    return "announced" if is_announced else "open"


async def page(request: Request, program: Program, tab: str, values: dict[str, Any], *, done: str = "",
               wrong: Mapping[str, str] | None = None, status: int = 200) -> Response:
    """A page of one programme: its name, its tabs, its state."""
    here, said = context(request), language(request)
    coming = await announced(request, program)
    state = state_of(program, here.clock.now(), is_announced=bool(coming))
    return await frame.page(request, f"program_{tab}", {
        "program": {"id": here.ids.encode("program", program.id), "name": program.name_in(said), "kind": program.kind, "state": state,
                    "state_word": frame.said(request, STATES[state]), "url": address(request, program)},
        "program_tab": tab, **values}, done=done, wrong=wrong, status=status)


def kept(values: Values, wrong: TesseraError, request: Request) -> dict[str, str]:
    """Sentences beside boxes; what stands beside none is said at the top."""
    found = frame.sentences_of(request, wrong)
    shown = set(values)
    loose = [sentence for name, sentence in found.items() if name not in shown]
    return {name: sentence for name, sentence in found.items() if name in shown} | ({"": " ".join(dict.fromkeys(loose))} if loose else {})


def day_text(ms: int, language_: str, zone: str) -> str:
    """The local day of a moment, in words."""
    return formats.day(from_ms(ms), language_, zone)


def moment(ms: int | None) -> datetime | None:
    return None if ms is None else from_ms(ms)
