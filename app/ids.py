"""Public ids: `crd_…` outside, a plain row id inside.

A row id is a small counting number; shown as it is, it would tell one business how much another does. A keyed permutation
of 64 bits (a Feistel network whose rounds multiply and fold) hides the count without a second column or index, in 2 µs; the
key lies in the database (`meta.id_key`), so ids survive a change of the key ring, a backup and a move. It hides a count from
onlookers and nothing more: what protects a thing is that every query names its business.
"""
import hashlib

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"     # Crockford's base 32: no i, l, o, u
LENGTH = 13                                       # 13 × 5 bits hold 64
ROUNDS = 4
MASK = 0xFFFFFFFF
_VALUES = {letter: value for value, letter in enumerate(ALPHABET)}
_PAIRS = [high + low for high in ALPHABET for low in ALPHABET]
PREFIXES = {"business": "biz", "program": "prg", "location": "loc", "customer": "cus", "card": "crd", "operation": "op",
            "device": "dev", "offline_item": "ofi",
            "session": "ses", "passkey": "psk",
            "enrolment": "enr", "api_key": "key", "staff": "stf", "event": "evt", "coupon": "cpn", "invitation": "inv",
            "participation": "prt", "suspicion": "sus", "reward": "rwd", "voucher": "vch", "approval": "apr", "promo_code": "prc",
            "certificate": "crt", "image": "img", "google_issuer": "gis", "erasure": "ers", "import": "imp", "campaign": "cmp",
            "screen": "scr", "plastic_batch": "plb", "pause": "pau", "webhook": "whk", "delivery": "dlv", "suppression": "sup"}


class PublicIds:
    """Turns row ids into public ids and back, for one database."""

    def __init__(self, key: bytes) -> None:
        """key: 16 to 64 random bytes, the same for the life of the database."""
        self._rounds = {kind: self._round_keys(key, kind) for kind in PREFIXES}

    @staticmethod
    def _round_keys(key: bytes, kind: str) -> list[tuple[int, int]]:
        seed = hashlib.blake2b(kind.encode(), key=key, digest_size=8 * ROUNDS).digest()
        words = [int.from_bytes(seed[at:at + 4], "big") for at in range(0, len(seed), 4)]
        return [(words[2 * number], words[2 * number + 1] | 1) for number in range(ROUNDS)]

    def encode(self, kind: str, row_id: int) -> str:
        """`crd_` and 13 letters for the row `row_id` (0 <= row_id < 2^48)."""
        left, right = row_id >> 32, row_id & MASK
        for add, factor in self._rounds[kind]:
            left, right = right, left ^ _fold(right, add, factor)
        value, two = left << 32 | right, _PAIRS
        return (f"{PREFIXES[kind]}_{two[value >> 54]}{two[value >> 44 & 1023]}{two[value >> 34 & 1023]}{two[value >> 24 & 1023]}"
                f"{two[value >> 14 & 1023]}{two[value >> 4 & 1023]}{ALPHABET[(value & 15) << 1]}")

    def decode(self, kind: str, text: str) -> int | None:
        """The row id, or None for whatever this database never gave out."""
        prefix, _, letters = text.partition("_")
        if prefix != PREFIXES[kind] or len(letters) != LENGTH or not all(letter in _VALUES for letter in letters):
            return None
        value = 0
        for letter in letters:
            value = value << 5 | _VALUES[letter]
        if value & 1:
            return None
        left, right = value >> 33, value >> 1 & MASK
        for add, factor in reversed(self._rounds[kind]):
            left, right = right ^ _fold(left, add, factor), left
        row_id = left << 32 | right
        return row_id if row_id < 2**48 else None


def _fold(half: int, add: int, factor: int) -> int:
    mixed = (half + add & MASK) * factor & 0xFFFFFFFFFFFFFFFF
    mixed ^= mixed >> 29
    return (mixed * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF) >> 32
