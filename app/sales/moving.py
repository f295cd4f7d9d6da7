"""Purchases of a card that turned out to be nobody's are counted for another card: taken back there and recorded anew here, at once."""
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from app.audit import service as audit
from app.cards import service as cards
from app.cards.service import Card
from app.db import Database, Transaction
from app.errors import Refused
from app.idempotency.rules import Key
from app.ledger import operations_store
from app.ledger import service as ledger
from app.ledger.operations import Operation
from app.ledger.operations_store import Filter
from app.ledger.rules import day_of
from app.sales import acts, case, refunds, rules
from app.sales.acts import Outcome
from app.sales.recording import Codes, record
from app.sales.rules import SaleRequest
from app.sales.service import check_provisional
from app.text import N_
from app.web.principal import Principal

MOVABLE_FOR = timedelta(hours=24)
MOST = 20            # more than a card that nobody claimed collects


class NotToMove(Refused):
    code, detail = "not_to_move", N_("This purchase was counted elsewhere already, or it is too late for that.")


class OtherProgram(Refused):
    code, detail = "other_program", N_("This card is of another programme. Take a card of the same one.")


class CostsAnother(Refused):
    """What was paid stands; a card with a discount of its own would have made it less."""

    code, detail = "costs_another", N_("With this card the purchase would have cost another amount. Ask a manager to add what is missing.")


async def movable(reader: Database | Transaction, business_id: int, card_id: int, now: datetime) -> Sequence[Operation]:
    """The purchases of the last day on a card that ended without ever having been anybody's, oldest first, which nothing took back."""
    card = await cards.get_card(reader, business_id, card_id)
    if card.status != "expired" or card.activated_at is not None:
        return []
    found = await operations_store.list_operations(reader, Filter(business_id, card.account_id, kind="sale"), MOST, has_balances=False)
    return [each for each in found[::-1] if each.card_id == card.id and each.recorded_at >= now - MOVABLE_FOR
            and not await operations_store.list_refunds(reader, business_id, each.id)]


async def move(db: Database, who: Principal, sale: Operation, card_id: int, key: Key, now: datetime) -> Outcome:
    """Counts one of `movable`'s for another card of the programme: the same amounts, receipt and moment (a card that is younger than
    the purchase has it from its own beginning on). Of two tills that do it one succeeds.

    Raises NotToMove, OtherProgram, CostsAnother and what `sell` raises; nothing was changed then.
    """
    codes = Codes()

    async def act(tx: Transaction) -> Operation:
        card = await cards.get_card(tx, who.business_id, card_id)
        # Both at once, so that two moves cannot wait for each other.
        if await ledger.lock(tx, who.business_id, [sale.account_id, card.account_id]):
            card = await cards.get_card(tx, who.business_id, card_id)
        await acts.check_not_own(tx, who, card)
        if card.program_id != sale.program_id:
            raise OtherProgram()
        if sale.id not in [each.id for each in await movable(tx, who.business_id, sale.card_id, now)]:
            raise NotToMove()
        # Its receipt's number is free from here on.
        await refunds.undo_within(tx, who, sale.id, now)
        moved = await _record(tx, who, sale, card, codes, now)
        await audit.record(tx, who, "sale.moved", "operation", moved.id, {"from": sale.id}, now=now)
        return moved

    return await acts.once_not_own(db, who, key, act, now)


async def _record(tx: Transaction, who: Principal, sale: Operation, card: Card, codes: Codes, now: datetime) -> Operation:
    request = SaleRequest(card.id, sale.amount_minor, receipt=sale.receipt, location_id=sale.location_id, at=max(sale.at, card.created_at),
                          lines=sale.texts.get("lines", ()), channel=sale.texts.get("channel", "till"),
                          tenders=sale.texts.get("tenders", ()))
    rules.check_sale(request)
    seen = await case.read(tx, who, request, card, now)
    judged = seen.judge(0)
    if judged.to_pay != sale.to_pay_minor:
        raise CostsAnother()
    if card.status == "provisional" and card.source != "import":
        await check_provisional(tx, who, seen, now)
    # The number belongs to the day on which it was printed.
    claim = seen.claim and seen.claim._replace(local_day=day_of(sale.at, seen.receipt.zone))
    return await record(tx, who, request, msgspec.structs.replace(seen, claim=claim), judged, codes, now)
