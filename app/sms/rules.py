"""What a text says and how many parts it takes, how a message's state moves, and when it is tried again."""
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

# GSM 03.38: one septet each; the extension's characters take two (an escape in front).
GSM_BASIC = frozenset("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
                      "abcdefghijklmnopqrstuvwxyzäöñüà")
GSM_EXTENSION = frozenset("\f^{}\\[~]|€")
# Units of a text that goes as one message, and of each part of a longer one (the part's header takes the difference).
GSM_ONE, GSM_PART = 160, 153
UCS_ONE, UCS_PART = 70, 67

# Characters that a word processor puts in and that would turn 160 characters a message into 70.
PLAIN = str.maketrans({
    **dict.fromkeys("\u00a0\u202f\u2007\u2009\u200a\u2002\u2003", " "), **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032`", "'"), **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033", '"'),
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", None), "\u2026": "...",
})


@dataclass(frozen=True, slots=True)
class Size:
    """How a text travels: its encoding (`GSM-7` or `UCS-2`), units (septets or UTF-16 units), and parts, which are what is paid for.

    left: units that still fit into the last part.
    """

    encoding: str
    units: int
    parts: int
    left: int


def size_of(text: str) -> Size:
    """One character outside GSM-7 turns the whole text into UCS-2. A pair (escape and character, or surrogates) is never
    cut in two, so parts are not simply units divided by the length of one."""
    is_gsm = all(letter in GSM_BASIC or letter in GSM_EXTENSION for letter in text)
    one, part = (GSM_ONE, GSM_PART) if is_gsm else (UCS_ONE, UCS_PART)
    widths = [1 + (letter in GSM_EXTENSION) for letter in text] if is_gsm else [1 + (ord(letter) > 0xFFFF) for letter in text]
    units = sum(widths)
    parts, left = (1, one - units) if units <= one else _split(widths, part)
    return Size("GSM-7" if is_gsm else "UCS-2", units, parts, left)


def _split(widths: Sequence[int], room: int) -> tuple[int, int]:
    """(parts of `room` units, units left in the last)"""
    parts, used = 1, 0
    for width in widths:
        if used + width > room:
            parts, used = parts + 1, 0
        used += width
    return parts, room - used


def plain(text: str) -> str:
    """The text with typographic spaces, dashes and quotes made ASCII, composed, on one line."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", text.translate(PLAIN))).strip()


# A report moves a message only forward; late, doubled and swapped reports change nothing.
_RANKS = {"queued": 0, "submitting": 1, "accepted": 2, "unknown": 3,
          "delivered": 4, "undelivered": 4, "expired": 4, "rejected": 4, "cancelled": 4, "sandbox": 4}
SANDBOX = "sandbox"         # a sandbox's: never sent, its text kept to be read
FINAL = frozenset(state for state, rank in _RANKS.items() if rank == 4)
# Nothing is sent any more in these: the phone and the text have no reason to be kept.
SENT_OR_OVER = frozenset(state for state, rank in _RANKS.items() if rank >= 2)


def moves(state: str, to: str) -> bool:
    """Whether a message in `state` may become `to`."""
    return _RANKS[to] > _RANKS[state]


_TOLD = {"queued": "queued", "submitting": "queued", "accepted": "sent", "unknown": "sent", "delivered": "delivered", SANDBOX: "sent"}
# Reasons that say something about us and not about the number; anything else in `reason` is a carrier's own word.
_OURS = ("config", "no_funds", "temporary", "throttled", "unknown", "permanent", "too_late")


def told(state: str, reason: str | None) -> tuple[str, str, str]:
    """(what people are told: queued, sent, delivered or failed; why, as a class; the carrier's own word) of a message."""
    code = reason if reason and reason not in _OURS else ""
    says = _TOLD.get(state, "failed")
    if says == "failed":
        return says, state, code
    waits = says == "queued" and reason in ("config", "no_funds", "temporary", "throttled")
    return says, "waiting" if waits else "unknown" if state == "unknown" else "", code


# A gateway's answer (reference of every carrier: "what the queue does").
ACCEPTED, THROTTLED, TEMPORARY, PERMANENT, CONFIG, NO_FUNDS, UNKNOWN = (
    "accepted", "throttled", "temporary", "permanent", "config", "no_funds", "unknown")
BACKOFF = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600))
JITTER = 0.2
UNKNOWN_AGAIN = timedelta(seconds=90)
GATEWAY_AGAIN = timedelta(minutes=10)
USELESS_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of a message after a try: its state, when it is due again (None: never), why."""

    state: str
    due_at: datetime | None
    reason: str | None = None


def after_try(kind: str, raw_code: str, tries: int, unknown_before: bool, now: datetime, chance: float) -> Step:
    """The step after the `tries`-th try (from 1) ended as `kind`.

    unknown_before: an earlier try may have been sent already; chance: 0 <= chance < 1, random, spreads the retries by 20 %.
    """
    if kind == ACCEPTED:
        return Step("accepted", None)
    if kind == PERMANENT:
        return Step("rejected", None, raw_code or kind)
    if unknown_before:
        # A third message would be one too many in a pocket.
        return Step("unknown", None, UNKNOWN)
    if kind == UNKNOWN:
        return Step("queued", now + UNKNOWN_AGAIN, UNKNOWN)
    if kind in (CONFIG, NO_FUNDS):
        return Step("queued", now + GATEWAY_AGAIN, kind)
    if tries > len(BACKOFF):
        return Step("undelivered", None, kind)
    return Step("queued", now + BACKOFF[tries - 1] * (1 - JITTER + 2 * JITTER * chance), kind)


QUIET_FROM, QUIET_UNTIL = time(21), time(9)
ASKED_JUST_NOW = timedelta(minutes=10)


def may_go_at(now: datetime, asked_at: datetime | None, zone: str) -> datetime:
    """When a message that somebody asked for at `asked_at` may go: at once, but a late retry waits for the morning in `zone`.

    asked_at: None where nobody waits for it; then quiet hours hold from the first try.
    """
    here = now.astimezone(ZoneInfo(zone))
    if (asked_at is not None and now - asked_at <= ASKED_JUST_NOW) or QUIET_UNTIL <= here.time() < QUIET_FROM:
        return now
    day = here.date() if here.time() < QUIET_UNTIL else here.date() + timedelta(days=1)
    return datetime.combine(day, QUIET_UNTIL, ZoneInfo(zone)).astimezone(now.tzinfo)


def number_block(e164: str) -> str:
    """The ten thousand neighbours of a number: what a pumping fraud walks through."""
    return e164[:-4]


def for_log(e164: str) -> str:
    """A number as logs may show it: `+7912*****89`."""
    return e164[:5] + "*" * max(0, len(e164) - 7) + e164[-2:]


# Pumping does not activate. A place whose links are not used is paused, for the links' own sake judged a day later.
BREAKER_LINKS = 50
BREAKER_RIPE = timedelta(hours=24)
BREAKER_PAUSE = timedelta(hours=48)
BREAKER_SHARE_BP = 2000


def is_paused(ripe_links: Sequence[int], activated: int, now_ms: int) -> bool:
    """Whether a block, location or poster may send no links now.

    ripe_links: when the newest links older than BREAKER_RIPE were sent, in ms, newest first, at most BREAKER_LINKS;
    activated: how many of these were. The pause ends by itself, so that a place can show it is better now.
    """
    if len(ripe_links) < BREAKER_LINKS or activated * 10_000 >= BREAKER_SHARE_BP * BREAKER_LINKS:
        return False
    return ripe_links[0] + (BREAKER_RIPE + BREAKER_PAUSE) // timedelta(milliseconds=1) > now_ms
