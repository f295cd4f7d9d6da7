"""How a person is reached: where a code can go, and the language they chose."""
from dataclasses import dataclass
from datetime import datetime

from app.clock import to_ms
from app.customers import contacts_store, store
from app.customers.service import EMAIL, PHONE
from app.customers.store import Reader
from app.db import Transaction
from app.secrets import KeyRing


@dataclass(frozen=True, slots=True)
class Contact:
    """Where a code can go; None: there is none. Whole, for whoever sends a message; never for a page or an answer."""

    e164: str | None = None
    email: str | None = None

    @property
    def is_none(self) -> bool:
        return self.e164 is None and self.email is None

    @property
    def hint(self) -> str:
        """Enough to recognise one's own: the last two digits, or the beginning of the address and where it is."""
        if self.e164:
            return self.e164[-2:]
        name, _, domain = (self.email or "").partition("@")
        return f"{name[:1]}•••@{domain}" if domain else ""


async def contact_of(reader: Reader, ring: KeyRing, business_id: int, customer_id: int | None) -> Contact:
    """Of nobody and of a person who is missing or forgotten: no contact at all."""
    row = await store.find(reader, business_id, customer_id) if customer_id is not None else None
    if row is None:
        return Contact()
    bound = str(business_id).encode()
    return Contact(ring.open_text(PHONE, row["phone_sealed"], bound) if row["phone_sealed"] is not None else None,
                   ring.open_text(EMAIL, row["email_sealed"], bound) if row["email_sealed"] is not None else None)


async def set_language(tx: Transaction, business_id: int, customer_id: int, language: str, now: datetime) -> None:
    """The person's own choice: pages and messages follow it from now on."""
    await contacts_store.set_language(tx, business_id, customer_id, language, to_ms(now))


async def chosen_language(reader: Reader, business_id: int, customer_id: int) -> str | None:
    """What the person chose; None where they never did, so that the browser's wish counts."""
    row = await contacts_store.language(reader, business_id, customer_id)
    return row["language"] if row is not None and row["language_at"] is not None else None
