"""Whether a callback is Google's and meant for us: the signatures of "ECv2SigningOnly", pure.

Source: Google, "Use callbacks with Passes"; Tink, PaymentMethodTokenRecipient. What was signed are the texts of `signedKey` and
`signedMessage` as they stand after one JSON decode: never anything parsed and written again.
"""
import base64
import binascii
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from app.clock import from_ms, to_ms

SENDER, PROTOCOL = "GooglePayPasses", "ECv2SigningOnly"
BODY_CAP = 16 * 1024
# Recordings end minutes ahead. A message that would hold for longer could be replayed for longer than nonces are kept in mind.
FURTHEST = timedelta(hours=24)
LONGEST_NONCE = 200
LATEST_MS = 200_000_000_000_000         # in the year 8307: what is later is no moment that this program can name
MEMBERS = frozenset({"signature", "intermediateSigningKey", "protocolVersion", "signedMessage"})
KEY_MEMBERS = frozenset({"signedKey", "signatures"})
EVENTS = ("save", "del")


class BadCallback(Exception):
    """Not Google's, not for us, or not for now; the text says which, for the log alone."""


class UnknownRoot(BadCallback):
    """No root key that holds vouches for it: perhaps Google has new ones."""


@dataclass(frozen=True, slots=True)
class RootKey:
    """One of Google's published keys. value: Base64 of a DER SubjectPublicKeyInfo; expires_ms: None where it names no end."""

    value: str
    version: str
    expires_ms: int | None

    def holds(self, now: datetime) -> bool:
        """Tink passes over keys of this version that name no end; so do we."""
        return self.version == PROTOCOL and self.expires_ms is not None and self.expires_ms > to_ms(now)


@dataclass(frozen=True, slots=True)
class Event:
    """Somebody saved ("save") or removed ("del") a card, says Google."""

    kind: str
    issuer_id: str
    class_id: str
    object_id: str
    nonce: str
    expires_at: datetime


def parse_root_keys(content: bytes) -> tuple[RootKey, ...]:
    """The keys of `{"keys": […]}`. Raises BadCallback for anything else."""
    told = _object(content)
    keys = told.get("keys")
    if not isinstance(keys, list):
        raise BadCallback("the root keys are no list")
    return tuple(RootKey(str(key.get("keyValue", "")), str(key.get("protocolVersion", "")), _ms(key.get("keyExpiration")))
                 for key in keys if isinstance(key, dict))


def verify(body: bytes, root_keys: Sequence[RootKey], issuer_ids: Collection[str], now: datetime) -> Event:
    """What a callback says, once every step holds. Whether its card is known and its nonce is new is asked of the database then.

    issuer_ids: our own; a message is never asked who it is for. Raises BadCallback, UnknownRoot where only the root is not known.
    """
    signature, key_text, key_signatures, message_text = _taken_apart(body)
    _check_root(key_text, key_signatures, root_keys, now)
    key = _object(key_text)
    if (_ms(key.get("keyExpiration")) or 0) <= to_ms(now):
        raise BadCallback("the intermediate key has expired")
    message = _object(message_text)
    class_id, object_id = str(message.get("classId", "")), str(message.get("objectId", ""))
    # The only one of ours that could pass: its cards' names begin with its id.
    issuer_id = next((one for one in issuer_ids if class_id.startswith(f"{one}.") and object_id.startswith(f"{one}.")), None)
    if issuer_id is None:
        raise BadCallback("it is about no issuer of ours")
    if not _is_signed(_public_key(key.get("keyValue")), signature, (SENDER, issuer_id, PROTOCOL, message_text)):
        raise BadCallback("the message's signature is wrong, or for another issuer")
    kind, nonce, ends_ms = message.get("eventType"), message.get("nonce"), _ms(message.get("expTimeMillis")) or 0
    if not to_ms(now) < ends_ms <= to_ms(now + FURTHEST):
        raise BadCallback("the message has expired" if ends_ms <= to_ms(now) else "the message expires too far in the future")
    if kind not in EVENTS or not isinstance(nonce, str) or not 0 < len(nonce) <= LONGEST_NONCE or not nonce.isprintable():
        raise BadCallback("the message names no event, or no nonce")
    return Event(kind, issuer_id, class_id, object_id, nonce, from_ms(ends_ms))


def _taken_apart(body: bytes) -> tuple[str, str, list[str], str]:
    """(signature, signedKey, its signatures, signedMessage) of an envelope with exactly the members that it has to have."""
    if len(body) > BODY_CAP:
        raise BadCallback("the body is too large")
    told = _object(body)
    if told.keys() != MEMBERS or told["protocolVersion"] != PROTOCOL:
        raise BadCallback("other members or another protocol than expected")
    key = told["intermediateSigningKey"]
    if not isinstance(key, dict) or key.keys() != KEY_MEMBERS or not isinstance(key["signatures"], list):
        raise BadCallback("another intermediate key than expected")
    texts = (told["signature"], key["signedKey"], told["signedMessage"], *key["signatures"])
    if not all(isinstance(text, str) for text in texts):
        raise BadCallback("something is no text that has to be")
    return told["signature"], key["signedKey"], key["signatures"], told["signedMessage"]


def _check_root(key_text: str, signatures: Iterable[str], root_keys: Sequence[RootKey], now: datetime) -> None:
    """Any root that holds may vouch, with any of the signatures."""
    roots = [root for root in root_keys if root.holds(now)]
    for signature in signatures:
        for root in roots:
            if _is_signed(_public_key(root.value), signature, (SENDER, PROTOCOL, key_text)):
                return
    raise UnknownRoot("no root key vouches for the intermediate key")


def signed_bytes(parts: Iterable[str]) -> bytes:
    """Each part behind the length of its UTF-8 bytes, four bytes little-endian. Raises BadCallback for text that has no UTF-8."""
    try:
        encoded = [part.encode() for part in parts]
    except UnicodeEncodeError:
        raise BadCallback("a text holds half a character") from None
    return b"".join(len(part).to_bytes(4, "little") + part for part in encoded)


def _is_signed(key: ec.EllipticCurvePublicKey | None, signature: str, parts: Iterable[str]) -> bool:
    if key is None:
        return False
    try:
        key.verify(base64.b64decode(signature, validate=True), signed_bytes(parts), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


@lru_cache(maxsize=32)
def _public_key(value: Any) -> ec.EllipticCurvePublicKey | None:
    """A P-256 key; None for anything else, which then vouches for nothing."""
    try:
        key = load_der_public_key(base64.b64decode(value, validate=True))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1) else None


def _object(text: str | bytes) -> dict[str, Any]:
    """A JSON object, each member once. Raises BadCallback for anything else."""
    try:
        told = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise BadCallback("it is not JSON") from None
    if not isinstance(told, dict):
        raise BadCallback("it is no JSON object")
    return told


def _once(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    told = dict(pairs)
    if len(told) != len(pairs):
        raise ValueError("a member stands twice")
    return told


def _ms(value: Any) -> int | None:
    """Milliseconds as a number or as digits; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LATEST_MS else None
