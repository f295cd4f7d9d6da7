"""`issue --program ID --phone NUMBER --out FILE`: writes the pass of an active card, as its page would hand it out."""
import argparse
import asyncio
from pathlib import Path
from typing import Any

from app.commands import shared
from app.context import Context
from app.errors import NotFound
from app.programs.store import Program


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
    """Raises NotFound where there is no such programme, or nobody with that phone has an active card of it."""
    from app.cards import service as cards
    from app.customers import phones
    from app.customers import service as customers
    from app.passes import service as passes

    found = await _program(here, program)
    e164 = phones.parse_phone(phone, found.country, None)
    customer = await customers.find_by_phone(here.db, here.ring, found.business_id, e164)
    if customer is None:
        raise NotFound("Nobody with this phone number has a card.")
    held = await cards.cards_of_customer(here.db, found.business_id, customer.id, found.id)
    card = next((card for card in held if card.status == "active"), None)
    if card is None:
        raise NotFound("The card of this phone number is not active, so it has no pass.")
    now = here.clock.now()
    await passes.ensure(here, card, now)
    built = await passes.build(here, card.id, now)
    assert built.data is not None
    return {"data": shared.packed(built.data)}


async def _program(here: Context, text: str) -> Program:
    from app.programs import service as programs

    program_id = here.ids.decode("program", text)
    for business in await programs.list_businesses(here.db) if program_id is not None else ():
        for program in await programs.list_programs(here.db, business.id):
            if program.id == program_id:
                return program
    raise NotFound(f"There is no programme {text}. The console and `GET /api/v1/programs` show the ids.")
