"""What a cashier can say about a purchase, or about a card before one: short sentences, the most useful first."""
from datetime import datetime, timedelta

from app.clock import local_day
from app.programs import explain_rules, words
from app.programs.explain_parts import Names, measured
from app.programs.terms import BuyGet, Rule
from app.sales import conditions
from app.sales.judgement import Line, Quote
from app.sales.surroundings import Around, Seen

MOST = 5
WEEK = 7
FEW_STAMPS, FEW_VISITS = 2, 2
RENEW_DAYS = 14
NAMED = 3               # goods that one breath can name


def hints(quote: Quote, language: str) -> list[str]:
    """What to say about a purchase, at most five; language: "ru" or anything else for English."""
    names = names_of(quote, language)
    said = [*_of_the_card(quote, names), *_to_hand_out(quote, names), *_to_use(quote, names), *_birthday(quote, names),
            *_stamps(quote, names), *_almost_free(quote, names), *_about_points(quote, names), *_to_next_amount(quote, names),
            *_to_next_step(quote, names), *_to_next_level(quote, names), *_to_name(quote, names), *_ending(quote, names)]
    return said[:MOST]


def about_card(seen: Seen, language: str) -> list[str]:
    """What to say when a card is found, at most five; its status and debt are said by the till."""
    names = names_of(seen, language)
    said = [*_to_use(seen, names), *_birthday(seen, names), *_ending(seen, names), *_stamps(seen, names), *_to_next_level(seen, names),
            *_to_name(seen, names)]
    return said[:MOST]


def names_of(seen: Quote | Seen, language: str) -> Names:
    return Names(seen.currency, language, seen.around.rewards if seen.around else {})


def _of_the_card(quote: Quote, names: Names) -> list[str]:
    """What stands in the way."""
    said = []
    if quote.live_code_needed:
        said.append(names.say("To spend, scan the live code, or ask the shopper to confirm on the card’s page.",
                              "Чтобы списать, отсканируйте живой код или попросите подтвердить на странице карты."))
    if quote.card.status == "provisional":
        said.append(names.say("The card is not activated yet: it collects points and can pay with them once it is.",
                              "Карта ещё не активирована: баллы копятся, тратить их можно после активации."))
    if quote.debt:
        owed = names.amount(quote.debt, quote.rules.unit)
        said.append(names.say(f"The card owes {owed} for a returned purchase; new points repay them first.",
                              f"Долг по возврату — {owed}: новые баллы сначала погасят его."))
    if quote.standing.is_closed:
        said.append(names.say("The programme is closing: it gives nothing for new purchases.",
                              "Программа закрывается: за новые покупки ничего не начисляется."))
    if not quote.standing.is_member:
        said.append(names.say("There is no membership now; one can be bought.", "Членства сейчас нет; его можно оформить."))
    return said


def _to_hand_out(quote: Quote, names: Names) -> list[str]:
    """Gifts that go with this very receipt, and vouchers that it brings."""
    said = []
    for given in quote.judgement.given:
        what = names.reward([given.reward])
        said.append(names.say(f"Hand out with this purchase: {what}.", f"Выдайте вместе с покупкой: {what}.") if given.at_once else
                    names.say(f"This purchase brings a voucher: {what}.", f"За покупку будет купон: {what}."))
    return said


def _to_use(seen: Quote | Seen, names: Names) -> list[str]:
    """Vouchers that wait, the one that ends first by name."""
    around = seen.around
    ready = [voucher for voucher in seen.vouchers if around is None or voucher.starts_at <= around.at]
    if not ready:
        return []
    first, more = names.reward(ready[0].rewards), len(ready) - 1
    until = _day(ready[0].ends_at, around, names) if around and ready[0].ends_at else ""
    end = names.say(f", until {until}" if until else "", f", до {until}" if until else "")
    others = names.say(f" {more} more wait." if more > 1 else " One more waits." if more else "", f" И ещё {more}." if more else "")
    return [names.say(f"A voucher can be used: {first}{end}.{others}", f"Можно использовать купон: {first}{end}.{others}")]


def _birthday(seen: Quote | Seen, names: Names) -> list[str]:
    born, around = seen.standing.birthday, seen.around
    if born is None or around is None:
        return []
    today = local_day(around.at, around.zone)
    if conditions.is_near_birthday(born, today, 0, 0):
        return [names.say("It is their birthday today.", "Сегодня у гостя день рождения.")]
    if conditions.is_near_birthday(born, today, WEEK, 0):
        return [names.say("Their birthday is within a week.", "На этой неделе у гостя день рождения.")]
    return []


