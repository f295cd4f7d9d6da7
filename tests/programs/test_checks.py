"""Rules that no shop can mean are refused at their field, with a sentence; those that one can mean pass."""
import msgspec
import pytest

from app.errors import Invalid
from app.programs.checks import LIMITS, validate
from app.programs.kinds import KINDS
from app.programs.rules import ProgramRules
from app.programs.terms import (
    BuyGet,
    Caps,
    Charity,
    Club,
    Conversion,
    Discount,
    Earn,
    EarnRate,
    Fade,
    Favourite,
    Gift,
    GiveReward,
    GiveVoucher,
    Level,
    Levels,
    Membership,
    Multiply,
    Offers,
    Package,
    Plan,
    Referral,
    Rule,
    Said,
    Stamps,
    Visits,
    When,
)

POINTS = ProgramRules(earn_points=5)
NAME = Said("A name", "Имя")
TWO = (Level("basic", NAME, 0), Level("silver", NAME, 100_000, 7, 500, 5_000))
CARD = Conversion(6, ("coffee",))


def rule(effect=None, when=None, key="one", **more) -> Rule:
    return Rule(key, NAME, effect or Earn(10), when or When(), **more)


def with_parts(**parts) -> ProgramRules:
    return msgspec.structs.replace(POINTS, **parts)


def with_rules(*rules: Rule, **parts) -> ProgramRules:
    return with_parts(rules=rules, **parts)


def wrong(rules: ProgramRules, **known) -> list[tuple[str, str]]:
    """(field, code) of everything that is refused."""
    try:
        validate(rules, **known)
    except Invalid as refused:
        return [(found.field, found.code) for found in refused.fields if found.detail.endswith(".")]
    return []


@pytest.mark.parametrize("key", KINDS)
@pytest.mark.parametrize("currency", ["RUB", "USD", "JPY", "KWD"])
def test_every_ready_made_kind_makes_sense_in_every_currency(key, currency):
    assert wrong(KINDS[key].rules(currency)) == []


GOOD = {
    "everything at once": with_parts(
        levels=Levels(TWO, "spend", "rolling", 90, 30), stamps=Stamps(CARD, "sum", 50_000), visits=Visits((Package("ten", NAME, 10, 1),)),
        membership=Membership((Plan("month", NAME, 30, 1),), 7, 300), charity=Charity(NAME, 100), referral=Referral(100, 50),
        offers=Offers(), favourite=Favourite(), convert=Conversion(1_000, ("tea",)), fades=(Fade(7, 5_000), Fade(14, 5_000))),
    "every sort of rule": with_rules(
        rule(Earn(10, each=True), When(categories=("coffee",)), "a"), rule(EarnRate(5, 10_000, 30, (Fade(7, 5_000),)), key="b"),
        rule(Multiply(20_000), When(time_from="22:00", time_to="02:00", weekdays=(5, 6)), "c"),
        rule(Multiply(0), When(categories=("tobacco",)), "d"), rule(Discount(1_000), When(birthday_before=3, birthday_after=3), "e"),
        rule(Discount(0, 5_000), When(first_purchase=True), "f"), rule(BuyGet(2, 1), When(skus=("1",)), "g"),
        rule(GiveVoucher("tea", 5), When(event="absent", event_days=60), "h"), rule(GiveReward("tea"), key="i"),
        rule(Earn(50), When(event="review"), "j", caps=Caps(day=50)), rule(Discount(10_000), When(promo="gift"), "k"),
        rule(Earn(5), key="l", starts_on="2026-12-01", ends_on="2026-12-01")),
    "money": ProgramRules(unit="money", earn_points=500, worth_minor=1, gift=Gift((10_000, 20_000))),
    "the end of this month": with_parts(lot_days=0, lot_end="month"),
    "a club reached by points": with_parts(club=Club("points", "coffee", 500)),
    "the end of the day": with_rules(rule(when=When(time_from="18:00", time_to="24:00"))),
    "two exclusive rules at different heights": with_rules(rule(exclusive=True), rule(key="two", exclusive=True, priority=1)),
    "two exclusive rules of different sorts": with_rules(rule(exclusive=True), rule(Discount(500), key="two", exclusive=True)),
    "a paused one beside its twin": with_rules(rule(exclusive=True), rule(key="two", exclusive=True, paused=True)),
}


