"""The acts of a till: quote, sell, adjust (undo and refund: refunds.py); each one transaction, once per idempotency key."""
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from app.audit import service as audit
from app.cards import service as cards
from app.cards.rules import CardBlocked, CardEnded, CardProvisional
from app.clock import local_day, midnight_after, to_ms
from app.db import Database, Transaction
from app.errors import Forbidden, NotFound
from app.idempotency.rules import Key
from app.ledger import operations_store
from app.ledger import service as ledger
from app.ledger.operations import Draft, Operation
from app.ledger.operations_store import Filter
from app.ledger.rules import Purse, end_of_lot
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.sales import acts, rules
from app.sales.acts import Outcome, again
from app.sales.refunds import refund, undo
from app.sales.rules import Judgement, Quote, RefundRequest, SaleRequest
from app.sales.words import hints
from app.web.principal import Principal

__all__ = ["Operation", "Outcome", "Page", "Quote", "RefundRequest", "SaleRequest", "adjust", "again", "get_operation", "hints",
           "list_operations", "quote", "refund", "sell", "undo"]


MOST = 200


class Page(NamedTuple):
    """Operations, newest first, and where the next page begins: (at in epoch ms, id), None at the end."""

    items: list[Operation]
    next: tuple[int, int] | None


class _Scene(msgspec.Struct, frozen=True):
    """What a purchase is judged by."""

    card: cards.Card
    program: programs.Program
    version: int
    rules: ProgramRules
    at: datetime
    purse: Purse


async def quote(db: Database, who: Principal, request: SaleRequest, now: datetime) -> Quote:
    """What a sale would do; changes nothing. Raises what `sell` would, but for receipts and limits of provisional cards."""
    rules.check_sale(request)
    card = await cards.get_card(db, who.business_id, request.card_id)
    scene = await _scene(db, who, request, card, now)
    return _quote(scene, _judge(scene, request))


async def sell(db: Database, who: Principal, request: SaleRequest, key: Key | None, now: datetime) -> Outcome:
    """A purchase: points pay a part of it, the rest of it earns.

    Raises Invalid, NotFound, CardBlocked, CardEnded, CardProvisional, NotEnoughPoints, OverLargestShare, QuoteChanged,
    ReceiptUsed, ProvisionalLimit, OtherLocation, and what a key can be refused for.
    """
    rules.check_sale(request)

    async def act(tx: Transaction) -> Operation:
        card = await cards.get_card(tx, who.business_id, request.card_id)
        if await ledger.lock(tx, who.business_id, [card.account_id]):
            card = await cards.get_card(tx, who.business_id, request.card_id)
        scene = await _scene(tx, who, request, card, now)
        judged = _judge(scene, request)
        if request.expect_to_pay is not None and request.expect_to_pay != judged.to_pay:
            raise rules.QuoteChanged(_quote(scene, judged))
        if card.status == "provisional":
            await _check_provisional(tx, who, scene, now)
        return await _record(tx, who, request, scene, judged, now)

    return await acts.once(db, who, key, act, now)


async def _scene(reader: Database | Transaction, who: Principal, request: SaleRequest, card: cards.Card, now: datetime) -> _Scene:
    """Read what judges a purchase on this card. Raises where the card takes none."""
    if card.status == "blocked":
        raise CardBlocked()
    if card.status not in ledger.LIVE:
        raise CardEnded()
    # Points of a provisional card belong to nobody yet who could spend them.
    if card.status == "provisional" and request.redeem != 0:
        raise CardProvisional()
    at = rules.moment(request.at, now, card.created_at)
    program = await programs.get_program(reader, who.business_id, card.program_id)
    version, points_rules = await programs.rules_at(reader, program, at)
    return _Scene(card, program, version, points_rules, at, await ledger.purse_of(reader, card.account_id, at, now))


def _judge(scene: _Scene, request: SaleRequest) -> Judgement:
    spendable = 0 if scene.card.status == "provisional" else scene.purse.spendable
    return rules.judge(scene.rules, request.amount, request.redeem, spendable)


def _quote(scene: _Scene, judged: Judgement) -> Quote:
    return Quote(scene.card, judged, scene.rules, scene.program.currency, scene.purse.balance, -scene.purse.debt)


