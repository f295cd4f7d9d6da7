"""Kept pictures and what was made of them. A picture that was kept stays: an old version of a design names it."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.clock import from_ms
from app.db import Database, Row, Transaction

Reader = Database | Transaction


@dataclass(frozen=True, slots=True)
class Image:
    """A kept picture: kind logo | icon | strip; width and height: pixels of the upload."""

    id: int
    kind: str
    digest: str
    width: int
    height: int
    created_at: datetime
    created_by: str


_LIST = """
SELECT id, kind, digest, width, height, created_at, created_by FROM images
WHERE business_id = :business_id AND kind = :kind ORDER BY id DESC LIMIT :limit"""
_FIND = """
SELECT id, kind, digest, width, height, created_at, created_by FROM images
WHERE business_id = :business_id AND kind = :kind AND digest = :digest"""
_FILES = """
SELECT image_files.name, image_files.digest, image_files.content FROM image_files JOIN images ON images.id = image_files.image_id
WHERE images.business_id = :business_id AND images.digest = :digest ORDER BY image_files.name"""
# Public addresses name a file by its content: whoever knows the digest has seen the file.
_CONTENT = "SELECT content FROM image_files WHERE digest = :digest AND name = :name LIMIT 1"
_COUNT = "SELECT COUNT(*) FROM images WHERE business_id = :business_id"
_INSERT = """
INSERT INTO images(business_id, kind, digest, width, height, created_at, created_by)
VALUES (:business_id, :kind, :digest, :width, :height, :created_at, :created_by)
ON CONFLICT (business_id, kind, digest) DO NOTHING RETURNING id"""
_INSERT_FILE = "INSERT INTO image_files(image_id, name, digest, content) VALUES (:image_id, :name, :digest, :content)"


async def list_(reader: Reader, business_id: int, kind: str, limit: int) -> list[Image]:
    """Newest first."""
    return [_image(row) for row in await reader.fetch_all(_LIST, {"business_id": business_id, "kind": kind, "limit": limit})]


async def find(reader: Reader, business_id: int, kind: str, digest: str) -> Image | None:
    row = await reader.fetch_one(_FIND, {"business_id": business_id, "kind": kind, "digest": digest})
    return _image(row) if row else None


async def files(reader: Reader, business_id: int, digest: str) -> list[Row]:
    """name, digest and content of everything that was made of a picture."""
    return await reader.fetch_all(_FILES, {"business_id": business_id, "digest": digest})


async def content(reader: Reader, digest: str, name: str) -> bytes | None:
    found = await reader.fetch_val(_CONTENT, {"digest": digest, "name": name})
    return bytes(found) if found is not None else None


async def count(reader: Reader, business_id: int) -> int:
    return int(await reader.fetch_val(_COUNT, {"business_id": business_id}))


async def size(reader: Reader, business_id: int) -> int:
    """Bytes of all that was made of the business's pictures."""
    return int(await reader.fetch_val("SELECT COALESCE(SUM(LENGTH(f.content)), 0) FROM images i JOIN image_files f ON f.image_id = i.id "
                                      "WHERE i.business_id = :business_id", {"business_id": business_id}))


async def insert(tx: Transaction, values: Mapping[str, object]) -> int | None:
    """The new row's id; None where the business keeps this picture already."""
    row = await tx.fetch_one(_INSERT, dict(values))
    return row["id"] if row else None


async def insert_files(tx: Transaction, image_id: int, files: Sequence[tuple[str, str, bytes]]) -> None:
    """files: name, digest and content of each."""
    for name, digest, data in files:
        await tx.execute(_INSERT_FILE, {"image_id": image_id, "name": name, "digest": digest, "content": data})


def _image(row: Row) -> Image:
    return Image(row["id"], row["kind"], row["digest"], row["width"], row["height"], from_ms(row["created_at"]), row["created_by"])
