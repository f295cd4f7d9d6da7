"""The shapes of programmes and what belongs to them: rules, rewards, promo codes, segments, products."""
from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta

from app.money import MAX_AMOUNT, MAX_POINTS
from app.programs import rules as program_rules
from app.programs import terms
from app.programs.terms import Said
from app.segments.rules import Filter
from app.till.sale_shapes import Line
from app.till.shapes import Answer, Id, Request, Text

Word = Annotated[str, Meta(max_length=40)]
Reference = Annotated[str, Meta(max_length=40, description="Its key.")]


# Rules, as the server keeps them, but for the locations' public ids.
class When(terms.When, frozen=True):
    __doc__ = terms.When.__doc__

    locations: tuple[Id, ...] = ()  # type: ignore[assignment]


class Rule(terms.Rule, frozen=True):
    __doc__ = terms.Rule.__doc__

    when: When = When()


class Rules(program_rules.ProgramRules, frozen=True, kw_only=True):
    __doc__ = program_rules.ProgramRules.__doc__

    rules: tuple[Rule, ...] = ()


class SegmentFilter(Filter, frozen=True):
    __doc__ = Filter.__doc__

    levels: tuple[Word, ...] = ()
    tags: tuple[Word, ...] = ()
    location: Id | None = None  # type: ignore[assignment]
    program: Id | None = None  # type: ignore[assignment]


class Sentences(Answer):
    """The same in both languages."""

    en: list[str]
    ru: list[str]


# Programmes.
class ProgramBody(Request):
    """A new programme. kind: of GET /programs/kinds; rules: null for the kind's own, as that list shows them."""

    kind: Text
    slug: Annotated[str, Meta(description="The word of its enrolment page's address.")]
    name: Said
    rules: Rules | None = None


class RulesBody(Request):
    """The whole rules, which replace those before. starts_at: announced for then; null: from now on."""

    rules: Rules
    starts_at: Annotated[datetime, Meta(tz=True)] | None = None


class RotationBody(Request):
    """seconds: 0 for codes that stand still, else 30 to 60; static_redeems: a code that stands still spends all the same."""

    seconds: Annotated[int, Meta(ge=0, le=60)]
    static_redeems: bool = False


class Simulate(Request):
    """Against the receipts of the last 30 days, or a typed average. Shares are in basis points."""

    source: Literal["receipts", "average"] = "receipts"
    average: Annotated[int, Meta(ge=0, le=MAX_AMOUNT, description="Of a receipt, for source average.")] = 0
    receipts: Annotated[int, Meta(ge=0, le=10_000_000, description="A month, for source average.")] = 0
    members_bp: Annotated[int, Meta(ge=0, le=10_000, description="Receipts with a card, for source average.")] = 10_000
    redeemed_bp: Annotated[int, Meta(ge=0, le=10_000, description="Of what is given; null: as in the last 30 days.")] | None = None
    margin_bp: Annotated[int, Meta(ge=0, le=10_000, description="Of turnover.")] = 3_000


class TryReceipt(Request):
    """A receipt to try the rules with; held: what the shopper can spend; redeem: of it to pay with, null for the most."""

    amount: Annotated[int, Meta(ge=1, le=MAX_AMOUNT)]
    lines: tuple[Line, ...] = ()
    at: Annotated[datetime, Meta(tz=True)] | None = None
    held: Annotated[int, Meta(ge=0, le=MAX_POINTS)] = 0
    redeem: Annotated[int, Meta(ge=0, le=MAX_POINTS)] | None = None
    level: Reference | None = None
    promo: Annotated[str, Meta(max_length=40, description="The key of a batch whose code is shown.")] | None = None
    first_purchase: bool = False
    member: bool = True
    location: Id | None = None
    channel: Text = "till"
    tenders: tuple[Text, ...] = ()


class CheckBody(Request):
    """Rules that are looked at and not kept."""

    rules: Rules
    simulate: Simulate | None = None
    receipt: TryReceipt | None = None


class ClosingBody(Request):
    """From earns_until on nothing is earned; from spends_until on nothing is left and the cards end."""

    earns_until: Annotated[datetime, Meta(tz=True)]
    spends_until: Annotated[datetime, Meta(tz=True)]


class Closing(Answer):
    earns_until: str
    spends_until: str


class Kind(Answer):
    """A ready-made kind: rules to begin with in the business's currency, said in sentences."""

    key: str
    name: str
    sentence: str
    rules: Rules
    explained: list[str]


class KindList(Answer):
    items: list[Kind]
    next_cursor: str | None


class Rotation(Answer):
    """seconds: how long a code on Google's card and the card's page holds, 0 for codes that stand still; static_redeems: whether a code
    that stands still (Apple's, paper) spends without a confirmation."""

    seconds: int
    static_redeems: bool


class Program(Answer):
    """A programme. explained: its rules in sentences for a shopper; enrol: the address of its enrolment page; closing: where it ends."""

    id: str
    slug: str
    name: str
    kind: str
    currency: str
    rules_version: int
    rules: Rules
    explained: list[str]
    enrol: str
    closing: Closing | None
    closed_at: str | None
    rotation: Rotation


