"""argon2id in threads of its own: a hash takes tens of milliseconds and 64 MiB, too much for the loop and for many at once.

The parameters are RFC 9106's second recommended option (argon2-cffi's default profile): 64 MiB, three passes, four lanes, well above
the least that OWASP asks for (19 MiB, two passes).
"""
import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

# A flood of guesses waits for these, and for nobody else's threads.
_threads = ThreadPoolExecutor(2, thread_name_prefix="argon2")


@lru_cache(maxsize=1)
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher
    from argon2.profiles import RFC_9106_LOW_MEMORY

    return PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)


@lru_cache(maxsize=1)
def _nobodys() -> str:
    """A hash that no password fits: an unknown account costs the same time as a known one."""
    return _hasher().hash("no account has this password")


async def hash_password(password: str) -> str:
    return await asyncio.get_running_loop().run_in_executor(_threads, _hash, password)


def _hash(password: str) -> str:
    return _hasher().hash(password)


async def fits(password: str, stored: str | None) -> bool:
    """Whether `password` is the one that `stored` was made from; the same work is done where there is none."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _verify, password, stored)


def _verify(password: str, stored: str | None) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(stored or _nobodys(), password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(stored: str) -> bool:
    """Whether `stored` was made with weaker parameters than today's: the next sign-in, which knows the password, makes it again."""
    return _hasher().check_needs_rehash(stored)
