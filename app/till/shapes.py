"""The shapes of the till API: what a request may say and what an answer says. The OpenAPI document is made from these structs."""
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.money import MAX_AMOUNT, MAX_POINTS
from app.programs.rules import ProgramRules

Amount = Annotated[int, Meta(ge=1, le=MAX_AMOUNT, description="In the currency's minor unit (kopecks, cents).")]
Points = Annotated[int, Meta(ge=0, le=MAX_POINTS)]
Moment = Annotated[datetime, Meta(tz=True, description="RFC 3339.")]
Text = Annotated[str, Meta(max_length=200)]
# Anything longer was never given out, so it is looked for and not found.
Id = Annotated[str, Meta(description="As this API gave it out.")]


class Request(msgspec.Struct, forbid_unknown_fields=True):
    """A body; a field that is not known here is refused."""


class Answer(msgspec.Struct):
    """A body that the server sends; fields may be added."""


# Requests.
class Nothing(Request):
    """No fields: the address says it all. The body may be left out."""


class Redeem(Request):
    """Points to pay with."""

    points: Points


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
    code: Annotated[str, Meta(description="Whatever the till has: barcode, card number, old number, phone.")] | None = None
    lines: list[Line] = []
    promo_code: Text | None = None
    redeem: Redeem | None = None


class Expect(Request):
    """What the till showed the shopper."""

    to_pay: Annotated[int, Meta(ge=0, le=MAX_AMOUNT)]


class SaleBody(QuoteRequest):
    """A purchase."""

    rewards: list[str] = []
    receipt: Annotated[str, Meta(description="Counts once per location and its local day.")] | None = None
    location: Id | None = None
    at: Annotated[datetime, Meta(tz=True, description="When it happened, up to 72 hours back; null: now.")] | None = None
    expect: Expect | None = None


class RefundBody(Request):
    """A part of a sale comes back."""

    amount: Annotated[int, Meta(ge=1, le=MAX_AMOUNT, description="In the receipt's prices after discount.")]
    receipt: Annotated[str, Meta(description="The refund's own number.")] | None = None


class AdjustmentBody(Request):
    """Points given or taken by hand."""

    unit: Literal["points"]
    amount: Annotated[int, Meta(ge=-MAX_POINTS, le=MAX_POINTS, description="Above zero gives, below zero takes.")]
    reason: str


class EnrolmentBody(Request):
    """Somebody wants a card; the message with the link goes to phone."""

    program: Id
    phone: str | None = None
    email: str | None = None
    name: str | None = None
    language: Literal["en", "ru"] | None = None
    location: Id | None = None


class CustomerBody(Request):
    """Who the card is for; any of it may be missing."""

    phone: str | None = None
    name: str | None = None
    birthday: Annotated[str, Meta(description="YYYY-MM-DD")] | None = None
    email: str | None = None


class ConsentBody(Request):
    """What the shopper agreed to at your place, and when."""

    terms: bool
    marketing: bool = False
    text_version: Annotated[str, Meta(max_length=100, description="The name of the wording that was shown; null: ours.")] | None = None
    given_at: Moment | None = None


class CardBody(Request):
    """A card for a shopper whose consent you have."""

    program: Id
    customer: CustomerBody
    consent: ConsentBody


# Answers.
class Business(Answer):
    id: str
    name: str
    currency: str
    country: str
    time_zone: str
    language: str


class Me(Answer):
    """What a key is."""

    id: str
    name: str
    scopes: list[str]
    location: str | None
    business: Business


class Location(Answer):
    id: str
    name: str
    address: str
    time_zone: str


class LocationList(Answer):
    items: list[Location]
    next_cursor: str | None


class Program(Answer):
    """A programme. explained: its rules in sentences for a shopper; enrol: the address of its enrolment page."""

    id: str
    slug: str
    name: str
    kind: str
    currency: str
    rules_version: int
    rules: ProgramRules
    explained: list[str]
    enrol: str


class ProgramList(Answer):
    items: list[Program]
    next_cursor: str | None


class Customer(Answer):
    id: str
    name: str | None
    phone: Annotated[str, Meta(description="Masked.")] | None


class Balances(Answer):
    points: int = 0
    stamps: int = 0
    visits: int = 0
    money: int = 0
    donated: Annotated[int, Meta(description="What the business gave to the fund for this card; never spent.")] | UnsetType = UNSET


class Pending(Answer):
    points: int = 0


class Tier(Answer):
    name: str


class Expiring(Answer):
    unit: str
    amount: int
    at: str


class Wallets(Answer):
    """How many devices hold the card."""

    apple: int
    google: int


class Card(Answer):
    id: str
    number: str
    code: Annotated[str, Meta(description="The barcode's text.")]
    program: str
    status: Annotated[str, Meta(description="provisional, active, blocked, replaced, expired or erased")]
    customer: Customer | None
    balances: Balances
    pending: Pending
    tier: Tier | None
    expiring: list[Expiring]
    wallets: Wallets
    hints: list[str]
    created_at: str


class CardList(Answer):
    """hints: what a cashier can do where nothing was found."""

    items: list[Card]
    next_cursor: str | None
    hints: list[str]


class PageLink(Answer):
    url: str


class Enrolment(Answer):
    id: str | None
    status: Annotated[str, Meta(description="queued, sent, delivered, failed, activated, expired, cancelled or already_member")]
    card: str | None
    expires_at: str | None


class Redeemable(Answer):
    points: int
    amount: int


class ToEarn(Answer):
    points: int
    stamps: int = 0


class Quote(Answer):
    """What a sale would do. hints: sentences that the cashier can say."""

    card: Card
    amount: int
    discount: int
    redeemable: Redeemable
    to_earn: ToEarn
    rewards: list[str]
    to_pay: int
    hints: list[str]


class Change(Answer):
    unit: str
    amount: int
    why: str
    expires_at: str | UnsetType = UNSET


class Actor(Answer):
    kind: str
    name: str | None


class Operation(Answer):
    """What was done. of: the operation that an undo or a refund reverses; hash: null until it is sealed."""

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


class OperationList(Answer):
    items: list[Operation]
    next_cursor: str | None


class WrongField(Answer):
    field: str
    code: str
    detail: str


class Problem(Answer):
    """RFC 9457. code: stable; detail: a sentence for a person, in the language of Accept-Language."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[WrongField] | UnsetType = UNSET
