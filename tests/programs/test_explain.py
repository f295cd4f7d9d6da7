"""What a shopper is told about every kind of rule, in both languages, and that nothing in the settings goes unsaid."""
import msgspec
import pytest
from msgspec.structs import fields, replace

from app.programs import terms as t
from app.programs import words
from app.programs.explain import brief, explain, headline
from app.programs.explain_parts import Called
from app.programs.kinds import KINDS
from app.programs.rules import ProgramRules
from app.programs.terms import Said

POINTS = ProgramRules(earn_points=5, earn_per_minor=10_000, worth_minor=100, earn_mode="whole_steps", largest_share_bp=3000)
COFFEE = {"coffee": Said("A coffee", "Кофе"), "bun": Said("A bun", "Булочка")}
NOTHING = ProgramRules()


def plain(rules: ProgramRules, language: str, currency: str = "RUB") -> list[str]:
    return [sentence.replace(words.SPACE, " ") for sentence in explain(rules, currency, language, COFFEE)]


def said_of(rule: t.Rule, language: str, rules: ProgramRules = NOTHING) -> str:
    """The one sentence that a rule adds."""
    before = plain(rules, language)
    [added] = [sentence for sentence in plain(replace(rules, rules=(rule,)), language) if sentence not in before
               and not sentence.startswith(("Points", "Баллы", "Баллами", "1 ", "Purchases", "За покупки"))]
    return added


def rule(effect: t.Effect, starts_on: str | None = None, ends_on: str | None = None, caps: t.Caps | None = None,
         exclusive: bool = False, **when) -> t.Rule:
    return t.Rule("key", Said("name"), effect, t.When(**when), starts_on, ends_on, exclusive=exclusive, caps=caps or t.Caps())


def test_the_example_of_every_shop_is_said_in_four_sentences():
    assert plain(POINTS, "en") == [
        "Every full 100 ₽ you pay gives 5 points.", "1 point is 1 ₽ off.", "Points can pay for up to 30% of a receipt.",
        "Points live 365 days; the oldest are spent first."]
    assert plain(POINTS, "ru") == [
        "За каждые полные 100 ₽ — 5 баллов.", "1 балл — 1 ₽ скидки.", "Баллами можно оплатить до 30 % чека.",
        "Баллы живут 365 дней; первыми тратятся самые старые."]


