"""What a question may be and what an answer must be: kinds, needs, limits, and the plain text that an answer is kept as."""
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from app.customers.rules import clean_name
from app.errors import FieldError, Invalid
from app.mail.rules import is_address
from app.programs.rules import ProgramRules
from app.text import N_

TEXT, NUMBER, DATE, CHOICE = "text", "number", "date", "choice"
KINDS = (TEXT, NUMBER, DATE, CHOICE)
REQUIRED, OPTIONAL, LATER, HIDDEN = "required", "optional", "later", "hidden"
NEEDS = (REQUIRED, OPTIONAL, LATER)             # `hidden` is for the standard fields alone: an own question is closed instead
NAME, BIRTHDAY, EMAIL = "name", "birthday", "email"
OPEN_MOST, CHOICES_LEAST, CHOICES_MOST = 20, 2, 30
LABEL_MOST, CHOICE_MOST, TEXT_MOST, BONUS_MOST = 100, 60, 500, 100_000
OLDEST, FARTHEST = 1900, 2100                   # years of a date
_INVISIBLE = {"Cc", "Cs", "Co", "Cn"}
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
_NUMBER = re.compile(r"([+-]?)([0-9]{1,15})(?:[.,]([0-9]{1,6}))?")
_ISO, _DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"), re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")
MISSING = N_("Please fill this in: the card needs it.")
TOO_LONG = N_("This is longer than the field takes.")
UNPRINTABLE = N_("This has signs in it that cannot be shown. Type it with letters.")
NO_NUMBER = N_("Type a number, such as 12 or 12.5.")
NO_DATE = N_("Type a date, such as 1990-12-31.")
NO_CHOICE = N_("Choose one of these.")
NO_BIRTHDAY = N_("That day is to come, or too long ago. When were you born?")
NO_ADDRESS = N_("This is no e-mail address. It looks like anna@example.com.")


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a question's choices. key: what an answer is kept as; it means the same for ever."""

    key: str
    labels: Mapping[str, str]

    def label_in(self, language: str) -> str:
        return said(self.labels, language)


@dataclass(frozen=True, slots=True)
class Question:
    """A question as it is asked now. kind: text | number | date | choice; labels: by language, at least one.

    need: required | optional | later, of a standard field also hidden. bonus_points: given for an answer to a `later` one, in what the
    programme counts (points, minor units of money, stamps). id < 0: a standard field that the business left as it is.
    """

    id: int
    key: str
    kind: str
    labels: Mapping[str, str]
    choices: tuple[Choice, ...]
    need: str
    bonus_points: int
    position: int
    version: int = 1
    is_closed: bool = False

    @property
    def is_standard(self) -> bool:
        """Whether its answer is the customer's own name, birthday or e-mail address."""
        return self.key in STANDARD

    @property
    def field(self) -> str:
        """What a form calls it."""
        return self.key if self.is_standard else f"q_{self.key}"

    def label_in(self, language: str) -> str:
        return said(self.labels, language)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person answered. question: as it is asked now; value: as `parse` gives it; choices: those that were offered then."""

    question: Question
    value: str
    at: datetime
    choices: tuple[Choice, ...] = ()

    def text_in(self, language: str) -> str:
        """The answer in words: of a choice its label, also where it is offered no more; a date stays YYYY-MM-DD."""
        found = {choice.key: choice for choice in (*self.question.choices, *self.choices)}.get(self.value)
        return found.label_in(language) if self.question.kind == CHOICE and found else self.value


@dataclass(frozen=True, slots=True)
class QuestionWish:
    """A question as a manager wants it. key: a word of its label, made unique where it is taken; ignored where it has one."""

    key: str
    kind: str
    labels: Mapping[str, str]
    choices: Sequence[Choice] = ()
    need: str = OPTIONAL
    bonus_points: int = 0


# In the order of the form. A business decides when they are asked, not how they read.
STANDARD: Mapping[str, Question] = {
    NAME: Question(-1, NAME, TEXT, {"en": "What shall we call you?", "ru": "Как вас называть?"}, (), OPTIONAL, 0, 0),
    BIRTHDAY: Question(-2, BIRTHDAY, DATE, {"en": "When is your birthday?", "ru": "Когда у вас день рождения?"}, (), HIDDEN, 0, 1),
    EMAIL: Question(-3, EMAIL, TEXT, {"en": "Your e-mail address", "ru": "Ваша электронная почта"}, (), HIDDEN, 0, 2),
}


def said(labels: Mapping[str, str], language: str) -> str:
    """A text of the business's own in `language`; one that it did not write in it, in the first one that it did."""
    return labels.get(language) or next((text for _, text in sorted(labels.items()) if text), "")


