"""What a list's columns mean, and what a row says: phones, numbers, balances and days as other systems write them."""
import dataclasses
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from app.cards import rules as card_rules
from app.clock import midnight_after
from app.customers import phones
from app.customers import rules as customer_rules
from app.errors import Invalid
from app.mail.rules import is_address
from app.money import MAX_POINTS, minor_digits
from app.segments.rules import clean_tag

MOST_BYTES = 100 * 1024 * 1024
# What a column can be. A name may stand in two columns (first and last), and so may old numbers and tags.
KINDS = ("phone", "name", "email", "birthday", "alias", "balance", "balance_ends", "stamps", "level", "tags", "last_visit", "consent",
         "language")
SEVERAL = ("name", "alias", "tags")
QUESTION = "q_"                     # and an own question's key
STATES = ("reading", "mapping", "checking", "checked", "running", "done", "undoing", "undone")
WORKING = ("checking", "running", "undoing")
# A row whose mistake is in one of these goes in without it.
LEFT_OUT = ("name", "email", "birthday", "tags", "last_visit", "language", QUESTION)
ACTIVE = {"en": ("active", "passive"), "ru": ("активные", "пассивные")}
DAYS_MOST, WORDING_MOST = 3650, 500
DIGITS_OF_A_NUMBER = 7
_PARTS_OF_ALIAS = re.compile(r"[\w.:/+*#-]+")

# Words in headers, folded; the first pattern that is found decides, so the narrow ones stand first.
_GUESSES = (
    ("email", r"e ?mail|почт|электронн"), ("consent", r"соглас|рассыл|подпис|consent|agree|opt ?in|marketing|newsletter"),
    ("balance_ends", r"сгора|действ\w* до|срок|истека|expir|valid until|ends? (on|at)"),
    ("last_visit", r"последн|last (visit|purchase|sale|order)|visited"), ("birthday", r"рожд|birth|д ?р\b|\bdob\b"),
    ("phone", r"тел|моб|phone|mobile|msisdn|\bcell\b"),
    ("alias", r"карт|штрих|barcode|\bcard|\bcode\b|\bкод\b|магнит"), ("stamps", r"штамп|печат|наклейк|stamp"),
    ("balance", r"балл|бонус|баланс|остат|points?|bonus|balance|депозит|кэшб|cashback"),
    ("level", r"уров|статус|категор|level|tier|status"), ("tags", r"метк|тег|групп|сегмент|\btags?\b|group|segment"),
    ("language", r"язык|lang|locale"), ("name", r"имя|фио|ф ?и ?о\b|фамил|отчеств|клиент|покупател|name|customer|client|surname"))
_YES = {"1", "yes", "y", "true", "да", "д", "+", "x", "х", "согласен", "согласна", "есть", "✓", "✔", "on", "agreed", "subscribed", "истина"}
_LANGUAGES = {"ru": "ru", "rus": "ru", "russian": "ru", "русский": "ru", "рус": "ru", "en": "en", "eng": "en", "english": "en",
              "английский": "en", "англ": "en"}
_DAY = (re.compile(r"(?P<y>\d{4})[-./](?P<m>\d{1,2})[-./](?P<d>\d{1,2})(?:[ T].*)?"),
        re.compile(r"(?P<d>\d{1,2})[-./](?P<m>\d{1,2})[-./](?P<y>\d{4})(?:[ T].*)?"))


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a list is taken in. mode: partial (good rows go in) | all (nothing goes in while a row is wrong); names: keep | update of
    people who are known; active_days: whoever came since is tagged active, else passive; wording: what those in the column "agreed to
    messages" agreed to, in the words they read."""

    mode: str = "partial"
    names: str = "keep"
    active_days: int = 365
    wording: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a row is judged against: the business's country, language and today, the programme's unit and currency, its levels by
    folded name and key (→ key), and whether it has stamps."""

    country: str
    language: str
    today: date
    unit: str
    currency: str
    levels: Mapping[str, str]
    has_stamps: bool


@dataclass(frozen=True, slots=True)
class Mistake:
    """field: a kind of column, "" for the whole row; code: of words.py, or a sentence of another room's with its params."""

    field: str
    code: str
    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Person:
    """What a row says. amount: in the programme's unit (money: minor units); ends_on: its last day; answers: by question's key."""

    row: int
    phone: str | None = None
    name: str | None = None
    email: str | None = None
    birthday: date | None = None
    aliases: tuple[str, ...] = ()
    amount: int = 0
    ends_on: date | None = None
    stamps: int = 0
    level: str | None = None
    tags: tuple[str, ...] = ()
    may_write: bool = False
    language: str = ""
    answers: Mapping[str, str] = dataclasses.field(default_factory=dict)


