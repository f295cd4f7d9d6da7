"""What can be given: rewards, vouchers for them, promo codes; their limits, their states, and how codes are written and compared."""
import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime, timedelta

import msgspec

from app.cards.rules import luhn_digit, passes_luhn
from app.clock import local_day, midnight_after
from app.errors import FieldError, Invalid, Refused
from app.ledger.rules import SPENDABLE
from app.money import MAX_AMOUNT, MAX_POINTS
from app.programs.rules import ProgramRules
from app.programs.terms import Said
from app.text import N_

KINDS = ("product", "service", "delivery", "text", "discount", "money_off")
BATCH_KINDS = ("code", "coupon")
VOUCHER_DIGITS = 10
# Letters and digits that nobody takes for another one, read aloud or printed small: no 0 O Q, 1 I L, 2 Z, 5 S, 8 B.
CODE_ALPHABET = "ACDEFGHJKMNPRTUVWXY34679"
CODE_LEAST, CODE_MOST = 3, 32
DRAWN_LEAST, DRAWN_MOST = 8, 16      # 24^8 is 10^11: a batch of ten thousand stays below one in ten million
MOST_CODES = 10_000                  # of a batch
MOST_PIECES = 2_000                  # codes of gifts added at once
PIECE_MOST = 200
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
# Cyrillic capitals that look like Latin ones: whoever reads a code off paper cannot know which were meant.
_LOOK_ALIKE = str.maketrans("АВЕЁКМНОРСТУХІЈЅ", "ABEEKMHOPCTYXIJS")


class OutOfStock(Refused):
    code, detail = "out_of_stock", N_("This reward is out of stock. Choose another one.")


class RewardClosed(OutOfStock):
    """Closed ones are not handed out any more; vouchers that were, stay good."""

    code, detail = "reward_closed", N_("This reward is no longer given.")


class StockMoved(Refused):
    code, detail = "stock_moved", N_("Meanwhile some of these were handed out. Look at the stock again and repeat.")


class KeyTaken(Refused):
    code, detail = "key_taken", N_("Something with this short name exists already. Choose another short name.")


class LevelNeeded(Refused):
    code, detail = "level_needed", N_("This reward is for members of a higher level.")


class VoucherUsed(Refused):
    code, detail = "voucher_used", N_("This voucher was used already.")


class VoucherVoid(Refused):
    code, detail = "voucher_void", N_("This voucher was taken back.")


class VoucherEnded(Refused):
    code, detail = "voucher_ended", N_("This voucher has ended.")


class VoucherNotYet(Refused):
    code, detail = "voucher_not_yet", N_("This voucher is not valid yet.")


class VoucherElsewhere(Refused):
    code, detail = "voucher_elsewhere", N_("This voucher belongs to another card.")


class RewardNotChosen(Invalid):
    """Raised for field `reward`: the voucher becomes one of several, and none of them was named."""

    code, detail = "reward_not_chosen", N_("Choose one of the rewards that this voucher offers.")


class UnknownCode(Refused):
    """The same for a code that nobody made and for another business's."""

    code, detail = "promo_unknown", N_("There is no such promo code here. Check its letters.")


class CodeOfAnotherProgram(Refused):
    code, detail = "promo_other_program", N_("This promo code is for another programme.")


class CodeNotYet(Refused):
    code, detail = "promo_not_yet", N_("This promo code is not valid yet.")


class CodeEnded(Refused):
    code, detail = "promo_ended", N_("This promo code has ended.")


class CodeUsedUp(Refused):
    code, detail = "promo_used_up", N_("This promo code is used up.")


class CodeUsedByYou(Refused):
    code, detail = "promo_used_by_you", N_("This promo code was used with this card already.")


class CodesTaken(Refused):
    code, detail = "promo_codes_taken", N_("These codes exist already: %(codes)s. Leave them out or change them.")


