"""A file of rows as tills write it, what each row asks of the API, and the answer's rows."""
import csv
import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

BYTES_MOST, ROWS_MOST = 10 * 1024 * 1024, 20_000
ENDING, ANSWER_ENDING = ".csv", ".answer.csv"
# The first name of each is the one that answers and documents use; case and spaces around do not matter.
COLUMNS = {
    "action": ("action", "действие", "операция"), "card": ("card", "code", "карта", "код"), "phone": ("phone", "телефон"),
    "name": ("name", "имя"), "amount": ("amount", "сумма"), "receipt": ("receipt", "чек"), "of": ("of", "чек продажи"),
    "points": ("points", "баллы"), "count": ("count", "количество"), "promo": ("promo", "промокод"), "at": ("at", "время"),
    "location": ("location", "точка"), "program": ("program", "программа"), "language": ("language", "язык")}
ACTIONS = {
    "sale": ("sale", "продажа", "покупка"), "stamp": ("stamp", "штамп"), "visit": ("visit", "визит", "посещение"),
    "enrol": ("enrol", "enroll", "регистрация", "карта"), "refund": ("refund", "возврат"), "quote": ("quote", "расчёт", "расчет"),
    "balance": ("balance", "баланс")}
ANSWERS = ("row", "action", "status", "code", "error", "operation", "receipt", "card", "number", "amount", "discount", "to_pay",
           "pay_back", "earned", "redeemed", "points", "stamps", "visits", "money", "hints")
OK, REFUSED = "ok", "refused"
BEYOND = ""             # the column of cells that stand beyond the last one that has a name
_COLUMN_OF = {name: column for column, names in COLUMNS.items() for name in names}
_ACTION_OF = {name: action for action, names in ACTIONS.items() for name in names}
_LOCAL_TIME = re.compile(r"(\d\d)\.(\d\d)\.(\d{4})[ T](\d\d):(\d\d)(?::(\d\d))?")
_SIGNED = re.compile(r"[+-]\d+([.,]\d+)?")
_AMOUNT = re.compile(r"[0-9]{1,12}([.,][0-9]{1,3})?")


class Wrong(Exception):
    """A file or a row that cannot be used; code: of words.SAID; what: of which text it speaks."""

    def __init__(self, code: str, what: str = "") -> None:
        super().__init__(code)
        self.code, self.what = code, what


@dataclass(frozen=True, slots=True)
class Row:
    """A row below the first. number: from 1; cells: as they stood; values: column → text, those that hold something."""

    number: int
    cells: tuple[str, ...]
    values: Mapping[str, str] = field(hash=False)

    def digest(self, file: str) -> str:
        """Of the file's name, the row's place and its content: the same row is the same act, whenever it is sent."""
        return hashlib.sha256("\x1f".join((file, str(self.number), *self.cells)).encode()).hexdigest()[:48]

    def key(self, file: str) -> str:
        return f"drop-{self.digest(file)}"


@dataclass(frozen=True, slots=True)
class File:
    """delimiter, encoding: the till's own, which answers use too."""

    rows: tuple[Row, ...]
    delimiter: str
    encoding: str


def is_drop(name: str) -> bool:
    """Whether a file is one to take: not an answer, not hidden, not one that is still being written under another ending."""
    low = name.lower()
    return low.endswith(ENDING) and not low.endswith(ANSWER_ENDING) and not low.startswith((".", "~"))


def answer_name(name: str) -> str:
    return name[:-len(ENDING)] + ANSWER_ENDING


def parse(data: bytes) -> File:
    """Raises Wrong for what is no file of rows; a row's own mistakes are found when it is asked for."""
    if not data.strip():
        raise Wrong("empty")
    if len(data) > BYTES_MOST:
        raise Wrong("too_large")
    text, encoding = _decoded(data)
    first = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(";,\t", key=first.count)
    try:
        lines = [cells for cells in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(map(str.strip, cells))]
    except csv.Error as exc:
        raise Wrong("no_text") from exc
    columns = _columns(lines[0])
    if len(lines) - 1 > ROWS_MOST:
        raise Wrong("too_large")
    return File(tuple(_row(number, cells, columns) for number, cells in enumerate(lines[1:], 1)), delimiter, encoding)


def _row(number: int, cells: Sequence[str], columns: Sequence[str]) -> Row:
    named = zip([*columns, *[BEYOND] * (len(cells) - len(columns))], cells, strict=False)
    return Row(number, tuple(cells), {column: cell.strip() for column, cell in named if cell.strip()})


