"""Why a message is not sent, each with the sentence that whoever asked for it is told."""
from datetime import timedelta

from app.errors import Refused, TesseraError, TooMany
from app.limits.rules import LimitReached
from app.sms import rules
from app.text import N_

# What a cashier or a shopper is told when a counter refuses; the gap has a sentence of its own.
TOO_SOON = N_("A message went to this number a moment ago. Wait a minute before the next one.")
TOO_MANY = {
    "sms.phone": N_("This number got as many messages as it may for now. Look for the last one, or try again tomorrow."),
    "sms.block": N_("Too many messages went to numbers like this one today. Try again tomorrow."),
    "sms.country": N_("Too many messages went to that country today. Try again tomorrow."),
    "sms.staff": N_("You sent many messages this hour. Wait a little before the next one."),
    "sms.location": N_("This shop sent as many messages as it may for now. Try again later."),
    "sms.business": N_("This shop sent as many messages as it may for now. Try again later."),
}


class Suppressed(Refused):
    """The person behind this number wants no messages from this business."""

    code, detail = "number_suppressed", N_("This number asked not to be texted. Ask the shopper for another number.")


class Paused(TooMany):
    """Too few of the links sent from here, or to these numbers, were ever used.

    kind, subject: as limits count it; hint: of a block how its numbers begin, of a poster its subject; until_at: in ms.
    """

    code, detail = "sms_paused", N_("Messages to these numbers are paused, because too few of the links were used. Ask a manager.")

    def __init__(self, kind: str, subject: str = "", hint: str = "", until_at: int = 0) -> None:
        super().__init__(retry_after=rules.BREAKER_PAUSE // timedelta(seconds=1))
        self.kind, self.subject, self.hint, self.until_at = kind, subject, hint, until_at


class CapReached(TooMany):
    """The business or the server has spent what it may. scope, period: the purse; `message` with "" for what one may cost."""

    code, detail = "sms_cap_reached", N_("The limit for messages is spent for now. Ask a manager.")

    def __init__(self, scope: str = "", period: str = "", cap_minor: int = 0) -> None:
        super().__init__(retry_after=3600)
        self.scope, self.period, self.cap_minor = scope, period, cap_minor


# What `queue` raises but for a wrong number: for callers that note a refusal and pass it on.
REFUSALS = (Suppressed, Paused, CapReached, LimitReached)


def reason_of(refusal: TesseraError) -> str:
    """The stable word that a refusal is counted under: `limit:sms.phone`, `sms_paused`, …"""
    return f"limit:{refusal.limit.scope}" if isinstance(refusal, LimitReached) else refusal.code
