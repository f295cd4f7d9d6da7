"""One-time links: how somebody without a password comes in, and sets one."""
from datetime import datetime, timedelta

from app import secrets
from app.audit import service as audit
from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.errors import Expired
from app.secrets import KeyRing
from app.staff import passwords, rules, sessions, store
from app.staff.rules import EMAIL
from app.text import N_
from app.web.principal import Principal

LINK = "staff.link"


class LinkGone(Expired):
    code = "link_gone"
    detail = N_("This sign-in link was used already or is too old. Ask an owner for a new one, or run the owner command again.")


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
        await sessions.end_all(tx, used["staff_id"], now)
        row = await store.staff_of(tx, used["business_id"], used["staff_id"])
        assert row is not None
        principal = await sessions.begin(tx, ring, row, "till" if rules.is_at_till(row["role"]) else "console", session_token, now,
                                         factor="link")
        await audit.record(tx, principal, "staff.password_set", "staff", row["id"], now=now)
        return principal

    return session_token, await write_transaction(db, act)