SILVER = t.Level("silver", Said("Silver", "Серебро"), 3_000_000, 7, 500, 5_000, Said("A coffee on your birthday", "Кофе в день рождения"))
PARTS = [
    (ProgramRules(unit="money", earn_points=500, worth_minor=1), [
        "5% of what you pay comes back to your card.", "The money on your card can pay for a whole receipt.",
        "The money stays on the card for 365 days; the oldest is spent first."], [
        "5 % от суммы покупки возвращаются на карту.", "Деньгами с карты можно оплатить весь чек.",
        "Деньги живут на карте 365 дней; первыми тратятся самые старые."]),
    (ProgramRules(discount_bp=750), ["7.5% off every purchase."], ["Скидка 7,5 % на каждую покупку."]),
    (ProgramRules(levels=t.Levels((t.Level("basic", Said("Basic", "Базовый"), 0), SILVER), window="rolling", grace_days=30)), [
        "1 point is 1 ₽ off.", "Points can pay for a whole receipt.", "Points live 365 days; the oldest are spent first.",
        "Your level follows what you spend in the last 365 days.", "“Basic” from the beginning: what everybody gets.",
        "“Silver” from 30 000 ₽ on: 7 points for every 100 ₽, 5% off, up to 50% of a receipt paid from the card, "
        "A coffee on your birthday.", "A level that is no longer reached is kept for 30 days."], [
        "1 балл — 1 ₽ скидки.", "Баллами можно оплатить весь чек.", "Баллы живут 365 дней; первыми тратятся самые старые.",
        "Уровень зависит от суммы покупок за последние 365 дней.", "«Базовый» с самого начала: то же, что у всех.",
        "«Серебро» от 30 000 ₽: 7 баллов за каждые 100 ₽, скидка 5 %, оплата с карты до 50 % чека, Кофе в день рождения.",
        "Уровень, на который уже не хватает, сохраняется ещё 30 дней."]),
    (ProgramRules(stamps=t.Stamps(t.Conversion(6, ("coffee",)), first=2)), [
        "Every purchase brings a stamp.", "6 stamps become a voucher by themselves: “A coffee”; it can be used for 90 days.",
        "2 stamps are on a new card from the beginning."], [
        "Каждая покупка — штамп.", "6 штампов сами превращаются в купон: «Кофе»; он действует 90 дней.",
        "2 штампа на новой карте стоят сразу."]),
    (ProgramRules(stamps=t.Stamps(t.Conversion(10, ("coffee", "bun"), carry_over=False), by="item", categories=("coffee",),
                                  most_a_receipt=2, days=180)), [
        "Every piece of coffee brings a stamp, at most 2 stamps a purchase.",
        "10 stamps become a voucher by themselves: “A coffee” or “A bun”, your choice; it can be used for 90 days.",
        "What is above that is not kept.", "A stamp lives 180 days."], [
        "Каждая штука (coffee) — штамп, но не больше 2 штампов за покупку.",
        "10 штампов сами превращаются в купон на выбор: «Кофе» или «Булочка»; он действует 90 дней.",
        "Излишек при этом не сохраняется.", "Штамп живёт 180 дней."]),
    (ProgramRules(visits=t.Visits((t.Package("ten", Said("Ten", "Десять"), 10, 500_000, 60),), a_day=1, freeze_days=14, freeze_times=2)), [
        "Visits paid beforehand: “Ten” — 10 visits, 5 000 ₽, for 60 days.", "At most 1 visit a day.",
        "They can be frozen for 14 days in all, at most 2 times."], [
        "Посещения вперёд: «Десять» — 10 посещений, 5 000 ₽, на 60 дней.", "Не больше 1 посещения в день.",
        "Их можно заморозить, в общей сложности на 14 дней, не больше 2 раз."]),
    (ProgramRules(discount_bp=1_000, membership=t.Membership((t.Plan("year", Said("Year", "Год"), 365, 300_000),), 14, 300,
                                                             Said("Free delivery", "Бесплатная доставка"))), [
        "Membership: “Year” — 365 days, 3 000 ₽. Paying before the end adds to it.", "The first 14 days are free.",
        "Members get: Free delivery.", "The benefits hold while it lasts; outside of it there is 3% off.", "10% off every purchase."], [
        "Членство: «Год» — 365 дней, 3 000 ₽. Продление до окончания прибавляется к сроку.", "Пробный период: 14 дней бесплатно.",
        "Участникам: Бесплатная доставка.", "Преимущества действуют, пока есть членство; без него — скидка 3 %.",
        "Скидка 10 % на каждую покупку."]),
    (ProgramRules(unit="money", worth_minor=1, gift=t.Gift((100_000, 200_000), days=None)), [
        "A gift card of 1 000 ₽ or 2 000 ₽.", "Its money never expires; what a purchase leaves stays on the card.",
        "The money on your card can pay for a whole receipt."], [
        "Подарочная карта на 1 000 ₽ или 2 000 ₽.", "Деньги на ней не сгорают; остаток после покупки остаётся на карте.",
        "Деньгами с карты можно оплатить весь чек."]),
    (ProgramRules(charity=t.Charity(Said("Kind hands", "Добрые руки"), 1_000, 100)), [
        "With every purchase we give 10 ₽ and 1% of what you pay to the fund “Kind hands”."], [
        "С каждой покупки мы отдаём 10 ₽ и 1 % от оплаченного в фонд «Добрые руки»."]),
    (ProgramRules(club=t.Club("points", "regulars", 500)), [
        "A closed club for those who reached 500 points in “regulars”."], [
        "Закрытый клуб: вступить может тот, кто набрал 500 баллов в программе «regulars»."]),
    (ProgramRules(referral=t.Referral(3, 1, "stamps", 30_000)), [
        "Bring a friend: 3 stamps for you and 1 stamp for the friend, 14 days after the friend's first purchase of 300 ₽ or more; "
        "up to 10 friends in 30 days."], [
        "Приведите друга: 3 штампа вам и 1 штамп другу, через 14 дней после его первой покупки от 300 ₽; не больше 10 друзей за 30 дней."]),
    (ProgramRules(offers=t.Offers(), favourite=t.Favourite(again_days=2)), [
        "Your favourite product, which you choose, is 10% off for 30 days; another can be chosen after 2 days.",
        "Personal offers: 5 products at 10% off for 5 days, then others; 40% of them new to you."], [
        "На любимый товар, который выбираете вы, — скидка 10 % на 30 дней; сменить его можно через 2 дня.",
        "Личные предложения: 5 товаров со скидкой 10 % на 5 дней, потом другие; новых для вас среди них — 40 %."]),
]


