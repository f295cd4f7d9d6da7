"""The child that reads a list: a CSV or XLSX file on standard input, its rows in blocks of JSON lines on standard output.

Runs by itself (`python -I reader.py`): whatever a file does to its reader, it does there. Imports nothing of ours. The first line is
what the file is: {"form", "encoding", "delimiter", "sheet", "columns"}; each further one a block: a list of [row number, [cell, …]] or,
for a row that could not be read, [row number, "code"]; the last one {"rows": how many}. A file that is refused: {"refused": code}
as the last line, whenever it is found out.
"""
import codecs
import csv
import io
import json
import re
import struct
import sys
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from typing import IO, Any

MEMORY = 384 * 1024 * 1024      # address space: what a hostile file may take of the machine
CPU_SECONDS = 120
BLOCK_ROWS, BLOCK_SIZE = 200, 128 * 1024
ROWS_MOST, COLUMNS_MOST, LINE_MOST, CELL_MOST = 1_000_000, 200, 128 * 1024, 32_768
ENTRIES_MOST, DIRECTORY_MOST = 1000, 256 * 1024
UNPACKED_MOST, RATIO_MOST, RATIO_FROM = 300 * 1024 * 1024, 60, 4 * 1024 * 1024
DELIMITERS = ",;\t"
TOO_LONG = "\0too long\0"
# A cell that we wrote with an apostrophe in front, so that no spreadsheet takes it for a formula, is the text behind it.
GUARDED = re.compile("'[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_BEGINS_PLAINLY = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*\?>)?\s*<[A-Za-z]")

# What openpyxl, expat and zipfile raise on a file that is torn or was never a workbook.
BROKEN = (zipfile.BadZipFile, csv.Error, ValueError, KeyError, IndexError, TypeError, AttributeError, EOFError, OSError, SyntaxError,
          struct.error)

Row = tuple[int, list[str] | str]


class RefusedFile(Exception):
    """The whole file is; the code says why."""


def text_of(cell: str) -> str:
    return cell[1:] if GUARDED.match(cell) else cell


# CSV.
def encoding_of(source: IO[bytes]) -> tuple[str, str]:
    """(encoding, what is done with bytes that it has not). A mark decides, else whether all of it is UTF-8, else it is cp1251."""
    head = source.read(1024 * 1024)
    for mark, name in ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if head.startswith(mark):
            return name, "replace"
    for name, zeros in (("utf-16-le", head[1:4096:2]), ("utf-16-be", head[:4096:2])):
        if len(zeros) > 8 and zeros.count(0) * 3 > len(zeros) and head[:4096].count(0) * 2 < 3 * zeros.count(0):
            return name, "replace"
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(head)
        while chunk := source.read(1024 * 1024):
            decoder.decode(chunk)
        decoder.decode(b"", True)
        return "utf-8", "strict"
    except UnicodeDecodeError:
        text = head.decode("utf-8", "replace")
        broken, beyond = text.count("\ufffd"), sum(1 for letter in text if letter > "\x7f")
        # A few torn bytes among thousands of good letters are torn bytes, not another alphabet.
        return ("utf-8", "replace") if beyond > 20 * broken else ("cp1251", "replace")


def delimiter_of(lines: list[str]) -> str:
    """The sign that cuts the first lines into the most, and the same number of, cells."""
    def width(line: str, sign: str) -> int:
        try:
            return len(next(csv.reader([line], delimiter=sign), ()))
        except csv.Error:           # cut there, a cell would be longer than any is
            return 0

    def score(sign: str) -> tuple[int, int]:
        counts = [width(line, sign) for line in lines]
        first = next((count for count in counts if count), 1)
        return sum(1 for count in counts if count == first and first > 1), first

    return max(DELIMITERS, key=score)


def lines_of(text: io.TextIOWrapper) -> Iterator[str]:
    """Line by line; of one that is longer than any list's only that it was there."""
    while line := text.readline(LINE_MOST):
        if len(line) == LINE_MOST and not line.endswith(("\n", "\r")):
            while (rest := text.readline(LINE_MOST)) and not rest.endswith(("\n", "\r")):
                pass
            line = TOO_LONG + "\n"
        yield line


