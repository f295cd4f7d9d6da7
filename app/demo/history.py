"""Lets the drawn days happen: every card, sale, undo and refund goes through the services that real ones go through."""
import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from app.cards import service as cards
from app.cards.rules import IssuedNumbers
from app.clock import local_day
from app.context import Context
from app.customers import service as customers
from app.db import Transaction, write_transaction
from app.demo import plan
from app.demo.business import ZONE, Business, Person
from app.demo.plan import Guest, Visit
from app.ledger import service as ledger
from app.programs import service as programs
from app.programs.store import Program
from app.sales import service as sales
from app.sales.rules import RefundRequest, SaleRequest
from app.web.principal import Principal, shopper

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
        joined = await _together([_join(here, shop, program, guest) for guest in joining])
        card_ids |= {guest.number: card_id for guest, card_id in zip(joining, joined, strict=True)}
        of_guest: dict[int, list[Visit]] = defaultdict(list)
        for visit in visits:
            if local_day(visit.at, ZONE) == day:
                of_guest[visit.guest].append(visit)
        await _together([_come(here, shop, card_ids[number], its) for number, its in of_guest.items()])
    return len(guests), len(visits)


async def _together(acts: Sequence[Awaitable[T]]) -> list[T]:
    """All of them, AT_ONCE at a time: what waits at the same moment shares a commit."""
    done: list[T] = []
    for first in range(0, len(acts), AT_ONCE):
        done += await asyncio.gather(*acts[first:first + AT_ONCE])
    return done


async def _join(here: Context, shop: Business, program: Program, guest: Guest) -> int:
    """Somebody activates a card: customer, consents, account, card, welcome points, in one commit as on the activation page."""
    numbers = IssuedNumbers.draw(program.number_prefix)
    return await write_transaction(here.db, partial(_write_card, here, shop, program, guest, numbers))


async def _write_card(here: Context, shop: Business, program: Program, guest: Guest, numbers: IssuedNumbers, tx: Transaction) -> int:
    at = guest.joined_at
    customer_id = await customers.create(tx, here.ring, shop.id, e164=guest.phone, name=guest.name, language=guest.language, now=at)
    who = shopper(shop.id, customer_id)
    texts = await customers.current_texts(tx, shop.id, guest.language)
    for purpose, granted in (("terms", True), ("marketing", guest.wants_news)):
        await customers.record_consent(tx, who, customer_id, purpose, granted, texts[purpose].id, "activation", at)
    account_id = await ledger.open_account(tx, shop.id, program.id, customer_id, at)
    card = await cards.issue(tx, here.ring, who, program_id=program.id, account_id=account_id, status="active", source="demo",
                             numbers=numbers, location_id=shop.location_ids[guest.favourite], now=at)
    await ledger.welcome(tx, who, program, card, at)
    return card.id


async def _come(here: Context, shop: Business, card_id: int, visits: Sequence[Visit]) -> None:
    """One guest's visits of a day, one after the other."""
    for visit in visits:
        cashier = _cashier(shop, visit.location)
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
    await sales.refund(here.db, shop.who(_of_role(shop, "manager")), back, None, visit.at + timedelta(minutes=12))


def _cashier(shop: Business, location: int) -> Principal:
    """Whoever works at that location."""
    return shop.who(next(person for person in shop.people if person.location_id == shop.location_ids[location]))


def _of_role(shop: Business, role: str) -> Person:
    return next(person for person in shop.people if person.role == role)
