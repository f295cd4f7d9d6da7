"""A paired till as its browser is one: it numbers and signs what it does without a network, and sends it later."""
import base64
from datetime import datetime
from typing import Any

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app import secrets
from app.clock import to_ms
from app.context import Context
from app.db import write_transaction
from app.devices import store as devices_store
from app.offline import rules, service
from app.offline.rules import Batch, Item
from app.offline.service import Answer
from app.staff import sessions
from app.staff import store as staff_store
from app.web.principal import Principal
from tests.conftest import Shop


class Till:
    """shop's paired till with its cashier signed in. number: of the next operation; items: all that it ever made."""

    def __init__(self, here: Context, shop: Shop, device_id: int, key: ec.EllipticCurvePrivateKey, token: str) -> None:
        self.here, self.shop, self.device_id, self.key, self.token = here, shop, device_id, key, token
        self.device, self.number = here.ids.encode("device", device_id), 1
        self.items: list[Item] = []

    def sign(self, data: bytes) -> str:
        r, s = decode_dss_signature(self.key.sign(data, ec.ECDSA(hashes.SHA256())))
        return base64.urlsafe_b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).rstrip(b"=").decode()

    def make(self, at: datetime, card: str, **more: Any) -> Item:
        """The next operation, a sale unless told."""
        values = {"kind": "sale", "staff": self.here.ids.encode("staff", self.shop.cashier.id), "counter": self.number,
                  "key": secrets.new_token(22), **more}
        self.number = values["counter"] + 1
        bare = Item(at=to_ms(at), card=card, signature="", **values)
        item = msgspec.structs.replace(bare, signature=self.sign(rules.signed_text(self.device, bare)))
        self.items.append(item)
        return item

    def batch(self, items: list[Item], oldest: int = 1) -> Batch:
        return Batch(self.device, oldest, self.sign(rules.oldest_text(self.device, oldest)), items)

    async def send(self, items: list[Item], oldest: int = 1, who: Principal | None = None) -> Answer:
        return await service.receive(self.here, who or self.shop.cashier, self.batch(items, oldest), self.here.clock.now())


async def pair(here: Context, shop: Shop, *, role: str = "cashier") -> Till:
    """A till of the shop's location; somebody of `role` signed in at it an hour ago."""
    key, now = ec.generate_private_key(ec.SECP256R1()), here.clock.now()
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    async def act(tx: Any) -> tuple[int, str]:
        device_id = await devices_store.append_device(tx, {
            "business_id": shop.business_id, "location_id": shop.location_id, "name": "Bar", "agent": "Chromium",
            "token_hash": secrets.new_bytes(32), "public_key": public, "paired_by": shop.who.id, "now": to_ms(now)})
        return device_id, await sign_in(tx, here, shop, device_id, shop.cashier.id, now)

    device_id, token = await write_transaction(here.db, act)
    return Till(here, shop, device_id, key, token)


async def sign_in(tx: Any, here: Context, shop: Shop, device_id: int, staff_id: int, at: datetime) -> str:
    """A session at the device; gives its token."""
    token = secrets.new_secret()
    row = await staff_store.staff_of(tx, shop.business_id, staff_id)
    assert row is not None
    await sessions.begin(tx, here.ring, row, "till", token, at, device_id=device_id)
    return token
