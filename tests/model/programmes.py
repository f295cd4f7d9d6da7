"""Programmes of every kind with drawn numbers: as a dict for the accountant, and the same as the program's own rules."""
from hypothesis import strategies as st

from app.benefits import service as benefits
from app.benefits.rules import RewardWish
from app.programs import terms as part
from app.programs.rules import ProgramRules
from app.programs.terms import Said

ZONE = "Europe/Berlin"
PLAIN = {"unit": "points", "zone": ZONE, "earn": 3, "per": 500, "whole_steps": False, "worth": 50, "worth_points": 1, "share_bp": 10_000,
         "minimum": 0, "discount_bp": 0, "days": 9, "lot_end": "day", "fades": (), "pending_days": 0, "owed": True, "grace_days": 2,
         "undo_minutes": 10, "levels": None, "stamps": None, "visits": None, "membership": None, "charity": None, "convert": None,
         "gift": False, "bonus": None, "event": {"amount": 10, "person": 60, "day": 25, "days": 3}}
MONEY = {**PLAIN, "unit": "money", "earn": 500, "per": 10_000, "worth": 1, "gift": True}
STAMPS = {"card": (3, True, 4), "per": 0, "days": 6}
LEVELS = {"levels": (("basic", 0, None, 0), ("silver", 10_000, 4, 0), ("gold", 25_000, 5, 300)), "measure": "spend", "window": "rolling",
          "window_days": 5, "grace_days": 0}
VISITS = {"package": (6, 6_000, 8), "a_day": 3, "freeze_days": 6, "freeze_times": 2}
REWARD_COST, REWARD_DAYS = 30, 5
KINDS = {
    "points": PLAIN,
    "waiting points": {**PLAIN, "pending_days": 2, "fades": ((1, 3_333), (4, 3_333)), "discount_bp": 250},
    "cashback": MONEY,
    "gift": {**MONEY, "earn": 0, "days": 12},
    "deferred cashback": {**MONEY, "convert": (400, True, 5)},
    "stamps": {**PLAIN, "earn": 1, "stamps": STAMPS},
    "stamps by sum": {**PLAIN, "stamps": {**STAMPS, "per": 3_000, "card": (4, False, 4)}},
    "tiers": {**PLAIN, "levels": LEVELS},
    "tiers by visits": {**PLAIN, "levels": {**LEVELS, "measure": "visits", "grace_days": 2, "levels": (
        ("basic", 0, None, 0), ("silver", 2, 4, 100), ("gold", 4, 6, 0))}},
    "visits": {**PLAIN, "visits": VISITS},
    "membership": {**PLAIN, "membership": {"plan": (5, 4_000), "outside_bp": 100}, "discount_bp": 500},
    "charity": {**PLAIN, "charity": {"a_visit": 7, "share_bp": 150}, "bonus": {"from": 5_000, "amount": 20, "person": 50}},
    "activity": {**PLAIN, "lot_end": "activity", "days": 3},
}


def programmes():
    """(kind, what is drawn of its numbers)."""
    drawn = st.fixed_dictionaries({"owed": st.booleans(), "whole_steps": st.booleans(), "days": st.sampled_from([1, 4, 9, None]),
                                   "lot_end": st.sampled_from(["day", "day", "month"]), "minimum": st.sampled_from([0, 0, 1_000])})
    return st.tuples(st.sampled_from(sorted(KINDS)), drawn)


def terms_of(name, drawn):
    """A kind with its drawn numbers; where its own are the point of it, they stay."""
    stays = {"activity": {"days", "lot_end"}, "gift": {"days", "lot_end"}}.get(name, set())
    terms = {**KINDS[name], **{key: value for key, value in drawn.items() if key not in stays}}
    return {**terms, "lot_end": "day"} if terms["days"] is None else terms


def _levels(levels):
    if levels is None:
        return None
    return part.Levels(tuple(part.Level(key, Said(key), threshold, earn, off) for key, threshold, earn, off in levels["levels"]),
                       levels["measure"], levels["window"], levels["window_days"], levels["grace_days"])


def _conversion(card):
    return part.Conversion(card[0], ("coffee",), card[1], card[2]) if card else None


def rules_of(terms):
    """The same as ProgramRules."""
    bonus, event, stamps, visits, membership = (terms[name] for name in ("bonus", "event", "stamps", "visits", "membership"))
    named = [part.Rule("review", Said("review"), part.Earn(event["amount"], terms["unit"], each=True, days=event["days"]),
                       part.When(event="review"), caps=part.Caps(person=event["person"], day=event["day"]))]
    if bonus:
        named.append(part.Rule("bonus", Said("bonus"), part.Earn(bonus["amount"], terms["unit"]), part.When(amount_from=bonus["from"]),
                               caps=part.Caps(person=bonus["person"])))
    return ProgramRules(
        unit=terms["unit"], earn_points=terms["earn"], earn_per_minor=terms["per"], worth_minor=terms["worth"],
        worth_points=terms["worth_points"], earn_mode="whole_steps" if terms["whole_steps"] else "proportional",
        minimum_receipt_minor=terms["minimum"], largest_share_bp=terms["share_bp"], discount_bp=terms["discount_bp"],
        lot_days=terms["days"], lot_end=terms["lot_end"], fades=tuple(part.Fade(*step) for step in terms["fades"]),
        pending_days=terms["pending_days"], refund_debt="owed" if terms["owed"] else "waived", refund_grace_days=terms["grace_days"],
        undo_minutes=terms["undo_minutes"], levels=_levels(terms["levels"]), convert=_conversion(terms["convert"]),
        stamps=part.Stamps(_conversion(stamps["card"]), "sum" if stamps["per"] else "visit", stamps["per"], days=stamps["days"])
        if stamps else None,
        visits=part.Visits((part.Package("six", Said("six"), visits["package"][0], visits["package"][1], visits["package"][2]),),
                           visits["a_day"], visits["freeze_days"], visits["freeze_times"]) if visits else None,
        membership=part.Membership((part.Plan("week", Said("week"), *membership["plan"]),), 0, membership["outside_bp"])
        if membership else None,
        gift=part.Gift(least_minor=100, days=terms["days"]) if terms["gift"] else None,
        charity=part.Charity(Said("Trees"), terms["charity"]["a_visit"], terms["charity"]["share_bp"]) if terms["charity"] else None,
        rules=tuple(named))


async def make_rewards(db, bed, unit, now):
    """`coffee` for whatever becomes a voucher by itself, and `tenth`, sold for points: a tenth off a receipt."""
    await benefits.create_reward(db, bed.manager, bed.program_id, RewardWish("coffee", "text", Said("Coffee")), now)
    await benefits.create_reward(db, bed.manager, bed.program_id, RewardWish(
        "tenth", "discount", Said("A tenth off"), unit=unit, cost=REWARD_COST, value=1_000, days=REWARD_DAYS), now)
