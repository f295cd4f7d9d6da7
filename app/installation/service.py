"""What this database is: its ids' key, its look-up key, which ring fits it, whether it is a demo."""
from app import secrets
from app.db import Database, Transaction, write_transaction
from app.errors import SettingsError
from app.installation import store
from app.secrets import CannotOpen, KeyRing

LOOKUP_PURPOSE = "installation.lookup_key"


async def open_installation(db: Database, ring: KeyRing, *, demo: bool) -> bytes:
    """Checks that ring, mode and database belong together, before anything is written; returns the key of PublicIds.

    A database that was never opened gets its keys and its mark (demo or not) here. Raises SettingsError otherwise.
    """
    meta = await store.all_meta(db)
    if "id_key" not in meta:
        await write_transaction(db, lambda tx: _mark(tx, ring, demo))
        meta = await store.all_meta(db)
    check(meta, ring, demo)
    ring.use_lookup_key(ring.open(LOOKUP_PURPOSE, bytes.fromhex(meta["lookup_key"])))
    return bytes.fromhex(meta["id_key"])


def check(meta: dict[str, str], ring: KeyRing, demo: bool) -> None:
    """Raises SettingsError where the ring or the mode does not fit what `meta` says."""
    if meta["key_check"] not in ring.check_values():
        raise SettingsError("TESSERA_SECRET_KEY does not fit this database: it was made with another key. Put the right key into the "
                            "list (the newest first, older ones behind it), or restore the backup that belongs to this key.")
    if (meta["demo"] == "1") != demo:
        raise SettingsError("This database belongs to the demo. Choose another TESSERA_DATA for a real server." if not demo else
                            "This database is not a demo's. `run --demo` never touches real data: choose another TESSERA_DATA.")
    try:
        ring.open(LOOKUP_PURPOSE, bytes.fromhex(meta["lookup_key"]))
    except CannotOpen as exc:
        raise SettingsError("The look-up key of this database does not open with TESSERA_SECRET_KEY: " + str(exc) + ".") from exc


async def _mark(tx: Transaction, ring: KeyRing, demo: bool) -> None:
    sealed = ring.seal(LOOKUP_PURPOSE, secrets.new_bytes(secrets.KEY_BYTES))
    for key, value in (("id_key", secrets.new_bytes(32).hex()), ("lookup_key", sealed.hex()), ("key_check", ring.check_value),
                       ("demo", "1" if demo else "0")):
        await store.set_meta(tx, key, value)


async def reseal(ring: KeyRing, tx: Transaction) -> None:
    """After `rekey`: the look-up key under the ring's first key, and the check value that only it makes."""
    meta = await store.all_meta(tx)
    key = ring.open(LOOKUP_PURPOSE, bytes.fromhex(meta["lookup_key"]))
    await store.set_meta(tx, "lookup_key", ring.seal(LOOKUP_PURPOSE, key).hex())
    await store.set_meta(tx, "key_check", ring.check_value)
