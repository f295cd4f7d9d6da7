"""Tables as files: cells that no spreadsheet takes for a formula."""
from collections.abc import Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_cell(value: object) -> str:
    """A value as a cell of a CSV file, quoted; a text that a spreadsheet would take for a formula gets an apostrophe in front."""
    text = "" if value is None else str(value)
    if text.startswith(_FORMULA):
        text = "'" + text
    return '"' + text.replace('"', '""') + '"'


def csv_rows(rows: Sequence[Sequence[object]]) -> str:
    """Lines of cells, ended as RFC 4180 says."""
    return "".join(",".join(map(csv_cell, row)) + "\r\n" for row in rows)
