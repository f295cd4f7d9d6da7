"""Shoppers: making, finding and naming them, and what they agreed to. A customer may lack a phone."""
from collections.abc import Sequence
from datetime import date, datetime

from app.clock import from_ms, to_ms
from app.customers import phones, rules, store
from app.customers.rules import Consent, ConsentText, Customer, clean_name
from app.customers.store import Reader
from app.db import Database, Row, Transaction
from app.errors import NotFound, Refused
from app.secrets import KeyRing
from app.text import N_
from app.updates import service as updates
from app.web.principal import Principal

__all__ = ["Consent", "ConsentText", "Customer", "clean_name", "consents_of", "create", "current_texts", "email_of", "erase",
           "find_by_email", "find_by_phone", "foreign_text", "get", "get_many", "phone_of", "record_consent", "rename", "search", "shown"]

PHONE, NAME, EMAIL = "customer.phone", "customer.name", "customer.email"
SEARCH_MOST = 50


class PhoneTaken(Refused):
    code, detail = "phone_taken", N_("This number belongs to another customer of yours already.")


def _context(business_id: int) -> bytes:
    """Binds a sealed value to its business: a row copied to another one does not open."""
    return str(business_id).encode()


async def create(tx: Transaction, ring: KeyRing, business_id: int, *, language: str, now: datetime, e164: str | None = None,
                 name: str | None = None, email: str | None = None, birthday: date | None = None) -> int:
    """A new customer; e164, name and email are clean already. Raises PhoneTaken."""
    context, folded_email = _context(business_id), email.strip().casefold() if email else None
    customer_id = await store.append(tx, {
        "business_id": business_id, "language": language, "created_at": to_ms(now),
        "phone_sealed": ring.seal_text(PHONE, e164, context) if e164 else None,
        "phone_hash": phones.business_hash(ring, business_id, e164) if e164 else None,
        "phone_server_hash": phones.server_hash(ring, e164) if e164 else None,
        "phone_last4_hash": phones.last4_hash(ring, business_id, e164) if e164 else None,
        "email_sealed": ring.seal_text(EMAIL, email, context) if email else None,
        "email_hash": ring.lookup_hash(f"email.business:{business_id}", folded_email) if folded_email else None,
        "name_sealed": ring.seal_text(NAME, name, context) if name else None, "name_folded": rules.fold(name) if name else None,
        "birthday_on": birthday.isoformat() if birthday else None})
    if customer_id is None:
        raise PhoneTaken()
    return customer_id


async def find_by_phone(reader: Reader, ring: KeyRing, business_id: int, e164: str) -> Customer | None:
    row = await store.led_on(reader, await store.by_phone(reader, business_id, phones.business_hash(ring, business_id, e164)))
    return _customer(row, ring) if row else None


async def find_by_email(reader: Reader, ring: KeyRing, business_id: int, email: str) -> Customer | None:
    found = await store.by_email(reader, business_id, ring.lookup_hash(f"email.business:{business_id}", email.strip().casefold()))
    row = await store.led_on(reader, found)
    return _customer(row, ring) if row else None


async def get(reader: Reader, ring: KeyRing, business_id: int, customer_id: int) -> Customer:
    """Raises NotFound for a missing customer and for another business's."""
    row = await store.find(reader, business_id, customer_id)
    if row is None:
        raise NotFound()
    return _customer(row, ring)


async def get_many(reader: Reader, ring: KeyRing, business_id: int, customer_ids: set[int]) -> dict[int, Customer]:
    """Customers by id; those that do not exist are left out."""
    found = [await store.find(reader, business_id, customer_id) for customer_id in sorted(customer_ids)]
    return {row["id"]: _customer(row, ring) for row in found if row is not None}


def _customer(row: Row, ring: KeyRing) -> Customer:
    return Customer(
        row["id"], row["business_id"], *shown(ring, row["business_id"], row["name_sealed"], row["phone_sealed"]), row["language"],
        date.fromisoformat(row["birthday_on"]) if row["birthday_on"] else None, row["email_sealed"] is not None, from_ms(row["created_at"]))


def shown(ring: KeyRing, business_id: int, name_sealed: bytes | None, phone_sealed: bytes | None) -> tuple[str | None, str | None]:
    """The name, and the masked phone, of columns that were read with something else."""
    context = _context(business_id)
    phone = None if phone_sealed is None else ring.open_text(PHONE, phone_sealed, context)
    return None if name_sealed is None else ring.open_text(NAME, name_sealed, context), phones.masked(phone) if phone else None


async def phone_of(reader: Reader, ring: KeyRing, business_id: int, customer_id: int) -> str | None:
    """The whole number, for whoever sends a message to it; never for a page or an answer."""
    row = await store.find(reader, business_id, customer_id)
    if row is None or row["phone_sealed"] is None:
        return None
    return ring.open_text(PHONE, row["phone_sealed"], _context(business_id))


async def email_of(reader: Reader, ring: KeyRing, business_id: int, customer_id: int) -> str | None:
    """The whole address, for whoever sends a mail to it."""
    row = await store.find(reader, business_id, customer_id)
    if row is None or row["email_sealed"] is None:
        return None
    return ring.open_text(EMAIL, row["email_sealed"], _context(business_id))


