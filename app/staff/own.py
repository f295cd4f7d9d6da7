"""A person's own account: their name, the language of their pages, and what signs them in."""
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.audit import service as audit
from app.db import Database, Row, Transaction, write_transaction
from app.errors import FieldError, Invalid, NotFound
from app.limits import service as limits
from app.secrets import KeyRing
from app.staff import doors, factors, passkeys, rules, sessions, store
from app.staff.own_sessions import account_of
from app.staff.rules import EMAIL
from app.text import N_
from app.web.principal import Principal

Tell = Callable[[Transaction], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Me:
    """language: en, ru, or empty for what the browser says."""

    name: str
    email: str
    language: str


async def me(reader: Database | Transaction, ring: KeyRing, who: Principal) -> Me:
    row = await _row(reader, who)
    return Me(row["name"], ring.open_text(EMAIL, row["email_sealed"]), row["language"] or "")


async def _row(reader: Database | Transaction, who: Principal) -> Row:
    assert who.id is not None
    row = await store.staff_of(reader, who.business_id, who.id)
    if row is None:
        raise NotFound()
    return row


async def change(db: Database, who: Principal, name: str, language: str, now: datetime) -> None:
    """Raises Invalid (name, language)."""
    name = rules.check_name(name)
    if language not in ("", "en", "ru"):
        raise Invalid(fields=[FieldError("language", "language", N_("Choose one of the languages."))])

    async def act(tx: Transaction) -> None:
        assert who.id is not None
        await store.change_own(tx, who.id, name, language or None)
        await audit.record(tx, who, "staff.own_changed", "staff", who.id, now=now)

    await write_transaction(db, act)


async def add_app(db: Database, ring: KeyRing, who: Principal, key: bytes, typed: str, now: datetime, tell: Tell) -> Sequence[str]:
    """An authenticator app, its code typed once; the recovery codes, to be shown once, where this is the first factor.

    tell(tx): tells the person, in the same commit. Raises WrongCode and LimitReached.
    """
    account = account_of(who)
    counted, codes = factors.code_limits(account), factors.new_recovery_codes()
    await write_transaction(db, lambda tx: limits.hit(tx, counted, now))

    async def act(tx: Transaction) -> Sequence[str]:
        is_first = not await factors.has_any(tx, account)
        await factors.keep_app(tx, ring, account, key, typed, now)
        await limits.take_back(tx, counted, now)
        await _note(tx, who, "staff.factor_added", "totp", now, tell)
        return await _codes_of_first(tx, ring, who, codes, is_first, now)

    return await write_transaction(db, act)


async def _codes_of_first(tx: Transaction, ring: KeyRing, who: Principal, codes: Sequence[str], is_first: bool,
                          now: datetime) -> Sequence[str]:
    if not is_first:
        return []
    await factors.keep_recovery_codes(tx, ring, account_of(who), codes, now)
    return codes


async def _note(tx: Transaction, who: Principal, action: str, factor: str, now: datetime, tell: Tell) -> None:
    await audit.record(tx, who, action, "staff", who.id, {"factor": factor}, now=now)
    await tell(tx)


async def add_passkey(db: Database, ring: KeyRing, who: Principal, made: Mapping[str, Any], name: str, now: datetime,
                      tell: Tell) -> Sequence[str]:
    """made: of `passkeys.read_new`. As `add_app`. Raises Invalid (name), TooManyPasskeys, WrongPasskey."""
    codes = factors.new_recovery_codes()

    async def act(tx: Transaction) -> Sequence[str]:
        is_first = not await factors.has_any(tx, account_of(who))
        await passkeys.keep(tx, ring, account_of(who), made, name, now)
        await _note(tx, who, "staff.factor_added", "passkey", now, tell)
        return await _codes_of_first(tx, ring, who, codes, is_first, now)

    return await write_transaction(db, act)


async def rename_passkey(db: Database, ring: KeyRing, who: Principal, passkey_id: int, name: str) -> None:
    """Raises NotFound for one that is not theirs, and Invalid (name)."""
    async def act(tx: Transaction) -> None:
        if not await passkeys.rename(tx, ring, account_of(who), passkey_id, name):
            raise NotFound()

    await write_transaction(db, act)


async def remove_passkey(db: Database, who: Principal, passkey_id: int, now: datetime, tell: Tell) -> None:
    """Raises NotFound for one that is not theirs."""
    async def act(tx: Transaction) -> None:
        if not await factors.remove_passkey(tx, account_of(who), passkey_id):
            raise NotFound()
        await _note(tx, who, "staff.factor_removed", "passkey", now, tell)

    await write_transaction(db, act)


async def remove_app(db: Database, who: Principal, now: datetime, tell: Tell) -> None:
    async def act(tx: Transaction) -> None:
        await factors.remove_app(tx, account_of(who))
        await _note(tx, who, "staff.factor_removed", "totp", now, tell)

    await write_transaction(db, act)


async def renew_codes(db: Database, ring: KeyRing, who: Principal, now: datetime, tell: Tell) -> Sequence[str]:
    """Ten new recovery codes, to be shown once; the earlier ones open nothing any more. Raises NotFound where there is no factor."""
    codes = factors.new_recovery_codes()

    async def act(tx: Transaction) -> None:
        if not await factors.has_any(tx, account_of(who)):
            raise NotFound()
        await factors.keep_recovery_codes(tx, ring, account_of(who), codes, now)
        await _note(tx, who, "staff.factor_added", "recovery", now, tell)

    await write_transaction(db, act)
    return codes


async def require(db: Database, who: Principal, is_required: bool, now: datetime) -> None:
    """What the business asks of its people in the console, from their next sign-in on; the caller is an owner."""
    async def act(tx: Transaction) -> None:
        if await factors.is_required(tx, who.business_id) == is_required:
            return
        await factors.require(tx, who.business_id, is_required, now)
        await audit.record(tx, who, "business.sign_in_rule", "business", who.business_id, {"second_factor": is_required}, now=now)

    await write_transaction(db, act)


async def clear_of(db: Database, who: Principal, staff_id: int, now: datetime, tell: Tell) -> None:
    """Somebody lost all that they had beside their password: an owner lets them begin again. Their sessions end. Raises NotFound."""
    async def act(tx: Transaction) -> None:
        row = await store.staff_of(tx, who.business_id, staff_id)
        if row is None:
            raise NotFound()
        await factors.clear(tx, doors.account_of(row), now)
        await sessions.end_all(tx, staff_id, now)
        await audit.record(tx, who, "staff.factor_removed", "staff", staff_id, {"factor": "all"}, now=now)
        await tell(tx)

    await write_transaction(db, act)
