"""A callback is a hint: it proves that something happened to a card, and Google is asked what."""
import logging
from datetime import datetime, timedelta
from functools import partial

from app.context import Context
from app.db import Database, Transaction, write_transaction
from app.errors import Malformed
from app.google import callbacks, callbacks_store, reconcile, store
from app.google.callbacks import BadCallback, Event, UnknownRoot
from app.google.root_keys import root_keys
from app.text import N_

log = logging.getLogger("tessera.google")

KEPT_AFTER = timedelta(days=1)      # a nonce, beyond the end of its message


class CallbackRefused(Malformed):
    """Whoever sent it learns nothing more."""

    code, detail = "callback_refused", N_("This is no callback that can be believed.")


async def accept(here: Context, body: bytes, now: datetime) -> bool:
    """Believes a callback and has Google asked about its card; False for one that was here before.

    Raises CallbackRefused, having written nothing, and KeysAway (503) where nothing can be proven.
    """
    try:
        event = await _verified(here, body, now)
        return await write_transaction(here.db, partial(_note, event=event, now=now))
    except BadCallback as exc:
        log.info("a callback in Google's name was refused: %s", exc)
        raise CallbackRefused() from None


async def _verified(here: Context, body: bytes, now: datetime) -> Event:
    keys = await root_keys(here).current(now)
    issuer_ids = await store.issuers(here.db)
    try:
        return callbacks.verify(body, keys, issuer_ids, now)
    except UnknownRoot:
        newer = await root_keys(here).renewed(now, keys)
        if newer == keys:
            raise
    return callbacks.verify(body, newer, issuer_ids, now)


async def _note(tx: Transaction, event: Event, now: datetime) -> bool:
    card, kept = await store.object_by_id(tx, event.object_id), await store.class_by_id(tx, event.class_id)
    if card is None or kept is None or card.class_row_id != kept.id:
        raise BadCallback("it is about no card of ours")
    if not await callbacks_store.use_nonce(tx, event.nonce, event.expires_at + KEPT_AFTER):
        return False
    await callbacks_store.heard(tx, kept.id, now)
    if card.shred == 0:             # nobody asks about an erased card any more
        await reconcile.hint(tx, card.id, now)
    return True


async def forget_nonces(db: Database, now: datetime) -> None:
    """Those whose messages have been refused as expired for a day."""
    await write_transaction(db, lambda tx: callbacks_store.forget(tx, now))
