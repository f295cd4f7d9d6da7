"""A programme ends: announced, then it earns no more, then nothing can be spent and its cards are voided."""
from datetime import datetime
from functools import partial

from app.audit import service as audit
from app.benefits import service as benefits
from app.cards import service as cards
from app.cards import store as cards_store
from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.errors import FieldError, Forbidden, Invalid, Refused
from app.ledger import service as ledger
from app.ledger.operations import Draft
from app.ledger.rules import UNITS
from app.programs import closing_store as store
from app.programs import service as programs
from app.sales.rules import ProgramClosed
from app.text import N_
from app.updates import service as updates
from app.updates import spreads
from app.web.principal import Principal, system

CHUNK = 20                     # accounts of one transaction: a few milliseconds of the writer


class ClosingBegun(Refused):
    """The programme earns no more: people have been told and act on it."""

    code, detail = "closing_begun", N_("This programme is closing already. That cannot be called off any more.")


async def announce(db: Database, who: Principal, program_id: int, earns_until: datetime, spends_until: datetime, now: datetime) -> None:
    """From earns_until on nothing is earned, from spends_until on nothing is left. Both can be changed until earning ends.

    Raises Forbidden, NotFound, Invalid (fields earns_until, spends_until), ClosingBegun, ProgramClosed.
    """
    if wrong := _wrong(earns_until, spends_until, now):
        raise Invalid(fields=wrong)
    await _set(db, who, program_id, to_ms(earns_until), to_ms(spends_until), "program.closing_announced", now)


async def call_off(db: Database, who: Principal, program_id: int, now: datetime) -> None:
    """The programme goes on. Raises Forbidden, NotFound, ClosingBegun, ProgramClosed."""
    await _set(db, who, program_id, None, None, "program.closing_called_off", now)


def _wrong(earns_until: datetime, spends_until: datetime, now: datetime) -> list[FieldError]:
    wrong = []
    if earns_until <= now:
        wrong.append(FieldError("earns_until", "past", N_("Choose a day that lies ahead.")))
    if spends_until <= earns_until:
        wrong.append(FieldError("spends_until", "before", N_("Balances can be spent at least until the day after earning ends.")))
    return wrong


async def _set(db: Database, who: Principal, program_id: int, earns_until: int | None, spends_until: int | None, action: str,
               now: datetime) -> None:
    if not who.may("manager"):
        raise Forbidden()

    async def act(tx: Transaction) -> None:
        program = await programs.get_program(tx, who.business_id, program_id)
        if program.closed_at is not None:
            raise ProgramClosed()
        if program.earns_until_at is not None and program.earns_until_at <= to_ms(now):
            raise ClosingBegun()
        await store.set_closing(tx, who.business_id, program_id, earns_until, spends_until)
        await spreads.begin(tx, who.business_id, program_id, now)
        await audit.record(tx, who, action, "program", program_id, {"earns_until": earns_until, "spends_until": spends_until}, now=now)

    await write_transaction(db, act)


async def close_due(db: Database, now: datetime) -> int:
    """Close the programmes whose last day is over, some accounts a transaction; returns how many programmes that were.

    After a crash it goes on where it stood: an account that is closed holds nothing and shows no card.
    """
    closed = 0
    for row in await store.due(db, to_ms(now)):
        business_id, program_id = row["business_id"], row["id"]
        after = 0
        while accounts := await store.open_accounts(db, business_id, program_id, after, CHUNK):
            await write_transaction(db, partial(_close_accounts, business_id, program_id, accounts, now))
            after = accounts[-1]
        closed += await write_transaction(db, partial(_close, business_id, program_id, now))
    return closed


async def _close(business_id: int, program_id: int, now: datetime, tx: Transaction) -> bool:
    if not await store.set_closed(tx, business_id, program_id, to_ms(now)):
        return False
    await updates.emit(tx, business_id, "program.closed", now, details={"program": program_id})
    await audit.record(tx, system(business_id), "program.closed", "program", program_id, now=now)
    return True


async def _close_accounts(business_id: int, program_id: int, accounts: list[int], now: datetime, tx: Transaction) -> None:
    await ledger.lock(tx, business_id, accounts)
    program = await programs.get_program(tx, business_id, program_id)
    for account_id in accounts:
        await _close_account(tx, program, account_id, now)


async def _close_account(tx: Transaction, program: programs.Program, account_id: int, now: datetime) -> None:
    """Balances end by entries, debts too; vouchers are void, cards end."""
    business_id = program.business_id
    purses = await ledger.purses_of(tx, account_id, now, now, tuple(dict.fromkeys((program.rules.unit, *UNITS))))
    for purse in purses.values():
        purse.give_up("expired")
    if any(purse.legs for purse in purses.values()):
        card_id = await ledger.card_of(tx, business_id, account_id)
        draft = Draft("closing", program.id, account_id, card_id, to_ms(now), program.rules_version)
        await ledger.post(tx, system(business_id), draft, purses, now)
    for voucher in await benefits.vouchers_of(tx, business_id, account_id, now):
        await benefits.void(tx, business_id, voucher.id)
    for card in await cards_store.of_account(tx, business_id, account_id):
        await cards.end(tx, card, "expired", now)
