"""What a campaign is, whom it may invite, and who is left out so that it can be told what it brought."""
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.errors import FieldError
from app.segments.rules import clean_tag
from app.text import N_

NAME_MOST, STATEMENT_LEAST, STATEMENT_MOST = 100, 10, 500
PER_HOUR_MOST, HELD_OUT_MOST_BP = 10_000, 9_000
WAYS = ("sms", "mail")
OPEN = ("gathering", "ready", "running", "paused")
# What somebody of a campaign can be; the first two are eligible, the others never were or are no longer.
STATES = ("waiting", "held_out", "sent", "failed", "suppressed", "not_allowed", "no_contact", "member")


@dataclass(frozen=True, slots=True)
class Wish:
    """A campaign as it is asked for: of a list or of a segment (its key); tag: only those with it; statement: where these people
    agreed, in the owner's words, "" where the list's own column says who did."""

    program_id: int
    name: str
    import_id: int | None = None
    segment: str | None = None
    tag: str = ""
    way: str = "sms"
    held_out_bp: int = 1_000
    per_hour: int = 200
    statement: str = ""


@dataclass(frozen=True, slots=True)
class Campaign:
    """Moments in epoch ms. state: gathering | ready | running | paused | stopped | done; why: why it rests, a code of words.py."""

    id: int
    business_id: int
    program_id: int
    name: str
    import_id: int | None
    segment: str | None
    tag: str | None
    way: str
    held_out_bp: int
    per_hour: int
    statement: str | None
    state: str
    why: str | None
    rests_until: int | None
    gathered_to: int
    actor_kind: str
    actor_id: int | None
    created_at: int
    started_at: int | None
    finished_at: int | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a group did since the campaign began. money_minor: paid, less what was paid back."""

    people: int
    activated: int
    visitors: int
    visits: int
    money_minor: int


@dataclass(frozen=True, slots=True)
class Report:
    """invited: those who were sent something; held_out: those who would have been."""

    invited: Outcome
    held_out: Outcome


def wrong(wish: Wish) -> list[FieldError]:
    """A sentence for each field that nobody could mean."""
    found = []
    if not 1 <= len(wish.name.strip()) <= NAME_MOST or not wish.name.isprintable():
        found.append(FieldError("name", "name", N_("Type a name of 1 to 100 characters.")))
    if (wish.import_id is None) == (wish.segment is None):
        found.append(FieldError("audience", "required", N_("Choose who is to be invited.")))
    if wish.tag and clean_tag(wish.tag) is None:
        found.append(FieldError("tag", "tag", N_("A tag is a word or two of up to 40 letters and digits.")))
    if wish.way not in WAYS:
        found.append(FieldError("way", "way", N_("Choose SMS or mail.")))
    if not 0 <= wish.held_out_bp <= HELD_OUT_MOST_BP:
        found.append(FieldError("held_out", "share", N_("Type a share from 0 to 90 percent.")))
    if not 1 <= wish.per_hour <= PER_HOUR_MOST:
        found.append(FieldError("per_hour", "number", N_("Type a number from 1 to 10,000.")))
    if wish.statement.strip() and not STATEMENT_LEAST <= len(wish.statement.strip()) <= STATEMENT_MOST:
        found.append(FieldError("statement", "length", N_("Say it in 10 to 500 characters: where, when and to what they agreed.")))
    return found


def is_held_out(draw: int, share_bp: int) -> bool:
    """draw: a person's own number from 0 to 9,999, the same in every campaign of the business: whoever is held out of 10 % is held
    out of 20 % too, and nobody is invited by one campaign who was left out by another of the same share."""
    return draw < share_bp


def draw_of(hashed: bytes) -> int:
    """A person's number, from a keyed hash. The last step's 10,000 leaves a bias of 10^-15."""
    return int.from_bytes(hashed[:8], "big") % 10_000


def counted(states: Mapping[str, int]) -> dict[str, int]:
    """Every state with its count, 0 included; `people`: all of them."""
    return {state: states.get(state, 0) for state in STATES} | {"people": sum(states.values())}


def is_resting(campaign: Campaign, now_ms: int) -> bool:
    return campaign.rests_until is not None and campaign.rests_until > now_ms


def tomorrow(now: datetime) -> int:
    """ms: when a number that had enough messages for today is tried again."""
    return int(now.timestamp() * 1000) + 24 * 3_600_000
