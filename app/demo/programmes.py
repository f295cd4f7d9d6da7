"""The further programmes of the demo's businesses: each a ready-made kind with some of its numbers and words adjusted."""
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from msgspec.structs import replace

from app import secrets
from app.benefits import promo, rewards
from app.benefits.opening import open_program
from app.benefits.rules import RewardWish
from app.benefits.rules import Terms as Batch
from app.clock import local_day
from app.context import Context
from app.db import write_transaction
from app.demo.business import ZONE, Business
from app.designs import service as designs
from app.designs.rules import CardWords, DesignContent
from app.programs import service as programs
from app.programs import tags
from app.programs import terms as t
from app.programs.kinds import KINDS
from app.programs.rules import ProgramRules
from app.programs.terms import Said
from app.questions import editing
from app.questions.rules import BIRTHDAY, CHOICE, DATE, LATER, Choice, QuestionWish
from app.referrals import service as referrals
from app.referrals.rules import CODE_LETTERS
from app.sales import closing
from app.segments import service as segments
from app.standing import baskets

CURRENCY = "RUB"
CLUB_PLACES = 40
PROMO_CODE = "OSEN26"
COUPONS, COUPON_LETTERS = 24, 8


@dataclass(frozen=True, slots=True)
class Wanted:
    """A programme of the demo. words: what the card calls what it counts; gifts: beside those that the kind brings."""

    slug: str
    kind: str
    names: Said
    rules: ProgramRules
    words: Said
    colours: tuple[str, str, str]
    gifts: tuple[RewardWish, ...] = field(default=())


def of_coffee(today: date) -> tuple[Wanted, ...]:
    """Eleven of them, in the order in which the console shows them. today: of the business's zone; campaigns lie around it."""
    return (
        Wanted("coffees", "stamps", Said("Six coffees", "Шесть кофе"), _stamps(), Said("Coffees", "Кофе"),
               ("#3b2417", "#f0d2b4", "#d08a52"), (
                   RewardWish("bun", "product", Said("A cinnamon bun", "Булочка с корицей"), sku="bun", days=30, position=1),)),
        Wanted("circle", "tiers", Said("Coffee circle", "Кофейный круг"), _circle(today), Said("Points", "Баллы"),
               ("#1e2a4a", "#d9c9a3", "#b08d3f"), (
                   RewardWish("beans", "text", Said("A bag of beans, 250 g", "Пачка зерна, 250 г"), unit="points", cost=600, value=45_000,
                              days=30, stock=12, position=0),
                   RewardWish("tasting", "service", Said("A tasting with the roaster", "Дегустация с обжарщиком"), unit="points",
                              cost=400, level="gold", days=60, position=1))),
        Wanted("cashback", "cashback", Said("Coffee cashback", "Кофейный кешбэк"),
               replace(KINDS["cashback"].rules(CURRENCY), pending_days=3), Said("Cashback", "Кешбэк"), ("#15463a", "#cfe8d6", "#5fae7e")),
        Wanted("school", "visits", Said("Barista school", "Школа бариста"), _school(), Said("Lessons", "Занятия"),
               ("#4a1f33", "#f2cfdc", "#c76a8f")),
        Wanted("gift", "gift", Said("Gift card", "Подарочная карта"), KINDS["gift"].rules(CURRENCY), Said("On the card", "На карте"),
               ("#5a1a1a", "#f6dcc0", "#d9a441")),
        Wanted("pass", "membership", Said("Morning pass", "Утренний абонемент"), _pass(), Said("Member", "Участие"),
               ("#0f3d5c", "#cfe3f2", "#4f9bd0")),
        Wanted("coupons", "coupon", Said("Coupons", "Купоны"), KINDS["coupon"].rules(CURRENCY), Said("Coupons", "Купоны"),
               ("#5b3a00", "#ffe3a8", "#e0a526"), (
                   RewardWish("syrup", "text", Said("A syrup of your choice", "Сироп на выбор"), value=4_000, days=14, position=1),)),
        Wanted("good", "charity", Said("A good cup", "Добрая чашка"),
               replace(KINDS["charity"].rules(CURRENCY),
                       charity=t.Charity(Said("Paws, an animal shelter", "Лапы"), 1_000, 100)),
               Said("Given", "Передано"), ("#22402b", "#dbe8c9", "#8ab661")),
        Wanted("roastery", "club", Said("Friends of the roastery", "Друзья обжарки"), KINDS["club"].rules(CURRENCY), Said("Club", "Клуб"),
               ("#17181c", "#d8d2c4", "#a58b5b")),
        Wanted("neighbours", "discount", Said("For the neighbours", "Для соседей"),
               replace(KINDS["discount"].rules(CURRENCY), discount_bp=700), Said("Discount", "Скидка"), ("#3d3a55", "#dcd7f0", "#8f84c9")),
    )