def unit_of(rules: ProgramRules) -> str | None:
    """In what a bonus is given: what purchases bring; None where they bring nothing that can be given in pieces."""
    if rules.earn_points or rules.welcome_points:
        return rules.unit
    return "stamps" if rules.stamps else None


def bonus_of(question: Question, rules: ProgramRules) -> int:
    """What an answer brings under the programme's present rules."""
    return question.bonus_points if question.need == LATER and unit_of(rules) else 0


# What a manager wants.

def check(wish: QuestionWish, rules: ProgramRules) -> QuestionWish:
    """The wish with its texts cleaned. Raises Invalid (fields labels, kind, choices, need, bonus_points) with every mistake."""
    wrong: list[FieldError] = []
    labels = _clean_all(wish.labels, LABEL_MOST, "labels", wrong)
    if not labels:
        wrong.append(FieldError("labels", "required", N_("Write the question in at least one language.")))
    if wish.kind not in KINDS:
        wrong.append(FieldError("kind", "kind", N_("Choose what is asked for: text, a number, a date or one of several.")))
    if wish.need not in NEEDS and not (wish.key in STANDARD and wish.need == HIDDEN):
        wrong.append(FieldError("need", "need", N_("Choose when it is asked.")))
    choices = _clean_choices(wish, wrong) if wish.kind == CHOICE else ()
    bonus = _clean_bonus(wish, rules, wrong)
    if wrong:
        raise Invalid(fields=list({each.field: each for each in reversed(wrong)}.values()))
    return QuestionWish(wish.key, wish.kind, labels, choices, wish.need, bonus)


def _clean_all(texts: Mapping[str, str], most: int, field: str, wrong: list[FieldError]) -> dict[str, str]:
    """The texts that are not empty, cleaned; what cannot be kept is told in `wrong`."""
    found = {}
    for language, text in texts.items():
        cleaned, mistake = clean_text(text, most)
        if mistake:
            wrong.append(FieldError(field, *mistake))
        if cleaned:
            found[language] = cleaned
    return found


def _clean_choices(wish: QuestionWish, wrong: list[FieldError]) -> tuple[Choice, ...]:
    choices = tuple(Choice(each.key, _clean_all(each.labels, CHOICE_MOST, "choices", wrong)) for each in wish.choices)
    if not CHOICES_LEAST <= len(choices) <= CHOICES_MOST:
        wrong.append(FieldError("choices", "out_of_range", N_("Offer 2 to 30 choices, one a line.")))
    languages = {language for choice in choices for language in choice.labels}
    for language in languages:
        labels = [choice.labels[language].casefold() for choice in choices if language in choice.labels]
        if len(set(labels)) < len(labels):
            wrong.append(FieldError("choices", "twice", N_("Two of the choices are the same.")))
        if len(labels) < len(choices):
            wrong.append(FieldError("choices", "lines", N_("Each line needs its translation: write as many lines in both languages, "
                                                           "or leave one of them empty.")))
    return choices


def _clean_bonus(wish: QuestionWish, rules: ProgramRules, wrong: list[FieldError]) -> int:
    if wish.need != LATER or not wish.bonus_points:
        return 0
    unit = unit_of(rules)
    most = rules.stamps.card.size - 1 if unit == "stamps" and rules.stamps else BONUS_MOST
    if unit is None:
        wrong.append(FieldError("bonus_points", "unit", N_("Cards of this programme collect neither points nor stamps, so that there is "
                                                           "nothing to thank with. Leave the bonus empty.")))
    elif unit == "stamps" and wish.bonus_points > most:
        wrong.append(FieldError("bonus_points", "out_of_range", N_("Fewer stamps than fill a card, please.")))
    elif not 0 < wish.bonus_points <= most:
        wrong.append(FieldError("bonus_points", "out_of_range", N_("Type a whole number from 0 to 100,000.")))
    return wish.bonus_points


# What a person answers.

