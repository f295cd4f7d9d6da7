"""A sale taken back, in whole at once (undo) or in parts (refund). Both do the same; only what is allowed differs."""
from collections.abc import Sequence
from datetime import datetime

from app.audit import service as audit
from app.clock import to_ms
from app.db import Database, Transaction
from app.errors import NotFound
from app.idempotency.rules import Key
from app.ledger import operations_store
from app.ledger import service as ledger
from app.ledger.operations import Draft, Operation
from app.ledger.rules import Lot, Purse, end_of_lot
from app.programs import service as programs
from app.sales import acts, returned, rules
from app.sales.acts import Outcome
from app.sales.returned import Came, Returned, Sold
from app.sales.rules import RefundRequest
from app.web.principal import Principal


async def undo(db: Database, who: Principal, operation_id: int, key: Key | None, now: datetime) -> Outcome:
    """The whole sale taken back within the programme's minutes, by who made it or a manager.

    Raises NotFound, NotASale, NotYourSale, AlreadyUndone, AlreadyRefunded, UndoTooLate.
    """
    async def act(tx: Transaction) -> Operation:
        sale, before = await _sale(tx, who, operation_id)
        if (sale.actor_kind, sale.actor_id) != (who.kind, who.id) and not who.may("manager"):
            raise rules.NotYourSale()
        if before:
            raise rules.AlreadyRefunded()
        program = await programs.get_program(tx, who.business_id, sale.program_id)
        if not rules.can_be_undone(program.rules, sale.recorded_at, now):
            raise rules.UndoTooLate(params={"minutes": program.rules.undo_minutes})
        whole = RefundRequest(sale.id, sale.amount_minor - sale.discount_minor)
        return await _take_back(tx, who, sale, program, "undo", before, whole, now)

    return await acts.once(db, who, key, act, now)


async def refund(db: Database, who: Principal, request: RefundRequest, key: Key | None, now: datetime) -> Outcome:
    """A part of a sale comes back, or all that is left of it; allowed on provisional and blocked cards too.

    Raises Invalid, NotFound, NotASale, AlreadyUndone, RefundExceedsSale, ReceiptUsed, OtherLocation.
    """
    rules.check_refund(request)

    async def act(tx: Transaction) -> Operation:
        sale, before = await _sale(tx, who, request.operation_id)
        program = await programs.get_program(tx, who.business_id, sale.program_id)
        return await _take_back(tx, who, sale, program, "refund", before, request, now)

    return await acts.once(db, who, key, act, now)


async def _sale(tx: Transaction, who: Principal, operation_id: int) -> tuple[Operation, int]:
    """A sale whose account is locked from here on, and how much of it was refunded."""
    sale = await operations_store.find_operation(tx, who.business_id, operation_id)
    if sale is None:
        raise NotFound()
    if sale.kind != "sale":
        raise rules.NotASale()
    await ledger.lock(tx, who.business_id, [sale.account_id])
    earlier = await operations_store.refunds_of(tx, who.business_id, sale.id)
    if any(row["kind"] == "undo" for row in earlier):
        raise rules.AlreadyUndone()
    return sale, sum(row["amount_minor"] for row in earlier)


async def _take_back(tx: Transaction, who: Principal, sale: Operation, program: programs.Program, kind: str, before: int,
                     request: RefundRequest, now: datetime) -> Operation:
    sold = Sold(sale.amount_minor - sale.discount_minor, sale.to_pay_minor, {"points": -sale.gained("redeemed")},
                {"points": sale.gained("earned")})
    done = returned.refund(sold, Came(before), request.amount or 0)
    location_id, receipt = await acts.place(tx, who, program, request.location_id, request.receipt, "refund", now)
    purse = await ledger.purse_of(tx, sale.account_id, now, now)
    await ledger.settle(tx, who, purse, program, sale.account_id, sale.card_id, now)
    shortfall = await _move(tx, purse, sale, program, returned.state(sold, Came(before)), done, now)
    operation = await ledger.post(tx, who, Draft(
        kind, program.id, sale.account_id, sale.card_id, to_ms(now), program.rules_version, location_id, sale.id,
        amount_minor=done.amount, pay_back_minor=done.pay_back, shortfall=shortfall,
        texts={"receipt": request.receipt} if request.receipt else None), purse, now, receipt)
    await audit.record(tx, who, f"sale.{kind}", "operation", operation.id, {"of": sale.id, "amount": request.amount}, now=now)
    return operation


async def _move(tx: Transaction, purse: Purse, sale: Operation, program: programs.Program, earlier: Returned, done: Returned,
                now: datetime) -> int:
    """Give back what the sale spent and take back what it earned; returns the shortfall that the programme lets go."""
    if given := done.given.get("points", 0):
        grace_end = end_of_lot(now, program.rules.refund_grace_days, program.time_zone)
        assert grace_end is not None
        # The last drawn first: what lives longest comes back soonest.
        drawn = list(reversed(await ledger.drawn_by(tx, sale.id)))
        purse.give_back(slice_of(drawn, earlier.given.get("points", 0), given), grace_end)
    if not (taken := done.taken.get("points", 0)):
        return 0
    own = await ledger.made_by(tx, sale.id)
    expired = 0
    if any(lot.expires_at is not None and lot.expires_at <= to_ms(now) for lot in own):
        let_go = earlier.taken.get("points", 0) - await operations_store.taken_back_by_refunds(tx, sale.id)
        let_go -= sum(row["shortfall"] for row in await operations_store.refunds_of(tx, sale.business_id, sale.id))
        expired = await ledger.expired_of(tx, sale.account_id, sale.id) - let_go
    return purse.take_back(taken, [lot.id for lot in own], owe=program.rules.refund_debt == "owed", expired=expired)


def slice_of(drawn: Sequence[Lot], start: int, length: int) -> list[Lot]:
    """The points number `start` to `start + length` of those that were drawn from lots one after another."""
    found, end = [], start + length
    for lot in drawn:
        part = min(lot.remaining, end) - max(0, start)
        if part > 0:
            found.append(lot._replace(remaining=part))
        start, end = start - lot.remaining, end - lot.remaining
    return found