@pytest.mark.parametrize(("rules", "english", "russian"), PARTS)
def test_every_part_is_said_in_plain_words(rules, english, russian):
    assert plain(rules, "en") == english
    assert plain(rules, "ru") == russian


LIVES = [
    ({"lot_end": "month"}, "Points end with the month in which 365 days have passed.",
     "Баллы действуют 365 дней и ещё до конца этого месяца."),
    ({"lot_end": "year", "lot_days": 0}, "Points end with the year of the purchase.", "Баллы действуют до конца года покупки."),
    ({"lot_end": "activity"}, "Points live 365 days from your last purchase.", "Баллы живут 365 дней с последней покупки."),
    ({"fades": (t.Fade(7, 5_000),), "lot_days": 14}, "Points end in parts: 50% after 7 days, the rest after 14 days.",
     "Баллы сгорают частями: 50 % через 7 дней, остальные через 14 дней."),
    ({"lot_days": None}, "Points never expire.", "Баллы не сгорают."),
    ({"pending_days": 14}, "Points from a purchase can be spent after 14 days.", "Баллы за покупку можно тратить через 14 дней."),
    ({"warn_days": (10, 1)}, "A reminder comes 10 days and 1 day before an end.", "О сгорании напомним за 10 дней и 1 день."),
    ({"warn_days": ()}, "No reminder is sent before they end.", "О сгорании мы не напоминаем."),
    ({"smallest_redeem": 100, "redeem_step": 50}, "They can be spent from 100 points on, in steps of 50 points.",
     "Списать можно от 100 баллов, шагами по 50 баллов."),
    ({"convert": t.Conversion(200, ("bun",))}, "200 points become a voucher by themselves: “A bun”; it can be used for 90 days.",
     "200 баллов сами превращаются в купон: «Булочка»; он действует 90 дней."),
    ({"refund_debt": "waived"}, "When a purchase is returned, what you have already spent of its gain is not asked back.",
     "При возврате покупки уже потраченное начисление не взыскивается."),
]


@pytest.mark.parametrize(("change", "english", "russian"), LIVES)
def test_what_happens_to_points_is_said(change, english, russian):
    changed = replace(POINTS, **change)
    assert english in plain(changed, "en") and russian in plain(changed, "ru")


