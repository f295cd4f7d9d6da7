"""Programmes of every kind with drawn numbers: as a dict for the accountant, and the same as the program's own rules."""
from datetime import date

from hypothesis import strategies as st

from app.benefits import promo
from app.benefits import service as benefits
from app.benefits.rules import RewardWish, Terms
from app.programs import terms as part
from app.programs.rules import ProgramRules
from app.programs.terms import Said

ZONE = "Europe/Berlin"
REWARDS = {"coffee": {"cost": 0, "money_off": 0, "share_bp": 0, "days": 30},
           "tenth": {"cost": 30, "money_off": 0, "share_bp": 1_000, "days": 5},
           "mug": {"cost": 20, "money_off": 300, "share_bp": 0, "days": 3}}
# A word for everybody, and codes that work once; the machine begins on 23 October.
BATCHES = ({"key": "word", "codes": ("SUMMER",), "reward": None, "uses": None, "per_person": 2, "total": 3, "first": None,
            "last": date(2026, 11, 5)},
           {"key": "once", "codes": ("ONE1", "ONE2", "ONE3"), "reward": "mug", "uses": 1, "per_person": 1, "total": None, "first": None,
            "last": None},
           {"key": "later", "codes": ("LATER",), "reward": "tenth", "uses": 2, "per_person": 1, "total": None,
            "first": date(2026, 10, 25), "last": None})
BONUSES = ({"key": "autumn", "amount": 12, "days": (date(2026, 10, 23), date(2026, 10, 31)), "campaign": 50},
           {"key": "coded", "amount": 15, "batch": "word"})
PLAIN = {"unit": "points", "zone": ZONE, "earn": 3, "per": 500, "whole_steps": False, "worth": 50, "worth_points": 1, "share_bp": 10_000,
         "minimum": 0, "discount_bp": 0, "days": 9, "lot_end": "day", "fades": (), "pending_days": 0, "owed": True, "grace_days": 2,
         "undo_minutes": 10, "levels": None, "stamps": None, "visits": None, "membership": None, "charity": None, "convert": None,
         "gift": False, "bonuses": BONUSES, "event": {"amount": 10, "person": 60, "day": 25, "campaign": 75, "days": 3},
         "treat": {"from": 9_000, "person": 2, "campaign": 3}, "welcome": 25, "rewards": REWARDS, "batches": BATCHES,
         "stock": {"coffee": None, "tenth": None, "mug": 2}}
MONEY = {**PLAIN, "unit": "money", "earn": 500, "per": 10_000, "worth": 1, "gift": True}
STAMPS = {"card": (3, True, 4), "per": 0, "days": 6, "first": 2}
LEVELS = {"levels": (("basic", 0, None, 0), ("silver", 10_000, 4, 0), ("gold", 25_000, 5, 300)), "measure": "spend", "window": "rolling",
          "window_days": 5, "grace_days": 0}
