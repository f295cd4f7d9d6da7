"""What Google says when a card is saved or removed: bodies signed by a root and an intermediate key of our own.

Source: Google, "Use callbacks with Passes", and Tink's PaymentMethodTokenSender (ECv2SigningOnly).
"""
import base64
import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.clock import to_ms

SENDER, PROTOCOL = "GooglePayPasses", "ECv2SigningOnly"
ROOT_LIFE, KEY_LIFE, MESSAGE_LIFE = timedelta(days=365), timedelta(days=7), timedelta(hours=1)


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass
class CallbackSigner:
    """A root and an intermediate key, both P-256. count: how many messages were made."""

    root: ec.EllipticCurvePrivateKey = field(default_factory=_new_key)
    key: ec.EllipticCurvePrivateKey = field(default_factory=_new_key)
    count: int = 0

    def keys(self, now: datetime) -> dict[str, Any]:
        """The published root keys."""
        return {"keys": [{"keyValue": public_text(self.root), "protocolVersion": PROTOCOL, "keyExpiration": str(to_ms(now + ROOT_LIFE))}]}

    def body(self, event: str, class_id: str, object_id: str, issuer_id: str, now: datetime) -> bytes:
        """A callback's body. event: "save" or "del"."""
        self.count += 1
        message = {"classId": class_id, "objectId": object_id, "eventType": event, "expTimeMillis": to_ms(now + MESSAGE_LIFE),
                   "count": self.count, "nonce": str(uuid.uuid4())}
        signed_key = {"keyValue": public_text(self.key), "keyExpiration": str(to_ms(now + KEY_LIFE))}
        return self.sealed(json.dumps(signed_key, separators=(",", ":")).replace("=", "\\u003d"),
                           json.dumps(message, separators=(",", ":")), issuer_id)

    def sealed(self, signed_key: str, signed_message: str, issuer_id: str) -> bytes:
        """The body around two texts, signed as they stand."""
        return json.dumps({
            "signature": sign(self.key, SENDER, issuer_id, PROTOCOL, signed_message),
            "intermediateSigningKey": {"signedKey": signed_key, "signatures": [sign(self.root, SENDER, PROTOCOL, signed_key)]},
            "protocolVersion": PROTOCOL, "signedMessage": signed_message}, separators=(",", ":"), ensure_ascii=False).encode()


def sign(key: ec.EllipticCurvePrivateKey, *parts: str) -> str:
    """Base64 of a DER signature over the parts, each behind the little-endian length of its UTF-8 bytes."""
    content = b"".join(len(part.encode()).to_bytes(4, "little") + part.encode() for part in parts)
    return base64.b64encode(key.sign(content, ec.ECDSA(hashes.SHA256()))).decode()


def public_text(key: ec.EllipticCurvePrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes(serialization.Encoding.DER,
                                                          serialization.PublicFormat.SubjectPublicKeyInfo)).decode()