def _stamps(seen: Quote | Seen, names: Names) -> list[str]:
    """How many are missing to the gift after this purchase, where it is few, or that the card becomes full."""
    what = seen.rules.stamps
    if what is None:
        return []
    gained = seen.judgement.gained("stamps") if isinstance(seen, Quote) else 0
    total, gift = seen.standing.held.get("stamps", 0) + gained, names.reward(what.card.rewards)
    if total >= what.card.size:
        return [names.say(f"The stamp card is full: a voucher for {gift}.", f"Карта заполнена: будет купон — {gift}.")]
    missing = what.card.size - total
    if missing > FEW_STAMPS:
        return []
    if missing > 1:
        left = names.amount(missing, "stamps")
        return [names.say(f"{left} more and there is a gift: {gift}.", f"Ещё {left} — и подарок: {gift}.")]
    goods = what.categories[0] if what.by == "item" and len(what.categories) == 1 else ""
    english, russian = {"visit": ("purchase", "одна покупка"), "item": (goods or "piece", f"одна штука{f' ({goods})' if goods else ''}"),
                        "sum": ("stamp", "один штамп")}[what.by]
    return [names.say(f"One more {english} and there is a gift: {gift}.", f"Ещё {russian} — и подарок: {gift}.")]


def _almost_free(quote: Quote, names: Names) -> list[str]:
    """Rules "buy X, get Y" that hold now and lack no more pieces than they give."""
    said = []
    for rule in _in_force(quote):
        what = rule.effect
        if not isinstance(what, BuyGet) or quote.around is None:
            continue
        whole = what.buy + what.get
        pieces = sum([line.quantity for line in quote.around.lines if _is_meant(line, rule, quote)])
        missing = -pieces % whole
        if pieces and 0 < missing <= what.get:
            more, gives = names.amount(missing, "pieces"), explain_rules.effect(rule, quote.rules, names)
            said.append(names.say(f"{more} more: {gives}.", f"Ещё {more}: {gives}."))
    return said


def _in_force(quote: Quote) -> list[Rule]:
    """The rules whose conditions this receipt meets, but for its amount and its goods."""
    if quote.around is None or quote.around.receipt is None or not quote.standing.is_member:
        return []
    scene = conditions.Scene(quote.around.receipt, quote.standing, quote.standing.level)
    # The amount is asked with the largest one that there can be: what is missing to it is what is told.
    scene.amount = 10**18
    return [rule for rule in quote.rules.rules if not rule.paused and rule.when.event is None and rule.when.amount_to is None
            and all([question(scene) for question in conditions.questions(rule)])]


def _is_meant(line: Line, rule: Rule, quote: Quote) -> bool:
    when = rule.when
    if when.favourite:
        return line.sku is not None and line.sku == quote.standing.favourite
    return not (when.skus or when.categories) or line.sku in when.skus or line.category in when.categories


def _about_points(quote: Quote, names: Names) -> list[str]:
    judged, said, unit = quote.judgement, [], quote.rules.unit
    least = quote.rules.minimum_receipt_minor
    if judged.amount - judged.discount < least:
        return [names.say(f"The programme counts receipts from {names.money(least)} on.",
                          f"Программа действует для чеков от {names.money(least)}.")]
    if judged.redeemable_points and not judged.points:
        gift, sum_ = names.amount(judged.redeemable_points, unit), names.money(judged.redeemable_minor)
        if unit == "money":
            said.append(names.say(f"{sum_} can be paid from the card.", f"Картой можно оплатить {sum_}."))
        else:
            said.append(names.say(f"{gift} can pay {sum_} of this.", f"Можно списать {gift} — это {sum_}."))
    if judged.to_earn:
        gain = names.amount(judged.to_earn, unit)
        said.append(names.say(f"This purchase brings {gain}.", f"За покупку начислим {gain}."))
    return said


