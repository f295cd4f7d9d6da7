"""The shapes of the till API: what a request may say and what an answer says. The OpenAPI document is made from these structs.

Here what all calls share, cards and enrolments; sales in sale_shapes.py, programmes and what belongs to them in program_shapes.py."""
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.money import MAX_AMOUNT, MAX_POINTS

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
    """A card for a shopper whose consent you have; customer null: one that belongs to whoever holds it, handed over by its page."""

    program: Id
    customer: CustomerBody | None
    consent: ConsentBody | None = None


class ConfirmationBody(Request):
    """code: what the shopper told, six digits; null: text them to the card's phone."""

    code: Annotated[str, Meta(max_length=40)] | None = None


class AnswersBody(Request):
    """Answers by the keys of GET /programs/{id}/questions; name, birthday and email too, where the programme asks for them.

    A choice by its key, a number as 12.5, a date as YYYY-MM-DD; "" takes an answer back. What is left out stays as it is."""

    answers: Annotated[dict[str, str], Meta(max_length=40)]


# Answers.
class Business(Answer):
    id: str
    name: str
    currency: str
    country: str
    time_zone: str
    language: str


class Rate(Answer):
    """Calls a second, and at once after a pause; more is 429 with Retry-After."""

    per_second: int
    burst: int


class Me(Answer):
    """What a key is. location: the one shop that it is kept to; rate: null for no limit; sandbox: whether nothing that it does counts."""

    id: str
    name: str
    scopes: list[str]
    location: str | None
    business: Business
    channel: Annotated[str, Meta(description="till, web or app: where its sales are made unless they say it.")]
    expires_at: Annotated[str, Meta(description="From when on this secret is refused: the key ends, or got another one.")] | None
    rate: Rate | None
    sandbox: bool


class Location(Answer):
    id: str
    name: str
    address: str
    time_zone: str


class LocationList(Answer):
    items: list[Location]
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
    """What waits until it can be spent: points until purchases can no longer be returned, visits that are frozen."""

    points: int = 0
    stamps: int | UnsetType = UNSET
    visits: int | UnsetType = UNSET
    money: int | UnsetType = UNSET


class EarnRate(Answer):
    """So many points (in a programme of money: minor units) for so many minor units paid."""

    points: int
    per_amount: int


class Tier(Answer):
    """The level that the card holds."""

    name: str
    key: str
    discount_bp: int
    earn: EarnRate


class Named(Answer):
    """A reward of the catalogue."""

    id: str
    key: str
    name: str


class Voucher(Answer):
    """A right to one of `rewards`. code: what its holder shows; id: what a sale takes in `rewards`, with several to choose from as
    "vch_…/rwd_…"; status: open, used, void or expired."""

    id: str
    code: str
    rewards: list[Named]
    status: str
    starts_at: str
    ends_at: str | None


class ChosenFavourite(Answer):
    """The product that the shopper chose. again_at: when another may be chosen."""

    sku: str
    name: str | None
    ends_at: str
    again_at: str


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
    vouchers: list[Voucher]
    member_until: Annotated[str, Meta(description="Of a membership that is alive.")] | None
    favourite: ChosenFavourite | None


class CardList(Answer):
    """hints: what a cashier can do where nothing was found."""

    items: list[Card]
    next_cursor: str | None
    hints: list[str]


class PageLink(Answer):
    url: str


class Confirmation(Answer):
    """status: sent (the code is on its way to the shopper) or confirmed; until: how long the code works, or the card may spend."""

    status: Literal["sent", "confirmed"]
    until: Annotated[str, Meta(description="RFC 3339.")]


class Enrolment(Answer):
    """In a sandbox, whose messages go nowhere (status sandbox): message, which would have been sent, and the link in it."""

    id: str | None
    status: Annotated[str, Meta(description="queued, sent, delivered, failed, activated, expired, cancelled, already_member or sandbox")]
    card: str | None
    expires_at: str | None
    message: str | UnsetType = UNSET
    link: str | UnsetType = UNSET


class Choice(Answer):
    key: str
    label: str


class Question(Answer):
    """need: required or optional (asked before the card is there) or later (on the card's page); bonus: for an answer to a later one."""

    key: str
    kind: Annotated[str, Meta(description="text, number, date or choice")]
    label: str
    choices: list[Choice]
    need: str
    bonus: int


class QuestionList(Answer):
    """All of them. unit: what a bonus is given in (money in minor units); null: the programme counts nothing."""

    items: list[Question]
    unit: str | None
    next_cursor: str | None


class Answers(Answer):
    """answers: to the programme's own questions; bonus: what this call brought, in the programme's unit."""

    answers: dict[str, str]
    bonus: int


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
