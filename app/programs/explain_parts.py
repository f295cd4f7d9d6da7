"""Sentences about the parts of a programme: levels, stamps, visits, membership, gifts, charity, clubs, referrals, offers."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.programs import words
from app.programs.terms import (
    Charity,
    Club,
    Conversion,
    Favourite,
    Gift,
    Level,
    Levels,
    Membership,
    Offers,
    Referral,
    Said,
    Stamps,
    Visits,
)

if TYPE_CHECKING:
    from app.programs.rules import ProgramRules


@dataclass(frozen=True, slots=True)
class Called:
    """What rules name besides rewards, as far as the reader may know it: places by row id, segments and promo batches by key."""

    places: Mapping[int, Said] = field(default_factory=dict)
    segments: Mapping[str, str] = field(default_factory=dict)
    batches: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Names:
    """In which language and currency is spoken, and what the catalogue's rewards are called; and places, segments and batches."""

    currency: str
    language: str
    rewards: Mapping[str, Said]
    called: Called = Called()

    def say(self, english: str, russian: str) -> str:
        return russian if self.language == "ru" else english

    def say_list(self, english: list[str], russian: list[str]) -> list[str]:
        return russian if self.language == "ru" else english

    def money(self, minor: int) -> str:
        return words.money(minor, self.currency, self.language)

    def amount(self, count: int, unit: str) -> str:
        return words.amount(count, unit, self.currency, self.language)

    def up_to(self, count: int, unit: str) -> str:
        """The amount after «от», «до» or «больше»."""
        return words.amount_of(count, unit, self.currency, self.language)

    def percent(self, share_bp: int) -> str:
        return words.percent(share_bp, self.language)

    def days(self, count: int) -> str:
        return words.days(count, self.language)

    def quoted(self, name: Said) -> str:
        return words.quoted(name.in_(self.language), self.language)

    def one_of(self, names: Sequence[str | None]) -> str:
        """«A», «B» or «C»; "" where one of them has no name here."""
        known = [words.quoted(name, self.language) for name in names if name]
        return words.listed(known, self.language, choice=True) if len(known) == len(names) else ""

    def what(self, unit: str) -> str:
        """The programme's unit at the beginning of a sentence."""
        return self.say("The money", "Деньги") if unit == "money" else self.say("Points", "Баллы")

    def reward(self, keys: Sequence[str]) -> str:
        """One of these rewards, by name."""
        known = [self.quoted(self.rewards[key]) for key in keys if key in self.rewards]
        return words.listed(known, self.language, choice=True) if known else self.say("a gift", "подарок")


def club(what: Club | None, names: Names) -> list[str]:
    if what is None:
        return []
    if what.by == "invitation":
        return [names.say("A closed club: one joins by invitation.", "Закрытый клуб: вступить можно по приглашению.")]
    where = words.quoted(what.program, names.language) if what.program else ""
    reached = names.amount(what.points, "points")
    return [names.say(f"A closed club for those who reached {reached}{f' in {where}' if where else ''}.",
                      f"Закрытый клуб: вступить может тот, кто набрал {reached}{f' в программе {where}' if where else ''}.")]


def gift(what: Gift | None, names: Names) -> list[str]:
    if what is None:
        return []
    if what.amounts:
        sums = words.listed([names.money(minor) for minor in what.amounts], names.language, choice=True)
        said = [names.say(f"A gift card of {sums}.", f"Подарочная карта на {sums}.")]
    else:
        least, most = names.money(what.least_minor), names.money(what.most_minor)
        said = [names.say(f"A gift card of any sum from {least} to {most}.", f"Подарочная карта на любую сумму от {least} до {most}.")]
    if what.days is None:
        return [*said, names.say("Its money never expires; what a purchase leaves stays on the card.",
                                 "Деньги на ней не сгорают; остаток после покупки остаётся на карте.")]
    life = names.days(what.days)
    return [*said, names.say(f"Its money can be spent for {life}; what a purchase leaves stays on the card.",
                             f"Деньги на ней действуют {life}; остаток после покупки остаётся на карте.")]


def visits(what: Visits | None, names: Names) -> list[str]:
    if what is None:
        return []
    offered = []
    for package in what.packages:
        text = f"{names.quoted(package.name)} — {names.amount(package.visits, 'visits')}, {names.money(package.price_minor)}"
        if package.days is not None:
            text += names.say(f", for {names.days(package.days)}", f", на {names.days(package.days)}")
        offered.append(text)
    said = [names.say("Visits paid beforehand: ", "Посещения вперёд: ") + "; ".join(offered) + "."] if offered else []
    if what.a_day is not None:
        most = names.up_to(what.a_day, "visits")
        said.append(names.say(f"At most {most} a day.", f"Не больше {most} в день."))
    if what.freeze_days:
        times, days = names.up_to(what.freeze_times, "times"), names.days(what.freeze_days)
        said.append(names.say(f"They can be frozen for {days} in all, at most {times}.",
                              f"Их можно заморозить, в общей сложности на {days}, не больше {times}."))
    return said