def _to_next_amount(quote: Quote, names: Names) -> list[str]:
    """A rule that begins a little above this receipt: less than a quarter of its amount is missing."""
    total, given = quote.judgement.amount - quote.judgement.discount, {applied.rule for applied in quote.judgement.applied}
    above = [(rule.when.amount_from, rule) for rule in _in_force(quote) if rule.when.amount_from is not None and rule.key not in given]
    near = [(least - total, rule) for least, rule in above if 0 < (least - total) * 4 <= least]
    if not near:
        return []
    missing, rule = min(near, key=lambda pair: pair[0])
    sum_, gives = names.money(missing), explain_rules.effect(rule, quote.rules, names)
    return [names.say(f"Another {sum_} and the receipt gets this: {gives}.", f"Ещё {sum_} — и к чеку добавится: {gives}.")]


def _to_next_step(quote: Quote, names: Names) -> list[str]:
    """How much is missing to the next whole step, where that is less than a quarter of it."""
    rules, step, judged = quote.rules, quote.rules.earn_per_minor, quote.judgement
    if rules.earn_mode != "whole_steps" or not rules.earn_points or judged.amount - judged.discount < rules.minimum_receipt_minor:
        return []
    missing = -quote.judgement.to_pay % step
    if not 0 < missing * 4 <= step:
        return []
    sum_, gain = names.money(missing), names.amount(rules.earn_points, rules.unit)
    return [names.say(f"Another {sum_} would bring {gain} more.", f"Ещё {sum_} — и будет на {gain} больше.")]


def _to_next_level(seen: Quote | Seen, names: Names) -> list[str]:
    """What is missing to the level above, this purchase counted."""
    following = seen.around.next_level if seen.around else None
    if following is None or seen.rules.levels is None:
        return []
    level, gained = names.quoted(following.level.name), seen.judgement.gained("progress") if isinstance(seen, Quote) else 0
    missing = following.missing - gained
    if missing <= 0:
        return [names.say(f"This purchase lifts the card to the level {level}.", f"С этой покупкой карта поднимется на уровень {level}.")]
    left = measured(missing, seen.rules.levels, names)
    return [names.say(f"{left} more to the level {level}.", f"До уровня {level} не хватает {left}.")]


def _to_name(seen: Quote | Seen, names: Names) -> list[str]:
    """What to offer: the favourite product, personal offers."""
    said, standing, called = [], seen.standing, seen.around.goods if seen.around else {}
    if standing.favourite:
        product = called.get(standing.favourite, standing.favourite)
        said.append(names.say(f"Offer the favourite product: {product}.", f"Предложите любимый товар: {product}."))
    elif seen.rules.favourite is not None:
        said.append(names.say("No favourite product is chosen yet: offer to choose one.",
                              "Любимый товар ещё не выбран: предложите выбрать."))
    if standing.offers:
        goods = ", ".join(f"{called.get(sku, sku)} −{names.percent(share)}" for sku, share in list(standing.offers.items())[:NAMED])
        said.append(names.say(f"Personal offers: {goods}.", f"Личные предложения: {goods}."))
    return said


def _ending(seen: Quote | Seen, names: Names) -> list[str]:
    """Points that end, a membership that ends, visits that run out."""
    said, around = [], seen.around
    if around is not None and around.expiring is not None:
        ending, day = names.amount(around.expiring.amount, around.expiring.unit), _day(around.expiring.at, around, names)
        said.append(names.say(f"{ending} can be used until {day}.", f"{ending} можно потратить до {day}."))
    if around is not None and around.member_until is not None and around.member_until - around.at <= timedelta(days=RENEW_DAYS):
        day = _day(around.member_until, around, names)
        said.append(names.say(f"The membership ends on {day}; it can be renewed now.",
                              f"Членство действует до {day}; можно продлить сейчас."))
    if seen.rules.visits is not None and seen.standing.is_member:
        left = seen.standing.held.get("visits", 0) - (seen.judgement.takes.get("visits", 0) if isinstance(seen, Quote) else 0)
        visits = names.amount(max(left, 0), "visits")
        said.append(names.say(f"{visits} left{'; offer a new package' if left <= FEW_VISITS else ''}.",
                              f"Осталось: {visits}{'; предложите новый абонемент' if left <= FEW_VISITS else ''}."))
    return said


def _day(end: datetime, around: Around, names: Names) -> str:
    """The last good day of what ends at a midnight, with the year where it is another one."""
    last = local_day(end - timedelta(milliseconds=1), around.zone)
    return words.day(last, names.language, year=last.year != local_day(around.at, around.zone).year)
