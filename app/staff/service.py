"""Members of staff: their accounts and passwords. Sessions are in sessions.py, one-time links in links.py, keys of machines in keys.py."""
from datetime import datetime

from app.audit import service as audit
from app.clock import to_ms
from app.db import Database, Row, Transaction, write_transaction
from app.errors import Forbidden, NotFound, Refused
from app.secrets import KeyRing
from app.staff import passwords, rules, sessions, store
from app.staff.doors import SecondStep, sign_in
from app.staff.keys import create_key, list_keys, principal_of_key, revoke_key
from app.staff.links import LinkGone, create_link, peek_link, use_link
from app.staff.rules import EMAIL, EMAIL_HASH, Staff
from app.staff.sessions import choose_location, forget_old_sessions, principal_of_session, sign_out
from app.staff.tries import WrongPassword
from app.text import N_
from app.web.principal import Principal

__all__ = ["AddressTaken", "LinkGone", "SecondStep", "WrongPassword", "change_password", "change_staff", "check_hand_out",
           "choose_location", "create_key", "create_link", "create_staff", "customer_of", "disable", "enable", "forget_old_sessions",
           "get_staff", "list_keys", "list_staff", "peek_link", "principal_of_key", "principal_of_session", "revoke_key", "set_customer",
           "sign_in", "sign_out", "use_link"]


class AddressTaken(Refused):
    code = "address_taken"
    detail = N_("This e-mail address signs in to Tessera already. Use another one for this person.")


class LastOwner(Refused):
    code = "last_owner"
    detail = N_("A business keeps at least one owner. Make somebody else an owner first.")


async def create_staff(tx: Transaction, ring: KeyRing, business_id: int, *, email: str, name: str, role: str, now: datetime,
                       location_id: int | None = None, language: str | None = None, password_hash: str | None = None,
                       program_ids: frozenset[int] | None = None) -> int:
    """A new member of staff; without `password_hash` they need a one-time link. program_ids: what they are kept to, None for all.

    Raises AddressTaken or Invalid.
    """
    folded = rules.fold_email(email)
    staff_id = await store.append_staff(tx, {
        "business_id": business_id, "location_id": location_id, "name": rules.check_name(name), "role": rules.check_role(role),
        "email_sealed": ring.seal_text(EMAIL, folded), "email_hash": ring.lookup_hash(EMAIL_HASH, folded),
        "password_hash": password_hash, "language": language, "created_at": to_ms(now),
        "program_ids": rules.program_text(program_ids)})
    if staff_id is None:
        raise AddressTaken()
    return staff_id


async def customer_of(reader: Database | Transaction, business_id: int, staff_id: int) -> int | None:
    """The customer that this member of staff is themselves, whose card they may not credit; None: none known."""
    return await store.customer_of(reader, business_id, staff_id)


async def get_staff(db: Database, ring: KeyRing, business_id: int, staff_id: int) -> Staff:
    row = await store.staff_of(db, business_id, staff_id)
    if row is None:
        raise NotFound()
    return _staff(row, ring)


async def list_staff(db: Database, ring: KeyRing, business_id: int) -> list[Staff]:
    return [_staff(row, ring) for row in await store.list_staff(db, business_id)]


def _staff(row: Row, ring: KeyRing) -> Staff:
    return Staff(row["id"], row["business_id"], row["location_id"], row["name"], ring.open_text(EMAIL, row["email_sealed"]), row["role"],
                 row["password_hash"] is not None, row["disabled_at"] is not None, row["seen_at"], rules.programs_in(row["program_ids"]))


def check_hand_out(who: Principal, role: str, location_id: int | None, program_ids: frozenset[int] | None) -> None:
    """Raises Forbidden where `who` may not make this of somebody: managers make cashiers and agents, kept to what they are kept to."""
    if not rules.may_hand_out(who, rules.check_role(role), location_id, program_ids):
        raise Forbidden(N_("Managers look after cashiers and agents, of their own location and programmes. Ask an owner for the rest."),
                        code="not_yours_to_give")


