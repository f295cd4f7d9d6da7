"""Tables as files: cells that no spreadsheet takes for a formula."""
from collections.abc import Sequence
from decimal import Decimal

from starlette.responses import Response

# Full-width forms count as well: some spreadsheets read them as the plain ones.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def csv_cell(value: object) -> str:
    """A value as a cell of a CSV file, quoted; a text that a spreadsheet would take for a formula gets an apostrophe in front.

    A number below zero stays one, so that a column can be added up.
    """
    text = "" if value is None else str(value)
    if text.startswith(_FORMULA) and not isinstance(value, int | Decimal):
        text = "'" + text
    return '"' + text.replace('"', '""') + '"'


def csv_rows(rows: Sequence[Sequence[object]]) -> str:
    """Lines of cells, ended as RFC 4180 says."""
    return "".join(",".join(map(csv_cell, row)) + "\r\n" for row in rows)


def csv_answer(name: str, text: str) -> Response:
    """A table as a file; the mark in front tells spreadsheets that it is UTF-8."""
    return Response("\ufeff" + text, media_type="text/csv; charset=utf-8",
                    headers={"Content-Disposition": f'attachment; filename="{name}.csv"'})
