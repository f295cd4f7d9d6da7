"""The shapes of what is done with a card: quotes, sales, refunds, and everything else that moves a balance."""
from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from app.money import MAX_AMOUNT, MAX_POINTS
from app.till.shapes import Amount, Answer, Balances, Card, Id, Named, Points, Request, Text, Tier, Voucher

Place = Annotated[Id, Meta(description="Of the location; null: the key's own, else none.")]
Number = Annotated[str, Meta(description="The receipt's number; counts once per location and its local day.")]


# Requests.
class Redeem(Request):
    """What to pay with: points, or in a programme that counts money, minor units; `points` is then understood as money too."""

    points: Points = 0
    money: Points = 0


class Line(Request):
    """A line of the receipt."""

    amount: Annotated[int, Meta(ge=0, le=MAX_AMOUNT, description="Of the whole line, in minor units.")]
    sku: Text | None = None
    name: Text | None = None
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    category: Text | None = None


class QuoteRequest(Request):
    """A purchase to be judged. Either card or code names the card."""

    amount: Amount
    card: Id | None = None
    code: Annotated[str, Meta(
        description="Whatever the till has: barcode (24 digits where codes change), card number, old number, phone.")] | None = None
    lines: tuple[Line, ...] = ()
    promo_code: Text | None = None
    redeem: Redeem | None = None
    rewards: Annotated[tuple[str, ...], Meta(
        description="Vouchers by id (vch_…), by code, or as vch_…/rwd_… where one becomes several; rewards to buy now by id (rwd_…).")] = ()
    channel: Annotated[str, Meta(description="till, web, app, or a word of the business's own; null: the key's.")] | None = None
    tenders: Annotated[tuple[str, ...], Meta(description="Means of payment: cash, card, prepaid, …")] = ()
    visits: Annotated[int, Meta(ge=0, le=100, description="Prepaid visits to take.")] = 0
    location: Place | None = None
    at: Annotated[datetime, Meta(tz=True, description="When it happened, up to 72 hours back; null: now.")] | None = None


class Expect(Request):
    """What the till showed the shopper."""

    to_pay: Annotated[int, Meta(ge=0, le=MAX_AMOUNT)]


class SaleBody(QuoteRequest):
    """A purchase. confirmed: the shopper agreed to a redemption above the programme's limit."""

    receipt: Number | None = None
    expect: Expect | None = None
    confirmed: bool = False


class ReturnedLine(Request):
    """So many pieces of a line of the sale."""

    line: Annotated[int, Meta(ge=1, le=500, description="Its number on the receipt, from 1.")]
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)] = 1


class RefundBody(Request):
    """A part of a sale comes back: a sum, pieces of lines, or the rest, which is also how a whole purchase, visit or claim does."""

    amount: Annotated[int, Meta(ge=1, le=MAX_AMOUNT, description="In the receipt's prices after discount.")] | None = None
    lines: tuple[ReturnedLine, ...] = ()
    rest: Annotated[bool, Meta(description="All that is left.")] = False
    receipt: Annotated[str, Meta(description="The refund's own number.")] | None = None
    location: Place | None = None


class AdjustmentBody(Request):
    """Given or taken by hand."""

    unit: Literal["points", "money", "stamps", "visits"]
    amount: Annotated[int, Meta(ge=-MAX_POINTS, le=MAX_POINTS, description="Above zero gives, below zero takes.")]
    reason: str


class EventBody(Request):
    """Something that happened outside of purchases. key: what makes it this one, such as a review's number; it counts once."""

    event: Annotated[str, Meta(description="A word of the business's own that its rules name: review, recycling, …")]
    key: str
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)] = 1


class GiftBody(Request):
    """A load of a gift card. name, words: who gives it, and what they say."""

    amount: Amount
    name: str = ""
    words: str = ""


class PurchaseBody(Request):
    """One of package (of visits), plan (of a membership) and gift."""

    package: Annotated[str, Meta(description="Its key in the programme's rules.")] | None = None
    plan: Annotated[str, Meta(description="Its key in the programme's rules.")] | None = None
    gift: GiftBody | None = None
    receipt: Number | None = None
    location: Place | None = None


