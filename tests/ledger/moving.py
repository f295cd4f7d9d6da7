"""Operations of any units on a bed's account, for the tests of this room."""
from datetime import timedelta

from app.clock import to_ms
from app.db import write_transaction
from app.ledger import sealing, service
from app.ledger.service import Draft
from app.ledger.verify import verify
from app.programs import service as programs
from tests.money import NOON

DAY = timedelta(days=1)
KINDS = ("points", "money", "stamps", "visits", "membership")


async def act_on(db, bed, change, *, at=NOON, now=None, kind="sale", units=("points",), account_id=None, card_id=None, of=None):
    """Whatever `change(purses)` does, as one operation; what ended is settled first, as every act does."""
    now = now or at
    account_id, card_id = account_id or bed.account_id, card_id or bed.card_id

    async def act(tx):
        await service.lock(tx, bed.business_id, [account_id])
        program = await programs.get_program(tx, bed.business_id, bed.program_id)
        purses = await service.purses_of(tx, account_id, at, now, units)
        await service.settle(tx, bed.key, purses, program, account_id, card_id, now)
        change(purses)
        draft = Draft(kind, bed.program_id, account_id, card_id, to_ms(at), 1, of_operation_id=of)
        return await service.post(tx, bed.key, draft, purses, now)
    return await write_transaction(db, act)


async def give(db, bed, *, end=None, available=None, at=NOON, now=None, account_id=None, card_id=None, **amounts):
    """One lot of each unit (unit=amount), ending and available at these moments."""
    def change(purses):
        for unit, amount in amounts.items():
            purses[unit].earn(amount, to_ms(end) if end else None, available_at=to_ms(available) if available else None)
    return await act_on(db, bed, change, at=at, now=now, units=tuple(amounts), account_id=account_id, card_id=card_id)


async def take(db, bed, *, at=NOON, now=None, account_id=None, card_id=None, **amounts):
    def change(purses):
        for unit, amount in amounts.items():
            purses[unit].spend(amount)
    return await act_on(db, bed, change, at=at, now=now, units=tuple(amounts), account_id=account_id, card_id=card_id)


async def agrees(db, now=NOON):
    await sealing.seal_pending(db)
    return await verify(db, now) == []
