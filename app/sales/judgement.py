"""What a purchase is judged by, and what the judgement says: plain values between `judging` (pure) and the service."""
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from app.programs.terms import Fade
from app.standing.rules import Standing


class Line(msgspec.Struct, frozen=True):
    """A line of a receipt. amount: of the whole line, minor units, before discount."""

    amount: int
    quantity: int = 1
    sku: str | None = None
    name: str | None = None
    category: str | None = None


class UsedReward(msgspec.Struct, frozen=True):
    """A reward that this receipt uses: of a voucher, or bought from the catalogue for `cost` of `unit`.

    kind and value as the catalogue says: discount (basis points), money_off (minor units), product (one piece of sku becomes free),
    else nothing that money shows. Without a voucher and without a cost: a promo code or a rule gave it. stock: how many there are
    still, for those that rules give; None: as many as wanted."""

    key: str
    kind: str
    value: int = 0
    sku: str | None = None
    voucher_id: int | None = None
    unit: str | None = None
    cost: int = 0
    stock: int | None = None


class Receipt(msgspec.Struct, frozen=True):
    """A purchase as it happened. lines: as the till sent them, a rest without a line added by `judge`; zone: the location's;
    business_zone: campaigns' days are read in it; promo: the key of the batch whose code was shown; catalogue: by their keys the
    rewards there are that rules may give at once (None: nobody looked, and every rule gives its reward, which takes nothing off)."""

    amount: int
    at: datetime
    zone: str
    business_zone: str
    lines: tuple[Line, ...] = ()
    location_id: int | None = None
    channel: str = "till"
    tenders: tuple[str, ...] = ()
    promo: str | None = None
    rewards: tuple[UsedReward, ...] = ()
    visits: int = 0                      # prepaid visits to take
    catalogue: Mapping[str, UsedReward] | None = None


class JudgedLine(msgspec.Struct, frozen=True):
    """A line after judging: net is what it cost after discounts; paid the money part of that.

    earned: unit → amount that is its own. Lines add up to the whole receipt, but for what the visit as such earns (a stamp or
    progress a visit, a fixed donation): that falls to no line, and goes with the last of them."""

    amount: int
    discount: int
    net: int
    paid: int
    earned: Mapping[str, int]


class Gain(msgspec.Struct, frozen=True):
    """Something that is put into the account: one lot (or several, where it fades). rule: None for the programme's base earning.

    days: a life of its own; None: the programme's. unit: points, money, stamps, progress, donated."""

    unit: str
    amount: int
    rule: str | None = None
    days: int | None = None
    fades: tuple[Fade, ...] = ()


class Applied(msgspec.Struct, frozen=True):
    """A rule that did something. what: discount | earn | voucher | reward; amount: as its caps count, below zero where a rule
    lessened the base earning. rule: also "*offers", "*favourite", "*reward:KEY", which no rule can be called."""

    rule: str
    what: str
    amount: int


class Given(msgspec.Struct, frozen=True):
    """A voucher (or, with at_once, a reward of this receipt) to hand out."""

    reward: str
    rule: str
    days: int | None = None
    at_once: bool = False


class Judgement(msgspec.Struct, frozen=True):
    """A receipt under rules. redeemable_*: the most that the programme's unit may pay; points, spent_minor: what it pays now;
    to_earn: gains in the programme's unit, those that wait included; lines: as `Receipt.lines`, with the rest that `judge` added,
    if any, at the end."""

    amount: int
    discount: int
    redeemable_points: int
    redeemable_minor: int
    points: int
    spent_minor: int
    to_pay: int
    to_earn: int
    lines: tuple[JudgedLine, ...] = ()
    gains: tuple[Gain, ...] = ()
    takes: Mapping[str, int] = {}        # besides `points`: visits used, what rewards of the catalogue cost (any unit)
    applied: tuple[Applied, ...] = ()
    given: tuple[Given, ...] = ()

    def gained(self, unit: str) -> int:
        return sum([gain.amount for gain in self.gains if gain.unit == unit])


class Happened(msgspec.Struct, frozen=True):
    """What an event that is no purchase brings."""

    gains: tuple[Gain, ...] = ()
    given: tuple[Given, ...] = ()
    applied: tuple[Applied, ...] = ()


class Quote(msgspec.Struct, frozen=True):
    """A judgement, and what is needed to show it. card: a cards.rules.Card; debt: of the programme's unit, >= 0; live_code_needed:
    it spends, and the card was not seen live."""

    card: Any
    judgement: Judgement
    rules: Any
    currency: str
    balance: int
    debt: int
    standing: Standing = Standing()
    vouchers: tuple[Any, ...] = ()
    around: Any = None                   # a surroundings.Around, for the hints; None where nobody reads them
    live_code_needed: bool = False
