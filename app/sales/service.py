"""The acts of a till: quote, sell, and what was done; each act one transaction, once per idempotency key.

Beside it: undo and refund (refunds.py), adjust (adjustments.py, approvals.py), purchases of packages, memberships and gifts (purchases.py),
rewards of the catalogue (claims.py), what happens outside (happenings.py), the end of a programme (closing.py)."""
from datetime import datetime
from typing import NamedTuple

import msgspec

from app.benefits import service as benefits
from app.cards import rotation
from app.cards import service as cards
from app.clock import local_day, midnight_after, to_ms
from app.db import Database, Transaction
from app.errors import NotFound
from app.idempotency.rules import Key
from app.ledger import operations_store
from app.ledger import service as ledger
from app.ledger.operations import Operation
from app.ledger.operations_store import Filter
from app.sales import acts, case, rules, surroundings
from app.sales.acts import Outcome, again
from app.sales.adjustments import adjust
from app.sales.judgement import Quote
from app.sales.recording import Codes, record
from app.sales.refunds import refund, undo
from app.sales.rules import RefundRequest, SaleRequest
from app.sales.words import hints
from app.web.principal import Principal

__all__ = ["Operation", "Outcome", "Page", "Quote", "RefundRequest", "SaleRequest", "adjust", "again", "check_provisional",
           "get_operation", "hints", "list_operations", "quote", "refund", "sell", "undo"]


MOST = 200


class Page(NamedTuple):
    """Operations, newest first, and where the next page begins: (at in epoch ms, id), None at the end."""

    items: list[Operation]
    next: tuple[int, int] | None


async def quote(db: Database, who: Principal, request: SaleRequest, now: datetime) -> Quote:
    """What a sale would do; changes nothing. Raises what `sell` would, but for receipts, limits of provisional cards, and what the
    shopper has to confirm, which it tells."""
    rules.check_sale(request)
    card = await cards.get_card(db, who.business_id, request.card_id)
    seen = await case.read(db, who, request, card, now, is_quote=True)
    judged = seen.judge(request.redeem)
    made = seen.quote(judged, await benefits.vouchers_of(db, who.business_id, card.account_id, now))
    if rules.spends(judged, seen.receipt) and await rotation.needs_presentation(db, who, card, seen.program, now):
        made = msgspec.structs.replace(made, live_code_needed=True)
    return await surroundings.of_quote(db, seen.program, made, seen.receipt, now)


async def sell(db: Database, who: Principal, request: SaleRequest, key: Key | None, now: datetime) -> Outcome:
    """A purchase: points pay a part of it, the rest of it earns.

    Raises Invalid, NotFound, CardBlocked, CardEnded, CardProvisional, ProgramClosed, OwnCard, NotEnoughPoints, NotEnough,
    OverLargestShare, ConfirmationNeeded, LiveCodeNeeded, QuoteChanged, ReceiptUsed, ProvisionalLimit, OtherLocation, CampaignUsedUp,
    OutOfStock, what stands against a voucher or a promo code, and what a key can be refused for.
    """
    rules.check_sale(request)
    codes = Codes()

    async def act(tx: Transaction) -> Operation:
        card = await cards.get_card(tx, who.business_id, request.card_id)
        if await ledger.lock(tx, who.business_id, [card.account_id]):
            card = await cards.get_card(tx, who.business_id, request.card_id)
        await acts.check_not_own(tx, who, card)
        seen = await case.read(tx, who, request, card, now)
        judged = seen.judge(request.redeem)
        rules.check_confirmed(seen.rules, judged, request)
        if rules.spends(judged, seen.receipt):
            await rotation.check_presented(tx, who, card, seen.program, now)
        if request.expect_to_pay is not None and request.expect_to_pay != judged.to_pay:
            raise rules.QuoteChanged(seen.quote(judged))
        # An imported card's owner was a customer before: they may come as often as they like until they follow their invitation.
        if card.status == "provisional" and card.source != "import":
            await check_provisional(tx, who, seen, now)
        return await record(tx, who, request, seen, judged, codes, now)

    return await acts.once_not_own(db, who, key, act, now)


async def check_provisional(tx: Transaction, who: Principal, seen: case.Case, now: datetime) -> None:
    """A card that nobody has claimed collects a few receipts: more would be a cashier's own."""
    zone = seen.program.time_zone
    today = to_ms(midnight_after(local_day(now - rules.DAY, zone), zone))
    total, by_cashier = await operations_store.count_receipts(tx, seen.card.id, (who.kind, who.id), today)
    if total >= rules.PROVISIONAL_RECEIPTS or by_cashier >= rules.PROVISIONAL_A_DAY:
        raise rules.ProvisionalLimit()


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
        before, who.program_ids), limit + 1)
    if len(items) <= limit:
        return Page(items, None)
    last = items[limit - 1]
    return Page(items[:limit], (to_ms(last.at), last.id))