RULES = [
    (rule(t.Multiply(20_000), "2026-12-01", "2026-12-31", weekdays=(1, 2, 3, 4, 5), time_from="08:00", time_to="11:00",
          categories=("coffee",)),
     "From 1 to 31 December, on weekdays from 8:00 to 11:00, coffee gives double points.",
     "С 1 по 31 декабря, по будням с 8:00 до 11:00, за coffee — двойные баллы."),
    (rule(t.Multiply(20_000), "2026-12-01", "2026-12-31", weekdays=(5, 4, 3, 2, 1), time_from="08:00", time_to="11:00",
          categories=("кофе",)),
     "From 1 to 31 December, on weekdays from 8:00 to 11:00, кофе gives double points.",
     "С 1 по 31 декабря, по будням с 8:00 до 11:00, за кофе — двойные баллы."),
    (rule(t.Multiply(15_000), "2026-11-28", "2027-01-07", categories=("выпечка", "напитки")),
     "From 28 November 2026 to 7 January 2027, выпечка and напитки give points times 1.5.",
     "С 28 ноября 2026 по 7 января 2027, за товары раздела «выпечка» и «напитки» — баллы × 1,5."),
    (rule(t.Discount(share_bp=1_000), weekdays=(6, 7), amount_from=100_000, caps=t.Caps(receipt=50_000, day=100_000)),
     "At weekends, for a receipt of 1 000 ₽ or more, 10% off the whole receipt, at most 500 ₽ a purchase and 1 000 ₽ a day.",
     "По выходным, при чеке от 1 000 ₽, скидка 10 % на весь чек, не больше 500 ₽ за покупку и 1 000 ₽ в день."),
    (rule(t.Discount(amount_minor=5_000), favourite=True, exclusive=True),
     "50 ₽ off your favourite product, not together with other offers of this sort.",
     "Скидка 50 ₽ на любимый товар, не суммируется с другими такими предложениями."),
    (rule(t.Discount(share_bp=2_000), skus=("night",), quantity_from=3),
     "20% off articles night from the 3rd piece on.", "Скидка 20 % на артикулы night начиная с 3-й штуки."),
    (rule(t.BuyGet(2, 1), categories=("coffee",), ends_on="2026-12-31"),
     "Until 31 December 2026, of every 3 pieces of coffee the cheapest is free.",
     "До 31 декабря 2026 включительно, из каждых 3 штук (coffee) самая дешёвая — в подарок."),
    (rule(t.BuyGet(1, 1, 5_000)), "Of every 2 pieces the cheapest is 50% off.", "Из каждых 2 штук самая дешёвая — со скидкой 50 %."),
    (rule(t.Earn(50), weekdays=(1, 3), time_from="18:00", caps=t.Caps(person=21)),
     "On Mondays and Wednesdays from 18:00 on, every purchase gives 50 points, at most 21 points a person.",
     "По понедельникам и средам с 18:00, за покупку — 50 баллов, не больше 21 балла на человека."),
    (rule(t.Earn(100, days=14), birthday_before=7, birthday_after=1),
     "From 7 days before your birthday to 1 day after it, every purchase gives 100 points, to be spent within 14 days.",
     "За 7 дней до дня рождения и ещё 1 день после него, за покупку — 100 баллов, они действуют 14 дней."),
    (rule(t.Earn(1, "stamps", each=True), event="review"), "A review gives 1 stamp each time.",
     "За отзыв — 1 штамп за каждый раз."),
    (rule(t.GiveVoucher("coffee", 21), event="absent", event_days=30),
     "After 30 days without a visit you get a voucher for “A coffee” for 21 days.",
     "Если вас не было 30 дней — купон: «Кофе» на 21 день."),
    (rule(t.GiveVoucher("bun"), event="activated"), "Activating the card gives a voucher for “A bun”.",
     "За активацию карты — купон: «Булочка»."),
    (rule(t.GiveReward("bun"), first_purchase=True, channels=("web", "app")),
     "On our site or in the app, the first purchase gives “A bun” at once.",
     "На нашем сайте или в приложении, за первую покупку — «Булочка» сразу."),
    (rule(t.EarnRate(3, 10_000), tenders=("card",), promo="autumn"),
     "Paying with a bank card, with a promo code, every purchase gives 3 points more for every 100 ₽.",
     "При оплате банковской картой, с промокодом, за покупку — ещё 3 балла за каждые 100 ₽."),
]


@pytest.mark.parametrize(("rule_", "english", "russian"), RULES)
def test_every_rule_is_one_sentence(rule_, english, russian):
    assert said_of(rule_, "en").replace(words.SPACE, " ") == english
    assert said_of(rule_, "ru").replace(words.SPACE, " ") == russian


def test_a_paused_rule_is_not_promised():
    paused = replace(rule(t.Multiply(20_000)), paused=True)
    assert explain(replace(POINTS, rules=(paused,)), "RUB", "en") == explain(POINTS, "RUB", "en")


def test_a_rule_with_a_level_calls_it_by_its_name():
    rules = PARTS[2][0]
    assert said_of(rule(t.Discount(share_bp=500), levels=("silver",)), "ru", rules).replace(words.SPACE, " ") == \
        "На уровне «Серебро», скидка 5 % на весь чек."


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_short_form_has_three_sentences_and_never_loses_the_gift(language):
    long = replace(POINTS, welcome_points=50, pending_days=3)
    assert brief(long, "RUB", language)[:2] == explain(long, "RUB", language)[:2]
    assert len(brief(long, "RUB", language)) == 3 and "50" in brief(long, "RUB", language)[2]


