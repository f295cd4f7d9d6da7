"""One sentence for each rule: when it holds, what it does, and how much at most."""
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

from app.programs import words
from app.programs.explain_parts import Names, goods_of
from app.programs.terms import BuyGet, Caps, Discount, Earn, EarnRate, Effect, Fade, GiveReward, GiveVoucher, Multiply, Rule, When

if TYPE_CHECKING:
    from app.programs.rules import ProgramRules

WEEKDAYS = {"en": ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays"),
            "ru": ("понедельникам", "вторникам", "средам", "четвергам", "пятницам", "субботам", "воскресеньям")}
CHANNELS = {"till": ("at the till", "на кассе"), "web": ("on our site", "на нашем сайте"), "app": ("in the app", "в приложении")}
TENDERS = {"cash": ("cash", "наличными"), "card": ("a bank card", "банковской картой"), "prepaid": ("a gift card", "подарочной картой")}
EVENTS = {"review": ("a review", "за отзыв"), "referral": ("a friend who came through you", "за друга, который пришёл от вас"),
          "birthday": ("your birthday", "ко дню рождения"), "activated": ("activating the card", "за активацию карты")}
_EACH_TIME, _EACH_PIECE = (" each time", " за каждый раз"), (" a piece", " за каждую штуку")
NAMED_PLACES = 5
TIMES = {20_000: ("double", "двойные", "двойной"), 30_000: ("triple", "тройные", "тройной")}


def sentences(rules: "ProgramRules", names: Names) -> list[str]:
    """The rules that are not paused, in the order in which they stand."""
    return [sentence(rule, rules, names) for rule in rules.rules if not rule.paused]


def fills(effect: Effect, unit: str) -> bool:
    """Whether this puts something into the balance of the programme's unit by itself."""
    return isinstance(effect, EarnRate) or (isinstance(effect, Earn) and effect.unit == unit)


def sentence(rule: Rule, rules: "ProgramRules", names: Names) -> str:
    """"On weekdays from 8:00 to 11:00, coffee gives double points."; «По будням с 8:00 до 11:00, за кофе — двойные баллы.»"""
    conditions = [words.span(_day(rule.starts_on), _day(rule.ends_on), names.language), *_conditions(rule.when, rules, names)]
    limits = [_caps(rule.caps, _counted_in(rule.effect, rules), names)]
    if rule.exclusive:
        limits.append(names.say("not together with other offers of this sort", "не суммируется с другими такими предложениями"))
    return words.sentence(*conditions, effect(rule, rules, names), *limits)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _conditions(when: When, rules: "ProgramRules", names: Names) -> list[str]:
    """What must hold, apart from which goods it is about."""
    known = {level.key: level.name for level in rules.levels.levels} if rules.levels else {}
    levels = [names.quoted(known[key]) if key in known else words.quoted(key, names.language) for key in when.levels]
    said = [_times(when, names)]
    if when.locations:
        said.append(_places(when, names))
    if when.channels:
        said.append(words.listed([_word(CHANNELS, key, names) for key in when.channels], names.language, choice=True))
    if when.tenders:
        by = words.listed([_word(TENDERS, key, names) for key in when.tenders], names.language, choice=True)
        said.append(names.say(f"paying with {by}", f"при оплате {by}"))
    said.append(_amounts(when, names))
    if levels:
        some = words.listed(levels, names.language, choice=True)
        said.append(names.say(f"on the level {some}", f"на уровне {some}"))
    if when.segments:
        groups = names.one_of([names.called.segments.get(key) for key in when.segments])
        said.append(names.say(f"for {groups}" if groups else "for chosen customers",
                              f"для группы {groups}" if groups else "для избранных покупателей"))
    said.append(_birthday(when, names))
    if when.first_purchase and _has_goods(when):
        said.append(names.say("with the first purchase", "при первой покупке"))
    if when.promo:
        batch = names.one_of([names.called.batches.get(when.promo)])
        said.append(names.say("with a promo code", "с промокодом") + (f" {batch}" if batch else ""))
    return said


def _places(when: When, names: Names) -> str:
    """Where: by name where there are a few names that are known."""
    known = [names.called.places.get(place) for place in when.locations]
    some = names.one_of([place.in_(names.language) if place else None for place in known]) if len(known) <= NAMED_PLACES else ""
    return f"{names.say('at', 'в точке' if len(known) == 1 else 'в точках')} {some}" if some else names.say(
        "in some of our places", "в некоторых наших точках")


def _word(known: Mapping[str, tuple[str, str]], key: str, names: Names) -> str:
    return names.say(*known[key]) if key in known else words.quoted(key, names.language)