@pytest.mark.parametrize("name", GOOD)
def test_rules_that_a_shop_can_mean_pass(name):
    assert wrong(GOOD[name], known_rewards={"coffee", "tea"}, known_batches={"gift"}, known_segments=set()) == []


@pytest.mark.parametrize("field", LIMITS)
def test_every_number_has_a_least_and_a_most(field):
    least, most, _ = LIMITS[field]
    for beyond in (least - 1, most + 1):
        assert (field, "out_of_range") in wrong(with_parts(**{field: beyond}))


NUMBERS = [
    ("fades.1.days", "order", {"fades": (Fade(7, 5_000), Fade(7, 5_000))}),
    ("fades.0.days", "order", {"fades": (Fade(400, 5_000),)}),
    ("fades", "steps", {"fades": (Fade(7, 5_001), Fade(14, 5_000))}),
    ("fades.0.share_bp", "out_of_range", {"fades": (Fade(7, 0),)}),
    ("fades", "contradiction", {"fades": (Fade(7, 5_000),), "lot_end": "activity"}),
    ("warn_days", "out_of_range", {"warn_days": (7, 7)}), ("warn_days", "out_of_range", {"warn_days": (0,)}),
    ("worth_minor", "money_worth", {"unit": "money"}),
    ("pending_days", "contradiction", {"pending_days": 14, "lot_days": 14}),
    ("pending_days", "contradiction", {"pending_days": 1, "lot_days": 0, "lot_end": "month"}),
    ("pending_days", "contradiction", {"pending_days": 7, "fades": (Fade(7, 5_000), Fade(14, 5_000))}),
    ("lot_days", "contradiction", {"lot_days": None, "lot_end": "year"}),
    ("discount_bp", "gives_away", {"discount_bp": 10_000}),
    ("earn_points", "gives_away", {"earn_per_minor": 499}),
]
PARTS = [
    ("levels.levels", "too_many", {"levels": Levels(())}),
    ("levels.levels.1.threshold", "order", {"levels": Levels((TWO[1], TWO[0]))}),
    ("levels.levels.1.key", "taken", {"levels": Levels((TWO[0], Level("basic", NAME, 5)))}),
    ("levels.levels.0.key", "key", {"levels": Levels((Level("Базовый", NAME, 5),))}),
    ("levels.levels.0.name", "required", {"levels": Levels((Level("basic", Said(" "), 5),))}),
    ("levels.levels.0.name.ru", "text", {"levels": Levels((Level("basic", Said("Basic", "Базовый\n"), 5),))}),
    ("levels.levels.0.threshold", "out_of_range", {"levels": Levels((Level("basic", NAME, -1),))}),
    ("levels.levels.0.earn_points", "gives_away", {"levels": Levels((Level("basic", NAME, 0, 101),))}),
    ("levels.levels.0.discount_bp", "gives_away", {"levels": Levels((Level("basic", NAME, 0, discount_bp=10_000),))}),
    ("levels.levels.0.largest_share_bp", "out_of_range", {"levels": Levels((Level("basic", NAME, 0, largest_share_bp=10_001),))}),
    ("levels.levels.0.perks.en", "text", {"levels": Levels((Level("basic", NAME, 0, perks=Said("x" * 1001)),))}),
    ("levels.levels.0.background", "colour", {"levels": Levels((Level("basic", NAME, 0, background="red"),))}),
    ("levels.window_days", "out_of_range", {"levels": Levels(TWO, window_days=0)}),
    ("levels.grace_days", "out_of_range", {"levels": Levels(TWO, grace_days=-1)}),
    ("levels.measure", "contradiction", {"levels": Levels(TWO[:1], "points"), "earn_points": 0}),
    ("stamps.card.size", "out_of_range", {"stamps": Stamps(Conversion(1, ("coffee",)))}),
    ("stamps.card.size", "out_of_range", {"stamps": Stamps(Conversion(31, ("coffee",)))}),
    ("stamps.card.rewards", "rewards", {"stamps": Stamps(Conversion(6, ()))}),
    ("stamps.card.rewards.0", "unknown", {"stamps": Stamps(Conversion(6, ("cake",)))}),
    ("stamps.card.voucher_days", "out_of_range", {"stamps": Stamps(Conversion(6, ("coffee",), voucher_days=0))}),
    ("stamps.per_minor", "out_of_range", {"stamps": Stamps(CARD, "sum")}),
    ("stamps.per_minor", "contradiction", {"stamps": Stamps(CARD, "visit", 100)}),
    ("stamps.first", "out_of_range", {"stamps": Stamps(CARD, first=6)}),
    ("stamps.most_a_receipt", "out_of_range", {"stamps": Stamps(CARD, most_a_receipt=0)}),
    ("stamps.skus.0", "text", {"stamps": Stamps(CARD, skus=(" 1",))}),
    ("convert.size", "out_of_range", {"convert": Conversion(0, ("coffee",))}),
    ("visits.packages", "too_many", {"visits": Visits(())}),
    ("visits.packages.0.visits", "out_of_range", {"visits": Visits((Package("ten", NAME, 0, 100),))}),
    ("visits.packages.0.price_minor", "out_of_range", {"visits": Visits((Package("ten", NAME, 10, 0),))}),
    ("visits.a_day", "out_of_range", {"visits": Visits((Package("ten", NAME, 10, 100),), a_day=0)}),
    ("visits.freeze_days", "out_of_range", {"visits": Visits((Package("ten", NAME, 10, 100),), freeze_days=-1)}),
    ("membership.plans", "too_many", {"membership": Membership(())}),
    ("membership.plans.0.days", "out_of_range", {"membership": Membership((Plan("month", NAME, 0, 100),))}),
    ("membership.plans.0.price_minor", "out_of_range", {"membership": Membership((Plan("month", NAME, 30, -1),))}),
    ("membership.discount_outside_bp", "out_of_range", {"membership": Membership((Plan("m", NAME, 30, 1),), discount_outside_bp=10_001)}),
    ("unit", "contradiction", {"gift": Gift()}),
    ("charity.fund", "required", {"charity": Charity(Said(), 100)}),
    ("charity.a_visit_minor", "contradiction", {"charity": Charity(NAME)}),
    ("charity.share_bp", "out_of_range", {"charity": Charity(NAME, 0, 10_001)}),
    ("club.program", "required", {"club": Club("points", None, 5)}),
    ("club.points", "out_of_range", {"club": Club("points", "coffee", 0)}),
    ("club.program", "key", {"club": Club("points", "Кофейня", 5)}),
    ("offers.discount_bp", "gives_away", {"offers": Offers(discount_bp=10_000)}),
    ("favourite.discount_bp", "gives_away", {"favourite": Favourite(10_000)}),
    ("club.by", "contradiction", {"club": Club("invitation", "coffee")}),
    ("referral.giver", "contradiction", {"referral": Referral(0, 0)}),
    ("referral.friend", "out_of_range", {"referral": Referral(0, -5)}),
    ("referral.unit", "unit", {"referral": Referral(5, 5, "stamps")}),
    ("referral.a_month", "out_of_range", {"referral": Referral(5, 5, a_month=0)}),
    ("offers.count", "out_of_range", {"offers": Offers(count=0)}),
    ("offers.discount_bp", "out_of_range", {"offers": Offers(discount_bp=0)}),
    ("offers.days", "out_of_range", {"offers": Offers(days=61)}),
    ("offers.new_share_bp", "out_of_range", {"offers": Offers(new_share_bp=-1)}),
    ("favourite.discount_bp", "out_of_range", {"favourite": Favourite(10_001)}),
    ("favourite.days", "out_of_range", {"favourite": Favourite(days=0)}),
]