def stamps(what: Stamps | None, names: Names) -> list[str]:
    if what is None:
        return []
    goods = goods_of(what.categories, what.skus, names)
    each = {"visit": names.say("Every purchase brings a stamp", "Каждая покупка — штамп"),
            "item": names.say(f"Every piece{f' of {goods}' if goods else ''} brings a stamp",
                              f"Каждая штука{f' ({goods})' if goods else ''} — штамп"),
            "sum": names.say(f"Every full {names.money(what.per_minor)} you pay{f' for {goods}' if goods else ''} brings a stamp",
                             f"За каждые полные {names.money(what.per_minor)}{f' ({goods})' if goods else ''} — штамп")}[what.by]
    if what.by == "visit" and goods:
        each = names.say(f"Every purchase with {goods} brings a stamp", f"Каждая покупка ({goods}) — штамп")
    if what.most_a_receipt is not None:
        most = names.up_to(what.most_a_receipt, "stamps")
        each += names.say(f", at most {most} a purchase", f", но не больше {most} за покупку")
    said = [each + ".", *conversion(what.card, "stamps", names)]
    if what.first:
        first = names.amount(what.first, "stamps")
        are, there = ("is" if what.first == 1 else "are"), words.plural("ru", what.first, ("", ""), ("стоит", "стоят", "стоят"))
        said.append(names.say(f"{first} {are} on a new card from the beginning.", f"{first} на новой карте {there} сразу."))
    if what.days is not None:
        said.append(names.say(f"A stamp lives {names.days(what.days)}.", f"Штамп живёт {names.days(what.days)}."))
    return said


def conversion(what: Conversion | None, unit: str, names: Names) -> list[str]:
    if what is None:
        return []
    size, days = names.amount(what.size, unit), names.days(what.voucher_days)
    choice = names.say(", your choice", " на выбор") if len(what.rewards) > 1 else ""
    said = [names.say(f"{size} become a voucher by themselves: {names.reward(what.rewards)}{choice}; it can be used for {days}.",
                      f"{size} сами превращаются в купон{choice}: {names.reward(what.rewards)}; он действует {days}.")]
    if not what.carry_over:
        said.append(names.say("What is above that is not kept.", "Излишек при этом не сохраняется."))
    return said


def goods_of(categories: Sequence[str], skus: Sequence[str], names: Names) -> str:
    """Which goods, as the till's words have them."""
    articles = names.say("articles ", "артикулы ") + ", ".join(skus) if skus else ""
    return words.listed([*categories, *([articles] if articles else [])], names.language) if categories or articles else ""


def membership(what: Membership | None, names: Names) -> list[str]:
    if what is None:
        return []
    plans = "; ".join(f"{names.quoted(plan.name)} — {names.days(plan.days)}, {names.money(plan.price_minor)}" for plan in what.plans)
    said = [names.say(f"Membership: {plans}. Paying before the end adds to it.",
                      f"Членство: {plans}. Продление до окончания прибавляется к сроку.")] if plans else []
    if what.trial_days:
        trial = names.days(what.trial_days)
        said.append(names.say(f"The first {trial} are free.", f"Пробный период: {trial} бесплатно."))
    if perks := what.perks.in_(names.language):
        said.append(names.say(f"Members get: {perks.rstrip('.')}.", f"Участникам: {perks.rstrip('.')}."))
    if what.discount_outside_bp:
        outside = names.percent(what.discount_outside_bp)
        said.append(names.say(f"The benefits hold while it lasts; outside of it there is {outside} off.",
                              f"Преимущества действуют, пока есть членство; без него — скидка {outside}."))
    else:
        said.append(names.say("The benefits hold while it lasts.", "Преимущества действуют, пока есть членство."))
    return said


def charity(what: Charity | None, names: Names) -> list[str]:
    if what is None:
        return []
    fund = names.quoted(what.fund)
    shares = [names.money(what.a_visit_minor)] if what.a_visit_minor else []
    if what.share_bp:
        share = names.percent(what.share_bp)
        shares.append(names.say(f"{share} of what you pay", f"{share} от оплаченного"))
    if not shares:
        return [names.say(f"Our fund: {fund}.", f"Наш фонд: {fund}.")]
    moved = words.listed(shares, names.language)
    return [names.say(f"With every purchase we give {moved} to the fund {fund}.", f"С каждой покупки мы отдаём {moved} в фонд {fund}.")]


