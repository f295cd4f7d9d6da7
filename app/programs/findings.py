"""What is wrong with rules, collected field by field; the sentences that several parts share, and the looks of keys and texts."""
import re
from collections.abc import Collection, Sequence
from datetime import date

from app.errors import FieldError
from app.money import MAX_AMOUNT
from app.programs.terms import Fade, Said
from app.text import N_

WHOLE_BP = 10_000
MILLION = 1_000_000
LONGEST_LIFE = 3650
LONGEST_NAME, LONGEST_PERKS, MOST_WORDS = 100, 1000, 100
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")

SHARE = N_("Type a share from 0 to 100 per cent.")
SHARE_ABOVE_ZERO = N_("Type a share above zero, at most 100 per cent.")
BELOW_WHOLE = N_("With this everything would be free. Type a share below 100 per cent.")
AMOUNT = N_("Type an amount above zero that a receipt can reach.")
AMOUNT_OR_ZERO = N_("Type an amount of zero or more that a receipt can reach.")
LIFE = N_("Type a number of days from 1 to 3650.")
DAYS_OR_ZERO = N_("Type a number of days from 0 to 365.")
COUNT = N_("Type a whole number from 1 to 1,000,000.")
COUNT_OR_ZERO = N_("Type a whole number from 0 to 1,000,000.")
FEW = N_("Type a whole number from 1 to 1,000.")
GIVES_AWAY = N_("These points would be worth more than the purchase itself. Check the amounts.")
NOT_COUNTED = N_("This programme does not count these. Choose something that it counts.")


class Findings:
    """FieldErrors in the order of the fields; paths as in the rules' JSON: `rules.2.when.time_from`, counted from 0."""

    def __init__(self) -> None:
        self.wrong: list[FieldError] = []

    def say(self, field: str, code: str, sentence: str) -> None:
        self.wrong.append(FieldError(field, code, sentence))

    def within(self, field: str, value: int | None, least: int, most: int, sentence: str) -> None:
        """None passes: what may be left out is."""
        if value is not None and not least <= value <= most:
            self.say(field, "out_of_range", sentence)

    def amount(self, field: str, value: int | None, *, zero: bool = False) -> None:
        self.within(field, value, 0 if zero else 1, MAX_AMOUNT, AMOUNT_OR_ZERO if zero else AMOUNT)

    def share(self, field: str, value: int | None, *, zero: bool = True, whole: bool = True) -> None:
        """Basis points. zero, whole: whether nothing, and everything, make sense."""
        self.within(field, value, 0 if zero else 1, WHOLE_BP, SHARE if zero else SHARE_ABOVE_ZERO)
        if value == WHOLE_BP and not whole:
            self.say(field, "gives_away", BELOW_WHOLE)

    def life(self, field: str, value: int | None) -> None:
        self.within(field, value, 1, LONGEST_LIFE, LIFE)

    def key(self, field: str, key: str) -> None:
        if not _KEY.fullmatch(key):
            self.say(field, "key", N_("A short name has 1 to 40 small letters a to z, digits, - and _, a letter or digit first."))

    def keys(self, field: str, keys: Sequence[str]) -> None:
        """The keys of a list whose items lie at field.0.key, field.1.key …"""
        for number, key in enumerate(keys):
            self.key(f"{field}.{number}.key", key)
            if key in keys[:number]:
                self.say(f"{field}.{number}.key", "taken", N_("This short name is taken already. Choose another one."))

    def said(self, field: str, said: Said) -> None:
        if not said.en.strip() and not said.ru.strip():
            self.say(field, "required", N_("Write a name in one language at least."))
        for language, text in (("en", said.en), ("ru", said.ru)):
            if len(text) > LONGEST_NAME or not text.isprintable():
                self.say(f"{field}.{language}", "text", N_("Write at most 100 characters on one line."))

    def perks(self, field: str, said: Said) -> None:
        """Several lines are allowed."""
        for language, text in (("en", said.en), ("ru", said.ru)):
            if len(text) > LONGEST_PERKS or not text.replace("\n", "").isprintable():
                self.say(f"{field}.{language}", "text", N_("Write at most 1,000 characters, without control characters."))

    def words(self, field: str, words: Sequence[str]) -> None:
        """Categories, goods, channels: as tills name them."""
        if len(words) > MOST_WORDS:
            self.say(field, "too_many", N_("Name 100 of them at most."))
        for number, word in enumerate(words[:MOST_WORDS]):
            if not 1 <= len(word) <= LONGEST_NAME or not word.isprintable() or word != word.strip():
                self.say(f"{field}.{number}", "text", N_("Write it as the till sends it: 1 to 100 characters, no spaces around it."))

    def known(self, field: str, key: str, known: Collection[str] | None, sentence: str) -> None:
        """known None: nobody said what there is."""
        if known is not None and key not in known:
            self.say(field, "unknown", sentence)

    def rewards(self, field: str, keys: Sequence[str], known: Collection[str] | None) -> None:
        """Those that one can choose from."""
        if not 1 <= len(keys) <= 10 or len(set(keys)) != len(keys):
            self.say(field, "rewards", N_("Choose one to ten different rewards."))
        for number, key in enumerate(keys):
            self.reward(f"{field}.{number}", key, known)

    def reward(self, field: str, key: str, known: Collection[str] | None) -> None:
        self.known(field, key, known, N_("There is no such reward in the catalogue."))

    def fades(self, field: str, fades: Sequence[Fade], days: int | None) -> None:
        """days: the lot's own life, beyond which nothing is left that could end."""
        before = 0
        for number, fade in enumerate(fades):
            self.life(f"{field}.{number}.days", fade.days)
            self.share(f"{field}.{number}.share_bp", fade.share_bp, zero=False)
            if fade.days <= before or (days is not None and fade.days > days):
                self.say(f"{field}.{number}.days", "order", N_("Each step comes later than the one before it, and none after the end."))
            before = fade.days
        if sum(fade.share_bp for fade in fades) > WHOLE_BP or len(fades) > 12:
            self.say(field, "steps", N_("The steps are twelve at most, and together no more than 100 per cent."))

    def day(self, field: str, text: str | None) -> date | None:
        """The day that YYYY-MM-DD names; None where it names none."""
        try:
            found = date.fromisoformat(text) if text is not None and len(text) == 10 else None
        except ValueError:
            found = None
        if text is not None and found is None:
            self.say(field, "day", N_("Write the day as year, month and day: 2026-12-31."))
        return found
