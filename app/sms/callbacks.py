"""The address that a business's reports come to: `/sms/{gateway}/{secret}/report`, its secret made once and kept sealed."""
from datetime import datetime

from app import secrets
from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.secrets import KeyRing
from app.sms import gateways_store as store

SECRET_LENGTH = 24          # of 58 letters: 140 bits


def path_of(gateway: str, secret: str, what: str = "report") -> str:
    """what: report | inbound."""
    return f"/sms/{gateway}/{secret}/{what}"


async def secret_of(db: Database, ring: KeyRing, business_id: int, now: datetime) -> str:
    """The business's secret, made with the first use; whoever asks at the same time gets the same one."""
    if (sealed := await store.sealed_secret(db, business_id)) is None:
        made = secrets.new_token(SECRET_LENGTH)

        async def act(tx: Transaction) -> bytes | None:
            await store.insert_secret(tx, business_id, ring.seal_text("sms.callback", made, str(business_id).encode()), _hash(ring, made),
                                      to_ms(now))
            return await store.sealed_secret(tx, business_id)

        sealed = await write_transaction(db, act)
    assert sealed is not None
    return ring.open_text("sms.callback", sealed, str(business_id).encode())


async def find_secret(db: Database, ring: KeyRing, business_id: int) -> str | None:
    """The business's secret where it has one; for those who only read."""
    sealed = await store.sealed_secret(db, business_id)
    return None if sealed is None else ring.open_text("sms.callback", sealed, str(business_id).encode())


async def make_missing(db: Database, ring: KeyRing, now: datetime) -> None:
    """A secret for every business: an address can be typed into a cabinet before the first message goes out."""
    for business_id in await store.without_secret(db):
        await secret_of(db, ring, business_id, now)


async def business_of(db: Database, ring: KeyRing, secret: str) -> int | None:
    """Whose address it is; the format is looked at first, so that nonsense never gets to the database."""
    if not secrets.is_token(secret, SECRET_LENGTH):
        return None
    return await store.business_of_secret(db, _hash(ring, secret))


def _hash(ring: KeyRing, secret: str) -> bytes:
    return ring.lookup_hash("sms.callback", secret)
