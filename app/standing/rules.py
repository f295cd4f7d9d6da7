"""Where a shopper stands: what rules may ask about the person behind a card."""
from collections.abc import Mapping
from datetime import date

import msgspec


class Standing(msgspec.Struct, frozen=True):
    """What is known of the shopper at the receipt's moment.

    uses: (rule, "day" | "person" | "campaign") → what it gave so far; offers: sku → basis points off; is_member: True where the
    programme has no membership. spendable: of the programme's unit; held: other units (stamps, visits) that can be spent."""

    spendable: int = 0
    held: Mapping[str, int] = {}
    level: str | None = None
    is_member: bool = True
    birthday: date | None = None
    is_first: bool = False
    favourite: str | None = None
    segments: frozenset[str] = frozenset()
    offers: Mapping[str, int] = {}
    uses: Mapping[tuple[str, str], int] = {}
    visits_today: int = 0
    is_closed: bool = False              # the programme earns no more (it is closing)
