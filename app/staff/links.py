"""One-time links: how somebody without a password comes in, and sets one. Looking at one changes nothing; a form's POST uses it up."""
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from app import secrets
from app.audit import service as audit
from app.clock import to_ms
from app.db import Database, Row, Transaction, write_transaction
from app.errors import Expired, Invalid, TooMany
from app.limits import service as limits
from app.limits.rules import Limit
from app.secrets import KeyRing
from app.staff import doors, factors, passwords, rules, sessions, steps, store, tries
from app.staff.doors import SecondStep
from app.staff.rules import EMAIL, EMAIL_HASH
from app.text import N_
from app.web.principal import Principal, system

LINK = "staff.link"


class LinkGone(Expired):
    code = "link_gone"
    detail = N_("This sign-in link was used already or is too old. Ask an owner for a new one, or run the owner command again.")


@dataclass(frozen=True, slots=True)
class Reset:
    """Somebody who asked for a way back, and may have it. token: of the link; language: their choice, None for none."""

    business_id: int
    staff_id: int
    email: str
    language: str | None
    token: str


async def create_link(tx: Transaction, ring: KeyRing, business_id: int, staff_id: int, token: str, now: datetime, *,
                      clears_factors: bool = False) -> None:
    """Makes `token` (drawn by the caller with `secrets.new_secret`) a link that signs in once; earlier ones of theirs end.

    clears_factors: whoever uses it begins again with a password alone: only for what the server's own operator makes.
    """
    await store.end_links_of(tx, staff_id, to_ms(now))
    await _append(tx, ring, business_id, staff_id, token, "invitation", rules.LINK_SECONDS, clears_factors, now)


async def _append(tx: Transaction, ring: KeyRing, business_id: int, staff_id: int, token: str, purpose: str, seconds: int,
                  clears_factors: bool, now: datetime) -> None:
    await store.append_link(tx, {"business_id": business_id, "staff_id": staff_id, "token_hash": ring.lookup_hash(LINK, token),
                                 "created_at": to_ms(now), "expires_at": to_ms(now + timedelta(seconds=seconds)),
                                 "purpose": purpose, "clears_factors": int(clears_factors)})


async def way_back(tx: Transaction, ring: KeyRing, email: str, token: str, now: datetime) -> str | None:
    """A link for an owner who lost everything, made by whoever runs the server; their name, None where no owner has this address."""
    row = await store.staff_by_email(tx, ring.lookup_hash(EMAIL_HASH, rules.fold_email(email)))
    if row is None or row["role"] != "owner" or row["disabled_at"] is not None:
        return None
    await create_link(tx, ring, row["business_id"], row["id"], token, now, clears_factors=True)
    await audit.record(tx, system(row["business_id"]), "staff.invited", "staff", row["id"], {"by": "operator"}, now=now)
    return str(row["name"])


async def count_reset(db: Database, ring: KeyRing, address: str, now: datetime) -> None:
    """One more from this network who forgot a password. Raises LimitReached."""
    network = Limit("reset.address", tries.network_hash(ring, address), 3600, rules.RESETS_AN_HOUR_FROM)
    await write_transaction(db, lambda tx: limits.hit(tx, [network], now))


async def begin_reset(db: Database, ring: KeyRing, email: str, now: datetime,
                      send: Callable[[Transaction, Reset], Awaitable[None]]) -> None:
    """A link of an hour for whoever signs in with this address, handed to `send` in the same commit; nothing where nobody does.

    After three in an hour there are no more: the last ones still work, since a new link ends none of them.
    """
    try:
        account = ring.lookup_hash(EMAIL_HASH, rules.fold_email(email))
    except Invalid:
        return
    row, token = await store.staff_by_email(db, account), secrets.new_secret()
    if row is None or row["disabled_at"] is not None:
        return
    wanted = Reset(row["business_id"], row["id"], ring.open_text(EMAIL, row["email_sealed"]), row["language"], token)

    async def act(tx: Transaction) -> None:
        try:
            await limits.hit(tx, [Limit("reset.account", str(wanted.staff_id), 3600, rules.RESETS_AN_HOUR)], now)
        except TooMany:
            return
        await _append(tx, ring, wanted.business_id, wanted.staff_id, token, "reset", rules.RESET_SECONDS, False, now)
        await send(tx, wanted)

    await write_transaction(db, act)


async def peek_link(db: Database, ring: KeyRing, token: str, now: datetime) -> tuple[str, str]:
    """(name, e-mail) of whom a live link is for; changes nothing. Raises LinkGone."""
    row = await store.live_link(db, ring.lookup_hash(LINK, token), to_ms(now))
    if row is None:
        raise LinkGone()
    return row["name"], ring.open_text(EMAIL, row["email_sealed"])


async def use_link(db: Database, ring: KeyRing, token: str, password: str, now: datetime, *, address: str = "", agent: str = "",
                   tell: Callable[[Transaction, Row, str], Awaitable[None]] | None = None) -> tuple[str, Principal]:
    """Consumes a link, sets the password and signs in to the console (a cashier: to the till); once. Every session of before ends.

    tell(tx, row of staff, purpose): in the same commit, so that the person hears of it. Raises LinkGone, Invalid, and SecondStep where
    the account has a second factor or its business wants one: a mailbox alone opens nothing then.
    """
    _, email = await peek_link(db, ring, token, now)
    rules.check_password(password, email)
    password_hash, session_token = await passwords.hash_password(password), secrets.new_secret()

    async def act(tx: Transaction) -> Principal | None:
        used = await store.consume_link(tx, ring.lookup_hash(LINK, token), to_ms(now))
        if used is None:
            raise LinkGone()
        row = await _set(tx, used, password_hash, now)
        if tell is not None:
            await tell(tx, row, used["purpose"])
        kind = "till" if rules.is_at_till(row["role"]) else "console"
        has_any = await factors.has_any(tx, doors.account_of(row))
        if rules.needs_more(row["role"], has_any, await factors.is_required(tx, row["business_id"])):
            await steps.begin(tx, ring, doors.account_of(row), kind, session_token, not has_any, now)
            return None
        return await sessions.begin(tx, ring, row, kind, session_token, now, factor="link", address=address, agent=agent)

    principal = await write_transaction(db, act)
    if principal is None:
        raise SecondStep(session_token)
    return session_token, principal


async def _set(tx: Transaction, used: Row, password_hash: str, now: datetime) -> Row:
    """The new password; what the old one had opened ends, and so do the other links."""
    await store.set_password(tx, used["staff_id"], password_hash)
    await sessions.end_all(tx, used["staff_id"], now)
    await store.end_links_of(tx, used["staff_id"], to_ms(now))
    row = await store.staff_of(tx, used["business_id"], used["staff_id"])
    assert row is not None
    if used["clears_factors"]:
        await factors.clear(tx, doors.account_of(row), now)
    else:
        await steps.end_all(tx, doors.account_of(row), now)
    self = Principal(row["business_id"], row["business_id"], "staff", row["id"], row["name"], row["role"])
    await audit.record(tx, self, "staff.password_set", "staff", row["id"], now=now)
    return row
