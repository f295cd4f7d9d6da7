"""What was done taken back, in whole at once (undo) or in parts (refund). Both do the same; only what is allowed differs."""
from collections.abc import Awaitable, Callable
from datetime import datetime

from app.audit import service as audit
from app.cards import service as cards
from app.db import Database, Transaction
from app.errors import NotFound
from app.idempotency.rules import Key
from app.ledger import operations_store
from app.ledger import service as ledger
from app.ledger.operations import Operation
from app.programs import service as programs
from app.sales import acts, rules, taking_back
from app.sales.acts import Outcome
from app.sales.purchase_refunds import take_back_purchase
from app.sales.reach import check_program
from app.sales.rules import RefundRequest
from app.sales.taking_back import Back, slice_of
from app.staff import role_limits
from app.web.principal import Principal

__all__ = ["refund", "slice_of", "undo", "undo_within"]

_TAKERS: dict[str, Callable[[Transaction, Principal, Back, datetime], Awaitable[Operation]]] = {
    "sale": taking_back.take_back_sale, "purchase": take_back_purchase, "visit": taking_back.take_back_visit,
    "claim": taking_back.take_back_claim}


async def undo(db: Database, who: Principal, operation_id: int, key: Key | None, now: datetime) -> Outcome:
    """The whole sale (or purchase, visit, claim) taken back within the programme's minutes, by who made it or a manager.

    Raises NotFound, NotASale, NotYourSale, AlreadyUndone, AlreadyRefunded, UndoTooLate, PurchaseUsed, VoucherUsed,
    OwnCard.
    """
    async def act(tx: Transaction) -> Operation:
        back = await _open(tx, who, "undo", RefundRequest(operation_id, None))
        if (back.of.actor_kind, back.of.actor_id) != (who.kind, who.id) and not who.may("manager"):
            raise rules.NotYourSale()
        if back.earlier:
            raise rules.AlreadyRefunded()
        if not rules.can_be_undone(back.program.rules, back.of.recorded_at, now):
            raise rules.UndoTooLate(params={"minutes": back.program.rules.undo_minutes})
        return await _take_back(tx, who, back, now)

    return await acts.once_not_own(db, who, key, act, now)


async def undo_within(tx: Transaction, who: Principal, operation_id: int, now: datetime) -> Operation:
    """The whole of it taken back inside the caller's transaction, whose duty it is that this may be done and by whom. Raises as `undo`."""
    return await _take_back(tx, who, await _open(tx, who, "undo", RefundRequest(operation_id, None)), now)


async def refund(db: Database, who: Principal, request: RefundRequest, key: Key | None, now: datetime) -> Outcome:
    """A part of a sale comes back, or all that is left of it; allowed on provisional and blocked cards too.

    Raises Invalid, NotFound, NotASale, AlreadyUndone, RefundExceedsSale, PurchaseUsed, WholeOnly, VoucherUsed, ReceiptUsed,
    OtherLocation, OwnCard, and RefundNeedsManager where a cashier refunds more of a sale than the business lets cashiers.
    """
    rules.check_refund(request)

    async def act(tx: Transaction) -> Operation:
        back = await _open(tx, who, "refund", request)
        if back.of.kind in ("visit", "claim") and back.earlier:
            raise rules.AlreadyRefunded()
        operation = await _take_back(tx, who, back, now)
        await _check_most(tx, who, operation.amount_minor + sum(one.amount_minor for one in back.earlier))
        return operation

    return await acts.once_not_own(db, who, key, act, now)


async def _check_most(tx: Transaction, who: Principal, amount_minor: int) -> None:
    """amount_minor: of one sale, all that came back. Raises RefundNeedsManager, which takes back what the caller wrote."""
    if who.kind != "staff" or who.may("manager"):
        return
    most = await role_limits.cashier_refund_most(tx, who.acting_business_id)
    if most is not None and amount_minor > most:
        raise rules.RefundNeedsManager(extra={"most": most})


async def _open(tx: Transaction, who: Principal, kind: str, request: RefundRequest) -> Back:
    """An operation whose account is locked from here on, wherever its points are now, and what took it back before."""
    of = await operations_store.find_operation(tx, who.business_id, request.operation_id, has_balances=False)
    # In a coalition a member takes back what it sold itself; what others did is not there for it.
    if of is None or who.acting_business_id not in (who.business_id, of.acting_business_id):
        raise NotFound()
    check_program(who, of.program_id)
    if of.kind not in _TAKERS:
        raise rules.NotASale()
    await acts.check_not_own(tx, who, await cards.get_card(tx, who.business_id, of.card_id))
    home = await ledger.lock_home(tx, who.business_id, of.account_id)
    earlier = await operations_store.list_refunds(tx, who.business_id, of.id)
    if any(one.kind == "undo" for one in earlier):
        raise rules.AlreadyUndone()
    return Back(kind, of, tuple(earlier), await programs.get_program(tx, who.business_id, of.program_id), home, request)


async def _take_back(tx: Transaction, who: Principal, back: Back, now: datetime) -> Operation:
    operation = await _TAKERS[back.of.kind](tx, who, back, now)
    await audit.record(tx, who, f"sale.{back.kind}", "operation", operation.id, {"of": back.of.id, "amount": operation.amount_minor},
                       now=now)
    return operation
