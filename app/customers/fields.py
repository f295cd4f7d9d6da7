"""A shopper's birthday and e-mail address, as their questionnaire or profile gives them."""
from datetime import date

from app.customers import fields_store
from app.customers.service import EMAIL
from app.db import Transaction
from app.secrets import KeyRing


async def set_birthday(tx: Transaction, business_id: int, customer_id: int, birthday: date | None) -> None:
    await fields_store.set_birthday(tx, business_id, customer_id, birthday.isoformat() if birthday else None)


async def set_email(tx: Transaction, ring: KeyRing, business_id: int, customer_id: int, email: str | None) -> None:
    """email: checked already; None takes it away."""
    plain = email.strip() if email else None
    await fields_store.set_email(
        tx, business_id, customer_id, ring.seal_text(EMAIL, plain, str(business_id).encode()) if plain else None,
        ring.lookup_hash(f"email.business:{business_id}", plain.casefold()) if plain else None)
