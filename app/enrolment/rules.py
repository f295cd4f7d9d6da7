"""What an enrolment is, how long it and its links live, and what others are told about its state."""
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.programs import words
from app.programs.rules import ProgramRules, explain

# The provisional card lives this long whatever its links do; each link lives less, and a new one can always be asked for.
LIFE = timedelta(days=30)
LINK_DAYS = 7
SEEN_FOR = timedelta(hours=24)
TOKEN_LETTERS = 12
_POSTER = re.compile(r"[\w.-]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One number on its way to a card. Moments in ms; phone_sealed: None once it has ended."""

    id: int
    business_id: int
    program_id: int
    card_id: int | None
    phone_sealed: bytes | None
    phone_hint: str
    name_sealed: bytes | None
    language: str
    source: str
    poster: str | None
    location_id: int | None
    status: str
    created_at: int
    expires_at: int
    invitation_id: int | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """An activation link as it is stored; moments in ms."""

    id: int
    enrolment_id: int
    created_at: int
    expires_at: int
    consumed_at: int | None


def link_life(settings: Mapping[str, Any]) -> timedelta:
    """How long a link of this business works: 7 days, or what its settings say within 1 to 30."""
    days = settings.get("link_days", LINK_DAYS)
    return timedelta(days=days if type(days) is int and 1 <= days <= 30 else LINK_DAYS)


def poster_of(text: str) -> str:
    """The poster or link that `?from=` names; an empty string for whatever is no plain short word."""
    return text if _POSTER.fullmatch(text) else ""


def poster_subject(program_id: int, poster: str) -> str:
    """What limits count: a poster of a programme; the page without a name is one of them."""
    return f"{program_id}:{poster}"


def is_alive(enrolment: Enrolment, link: Link, now_ms: int) -> bool:
    """Whether a POST through this link would finish this enrolment now."""
    return enrolment.status == "pending" and link.consumed_at is None and now_ms < min(link.expires_at, enrolment.expires_at)


def promise(rules: ProgramRules, currency: str, language: str) -> tuple[str, list[str]]:
    """(what the programme gives, short enough for a headline; up to three sentences below it), made from the settings alone."""
    said = explain(rules, currency, language)
    if not rules.earn_points:
        return said[0], said[1:4]
    gain, step = words.points(rules.earn_points, language), words.money(rules.earn_per_minor, currency, language)
    headline = f"{gain} за каждые {step}" if language == "ru" else f"{gain} for every {step}"
    # A gift is worth more to say than how long points live.
    return headline, [said[1], said[2], said[4] if rules.welcome_points else said[3]]


_OVER = {"activated": "activated", "expired": "expired", "cancelled": "cancelled", "refused": "cancelled"}
_UNDERWAY = {None: "queued", "queued": "queued", "submitting": "queued", "accepted": "sent", "unknown": "sent", "delivered": "delivered"}


def told_status(status: str, message_state: str | None) -> str:
    """What the till API says (api.md): queued, sent, delivered, failed, activated, expired or cancelled."""
    return _OVER.get(status) or _UNDERWAY.get(message_state, "failed")
