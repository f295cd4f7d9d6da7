"""Members of staff: accounts, one-time links, passwords, sessions. Keys of machines are in keys.py."""
from datetime import datetime, timedelta

from app import secrets
from app.audit import service as audit
from app.clock import to_ms
from app.db import Database, Row, Transaction, write_transaction
from app.errors import Expired, Forbidden, Invalid, NotFound, Refused, Unauthenticated
from app.limits import service as limits
from app.limits.rules import Limit
from app.secrets import KeyRing
from app.staff import passwords, rules, store, uses
from app.staff.keys import create_key, list_keys, principal_of_key, revoke_key
from app.staff.rules import Staff
from app.text import N_
from app.web.principal import ROLES, Principal

__all__ = ["AddressTaken", "LinkGone", "WrongPassword", "change_password", "change_staff", "choose_location", "create_key", "create_link",
           "create_staff", "customer_of", "disable", "enable", "forget_old_sessions", "get_staff", "list_keys", "list_staff", "peek_link",
           "principal_of_key", "principal_of_session", "revoke_key", "set_customer", "sign_in", "sign_out", "use_link"]

EMAIL, EMAIL_HASH, SESSION, LINK = "staff.email", "staff.email", "staff.session", "staff.link"


class AddressTaken(Refused):
    code = "address_taken"
    detail = N_("This e-mail address signs in to Tessera already. Use another one for this person.")


class WrongPassword(Unauthenticated):
    """One sentence for an unknown address and a wrong password."""

    code = "wrong_password"
    detail = N_("The address or the password is not right. Check both; the password's capitals count.")


class LinkGone(Expired):
    code = "link_gone"
    detail = N_("This sign-in link was used already or is too old. Ask an owner for a new one, or run the owner command again.")


class LastOwner(Refused):
    code = "last_owner"
    detail = N_("A business keeps at least one owner. Make somebody else an owner first.")


async def create_staff(tx: Transaction, ring: KeyRing, business_id: int, *, email: str, name: str, role: str, now: datetime,
                       location_id: int | None = None, language: str | None = None, password_hash: str | None = None) -> int:
    """A new member of staff; without `password_hash` they need a one-time link. Raises AddressTaken or Invalid."""
    folded = rules.fold_email(email)
    staff_id = await store.append_staff(tx, {
        "business_id": business_id, "location_id": location_id, "name": rules.check_name(name), "role": rules.check_role(role),
        "email_sealed": ring.seal_text(EMAIL, folded), "email_hash": ring.lookup_hash(EMAIL_HASH, folded),
        "password_hash": password_hash, "language": language, "created_at": to_ms(now)})
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
                 row["password_hash"] is not None, row["disabled_at"] is not None, row["seen_at"])


async def change_staff(db: Database, who: Principal, staff_id: int, *, name: str, role: str, location_id: int | None,
                       now: datetime) -> None:
    """New name, role or location. Whoever changes role signs in again. Raises LastOwner."""
    name, role = rules.check_name(name), rules.check_role(role)

    async def act(tx: Transaction) -> None:
        row = await _own(tx, who, staff_id)
        if row["role"] == "owner" and role != "owner" and not await store.owners_left(tx, who.business_id, staff_id):
            raise LastOwner()
        await store.change_staff(tx, staff_id, name, role, location_id)
        if role != row["role"]:
            await store.revoke_sessions_of(tx, staff_id, to_ms(now))
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
        await store.revoke_sessions_of(tx, staff_id, to_ms(now))
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
    if row["role"] == "owner" and not who.may("owner"):
        raise Forbidden()
    return row


# One-time links: how somebody without a password comes in, and sets one.

async def create_link(tx: Transaction, ring: KeyRing, business_id: int, staff_id: int, token: str, now: datetime) -> None:
    """Makes `token` (drawn by the caller with `secrets.new_secret`) a link that signs in once; earlier ones of theirs end."""
    await store.end_links_of(tx, staff_id, to_ms(now))
    await store.append_link(tx, {"business_id": business_id, "staff_id": staff_id, "token_hash": ring.lookup_hash(LINK, token),
                                 "created_at": to_ms(now), "expires_at": to_ms(now + timedelta(seconds=rules.LINK_SECONDS))})


async def peek_link(db: Database, ring: KeyRing, token: str, now: datetime) -> tuple[str, str]:
    """(name, e-mail) of whom a live link is for; changes nothing. Raises LinkGone."""
    row = await store.live_link(db, ring.lookup_hash(LINK, token), to_ms(now))
    if row is None:
        raise LinkGone()
    return row["name"], ring.open_text(EMAIL, row["email_sealed"])


