"""`issue --program ID --phone NUMBER --out FILE`: writes the pass of an active card, as its page would hand it out.

A phone without a card gets one, active at once: whoever runs this states that its shopper has agreed to the terms.
"""
import argparse
import asyncio
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.commands import shared
from app.context import Context
from app.errors import NotFound, Refused
from app.programs.store import Program
from app.web.principal import system

if TYPE_CHECKING:
    from app.cards.service import Card


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--program", required=True, metavar="ID", help="the programme's id (prg_…)")
    parser.add_argument("--phone", required=True, metavar="NUMBER", help="the shopper's phone, in any usual spelling")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="where the .pkpass goes")


def run(args: argparse.Namespace) -> int:
    wanted = {"program": args.program, "phone": args.phone}
    answer = asyncio.run(shared.hand_over(shared.fitting_settings(), "issue", act, wanted))
    if "error" not in answer:
        args.out.write_bytes(shared.unpacked(answer["data"]))
        answer["lines"] = [f"The pass is in {args.out}."]
    return shared.said(answer)


async def act(here: Context, program: str, phone: str) -> dict[str, Any]:
    """Raises NotFound where there is no such programme, Refused where the phone's card is blocked."""
    from app.customers import phones
    from app.passes import service as passes

    found, now = await _program(here, program), here.clock.now()
    card = await _active_card(here, found, phones.parse_phone(phone, found.country, None), now)
    await passes.ensure(here, card, now)
    built = await passes.build(here, card.id, now)
    assert built.data is not None
    return {"data": shared.packed(built.data)}


async def _active_card(here: Context, program: Program, e164: str, now: datetime) -> "Card":
    """The card that this phone has, a new one where it has none."""
    from app.cards import service as cards
    from app.customers import service as customers
    from app.till import service as till

    customer = await customers.find_by_phone(here.db, here.ring, program.business_id, e164)
    held = await cards.cards_of_customer(here.db, program.business_id, customer.id, program.id) if customer else []
    if active := next((card for card in held if card.status == "active"), None):
        return active
    if any(card.status == "blocked" for card in held):
        raise Refused("The card of this phone number is blocked. Unblock it in the console first.")
    shopper = till.Shopper(e164, None, None, None, program.language)
    return await till.issue_card(here.db, here.ring, system(program.business_id), program.id, shopper, till.Agreed(False, None, now),
                                 "command", None, now)


async def _program(here: Context, text: str) -> Program:
    from app.programs import service as programs

    program_id = here.ids.decode("program", text)
    for business in await programs.list_businesses(here.db) if program_id is not None else ():
        for program in await programs.list_programs(here.db, business.id):
            if program.id == program_id:
                return program
    raise NotFound(f"There is no programme {text}. The console and `GET /api/v1/programs` show the ids.")