async def rename(tx: Transaction, ring: KeyRing, who: Principal, customer_id: int, name: str | None) -> None:
    """A new name, or none; `cards.rename_customer` calls it and brings the passes up to date.

    Raises Invalid (field `name`) and NotFound.
    """
    name = clean_name(name)
    changed = await store.set_name(tx, who.business_id, customer_id,
                                   ring.seal_text(NAME, name, _context(who.business_id)) if name else None,
                                   rules.fold(name) if name else None)
    if changed is None:
        raise NotFound()


async def erase(tx: Transaction, business_id: int, customer_id: int, now: datetime) -> None:
    """Empties everything personal; the row stays, because accounts point to it."""
    await store.erase(tx, business_id, customer_id, to_ms(now))


async def search(db: Database, ring: KeyRing, business_id: int, text: str, country: str, limit: int = SEARCH_MOST) -> list[Customer]:
    """By whole phone, last four digits, or the beginning of a word of the name."""
    digits = "".join(letter for letter in text if letter.isdigit())
    if len(digits) == 4 and not any(letter.isalpha() for letter in text):
        rows = await store.by_last4(db, business_id, ring.lookup_hash(f"phone.last4:{business_id}", digits), limit)
        return await _once_each(db, ring, rows)
    if len(digits) > 6:
        try:
            found = await find_by_phone(db, ring, business_id, phones.parse_phone(text, country, None))
        except phones.WrongPhone:
            return []
        return [found] if found else []
    folded = rules.fold(text)[:rules.NAME_MOST].replace("!", "!!").replace("%", "!%").replace("_", "!_")
    if not folded:
        return []
    begins = await store.by_name(db, business_id, folded + "%", limit)
    within = await store.by_name(db, business_id, "% " + folded + "%", limit)
    return (await _once_each(db, ring, [*begins, *within]))[:limit]


async def _once_each(db: Database, ring: KeyRing, rows: Sequence[Row]) -> list[Customer]:
    """The customers of rows, those merged into another as that one."""
    led = [await store.led_on(db, row) for row in rows]
    return [_customer(row, ring) for row in {row["id"]: row for row in led if row is not None}.values()]


# What a shopper agreed to.

async def current_texts(reader: Reader, business_id: int, language: str) -> dict[str, ConsentText]:
    """purpose → the wording that is asked for now.

    Inside a transaction the default wording of a business without its own is kept, so that consents can point to it; a plain
    read writes nothing and gives it with id 0.
    """
    known = {text.purpose: text for text in await store.newest_texts(reader, business_id, language)}
    for purpose in rules.PURPOSES:
        if purpose not in known:
            default = ConsentText(0, purpose, language, 1, rules.DEFAULT_TEXTS[purpose, language])
            known[purpose] = await _kept(reader, business_id, default) if isinstance(reader, Transaction) else default
    return known


async def _kept(tx: Transaction, business_id: int, text: ConsentText) -> ConsentText:
    text_id = await store.append_text(tx, business_id, text, rules.text_sha256(text.text), 0)
    if text_id is not None:
        return ConsentText(text_id, text.purpose, text.language, text.version, text.text)
    return next(kept for kept in await store.newest_texts(tx, business_id, text.language) if kept.purpose == text.purpose)


async def foreign_text(tx: Transaction, business_id: int, purpose: str, label: str, now: datetime) -> ConsentText:
    """A wording that a web shop showed and keeps itself: we remember its name there. It is never shown as our own."""
    known = await store.text_of_wording(tx, business_id, purpose, rules.ELSEWHERE, label)
    while known is None:
        version = await store.last_version(tx, business_id, purpose, rules.ELSEWHERE) + 1
        text = ConsentText(0, purpose, rules.ELSEWHERE, version, label)
        await store.append_text(tx, business_id, text, rules.text_sha256(label), to_ms(now))
        known = await store.text_of_wording(tx, business_id, purpose, rules.ELSEWHERE, label)
    return known


async def record_consent(tx: Transaction, who: Principal, customer_id: int, purpose: str, granted: bool, text_id: int, channel: str,
                         now: datetime) -> None:
    """Remembers an answer, a "no" as well, with the very text that was read. text_id: of `current_texts` in this transaction."""
    text = await store.find_text(tx, who.business_id, text_id)
    assert text is not None and text.purpose == purpose
    await store.append_consent(tx, {
        "business_id": who.business_id, "customer_id": customer_id, "consent_text_id": text_id, "purpose": purpose,
        "granted": int(granted), "channel": channel, "actor_kind": who.kind, "actor_id": who.id, "at": to_ms(now)})
    await updates.emit(tx, who.business_id, "consent.changed", now, customer_id=customer_id,
                       details={"purpose": purpose, "granted": granted})


async def consents_of(reader: Reader, business_id: int, customer_id: int) -> list[Consent]:
    """The newest answer to each purpose; the card's terms first."""
    return await store.newest_consents(reader, business_id, customer_id)