def _decoded(data: bytes) -> tuple[str, str]:
    try:
        return data.decode("utf-8-sig"), "utf-8-sig" if data.startswith(b"\xef\xbb\xbf") else "utf-8"
    except UnicodeDecodeError:
        pass
    try:
        text = data.decode("cp1251")
    except UnicodeDecodeError as exc:
        raise Wrong("no_text") from exc
    if "\x00" in text:
        raise Wrong("no_text")
    return text, "cp1251"


def _columns(names: Sequence[str]) -> list[str]:
    found = []
    for name in names:
        column = _COLUMN_OF.get(name.strip().lower())
        if column is None:
            raise Wrong("unknown_column", name.strip()[:40])
        if column in found:
            raise Wrong("column_twice", name.strip()[:40])
        found.append(column)
    if "action" not in found:
        raise Wrong("no_action_column")
    return found


def action_of(row: Row) -> str:
    """Raises Wrong (unknown_action, required, too_many_cells)."""
    if BEYOND in row.values:
        raise Wrong("too_many_cells")
    text = needed(row, "action").lower()
    if text not in _ACTION_OF:
        raise Wrong("unknown_action", text[:40])
    return _ACTION_OF[text]


def needed(row: Row, *columns: str) -> str:
    """The first of `columns` that holds something. Raises Wrong (required)."""
    for column in columns:
        if column in row.values:
            return row.values[column]
    raise Wrong("required", columns[0])


def minor(text: str, digits: int) -> int:
    """An amount ("1 250,00", "1250.5") in minor units, exactly. Raises Wrong (amount)."""
    tidy = re.sub(r"[\s\u00a0\u202f]", "", text)
    if not _AMOUNT.fullmatch(tidy):
        raise Wrong("amount", text[:40])
    try:
        amount = Decimal(tidy.replace(",", ".")).scaleb(digits)
    except InvalidOperation as exc:
        raise Wrong("amount", text[:40]) from exc
    if amount != int(amount):
        raise Wrong("amount", text[:40])
    return int(amount)


def shown(amount: int, digits: int, delimiter: str) -> str:
    """Minor units as the till writes amounts: with a comma, unless commas part the cells."""
    if not digits:
        return str(amount)
    sign, whole = "-" if amount < 0 else "", str(abs(amount)).rjust(digits + 1, "0")
    return f"{sign}{whole[:-digits]}{'.' if delimiter == ',' else ','}{whole[-digits:]}"


def whole(text: str) -> int:
    """Raises Wrong (number)."""
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise Wrong("number", text[:40])
    return int(text)


def moment(text: str, zone: tzinfo) -> str:
    """RFC 3339, from itself or from 22.11.2026 14:05[:30] by the clock of `zone`. Raises Wrong (time)."""
    local = _LOCAL_TIME.fullmatch(text)
    try:
        if local:
            day, month, year, hour, minute, second = (int(part or 0) for part in local.groups())
            return datetime(year, month, day, hour, minute, second, tzinfo=zone).isoformat()
        found = datetime.fromisoformat(text)
    except ValueError as exc:
        raise Wrong("time", text[:40]) from exc
    return (found if found.tzinfo else found.replace(tzinfo=zone)).isoformat()


def sale_body(row: Row, digits: int, zone: tzinfo) -> dict[str, Any]:
    """The body of a quote and, with the receipt, of a sale. Raises Wrong."""
    body: dict[str, Any] = {"code": needed(row, "card", "phone"), "amount": minor(needed(row, "amount"), digits)}
    if "points" in row.values:
        body["redeem"] = {"points": whole(row.values["points"])}
    for column, name in (("promo", "promo_code"), ("location", "location")):
        if column in row.values:
            body[name] = row.values[column]
    if "at" in row.values:
        body["at"] = moment(row.values["at"], zone)
    return body


def answer(file: File, results: Sequence[Mapping[str, Any]]) -> bytes:
    """The answer file: a row for each result, in the till's own encoding and with its delimiter."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=file.delimiter, lineterminator="\r\n")
    writer.writerow(ANSWERS)
    for result in results:
        writer.writerow([_cell(result.get(name, "")) for name in ANSWERS])
    return out.getvalue().encode(file.encoding, "replace")


def _cell(value: Any) -> str:
    """As text that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(("=", "@", "+", "-", "\t", "\r")) and not _SIGNED.fullmatch(text) else text
