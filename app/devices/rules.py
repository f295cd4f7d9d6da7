"""What is true of paired tills: what a key must be, what a signature proves, which PINs are too easy, how long things hold."""
import unicodedata
from dataclasses import dataclass
from itertools import pairwise

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

from app.errors import FieldError, Invalid
from app.text import N_

PAIRING_SECONDS = 10 * 60
PIN_LINK_SECONDS = 86_400
COOKIE_SECONDS = 365 * 86_400
# 32 letters and digits that are neither confused when read aloud nor on paper; ten of them hold 50 bits, and live for ten minutes.
CODE_ALPHABET, CODE_LENGTH = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ", 10
CODE_TRIES, CODE_WINDOW_SECONDS = 20, 10 * 60           # wrong codes of an address
PIN_TRIES, PIN_WINDOW_SECONDS = 10, 15 * 60             # of a person, whichever the device, and of a device, whoever it is
PIN_LEAST, PIN_MOST = 4, 6
# How soon after the password a first PIN may be chosen: whoever finds an open till must not choose one for its cashier.
FRESH_SECONDS = 15 * 60
IDLE_LEAST, IDLE_MOST = 1, 120
SIGNATURE_BYTES, _HALF = 64, 32
_MOST_KEY_BYTES = 200


@dataclass(frozen=True, slots=True)
class Device:
    """A paired till. public_key: SPKI of P-256, empty where its browser keeps no keys; moments in epoch ms; paired_by: of staff;
    counter: the newest number of an operation that it signed offline."""

    id: int
    business_id: int
    location_id: int | None
    name: str
    public_key: bytes
    paired_by: int
    paired_at: int
    revoked_at: int | None
    seen_at: int
    counter: int
    agent: str = ""

    def takes(self, location_id: int | None) -> bool:
        """Whether somebody who works at `location_id` (None: anywhere) works here."""
        return None in (self.location_id, location_id) or self.location_id == location_id


def verify(device: Device, data: bytes, signature: bytes) -> bool:
    """Whether the device signed `data`: ECDSA on P-256 with SHA-256, the signature as WebCrypto gives it (r and s, 32 bytes each)."""
    if len(signature) != SIGNATURE_BYTES or not device.public_key:
        return False
    r, s = int.from_bytes(signature[:_HALF], "big"), int.from_bytes(signature[_HALF:], "big")
    key = _loaded(device.public_key)
    if key is None:
        return False
    try:
        key.verify(encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def check_key(public_key: bytes) -> bytes:
    """The key as it came; empty is none. Raises Invalid for what is no P-256 key."""
    if public_key and _loaded(public_key) is None:
        raise Invalid(fields=[FieldError("public_key", "public_key", N_("This is not a key that tills sign with."))])
    return public_key


def _loaded(public_key: bytes) -> ec.EllipticCurvePublicKey | None:
    try:
        key = load_der_public_key(public_key) if len(public_key) <= _MOST_KEY_BYTES else None
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1) else None


def check_device_name(text: str) -> str:
    """A device's name stripped; raises Invalid (field `name`) unless it has 1 to 60 printable characters."""
    name = unicodedata.normalize("NFC", text).strip()
    if not 1 <= len(name) <= 60 or not name.isprintable():
        raise Invalid(fields=[FieldError("name", "name", N_("Type a name of 1 to 60 characters."))])
    return name


def check_idle(text: str) -> int:
    """Minutes; raises Invalid (field `idle`)."""
    minutes = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
    if not IDLE_LEAST <= minutes <= IDLE_MOST:
        raise Invalid(fields=[FieldError("idle", "range", N_("Type a number of minutes from 1 to 120."))])
    return minutes


def code_of(data: bytes) -> str:
    """Random bytes as a pairing code: 32 letters, so that each byte gives one and none is likelier."""
    return "".join(CODE_ALPHABET[byte % len(CODE_ALPHABET)] for byte in data[:CODE_LENGTH])


def clean_code(text: str) -> str:
    """A code as somebody typed it, as it was made: capitals, no spaces and dashes; empty for what cannot be one."""
    code = "".join(text.upper().split()).replace("-", "")
    return code if len(code) == CODE_LENGTH and all(letter in CODE_ALPHABET for letter in code) else ""


def shown_code(code: str) -> str:
    """K7M29-QXF3H, as a person reads it."""
    return f"{code[:5]}-{code[5:]}"


def check_pin(pin: str) -> str:
    """Raises Invalid (field `pin`) for what is no PIN, and for those that are tried first."""
    if not (pin.isascii() and pin.isdigit() and PIN_LEAST <= len(pin) <= PIN_MOST):
        raise Invalid(fields=[FieldError("pin", "pin", N_("A PIN has 4 to 6 digits."))])
    if is_plain(pin):
        raise Invalid(fields=[FieldError("pin", "too_plain", N_("This PIN is tried first by everybody. Choose another one, no row, "
                                                                "no repetition, no year."))])
    return pin


def check_same(pin: str, again: str) -> str:
    """Raises Invalid (field `again`) for two that differ: nobody can read back what was typed."""
    if pin != again:
        raise Invalid(fields=[FieldError("again", "differs", N_("The two PINs differ. Type the same one twice."))])
    return pin


def is_plain(pin: str) -> bool:
    """Whether a PIN is easily guessed: few different digits, even steps, a repetition, a year, a line on the keypad."""
    steps, half = {(int(after) - int(before)) % 10 for before, after in pairwise(pin)}, len(pin) // 2
    is_twice = len(pin) % 2 == 0 and pin[:half] == pin[half:]
    is_year = len(pin) == 4 and pin[:2] in ("19", "20")
    return len(set(pin)) < 3 or len(steps) == 1 or pin in KEYPAD or is_twice or is_year


# Lines and corners of the keypad, and what leaked lists begin with.
KEYPAD = frozenset(("2580", "0852", "1470", "0741", "1397", "7931", "1379", "147258", "159753", "258000", "123321", "112233", "121314",
                    "123654", "987654", "159357", "1357", "2468", "1236", "1590", "1230"))