def levels(rules: "ProgramRules", names: Names) -> list[str]:
    what = rules.levels
    if what is None:
        return []
    said = [f"{_measured(what, names)}."]
    for level in what.levels:
        said.append(f"{names.quoted(level.name)} {_threshold(level, what, names)}: {_gives(level, rules, names)}.")
    if what.grace_days:
        days = names.days(what.grace_days)
        said.append(names.say(f"A level that is no longer reached is kept for {days}.",
                              f"Уровень, на который уже не хватает, сохраняется ещё {days}."))
    return said


def _measured(what: Levels, names: Names) -> str:
    """What the level depends on."""
    english, russian = {"spend": ("what you spend", "суммы покупок"), "points": ("the points you earn", "заработанных баллов"),
                        "visits": ("how often you come", "числа покупок")}[what.measure]
    days = names.days(what.window_days)
    when = {"lifetime": names.say("in total", "за всё время"), "year": names.say("in a calendar year", "за календарный год"),
            "rolling": names.say(f"in the last {days}", f"за последние {days}")}[what.window]
    return names.say(f"Your level follows {english} {when}", f"Уровень зависит от {russian} {when}")


def measured(count: int, what: Levels, names: Names) -> str:
    """So much of what the levels measure, after «от» or «ещё до»."""
    if what.measure == "visits":
        return names.up_to(count, "purchases")
    return names.up_to(count, "points" if what.measure == "points" else "money")


def _threshold(level: Level, what: Levels, names: Names) -> str:
    if not level.threshold:
        return names.say("from the beginning", "с самого начала")
    return names.say(f"from {measured(level.threshold, what, names)} on", f"от {measured(level.threshold, what, names)}")


def _gives(level: Level, rules: "ProgramRules", names: Names) -> str:
    given = []
    if level.earn_points is not None:
        step, gain = names.money(rules.earn_per_minor), names.amount(level.earn_points, rules.unit)
        given.append(names.say(f"{gain} for every {step}", f"{gain} за каждые {step}"))
    if level.discount_bp:
        given.append(names.say(f"{names.percent(level.discount_bp)} off", f"скидка {names.percent(level.discount_bp)}"))
    if level.largest_share_bp is not None:
        share = names.percent(level.largest_share_bp)
        given.append(names.say(f"up to {share} of a receipt paid from the card", f"оплата с карты до {share} чека"))
    if perks := level.perks.in_(names.language).rstrip("."):
        given.append(perks)
    return ", ".join(given) or names.say("what everybody gets", "то же, что у всех")


def favourite(what: Favourite | None, names: Names) -> list[str]:
    if what is None:
        return []
    share, days = names.percent(what.discount_bp), names.days(what.days)
    again = names.days(what.again_days)
    return [names.say(f"Your favourite product, which you choose, is {share} off for {days}; another can be chosen after {again}.",
                      f"На любимый товар, который выбираете вы, — скидка {share} на {days}; сменить его можно через {again}.")]


def offers(what: Offers | None, names: Names) -> list[str]:
    if what is None:
        return []
    goods = words.counted(what.count, names.language, ("product", "products"), ("товар", "товара", "товаров"))
    share, days, fresh = names.percent(what.discount_bp), names.days(what.days), names.percent(what.new_share_bp)
    return [names.say(f"Personal offers: {goods} at {share} off for {days}, then others; {fresh} of them new to you.",
                      f"Личные предложения: {goods} со скидкой {share} на {days}, потом другие; новых для вас среди них — {fresh}.")]


def referral(what: Referral | None, names: Names) -> list[str]:
    if what is None:
        return []
    giver, friend = names.amount(what.giver, what.unit), names.amount(what.friend, what.unit)
    least = names.money(what.least_minor) if what.least_minor else ""
    after, most = names.days(what.settle_days), names.up_to(what.a_month, "friends")
    return [names.say(f"Bring a friend: {giver} for you and {friend} for the friend, {after} after the friend's first purchase"
                      f"{f' of {least} or more' if least else ''}; up to {most} in 30{words.SPACE}days.",
                      f"Приведите друга: {giver} вам и {friend} другу, через {after} после его первой покупки"
                      f"{f' от {least}' if least else ''}; не больше {most} за 30{words.SPACE}дней.")]
