"""argon2id in a thread: a hash takes tens of milliseconds, too long for the loop."""
import asyncio
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher


@lru_cache(maxsize=1)
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    return PasswordHasher()


@lru_cache(maxsize=1)
def _nobodys() -> str:
    """A hash that no password fits: an unknown account costs the same time as a known one."""
    return _hasher().hash("no account has this password")


async def hash_password(password: str) -> str:
    return await asyncio.to_thread(lambda: _hasher().hash(password))


async def fits(password: str, stored: str | None) -> bool:
    """Whether `password` is the one that `stored` was made from; the same work is done where there is none."""
    return await asyncio.to_thread(_verify, password, stored)


def _verify(password: str, stored: str | None) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(stored or _nobodys(), password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False