def guess(columns: Sequence[str], questions: Mapping[str, Collection[str]] | None = None) -> list[str]:
    """A kind for each column, "" for one that says nothing. questions: an own question's key → its labels."""
    own = {customer_rules.fold(label): QUESTION + key for key, labels in (questions or {}).items() for label in labels}
    found: list[str] = []
    for column in columns:
        folded = customer_rules.fold(re.sub(r"[\W_]+", " ", column)).strip()
        kind = own.get(folded) or next((kind for kind, pattern in _GUESSES if re.search(pattern, folded)), "")
        found.append("" if kind in found and kind not in SEVERAL else kind)
    return found


def wrong_mapping(mapping: Sequence[str], known: Collection[str]) -> str | None:
    """The code of what is wrong with it: a kind that there is not or that stands twice, nobody to recognise; None where all is well."""
    chosen = [kind for kind in mapping if kind]
    if any(kind not in known for kind in chosen):
        return "unknown_kind"
    if any(chosen.count(kind) > 1 and kind not in SEVERAL for kind in chosen):
        return "kind_twice"
    return None if {"phone", "alias", "email"} & set(chosen) else "nobody"


def read_row(number: int, cells: Sequence[str], mapping: Sequence[str], options: Options, at: Setting) -> tuple[Person, list[Mistake]]:
    """The person of a row, and what is wrong with it; whether it goes in nevertheless: `stays_out`."""
    said: dict[str, list[str]] = {}
    for kind, cell in zip(mapping, cells, strict=False):
        if kind and (text := cell.strip()):
            said.setdefault(kind, []).append(text)
    wrong: list[Mistake] = []

    def one(kind: str, parse: Any) -> Any:
        """What the column says, parsed; None where it is empty or wrong."""
        if kind not in said:
            return None
        try:
            return parse(" ".join(said[kind]))
        except Invalid as refused:
            wrong.append(Mistake(kind, refused.fields[0].detail if refused.fields else refused.detail, _tellable(refused.params)))
        except ValueError as refused:
            wrong.append(Mistake(kind, str(refused)))
        return None

    visited = one("last_visit", day_of)
    person = Person(
        number, one("phone", lambda text: phones.parse_phone(text, at.country, None)), one("name", customer_rules.clean_name),
        one("email", email_of), one("birthday", lambda text: birthday_of(text, at.today)), tuple(aliases_of(said.get("alias", ()), wrong)),
        one("balance", lambda text: amount_of(text, at)) or 0, one("balance_ends", lambda text: end_of(text, at.today)),
        one("stamps", lambda text: stamps_of(text, at)) or 0, one("level", lambda text: level_of(text, at)),
        tuple(tags_of(said.get("tags", ()), visited, options, at, wrong)),
        any(customer_rules.fold(text) in _YES for text in said.get("consent", ())),
        one("language", language_of) or at.language,
        {kind.removeprefix(QUESTION): texts[0] for kind, texts in said.items() if kind.startswith(QUESTION)})
    if not (person.phone or person.aliases or person.email or wrong):
        wrong.append(Mistake("", "nobody_in_row"))
    return person, wrong


def _tellable(params: Mapping[str, Any]) -> dict[str, Any]:
    """What a sentence may keep: of the number that was meant its last two digits, for it is kept as it is shown."""
    return {name: f"•••{value[-2:]}" if name == "meant" else value for name, value in params.items()}


def without_numbers(column: str) -> str:
    """A column's name as it is kept. Where a list has no names above its columns, its first person stands there."""
    if sum(letter.isdecimal() for letter in column) < DIGITS_OF_A_NUMBER:
        return column
    return re.sub(r"\d", "•", column)


