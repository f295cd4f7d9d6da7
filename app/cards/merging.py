"""A card that is merged into another: it ends as replaced, and what its shopper carries leads to the card that stays."""
from datetime import datetime

from app.cards import rotation_store, rules, store
from app.cards.rules import Card
from app.clock import to_ms
from app.db import Transaction
from app.updates import service as updates


async def retire_into(tx: Transaction, keep: Card, lose: Card, now: datetime) -> None:
    """Every card of the lost card's account is replaced by `keep`: its pass is voided, its page's links die. Numbers and codes of
    those that worked until now, and all their old numbers, become other names of `keep`, so that old plastic scans as before.
    """
    for card in await store.of_account(tx, lose.business_id, lose.account_id):
        await store.move_aliases(tx, card.business_id, card.id, keep.id)
        if card.status not in rules.LIVE:
            continue
        for value in (card.number, card.code):
            await store.append_alias(tx, card.business_id, value, keep.id, to_ms(now))
        await store.set_replaced(tx, card.id, keep.id)
        await store.revoke_links(tx, card.id, to_ms(now))
        await rotation_store.forget(tx, card.business_id, card.id)
        await updates.append(tx, card.business_id, card.id, now)
        await updates.emit(tx, card.business_id, "card.merged", now, card_id=card.id, details={"into": keep.id})
    await updates.append(tx, keep.business_id, keep.id, now)
