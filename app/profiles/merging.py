"""Two customers with both numbers proven become one person: cards of one programme are merged by entries, the others come along."""
from datetime import datetime

from app.cards import service as cards
from app.cards.rules import LIVE, Card
from app.customers import merging as customers_merging
from app.customers import merging_store
from app.db import Transaction
from app.profiles import rules
from app.questions import service as questions
from app.sales import merging
from app.web.principal import Principal


async def join(tx: Transaction, who: Principal, card: Card, lose_id: int, now: datetime) -> int:
    """The person of `lose_id` becomes the one of `card`, which stays; returns who they are now.

    A card that was nobody's becomes the other person's. Raises CardBlocked, CardProvisional, CardEnded.
    """
    if card.customer_id is None:
        await _take(tx, who, card, lose_id, now)
        return lose_id
    await _one_person(tx, who, card, card.customer_id, lose_id, now)
    return card.customer_id


async def _take(tx: Transaction, who: Principal, card: Card, customer_id: int, now: datetime) -> None:
    theirs = rules.preferred(await cards.cards_of_customer(tx, who.business_id, customer_id, card.program_id))
    if theirs is None:
        await merging_store.hand_account(tx, who.business_id, customer_id, card.account_id, card.account_id)
    else:
        await merging.into_one(tx, who, card.id, theirs.id, now, is_over=True)


async def _one_person(tx: Transaction, who: Principal, card: Card, keep_id: int, lose_id: int, now: datetime) -> None:
    kept = await cards.cards_of_customer(tx, who.business_id, keep_id)
    lost = await cards.cards_of_customer(tx, who.business_id, lose_id)
    for program_id in sorted({each.program_id for each in lost}):
        theirs = rules.preferred(each for each in lost if each.program_id == program_id)
        ours = card if program_id == card.program_id else rules.preferred(each for each in kept if each.program_id == program_id)
        if ours is None or theirs is None:
            continue
        if ours.status in LIVE or theirs.status not in LIVE:
            await merging.into_one(tx, who, ours.id, theirs.id, now, is_over=True)
        else:
            # Ours has ended and theirs lives: their account stays, and is this person's from here on.
            await merging_store.hand_account(tx, who.business_id, keep_id, theirs.account_id, ours.account_id)
            await merging.into_one(tx, who, theirs.id, ours.id, now, is_over=True)
    row = await merging_store.find(tx, who.business_id, lose_id)
    if row is not None and row["merged_into"] is None:
        merged = await customers_merging.merge(tx, who.business_id, keep_id, lose_id, now)
        assert merged, "an account of a programme of both was left behind"
    await questions.hand_on(tx, who.business_id, keep_id, lose_id)
