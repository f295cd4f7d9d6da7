"""What is said beside an enrolment of its message. Pure."""
from app.text import N_

SENTENCES = {
    ("queued", ""): N_("The message is about to go out."),
    ("queued", "waiting"): N_("The message waits: no gateway takes it just now."),
    ("sent", ""): N_("The message is with the carrier."),
    ("sent", "unknown"): N_("The message may have gone out; the carrier did not say."),
    ("delivered", ""): N_("The message has arrived."),
    ("failed", "rejected"): N_("The carrier refused the message. Check the number, or ask for another one."),
    ("failed", "undelivered"): N_("The message did not reach the phone. Send it again, or ask for another number."),
    ("failed", "expired"): N_("The message did not arrive in time. Send it again."),
    ("failed", "cancelled"): N_("The message was not sent, because the enrolment has ended."),
}


def sentence(state: str, why: str) -> str:
    """The sentence (a msgid) of a Delivery's state and why."""
    return SENTENCES[state, why]