class Reward(msgspec.Struct, frozen=True):
    """Something that can be given. value: discount: basis points; money_off: minor units; else what it costs the business, minor units.

    unit: what it costs in the catalogue (None: not for sale there); days: the life of a voucher; stock: how many are left
    (None: as many as wanted); has_pieces: each is a code of its own, and the stock is how many of them are left."""

    id: int
    business_id: int
    program_id: int
    key: str
    kind: str
    names: Said
    unit: str | None
    cost: int
    value: int
    sku: str | None
    days: int
    level: str | None
    stock: int | None
    position: int
    has_pieces: bool = False
    is_closed: bool = False


class RewardWish(msgspec.Struct, frozen=True):
    """What a manager asks for; the fields of Reward."""

    key: str
    kind: str
    names: Said
    unit: str | None = None
    cost: int = 0
    value: int = 0
    sku: str | None = None
    days: int = 30
    level: str | None = None
    stock: int | None = None
    position: int = 0


class Voucher(msgspec.Struct, frozen=True):
    """A right to one of `rewards` (keys) that an account holds. status: open | used | void | expired; reward_id: what it became."""

    id: int
    business_id: int
    program_id: int
    account_id: int
    rewards: tuple[str, ...]
    code: str
    source: str
    status: str
    starts_at: datetime
    ends_at: datetime | None
    issued_by: int | None
    used_by: int | None
    reward_id: int | None
    created_at: datetime


class Terms(msgspec.Struct, frozen=True):
    """What the codes of a batch share. kind: code | coupon; reward: the key of what a code gives by itself; uses: of each code;
    per_person: of the batch; total: of the batch; starts_on, ends_on: local days, both included."""

    key: str
    name: str
    kind: str = "code"
    reward: str | None = None
    uses: int | None = 1
    per_person: int | None = 1
    total: int | None = None
    starts_on: date | None = None
    ends_on: date | None = None


class Batch(msgspec.Struct, frozen=True):
    """Promo codes that share their terms. codes: how many there are; used: how often any was."""

    id: int
    business_id: int
    program_id: int
    key: str
    name: str
    kind: str
    reward: str | None
    uses: int | None
    per_person: int | None
    total: int | None
    used: int
    codes: int
    starts_at: datetime
    ends_at: datetime | None
    created_at: datetime
    created_by: str
    closed_at: datetime | None

    def state(self, now: datetime) -> str:
        """closed | ended | announced | used_up | open"""
        if self.closed_at is not None:
            return "closed"
        if self.ends_at is not None and self.ends_at <= now:
            return "ended"
        if self.starts_at > now:
            return "announced"
        return "used_up" if self.used >= self.most else "open"

    @property
    def most(self) -> int:
        """How often the codes may be used in all."""
        by_codes = MAX_POINTS if self.uses is None else self.uses * self.codes
        return by_codes if self.total is None else min(by_codes, self.total)


class Promo(msgspec.Struct, frozen=True):
    """A code that may be used now. batch: the key that rules name; reward: what it gives by itself."""

    code_id: int
    code: str
    batch_id: int
    batch: str
    kind: str
    reward: str | None
    uses: int | None
    per_person: int | None
    total: int | None
    business_id: int
    program_id: int


def fold(text: str) -> str:
    """A promo code as it is kept and compared: capitals without spaces, hyphens and dots, Cyrillic look-alikes as Latin letters."""
    plain = unicodedata.normalize("NFKC", text[:4 * CODE_MOST]).upper().translate(_LOOK_ALIKE)
    return "".join(letter for letter in plain if letter.isalnum())


def in_groups(code: str) -> str:
    """A drawn code as people read it: "ACDE-FGHJ-KM"."""
    return "-".join(code[at:at + 4] for at in range(0, len(code), 4))


def is_voucher_code(text: str) -> bool:
    """Whether a tidy text can be a voucher's code: its check digit fits."""
    return len(text) == VOUCHER_DIGITS and text.isascii() and text.isdigit() and passes_luhn(text)


