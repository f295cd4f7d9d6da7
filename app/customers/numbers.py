"""A customer's number changes: the new one was proven by a code, and nobody else here has it."""
from app.customers import merging_store, phones, store
from app.customers.service import PHONE, PhoneTaken
from app.db import Transaction
from app.errors import NotFound
from app.secrets import KeyRing

__all__ = ["PhoneTaken", "set_phone"]


async def set_phone(tx: Transaction, ring: KeyRing, business_id: int, customer_id: int, e164: str) -> None:
    """The customer is found and texted by `e164` (clean) from now on, and no longer by the number before.

    Raises PhoneTaken where another customer of the business has it (where both numbers are proven, merge them instead), NotFound.
    """
    hashed = phones.business_hash(ring, business_id, e164)
    holder = await store.by_phone(tx, business_id, hashed)
    if holder is not None and holder["id"] != customer_id:
        if holder["merged_into"] != customer_id:
            raise PhoneTaken()
        # A number belongs to one row: the one that was merged into this customer lets go of it.
        await merging_store.drop_phone(tx, business_id, holder["id"])
    changed = await store.set_phone(tx, business_id, customer_id, {
        "phone_sealed": ring.seal_text(PHONE, e164, str(business_id).encode()), "phone_hash": hashed,
        "phone_server_hash": phones.server_hash(ring, e164), "phone_last4_hash": phones.last4_hash(ring, business_id, e164)})
    if changed is None:
        raise NotFound()
