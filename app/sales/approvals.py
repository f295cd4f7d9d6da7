"""Four eyes: an adjustment above the programme's limit waits until another manager confirms it."""
from datetime import datetime

import msgspec

from app.audit import service as audit
from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.errors import NotFound
from app.idempotency import service as idempotency
from app.idempotency.rules import Key
from app.ledger.operations import Operation
from app.sales import acts, adjustments, approvals_store, rules
from app.sales.acts import Outcome
from app.sales.approvals_rules import LIFE, Approval, ApprovalDecided, ApprovalExpired, SecondManagerNeeded, check_decision
from app.web.principal import Principal, system

__all__ = ["Approval", "ApprovalDecided", "ApprovalExpired", "SecondManagerNeeded", "adjust_or_ask", "approve", "ask", "expire_due",
           "get_approval", "list_waiting", "refuse"]

AT_ONCE = 100


async def adjust_or_ask(db: Database, who: Principal, card_id: int, unit: str, amount: int, reason: str, key: Key | None,
                        now: datetime) -> Outcome | Approval:
    """An adjustment, or, where it is above the programme's limit, what waits for another manager. Raises as `adjustments.adjust`."""
    kept = await idempotency.look(db, who.business_id, key, now)
    if kept and "approval" in kept.answer:
        return await get_approval(db, who.business_id, kept.answer["approval"])
    try:
        return await adjustments.adjust(db, who, card_id, unit, amount, reason, key, now)
    except rules.ApprovalNeeded:
        return await ask(db, who, card_id, unit, amount, reason, key, now)


async def ask(db: Database, who: Principal, card_id: int, unit: str, amount: int, reason: str, key: Key | None, now: datetime) -> Approval:
    """Ask for an adjustment, once per key. Raises Forbidden, Invalid, NotFound, CardEnded, OwnCard."""
    adjustments.check_asker(who, amount, reason)

    async def act(tx: Transaction) -> Approval:
        if kept := await idempotency.claim(tx, who.business_id, key, now):
            return await get_approval(tx, who.business_id, kept.answer.get("approval", 0))
        card, program = await acts.open_card(tx, who, card_id)
        await acts.check_not_own(tx, who, card)
        rules.check_unit(unit, adjustments.units_of(program.rules))
        request = msgspec.json.encode({"unit": unit, "amount": amount, "reason": reason.strip()}).decode()
        approval_id = await approvals_store.insert(tx, {
            "business_id": who.business_id, "card_id": card.id, "request": request, "asked_kind": who.kind, "asked_id": who.id,
            "asked_name": who.name, "asked_at": to_ms(now)})
        await audit.record(tx, who, "approval.asked", "card", card.id, {"approval": approval_id, unit: amount}, now=now)
        await idempotency.keep(tx, who.business_id, key, 202, {"approval": approval_id})
        return await get_approval(tx, who.business_id, approval_id)

    return await acts.recording_own(db, who, now, write_transaction(db, act))


async def approve(db: Database, who: Principal, approval_id: int, key: Key | None, now: datetime) -> Outcome:
    """Another manager confirms it, and it is done.

    Raises NotFound, Forbidden, SecondManagerNeeded, ApprovalDecided, ApprovalExpired, CardEnded, OwnCard, NotEnoughPoints.
    """
    asked = await get_approval(db, who.business_id, approval_id)

    async def act(tx: Transaction) -> Operation:
        card, program = await acts.open_card(tx, who, asked.card_id)
        check_decision(await get_approval(tx, who.business_id, approval_id), who, now)
        await acts.check_not_own(tx, who, card)
        await _decide(tx, who, asked, "approved", now)
        operation = await adjustments.adjust_in(tx, who, program, card, asked.unit, asked.amount, asked.reason, now, asked.asked_name)
        await approvals_store.set_operation(tx, who.business_id, approval_id, operation.id)
        return operation

    return await acts.once_not_own(db, who, key, act, now)


async def refuse(db: Database, who: Principal, approval_id: int, now: datetime) -> Approval:
    """Another manager says no. Raises as `approve`."""
    async def act(tx: Transaction) -> Approval:
        asked = await get_approval(tx, who.business_id, approval_id)
        check_decision(asked, who, now)
        await _decide(tx, who, asked, "refused", now)
        return await get_approval(tx, who.business_id, approval_id)

    return await write_transaction(db, act)


async def _decide(tx: Transaction, who: Principal, asked: Approval, status: str, now: datetime) -> None:
    """Raises ApprovalDecided where another manager was faster."""
    if not await approvals_store.decide(tx, who.business_id, asked.id, status, who.id, to_ms(now)):
        raise ApprovalDecided()
    await audit.record(tx, who, f"approval.{status}", "card", asked.card_id, {"approval": asked.id, asked.unit: asked.amount}, now=now)


async def get_approval(reader: Database | Transaction, business_id: int, approval_id: int) -> Approval:
    """Raises NotFound."""
    found = await approvals_store.find(reader, business_id, approval_id)
    if found is None:
        raise NotFound()
    return found


async def list_waiting(db: Database, business_id: int, now: datetime) -> list[Approval]:
    """What managers of a business are asked for, oldest first."""
    return await approvals_store.list_waiting(db, business_id, to_ms(now - LIFE))


async def expire_due(db: Database, now: datetime) -> int:
    """What waited seven days is over, whether or not this ran; it is noted here. Returns how many."""
    total = 0
    while due := await approvals_store.overdue(db, to_ms(now - LIFE), AT_ONCE):
        for row in due:
            total += await write_transaction(db, lambda tx, row=row: _expire(tx, row["business_id"], row["id"], now))  # type: ignore[misc]
    return total


async def _expire(tx: Transaction, business_id: int, approval_id: int, now: datetime) -> int:
    asked = await get_approval(tx, business_id, approval_id)
    try:
        await _decide(tx, system(business_id), asked, "expired", now)
    except ApprovalDecided:
        return 0
    return 1
