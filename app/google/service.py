"""What other rooms ask of this one."""
from datetime import datetime

from app.db import Transaction
from app.google import store
from app.google.connections import close
from app.google.issuers import issuer_for, server_issuer
from app.google.links import GoogleAway, GoogleRefuses, NotSetUp, save_link
from app.google.queue import sync_due
from app.google.reconcile import CHANNEL as HINTS
from app.google.reconcile import hint, reconcile_due
from app.google.store import after_restore, count_held

__all__ = ["HINTS", "GoogleAway", "GoogleRefuses", "NotSetUp", "after_restore", "close", "count_held", "erase", "hint",
           "issuer_for", "reconcile_due", "save_link", "server_issuer", "sync_due"]


async def erase(tx: Transaction, business_id: int, card_id: int, now: datetime) -> None:
    """The card's object is to be written over with nothing; the job does it."""
    await store.shred(tx, business_id, card_id, now)
    tx.notify("updates")
