"""Which boxes a programme's form has, in groups: those of every programme, and those of the parts that it may have."""
from typing import Any, NamedTuple

from app.money import minor_digits
from app.programs import terms
from app.programs.terms import Said
from app.text import N_


class Box(NamedTuple):
    """A box of the form. path: the part of the rules; kind: whole, amount (money), share (per cent), unit (points, or money where the
    programme counts money), threshold and gift (likewise, by what levels count and referrals give), each with "?" where it may stay
    empty; share0 (empty is 0), choice, flag, text, said (both languages), words, wholes, amounts,
    fades, rewards (keys of the catalogue)."""

    path: str
    label: str
    kind: str
    hint: str = ""
    options: tuple[tuple[str, str], ...] = ()


class Group(NamedTuple):
    """key: of a part, its name in the rules. rows: the list inside the part whose items are a table of `columns`. only: the unit that
    it concerns. is_more: stands behind "More numbers"."""

    key: str
    title: str
    boxes: tuple[Box, ...]
    rows: str = ""
    columns: tuple[Box, ...] = ()
    only: str = ""
    is_more: bool = False
    sentence: str = ""


BASE = (
    Group("earning", N_("Earning"), (
        Box("earn_points", N_("Points"), "whole", N_("0 means that purchases earn nothing.")),
        Box("earn_per_minor", N_("for each, paid in money"), "amount"),
        Box("earn_mode", N_("What is left over"), "choice", "", (
            ("proportional", N_("counts in proportion")), ("whole_steps", N_("brings nothing, whole steps only")))),
        Box("minimum_receipt_minor", N_("Smallest receipt that counts"), "amount", N_("0 means every receipt.")),
        Box("welcome_points", N_("Points as a welcome"), "whole", N_("They are on the card from its first day."))), only="points"),
    Group("spending", N_("Spending"), (
        Box("worth_points", N_("So many points"), "whole"),
        Box("worth_minor", N_("are worth, off a receipt"), "amount"),
        Box("largest_share_bp", N_("Largest part of a receipt, %%"), "share", N_("What points may pay at most."))), only="points"),
    Group("earning", N_("Cashback"), (
        Box("earn_points", N_("Comes back"), "amount", N_("0 means that purchases bring nothing back.")),
        Box("earn_per_minor", N_("of each, paid in money"), "amount"),
        Box("largest_share_bp", N_("Largest part of a receipt, %%"), "share", N_("What the balance may pay at most.")),
        Box("minimum_receipt_minor", N_("Smallest receipt that counts"), "amount", N_("0 means every receipt.")),
        Box("welcome_points", N_("As a welcome"), "amount", N_("It is on the card from its first day."))), only="money"),
    Group("discount", N_("Discount for everybody"), (
        Box("discount_bp", N_("Off every receipt, %%"), "share", N_("0 for none. A level may give more."),),)),
    Group("life", N_("How long it lives"), (
        Box("lot_days", N_("Days"), "whole?", N_("Empty means that it never expires.")),
        Box("lot_end", N_("It ends"), "choice", "", (
            ("day", N_("when those days are over")), ("month", N_("at the end of that month")), ("year", N_("at the end of that year")),
            ("activity", N_("so many days after the last visit")))))),
    Group("more", N_("More numbers"), (
        Box("fades", N_("Ends in parts"), "fades", N_("Such as 7: 50, 14: 50: half ends after 7 days, half after 14. Empty: all at once.")),
        Box("pending_days", N_("Days that earned points wait"), "whole",
            N_("Until goods can no longer be returned. 0: they count at once.")),
        Box("warn_days", N_("Tell of an end so many days before"), "wholes", N_("Such as 30, 7, 1.")),
        Box("smallest_redeem", N_("Smallest sum that can be spent"), "unit"),
        Box("redeem_step", N_("It is spent in steps of"), "unit"),
        Box("refund_debt", N_("When a purchase comes back and its points are spent"), "choice", "", (
            ("owed", N_("they are owed: the next purchases fill it up")), ("waived", N_("they are waived: you bear the rest")))),
        Box("refund_grace_days", N_("Days that ended points live again after a refund"), "whole"),
        Box("undo_minutes", N_("Minutes in which a cashier may undo a sale"), "whole"),
        Box("four_eyes_over", N_("Corrections above this need a second manager"), "unit?", N_("Empty: never.")),
        Box("confirm_redeem_over", N_("Spending above this needs the shopper’s own yes"), "unit?", N_("Empty: never."))), is_more=True),
)
_LEVEL = (
    Box("key", N_("Word for programs"), "text"), Box("name", N_("Name"), "said"), Box("threshold", N_("From"), "threshold"),
    Box("earn_points", N_("Earns"), "unit?", N_("Empty: as the programme.")), Box("discount_bp", N_("Discount, %%"), "share0"),
    Box("largest_share_bp", N_("Pays at most, %%"), "share?", N_("Empty: as the programme.")), Box("perks", N_("Perks in words"), "said"))
