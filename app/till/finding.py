"""Where a scanned or typed text leads: to a card's page, to several cards of one number, to a printed coupon, or to a sentence."""
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from app.benefits import coupons
from app.benefits.rules import UnknownCode
from app.cards import rules as card_rules
from app.cards import service as cards
from app.cards.service import Card
from app.context import Context
from app.till.desk import Desk

CARDS, COUPONS = "/till/cards", "/k/"


@dataclass(frozen=True, slots=True)
class Led:
    """url: the page to open, or "" where `cards` are to choose from or `problem` says why nothing was found (a key of PROBLEMS)."""

    url: str = ""
    cards: tuple[Card, ...] = ()
    problem: str = ""


def card_url(here: Context, card: Card) -> str:
    return f"{CARDS}/{here.ids.encode('card', card.id)}"


async def lead(here: Context, desk: Desk, text: str, now: datetime) -> Led:
    """Raises TooMany where live codes of a card are guessed."""
    if url := _coupon(here, card_rules.latin(text)):
        return Led(url)
    found = await cards.find_anywhere(here.db, here.ring, desk.who, text, desk.program.country, now)
    if found.problem == "unknown" and (url := await _lettered(here, desk, text)):
        return Led(url)
    if found.problem or len(found.cards) > 1:
        return Led(cards=found.cards, problem=found.problem)
    return Led(card_url(here, found.cards[0]))


async def _lettered(here: Context, desk: Desk, text: str) -> str:
    """The path of the coupon whose letters were typed from the paper; "" for none."""
    try:
        code_id = await coupons.id_of_code(here.db, desk.who.business_id, text[:card_rules.TEXT_MOST])
    except UnknownCode:
        return ""
    return COUPONS + coupons.token_of(here.ring, here.ids, code_id)


def _coupon(here: Context, text: str) -> str:
    """The path of a printed coupon's address, if it is one of ours; its page says whether it is any good."""
    try:
        parts = urlsplit(text)
    except ValueError:          # brackets where none belong
        return ""
    own = {urlsplit(here.settings.url).netloc.lower(), urlsplit(here.settings.link_url).netloc.lower()}
    token = parts.path.removeprefix(COUPONS)
    is_ours = parts.scheme in ("http", "https") and parts.netloc.lower() in own and parts.path.startswith(COUPONS)
    return f"{COUPONS}{token}" if is_ours and token.isascii() and token.isalnum() else ""
