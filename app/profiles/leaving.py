"""A shopper leaves a programme: the cards on the account end, and what is on it ends by entries. Their cards in other programmes stay."""
from dataclasses import dataclass
from datetime import datetime

from app.audit import service as audit
from app.benefits import service as benefits
from app.card_pages import store as page_store
from app.cards import service as cards
from app.cards.rules import LIVE, Card, check_can_change
from app.clock import to_ms
from app.context import Context
from app.customers import documents
from app.db import Database, Transaction, write_transaction
from app.errors import Refused
from app.ledger import service as ledger
from app.ledger.operations import Draft
from app.ledger.rules import UNITS
from app.programs.store import Program
from app.text import N_
from app.updates import service as updates
from app.web.principal import Principal, shopper


class MoneyLeft(Refused):
    """Money that was paid in is the shopper's: no card ends over it."""

    code, detail = "money_left", N_("There is money of yours on this card. Spend it, or have it paid back at the till; then you can leave.")


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What ends with the card. balances: unit → amount of what is there; vouchers: how many wait."""

    balances: dict[str, int]
    vouchers: int

    def has_paid_in(self, program: Program) -> bool:
        """Whether there is money that was paid in; what a programme gives back in money can be given up like points."""
        is_given = program.rules.unit == "money" and bool(program.rules.earn_points) and program.rules.gift is None
        return self.balances.get("money", 0) > 0 and not is_given


async def leftovers(reader: Database | Transaction, card: Card, now: datetime) -> Leftovers:
    held = await ledger.shown(reader, card.account_id, now)
    vouchers = await benefits.vouchers_of(reader, card.business_id, card.account_id, now)
    shown = ("points", "money", "stamps", "visits")
    return Leftovers({unit: held.available[unit] for unit in shown if held.available.get(unit, 0) > 0}, len(vouchers))


async def leave(here: Context, card: Card, program: Program, language: str, now: datetime) -> None:
    """The shopper's own act. With their last card here the consent to marketing ends too; their details stay until they are erased, or
    as long as the retention table says. Raises CardBlocked, CardEnded, MoneyLeft.
    """
    who = shopper(card.business_id, card.customer_id)

    async def act(tx: Transaction) -> None:
        await ledger.lock(tx, card.business_id, [card.account_id])
        fresh = await cards.get_card(tx, card.business_id, card.id)
        check_can_change(fresh, allow=("active",))
        if (await leftovers(tx, fresh, now)).has_paid_in(program):
            raise MoneyLeft()
        await _empty(tx, who, fresh, program, now)
        held = await cards.cards_of_customer(tx, card.business_id, card.customer_id) if card.customer_id is not None else [fresh]
        for each in held:
            if each.account_id == card.account_id and each.status in LIVE:
                await page_store.close_codes(tx, each.id, to_ms(now))
                await page_store.end_sessions(tx, each.id)
                await cards.end(tx, each, "expired", now)
        if card.customer_id is not None and not any(each.status in LIVE and each.account_id != card.account_id for each in held):
            await documents.answer(tx, who, card.customer_id, {"marketing": False}, language, "card_page", now)
        await updates.emit(tx, card.business_id, "card.left", now, card_id=card.id)
        await audit.record(tx, who, "card.left", "card", card.id, now=now)

    await write_transaction(here.db, act)


async def _empty(tx: Transaction, who: Principal, card: Card, program: Program, now: datetime) -> None:
    """What the account holds ends by entries, debts too; vouchers are void."""
    purses = await ledger.purses_of(tx, card.account_id, now, now, tuple(dict.fromkeys((program.rules.unit, *UNITS))))
    for purse in purses.values():
        purse.give_up("expired")
    if any(purse.legs for purse in purses.values()):
        draft = Draft("expiry", program.id, card.account_id, card.id, to_ms(now), program.rules_version)
        await ledger.post(tx, who, draft, purses, now)
    for voucher in await benefits.vouchers_of(tx, card.business_id, card.account_id, now):
        await benefits.void(tx, card.business_id, voucher.id)
