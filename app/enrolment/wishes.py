"""What somebody asks for who wants a card."""
from dataclasses import dataclass
from datetime import timedelta

from app.enrolment import rules


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants a card, and where it was said.

    e164, email: how the link reaches them, the number where both are given; neither for somebody who has the link in hand (a till's
    screen, a plastic card). source: poster | till | screen | api | plastic | mail | import | invitation | agent; poster, address and
    invitation_id: of the public form; plastic_id: the plastic card whose number the card will have; card_id: the card that is finished,
    where it exists already (imported); life: after which the enrolment is over.
    """

    program_id: int
    e164: str | None
    source: str
    language: str
    name: str | None = None
    location_id: int | None = None
    poster: str = ""
    address: str | None = None
    invitation_id: int | None = None
    email: str | None = None
    plastic_id: int | None = None
    card_id: int | None = None
    life: timedelta = rules.LIFE