def test_a_headline_says_what_a_purchase_gives():
    assert [headline(rules, "JPY", "en") for rules in (replace(POINTS, earn_per_minor=100), PARTS[0][0], PARTS[1][0], PARTS[3][0])] == [
        f"5{words.SPACE}points for every ¥100", "5% back on every purchase", "7.5% off every purchase",
        f"6{words.SPACE}stamps make a gift"]
    assert [headline(KINDS[kind].rules("RUB"), "RUB", "ru") for kind in ("cumulative", "charity", "visits", "gift", "coupon")] == [
        f"Скидка до 10{words.SPACE}%", "Каждая покупка помогает фонду «Название фонда»",
        f"10{words.SPACE}посещений за 4{words.SPACE}500{words.SPACE}₽", None, None]


# What a shopper is not told: the shop's own workings, names that only rules use, and the colour of a card.
UNSAID = {"undo_minutes", "four_eyes_over", "confirm_redeem_over", "Rule.key", "Rule.name", "Rule.priority", "Level.key",
          "Level.background", "Package.key", "Plan.key"}
LINE = t.Rule("line", Said("x"), t.Earn(10), t.When())
BASES = {
    "Conversion": (replace(POINTS, convert=t.Conversion(200, ("coffee",))), "convert"),
    "Fade": (replace(POINTS, fades=(t.Fade(7, 5_000),)), "fades"),
    "Levels": (PARTS[2][0], "levels"), "Level": (PARTS[2][0], "levels.levels"),
    "Stamps": (replace(PARTS[4][0], stamps=replace(PARTS[4][0].stamps, by="sum", per_minor=30_000)), "stamps"),
    "Visits": (PARTS[5][0], "visits"), "Package": (PARTS[5][0], "visits.packages"),
    "Membership": (PARTS[6][0], "membership"), "Plan": (PARTS[6][0], "membership.plans"),
    "Gift": (ProgramRules(unit="money", worth_minor=1, gift=t.Gift()), "gift"),
    "Charity": (PARTS[8][0], "charity"), "Club": (PARTS[9][0], "club"), "Referral": (PARTS[10][0], "referral"),
    "Offers": (PARTS[11][0], "offers"), "Favourite": (PARTS[11][0], "favourite"),
    "Rule": (replace(POINTS, rules=(LINE,)), "rules"), "When": (replace(POINTS, rules=(LINE,)), "rules.when"),
    "Caps": (replace(POINTS, rules=(LINE,)), "rules.caps"),
    **{kind.__name__: (replace(POINTS, rules=(replace(LINE, effect=effect),)), "rules.effect") for kind, effect in (
        (t.Earn, t.Earn(10)), (t.EarnRate, t.EarnRate(1, 10_000)), (t.Multiply, t.Multiply(20_000)), (t.BuyGet, t.BuyGet(2, 1)),
        (t.Discount, t.Discount(amount_minor=500)), (t.GiveVoucher, t.GiveVoucher("coffee")), (t.GiveReward, t.GiveReward("coffee")))},
}
OTHER = {
    "unit": "money", "earn_mode": "proportional", "refund_debt": "waived", "lot_end": "month", "warn_days": (5,),
    "fades": (t.Fade(3, 1_000),),
    "convert": t.Conversion(50, ("bun",)), "rewards": ("bun",), "reward": "bun", "starts_on": "2026-12-01", "ends_on": "2026-12-02",
    "weekdays": (2,), "time_from": "07:30", "time_to": "09:45", "locations": (1,), "channels": ("web",), "tenders": ("cash",),
    "levels": None, "segments": ("a",), "promo": "p", "event": "review", "program": "other", "by": "visit", "measure": "visits",
    "window": "year", "categories": ("tea",), "skus": ("A1",), "effect": t.Multiply(30_000), "when": t.When(first_purchase=True),
    "caps": t.Caps(day=7), "background": "#000000", "packages": (), "plans": (), "amounts": (70_000,), "card": t.Conversion(9, ("bun",)),
}
PART_OTHER = {"When.levels": ("gold",), "Levels.levels": (SILVER,), "ProgramRules.levels": PARTS[2][0].levels, "Club.by": "invitation",
              "ProgramRules.stamps": PARTS[3][0].stamps, "ProgramRules.visits": PARTS[5][0].visits, "Earn.unit": "stamps",
              "ProgramRules.membership": PARTS[6][0].membership, "ProgramRules.gift": t.Gift(), "ProgramRules.charity": PARTS[8][0].charity,
              "ProgramRules.club": t.Club(), "ProgramRules.referral": PARTS[10][0].referral, "ProgramRules.offers": t.Offers(),
              "ProgramRules.favourite": t.Favourite(), "ProgramRules.rules": (LINE,), "When.event_days": None}