@pytest.mark.parametrize(("field", "code", "parts"), NUMBERS + PARTS)
def test_parts_that_no_shop_can_mean_are_refused_at_their_field(field, code, parts):
    assert (field, code) in wrong(with_parts(**parts), known_rewards={"coffee"})


@pytest.mark.parametrize(("field", "code", "gift"), [
    ("gift.most_minor", "window", Gift(least_minor=500, most_minor=400)), ("gift.amounts.0", "out_of_range", Gift((5,))),
    ("gift.amounts", "too_many", Gift((20_000, 20_000))), ("gift.least_minor", "out_of_range", Gift(least_minor=0))])
def test_gift_cards_are_loaded_with_amounts_between_their_bounds(field, code, gift):
    assert (field, code) in wrong(ProgramRules(unit="money", worth_minor=1, gift=gift))


WHENS = [
    ("amount_from", "out_of_range", When(amount_from=0)), ("amount_to", "window", When(amount_from=500, amount_to=499)),
    ("categories.0", "text", When(categories=("",))), ("skus.0", "text", When(skus=("a\nb",))),
    ("skus", "too_many", When(skus=tuple(map(str, range(101))))),
    ("quantity_from", "out_of_range", When(quantity_from=0)),
    ("weekdays", "out_of_range", When(weekdays=(0,))), ("weekdays", "out_of_range", When(weekdays=(1, 1))),
    ("time_from", "clock", When(time_from="8:00")), ("time_to", "clock", When(time_to="25:00")),
    ("time_from", "clock", When(time_from="24:00")),
    ("time_to", "window", When(time_from="08:00", time_to="08:00")), ("time_to", "window", When(time_to="00:00")),
    ("locations.1", "unknown", When(locations=(1, 2))), ("locations.0", "unknown", When(locations=(-1,))),
    ("levels.0", "unknown", When(levels=("gold",))), ("segments.0", "unknown", When(segments=("vip",))),
    ("birthday_before", "out_of_range", When(birthday_before=181)), ("birthday_after", "out_of_range", When(birthday_after=-1)),
    ("promo", "unknown", When(promo="summer")), ("favourite", "contradiction", When(favourite=True)),
    ("event", "key", When(event="Review!")), ("event_days", "contradiction", When(event="absent")),
    ("event_days", "contradiction", When(event_days=5)), ("event_days", "contradiction", When(event="review", event_days=5)),
    ("amount_from", "contradiction", When(event="review", amount_from=5)), ("skus", "contradiction", When(event="review", skus=("1",))),
    ("first_purchase", "contradiction", When(event="review", first_purchase=True)),
]


