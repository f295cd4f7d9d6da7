"""The ready-made kinds of programme: a combination of rules, a card's design, and the few numbers that a business adjusts.

A kind is an entry of KINDS and nothing else: what a programme does follows from its rules alone, so a kind can be left behind
with the first rule that is added.
"""
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from msgspec.structs import replace

from app.errors import FieldError, Invalid
from app.money import MAX_AMOUNT, minor_digits
from app.programs import terms as t
from app.programs.kind_fields import Choice, NumberField, Value, read_all, write_all
from app.programs.rules import ProgramRules
from app.programs.terms import Said
from app.text import N_

__all__ = ["KINDS", "Choice", "FirstReward", "Kind", "NumberField", "get_kind", "round_sum", "template_of"]

# A round sum that a small purchase reaches, in major units; one where the currency is not named.
ROUND_SUMS = {"RUB": 100, "JPY": 100, "KZT": 500, "AMD": 500, "UAH": 50, "INR": 100, "KRW": 1000, "VND": 10_000, "CZK": 25, "TRY": 50,
              "CNY": 10, "PLN": 5, "ILS": 5, "BYN": 5, "GEL": 5, "HUF": 500, "RSD": 100, "UZS": 10_000, "KGS": 100}


def round_sum(currency: str) -> int:
    """A round sum in minor units, about what a cup of something costs; the kinds' amounts are multiples of it."""
    return ROUND_SUMS.get(currency, 1) * 10**minor_digits(currency)


@dataclass(frozen=True, slots=True)
class FirstReward:
    """A reward that the kind's rules name, so the catalogue needs it from the start. kind, value: as the catalogue's."""

    key: str
    kind: str
    names: Said
    value: int = 0
    days: int = 30


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind as it is offered. rules: its defaults for a currency; template: the folder of pass_templates; numbers: its form."""

    key: str
    name: Said
    sentence: Said
    make: Callable[[int], ProgramRules]
    template: str
    numbers: tuple[NumberField, ...]
    rewards: tuple[FirstReward, ...] = ()

    def rules(self, currency: str) -> ProgramRules:
        """The rules that a new programme of this kind begins with."""
        return self.make(round_sum(currency))

    def read(self, rules: ProgramRules) -> dict[str, Value]:
        """The form's values; None for a number whose part the rules no longer have."""
        return read_all(self.numbers, rules)

    def write(self, rules: ProgramRules, values: Mapping[str, Value]) -> ProgramRules:
        """The rules with the form's values. Raises Invalid with every mistake; what the numbers mean together, `validate` says."""
        return write_all(self.numbers, rules, values)


EARN_POINTS = NumberField("earn_points", N_("Points for a purchase"), "whole", ("earn_points",), 0)
EARN_PER = NumberField("earn_per_minor", N_("For every"), "money", ("earn_per_minor",), 1, 10**9)
WORTH = NumberField("worth_minor", N_("One point pays"), "money", ("worth_minor",), 1, 10**9)
SHARE = NumberField("largest_share_bp", N_("Largest share of a receipt"), "percent", ("largest_share_bp",), 0, 10_000)
LIFE = NumberField("lot_days", N_("Lives for days (empty: for ever)"), "whole", ("lot_days",), 1, 3650, is_optional=True)
WELCOME = NumberField("welcome_points", N_("Points for joining"), "whole", ("welcome_points",), 0)
DISCOUNT = NumberField("discount_bp", N_("Discount"), "percent", ("discount_bp",), 0, 10_000)
WINDOW = NumberField("window", N_("Counted"), "choice", ("levels", "window"), choices=(
    Choice("lifetime", N_("over all time")), Choice("rolling", N_("over the last days")), Choice("year", N_("within a calendar year"))))
WINDOW_DAYS = NumberField("window_days", N_("The last days that count"), "whole", ("levels", "window_days"), 1, 3650)
GRACE = NumberField("grace_days", N_("Days that a lost level is kept"), "whole", ("levels", "grace_days"), 0, 365)
_POINTS_NUMBERS = (EARN_POINTS, EARN_PER, WORTH, SHARE, LIFE, WELCOME)


