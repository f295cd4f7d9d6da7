"""The parts that a programme's rules are made of: levels, stamps, visits, membership, gifts, clubs, and rules with conditions and effects.

Amounts are minor units of the business's currency, shares basis points (10,000 = 100 %), days whole local days. `Said` is a
text in both languages.
"""
from typing import Literal

import msgspec

Unit = Literal["points", "money", "stamps", "visits"]
Event = str         # review, referral, birthday, activated, absent, or a word of the business's own: [a-z0-9_]{1,40}


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class Said(_Part, frozen=True):
    """A text of the business's own in both languages; one may be empty, then the other stands for it."""

    en: str = ""
    ru: str = ""

    def in_(self, language: str) -> str:
        return (self.ru or self.en) if language == "ru" else (self.en or self.ru)


class Fade(_Part, frozen=True):
    """After `days` days, `share_bp` of what was earned ends. What the steps leave over ends with the lot."""

    days: int
    share_bp: int


class Level(_Part, frozen=True):
    """A tier. threshold: of the measure, 0 for the one that everybody begins with; None: as the programme says."""

    key: str
    name: Said
    threshold: int
    earn_points: int | None = None       # instead of the programme's, per the same earn_per_minor
    discount_bp: int = 0
    largest_share_bp: int | None = None
    perks: Said = Said()
    background: str | None = None        # the pass's colour on this level


class Levels(_Part, frozen=True):
    """measure: what counts towards thresholds: money spent (after discounts), base points earned, or receipts. window: for ever,
    the last `window_days` days, or the calendar year. grace_days: how long a level that is no longer reached is kept."""

    levels: tuple[Level, ...]
    measure: Literal["spend", "points", "visits"] = "spend"
    window: Literal["lifetime", "rolling", "year"] = "lifetime"
    window_days: int = 365
    grace_days: int = 0


class Conversion(_Part, frozen=True):
    """`size` of a unit become one voucher for one of `rewards` (keys of the catalogue) by themselves; a rest stays with carry_over."""

    size: int
    rewards: tuple[str, ...]
    carry_over: bool = True
    voucher_days: int = 90


class Stamps(_Part, frozen=True):
    """A stamp a visit (receipt), an item (matching lines), or a sum (every full per_minor paid). first: on a new card already."""

    card: Conversion
    by: Literal["visit", "item", "sum"] = "visit"
    per_minor: int = 0
    categories: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    first: int = 0
    most_a_receipt: int | None = None
    days: int | None = None              # a stamp's life; None: for ever


class Package(_Part, frozen=True):
    """Visits paid beforehand. days: their life from the purchase."""

    key: str
    name: Said
    visits: int
    price_minor: int
    days: int | None = None


class Visits(_Part, frozen=True):
    """freeze_days: how many days a shopper may freeze in all, at most freeze_times times; 0: never."""

    packages: tuple[Package, ...]
    a_day: int | None = None             # visits of one card on one local day; None: any number
    freeze_days: int = 0
    freeze_times: int = 1


class Plan(_Part, frozen=True):
    """A membership that can be bought. days: its length."""

    key: str
    name: Said
    days: int
    price_minor: int


class Membership(_Part, frozen=True):
    """While it lasts, the programme gives what it gives; outside of it nothing but `discount_outside_bp`.

    trial_days: given once with the card. Renewal before the end adds to the end."""

    plans: tuple[Plan, ...]
    trial_days: int = 0
    discount_outside_bp: int = 0
    perks: Said = Said()


class Gift(_Part, frozen=True):
    """Stored value: loaded with money at the till, spent in parts. amounts: those offered, empty for any from least to most."""

    amounts: tuple[int, ...] = ()
    least_minor: int = 10_000
    most_minor: int = 5_000_000
    days: int | None = 365


class Charity(_Part, frozen=True):
    """Each receipt moves a_visit_minor and share_bp of what was paid from the business to the fund."""

    fund: Said
    a_visit_minor: int = 0
    share_bp: int = 0


class Club(_Part, frozen=True):
    """Who may join: those with an invitation link, or members of `program` (its slug) who reached `points` of its measure."""

    by: Literal["invitation", "points"] = "invitation"
    program: str | None = None
    points: int = 0


class Referral(_Part, frozen=True):
    """What both sides get after the friend's first purchase of least_minor or more that can no longer be returned."""

    giver: int
    friend: int
    unit: Unit = "points"
    least_minor: int = 0
    settle_days: int = 14
    a_month: int = 10                    # rewarded friends of one giver in 30 days