def of_leaf() -> tuple[Wanted, ...]:
    rules = _thresholds(KINDS["cumulative"].rules(CURRENCY), 0, 150_000, 500_000, 2_000_000)
    return (Wanted("growing", "cumulative", Said("Growing discount", "Растущая скидка"), rules, Said("Discount", "Скидка"),
                   ("#20402a", "#e2ecd0", "#7aa65a")),)


def _thresholds(rules: ProgramRules, *thresholds: int) -> ProgramRules:
    """The levels where a month of coffee reaches the middle ones. thresholds: minor units, one for each level."""
    assert rules.levels is not None
    levels = tuple(replace(level, threshold=threshold) for level, threshold in zip(rules.levels.levels, thresholds, strict=True))
    return replace(rules, levels=replace(rules.levels, levels=levels))


def _stamps() -> ProgramRules:
    stamps = t.Stamps(t.Conversion(6, ("gift", "bun"), voucher_days=60), by="item", categories=("кофе",), first=1, most_a_receipt=4)
    return replace(KINDS["stamps"].rules(CURRENCY), stamps=stamps)


def _circle(today: date) -> ProgramRules:
    """Three levels, a campaign that runs and one to come, happy hours, a birthday, a short-lived thank-you, friends, offers."""
    rules = (
        t.Rule("autumn", Said("Double points in autumn", "Осень: баллы вдвое"), t.Multiply(20_000), t.When(amount_from=50_000),
               starts_on=(today - timedelta(days=12)).isoformat(), ends_on=(today + timedelta(days=9)).isoformat(), priority=10),
        t.Rule("winter", Said("Winter cocoa", "Зимнее какао"), t.Discount(share_bp=1_500), t.When(skus=("cocoa",)),
               starts_on=(today + timedelta(days=14)).isoformat(), ends_on=(today + timedelta(days=75)).isoformat(),
               caps=t.Caps(person=100_000)),
        t.Rule("quiet-hours", Said("Quiet hours", "Тихие часы"), t.Earn(10), t.When(weekdays=(1, 2, 3, 4, 5), time_from="15:00",
                                                                                    time_to="17:00"), caps=t.Caps(day=20)),
        t.Rule("birthday", Said("Birthday", "День рождения"),
               t.Earn(200, days=14, fades=(t.Fade(7, 5_000),)), t.When(event="birthday", birthday_before=3)),
        t.Rule("review", Said("For a review", "За отзыв"), t.Earn(30, days=7), t.When(event="review"), caps=t.Caps(person=30)),
    )
    levelled = _thresholds(KINDS["tiers"].rules(CURRENCY), 0, 250_000, 900_000)
    return replace(levelled, rules=rules, four_eyes_over=300, confirm_redeem_over=1_000,
                   referral=t.Referral(100, 100, least_minor=20_000, settle_days=7), offers=t.Offers(count=3, days=7),
                   favourite=t.Favourite(discount_bp=1_000))


def _school() -> ProgramRules:
    packages = (t.Package("three", Said("3 lessons", "3 занятия"), 3, 360_000, 60), t.Package("eight", Said("8 lessons", "8 занятий"), 8,
                                                                                          840_000, 120))
    return replace(KINDS["visits"].rules(CURRENCY), visits=t.Visits(packages, a_day=1, freeze_days=21, freeze_times=2))


def _pass() -> ProgramRules:
    made = KINDS["membership"].rules(CURRENCY)
    assert made.membership is not None
    perks = Said("Filter coffee refills until noon", "До полудня доливаем фильтр-кофе")
    return replace(made, membership=replace(made.membership, trial_days=7, perks=perks))