_SOLD = (Box("key", N_("Word for programs"), "text"), Box("name", N_("Name"), "said"))
_CARD = (Box("rewards", N_("Rewards to choose from"), "rewards"),)
PARTS = (
    Group("levels", N_("Levels"), (
        Box("levels.measure", N_("Counts"), "choice", "", (
            ("spend", N_("money spent")), ("points", N_("points earned")), ("visits", N_("visits")))),
        Box("levels.window", N_("Over"), "choice", "", (
            ("lifetime", N_("all the time")), ("rolling", N_("the last days")), ("year", N_("the calendar year")))),
        Box("levels.window_days", N_("How many last days"), "whole"),
        Box("levels.grace_days", N_("Days that a level is kept after it is lost"), "whole")), "levels", _LEVEL,
        sentence=N_("Those who buy more get more.")),
    Group("stamps", N_("Stamps"), (
        Box("stamps.card.size", N_("Stamps on a full card"), "whole", N_("2 to 30.")),
        Box("stamps.by", N_("One stamp for"), "choice", "", (
            ("visit", N_("a visit")), ("item", N_("an item")), ("sum", N_("every full sum")))),
        Box("stamps.per_minor", N_("That sum"), "amount"),
        Box("stamps.categories", N_("Categories of those items"), "words", N_("With commas. Empty: everything.")),
        Box("stamps.skus", N_("Their article numbers"), "words"),
        Box("stamps.first", N_("Stamps on a new card"), "whole"),
        Box("stamps.most_a_receipt", N_("At most on one receipt"), "whole?", N_("Empty: as many as it brings.")),
        Box("stamps.days", N_("Days that a stamp lives"), "whole?", N_("Empty: for ever.")),
        Box("stamps.card.voucher_days", N_("Days that the reward waits"), "whole"),
        Box("stamps.card.carry_over", N_("Stamps above a full card begin the next one"), "flag"),
        Box("stamps.card.rewards", N_("Rewards to choose from"), "rewards")), sentence=N_("A full card is a reward.")),
    Group("convert", N_("Turns into a voucher"), (
        Box("convert.size", N_("So many become one voucher"), "unit"),
        Box("convert.voucher_days", N_("Days that the reward waits"), "whole"),
        Box("convert.carry_over", N_("What is above it stays"), "flag"), Box("convert.rewards", N_("Rewards to choose from"), "rewards")),
        sentence=N_("A balance becomes a reward by itself.")),
    Group("visits", N_("Visits paid beforehand"), (
        Box("visits.a_day", N_("Visits a day at most"), "whole?", N_("Empty: any number.")),
        Box("visits.freeze_days", N_("Days that may be frozen"), "whole", N_("0: never.")),
        Box("visits.freeze_times", N_("How many times"), "whole")), "packages", (
        *_SOLD, Box("visits", N_("Visits"), "whole"), Box("price_minor", N_("Price"), "amount"), Box("days", N_("Days"), "whole?")),
        sentence=N_("Packages of visits, with freezing.")),
    Group("membership", N_("Membership"), (
        Box("membership.trial_days", N_("Days for trial with a new card"), "whole"),
        Box("membership.discount_outside_bp", N_("Discount outside of it, %%"), "share"),
        Box("membership.perks", N_("Perks in words"), "said")), "plans", (
        *_SOLD, Box("days", N_("Days"), "whole"), Box("price_minor", N_("Price"), "amount")),
        sentence=N_("What the programme gives, it gives to members.")),
    Group("gift", N_("Gift card"), (
        Box("gift.amounts", N_("Amounts on offer"), "amounts", N_("Such as 500; 1000; 3000. Empty: any.")),
        Box("gift.least_minor", N_("From"), "amount"), Box("gift.most_minor", N_("To"), "amount"),
        Box("gift.days", N_("Days that it lives"), "whole?", N_("Empty: for ever."))), sentence=N_("Money loaded once, spent in parts.")),
    Group("charity", N_("Charity"), (
        Box("charity.fund", N_("Who gets it"), "said"), Box("charity.a_visit_minor", N_("Each visit gives"), "amount"),
        Box("charity.share_bp", N_("and this share of what was paid, %%"), "share")), sentence=N_("Each visit gives to a fund.")),
    Group("club", N_("Closed club"), (
        Box("club.by", N_("Who may join"), "choice", "", (
            ("invitation", N_("those with an invitation")), ("points", N_("those who reached enough in another programme")))),
        Box("club.program", N_("That programme (its word in addresses)"), "text?"), Box("club.points", N_("Enough is"), "whole")),
        sentence=N_("Not for everybody.")),
    Group("referral", N_("Friends bring friends"), (
        Box("referral.giver", N_("Who brings a friend gets"), "gift"), Box("referral.friend", N_("The friend gets"), "gift"),
        Box("referral.unit", N_("of"), "choice", "", (("points", N_("points")), ("money", N_("money")), ("stamps", N_("stamps")))),
        Box("referral.least_minor", N_("First purchase of at least"), "amount"),
        Box("referral.settle_days", N_("Days until it counts"), "whole"),
        Box("referral.a_month", N_("Friends in 30 days at most"), "whole")),
        sentence=N_("Both get something after the friend’s first purchase.")),
    Group("offers", N_("Personal offers"), (
        Box("offers.count", N_("Products in the basket"), "whole"), Box("offers.discount_bp", N_("Off each, %%"), "share"),
        Box("offers.days", N_("Days until the next basket"), "whole"),
        Box("offers.new_share_bp", N_("New to the shopper, %%"), "share")), sentence=N_("A basket of products chosen for each shopper.")),
    Group("favourite", N_("Favourite product"), (
        Box("favourite.discount_bp", N_("Off it, %%"), "share"), Box("favourite.days", N_("Days that a choice holds"), "whole"),
        Box("favourite.again_days", N_("Days until another may be chosen"), "whole")), sentence=N_("The shopper chooses one product.")),
)


def beginning_of(part: str, currency: str) -> Any:
    """What a part says when it is added; its numbers are there to be changed."""
    unit = 10**minor_digits(currency)
    made = {
        "levels": terms.Levels((terms.Level("start", Said("Start", "Начало"), 0),
                                terms.Level("silver", Said("Silver", "Серебро"), 10_000 * unit, discount_bp=300))),
        "stamps": terms.Stamps(terms.Conversion(6, ())), "convert": terms.Conversion(500, ()),
        "visits": terms.Visits((terms.Package("ten", Said("10 visits", "10 посещений"), 10, 5_000 * unit, 90),)),
        "membership": terms.Membership((terms.Plan("year", Said("A year", "Год"), 365, 1_000 * unit),)),
        "gift": terms.Gift(least_minor=100 * unit, most_minor=50_000 * unit),
        "charity": terms.Charity(Said("A fund", "Фонд"), a_visit_minor=10 * unit), "club": terms.Club(),
        "referral": terms.Referral(100, 100), "offers": terms.Offers(), "favourite": terms.Favourite()}
    return made[part]