def parse(questions: Iterable[Question], form: Mapping[str, Any], language: str, *, today: date | None = None,
          emptied: bool = False) -> dict[int, str]:
    """question id → the answer as it is kept, of what `form` fills in. form: texts by `Question.field`.

    A choice is given by its key or by its label in `language`. Numbers are kept as 12 or 12.5, dates as YYYY-MM-DD, texts in NFC on one
    line. today: of the business, for birthdays. emptied: a field that came empty is "" (the answer is taken back), else it is left out.
    Raises Invalid with each wrong field, required ones that came empty among them.
    """
    found: dict[int, str] = {}
    wrong: list[FieldError] = []
    for question in questions:
        given = form.get(question.field)
        text, mistake = _parsed(question, given if isinstance(given, str) else "", language, today)
        if mistake:
            wrong.append(FieldError(question.field, *mistake))
        elif not text and question.need == REQUIRED:
            wrong.append(FieldError(question.field, "required", MISSING))
        elif text or (emptied and given is not None):
            found[question.id] = text
    if wrong:
        raise Invalid(fields=wrong)
    return found


Mistake = tuple[str, str]       # a stable code, a sentence


def _parsed(question: Question, text: str, language: str, today: date | None) -> tuple[str, Mistake | None]:
    """(the answer as it is kept, None), or ("", what is wrong with it)."""
    if question.key == NAME:
        return _name(text)
    text, mistake = clean_text(text, TEXT_MOST)
    if mistake or not text:
        return "", mistake
    if question.key == EMAIL:
        return text, None if is_address(text) else ("email", NO_ADDRESS)
    if question.key == BIRTHDAY:
        return _birthday(text, today)
    if question.kind == CHOICE:
        key = _key_of(question.choices, text, language)
        return key, None if key else ("choice", NO_CHOICE)
    if question.kind == NUMBER:
        return _number(text)
    return _date(text) if question.kind == DATE else (text, None)


def _name(text: str) -> tuple[str, Mistake | None]:
    try:
        return clean_name(text) or "", None
    except Invalid as wrong:
        _, code, sentence = wrong.fields[0]
        return "", (code, sentence)


def clean_text(text: str, most: int) -> tuple[str, Mistake | None]:
    """A text as it is kept: NFC, on one line, one space between words. `most`: characters."""
    if len(text) > 4 * most:
        return "", ("too_long", TOO_LONG)
    cleaned = " ".join(unicodedata.normalize("NFC", text).split())
    if any(unicodedata.category(letter) in _INVISIBLE for letter in cleaned) or _TURNING.search(cleaned) or _marks(cleaned) > 3:
        return "", ("unprintable", UNPRINTABLE)
    return (cleaned, None) if len(cleaned) <= most else ("", ("too_long", TOO_LONG))


def _marks(text: str) -> int:
    """The longest run of combining marks: a thousand of them on one letter paint over the page."""
    longest = run = 0
    for letter in text:
        run = run + 1 if unicodedata.combining(letter) else 0
        longest = max(longest, run)
    return longest


def _key_of(choices: Iterable[Choice], text: str, language: str) -> str:
    """The key of the choice that was meant, "" where none was."""
    for choice in choices:
        if text == choice.key or text.casefold() == choice.label_in(language).casefold():
            return choice.key
    return ""


def _number(text: str) -> tuple[str, Mistake | None]:
    """12, 12.5 or 12,5 as a plain decimal without needless zeros; never a float, which would keep another number than was typed."""
    found = _NUMBER.fullmatch(text.replace(" ", "").replace("\u2212", "-"))
    if found is None:
        return "", ("number", NO_NUMBER)
    sign, whole, rest = found[1], found[2].lstrip("0") or "0", (found[3] or "").rstrip("0")
    plain = f"{whole}.{rest}" if rest else whole
    return (f"-{plain}" if sign == "-" and plain != "0" else plain), None


def _date(text: str) -> tuple[str, Mistake | None]:
    """YYYY-MM-DD, which is what a browser's own field sends, or DD.MM.YYYY, which people type where it has none."""
    typed = _DAY.fullmatch(text)
    iso = f"{typed[3]}-{int(typed[2]):02}-{int(typed[1]):02}" if typed else text
    try:
        day = date.fromisoformat(iso) if _ISO.fullmatch(iso) else None
    except ValueError:
        day = None
    if day is None or not OLDEST <= day.year <= FARTHEST:
        return "", ("date", NO_DATE)
    return day.isoformat(), None


def _birthday(text: str, today: date | None) -> tuple[str, Mistake | None]:
    found, mistake = _date(text)
    if not mistake and today is not None and date.fromisoformat(found) > today:
        return "", ("date", NO_BIRTHDAY)
    return found, mistake
