"""What is true of a coalition: who may act on whose cards, and how a month's earning and spending is cleared between members.

A coalition is a business of its own with programme, customers and cards. A member sells on its cards, so points earned at one
member are spent at another; the first then owes the second what they were worth.
"""
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from app.errors import FieldError, Forbidden, Invalid, Refused
from app.money import ceil_div, floor_div, share_floor
from app.text import N_
from app.web.principal import Principal

# What a member's key may do on the coalition's cards, whatever it may do at home.
MEMBER_SCOPES = frozenset({"cards:read", "sales:write"})
MOST_FEE_BP = 10_000


class OnlyEarns(Forbidden):
    code, detail = "member_only_earns", N_("Points of this card cannot be spent here. Here it only collects.")


class NoSuchBusiness(Invalid):
    def __init__(self) -> None:
        super().__init__(fields=[FieldError("slug", "unknown", N_("No business here has this word in its address."))])


class OtherCurrency(Invalid):
    def __init__(self) -> None:
        super().__init__(fields=[FieldError("slug", "currency",
                                            N_("This business counts in another currency, so nothing could be cleared."))])


class AlreadyTakesPart(Refused):
    code, detail = "already_takes_part", N_("This business takes part already, or has been invited.")


class NotInvited(Refused):
    code, detail = "not_invited", N_("This invitation is no longer there.")


@dataclass(frozen=True, slots=True)
class Participation:
    """A member of a coalition. accepted_at: None while it is only invited; names: of both businesses, as they call themselves."""

    id: int
    business_id: int
    member_business_id: int
    earns: bool
    spends: bool
    fee_bp: int
    started_at: datetime
    accepted_at: datetime | None
    business_name: str
    member_name: str
    member_slug: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """What sales of whoever acts may do on a card."""

    earns: bool = True
    spends: bool = True


def acting(who: Principal, coalition_id: int) -> Principal:
    """A member's staff or key at work on the coalition's cards: never more than a cashier, so that nothing but sales is open."""
    return Principal(coalition_id, who.business_id, who.kind, who.id, who.name, who.role if who.role in (None, "agent") else "cashier",
                     frozenset(scope for scope in MEMBER_SCOPES if who.kind == "api_key" and who.has_scope(scope)), who.location_id,
                     who.session_id, who.program_ids, who.device_id, who.training, who.sandbox, who.kept_location_id)


def check_invitation(fee_bp: int, earns: bool, spends: bool) -> None:
    """Raises Invalid, a sentence for each field."""
    wrong = []
    if not 0 <= fee_bp <= MOST_FEE_BP:
        wrong.append(FieldError("fee", "share", N_("Type a share from 0 to 100 per cent.")))
    if not (earns or spends):
        wrong.append(FieldError("earns", "nothing", N_("A member collects, spends, or both.")))
    if wrong:
        raise Invalid(fields=wrong)


# Clearing.

class Part(NamedTuple):
    """A piece of a lot that an operation took (amount > 0) or gave back (< 0). issuer: whose operation made those points."""

    issuer: int
    amount: int


class Spending(NamedTuple):
    """What one sale took, and what refunds of it gave back before a month and by its end.

    parts: in the order in which lots were drawn; minor: what all of it paid; given: how many came back.
    counts: whether the sale itself lies in the month.
    """

    spender: int
    parts: Sequence[Part]
    minor: int
    counts: bool
    given_before: int = 0
    given_after: int = 0


class Pair(NamedTuple):
    """Points that `issuer` gave and `spender` took in a month, refunds off: their number, what they paid, the coalition's share of that."""

    issuer: int
    spender: int
    points: int
    minor: int
    fee: int


class Cleared(NamedTuple):
    """What a pair comes to: `debtor` pays `creditor`; minor >= 0."""

    debtor: int
    creditor: int
    minor: int


