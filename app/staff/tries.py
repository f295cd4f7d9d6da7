"""Guesses: how often a password may be tried, and the one answer to every wrong one.

Nobody is locked out for good: tries are counted in a window that slides, whoever waits comes in, and other ways (a link by mail, a
passkey, the owner command) count by themselves.
"""
from collections.abc import Sequence
from datetime import datetime

from app.db import Database, Transaction, write_transaction
from app.errors import Unauthenticated
from app.limits import service as limits
from app.limits.rules import Limit
from app.secrets import KeyRing
from app.staff import passwords, rules
from app.text import N_


class WrongPassword(Unauthenticated):
    """One sentence for an unknown address and a wrong password."""

    code = "wrong_password"
    detail = N_("The address or the password is not right. Check both; the password's capitals count.")


async def prove(db: Database, ring: KeyRing, account: bytes, stored: str | None, password: str, address: str,
                now: datetime) -> list[Limit]:
    """Counts a try, then looks whether `password` is the one that `stored` was made from; what was counted, for `take_back`.

    account: the keyed hash of the address that was typed, known or not; stored: None where nobody may come in with it. A guess in
    parallel gains nothing, since all are counted before any is looked at. Raises LimitReached and WrongPassword.
    """
    counted = password_limits(ring, account, address)
    await write_transaction(db, lambda tx: limits.hit(tx, counted, now))
    if not await passwords.fits(password, stored):
        raise WrongPassword()
    return counted


async def take_back(tx: Transaction, counted: Sequence[Limit], at: datetime) -> None:
    """The password was right: the try of that moment counts no more."""
    await limits.take_back(tx, counted, at)


def password_limits(ring: KeyRing, account: bytes, address: str) -> list[Limit]:
    return [Limit("sign_in.account", account.hex(), rules.SIGN_IN_WINDOW_SECONDS, rules.SIGN_IN_TRIES),
            Limit("sign_in.address", network_hash(ring, address), rules.SIGN_IN_WINDOW_SECONDS, 4 * rules.SIGN_IN_TRIES)]


def network_hash(ring: KeyRing, address: str) -> str:
    """The caller's network as limits name it, in hex."""
    return ring.lookup_hash("limits.address", rules.network_of(address)).hex()
