"""Between the password and the session: a browser that has shown a password and still owes a second factor. It may do nothing else.

For staff and operators alike: `begin` after the password, `find` for the page, `prove` for what was typed there.
"""
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from app import secrets
from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.errors import Expired
from app.limits import service as limits
from app.secrets import CannotOpen, KeyRing
from app.staff import factors, rules, totp
from app.staff import factors_store as store
from app.staff.rules import Account
from app.text import N_

STEP, NEW_APP = "staff.step", "staff.new_app"
T = TypeVar("T")


class StepGone(Expired):
    code = "step_gone"
    detail = N_("Signing in took too long, or was finished elsewhere. Begin again with your address and password.")


@dataclass(frozen=True, slots=True)
class Step:
    """kind: of the session that waits behind it; key: of an app that must be set up first, None where the account has a factor."""

    id: int
    account: Account
    kind: str
    key: bytes | None


async def begin(tx: Transaction, ring: KeyRing, account: Account, kind: str, token: str, must_set_up: bool, now: datetime) -> None:
    """The password was right. token: drawn by the caller with `secrets.new_secret`, for a cookie of STEP_MINUTES."""
    key = secrets.new_bytes(totp.KEY_BYTES) if must_set_up else None
    await store.append_step(tx, account, {
        "token_hash": ring.lookup_hash(STEP, token), "kind": kind, "must_set_up": int(must_set_up),
        "key_sealed": factors.seal_key(ring, account, key) if key else None, "created_at": to_ms(now),
        "expires_at": to_ms(now + timedelta(minutes=rules.STEP_MINUTES))})


async def end_all(tx: Transaction, account: Account, now: datetime) -> None:
    """Whoever is between a password of before and a second factor begins again."""
    await store.end_steps_of(tx, account, to_ms(now))


async def find(db: Database, ring: KeyRing, token: str, now: datetime) -> Step:
    """Raises StepGone."""
    row = await store.live_step(db, ring.lookup_hash(STEP, token), to_ms(now)) if token else None
    if row is None:
        raise StepGone()
    account = Account(row["account_kind"], row["account_id"], row["business_id"])
    return Step(row["id"], account, row["kind"], factors.open_key(ring, account, row["key_sealed"]) if row["must_set_up"] else None)


def ticket(ring: KeyRing, account: Account, key: bytes, now: datetime) -> str:
    """A key of an app that is being set up, for the form that brings it back with its first code; nothing is kept meanwhile."""
    end = to_ms(now + timedelta(minutes=rules.NEW_APP_MINUTES)).to_bytes(8, "big")
    return ring.seal(NEW_APP, end + key, f"{account.kind}:{account.id}".encode()).hex()


def key_of(ring: KeyRing, account: Account, ticket: str, now: datetime) -> bytes:
    """Raises StepGone for a ticket of somebody else, and for one that is too old."""
    try:
        opened = ring.open(NEW_APP, bytes.fromhex(ticket), f"{account.kind}:{account.id}".encode())
    except (CannotOpen, ValueError) as exc:
        raise StepGone() from exc
    if int.from_bytes(opened[:8], "big") <= to_ms(now):
        raise StepGone()
    return opened[8:]


async def prove(db: Database, ring: KeyRing, step: Step, typed: str, now: datetime,
                then: Callable[[Transaction, str, Sequence[str]], Awaitable[T]]) -> tuple[T, Sequence[str]]:
    """Takes a code and ends the step; returns what `then` gave, and the recovery codes of an app that was set up here, to be shown once.

    then(tx, factor, codes): begins the session in the same commit; factor: `totp` or `recovery`. Raises WrongCode, LimitReached and
    StepGone. Tries count before the code is looked at, and a right one takes its own back.
    """
    counted = factors.code_limits(step.account)
    await write_transaction(db, lambda tx: limits.hit(tx, counted, now))
    codes = factors.new_recovery_codes() if step.key else []

    async def act(tx: Transaction) -> T:
        if not await store.consume_step(tx, step.id, to_ms(now)):
            raise StepGone()
        if step.key is None:
            factor = await factors.take(tx, ring, step.account, typed, now)
        else:
            await factors.keep_app(tx, ring, step.account, step.key, typed, now)
            await factors.keep_recovery_codes(tx, ring, step.account, codes, now)
            factor = "totp"
        await limits.take_back(tx, counted, now)
        return await then(tx, factor, codes)

    return await write_transaction(db, act), codes