def stays_out(person: Person, wrong: Sequence[Mistake]) -> bool:
    """Whether a row does not go in: a wrong number or balance is never guessed, and without either there is nobody."""
    return any(not each.field.startswith(LEFT_OUT) for each in wrong) or not (person.phone or person.aliases or person.email)


def day_of(text: str) -> date:
    for pattern in _DAY:
        if found := pattern.fullmatch(text):
            try:
                return date(int(found["y"]), int(found["m"]), int(found["d"]))
            except ValueError:
                break
    raise ValueError("day")


def birthday_of(text: str, today: date) -> date:
    day = day_of(text)
    if not today.replace(year=today.year - 130, day=min(today.day, 28)) <= day <= today:
        raise ValueError("birthday")
    return day


def end_of(text: str, today: date) -> date:
    day = day_of(text)
    if day < today:
        raise ValueError("ended")
    if day.year > today.year + 100:
        raise ValueError("day")
    return day


def email_of(text: str) -> str:
    if not is_address(text):
        raise ValueError("email")
    return text


def aliases_of(texts: Sequence[str], wrong: list[Mistake]) -> list[str]:
    """Old numbers as the till looks them up: without spaces and hyphens."""
    found: list[str] = []
    for text in texts:
        tidy = card_rules.tidy(text)
        if re.fullmatch(r"\d(?:[.,]\d+)?[eE]\+?\d+", text.strip()):
            wrong.append(Mistake("alias", "digits_lost"))
        elif len(text) > card_rules.TEXT_MOST or not tidy or not tidy.isprintable() or not _PARTS_OF_ALIAS.fullmatch(tidy):
            wrong.append(Mistake("alias", "alias"))
        elif card_rules.could_be_ours(tidy) and card_rules.passes_luhn(tidy) and card_rules.is_reserved(tidy):
            wrong.append(Mistake("alias", "alias_reserved"))
        elif tidy not in found:
            found.append(tidy)
    return found


def amount_of(text: str, at: Setting) -> int:
    """Points are whole: a part of one is dropped. Money may have as many digits as its currency has."""
    whole, part = _number(text)
    if at.unit != "money":
        return _capped(int(whole))
    digits = minor_digits(at.currency)
    if len(part.rstrip("0")) > digits:
        raise ValueError("amount")
    return _capped(int(whole) * 10**digits + int(part[:digits].ljust(digits, "0") or 0))


def stamps_of(text: str, at: Setting) -> int:
    whole, _ = _number(text)
    if int(whole) and not at.has_stamps:
        raise ValueError("no_stamps")
    return _capped(int(whole))


def _number(text: str) -> tuple[str, str]:
    """Digits before and behind the point; "1 250,50", "1,250.50" and "1250.5" are the same."""
    plain = re.sub(r"[\s']", "", unicodedata.normalize("NFKC", text))
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", plain) and ("." in plain or plain.count(",") > 1):
        plain = plain.replace(",", "")
    found = re.fullmatch(r"(\d{1,13})(?:[.,](\d{0,10}))?", plain)
    if not found:
        raise ValueError("amount")
    return found[1], found[2] or ""


def _capped(amount: int) -> int:
    if amount > MAX_POINTS:
        raise ValueError("amount")
    return amount


def level_of(text: str, at: Setting) -> str:
    key = at.levels.get(customer_rules.fold(text))
    if key is None:
        raise ValueError("level")
    return key


def language_of(text: str) -> str:
    found = _LANGUAGES.get(customer_rules.fold(text).replace("_", "-").split("-")[0])
    if found is None:
        raise ValueError("language")
    return found


def tags_of(texts: Sequence[str], visited: date | None, options: Options, at: Setting, wrong: list[Mistake]) -> list[str]:
    found: list[str] = []
    for text in re.split(r"[,;|]", ",".join(texts)):
        tag = clean_tag(text)
        if tag:
            found.append(tag)
        elif text.strip():
            wrong.append(Mistake("tags", "tag"))
    if visited is not None:
        found.append(ACTIVE[at.language][0 if visited >= at.today - timedelta(days=options.active_days) else 1])
    return list(dict.fromkeys(found))[:20]


def moment_of_end(day: date, zone: str) -> datetime:
    """When what may be used through `day` is over: the local midnight behind it."""
    return midnight_after(day, zone)
