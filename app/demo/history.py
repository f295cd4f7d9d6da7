"""Lets the drawn days happen: every card, sale, undo and refund goes through the services that real ones go through."""
import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from app.clock import local_day
from app.context import Context
from app.demo import plan
from app.demo.business import ZONE, Business
from app.demo.joining import Person, join
from app.demo.plan import Guest, Visit
from app.programs import service as programs
from app.programs.store import Program
from app.sales import service as sales
from app.sales.rules import RefundRequest, SaleRequest

T = TypeVar("T")
SEED = 20_261_122
AT_ONCE = 64            # acts that wait for one commit together


async def live_through(here: Context, shop: Business, now: datetime, seed: int = SEED) -> tuple[int, int]:
    """Thirty days up to `now`, day by day; returns (cards, visits)."""
    dice = random.Random(seed)      # noqa: S311  (believable, and the same every time: nothing here is a secret)
    guests = plan.draw_guests(dice, now, ZONE)
    visits = plan.draw_visits(dice, guests, now, ZONE)
    program = await programs.get_program(here.db, shop.id, shop.program_id)
    card_ids: dict[int, int] = {}
    for day in sorted({local_day(guest.joined_at, ZONE) for guest in guests} | {local_day(visit.at, ZONE) for visit in visits}):
        joining = [guest for guest in guests if local_day(guest.joined_at, ZONE) == day]
        joined = await together([_join(here, shop, program, guest) for guest in joining])
        card_ids |= {guest.number: card_id for guest, card_id in zip(joining, joined, strict=True)}
        of_guest: dict[int, list[Visit]] = defaultdict(list)
        for visit in visits:
            if local_day(visit.at, ZONE) == day:
                of_guest[visit.guest].append(visit)
        await together([_come(here, shop, card_ids[number], its) for number, its in of_guest.items()])
    return len(guests), len(visits)


async def together(acts: Sequence[Awaitable[T]]) -> list[T]:
    """All of them, AT_ONCE at a time: what waits at the same moment shares a commit."""
    done: list[T] = []
    for first in range(0, len(acts), AT_ONCE):
        done += await asyncio.gather(*acts[first:first + AT_ONCE])
    return done


async def _join(here: Context, shop: Business, program: Program, guest: Guest) -> int:
    person = Person(guest.phone, guest.name, guest.language, None, guest.wants_news, shop.location_ids[guest.favourite])
    return (await join(here, program, person, guest.joined_at)).id


async def _come(here: Context, shop: Business, card_id: int, visits: Sequence[Visit]) -> None:
    """One guest's visits of a day, one after the other."""
    for visit in visits:
        cashier = shop.at_till(visit.location)
        request = SaleRequest(card_id, visit.amount_minor, None if visit.pays_with_points else 0, receipt=visit.receipt,
                              location_id=shop.location_ids[visit.location])
        sold = await sales.sell(here.db, cashier, request, None, visit.at)
        if visit.afterwards == "undo":
            await sales.undo(here.db, cashier, sold.operation.id, None, visit.at + timedelta(seconds=50))
        elif visit.afterwards == "refund":
            await _refund(here, shop, sold.operation.id, visit)


async def _refund(here: Context, shop: Business, sale_id: int, visit: Visit) -> None:
    """A cold coffee: a part of the money comes back, through the manager."""
    back = RefundRequest(sale_id, visit.amount_minor // 2, receipt=f"R{visit.receipt}", location_id=shop.location_ids[visit.location])
    await sales.refund(here.db, shop.of_role("manager"), back, None, visit.at + timedelta(minutes=12))
