"""Bodies of callbacks: one that Google signed, and a signer of our own that can make every mistake."""
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from app.clock import to_ms
from app.demo.fakes.google_callbacks import PROTOCOL, SENDER, CallbackSigner, public_text, sign

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
ISSUER = "3388000000022222228"
CLASS_ID, OBJECT_ID = f"{ISSUER}.coffee", f"{ISSUER}.member-1"

# Signed by Google on 1 October 2025, with the root key that it published; the backslashes are what was signed.
RECORDED_ISSUER = "3388000000022141777"
RECORDED_MS = 1_759_331_000_000
RECORDED_ENDS_MS = 1_759_331_348_143
RECORDED_ROOT = ("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEs/J7ghdwu4/b6NvqzQebS+Z80FEP8ZlGdAdWDUjfPeBKaV+YOWW0l6U/4IGXnfY9NrsND1fw"
                 "xAqRq0unR/LCIg==")
RECORDED = (
    rb'{"signature":"MEUCIQC+xKva1ydmNwJJiP2HJJWsteUe02ztTDKExzcWIpmlywIgJwD4HUYvZJg/cr1OL21vVKr0b2ZXt79NblCQ1V18zsc=",'
    rb'"intermediateSigningKey":{"signedKey":"{\"keyValue\":\"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEKb256ssDdmf7DokZ7jsMtAvjiTX2HF1ay8QR1'
    rb'sSA+gFpC/ChhRwVdMEVJTaoAP1MIH38QWtqShiQ63zROaKtgQ\\u003d\\u003d\",\"keyExpiration\":\"1759996807000\"}",'
    rb'"signatures":["MEUCIDd7rXh7qgJZ7YSlQiXG2zOdZUT5XlMSUPu3RfyV3p2CAiEApxrIwTmRVig93FVJUC6bSWdQXMqata5sHenKsVYreUk="]},'
    rb'"protocolVersion":"ECv2SigningOnly","signedMessage":"{\"classId\":\"3388000000022141777.lib.edutap.eu\",'
    rb'\"objectId\":\"3388000000022141777.6b4cbd15-0de7-4fe8-95f6-995a51b4595e.object\",\"eventType\":\"del\",'
    rb'\"expTimeMillis\":1759331348143,\"count\":1,\"nonce\":\"1a9e3df0-ec10-4a17-8b39-89d2d7f48e3b\"}"}')


class Signer(CallbackSigner):
    """Google's keys, in our hands."""

    def root_keys(self, **more: Any) -> dict[str, Any]:
        """The published list. more: other members of its one key; None leaves a member out."""
        told = {"keyValue": public_text(self.root), "protocolVersion": PROTOCOL, "keyExpiration": str(to_ms(NOW + timedelta(days=30))),
                **more}
        return {"keys": [{name: value for name, value in told.items() if value is not None}]}

    def callback(self, *, issuer: str = ISSUER, sender: str = SENDER, key_ends: datetime = NOW + timedelta(days=7),
                 **message: Any) -> dict[str, Any]:
        """A body, parsed. issuer, sender: whom it is signed for and by; message: other members of the message."""
        told = {"classId": CLASS_ID, "objectId": OBJECT_ID, "eventType": "save", "expTimeMillis": to_ms(NOW + timedelta(minutes=10)),
                "count": 1, "nonce": str(uuid.uuid4()), **message}
        text = json.dumps({name: value for name, value in told.items() if value is not None}, separators=(",", ":"), ensure_ascii=False)
        key = json.dumps({"keyValue": public_text(self.key), "keyExpiration": str(to_ms(key_ends))},
                         separators=(",", ":")).replace("=", "\\u003d")
        return {"signature": sign(self.key, sender, issuer, PROTOCOL, text),
                "intermediateSigningKey": {"signedKey": key, "signatures": [sign(self.root, sender, PROTOCOL, key)]},
                "protocolVersion": PROTOCOL, "signedMessage": text}


def raw(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()