def next_code(code: str) -> str:
    """Another voucher's code, for the one time in a million that `code` is taken: the same each time that an act runs again."""
    body = (int(code[:-1]) * 48_271 + 11) % 600_000_000 + 100_000_000
    return f"{body}{luhn_digit(str(body))}"


def life_of(starts_at: datetime, days: int, zone: str) -> datetime:
    """When a voucher that begins then ends: with its last local day."""
    return midnight_after(local_day(starts_at, zone) + timedelta(days=days), zone)


def window_of(terms: Terms, zone: str, now: datetime) -> tuple[datetime, datetime | None]:
    """(from, until) of a batch's days; a batch without a beginning begins now."""
    starts_at = now if terms.starts_on is None else midnight_after(terms.starts_on - timedelta(days=1), zone)
    return starts_at, None if terms.ends_on is None else midnight_after(terms.ends_on, zone)


def check_level(reward: Reward, level: str | None, rules: ProgramRules) -> None:
    """Raises LevelNeeded where the reward is for a level above the one held; a level that the rules forgot stops nobody."""
    keys = [each.key for each in rules.levels.levels] if rules.levels else []
    if reward.level in keys and (level not in keys or keys.index(level) < keys.index(reward.level)):
        raise LevelNeeded()


def check_voucher(voucher: Voucher, now: datetime) -> None:
    """Raises what stands against using the voucher at `now`."""
    if voucher.status == "used":
        raise VoucherUsed()
    if voucher.status == "void":
        raise VoucherVoid()
    if voucher.status == "expired" or (voucher.ends_at is not None and voucher.ends_at <= now):
        raise VoucherEnded()
    if voucher.starts_at > now:
        raise VoucherNotYet()


def chosen(voucher: Voucher, reward_key: str | None) -> str:
    """The key that the voucher becomes; a voucher for one reward needs no choice. Raises RewardNotChosen."""
    if reward_key is None and len(voucher.rewards) == 1:
        return voucher.rewards[0]
    if reward_key not in voucher.rewards or reward_key is None:
        raise RewardNotChosen(fields=[FieldError("reward", "reward_not_chosen", RewardNotChosen.detail)])
    return reward_key


_DAYS = N_("Type a number of days from 1 to 3650.")
_STOCK = N_("Type a whole number from 0 to 1,000,000, or leave it empty where there is always enough.")


def check_reward(wish: RewardWish, rules: ProgramRules) -> None:
    """Raises Invalid, a sentence for each field, unless a shop could mean this reward."""
    wrong = _wrong_key(wish.key)
    if wish.kind not in KINDS:
        wrong.append(FieldError("kind", "kind", N_("Choose one of the kinds of rewards.")))
    if not any((wish.names.en.strip(), wish.names.ru.strip())) or not all(_is_name(name) for name in (wish.names.en, wish.names.ru)):
        wrong.append(FieldError("name", "name", N_("Type a name of 1 to 100 characters in at least one language.")))
    if wish.unit is not None and wish.unit not in SPENDABLE:
        wrong.append(FieldError("unit", "unit", N_("Choose what the reward is paid with.")))
    if wish.unit is not None and not 1 <= wish.cost <= MAX_POINTS:
        wrong.append(FieldError("cost", "cost", N_("Type what the reward costs: a whole number above zero.")))
    wrong += _wrong_value(wish)
    if not 1 <= wish.days <= 3650:
        wrong.append(FieldError("days", "days", _DAYS))
    if wish.stock is not None and not 0 <= wish.stock <= 1_000_000:
        wrong.append(FieldError("stock", "stock", _STOCK))
    if wish.kind == "product" and not (wish.sku or "").strip():
        wrong.append(FieldError("sku", "sku", N_("Type the product's number at the till: that line of the receipt becomes free.")))
    if wish.level is not None and wish.level not in [each.key for each in (rules.levels.levels if rules.levels else ())]:
        wrong.append(FieldError("level", "level", N_("The programme has no such level.")))
    if wrong:
        raise Invalid(fields=wrong)


