"""How somebody is reached who has no card yet, a number or an address: sealed, hashed, and looked up among the customers."""
from typing import Any

from app.customers import phones
from app.customers import service as customers
from app.customers.rules import Customer
from app.enrolment import store
from app.enrolment.rules import Enrolment
from app.enrolment.store import Reader
from app.errors import FieldError, Invalid
from app.mail import service as mail
from app.secrets import KeyRing
from app.text import N_

WRONG_MAIL = N_("Type an e-mail address such as anna@example.com.")


def parse_email(text: str) -> str:
    """An address that mail can be sent to, as it was typed. Raises Invalid (field `email`)."""
    typed = text.strip()
    local, at, host = typed.rpartition("@")
    if not (at and "." in host and mail.can_reach(typed)):
        raise Invalid(fields=[FieldError("email", "email", WRONG_MAIL)])
    # What stands before the @ is the recipient's own business; the host's letters never were.
    return f"{local}@{host.lower()}"


def email_hash(ring: KeyRing, business_id: int, email: str) -> bytes:
    return ring.lookup_hash(f"email.business:{business_id}", email.strip().casefold())


def columns_of(ring: KeyRing, business_id: int, e164: str | None, email: str | None, name: str | None) -> dict[str, Any]:
    """What a row of `enrolments` keeps of a person. The mail is the way to them only where there is no number."""
    bound = _bound(business_id)
    return {
        "phone_sealed": ring.seal_text("enrolment.phone", e164, bound) if e164 else None,
        "phone_hash": phones.business_hash(ring, business_id, e164) if e164 else None,
        "phone_server_hash": phones.server_hash(ring, e164) if e164 else None, "phone_hint": e164[-2:] if e164 else "",
        "email_sealed": ring.seal_text("enrolment.email", email, bound) if email else None,
        "email_hash": email_hash(ring, business_id, email) if email and not e164 else None,
        "name_sealed": ring.seal_text("enrolment.name", name, bound) if name else None}


def phone_of(ring: KeyRing, enrolment: Enrolment) -> str | None:
    """The number of an enrolment that has not ended; None where it came without one."""
    return ring.open_text("enrolment.phone", enrolment.phone_sealed, _bound(enrolment.business_id)) if enrolment.phone_sealed else None


def email_of(ring: KeyRing, enrolment: Enrolment) -> str | None:
    return ring.open_text("enrolment.email", enrolment.email_sealed, _bound(enrolment.business_id)) if enrolment.email_sealed else None


def _bound(business_id: int) -> bytes:
    return str(business_id).encode()


async def customer_of(reader: Reader, ring: KeyRing, business_id: int, e164: str | None, email: str | None) -> Customer | None:
    """Whoever has this number, or, where there is none, this address; None for somebody new and for nobody in particular."""
    if e164 is not None:
        return await customers.find_by_phone(reader, ring, business_id, e164)
    return await customers.find_by_email(reader, ring, business_id, email) if email is not None else None


async def stop_mail(tx: Any, ring: KeyRing, business_id: int, email: str, now_ms: int) -> None:
    """From now on this business writes nothing to this address."""
    await store.suppress_mail(tx, business_id, email_hash(ring, business_id, email), "not_me", now_ms)
