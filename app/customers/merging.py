"""Two customers turn out to be one person: what one of them lacks comes from the other, and both numbers lead to the one that stays."""
from datetime import datetime

from app.clock import to_ms
from app.customers import merging_store as store
from app.db import Transaction
from app.updates import service as updates


async def merge(tx: Transaction, business_id: int, keep_id: int, lose_id: int, now: datetime) -> bool:
    """The kept customer keeps its phone, name, birthday and answers; what it has none of comes from the other, whose cards of
    other programmes come along. False where both have a card of one programme still: those must be merged first, so the two
    customers stay apart until then.
    """
    await store.move_accounts(tx, business_id, keep_id, lose_id)
    if await store.has_accounts(tx, business_id, lose_id):
        return False
    lost = await store.find(tx, business_id, lose_id)
    kept = await store.find(tx, business_id, keep_id)
    assert lost is not None and kept is not None
    if kept["phone_hash"] is None and lost["phone_hash"] is not None:
        # A number belongs to one customer: it is let go here before it is kept there.
        await store.drop_phone(tx, business_id, lose_id)
        await store.set_phone(tx, business_id, keep_id, lost)
    await store.fill(tx, business_id, keep_id, lost)
    await store.move_consents(tx, business_id, keep_id, lose_id)
    await store.move_wishes(tx, business_id, keep_id, lose_id)
    await store.set_merged(tx, business_id, keep_id, lose_id)
    await updates.emit(tx, business_id, "customer.merged", now, customer_id=keep_id, details={"from": lose_id, "at": to_ms(now)})
    return True