def _times(when: When, names: Names) -> str:
    """Weekdays and hours in one breath."""
    said = []
    days = tuple(sorted(set(when.weekdays)))
    if days == (1, 2, 3, 4, 5):
        said.append(names.say("on weekdays", "по будням"))
    elif days == (6, 7):
        said.append(names.say("at weekends", "по выходным"))
    elif days:
        named = words.listed([WEEKDAYS["ru" if names.language == "ru" else "en"][day - 1] for day in days], names.language)
        said.append(names.say(f"on {named}", f"по {named}"))
    start, end = _hour(when.time_from), _hour(when.time_to)
    if start and end:
        said.append(names.say(f"from {start} to {end}", f"с {start} до {end}"))
    elif start:
        said.append(names.say(f"from {start} on", f"с {start}"))
    elif end:
        said.append(names.say(f"until {end}", f"до {end}"))
    return " ".join(said)


def _hour(text: str | None) -> str:
    """"08:00" as people say it, "8:00"."""
    return (text.removeprefix("0") if not text.startswith("00") else text[1:]) if text else ""


def _amounts(when: When, names: Names) -> str:
    least = names.money(when.amount_from) if when.amount_from is not None else ""
    most = names.money(when.amount_to) if when.amount_to is not None else ""
    if least and most:
        return names.say(f"for a receipt of {least} to {most}", f"при чеке от {least} до {most}")
    if least:
        return names.say(f"for a receipt of {least} or more", f"при чеке от {least}")
    return names.say(f"for a receipt of up to {most}", f"при чеке до {most}") if most else ""


def _birthday(when: When, names: Names) -> str:
    before, after = when.birthday_before, when.birthday_after
    if before is None and after is None:
        return ""
    if not before and not after:
        return names.say("on your birthday", "в день рождения")
    if before and after:
        return names.say(f"from {names.days(before)} before your birthday to {names.days(after)} after it",
                         f"за {names.days(before)} до дня рождения и ещё {names.days(after)} после него")
    if before:
        return names.say(f"on your birthday and {names.days(before)} before it", f"за {names.days(before)} до дня рождения и в этот день")
    return names.say(f"on your birthday and {names.days(after or 0)} after it", f"в день рождения и {names.days(after or 0)} после него")


def _has_goods(when: When) -> bool:
    return bool(when.favourite or when.categories or when.skus)


def _goods(when: When, names: Names) -> str:
    """The goods that a rule is about, "" for the whole receipt; Russian: to stand after «за» or «на»."""
    if when.first_purchase and not _has_goods(when):
        return names.say("the first purchase", "первую покупку")
    if when.favourite:
        return names.say("your favourite product", "любимый товар")
    if names.language == "ru" and when.categories and not all(map(_is_accusative, when.categories)):
        quoted = words.listed([words.quoted(name, "ru") for name in when.categories], "ru")
        return f"товары раздела {quoted}" + (f" и {goods_of((), when.skus, names)}" if when.skus else "")
    return goods_of(when.categories, when.skus, names)


def _is_accusative(name: str) -> bool:
    """Whether a category's word stands after «за» as it is: all but those whose first word ends in а or я, which would have to bend."""
    return not name.split()[0].lower().endswith(("а", "я")) if name.split() else False


def _from_piece(when: When, names: Names) -> str:
    if when.quantity_from is None or when.quantity_from <= 1:
        return ""
    ordinal = {2: "2nd", 3: "3rd"}.get(when.quantity_from, f"{when.quantity_from}th")
    return names.say(f" from the {ordinal} piece on", f" начиная с {when.quantity_from}-й штуки")


def effect(rule: Rule, rules: "ProgramRules", names: Names) -> str:
    """What a rule gives, without when."""
    what, when = rule.effect, rule.when
    if when.event is not None:
        return _after_event(what, when, rules, names)
    if isinstance(what, Discount):
        return _discount(what, when, names)
    if isinstance(what, BuyGet):
        return _buy_get(what, when, names)
    goods, piece = _goods(when, names), _from_piece(when, names)
    if names.language == "ru":
        return f"за {goods or 'покупку'}{piece} — {_gain(what, when, rules, names)}"
    several = len(when.categories) + len(when.skus) > 1 or (goods.endswith("s") and not goods.endswith("ss"))
    return f"{goods or 'every purchase'}{piece} {'give' if several else 'gives'} {_gain(what, when, rules, names)}"


def _after_event(effect: Effect, when: When, rules: "ProgramRules", names: Names) -> str:
    """Something that happened, and what it brings."""
    event, gain = when.event or "", _gain(effect, when, rules, names)
    if event == "absent":
        days = names.days(when.event_days or 0)
        return names.say(f"after {days} without a visit you get {gain}", f"если вас не было {days} — {gain}")
    what = names.say(*EVENTS.get(event, (words.quoted(event, "en"), f"за событие {words.quoted(event, 'ru')}")))
    return names.say(f"{what} gives {gain}", f"{what} — {gain}")