class VisitBody(Request):
    """Prepaid visits that are used without a receipt."""

    count: Annotated[int, Meta(ge=1, le=100)] = 1
    location: Place | None = None
    at: Annotated[datetime, Meta(tz=True, description="Up to 72 hours back; null: now.")] | None = None


class FreezeBody(Request):
    """Visits rest for so many days after today."""

    days: Annotated[int, Meta(ge=1, le=365)]


class ExtendBody(Request):
    """What is left of prepaid visits lives so many days longer."""

    days: Annotated[int, Meta(ge=1, le=365)]
    reason: str


class UseBody(Request):
    """A voucher that is handed over without a receipt. reward: which, where the voucher becomes one of several."""

    voucher: Id
    reward: Id | None = None


class ClaimBody(Request):
    """A reward of the catalogue, bought with what the card holds."""

    reward: Id


class FavouriteBody(Request):
    """A product that can be chosen."""

    sku: Text


class LevelBody(Request):
    """A level given by hand. level: its key, null for none; until: null for as long as nobody changes it."""

    level: str | None
    reason: str
    until: Annotated[datetime, Meta(tz=True)] | None = None


class MergeBody(Request):
    """card: the one that ends; all that it has goes to the card of the address."""

    card: Id


# Answers.
class Redeemable(Answer):
    """The most that can pay. amount: what that is in money; money: of a programme that counts money."""

    points: int
    amount: int
    money: int | UnsetType = UNSET


class ToEarn(Answer):
    points: int
    stamps: int = 0
    visits: int | UnsetType = UNSET
    money: int | UnsetType = UNSET
    donated: int | UnsetType = UNSET


class Usable(Answer):
    """A reward that this card may use now. use: what to send in `rewards`; cost: what the catalogue asks for it, 0 for a voucher."""

    use: str
    reward: Named
    kind: str
    cost: int
    unit: str | None


class ToGive(Answer):
    """What the sale hands out. at_once: with this receipt; else as a voucher."""

    reward: Named
    rule: str
    at_once: bool


class Applied(Answer):
    """A rule that does something. what: discount, earn, voucher or reward; amount: of discount in minor units, of what is earned, …"""

    rule: str
    what: str
    amount: int


class Quote(Answer):
    """What a sale would do. rewards: what the card may use; to_give: what it would get; hints: sentences that the cashier can say."""

    card: Card
    amount: int
    discount: int
    redeemable: Redeemable
    to_earn: ToEarn
    rewards: list[Usable]
    to_pay: int
    hints: list[str]
    to_give: list[ToGive]
    applied: list[Applied]
    visits: Annotated[int, Meta(description="Prepaid visits that the sale takes.")]
    live_code_needed: Annotated[bool, Meta(
        description="The sale spends, codes rotate, and the card was not seen live in the last five minutes: as it is it will be refused.")]


class Change(Answer):
    unit: str
    amount: int
    why: str
    expires_at: str | UnsetType = UNSET


class Actor(Answer):
    kind: str
    name: str | None


class Vouchers(Answer):
    """As they stand now, not as they stood then."""

    issued: list[Voucher]
    used: list[Voucher]


class Operation(Answer):
    """What was done. of: the operation that an undo or a refund reverses; tier: the one held after it; hash: null until it is sealed;
    channel: where a sale was made, null for what is none."""

    id: str
    kind: str
    card: str
    location: str | None
    at: str
    receipt: str | None
    reason: str | None
    amount: int
    discount: int
    to_pay: int
    pay_back: int
    shortfall: int
    changes: list[Change]
    balances: Balances
    tier: Tier | None
    actor: Actor
    of: str | None
    hash: str | None
    vouchers: Vouchers
    applied: list[Applied]
    channel: str | None


class OperationList(Answer):
    items: list[Operation]
    next_cursor: str | None


class Approval(Answer):
    """An adjustment that waits for a second manager, who decides it in the console within seven days."""

    id: str
    card: str
    unit: str
    amount: int
    reason: str
    status: Annotated[str, Meta(description="waiting, approved, refused or expired")]
    asked_by: str
    asked_at: str
    expires_at: str
    operation: str | None


class ApprovalList(Answer):
    items: list[Approval]
    next_cursor: str | None