def changed(value: object) -> object:
    """Another value of the same sort."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 7
    if isinstance(value, Said):
        return Said("Other", "Другое")
    return 7 if value is None else f"{value}x"


def another(kind: str, name: str, value: object) -> object:
    key = f"{kind}.{name}"
    return PART_OTHER[key] if key in PART_OTHER else OTHER[name] if name in OTHER else changed(value)


def put(struct, path: list[str], name: str, kind: str):
    """`struct` with `name` of the part at `path` changed; of several parts the last one."""
    if not path:
        return replace(struct, **{name: another(kind, name, getattr(struct, name))})
    inner = getattr(struct, path[0])
    if isinstance(inner, tuple):
        return replace(struct, **{path[0]: (*inner[:-1], put(inner[-1], path[1:], name, kind))})
    return replace(struct, **{path[0]: put(inner, path[1:], name, kind)})


FIELDS = [("ProgramRules", POINTS, "", field.name) for field in fields(ProgramRules)] + [
    (kind, base, path, field.name) for kind, (base, path) in BASES.items() for field in fields(getattr(t, kind))]


@pytest.mark.parametrize(("kind", "base", "path", "name"), FIELDS, ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("language", ["en", "ru"])
def test_nothing_in_the_settings_goes_unsaid(kind, base, path, name, language):
    if kind == "When" and name == "event_days":     # only together with the event
        base, path = replace(POINTS, rules=(replace(LINE, when=t.When(event="absent", event_days=5)),)), "rules.when"
    other = put(base, path.split(".") if path else [], name, kind)
    assert other != base
    is_same = plain(other, language) == plain(base, language)
    assert is_same == (name in UNSAID or f"{kind}.{name}" in UNSAID)


def test_every_part_of_the_rules_is_walked_through():
    parts = {kind.__name__ for kind in vars(t).values() if isinstance(kind, type) and issubclass(kind, msgspec.Struct)}
    assert parts - {"_Part", "Said"} == set(BASES)


def test_places_groups_and_promo_codes_are_called_by_name_where_the_reader_may_know_them():
    called = Called({1: Said("Pushkin Street", "Пушкинская"), 2: Said("Central station", "Вокзал")}, {"vip": "VIP"}, {"radio": "Radio"})

    def said(language: str, called: Called | None = called, **when) -> str:
        rules = replace(NOTHING, rules=(rule(t.Earn(20), **when),))
        return next(each for each in explain(rules, "RUB", language, None, called) if "20" in each)

    assert said("en", locations=(1, 2)).startswith("At “Pushkin Street” or “Central station”, ")
    assert said("ru", locations=(1, 2)).startswith("В точках «Пушкинская» или «Вокзал», за ")
    assert said("ru", locations=(2,)).startswith("В точке «Вокзал», ")
    assert said("en", segments=("vip",)).startswith("For “VIP”, ") and said("ru", segments=("vip",)).startswith("Для группы «VIP», ")
    assert said("en", promo="radio").startswith("With a promo code “Radio”, ")
    # One that has no name here, many of them, or a reader who may know none: as before.
    for unknown in ({"locations": (1, 3)}, {"locations": (1, 2, 1, 2, 1, 2)}):
        assert said("en", **unknown).startswith("In some of our places, ")
    assert said("en", None, segments=("vip",)).startswith("For chosen customers, ")
    assert said("en", None, promo="radio").startswith("With a promo code, ")
