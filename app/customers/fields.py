"""A shopper's birthday and e-mail address, as their questionnaire or profile gives them."""
from datetime import date

from app.customers import fields_store
from app.customers.service import EMAIL
from app.db import Transaction
from app.secrets import KeyRing


async def set_birthday(tx: Transaction, business_id: int, customer_id: int, birthday: date | None) -> None:
    await fields_store.set_birthday(tx, business_id, customer_id, birthday.isoformat() if birthday else None)


async def set_email(tx: Transaction, ring: KeyRing, business_id: int, customer_id: int, email: str | None, *,
                    is_known: bool = False) -> None:
    """email: checked already; None takes it away. is_known: the business says that it is theirs (its own list does).

    One that was only typed is written to and not found by: whoever types somebody else's address must not be taken for them when
    they come. An address that was known before stays so.
    """
    plain = email.strip() if email else None
    await fields_store.set_email(
        tx, business_id, customer_id, ring.seal_text(EMAIL, plain, str(business_id).encode()) if plain else None,
        ring.lookup_hash(f"email.business:{business_id}", plain.casefold()) if plain else None, is_known=is_known)
