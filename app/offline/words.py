"""Why an operation of a till was not done, in a sentence that a manager can act on."""
from app.text import N_

OTHER = N_("The rules refuse it.")
WHY = {
    "signature": N_("The signature does not fit: it was not made by this till, or it was changed on the way."),
    "counter_reused": N_("The till used this number twice, for two different things."),
    "gap": N_("The till lost what it kept: this was never sent."),
    "device_revoked": N_("The till had been switched off in the console before it sent this."),
    "staff_unknown": N_("Nobody here is known by the name that the till sent."),
    "staff_elsewhere": N_("Whoever it names was not signed in at this till at that moment."),
    "card_torn": N_("The code did not arrive whole."),
    "card_unknown": N_("No card answers to what was scanned or typed."),
    "card_retired": N_("The card has had another code since."),
    "card_reserved": N_("Such a number was never given to anybody."),
    "card_outdated": N_("The moving code was too old."),
    "card_several": N_("This phone number has several cards."),
    "card_blocked": N_("The card is blocked."),
    "card_ended": N_("The card is no longer in use, or was replaced."),
    "card_provisional": N_("The card is not activated yet."),
    "not_enough_points": N_("The points were spent elsewhere in the meantime."),
    "not_enough": N_("What should have been taken was taken elsewhere in the meantime."),
    "over_largest_share": N_("More points than the programme lets pay for this receipt."),
    "over_risk": N_("More than tills may let be spent without a network."),
    "confirmation_needed": N_("So much would have needed the shopper’s confirmation."),
    "live_code_needed": N_("The shopper’s card would have had to show its moving code."),
    "quote_changed": N_("With this card the purchase costs another amount than the till counted."),
    "receipt_already_used": N_("This receipt is counted already."),
    "idempotency_key_reused": N_("The same purchase was sent once more, and may be counted already: look at the card."),
    "own_card": N_("The card is the cashier’s own."),
    "too_old": N_("It came more than 72 hours later."),
    "in_the_future": N_("The till’s clock was ahead."),
    "before_card": N_("The card did not exist at that moment."),
    "provisional_limit": N_("The card is not activated and has collected enough for now."),
    "program_closed": N_("The programme has ended."),
    "visits_used_today": N_("The visits of that day were taken already."),
    "other_location": N_("The cashier works at another location."),
}


def sentence_of(why: str | None) -> str:
    """An English msgid."""
    return WHY.get(why or "", OTHER)