def read_csv(source: IO[bytes]) -> Iterator[dict[str, Any] | Row]:
    csv.field_size_limit(CELL_MOST)
    encoding, errors = encoding_of(source)
    source.seek(0)
    text = io.TextIOWrapper(source, encoding, errors, newline="")
    first = [line for line, _ in zip(lines_of(text), range(20), strict=False)]
    delimiter = delimiter_of([line.replace("\0", "") for line in first if not line.startswith(TOO_LONG)])
    text.seek(0)
    reader, number, seen = csv.reader(lines_of(text), delimiter=delimiter), 0, 0
    columns: list[str] | None = None
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            # An open quote swallows lines until the cell is too long to be one.
            yield number, "open_quote" if reader.line_num - seen > 1 else "too_long"
            number, seen = number + reader.line_num - seen - 1, reader.line_num
            continue
        seen = reader.line_num
        if columns is None:
            if any(cell.strip() for cell in cells):
                columns = head_of(cells)
                yield {"form": "csv", "encoding": encoding.removesuffix("-sig"), "delimiter": delimiter, "sheet": "", "columns": columns}
        elif (row := row_of(number, cells, len(columns))) is not None:
            yield row


def head_of(cells: list[str]) -> list[str]:
    if any("\0" in cell for cell in cells):
        raise RefusedFile("not_a_list")
    while cells and not cells[-1].strip():
        cells = cells[:-1]
    if len(cells) > COLUMNS_MOST:
        raise RefusedFile("columns")
    return [" ".join(cell.split())[:100] for cell in cells]


def row_of(number: int, cells: list[str], width: int) -> Row | None:
    """None for an empty row."""
    if not any(cell and not cell.isspace() for cell in cells):
        return None
    if any("\0" in cell for cell in cells):
        return number, "too_long" if any(TOO_LONG in cell for cell in cells) else "nul"
    if any(cell.strip() for cell in cells[width:]):
        return number, "cells"
    if any("\ufffd" in cell for cell in cells):
        return number, "broken_letters"
    return number, [text_of(cell) for cell in cells[:width]] + [""] * (width - len(cells))


# XLSX.
def check_archive(source: IO[bytes]) -> zipfile.ZipFile:
    """The archive, once nothing in it can be meant to harm. Raises RefusedFile."""
    size = source.seek(0, 2)
    source.seek(max(0, size - 65_557))
    tail = source.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) < at + 22:
        raise RefusedFile("broken")
    entries, directory = struct.unpack("<HI", tail[at + 10:at + 16])
    if entries > ENTRIES_MOST or directory > DIRECTORY_MOST:
        raise RefusedFile("bomb")
    archive = zipfile.ZipFile(source)
    infos = sorted(archive.infolist(), key=lambda info: info.header_offset)
    if len(infos) > ENTRIES_MOST or len({info.filename.casefold() for info in infos}) < len(infos):
        raise RefusedFile("tricks")
    for info in infos:
        check_entry(info)
    if sum(info.file_size for info in infos) > UNPACKED_MOST:
        raise RefusedFile("bomb")
    check_apart(source, infos, archive.start_dir)
    names = {info.filename for info in infos}
    if not {"[Content_Types].xml", "xl/workbook.xml"} <= names:
        raise RefusedFile("not_a_list")
    for name in names:
        if name.endswith((".xml", ".rels")):
            with archive.open(name) as part:
                # No comment, no document type and no entity stands before the root of what spreadsheets write.
                if not _BEGINS_PLAINLY.match(part.read(4096)):
                    raise RefusedFile("tricks")
    return archive


def check_entry(info: zipfile.ZipInfo) -> None:
    name = info.filename
    is_link = (info.external_attr >> 16) & 0o170000 == 0o120000
    if is_link or name.startswith(("/", "\\")) or "\\" in name or ".." in name.split("/") or ":" in name or info.flag_bits & 1:
        raise RefusedFile("tricks")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise RefusedFile("tricks")
    if info.file_size > RATIO_FROM and info.file_size > RATIO_MOST * max(info.compress_size, 1):
        raise RefusedFile("bomb")


