"""What was done at a till or by the server, as others read it."""
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from app.ledger import rules
from app.ledger.rules import POINTS


class Change(NamedTuple):
    """What an operation did to an account. why: earned | loaded | redeemed | converted | revived | refund_returned | refund_taken |
    adjusted | welcome | expired | returned | moved (amount 0 within the account); expires_at: epoch ms, where it made a lot that ends."""

    unit: str
    amount: int
    why: str
    expires_at: int | None


class Operation(msgspec.Struct, frozen=True):
    """One operation. Amounts in minor units of the business's currency; texts: receipt, reason, lines, actor (a name), each
    only where there is one; balances: what the account had after it; hash: None until it is sealed."""

    id: int
    business_id: int
    acting_business_id: int
    program_id: int
    account_id: int
    card_id: int
    location_id: int | None
    kind: str
    of_operation_id: int | None
    at: datetime
    recorded_at: datetime
    rules_version: int
    amount_minor: int
    discount_minor: int
    spent_minor: int
    to_pay_minor: int
    pay_back_minor: int
    shortfall: int
    actor_kind: str
    actor_id: int | None
    texts: dict[str, Any]
    changes: tuple[Change, ...]
    balances: dict[str, int]
    hash: bytes | None

    @property
    def receipt(self) -> str | None:
        return self.texts.get("receipt")

    @property
    def actor_name(self) -> str | None:
        return self.texts.get("actor")

    def gained(self, *whys: str, unit: str = POINTS) -> int:
        """How much of `unit` the changes of these kinds are; negative for what was taken."""
        return sum(change.amount for change in self.changes if change.unit == unit and change.why in whys)


class Draft(msgspec.Struct, frozen=True):
    """An operation that is about to be written; who, when and the legs come beside it."""

    kind: str
    program_id: int
    account_id: int
    card_id: int
    at_ms: int
    rules_version: int
    location_id: int | None = None
    of_operation_id: int | None = None
    amount_minor: int = 0
    discount_minor: int = 0
    spent_minor: int = 0
    to_pay_minor: int = 0
    pay_back_minor: int = 0
    shortfall: int = 0
    texts: dict[str, Any] | None = None


def changes_of(kind: str, purses: Iterable[rules.Purse]) -> tuple[Change, ...]:
    """What the legs of an operation look like from outside."""
    return tuple([Change(purse.unit, leg.amount, rules.why(kind, leg.book), _end_of(leg, purse)) for purse in purses for leg in purse.legs])


def _end_of(leg: rules.Leg, purse: rules.Purse) -> int | None:
    """Of the first lot that the leg makes."""
    for lot, amount in leg.parts:
        if lot < 0 and amount > 0:
            return purse.grants[-lot - 1].expires_at
    return None
