"""What other rooms ask of this one."""
from datetime import datetime

from app.context import Context
from app.db import Transaction
from app.google import store
from app.google.accounts import Issuer
from app.google.connections import close
from app.google.issuers import issuer_for, server_issuer
from app.google.links import GoogleAway, GoogleRefuses, NotSetUp, save_link
from app.google.queue import sync_due
from app.google.reconcile import CHANNEL as HINTS
from app.google.reconcile import hint, reconcile_due
from app.google.store import Reader, after_restore

__all__ = ["HINTS", "GoogleAway", "GoogleRefuses", "Issuer", "NotSetUp", "after_restore", "close", "count_held", "erase", "hint",
           "is_set_up", "issuer_for", "reconcile_due", "save_link", "server_issuer", "sync_due"]


def is_set_up(here: Context) -> bool:
    """Whether the server has an issuer of its own; a business may have one all the same (`issuer_for`)."""
    return server_issuer(here) is not None


async def count_held(reader: Reader, business_id: int, card_id: int) -> int:
    """1 where somebody holds the card in Google Wallet, as Google said last, else 0."""
    return await store.count_held(reader, business_id, card_id)


async def erase(tx: Transaction, business_id: int, card_id: int, now: datetime) -> None:
    """The card's object is to be written over with nothing; the job does it."""
    await store.shred(tx, business_id, card_id, now)
    tx.notify("updates")