def check_apart(source: IO[bytes], infos: list[zipfile.ZipInfo], end: int) -> None:
    """Every entry lies in bytes of its own."""
    for info, after in zip(infos, [*[info.header_offset for info in infos[1:]], end], strict=True):
        source.seek(info.header_offset)
        header = source.read(30)
        if len(header) < 30 or header[:4] != b"PK\3\4":
            raise RefusedFile("tricks")
        names = sum(struct.unpack("<HH", header[26:30]))
        if info.header_offset + 30 + names + info.compress_size > after:
            raise RefusedFile("tricks")


def read_xlsx(source: IO[bytes]) -> Iterator[dict[str, Any] | Row]:
    check_archive(source).close()
    import warnings

    import openpyxl

    warnings.simplefilter("ignore")         # of styles and extensions that do not concern a list
    source.seek(0)
    book = openpyxl.load_workbook(source, read_only=True, data_only=True, keep_links=False)
    sheet = next((each for each in book.worksheets if each.sheet_state == "visible"), None)
    if sheet is None:
        raise RefusedFile("empty")
    columns: list[str] | None = None
    for number, values in enumerate(sheet.iter_rows(values_only=True, max_col=COLUMNS_MOST + 1), 1):
        cells = [cell_of(value) for value in values]
        if columns is None:
            if any(cell.strip() for cell in cells):
                columns = head_of(cells)
                yield {"form": "xlsx", "encoding": "", "delimiter": "", "sheet": str(sheet.title)[:100], "columns": columns}
        elif (row := row_of(number, cells, len(columns))) is not None:
            yield row


def cell_of(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, int | float):
        # A number keeps 15 digits in a sheet: a card number typed as one has lost its end, and must not be taken for whole.
        return str(value) if abs(value) < 1e15 else f"{value:.14E}"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.hour == value.minute == value.second == 0 else value.isoformat(" ", "minutes")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)[:CELL_MOST]


# Both.
def blocks(found: Iterator[dict[str, Any] | Row]) -> Iterator[Any]:
    block: list[Row] = []
    size = total = 0
    has_head = False
    for each in found:
        if isinstance(each, dict):
            has_head = True
            yield each
            continue
        total += 1
        if total > ROWS_MOST:
            raise RefusedFile("rows")
        block.append(each)
        size += sum(len(cell) for cell in each[1])
        if len(block) == BLOCK_ROWS or size > BLOCK_SIZE:
            yield block
            block, size = [], 0
    if not has_head or not total:
        raise RefusedFile("empty")
    if block:
        yield block
    yield {"rows": total}


def read(source: IO[bytes]) -> Iterator[Any]:
    """The lines to write. Raises RefusedFile."""
    head = source.read(8)
    source.seek(0)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise RefusedFile("old_excel")
    if head.startswith(b"PK"):
        yield from blocks(read_xlsx(source))
        return
    if head.startswith((b"%PDF", b"\x1f\x8b", b"\x89PNG", b"7z\xbc\xaf", b"Rar!", b"\xff\xd8\xff")):
        raise RefusedFile("not_a_list")
    yield from blocks(read_csv(source))


def limit() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))       # it writes to its pipe and nowhere else
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    limit()
    out = io.TextIOWrapper(sys.stdout.buffer, "utf-8", "replace", write_through=False)

    def say(line: Any) -> None:
        out.write(json.dumps(line, ensure_ascii=True, separators=(",", ":")) + "\n")

    try:
        for line in read(sys.stdin.buffer):
            say(line)
    except RefusedFile as refused:
        say({"refused": str(refused)})
    except MemoryError:
        say({"refused": "bomb"})
    except BROKEN:
        say({"refused": "broken"})
    out.flush()
    out.detach()


if __name__ == "__main__":
    main()
