"""Keeping a business's pictures, and handing out what was made of them."""
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from app.audit import service as audit
from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.errors import NotFound, Refused
from app.images import decoding, rules, store
from app.images.rules import KINDS
from app.images.store import Image, Reader
from app.limits import quotas
from app.text import N_
from app.web.principal import Principal

__all__ = ["Image", "TooManyPictures", "address_of", "content_of", "files", "find", "keep", "kept", "list_", "names_of"]

MOST_PICTURES = 300
INK = "#1b1b19"


class TooManyPictures(Refused):
    """A business keeps as many pictures as it may."""

    code, detail = "too_many_pictures", N_("You have kept 300 pictures, and old cards still show them. Choose one of those.")


class Kept(NamedTuple):
    """Everything made of a picture. files: name → bytes; addresses: name → its path on this server, which never changes its content."""

    files: Mapping[str, bytes]
    addresses: Mapping[str, str]


async def keep(db: Database, who: Principal, kind: str, data: bytes, now: datetime, *, ground: str = INK) -> str:
    """Keep an upload as the business's logo, icon or strip, in every size that wallets ask for; returns its digest.

    The same picture again is the same digest. data: as it came, of any kind and size; ground: "#rrggbb" under a light
    logo where wallets take no transparency, such as the card's colour. Raises Invalid, with a sentence beside
    the field `kind`, for what is no whole PNG, JPEG or WebP within the limits; TooManyPictures; QuotaSpent; Unavailable while too many
    other pictures are being read.
    """
    assert kind in KINDS
    sniffed = rules.sniff(kind, data)
    made = await decoding.decode(kind, data, ground)
    named = [(name, hashlib.sha256(content).hexdigest(), content) for name, content in made.files.items()]

    async def act(tx: Transaction) -> None:
        if await store.find(tx, who.business_id, kind, made.digest):
            return
        if await store.count(tx, who.business_id) >= MOST_PICTURES:
            raise TooManyPictures()
        most = await quotas.quota(tx, who.business_id, "storage_bytes")
        if most is not None and await store.size(tx, who.business_id) + sum(len(content) for _, _, content in named) > most:
            raise quotas.QuotaSpent()
        image_id = await store.insert(tx, {
            "business_id": who.business_id, "kind": kind, "digest": made.digest, "width": sniffed.width, "height": sniffed.height,
            "created_at": to_ms(now), "created_by": who.name})
        if image_id is not None:
            await store.insert_files(tx, image_id, named)
            await audit.record(tx, who, "image.kept", "image", image_id, {"kind": kind, "digest": made.digest}, now=now)

    await write_transaction(db, act)
    return made.digest


async def find(reader: Reader, business_id: int, kind: str, digest: str) -> Image | None:
    """The business's picture under `digest`, None for another business's too."""
    return await store.find(reader, business_id, kind, digest)


async def list_(reader: Reader, business_id: int, kind: str, limit: int = 50) -> list[Image]:
    """The business's pictures of a kind, newest first."""
    return await store.list_(reader, business_id, kind, limit)


async def kept(reader: Reader, business_id: int, digest: str) -> Kept:
    """What was made of a picture. Raises NotFound where the business has none of this digest."""
    rows = await store.files(reader, business_id, digest)
    if not rows:
        raise NotFound()
    return Kept({row["name"]: bytes(row["content"]) for row in rows}, {row["name"]: address_of(row["digest"], row["name"]) for row in rows})


async def files(reader: Reader, business_id: int, digest: str) -> Mapping[str, bytes]:
    """Name → bytes: `logo@2x.png`, `google-logo.png`, …; see `rules.NAMES`. Raises NotFound."""
    return (await kept(reader, business_id, digest)).files


def names_of(kind: str) -> tuple[str, ...]:
    """The files that are made of a `kind`."""
    return rules.NAMES[kind]  # type: ignore[index]


def address_of(digest: str, name: str) -> str:
    """Where a file is fetched, by the digest of its own content: another picture has another address."""
    return f"/images/{digest}/{name}"


async def content_of(reader: Reader, digest: str, name: str) -> bytes:
    """A file for everybody. Raises NotFound."""
    found = await store.content(reader, digest, name) if name in rules.ALL_NAMES and len(digest) == 64 else None
    if found is None:
        raise NotFound()
    return found