@pytest.mark.parametrize(("field", "code", "when"), WHENS)
def test_conditions_that_can_never_or_not_sensibly_hold_are_refused(field, code, when):
    rules = with_rules(rule(key="zero"), rule(when=when))
    assert (f"rules.1.when.{field}", code) in wrong(rules, known_batches=set(), known_segments=set(), known_locations={1})


EFFECTS = [
    ("amount", "out_of_range", Earn(0)), ("unit", "unit", Earn(1, "stamps")), ("unit", "unit", Earn(1, "money")),
    ("days", "out_of_range", Earn(1, days=0)), ("fades.0.days", "order", Earn(1, days=5, fades=(Fade(6, 5_000),))),
    ("points", "out_of_range", EarnRate(0, 100)), ("per_minor", "out_of_range", EarnRate(1, 0)),
    ("points", "gives_away", EarnRate(96, 10_000)),
    ("by_bp", "out_of_range", Multiply(100_001)), ("by_bp", "out_of_range", Multiply(10_000)), ("by_bp", "out_of_range", Multiply(-1)),
    ("share_bp", "required", Discount()), ("share_bp", "out_of_range", Discount(10_001)), ("amount_minor", "out_of_range", Discount(0, -1)),
    ("amount_minor", "contradiction", Discount(500, 500)), ("share_bp", "gives_away", Discount(10_000)),
    ("get", "out_of_range", BuyGet(2, 0)), ("buy", "out_of_range", BuyGet(0, 1)), ("discount_bp", "out_of_range", BuyGet(2, 1, 0)),
    ("reward", "unknown", GiveVoucher("cake")), ("reward", "unknown", GiveReward("cake")), ("days", "out_of_range", GiveVoucher("tea", 0)),
]


@pytest.mark.parametrize(("field", "code", "effect"), EFFECTS)
def test_effects_that_give_nothing_or_everything_are_refused(field, code, effect):
    assert (f"rules.0.effect.{field}", code) in wrong(with_rules(rule(effect)), known_rewards={"tea"})