def _wrong_value(wish: RewardWish) -> list[FieldError]:
    if wish.kind == "discount" and not 1 <= wish.value <= 10_000:
        return [FieldError("value", "value", N_("Type a discount above zero and up to 100 per cent."))]
    if not (1 if wish.kind == "money_off" else 0) <= wish.value <= MAX_AMOUNT:
        return [FieldError("value", "value", N_("Type the amount in digits, such as 1250 or 1250,50."))]
    return []


def _wrong_key(key: str) -> list[FieldError]:
    if _KEY.fullmatch(key):
        return []
    return [FieldError("key", "key", N_("Use up to 40 small Latin letters, digits and hyphens for the short name, such as free-coffee."))]


def _is_name(text: str) -> bool:
    return len(text) <= 100 and text.isprintable()


def check_terms(terms: Terms, today: date) -> None:
    """Raises Invalid, a sentence for each field."""
    wrong = _wrong_key(terms.key)
    if not terms.name.strip() or not _is_name(terms.name):
        wrong.append(FieldError("name", "name", N_("Type a name of 1 to 100 characters.")))
    if terms.kind not in BATCH_KINDS:
        wrong.append(FieldError("kind", "kind", N_("Choose promo codes or printed coupons.")))
    if terms.kind == "coupon" and terms.uses != 1:
        wrong.append(FieldError("uses", "uses", N_("A printed coupon is used once.")))
    for field in ("uses", "per_person", "total"):
        value = getattr(terms, field)
        if value is not None and not 1 <= value <= 1_000_000:
            wrong.append(FieldError(field, field, N_("Type a whole number from 1 to 1,000,000, or leave it empty for no limit.")))
    if terms.starts_on and terms.ends_on and terms.ends_on < terms.starts_on:
        wrong.append(FieldError("ends_on", "ends_before", N_("The last day lies before the first one.")))
    elif terms.ends_on and terms.ends_on < today:
        wrong.append(FieldError("ends_on", "ended", N_("The last day has passed already.")))
    if wrong:
        raise Invalid(fields=wrong)


def typed_codes(text: str) -> list[str]:
    """Codes typed one a line (or with commas between them), folded, each once. Raises Invalid (field `codes`)."""
    codes = list(dict.fromkeys(fold(part) for part in re.split(r"[\n,;]", text) if part.strip()))
    if not codes or len(codes) > MOST_CODES:
        raise Invalid(fields=[FieldError("codes", "codes", N_("Type 1 to 10,000 codes, one a line."))])
    if not all(CODE_LEAST <= len(code) <= CODE_MOST for code in codes):
        raise Invalid(fields=[FieldError("codes", "codes", N_("A code has 3 to 32 letters and digits."))])
    return codes


def check_drawn(count: int, length: int) -> None:
    """Raises Invalid (fields `count`, `length`) unless that many codes of that length stay unguessable."""
    wrong = []
    if not 1 <= count <= MOST_CODES:
        wrong.append(FieldError("count", "count", N_("Type how many codes to make: 1 to 10,000.")))
    if not DRAWN_LEAST <= length <= DRAWN_MOST:
        wrong.append(FieldError("length", "length", N_("Codes that nobody guesses have 8 to 16 letters.")))
    if wrong:
        raise Invalid(fields=wrong)


def pieces(text: str) -> list[str]:
    """Codes of gifts that differ piece by piece, one a line, as they are handed out. Raises Invalid (field `pieces`)."""
    found = list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    if not 1 <= len(found) <= MOST_PIECES or not all(len(line) <= PIECE_MOST and line.isprintable() for line in found):
        raise Invalid(fields=[FieldError("pieces", "pieces", N_("Type 1 to 2,000 codes, one a line, each of at most 200 characters."))])
    return found


def said_names(names: Mapping[str, str]) -> Said:
    """The JSON column of names as a text in both languages."""
    return Said(names.get("en", ""), names.get("ru", ""))
