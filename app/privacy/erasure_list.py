"""The list of erasures beside the database: a backup from before an erasure brings the person back, and the list takes them away again.

One line of JSON each in `erasures.jsonl` of the data folder, readable by its owner alone: numbers and keyed hashes, nothing personal.
Keep it where backups are kept, but not inside them: it must be newer than the backup that is restored.
"""
import json
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from app.clock import to_ms
from app.context import Context
from app.db import Transaction, write_transaction
from app.enrolment import store as enrolment_store
from app.errors import NotFound
from app.privacy import erasing, store
from app.web.principal import system

log = logging.getLogger("tessera.privacy")
FILE = "erasures.jsonl"


def read(folder: Path) -> list[dict[str, Any]]:
    """The list of a data folder; a line that broke off in a crash is left out."""
    path = folder / FILE
    entries = []
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            entries.append(json.loads(line))
        except ValueError:
            log.warning("a line of %s broke off and is left out", path)
    return entries


def _key(entry: Mapping[str, Any]) -> tuple[int, int, int]:
    return entry["business_id"], entry["customer_id"], entry["customer_created_at"]


def together(*lists: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Each erasure once."""
    return list({_key(entry): entry for entries in lists for entry in entries}.values())


async def write(here: Context) -> int:
    """The job: adds what the list has not yet, right after each erasure; returns how many lines."""
    known = {_key(entry) for entry in read(here.settings.data)}
    fresh = [entry for entry in await store.listed(here.db) if _key(entry) not in known]
    if fresh:
        text = "".join(json.dumps(entry) + "\n" for entry in fresh)
        path = here.settings.data / FILE
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    return len(fresh)


async def erase_again(here: Context, known: Iterable[Mapping[str, Any]]) -> int:
    """After a restore: erases whoever the backup brought back, and takes up the list; returns how many people.

    known: erasures of the list and of the database that was replaced; the backup's own are in its table.
    """
    now = here.clock.now()

    async def take_up(tx: Transaction) -> None:
        for entry in known:
            await store.put_back(tx, entry)
        for business_id, enrolment_id in await store.waiting_again(tx):
            log.info("business %s: an enrolment of an erased number ends again", business_id)
            await enrolment_store.end(tx, enrolment_id, "cancelled", to_ms(now))

    await write_transaction(here.db, take_up)
    found = await store.come_back(here.db)
    for business_id, customer_id in found:
        try:
            await erasing.erase(here.db, here.ring, system(business_id), customer_id, now)
        except NotFound:
            continue        # erased in this very run, with whom they had been merged into
    await write(here)
    return len(found)
