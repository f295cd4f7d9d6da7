"""A bought package, gift or membership taken back: only what of it is left, in proportion."""
from datetime import datetime

from app.db import Transaction
from app.ledger import service as ledger
from app.ledger.operations import Operation
from app.money import ceil_div, floor_div
from app.sales import acts, rules
from app.sales.taking_back import Back, draft_of, purses_for
from app.web.principal import Principal


async def take_back_purchase(tx: Transaction, who: Principal, back: Back, now: datetime) -> Operation:
    """The money that was paid, or what is left of it, for the part of the load that is left. A membership comes back whole, within
    the minutes of an undo or by a manager.

    Raises PurchaseUsed, RefundExceedsSale, WholeOnly, Forbidden.
    """
    change = next(change for change in back.of.changes if change.why == "loaded")
    location_id, receipt = await acts.place(tx, who, back.program, back.request.location_id, back.request.receipt, back.kind, now)
    purses = await purses_for(tx, who, back, now)
    purse = purses[change.unit]
    price, paid_back = back.of.to_pay_minor, sum(one.amount_minor for one in back.earlier)
    taken = sum(-one.gained("refund_taken", unit=change.unit) for one in back.earlier)
    left = min(change.amount - taken, max(0, purse.balance))
    worth = floor_div(price * (taken + left), change.amount) - paid_back
    amount = _amount(back, price, paid_back, worth)
    if change.unit == "membership":
        _check_membership(who, back, amount, price, now)
    part = ceil_div(change.amount * (paid_back + amount), price) - taken if price else change.amount
    if amount > worth or part > left or not part:
        raise rules.PurchaseUsed(extra={"left": max(0, worth)})
    own = [lot.id for lot in await ledger.made_by(tx, back.of.id, change.unit)]
    purse.take_back(part, own, owe=False, book="loaded")
    texts = {"receipt": back.request.receipt} if back.request.receipt else {}
    return await ledger.post(tx, who, await draft_of(tx, back, now, location_id, amount, amount, texts), purses, now, receipt)


def _amount(back: Back, price: int, paid_back: int, worth: int) -> int:
    """An undo is of the whole; a refund without an amount of all that is left."""
    if back.kind == "undo":
        return price
    if back.request.amount is None:
        return max(0, worth)
    if back.request.amount > price - paid_back:
        raise rules.RefundExceedsSale(extra={"left": price - paid_back})
    return back.request.amount


def _check_membership(who: Principal, back: Back, amount: int, price: int, now: datetime) -> None:
    if amount != price:
        raise rules.WholeOnly()
    if back.kind == "refund" and not who.may("manager") and not rules.can_be_undone(back.program.rules, back.of.recorded_at, now):
        raise rules.UndoTooLate(params={"minutes": back.program.rules.undo_minutes})