@dataclass
class Account:
    """A business in a month. Points it gave, took and lost by their end; money it owes as issuer, is owed as spender, pays as fee."""

    business_id: int
    issued: int = 0
    accepted: int = 0
    expired: int = 0
    owes: int = 0
    owed: int = 0
    fees: int = 0

    @property
    def net(self) -> int:
        """Above zero: is paid; below: pays. Over all businesses of a month it adds up to zero."""
        return self.owed - self.owes - self.fees


@dataclass(frozen=True)
class Statement:
    """A month of a coalition. month: YYYY-MM; names: business → name. Pairs of two different businesses clear, others only tell."""

    month: str
    unit: str
    pairs: list[Pair]
    accounts: list[Account]
    names: Mapping[int, str] = field(default_factory=dict)

    @property
    def cleared(self) -> list[Cleared]:
        """Each two businesses once, opposite debts set off."""
        sums: dict[tuple[int, int], int] = {}
        for pair in self.pairs:
            if pair.issuer != pair.spender:
                first, second = sorted((pair.issuer, pair.spender))
                sums[first, second] = sums.get((first, second), 0) + (pair.minor if pair.issuer == first else -pair.minor)
        return [Cleared(first, second, minor) if minor > 0 else Cleared(second, first, -minor)
                for (first, second), minor in sorted(sums.items()) if minor]


def worth_of(spending: Spending, taken: int) -> int:
    """What the first `taken` of a sale's points paid, rounded down; of all of them, all."""
    total = sum(part.amount for part in spending.parts)
    return floor_div(spending.minor * taken, total) if total else 0


def shares(spending: Spending) -> list[tuple[int, int, int]]:
    """(issuer, points, minor) that a sale and its refunds add to the month; refunds give back what was drawn last, first."""
    total = sum(part.amount for part in spending.parts)
    found = [*_pieces(spending, 0, total, 1)] if spending.counts else []
    return [*found, *_pieces(spending, total - spending.given_after, total - spending.given_before, -1)]


def _pieces(spending: Spending, start: int, end: int, sign: int) -> Iterable[tuple[int, int, int]]:
    """Points number `start` to `end` of a sale by their issuers; worths are differences, so that pieces add up to the whole."""
    at = 0
    for part in spending.parts:
        low, high = max(at, start), min(at + part.amount, end)
        if high > low:
            yield part.issuer, sign * (high - low), sign * (worth_of(spending, high) - worth_of(spending, low))
        at += part.amount


def clear(spendings: Iterable[Spending], fees: Mapping[int, int], coalition_id: int) -> tuple[list[Pair], dict[int, Account]]:
    """Pairs and accounts of a month. fees: member → basis points of what it is owed; rounded down, a fee given back rounded up."""
    sums: dict[tuple[int, int], list[int]] = {}
    for spending in spendings:
        for issuer, points, minor in shares(spending):
            pair = sums.setdefault((issuer, spending.spender), [0, 0])
            pair[0], pair[1] = pair[0] + points, pair[1] + minor
    accounts: dict[int, Account] = {coalition_id: Account(coalition_id)}
    pairs = []
    for (issuer, spender), (points, minor) in sorted(sums.items()):
        fee = _fee(minor, fees.get(spender, 0)) if issuer != spender and spender != coalition_id else 0
        pairs.append(Pair(issuer, spender, points, minor, fee))
        gave, took = (accounts.setdefault(each, Account(each)) for each in (issuer, spender))
        took.accepted += points
        if issuer != spender:
            gave.owes, took.owed, took.fees = gave.owes + minor, took.owed + minor, took.fees + fee
            accounts[coalition_id].fees -= fee
    return pairs, accounts


def _fee(minor: int, fee_bp: int) -> int:
    """The coalition's share, rounded down; of what is given back rounded the other way, so that back and forth leaves nothing."""
    return share_floor(minor, fee_bp) if minor >= 0 else -ceil_div(-minor * fee_bp, 10_000)
