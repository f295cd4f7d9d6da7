"""The key ring, sealed columns, keyed hashes, and random material.

`TESSERA_SECRET_KEY` is a list of keys, newest first: the first encrypts, all decrypt. Sub-keys come by HKDF-SHA-256, one
label a purpose. Keyed hashes for look-ups cannot follow a change of the ring (every row would have to be hashed again), so
they use a look-up key of their own, random per database, which lies in `meta.lookup_key` sealed by the ring.
"""
import base64
import functools
import hashlib
import hmac
import secrets as random

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.errors import SettingsError

# No 0 O I l: people read these aloud and type them. 58 letters, so 12 of them hold 70.3 bits.
TOKEN_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"  # noqa: S105
KEY_BYTES = 32
NONCE_BYTES = 12
_NUMBER_BYTES = 4


class CannotOpen(ValueError):
    """A sealed value that no key of the ring opens, or that belongs to another row or purpose."""


def new_key() -> str:
    """A fresh key for TESSERA_SECRET_KEY: 32 random bytes in URL-safe base64."""
    return base64.urlsafe_b64encode(random.token_bytes(KEY_BYTES)).decode().rstrip("=")


def new_token(length: int = 12, alphabet: str = TOKEN_ALPHABET) -> str:
    """A token for a link: `length` letters of `alphabet`."""
    return "".join(random.choice(alphabet) for _ in range(length))


def is_token(text: str, length: int = 12) -> bool:
    """Whether `text` could be one of ours; asked before the database is."""
    return len(text) == length and all(letter in TOKEN_ALPHABET for letter in text)


def new_secret() -> str:
    """43 URL-safe characters, 256 bits: API keys, sessions, authentication tokens."""
    return random.token_urlsafe(32)


def new_digits(count: int) -> str:
    return f"{random.randbelow(10**count):0{count}d}"


def new_bytes(count: int) -> bytes:
    return random.token_bytes(count)


def same(one: str | bytes, other: str | bytes) -> bool:
    """Equality in a time that tells nothing."""
    return hmac.compare_digest(one.encode() if isinstance(one, str) else one, other.encode() if isinstance(other, str) else other)


class KeyRing:
    """Seals and opens columns, and makes keyed hashes.

    keys: at least one, newest first, each 32 bytes in URL-safe base64.
    """

    def __init__(self, keys: list[str]) -> None:
        if not keys:
            raise SettingsError("TESSERA_SECRET_KEY is empty. Put a key there; `python -m app doctor --new-key` prints one.")
        self._keys = {self._number(raw): raw for raw in map(self._parse, reversed(keys))}
        self._first = self._number(self._parse(keys[0]))
        self._lookup_key: bytes | None = None
        self._cipher = functools.lru_cache(512)(self._make_cipher)
        self._lookup = functools.lru_cache(4096)(self._make_lookup)

    @staticmethod
    def _parse(text: str) -> bytes:
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raw = b""
        if len(raw) != KEY_BYTES:
            raise SettingsError("TESSERA_SECRET_KEY: each key is 32 bytes in URL-safe base64, several are separated by commas. "
                                "`python -m app doctor --new-key` prints a fresh one.")
        return raw

    @staticmethod
    def _number(raw: bytes) -> bytes:
        return hashlib.sha256(b"tessera key number" + raw).digest()[:_NUMBER_BYTES]

    def _derive(self, number: bytes, purpose: str) -> bytes:
        return HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=b"tessera/" + purpose.encode()).derive(self._keys[number])

    def _make_cipher(self, number: bytes, purpose: str) -> AESGCM:
        return AESGCM(self._derive(number, purpose))

    @property
    def check_value(self) -> str:
        """What `meta.key_check` holds for the first key: tells whether a database and a ring belong together."""
        return hmac.digest(self._derive(self._first, "check"), b"tessera", "sha256").hex()

    def check_values(self) -> list[str]:
        """The check values of all keys, the first key's first."""
        numbers = [self._first, *(number for number in self._keys if number != self._first)]
        return [hmac.digest(self._derive(number, "check"), b"tessera", "sha256").hex() for number in numbers]

    def seal(self, purpose: str, data: bytes, context: bytes = b"") -> bytes:
        """AES-256-GCM under the purpose's sub-key of the first key; `context` must be handed in again to open."""
        nonce = random.token_bytes(NONCE_BYTES)
        return self._first + nonce + self._cipher(self._first, purpose).encrypt(nonce, data, context)

    def open(self, purpose: str, sealed: bytes, context: bytes = b"") -> bytes:
        """Raises CannotOpen when no key of the ring made it, or it was made for another purpose or context."""
        number, nonce = bytes(sealed[:_NUMBER_BYTES]), bytes(sealed[_NUMBER_BYTES:_NUMBER_BYTES + NONCE_BYTES])
        if number not in self._keys:
            raise CannotOpen("sealed with a key that is not in TESSERA_SECRET_KEY")
        try:
            return self._cipher(number, purpose).decrypt(nonce, bytes(sealed[_NUMBER_BYTES + NONCE_BYTES:]), context)
        except InvalidTag as exc:
            raise CannotOpen("changed, or sealed for another purpose") from exc

    def seal_text(self, purpose: str, text: str, context: bytes = b"") -> bytes:
        return self.seal(purpose, text.encode(), context)

    def open_text(self, purpose: str, sealed: bytes, context: bytes = b"") -> str:
        return self.open(purpose, sealed, context).decode()

    def is_current(self, sealed: bytes) -> bool:
        """Whether the first key made it; `rekey` seals the others again."""
        return bytes(sealed[:_NUMBER_BYTES]) == self._first

    def use_lookup_key(self, key: bytes) -> None:
        """Hands over the database's look-up key, opened; done once at start."""
        self._lookup_key = key
        self._lookup.cache_clear()

    def _make_lookup(self, purpose: str) -> bytes:
        assert self._lookup_key is not None, "the database's look-up key was not loaded"
        return HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=b"tessera lookup/" + purpose.encode()).derive(self._lookup_key)

    def lookup_hash(self, purpose: str, text: str) -> bytes:
        """HMAC-SHA-256 (32 bytes) for finding a row by a secret or personal value; one key a purpose."""
        return hmac.digest(self._lookup(purpose), text.encode(), "sha256")