async def _check_provisional(tx: Transaction, who: Principal, scene: _Scene, now: datetime) -> None:
    """A card that nobody has claimed collects a few receipts: more would be a cashier's own."""
    zone = scene.program.time_zone
    today = to_ms(midnight_after(local_day(now - rules.DAY, zone), zone))
    total, by_cashier = await operations_store.count_receipts(tx, scene.card.id, (who.kind, who.id), today)
    if total >= rules.PROVISIONAL_RECEIPTS or by_cashier >= rules.PROVISIONAL_A_DAY:
        raise rules.ProvisionalLimit()


async def _record(tx: Transaction, who: Principal, request: SaleRequest, scene: _Scene, judged: Judgement, now: datetime) -> Operation:
    """Write a judged purchase."""
    card, program, purse = scene.card, scene.program, scene.purse
    location_id, receipt = await acts.place(tx, who, program, request.location_id, request.receipt, "sale", scene.at)
    await ledger.settle(tx, who, purse, program, card.account_id, card.id, now)
    if judged.points:
        purse.spend(judged.points)
    if judged.to_earn:
        purse.earn(judged.to_earn, end_of_lot(scene.at, scene.rules.lot_days, program.time_zone))
    texts: dict[str, Any] = {"receipt": request.receipt} if request.receipt else {}
    if request.lines:
        texts["lines"] = list(request.lines)
    draft = Draft("sale", program.id, card.account_id, card.id, to_ms(scene.at), scene.version, location_id,
                  amount_minor=judged.amount, discount_minor=judged.discount, spent_minor=judged.spent_minor,
                  to_pay_minor=judged.to_pay, texts=texts)
    return await ledger.post(tx, who, draft, purse, now, receipt)


async def adjust(db: Database, who: Principal, card_id: int, unit: str, amount: int, reason: str, key: Key | None,
                 now: datetime) -> Outcome:
    """A manager gives (> 0) or takes (< 0) points by hand, and says why; never below zero.

    Raises Forbidden, Invalid, NotFound, CardEnded, NotEnoughPoints.
    """
    if not who.may("manager"):
        raise Forbidden()
    rules.check_adjustment(unit, amount, reason)

    async def act(tx: Transaction) -> Operation:
        card = await cards.get_card(tx, who.business_id, card_id)
        if card.status not in ledger.LIVE:
            raise CardEnded()
        await ledger.lock(tx, who.business_id, [card.account_id])
        program = await programs.get_program(tx, who.business_id, card.program_id)
        purse = await ledger.purse_of(tx, card.account_id, now, now)
        await ledger.settle(tx, who, purse, program, card.account_id, card.id, now)
        if amount > 0:
            purse.earn(amount, end_of_lot(now, program.rules.lot_days, program.time_zone), "adjusted")
        else:
            purse.spend(-amount, "adjusted")
        draft = Draft("adjustment", program.id, card.account_id, card.id, to_ms(now), program.rules_version,
                      who.location_id, texts={"reason": reason.strip()})
        operation = await ledger.post(tx, who, draft, purse, now)
        await audit.record(tx, who, "card.adjust", "card", card.id, {"operation": operation.id, "points": amount}, now=now)
        return operation

    return await acts.once(db, who, key, act, now)


async def get_operation(db: Database, who: Principal, operation_id: int) -> Operation:
    """Its balances are those after it, not today's. Raises NotFound."""
    found = await operations_store.find_operation(db, who.business_id, operation_id)
    if found is None:
        raise NotFound()
    return found


async def list_operations(db: Database, who: Principal, *, card_id: int | None = None, account_id: int | None = None,
                          location_id: int | None = None, receipt: str | None = None, kind: str | None = None,
                          since: datetime | None = None, until: datetime | None = None,
                          before: tuple[int, int] | None = None, limit: int = 50) -> Page:
    """Newest first; `since` included, `until` not; before: a page's `next`. card_id: all of its account's, so that a history goes
    on when a card is replaced; raises NotFound where it is none of the business's."""
    limit = min(limit, MOST)
    if card_id is not None:
        account_id = (await cards.get_card(db, who.business_id, card_id)).account_id
    items = await operations_store.list_operations(db, Filter(
        who.business_id, account_id, location_id, receipt, kind, to_ms(since) if since else None, to_ms(until) if until else None,
        before), limit + 1)
    if len(items) <= limit:
        return Page(items, None)
    last = items[limit - 1]
    return Page(items[:limit], (to_ms(last.at), last.id))