def _gain(effect: Effect, when: When, rules: "ProgramRules", names: Names) -> str:
    """What an effect gives, as the end of a sentence."""
    if isinstance(effect, Earn):
        each = names.say(*(_EACH_TIME if when.event else _EACH_PIECE)) if effect.each else ""
        return names.amount(effect.amount, effect.unit) + each + _life(effect.days, effect.fades, names)
    if isinstance(effect, EarnRate):
        gain, step = names.amount(effect.points, rules.unit), names.money(effect.per_minor)
        return names.say(f"{gain} more for every {step}", f"ещё {gain} за каждые {step}") + _life(effect.days, effect.fades, names)
    if isinstance(effect, Multiply):
        return _times_base(effect, rules, names)
    if isinstance(effect, GiveVoucher):
        voucher = names.reward([effect.reward])
        life = names.say(f" for {names.days(effect.days)}", f" на {names.days(effect.days)}") if effect.days is not None else ""
        return names.say(f"a voucher for {voucher}{life}", f"купон: {voucher}{life}")
    if isinstance(effect, GiveReward):
        return names.say(f"{names.reward([effect.reward])} at once", f"{names.reward([effect.reward])} сразу")
    if isinstance(effect, Discount):
        return names.say(f"{_off(effect, names)} off", f"скидка {_off(effect, names)}")
    return _buy_get(effect, When(), names)


def _life(days: int | None, fades: tuple[Fade, ...], names: Names) -> str:
    said = names.say(f", to be spent within {names.days(days)}", f", они действуют {names.days(days)}") if days is not None else ""
    if fades:
        steps = ", ".join(names.say(f"{names.percent(fade.share_bp)} after {names.days(fade.days)}",
                                    f"{names.percent(fade.share_bp)} через {names.days(fade.days)}") for fade in fades)
        said += names.say(f" (ending in parts: {steps})", f" (сгорают частями: {steps})")
    return said


def _times_base(effect: Multiply, rules: "ProgramRules", names: Names) -> str:
    money = rules.unit == "money"
    if not effect.by_bp:
        return names.say(f"no {'cashback' if money else 'points'}", "кешбэка нет" if money else "баллы не начисляются")
    if effect.by_bp in TIMES:
        english, points, back = TIMES[effect.by_bp]
        return names.say(f"{english} {'cashback' if money else 'points'}", f"{back} кешбэк" if money else f"{points} баллы")
    factor = f"{effect.by_bp / 10_000:.4f}".rstrip("0").rstrip(".")
    factor = names.say(factor, factor.replace(".", ","))
    return names.say(f"{'cashback' if money else 'points'} times {factor}", f"{'кешбэк' if money else 'баллы'} ×{words.SPACE}{factor}")


def _off(effect: Discount, names: Names) -> str:
    return names.percent(effect.share_bp) if effect.share_bp else names.money(effect.amount_minor)


def _discount(effect: Discount, when: When, names: Names) -> str:
    goods, off, piece = _goods(when, names), _off(effect, names), _from_piece(when, names)
    if piece and not goods:
        return names.say(f"{off} off{piece}", f"скидка {off}{piece}")
    if names.language == "ru":
        return f"скидка {off} на {goods or 'весь чек'}{piece}"
    return f"{off} off {goods or 'the whole receipt'}{piece}"


def _buy_get(effect: BuyGet, when: When, names: Names) -> str:
    """"of every 3 pieces of coffee the cheapest is free"."""
    goods, whole = _goods(when, names), names.up_to(effect.buy + effect.get, "pieces")
    free = effect.discount_bp == 10_000
    share = names.percent(effect.discount_bp)
    one = effect.get == 1
    cheap = names.say("the cheapest is" if one else f"the {effect.get} cheapest are",
                      "самая дешёвая" if one else f"самые дешёвые ({effect.get})")
    given = names.say("free" if free else f"{share} off", "в подарок" if free else f"со скидкой {share}")
    return names.say(f"of every {whole}{f' of {goods}' if goods else ''} {cheap} {given}",
                     f"из каждых {whole}{f' ({goods})' if goods else ''} {cheap} — {given}")


def _counted_in(effect: Effect, rules: "ProgramRules") -> str:
    """The unit of a rule's caps."""
    if isinstance(effect, Earn):
        return effect.unit
    if isinstance(effect, EarnRate | Multiply):
        return rules.unit
    return "money" if isinstance(effect, Discount | BuyGet) else "vouchers" if isinstance(effect, GiveVoucher) else "pieces"


def _caps(caps: Caps, unit: str, names: Names) -> str:
    limits = [(caps.receipt, "a purchase", "за покупку"), (caps.day, "a day", "в день"), (caps.person, "a person", "на человека"),
              (caps.campaign, "in all", "на всех")]
    said = [names.say(f"{names.up_to(most, unit)} {english}", f"{names.up_to(most, unit)} {russian}")
            for most, english, russian in limits if most is not None]
    return names.say("at most ", "не больше ") + words.listed(said, names.language) if said else ""
