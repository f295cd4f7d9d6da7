"""What an enrolment is, how long it and its links live, and what others are told about its state."""
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.clock import to_ms
from app.errors import Refused
from app.programs.explain import brief, explain, headline, main_sentence
from app.programs.rules import ProgramRules
from app.programs.terms import Said
from app.text import N_

# The provisional card lives this long whatever its links do; each link lives less, and a new one can always be asked for.
LIFE = timedelta(days=30)
# Somebody who stands at the till, or holds a plastic card, finishes at once or begins again.
DIRECT_LIFE = timedelta(minutes=30)
# An imported card waits for its campaign; its points are real whatever its owner does.
IMPORTED_LIFE = timedelta(days=5 * 365)
LINK_DAYS = 7
SEEN_FOR = timedelta(hours=24)
TOKEN_LETTERS = 12
_POSTER = re.compile(r"[\w.-]{1,40}", re.ASCII)


class ProgramClosing(Refused):
    """Whoever joined now could collect nothing any more."""

    code, detail = "program_closed", N_("This programme is closing and takes nobody new.")


def is_closing(earns_until_at: int | None, now: datetime) -> bool:
    """earns_until_at: of the programme, epoch ms; None where no end was announced."""
    return earns_until_at is not None and earns_until_at <= to_ms(now)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One person on their way to a card. Moments in ms; phone_sealed, email_sealed: None once it has ended, both also for somebody who
    gave neither; plastic_id: the plastic card whose number the card will have."""

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
    email_sealed: bytes | None = None
    mail_id: int | None = None
    plastic_id: int | None = None

    @property
    def is_direct(self) -> bool:
        """Whether its link was in the person's hand from the start: what they typed besides is proven by nothing."""
        return self.expires_at - self.created_at <= DIRECT_LIFE // timedelta(milliseconds=1)

    @property
    def way(self) -> str:
        """How the link reaches the person: phone, mail, or by hand (an empty string)."""
        if self.is_direct:
            return ""
        return "phone" if self.phone_sealed is not None else "mail" if self.email_sealed is not None else ""


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


def link_name(query: Mapping[str, str]) -> str:
    """The name that a link or poster goes by: `from`, else what campaigns write, utm_campaign before utm_source; empty without one."""
    return next((name for key in ("from", "utm_campaign", "utm_source") if (name := poster_of(query.get(key, "")))), "")


def poster_subject(program_id: int, poster: str) -> str:
    """What limits count: a poster of a programme; the page without a name is one of them."""
    return f"{program_id}:{poster}"


def is_alive(enrolment: Enrolment, link: Link, now_ms: int) -> bool:
    """Whether a POST through this link would finish this enrolment now."""
    return enrolment.status == "pending" and link.consumed_at is None and now_ms < min(link.expires_at, enrolment.expires_at)


def promise(rules: ProgramRules, currency: str, language: str, rewards: Mapping[str, Said] | None = None) -> tuple[str, list[str]]:
    """(what the programme gives, short enough for a headline; up to three sentences below it), made from the settings alone.

    rewards: key → the name of a reward of the catalogue.
    """
    short = brief(rules, currency, language, rewards)
    top = headline(rules, currency, language)
    if top is None:
        return short[0], explain(rules, currency, language, rewards)[1:4]
    # What the headline says is not said again.
    first = main_sentence(rules, currency, language)
    said = [sentence for sentence in explain(rules, currency, language, rewards) if sentence != first]
    # A welcome gift, which the short form keeps, goes before what else there is.
    return top, [*said[:2], *[sentence for sentence in short[2:] if sentence in said[3:]], *said[2:]][:3]


_OVER = {"activated": "activated", "expired": "expired", "cancelled": "cancelled", "refused": "cancelled"}
_UNDERWAY = {None: "queued", "queued": "queued", "submitting": "queued", "accepted": "sent", "unknown": "sent", "delivered": "delivered",
             "sandbox": "sandbox"}


def told_status(status: str, message_state: str | None) -> str:
    """What the till API says (api.md): queued, sent, delivered, failed, activated, expired, cancelled or (never sent) sandbox."""
    return _OVER.get(status) or _UNDERWAY.get(message_state, "failed")