def _words(name: str, label: str, *path: str | int) -> NumberField:
    return NumberField(name, label, "words", path, 1)


def _money(name: str, label: str, *path: str | int, least: int = 0) -> NumberField:
    return NumberField(name, label, "money", path, least, MAX_AMOUNT)


def _level_numbers(at: int, *, rate: bool) -> tuple[NumberField, ...]:
    """Name, threshold and what it gives, of one level."""
    level = ("levels", "levels", at)
    named = _words(f"level_{at}_name", N_("Name of the level"), *level, "name")
    if rate:
        gives = NumberField(f"level_{at}_earn_points", N_("Points on this level"), "whole", (*level, "earn_points"))
    else:
        gives = NumberField(f"level_{at}_discount_bp", N_("Discount on this level"), "percent", (*level, "discount_bp"), 0, 10_000)
    if at == 0:     # where everybody begins
        return named, gives
    return named, _money(f"level_{at}_threshold", N_("Reached with purchases of"), *level, "threshold", least=1), gives


def _package_numbers(at: int) -> tuple[NumberField, ...]:
    package = ("visits", "packages", at)
    return (_words(f"package_{at}_name", N_("Name of the package"), *package, "name"),
            NumberField(f"package_{at}_visits", N_("Visits in it"), "whole", (*package, "visits"), 1, 10_000),
            _money(f"package_{at}_price_minor", N_("Its price"), *package, "price_minor"),
            NumberField(f"package_{at}_days", N_("Days it can be used (empty: for ever)"), "whole", (*package, "days"), 1, 3650,
                        is_optional=True))


def _plan_numbers(at: int) -> tuple[NumberField, ...]:
    plan = ("membership", "plans", at)
    return (_words(f"plan_{at}_name", N_("Name of the plan"), *plan, "name"),
            NumberField(f"plan_{at}_days", N_("Its days"), "whole", (*plan, "days"), 1, 3650),
            _money(f"plan_{at}_price_minor", N_("Its price"), *plan, "price_minor"))


