"""A cashier at work: where, for whom, and how many cards today. What a card shows is in showing.py, what was done in results.py."""
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.cards.service import Card
from app.clock import local_day, midnight_after
from app.context import Context
from app.enrolment.rules import is_closing
from app.ledger.operations import Operation
from app.programs import service as programs
from app.programs.store import Program
from app.sales import service as sales
from app.web.principal import Principal


@dataclass(frozen=True, slots=True)
class Desk:
    """A cashier at work: where, for whom. `program` is the first open one that they are not kept from."""

    who: Principal
    program: Program
    place: str
    zone: str


async def desk_of(here: Context, who: Principal, language: str) -> Desk:
    """Raises NotFound where the business has no programme yet."""
    open_ones = [program for program in await programs.list_programs(here.db, who.business_id)
                 if program.closed_at is None and who.reaches(program_id=program.id)]
    program = open_ones[0] if open_ones else await programs.get_program(here.db, who.business_id, 0)
    if who.location_id is None:
        return Desk(who, program, "", program.time_zone)
    place = await programs.get_location(here.db, who.business_id, who.location_id)
    return Desk(who, program, place.name_in(language), place.time_zone)


async def joinable(here: Context, who: Principal, now: datetime) -> list[Program]:
    """The programmes that a till may give a card of, the business's first one first: clubs by invitation and closing ones not."""
    return [program for program in await programs.list_programs(here.db, who.business_id)
            if program.closed_at is None and who.reaches(program_id=program.id) and not is_closing(program.earns_until_at, now)
            and not (program.rules.club and program.rules.club.by == "invitation")]


async def desk_at(here: Context, desk: Desk, card: Card, who: Principal) -> Desk:
    """The same desk at work on a card, which may be a coalition's; who: as `elsewhere` found."""
    if card.program_id == desk.program.id:
        return desk
    return replace(desk, who=who, program=await programs.get_program(here.db, card.business_id, card.program_id))


async def served_today(here: Context, desk: Desk, now: datetime) -> int:
    """How many different cards this cashier has served since the place's midnight."""
    begin = midnight_after(local_day(now, desk.zone) - timedelta(days=1), desk.zone)
    page = await sales.list_operations(here.db, desk.who, kind="sale", since=begin, limit=200)
    return len({operation.card_id for operation in page.items if is_own(operation, desk.who)})


def is_own(operation: Operation, who: Principal) -> bool:
    return (operation.actor_kind, operation.actor_id) == (who.kind, who.id)