class Offers(_Part, frozen=True):
    """A basket of `count` products at discount_bp for `days` days, then the next one; new_share_bp of them new to the shopper."""

    count: int = 5
    discount_bp: int = 1_000
    days: int = 5
    new_share_bp: int = 4_000


class Favourite(_Part, frozen=True):
    """The shopper's own choice among products that can be one. days: how long it holds; again_days: when another may be chosen."""

    discount_bp: int = 1_000
    days: int = 30
    again_days: int = 1


class When(_Part, frozen=True):
    """Conditions, all of which must hold; what is left out is not asked. Line conditions (categories, skus, favourite, quantity_from)
    choose the lines that an effect works on (those of any named category or sku); without them it works on the whole receipt."""

    amount_from: int | None = None       # the receipt, after line discounts
    amount_to: int | None = None
    categories: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    quantity_from: int | None = None     # only the matching pieces from this one on, counted over the receipt ("from the third night")
    weekdays: tuple[int, ...] = ()       # 1 Monday … 7 Sunday, local to the location
    time_from: str | None = None         # "HH:MM", local to the location; time_to is not included; may pass midnight
    time_to: str | None = None
    locations: tuple[int, ...] = ()      # row ids; public ids in the API
    channels: tuple[str, ...] = ()       # till, web, app
    tenders: tuple[str, ...] = ()        # cash, card, prepaid, …: one of the receipt's
    levels: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    birthday_before: int | None = None   # days before and after; 29 February counts as 28 February in other years
    birthday_after: int | None = None
    first_purchase: bool = False
    promo: str | None = None             # a code of this batch is shown
    favourite: bool = False              # lines with the shopper's favourite product
    event: Event | None = None           # not a purchase at all but something that happened
    event_days: int | None = None        # absent: after so many days without a visit


class Earn(_Part, frozen=True, tag="earn", tag_field="do"):
    """`amount` of `unit`; of the event's quantity or of matching pieces where `each`."""

    amount: int
    unit: Unit = "points"
    each: bool = False
    days: int | None = None              # a life of its own; None: as the programme's
    fades: tuple[Fade, ...] = ()


class EarnRate(_Part, frozen=True, tag="earn_rate", tag_field="do"):
    """points per per_minor paid for the matching lines (or the receipt), on top of the base; proportional, rounded down."""

    points: int
    per_minor: int
    days: int | None = None
    fades: tuple[Fade, ...] = ()


class Multiply(_Part, frozen=True, tag="multiply", tag_field="do"):
    """The base earning of the matching lines (or the receipt) times by_bp; 20,000 doubles."""

    by_bp: int


class Discount(_Part, frozen=True, tag="discount", tag_field="do"):
    """share_bp off the matching lines (or the receipt), or amount_minor once; one of the two is zero."""

    share_bp: int = 0
    amount_minor: int = 0


class BuyGet(_Part, frozen=True, tag="buy_get", tag_field="do"):
    """Of every buy + get matching pieces the `get` cheapest are discount_bp off: 3 for 2 is buy 2, get 1, 10,000."""

    buy: int
    get: int
    discount_bp: int = 10_000


class GiveVoucher(_Part, frozen=True, tag="voucher", tag_field="do"):
    """A voucher for a reward of the catalogue, for later. days: its life; None: the reward's."""

    reward: str
    days: int | None = None


class GiveReward(_Part, frozen=True, tag="reward", tag_field="do"):
    """A reward with this very receipt."""

    reward: str


Effect = Earn | EarnRate | Multiply | Discount | BuyGet | GiveVoucher | GiveReward


class Caps(_Part, frozen=True):
    """The most that a rule gives, in what its effect counts (points, minor units of discount, stamps, vouchers)."""

    receipt: int | None = None
    day: int | None = None               # a person's local day
    person: int | None = None            # for ever
    campaign: int | None = None          # to everybody


class Rule(_Part, frozen=True):
    """One sentence of the rules. A campaign is a rule with starts_on and ends_on (both included, days of the business's zone).

    priority: higher first. exclusive: where it gave something, later rules of the same sort (discounts; earning; gifts) do not.
    """

    key: str
    name: Said
    effect: Effect
    when: When = When()
    starts_on: str | None = None         # YYYY-MM-DD
    ends_on: str | None = None
    priority: int = 0
    exclusive: bool = False
    caps: Caps = Caps()
    paused: bool = False