async def use_link(db: Database, ring: KeyRing, token: str, password: str, now: datetime) -> tuple[str, Principal]:
    """Consumes a link, sets the password and signs in to the console (a cashier: to the till); once. Raises LinkGone or Invalid."""
    _, email = await peek_link(db, ring, token, now)
    rules.check_password(password, email)
    password_hash, session_token = await passwords.hash_password(password), secrets.new_secret()

    async def act(tx: Transaction) -> Principal:
        used = await store.consume_link(tx, ring.lookup_hash(LINK, token), to_ms(now))
        if used is None:
            raise LinkGone()
        await store.set_password(tx, used["staff_id"], password_hash)
        await store.revoke_sessions_of(tx, used["staff_id"], to_ms(now))
        row = await store.staff_of(tx, used["business_id"], used["staff_id"])
        assert row is not None
        principal = await _begin(tx, ring, row, "till" if _is_at_till(row) else "console", session_token, now)
        await audit.record(tx, principal, "staff.password_set", "staff", row["id"], now=now)
        return principal

    return session_token, await write_transaction(db, act)


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
        await store.revoke_sessions_of(tx, row["id"], to_ms(now))
        await audit.record(tx, who, "staff.password_set", "staff", row["id"], now=now)

    await write_transaction(db, act)


# Sessions.

async def sign_in(db: Database, ring: KeyRing, email: str, password: str, kind: str, address: str, now: datetime) -> tuple[str, Principal]:
    """A session's token and principal. kind: till or console.

    Raises WrongPassword (same words and work for an unknown address) and LimitReached after ten tries in a quarter of an hour.
    The tries count before the password is looked at, so that a guess in parallel gains nothing; a right one takes its own back,
    and no account is locked for good.
    """
    try:
        folded = rules.fold_email(email)
    except Invalid:
        folded = email.strip().casefold()[:254]
    account = ring.lookup_hash(EMAIL_HASH, folded)
    tries = [Limit("sign_in.account", account.hex(), rules.SIGN_IN_WINDOW_SECONDS, rules.SIGN_IN_TRIES),
             Limit("sign_in.address", ring.lookup_hash("limits.address", address).hex(), rules.SIGN_IN_WINDOW_SECONDS,
                   4 * rules.SIGN_IN_TRIES)]
    await write_transaction(db, lambda tx: limits.hit(tx, tries, now))
    row = await store.staff_by_email(db, account)
    alive = row is not None and row["disabled_at"] is None
    if not await passwords.fits(password, row["password_hash"] if row is not None and alive else None) or row is None:
        raise WrongPassword()
    if kind == "console" and _is_at_till(row):
        raise Forbidden(N_("The console is for managers and owners. Cashiers sign in at the till."), code="till_only")
    token, known = secrets.new_secret(), row

    async def act(tx: Transaction) -> Principal:
        await limits.take_back(tx, tries, now)
        principal = await _begin(tx, ring, known, kind, token, now)
        await audit.record(tx, principal, "staff.signed_in", "staff", known["id"], {"session": kind}, now=now)
        return principal

    return token, await write_transaction(db, act)


def _is_at_till(row: Row) -> bool:
    """Agents and cashiers have no business in the console."""
    return ROLES.index(row["role"]) < ROLES.index("manager")


async def _begin(tx: Transaction, ring: KeyRing, row: Row, kind: str, token: str, now: datetime) -> Principal:
    session_id = await store.append_session(tx, {
        "business_id": row["business_id"], "staff_id": row["id"], "location_id": row["location_id"], "kind": kind,
        "token_hash": ring.lookup_hash(SESSION, token), "created_at": to_ms(now),
        "expires_at": to_ms(now + timedelta(seconds=rules.LIFE_SECONDS[kind]))})
    return Principal(row["business_id"], row["business_id"], "staff", row["id"], row["name"], row["role"],
                     location_id=row["location_id"], session_id=session_id)


async def principal_of_session(db: Database, ring: KeyRing, token: str, kind: str, now: datetime) -> Principal | None:
    """Who stands behind a session's cookie, or None; notes the use, in memory."""
    row = await store.session(db, ring.lookup_hash(SESSION, token), kind)
    now_ms = to_ms(now)
    if row is None:
        return None
    seen_at = max(row["seen_at"], uses.last(db, "session", row["id"]))
    if not rules.is_live(row["created_at"], seen_at, row["expires_at"], now_ms, kind):
        return None
    uses.note(db, "session", row["id"], now_ms)
    return Principal(row["business_id"], row["business_id"], "staff", row["staff_id"], row["name"], row["role"],
                     location_id=row["location_id"], session_id=row["id"])


async def choose_location(db: Database, who: Principal, location_id: int | None, now: datetime) -> None:
    """Where this till session stands from now on; the caller checked that the location is the business's own."""
    async def act(tx: Transaction) -> None:
        assert who.session_id is not None
        await store.set_session_location(tx, who.session_id, location_id)
        await audit.record(tx, who, "staff.location_chosen", "location", location_id, now=now)

    await write_transaction(db, act)


async def sign_out(db: Database, who: Principal, now: datetime) -> None:
    async def act(tx: Transaction) -> None:
        assert who.session_id is not None
        await store.revoke_session(tx, who.session_id, to_ms(now))
        await audit.record(tx, who, "staff.signed_out", "staff", who.id, now=now)

    await write_transaction(db, act)


async def forget_old_sessions(db: Database, now: datetime) -> int:
    """Deletes sessions that ended a month ago and more, in small transactions; returns how many."""
    before, total = to_ms(now - timedelta(days=30)), 0
    while gone := await write_transaction(db, lambda tx: store.delete_sessions_before(tx, before, 500)):
        total += gone
    return total
