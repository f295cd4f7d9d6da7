"""What is true of invitations: who may join by one, and when a friend who came by one is worth a reward."""
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.errors import FieldError, Invalid, Refused
from app.programs.terms import Referral
from app.text import N_

CODE_LETTERS = 12
MONTH, DAY = timedelta(days=30), timedelta(days=1)
GIVES_UP = timedelta(days=180)          # a friend who has bought nothing by then brings nothing
# Signs that friends are made and not found: so many in a day who bought nothing, so many whose cards one member of staff issued.
IDLE_A_DAY, SAME_ISSUER = 5, 3
MOST_USES = 100_000


class ClubClosed(Refused):
    code, detail = "club_invitation_needed", N_("This club is open to guests with an invitation. Ask for a link where you heard of it.")


class ClubNotReached(Refused):
    code, detail = "club_not_reached", N_("This club opens once the other card has collected enough.")


@dataclass(frozen=True, slots=True)
class Invitation:
    """account_id: who invites; None: the business. uses: None for any number; ended: by its day or its number."""

    id: int
    business_id: int
    program_id: int
    account_id: int | None
    code: str
    uses: int | None
    used: int
    created_at: datetime
    ends_at: datetime | None

    def is_open(self, now: datetime) -> bool:
        return (self.uses is None or self.used < self.uses) and (self.ends_at is None or now < self.ends_at)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A friend who has not brought a reward yet. first_sale_id, settles_at: None until the friend bought enough."""

    id: int
    business_id: int
    program_id: int
    giver_account_id: int
    friend_account_id: int
    first_sale_id: int | None
    settles_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a friend in the moment of joining.

    in_month: friends of the giver in 30 days that were rewarded or wait; idle_today: of the last day, without a purchase;
    same_issuer: of 30 days, whose cards the same member of staff issued as this one's.
    """

    is_self: bool = False
    is_loop: bool = False
    is_known: bool = False
    in_month: int = 0
    idle_today: int = 0
    same_issuer: int = 0


def refusal(facts: Facts, terms: Referral) -> str | None:
    """Why this friend brings no reward: self, loop, known or farming; None where one may come."""
    if facts.is_self:
        return "self"
    if facts.is_loop:
        return "loop"
    if facts.is_known:
        return "known"
    if facts.in_month >= terms.a_month or facts.idle_today >= IDLE_A_DAY or facts.same_issuer >= SAME_ISSUER:
        return "farming"
    return None


def check_uses(uses: int | None) -> None:
    """Raises Invalid (field `uses`)."""
    if uses is not None and not 1 <= uses <= MOST_USES:
        raise Invalid(fields=[FieldError("uses", "out_of_range", N_("Type how many may join, from 1 to 100,000, or leave it empty."))])