async def open_all(here: Context, shop: Business, wanted: tuple[Wanted, ...], now: datetime) -> dict[str, int]:
    """slug → id of the programmes, opened by the owner as in the console, with a design and gifts of their own."""
    owner, business = shop.who(shop.people[0]), await programs.get_business(here.db, shop.id)
    made = {}
    for one in wanted:
        made[one.slug] = await open_program(here.db, owner, business, KINDS[one.kind], one.names, one.slug, one.rules, now)
        background, label, accent = one.colours
        content = DesignContent(en=CardWords(business.name_in("en"), one.words.en), ru=CardWords(business.name_in("ru"), one.words.ru),
                                background=background, label=label, accent=accent, language="ru" if business.language == "ru" else "en")
        await write_transaction(here.db, lambda tx, at=made[one.slug], drawn=content: designs.publish(  # type: ignore[misc]
            tx, owner, at, drawn, now))
        for gift in one.gifts:
            await rewards.create_reward(here.db, owner, made[one.slug], gift, now)
    return made


async def furnish_coffee(here: Context, shop: Business, made: dict[str, int], now: datetime) -> str:
    """What stands beside the programmes: words of a gift, goods that can be a favourite, codes, coupons, segments, brands, the
    club's invitation; returns the invitation's code."""
    owner = shop.who(shop.people[0])
    await rewards.change_reward(here.db, owner, made["coffees"], RewardWish(
        "gift", "text", Said("A coffee of your choice", "Кофе на выбор"), value=12_000, days=90), now, stock_was=None)
    for sku, name in (("cappuccino", "Капучино"), ("flat-white", "Флэт уайт"), ("cocoa", "Какао")):
        await baskets.set_product(here.db, owner, sku, name, "кофе", True, now)
    today = local_day(now, ZONE)
    await promo.create_batch(here.db, owner, made["coupons"], Batch(
        "autumn", "Осенняя открытка", reward="syrup", uses=200, total=200, ends_on=today + timedelta(days=60)), [PROMO_CODE], now)
    await promo.create_batch(here.db, owner, made["coupons"], Batch(
        "fair", "Ярмарка на площади", "coupon", reward="coupon", per_person=None, ends_on=today + timedelta(days=90)),
        promo.draw(COUPONS, COUPON_LETTERS), now, count=COUPONS)
    for key, name, asked in (
            ("regulars", "Постоянные гости", segments.Filter(sales_days=30, sales_from=6)),
            ("asleep", "Давно не были", segments.Filter(no_visit_days=14)),
            ("office", "Офис напротив", segments.Filter(tags=("офис",)))):
        await segments.create(here.db, owner, key, name, asked, now)
    for location_id, entity in zip(shop.location_ids, ("ООО «Угол»", "ИП Осипова"), strict=True):
        await tags.set_tags(here.db, owner, location_id, ("Кофейный угол", entity), now)
    await _ask_later(here, shop, made["circle"], now)
    code = secrets.new_token(CODE_LETTERS)
    await referrals.create_invitation(here.db, owner, made["roastery"], code, CLUB_PLACES, None, now)
    return code


async def _ask_later(here: Context, shop: Business, circle: int, now: datetime) -> None:
    """What the shop would like to know, for a bonus and after the card is there: a birthday, and among regulars how they like it."""
    owner = shop.who(shop.people[0])
    for program_id in (shop.program_id, circle):
        await editing.change(here.db, owner, program_id, QuestionWish(BIRTHDAY, DATE, {}, need=LATER, bonus_points=50), 1, now)
    roasts = (Choice("light", {"en": "Light", "ru": "Светлая"}), Choice("medium", {"en": "Medium", "ru": "Средняя"}),
              Choice("dark", {"en": "Dark", "ru": "Тёмная"}))
    await editing.create(here.db, owner, circle, QuestionWish(
        "roast", CHOICE, {"en": "Which roast do you like?", "ru": "Какая обжарка вам по вкусу?"}, roasts, LATER, 30), now)


async def announce(here: Context, shop: Business, made: dict[str, int], now: datetime) -> None:
    """What is known today of the days to come: better cashback, and the neighbours' discount ends."""
    owner = shop.who(shop.people[0])
    cashback = await programs.get_program(here.db, shop.id, made["cashback"])
    await programs.change_rules(here.db, owner, cashback.id, replace(cashback.rules, earn_points=700), now,
                                starts_at=now + timedelta(days=9))
    await closing.announce(here.db, owner, made["neighbours"], now + timedelta(days=20), now + timedelta(days=50), now)