class ProgramList(Answer):
    items: list[Program]
    next_cursor: str | None


class RulesVersion(Answer):
    """A version of the rules. starts_at: of one that was announced."""

    version: int
    rules: Rules
    explained: list[str]
    created_at: str
    created_by: str
    starts_at: str | None


class RulesVersionList(Answer):
    items: list[RulesVersion]
    next_cursor: str | None


class Figures(Answer):
    """What rules do with `receipts` receipts. cost: all that is given at its full worth, and discounts; likely: with what is given only
    as far as it is spent; liability: what is open at the month's end; break_even_bp: so much more turnover pays for it, null: none does."""

    receipts: int
    turnover: int
    touched: int
    discount: int
    given: dict[str, int]
    vouchers: dict[str, int]
    donated: int
    cost: int
    likely: int
    cost_per_thousand: int
    liability: int
    break_even_bp: int | None


class Simulation(Answer):
    """The draft beside the rules in force. judged: how many receipts stand for `receipts`; unknown: conditions that no past receipt
    can answer."""

    draft: Figures
    in_force: Figures
    judged: int
    receipts: int
    since: str
    until: str
    unknown: list[str]


class Tried(Answer):
    """What the receipt would bring. refused: a sentence where the rules refuse it."""

    discount: int
    redeemed: int
    to_pay: int
    gains: dict[str, int]
    rewards: list[str]
    applied: list[str]
    refused: str | None


class Checked(Answer):
    """The rules said back, and what was asked of them."""

    explained: Sentences
    simulation: Simulation | None
    receipt: Tried | None


# Rewards.
class RewardBody(Request):
    """A reward of the catalogue. value: basis points of a discount, minor units of money off, else what it costs the business;
    unit, cost: what it is sold for, null where it is only given; stock: null for as many as wanted; level: the lowest that may have it."""

    key: Text
    kind: Literal["product", "service", "delivery", "text", "discount", "money_off"]
    name: Said
    value: Annotated[int, Meta(ge=0, le=MAX_AMOUNT)] = 0
    unit: Literal["points", "money", "stamps", "visits"] | None = None
    cost: Annotated[int, Meta(ge=0, le=MAX_POINTS)] = 0
    sku: Text | None = None
    days: Annotated[int, Meta(ge=1, le=3_650, description="Of a voucher for it.")] = 30
    stock: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    level: Reference | None = None
    position: Annotated[int, Meta(ge=0, le=100_000)] = 0


class RewardChange(RewardBody):
    """The whole reward as it shall be; its key stays. stock_was: the stock that you saw, which tills may have taken from meanwhile.
    closed: not given or sold any more; vouchers for it stay good."""

    stock_was: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    closed: bool = False


class Reward(Answer):
    id: str
    key: str
    kind: str
    name: Said
    value: int
    unit: str | None
    cost: int
    sku: str | None
    days: int
    stock: int | None
    level: str | None
    position: int
    closed: bool


class RewardList(Answer):
    items: list[Reward]
    next_cursor: str | None


# Promo codes.
class BatchBody(Request):
    """Promo codes with the same terms: typed ones in `codes`, or `count` drawn ones. kind coupon: to print, each used once; reward: the
    key of what a code gives by itself; days are local and both included."""

    key: Text
    name: Text
    kind: Literal["code", "coupon"] = "code"
    reward: Reference | None = None
    uses: Annotated[int, Meta(ge=1, le=1_000_000, description="Of each code; null: any number.")] | None = 1
    per_person: Annotated[int, Meta(ge=1, le=1_000_000)] | None = 1
    total: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    codes: tuple[Text, ...] = ()
    count: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    length: Annotated[int, Meta(ge=8, le=16)] = 10


class Batch(Answer):
    """state: open, announced, used_up, ended or closed; used: how often any of its codes was."""

    key: str
    name: str
    kind: str
    reward: str | None
    uses: int | None
    per_person: int | None
    total: int | None
    codes: int
    used: int
    state: str
    starts_at: str
    ends_at: str | None
    created_at: str
    created_by: str


class BatchList(Answer):
    items: list[Batch]
    next_cursor: str | None


class Code(Answer):
    code: str
    used: int


class CodeList(Answer):
    items: list[Code]
    next_cursor: str | None


# Segments and products.
class SegmentBody(Request):
    """A saved question about customers; rules name it by its key."""

    key: Text
    name: Text
    filter: SegmentFilter


class Segment(Answer):
    """count: how many accounts are in it now; null in lists, where nobody counted."""

    key: str
    name: str
    filter: SegmentFilter
    created_at: str
    count: int | None


class SegmentList(Answer):
    items: list[Segment]
    next_cursor: str | None


class ProductBody(Request):
    """A product that tills sell. can_be_favourite: whether shoppers may choose it."""

    sku: Text
    name: Text
    category: Text | None = None
    can_be_favourite: bool = False


class Product(Answer):
    sku: str
    name: str
    category: str | None
    can_be_favourite: bool


class ProductList(Answer):
    items: list[Product]
    next_cursor: str | None

