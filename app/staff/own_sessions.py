"""A person's own sessions: the list, ending them, and showing once more that it is they before something dangerous."""
from datetime import datetime

from app import secrets
from app.audit import service as audit
from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.errors import NotFound, Unauthenticated
from app.limits import service as limits
from app.secrets import KeyRing
from app.staff import factors, passkeys, rules, sessions, store, tries, uses
from app.staff import sessions_store as sessions_sql
from app.staff.passkeys import Site, WrongPasskey
from app.staff.rules import Account, Session
from app.web.principal import Principal


def account_of(who: Principal) -> Account:
    """The account of whoever is signed in."""
    assert who.id is not None
    return Account("staff", who.id, who.business_id)


async def listed(db: Database, who: Principal, now: datetime) -> list[Session]:
    """Those that still live, the one that asks first, then the one used last."""
    assert who.id is not None
    now_ms, found = to_ms(now), []
    for row in await sessions_sql.live_of(db, who.business_id, who.id, now_ms):
        seen_at = max(row["seen_at"], uses.last(db, "session", row["id"]))
        if rules.is_live(row["created_at"], seen_at, row["expires_at"], now_ms, row["kind"]):
            found.append(Session(row["id"], row["kind"], row["agent"], row["address"], row["factor"], row["created_at"], seen_at,
                                 row["id"] == who.session_id))
    return sorted(found, key=lambda each: (not each.is_this, -each.seen_at))


async def end(db: Database, who: Principal, session_id: int, now: datetime) -> None:
    """Raises NotFound for one that is not theirs or has ended."""
    async def act(tx: Transaction) -> None:
        assert who.id is not None
        if not await sessions_sql.revoke_own(tx, who.business_id, who.id, session_id, to_ms(now)):
            raise NotFound()
        await audit.record(tx, who, "staff.sessions_ended", "staff", who.id, {"count": 1}, now=now)

    await write_transaction(db, act)


async def end_others(db: Database, who: Principal, now: datetime) -> int:
    """Every session of theirs but this one ends; returns how many."""
    async def act(tx: Transaction) -> int:
        assert who.id is not None and who.session_id is not None
        ended = await sessions_sql.revoke_others(tx, who.business_id, who.id, who.session_id, to_ms(now))
        if ended:
            await audit.record(tx, who, "staff.sessions_ended", "staff", who.id, {"count": ended}, now=now)
        return ended

    return await write_transaction(db, act)


async def is_fresh(db: Database, who: Principal, now: datetime) -> bool:
    """Whether they signed in or confirmed within the last ten minutes."""
    assert who.session_id is not None
    at = await sessions_sql.confirmed_at(db, who.business_id, who.session_id)
    return 0 <= to_ms(now) - at < rules.CONFIRMED_SECONDS * 1000


async def confirm(db: Database, ring: KeyRing, who: Principal, typed: str, address: str, now: datetime) -> str:
    """The session's new token, after the second factor, or the password where there is none; the old one is dead.

    Raises WrongCode, WrongPassword, LimitReached.
    """
    account, token = account_of(who), secrets.new_secret()
    by_code = await factors.has_any(db, account)
    if by_code:
        counted = factors.code_limits(account)
        await write_transaction(db, lambda tx: limits.hit(tx, counted, now))
    else:
        row = await store.staff_of(db, who.business_id, account.id)
        assert row is not None
        counted = await tries.prove(db, ring, bytes(row["email_hash"]), row["password_hash"], typed, address, now)

    async def act(tx: Transaction) -> str:
        if by_code:
            await factors.take(tx, ring, account, typed, now)
        await limits.take_back(tx, counted, now)
        return await _renew(tx, ring, who, token, now)

    return await write_transaction(db, act)


async def confirm_by_passkey(db: Database, site: Site, ring: KeyRing, who: Principal, ticket: str, answer: str, now: datetime) -> str:
    """The session's new token. Raises WrongPasskey, for a passkey of somebody else too."""
    account, used = await passkeys.whose(db, site, ring, "staff", ticket, answer, now)
    if account != account_of(who):
        raise WrongPasskey()
    token = secrets.new_secret()

    async def act(tx: Transaction) -> str:
        await passkeys.use(tx, ring, used, now)
        return await _renew(tx, ring, who, token, now)

    return await write_transaction(db, act)


async def _renew(tx: Transaction, ring: KeyRing, who: Principal, token: str, now: datetime) -> str:
    assert who.session_id is not None
    if not await sessions_sql.rotate(tx, who.business_id, who.session_id, ring.lookup_hash(sessions.SESSION, token), to_ms(now)):
        raise Unauthenticated()
    await audit.record(tx, who, "staff.confirmed", "staff", who.id, now=now)
    return token