def test_multiplying_must_leave_the_shop_something_and_have_something_to_multiply():
    assert wrong(with_rules(rule(Multiply(30_000)), earn_points=34)) == [("rules.0.effect.by_bp", "gives_away")]
    assert wrong(with_rules(rule(Multiply(30_000)), levels=Levels((Level("a", NAME, 0, 34),)))) == [("rules.0.effect.by_bp", "gives_away")]
    assert wrong(with_rules(rule(Multiply(30_000)), earn_points=0)) == [("rules.0.effect.by_bp", "contradiction")]


@pytest.mark.parametrize("effect", [Discount(500), BuyGet(2, 1), EarnRate(1, 10_000), Multiply(20_000), GiveReward("tea")])
def test_what_is_no_purchase_gives_a_number_or_a_voucher_and_nothing_else(effect):
    assert wrong(with_rules(rule(effect, When(event="review")))) == [("rules.0.effect", "contradiction")]


@pytest.mark.parametrize(("field", "code", "more"), [
    ("priority", "out_of_range", {"priority": 1001}), ("key", "key", {"key": ""}), ("key", "key", {"key": "x" * 41}),
    ("starts_on", "day", {"starts_on": "2026-02-30"}), ("ends_on", "day", {"ends_on": "20261231"}),
    ("ends_on", "window", {"starts_on": "2026-12-02", "ends_on": "2026-12-01"}),
    ("caps.day", "contradiction", {"caps": Caps(day=9)}), ("caps.receipt", "out_of_range", {"caps": Caps(receipt=0)}),
    ("caps.campaign", "out_of_range", {"caps": Caps(campaign=2**63)}),
    ("caps.person", "contradiction", {"effect": Multiply(0), "caps": Caps(person=9)})])
def test_a_rule_has_a_key_days_and_limits_that_fit_together(field, code, more):
    assert (f"rules.0.{field}", code) in wrong(with_rules(rule(**more)))


def test_what_a_rule_gives_is_there_to_be_spent_before_it_ends():
    waits = {"pending_days": 7}
    short, fading = rule(Earn(10, days=7)), rule(EarnRate(1, 10_000, fades=(Fade(5, 5_000),)), key="two")
    both = [("rules.0.effect.days", "contradiction"), ("rules.1.effect.fades", "contradiction")]
    assert wrong(with_rules(short, fading, **waits)) == both
    # What is no purchase does not wait, and neither do stamps.
    event = rule(Earn(10, days=7), When(event="review"))
    assert wrong(with_rules(event, rule(Earn(1, "stamps", days=7), key="two"), stamps=Stamps(CARD), **waits)) == []
    assert wrong(with_rules(rule(Earn(10, days=8)), **waits, lot_days=8)) == []


def test_what_ends_in_parts_ends_within_its_life_and_does_not_live_on_from_purchases():
    assert wrong(with_rules(rule(Earn(10, fades=(Fade(400, 5_000),))))) == [("rules.0.effect.fades.0.days", "order")]
    assert wrong(with_rules(rule(Earn(10, fades=(Fade(7, 5_000),))), lot_end="activity")) == [("rules.0.effect.fades", "contradiction")]


def test_keys_of_rules_are_their_own():
    assert wrong(with_rules(rule(), rule(Discount(500)))) == [("rules.1.key", "taken")]


def test_two_exclusive_rules_that_hold_at_once_contradict_each_other():
    twins = rule(when=When(weekdays=(1,)), exclusive=True), rule(Multiply(20_000), When(weekdays=(1,)), "two", exclusive=True)
    assert wrong(with_rules(*twins)) == [("rules.1.exclusive", "contradiction")]


def test_a_programme_has_a_hundred_rules_at_most():
    many = [rule(key=f"r{number}") for number in range(101)]
    assert wrong(with_rules(*many[:100])) == []
    assert wrong(with_rules(*many)) == [("rules", "too_many")]


def test_everything_that_is_wrong_is_said_at_once():
    assert len(wrong(with_rules(rule(Earn(0), When(amount_from=0, weekdays=(9,))), discount_bp=10_001, undo_minutes=-1))) == 5