def _points(step: int, rate: int = 5, share: int = 3_000) -> ProgramRules:
    """A point is worth a hundredth of the step, so the rate reads as per cent."""
    return ProgramRules(earn_points=rate, earn_per_minor=step, worth_minor=max(1, step // 100), earn_mode="whole_steps",
                        largest_share_bp=share)


def _cashback(step: int) -> ProgramRules:
    return ProgramRules(unit="money", earn_points=500, earn_per_minor=10_000, worth_minor=1, largest_share_bp=5_000)


def _discount(step: int) -> ProgramRules:
    return ProgramRules(discount_bp=500)


def _cumulative(step: int) -> ProgramRules:
    names = (("Friend", "Друг"), ("Bronze", "Бронза"), ("Silver", "Серебро"), ("Gold", "Золото"))
    held = zip(names, (0, 100, 300, 1_000), (0, 300, 500, 1_000), strict=True)
    return ProgramRules(levels=t.Levels(tuple(
        t.Level(english.lower(), Said(english, russian), step * many, discount_bp=share) for (english, russian), many, share in held)))


def _tiers(step: int) -> ProgramRules:
    names = (("Basic", "Базовый"), ("Silver", "Серебро"), ("Gold", "Золото"))
    held = zip(names, (0, 200, 600), (3, 5, 7), strict=True)
    levels = tuple(t.Level(english.lower(), Said(english, russian), step * many, earn_points=rate)
                   for (english, russian), many, rate in held)
    return replace(_points(step, 3), levels=t.Levels(levels, window="rolling", grace_days=30))


def _stamps(step: int) -> ProgramRules:
    return ProgramRules(stamps=t.Stamps(t.Conversion(6, ("gift",))))


def _visits(step: int) -> ProgramRules:
    five = t.Package("five", Said("5 visits", "5 посещений"), 5, step * 25, 60)
    ten = t.Package("ten", Said("10 visits", "10 посещений"), 10, step * 45, 90)
    return ProgramRules(visits=t.Visits((five, ten), freeze_days=14))


def _membership(step: int) -> ProgramRules:
    return ProgramRules(discount_bp=1_000, membership=t.Membership((
        t.Plan("month", Said("A month", "Месяц"), 30, step * 5), t.Plan("year", Said("A year", "Год"), 365, step * 50))))


def _gift(step: int) -> ProgramRules:
    return ProgramRules(unit="money", worth_minor=1, lot_days=None,
                        gift=t.Gift((step * 10, step * 20, step * 50), least_minor=step, most_minor=step * 500))


def _coupon(step: int) -> ProgramRules:
    welcome = t.Rule("welcome", Said("Welcome coupon", "Купон за вступление"), t.GiveVoucher("coupon", 30), t.When(event="activated"))
    return ProgramRules(rules=(welcome,))


def _charity(step: int) -> ProgramRules:
    return ProgramRules(charity=t.Charity(Said("Name of the fund", "Название фонда"), max(1, step // 10)))


def _club(step: int) -> ProgramRules:
    return ProgramRules(discount_bp=1_000, club=t.Club())


def _coalition(step: int) -> ProgramRules:
    return _points(step, 3, 5_000)


_ALL = (
    Kind("points", Said("Points", "Баллы"),
         Said("Purchases bring points, and points pay for purchases.", "За покупки начисляются баллы, баллами оплачивают покупки."),
         _points, "points", _POINTS_NUMBERS),
    Kind("cashback", Said("Cashback", "Кешбэк"),
         Said("A share of every purchase comes back as money on the card.", "Часть каждой покупки возвращается деньгами на карту."),
         _cashback, "cashback", (
             # 10,000 minor units a share of: so the points of the rate are its basis points.
             NumberField("cashback_bp", N_("Comes back"), "percent", ("earn_points",), 0, 10_000), SHARE, LIFE,
             NumberField("pending_days", N_("Can be spent after days"), "whole", ("pending_days",), 0, 365))),
    Kind("discount", Said("Fixed discount", "Скидка"),
         Said("The card takes the same share off every purchase.", "Карта даёт одну и ту же скидку на каждую покупку."),
         _discount, "discount", (DISCOUNT, _money("minimum_receipt_minor", N_("From a receipt of"), "minimum_receipt_minor"))),
    Kind("cumulative", Said("Growing discount", "Накопительная скидка"),
         Said("The more is bought, the larger the discount.", "Чем больше куплено, тем больше скидка."),
         _cumulative, "discount", (WINDOW, WINDOW_DAYS, GRACE, *(number for at in range(4) for number in _level_numbers(at, rate=False)))),
    Kind("tiers", Said("Levels", "Уровни"),
         Said("Regulars rise to levels that give more points.", "Постоянные гости поднимаются на уровни, где баллов больше."),
         _tiers, "tiers", (EARN_PER, WORTH, SHARE, LIFE, WINDOW, WINDOW_DAYS, GRACE,
                            *(number for at in range(3) for number in _level_numbers(at, rate=True)))),
    Kind("stamps", Said("Stamps", "Штампы"),
         Said("So many stamps, and the next one is a gift.", "Собрали штампы — получили подарок."),
         _stamps, "stamps", (
             NumberField("stamps_size", N_("Stamps to a gift"), "whole", ("stamps", "card", "size"), 2, 30),
             NumberField("stamps_by", N_("A stamp for"), "choice", ("stamps", "by"), choices=(
                 Choice("visit", N_("every purchase")), Choice("item", N_("every piece")), Choice("sum", N_("every full sum")))),
             _money("stamps_per_minor", N_("The sum for a stamp"), "stamps", "per_minor"),
             NumberField("stamps_first", N_("Stamps on a new card"), "whole", ("stamps", "first"), 0, 29),
             NumberField("voucher_days", N_("Days to collect the gift"), "whole", ("stamps", "card", "voucher_days"), 1, 3650)),
         (FirstReward("gift", "text", Said("A gift", "Подарок"), days=90),)),
    Kind("visits", Said("Prepaid visits", "Абонемент"),
         Said("Visits are bought beforehand, and each one takes one off.", "Посещения покупают вперёд, каждый приход списывает одно."),
         _visits, "visits", (
             *_package_numbers(0), *_package_numbers(1),
             NumberField("freeze_days", N_("Days that may be frozen"), "whole", ("visits", "freeze_days"), 0, 365))),
    Kind("membership", Said("Membership", "Членство"),
         Said("Paid for a time, and everything is cheaper while it lasts.", "Оплачивается на срок, и пока он идёт, всё дешевле."),
         _membership, "membership", (
             DISCOUNT, *_plan_numbers(0), *_plan_numbers(1),
             NumberField("trial_days", N_("Free days to try"), "whole", ("membership", "trial_days"), 0, 365),
             NumberField("discount_outside_bp", N_("Discount without it"), "percent", ("membership", "discount_outside_bp"), 0, 10_000))),
    Kind("gift", Said("Gift card", "Подарочная карта"),
         Said("Money on a card, bought for somebody and spent in parts.", "Деньги на карте: дарят целиком, тратят частями."),
         _gift, "gift", (
             *(_money(f"amount_{at}", N_("A sum to choose"), "gift", "amounts", at, least=1) for at in range(3)),
             NumberField("gift_days", N_("Lives for days (empty: for ever)"), "whole", ("gift", "days"), 1, 3650, is_optional=True))),
    Kind("coupon", Said("Coupons and promo codes", "Купоны и промокоды"),
         Said("A coupon for joining, and codes that give something once.", "Купон за вступление и коды, которые дают что-то один раз."),
         _coupon, "coupon", (NumberField("coupon_days", N_("Days to use the coupon"), "whole", ("rules", 0, "effect", "days"), 1, 3650),),
         (FirstReward("coupon", "discount", Said("10% off a purchase", "Скидка 10 % на покупку"), 1_000),)),
    Kind("charity", Said("Good deeds", "Добрые дела"),
         Said("Every purchase moves a little of ours to a fund.", "С каждой покупки мы отдаём немного в фонд."),
         _charity, "charity", (_words("fund", N_("Name of the fund"), "charity", "fund"),
                               _money("a_visit_minor", N_("For every purchase"), "charity", "a_visit_minor"),
                               NumberField("share_bp", N_("And of what was paid"), "percent", ("charity", "share_bp"), 0, 10_000))),
    Kind("club", Said("Closed club", "Закрытый клуб"),
         Said("For those who are invited, or who reached enough points.", "Для тех, кого пригласили или кто набрал достаточно баллов."),
         _club, "club", (DISCOUNT, NumberField("club_by", N_("Who may join"), "choice", ("club", "by"), choices=(
             Choice("invitation", N_("those with an invitation")), Choice("points", N_("those who reached points")))),
             NumberField("club_points", N_("Points to reach"), "whole", ("club", "points"), 0))),
    Kind("coalition", Said("Coalition", "Коалиция"),
         Said("Points earned in one shop are spent in another.", "Баллы одного магазина тратят в другом."),
         _coalition, "points", _POINTS_NUMBERS),
)
KINDS: Mapping[str, Kind] = MappingProxyType({kind.key: kind for kind in _ALL})


def get_kind(key: str) -> Kind:
    """Raises Invalid (field `kind`) for a word that is no kind."""
    if key not in KINDS:
        raise Invalid(fields=[FieldError("kind", "kind", N_("Choose one of the kinds of programme."))])
    return KINDS[key]


def template_of(kind: str) -> str:
    """The folder of pass_templates that a programme of this kind is drawn from."""
    return KINDS[kind].template if kind in KINDS else KINDS["points"].template
