"""Everything that is known of one shopper, as JSON and as tables: what `held` lists, without our secrets and row numbers."""
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.clock import from_ms, rfc3339
from app.customers import documents
from app.customers import service as customers
from app.db import Database, Row, Transaction
from app.privacy import held_store as store
from app.privacy.held import HELD, Held
from app.secrets import KeyRing
from app.web.tables import csv_rows

Section = list[dict[str, Any]]
# Never handed out: what lets somebody in, and what means nothing outside.
_HIDDEN = ("_hash", "_sealed", "_id")
_OURS = frozenset(("id", "business_id", "merged_into", "claimed_until", "tries", "actor_id", "shred", "hint"))


@dataclass(frozen=True, slots=True)
class Export:
    """sections: name → rows, each a mapping of a column to what stands there, as people read it."""

    sections: Mapping[str, Section]

    def json_bytes(self) -> bytes:
        return json.dumps(self.sections, ensure_ascii=False, indent=1).encode()

    def csv_zip(self) -> bytes:
        """One CSV file a section, with a mark that tells spreadsheets that it is UTF-8; no cell is taken for a formula."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, rows in self.sections.items():
                # A fixed date: two exports of the same data are the same file.
                entry = zipfile.ZipInfo(f"{name}.csv", (1980, 1, 1, 0, 0, 0))
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, "\ufeff" + _table(rows))
        return packed.getvalue()


def _table(rows: Section) -> str:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    return csv_rows([columns, *([_cell(row.get(column)) for column in columns] for row in rows)])


def _cell(value: Any) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


async def export(reader: Database | Transaction, ring: KeyRing, business_id: int, customer_id: int) -> Export:
    """What is known of a customer of the business. Raises NotFound.

    Handed out after a fresh code only: it holds the whole number. Sections without rows are left out.
    """
    await customers.get(reader, ring, business_id, customer_id)
    if isinstance(reader, Database):
        # A snapshot: nothing is booked between two of its tables, and no till waits for it.
        async with reader.transaction(readonly=True):
            return await _made(reader, ring, business_id, customer_id)
    return await _made(reader, ring, business_id, customer_id)


async def _made(reader: Database | Transaction, ring: KeyRing, business_id: int, customer_id: int) -> Export:
    ids = await store.ids_of(reader, business_id, customer_id)
    said = await store.names(reader, business_id)
    sections: dict[str, Section] = {}
    found = [(held, await store.rows(reader, business_id, held, ids)) for held in HELD if held.section]
    said |= _numbering(found)
    for held, rows in found:
        if rows and held.section != "consents":
            sections[held.section] = [_row(held, row, ring, business_id, said) for row in rows]
    agreed = await documents.given_by(reader, business_id, customer_id)
    if agreed:
        sections["consents"] = [_consent(each) for each in reversed(agreed)]
    return Export(sections)


def _numbering(found: Sequence[tuple[Held, list[Row]]]) -> dict[str, dict[int, str]]:
    """Cards by their number, operations by their place in this export: so its tables refer to each other without our row numbers."""
    cards = {row["id"]: row["number"] for held, rows in found if held.table == "cards" for row in rows}
    operations = sorted(row["id"] for held, rows in found if held.table == "operations" for row in rows)
    numbers = {row_id: str(number) for number, row_id in enumerate(operations, 1)}
    return {"card_id": cards, "operation_id": numbers, "of_operation_id": numbers}


def _row(held: Held, row: Row, ring: KeyRing, business_id: int, said: Mapping[str, Mapping[int, str]]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if held.table == "operations":
        shown["operation"] = said["operation_id"][row["id"]]
    for column, value in dict(row).items():
        if column in held.opened:
            shown[column.removesuffix("_sealed")] = _opened(ring, held.opened[column], value, business_id)
        elif column in said:
            shown[column.removesuffix("_id")] = said[column].get(value) if value is not None else None
        elif not (column in _OURS or column in held.withheld or column.endswith(_HIDDEN)):
            shown[column] = _shown(column, value)
    return shown


def _opened(ring: KeyRing, purpose: str, value: bytes | None, business_id: int) -> str | None:
    return None if value is None else ring.open_text(purpose, bytes(value), str(business_id).encode())


def _shown(column: str, value: Any) -> Any:
    if isinstance(value, int) and (column.endswith("_at") or column == "at"):
        return rfc3339(from_ms(value))
    if column == "content" and value is not None:
        return json.loads(value)
    if isinstance(value, bytes | memoryview):
        return None         # a hash or a picture: nothing that a person reads
    return value


def _consent(given: documents.Given) -> dict[str, Any]:
    document = given.document
    return {"purpose": document.purpose, "granted": given.granted, "at": rfc3339(given.at), "channel": given.channel,
            "recorded_by": given.actor_kind, "language": document.language, "version": document.version,
            "text": document.text, "title": document.title, "document": document.long_text, "sha256": document.sha256.hex()}