VISITS = {"package": (6, 6_000, 8), "a_day": 3, "freeze_days": 6, "freeze_times": 2}
SCARCE = {"coffee": 3, "tenth": None, "mug": 2}
KINDS = {
    "points": PLAIN,
    "waiting points": {**PLAIN, "pending_days": 2, "fades": ((1, 3_333), (4, 3_333)), "discount_bp": 250},
    "cashback": MONEY,
    "gift": {**MONEY, "earn": 0, "days": 12},
    "deferred cashback": {**MONEY, "convert": (400, True, 5), "stock": SCARCE},
    "stamps": {**PLAIN, "earn": 1, "stamps": STAMPS},
    "stamps by sum": {**PLAIN, "stamps": {**STAMPS, "per": 3_000, "card": (4, False, 4)}, "stock": SCARCE},
    "tiers": {**PLAIN, "levels": LEVELS},
    "tiers by visits": {**PLAIN, "levels": {**LEVELS, "measure": "visits", "grace_days": 2, "levels": (
        ("basic", 0, None, 0), ("silver", 2, 4, 100), ("gold", 4, 6, 0))}},
    "visits": {**PLAIN, "visits": VISITS},
    "membership": {**PLAIN, "membership": {"plan": (5, 4_000), "outside_bp": 100, "trial": 2}, "discount_bp": 500},
    "charity": {**PLAIN, "charity": {"a_visit": 7, "share_bp": 150}, "bonuses": (
        *BONUSES, {"key": "bonus", "from": 5_000, "amount": 20, "person": 50})},
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


def _caps(rule):
    return part.Caps(day=rule.get("day"), person=rule.get("person"), campaign=rule.get("campaign"))


def _named(terms):
    """The rules with conditions."""
    event, treat = terms["event"], terms["treat"]
    yield part.Rule("review", Said("review"), part.Earn(event["amount"], terms["unit"], each=True, days=event["days"]),
                    part.When(event="review"), caps=_caps(event))
    yield part.Rule("treat", Said("treat"), part.GiveVoucher("mug"), part.When(amount_from=treat["from"]), caps=_caps(treat))
    for bonus in terms["bonuses"]:
        first, last = bonus.get("days", (None, None))
        yield part.Rule(bonus["key"], Said(bonus["key"]), part.Earn(bonus["amount"], terms["unit"]),
                        part.When(amount_from=bonus.get("from"), promo=bonus.get("batch")), first and first.isoformat(),
                        last and last.isoformat(), caps=_caps(bonus))


def rules_of(terms):
    """The same as ProgramRules."""
    stamps, visits, membership = (terms[name] for name in ("stamps", "visits", "membership"))
    return ProgramRules(
        unit=terms["unit"], earn_points=terms["earn"], earn_per_minor=terms["per"], worth_minor=terms["worth"],
        worth_points=terms["worth_points"], earn_mode="whole_steps" if terms["whole_steps"] else "proportional",
        minimum_receipt_minor=terms["minimum"], largest_share_bp=terms["share_bp"], discount_bp=terms["discount_bp"],
        lot_days=terms["days"], lot_end=terms["lot_end"], fades=tuple(part.Fade(*step) for step in terms["fades"]),
        pending_days=terms["pending_days"], refund_debt="owed" if terms["owed"] else "waived", refund_grace_days=terms["grace_days"],
        undo_minutes=terms["undo_minutes"], levels=_levels(terms["levels"]), convert=_conversion(terms["convert"]),
        stamps=part.Stamps(_conversion(stamps["card"]), "sum" if stamps["per"] else "visit", stamps["per"], first=stamps["first"],
                           days=stamps["days"])
        if stamps else None,
        visits=part.Visits((part.Package("six", Said("six"), visits["package"][0], visits["package"][1], visits["package"][2]),),
                           visits["a_day"], visits["freeze_days"], visits["freeze_times"]) if visits else None,
        membership=part.Membership((part.Plan("week", Said("week"), *membership["plan"]),), membership["trial"], membership["outside_bp"])
        if membership else None,
        gift=part.Gift(least_minor=100, days=terms["days"]) if terms["gift"] else None,
        charity=part.Charity(Said("Trees"), terms["charity"]["a_visit"], terms["charity"]["share_bp"]) if terms["charity"] else None,
        welcome_points=terms["welcome"], rules=tuple(_named(terms)))


async def make_rewards(db, bed, terms, now):
    """`coffee` for whatever becomes a voucher by itself; `tenth` and `mug`, sold for points; and the batches of codes."""
    for key, reward in terms["rewards"].items():
        kind = "money_off" if reward["money_off"] else "discount" if reward["share_bp"] else "text"
        wish = RewardWish(key, kind, Said(key), unit=terms["unit"] if reward["cost"] else None, cost=reward["cost"],
                          value=reward["money_off"] or reward["share_bp"], days=reward["days"], stock=terms["stock"][key])
        await benefits.create_reward(db, bed.manager, bed.program_id, wish, now)
    for batch in terms["batches"]:
        wish = Terms(batch["key"], batch["key"], reward=batch["reward"], uses=batch["uses"], per_person=batch["per_person"],
                     total=batch["total"], starts_on=batch["first"], ends_on=batch["last"])
        await promo.create_batch(db, bed.manager, bed.program_id, wish, batch["codes"], now)
