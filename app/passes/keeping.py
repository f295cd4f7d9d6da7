"""The last signed version of a pass that somebody fetched: served, byte for byte, when nothing new can be signed.

A row holds pass.json (sealed: it names a token and a person), manifest and signature, 4 KB or so; pictures and words lie once a
business under the hash that manifests name. Written in batches outside the answer. What a stop loses is kept with the next fetch.
"""
import asyncio
import contextlib
import json
import logging
import zlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from app.cards import service as cards
from app.clock import to_ms
from app.context import Context
from app.db import Row, Transaction, write_transaction
from app.errors import Unavailable
from app.passes import keeping_store as store
from app.passes.bundle import PASS, Bundle
from app.secrets import KeyRing

log = logging.getLogger("tessera.passes")
PURPOSE = "passes.kept"
MOST_BYTES = 8 * 1024
AT_ONCE = 40                # rows a transaction: a till that waits for one waits a few milliseconds
KNOWN_FILES = 1024          # designs whose files this process remembers to have written
KNOWN_VERSIONS = 20_000     # passes whose kept version it remembers: phones that fetch one again cost no row
# A file is written again every hour that it is signed with, and pruned two days after the last time.
RENEWED_AFTER, PRUNED_AFTER = timedelta(hours=1), timedelta(days=2)
WALKED_AT_ONCE = 500
LEVEL = 1                   # of deflate: the next levels save 3 % and take twice as long


@dataclass(frozen=True, slots=True)
class Kept:
    """A version as it was signed and handed out; `bundle` holds the files that its manifest names besides pass.json."""

    pass_id: int
    business_id: int
    version: int
    modified_at: datetime
    signed_at: datetime
    pass_json: bytes
    manifest: bytes
    signature: bytes
    bundle: Bundle


@dataclass(frozen=True, slots=True)
class Served:
    """A kept version: the archive, and its Last-Modified."""

    data: bytes
    modified_at: datetime
    version: int


@dataclass
class Counts:
    """What /metrics says of this process: versions kept, and those that were not because they were over MOST_BYTES."""

    kept: int = 0
    too_large: int = 0
    written: OrderedDict[tuple[int, bytes], datetime] = field(default_factory=OrderedDict)
    versions: OrderedDict[int, int] = field(default_factory=OrderedDict)


def counts(here: Context) -> Counts:
    if "passes.kept" not in here.extras:
        here.extras["passes.kept"] = Counts()
    return here.extras["passes.kept"]


async def keep(here: Context, batch: Sequence[Kept]) -> None:
    """Write what was fetched; of a pass that is in the batch twice the later one. Returns when it is in the rows.

    A database that is busy or full loses only this: the next fetch keeps the pass again.
    """
    known = counts(here)
    newest = [each for each in {each.pass_id: each for each in batch}.values()
              if known.versions.get(each.pass_id) != each.version or not _is_written(known, each)]
    with contextlib.suppress(Unavailable):
        for at in range(0, len(newest), AT_ONCE):
            await _keep(here, newest[at:at + AT_ONCE])


async def _keep(here: Context, batch: Sequence[Kept]) -> None:
    known = counts(here)
    rows = await asyncio.to_thread(_packed, here.ring, batch)
    missing = {(each.business_id, each.bundle.digest): each for each in batch if not _is_written(known, each)}

    async def act(tx: Transaction) -> None:
        for each in missing.values():
            await store.keep_files(tx, each.business_id, each.bundle.files(), to_ms(each.signed_at))
        if rows:
            await store.keep(tx, rows)

    await write_transaction(here.db, act)
    known.kept, known.too_large = known.kept + len(rows), known.too_large + len(batch) - len(rows)
    for key, each in missing.items():
        known.written[key] = each.signed_at
        known.written.move_to_end(key)
    while len(known.written) > KNOWN_FILES:
        known.written.popitem(last=False)
    known.versions.update((each.pass_id, each.version) for each in batch)
    while len(known.versions) > KNOWN_VERSIONS:
        known.versions.popitem(last=False)


def _is_written(known: Counts, each: Kept) -> bool:
    at = known.written.get((each.business_id, each.bundle.digest))
    return at is not None and abs(each.signed_at - at) < RENEWED_AFTER


def _packed(ring: KeyRing, batch: Sequence[Kept]) -> list[dict[str, Any]]:
    """The rows of those that are small enough."""
    rows = []
    for each in batch:
        sealed = ring.seal(PURPOSE, zlib.compress(each.pass_json, LEVEL), str(each.pass_id).encode())
        manifest = zlib.compress(each.manifest, LEVEL)
        if len(sealed) + len(manifest) + len(each.signature) <= MOST_BYTES:
            rows.append({"pass_id": each.pass_id, "business_id": each.business_id, "version": each.version, "pass_json_sealed": sealed,
                         "manifest": manifest, "signature": each.signature, "signed_at": to_ms(each.signed_at),
                         "modified_at": to_ms(each.modified_at)})
    return rows


async def find(here: Context, pass_id: int, card_id: int) -> Served | None:
    """The version that was fetched last, as it was signed; None: none was kept, or the card was erased."""
    row = await store.find(here.db, pass_id)
    if row is None or (await cards.get_card(here.db, row.business_id, card_id)).status == "erased":
        return None
    manifest = zlib.decompress(row.manifest)
    named: Mapping[str, str] = {name: sha1 for name, sha1 in json.loads(manifest).items() if name != PASS}
    files = await store.find_files(here.db, row.business_id, sorted(set(named.values())))
    if missing := [name for name, sha1 in named.items() if sha1 not in files]:
        log.error("the kept version of pass %d lacks %s", pass_id, ", ".join(missing))
        return None
    pass_json = zlib.decompress(here.ring.open(PURPOSE, row.pass_json_sealed, str(pass_id).encode()))
    archive = Bundle({name: files[sha1] for name, sha1 in named.items()}).archive(pass_json, manifest, row.signature)
    return Served(archive, row.modified_at, row.version)


async def prune(here: Context) -> int:
    """Forget the kept passes of erased cards and the files that no kept pass names any more; returns how many files went."""
    now = here.clock.now()
    named = await _walk(here)
    before, gone = to_ms(now - PRUNED_AFTER), 0
    for business_id, sha1 in await store.old_files(here.db, before):
        if sha1 not in named.get(business_id, ()):
            await write_transaction(here.db, partial(store.forget_file, business_id=business_id, sha1=sha1, before_ms=before))
            gone += 1
    return gone


async def _walk(here: Context) -> dict[int, set[str]]:
    """The hashes that kept passes name, by business; forgets those of erased cards on the way."""
    named: dict[int, set[str]] = {}
    after = 0
    while rows := await store.walk(here.db, after, WALKED_AT_ONCE):
        after = rows[-1]["pass_id"]
        if erased := [row["pass_id"] for row in rows if row["status"] == "erased"]:
            await write_transaction(here.db, partial(store.forget, pass_ids=erased))
        for business_id, hashes in await asyncio.to_thread(_hashes, rows):
            named.setdefault(business_id, set()).update(hashes)
    return named


def _hashes(rows: Sequence[Row]) -> list[tuple[int, set[str]]]:
    """(business, the hashes that a manifest names) for each."""
    return [(row["business_id"], set(json.loads(zlib.decompress(bytes(row["manifest"]))).values())) for row in rows]