async def change_staff(db: Database, who: Principal, staff_id: int, *, name: str, role: str, location_id: int | None,
                       now: datetime, program_ids: frozenset[int] | None = None) -> None:
    """New name, role, location or programmes. Whoever changes any but the name signs in again. Raises LastOwner, Forbidden."""
    name, role = rules.check_name(name), rules.check_role(role)
    check_hand_out(who, role, location_id, program_ids)
    kept = rules.program_text(program_ids)

    async def act(tx: Transaction) -> None:
        row = await _own(tx, who, staff_id)
        if row["role"] == "owner" and role != "owner" and not await store.owners_left(tx, who.business_id, staff_id):
            raise LastOwner()
        await store.change_staff(tx, staff_id, name, role, location_id, kept)
        # Sessions carry where they stand: one of the old location would go on acting there.
        if (role, location_id, kept) != (row["role"], row["location_id"], row["program_ids"]):
            await sessions.end_all(tx, staff_id, now)
        await audit.record(tx, who, "staff.changed", "staff", staff_id, {"role": role}, now=now)

    await write_transaction(db, act)


async def set_customer(db: Database, who: Principal, staff_id: int, customer_id: int | None, now: datetime) -> None:
    """Whose cards are this person's own, so that they cannot credit them; None: nobody's. The caller looked the customer up."""
    async def act(tx: Transaction) -> None:
        await _own(tx, who, staff_id)
        if await store.customer_of(tx, who.business_id, staff_id) == customer_id:
            return
        await store.set_customer(tx, staff_id, customer_id)
        await audit.record(tx, who, "staff.own_card", "staff", staff_id, {"set": customer_id is not None}, now=now)

    await write_transaction(db, act)


async def disable(db: Database, who: Principal, staff_id: int, now: datetime) -> None:
    """Ends every session of theirs at once. Raises LastOwner."""
    async def act(tx: Transaction) -> None:
        row = await _own(tx, who, staff_id)
        if row["role"] == "owner" and not await store.owners_left(tx, who.business_id, staff_id):
            raise LastOwner()
        await store.set_disabled(tx, staff_id, to_ms(now))
        await sessions.end_all(tx, staff_id, now)
        await store.end_links_of(tx, staff_id, to_ms(now))
        await audit.record(tx, who, "staff.disabled", "staff", staff_id, now=now)

    await write_transaction(db, act)


async def enable(db: Database, who: Principal, staff_id: int, now: datetime) -> None:
    async def act(tx: Transaction) -> None:
        await _own(tx, who, staff_id)
        await store.set_disabled(tx, staff_id, None)
        await audit.record(tx, who, "staff.enabled", "staff", staff_id, now=now)

    await write_transaction(db, act)


async def _own(tx: Transaction, who: Principal, staff_id: int) -> Row:
    row = await store.staff_of(tx, who.business_id, staff_id)
    if row is None:
        raise NotFound()
    check_hand_out(who, row["role"], row["location_id"], rules.programs_in(row["program_ids"]))
    return row


async def change_password(db: Database, ring: KeyRing, who: Principal, current: str, password: str, now: datetime) -> None:
    """Sets a new password; every other session of theirs ends. Raises WrongPassword or Invalid."""
    assert who.id is not None
    row = await store.staff_of(db, who.business_id, who.id)
    if row is None or not await passwords.fits(current, row["password_hash"]):
        raise WrongPassword()
    rules.check_password(password, ring.open_text(EMAIL, row["email_sealed"]))
    password_hash = await passwords.hash_password(password)

    async def act(tx: Transaction) -> None:
        await store.set_password(tx, row["id"], password_hash)
        await sessions.end_all(tx, row["id"], now)
        await audit.record(tx, who, "staff.password_set", "staff", row["id"], now=now)

    await write_transaction(db, act)
