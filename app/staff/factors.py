"""Second factors: an authenticator app, recovery codes, passkeys (made and checked in passkeys.py), for staff and operators alike.

Who owns them is an `Account`; whoever changes them audits it, and tells the person by mail.
"""
from collections.abc import Sequence
from datetime import datetime

from app import secrets
from app.clock import to_ms
from app.db import Database, Transaction
from app.errors import Unauthenticated
from app.limits.rules import Limit
from app.secrets import KeyRing
from app.staff import factors_store as store
from app.staff import rules, totp
from app.staff.rules import Account, Factors, Passkey
from app.text import N_

Reader = Database | Transaction
TOTP, RECOVERY, PASSKEY = "staff.totp", "staff.recovery", "staff.passkey"


class WrongCode(Unauthenticated):
    code = "wrong_code"
    detail = N_("This code is not right, or was used already. Wait for the next one, and check the clock of the phone.")


async def of(reader: Reader, ring: KeyRing, account: Account) -> Factors:
    kept = tuple(Passkey(row["id"], ring.open_text(PASSKEY, row["name_sealed"], _bound(account)), row["created_at"], row["used_at"])
                 for row in await store.passkeys(reader, account))
    return Factors(await store.totp_key(reader, account) is not None, await store.recovery_codes_left(reader, account), kept)


async def has_any(reader: Reader, account: Account) -> bool:
    return await store.totp_key(reader, account) is not None or bool(await store.passkeys(reader, account))


def _bound(account: Account) -> bytes:
    """What a sealed value belongs to."""
    return str(account.id).encode()


def seal_key(ring: KeyRing, account: Account, key: bytes) -> bytes:
    return ring.seal(TOTP, key, _bound(account))


def open_key(ring: KeyRing, account: Account, sealed: bytes) -> bytes:
    return ring.open(TOTP, sealed, _bound(account))


def seal_name(ring: KeyRing, account: Account, name: str) -> bytes:
    return ring.seal_text(PASSKEY, rules.check_name(name), _bound(account))


def new_recovery_codes() -> list[str]:
    return [secrets.new_token(rules.RECOVERY_LENGTH, rules.RECOVERY_ALPHABET) for _ in range(rules.RECOVERY_CODES)]


async def keep_app(tx: Transaction, ring: KeyRing, account: Account, key: bytes, typed: str, now: datetime) -> None:
    """An app whose code was typed once is this account's from now on, in the place of an earlier one. Raises WrongCode."""
    step = totp.matching_step(key, rules.folded_code(typed), now, 0)
    if step is None:
        raise WrongCode()
    await store.set_totp_key(tx, account, seal_key(ring, account, key), step, to_ms(now))


async def keep_recovery_codes(tx: Transaction, ring: KeyRing, account: Account, codes: Sequence[str], now: datetime) -> None:
    """These, each once, and none of the earlier ones. codes: of `new_recovery_codes`, shown once and kept as hashes."""
    await store.set_recovery_codes(tx, account, [_code_hash(ring, account, code) for code in codes], to_ms(now))


def _code_hash(ring: KeyRing, account: Account, code: str) -> bytes:
    return ring.lookup_hash(RECOVERY, f"{account.kind}:{account.id}:{code}")


async def take(tx: Transaction, ring: KeyRing, account: Account, typed: str, now: datetime) -> str:
    """Uses a code up: `totp` or `recovery`, whichever it was. Raises WrongCode, having written nothing."""
    code = rules.folded_code(typed)
    row = await store.totp_key(tx, account)
    if row is not None:
        step = totp.matching_step(open_key(ring, account, row["key_sealed"]), code, now, row["last_step"])
        if step is not None and await store.use_step(tx, account, step):
            return "totp"
    if await store.use_recovery_code(tx, account, _code_hash(ring, account, code), to_ms(now)):
        return "recovery"
    raise WrongCode()


def code_limits(account: Account) -> list[Limit]:
    """How often codes may be guessed; whoever guesses knows the password, or sits at an open session."""
    subject = f"{account.kind}:{account.id}"
    return [Limit("sign_in.code", subject, rules.CODE_WINDOW_SECONDS, rules.CODE_TRIES),
            Limit("sign_in.code", subject, 86400, rules.CODE_TRIES_A_DAY)]


async def remove_app(tx: Transaction, account: Account) -> None:
    await store.delete_totp_key(tx, account)
    await _forget_useless_codes(tx, account)


async def remove_passkey(tx: Transaction, account: Account, passkey_id: int) -> bool:
    """False where there is none of theirs with that id."""
    gone = await store.delete_passkey(tx, account, passkey_id)
    await _forget_useless_codes(tx, account)
    return gone


async def _forget_useless_codes(tx: Transaction, account: Account) -> None:
    """Codes stand in for a factor: without one they open nothing, and are not kept."""
    if not await has_any(tx, account):
        await store.delete_recovery_codes(tx, account)


async def clear(tx: Transaction, account: Account, now: datetime) -> None:
    """The account begins again with its password alone: everything that it had beside it was lost."""
    await store.delete_totp_key(tx, account)
    await store.delete_passkeys(tx, account)
    await store.delete_recovery_codes(tx, account)
    await store.end_steps_of(tx, account, to_ms(now))


async def is_required(reader: Reader, business_id: int) -> bool:
    """Whether the business asks its owners, managers and others in the console for a second factor."""
    return await store.is_required(reader, business_id)


async def require(tx: Transaction, business_id: int, is_required: bool, now: datetime) -> None:
    """Holds from everybody's next sign-in: sessions that stand are not ended."""
    await store.set_required(tx, business_id, is_required, to_ms(now))
