"""What stable codes are called on the console's pages. A code without a word here is shown as it is."""
from app.text import N_

# Audit actions, as "who … what": verbs in English; the Russian ones are nouns, which fit every name.
ACTIONS = {
    "staff.signed_in": N_("signed in"), "staff.signed_out": N_("signed out"), "staff.password_set": N_("set a password"),
    "staff.own_card": N_("said which card belongs to somebody of the staff"),
    "staff.invited": N_("made a sign-in link"), "staff.changed": N_("changed somebody's work"), "staff.disabled": N_("took access away"),
    "staff.enabled": N_("gave access back"), "staff.location_chosen": N_("chose where the till stands"),
    "certificate.request": N_("made a signing request"), "certificate.bring": N_("brought a pass certificate"),
    "certificate.retire": N_("took a pass certificate out of use"), "google.issuer_brought": N_("brought a Google issuer"),
    "google.issuer_retired": N_("took a Google issuer out of use"), "image.kept": N_("sent a picture"),
    "api_key.created": N_("made an API key"), "api_key.revoked": N_("revoked an API key"),
    "business.changed": N_("changed the business"), "location.created": N_("added a location"),
    "location.changed": N_("changed a location"), "program.rules_changed": N_("changed the rules"),
    "program.rules_called_off": N_("called announced rules off"),
    "program.renamed": N_("renamed the programme"), "program.rotation": N_("changed how codes behave"),
    "card.code_texted": N_("sent a code for the till"), "customer.erased": N_("erased a person"),
    "program.opened": N_("opened a programme"), "design.published": N_("published a design"),
    "reward.created": N_("added a reward"), "reward.changed": N_("changed a reward"), "reward.closed": N_("closed a reward"),
    "reward.opened": N_("gives a reward again"), "reward.codes_added": N_("added codes of a reward"),
    "question.created": N_("added a question"), "question.changed": N_("changed a question"),
    "question.closed": N_("closed a question"), "question.opened": N_("asks a question again"), "question.moved": N_("moved a question"),
    "question.bonus": N_("thanked for an answer"),
    "promo.created": N_("made promo codes"), "promo.closed": N_("closed promo codes"),
    "coupon.redeemed": N_("redeemed a coupon"), "coupon.put_on_card": N_("put a coupon on a card"),
    "card.issue": N_("issued a card"), "card.block": N_("blocked a card"), "card.unblock": N_("unblocked a card"),
    "card.reissue": N_("gave a card a new code"), "card.replace": N_("replaced a card"), "card.adjust": N_("corrected points"),
    "card.page_link": N_("made a link to a card's page"), "card.links_revoked": N_("ended the links to a card's page"),
    "card.reserved_tried": N_("tried a number that was never issued"),
    "program.closed": N_("closed the programme"), "approval.asked": N_("asked a second manager"),
    "card.favourite_chosen": N_("chose a favourite product"), "card.freeze": N_("froze visits"),
    "card.level_set": N_("set a level by hand"), "card.own_refused": N_("tried to credit their own card"),
    "customer.tagged": N_("tagged a shopper"), "product.set": N_("changed a product"),
    "segment.created": N_("made a group of shoppers"), "segment.closed": N_("closed a group of shoppers"),
    "sale.undo": N_("took a purchase back"), "sale.refund": N_("recorded a refund"),
    "enrolment.started": N_("sent a link to a shopper"), "enrolment.resent": N_("sent a link once more"),
    "enrolment.cancelled": N_("cancelled an enrolment"), "enrolment.refused": N_("said that the number is not theirs"),
    "enrolment.expired": N_("ended an enrolment that nobody answered"),
    "sms.spend_alert": N_("warned: messages have cost most of what they may"), "sms.gateway_stopped": N_("stopped an SMS gateway"),
    "sms.refused": N_("stopped sending messages for a while"),
    "card.merge": N_("merged two cards"), "coalition.invited": N_("invited a business to the coalition"),
    "coalition.joined": N_("joined a coalition"), "coalition.left": N_("ended a part in a coalition"),
    "invitation.created": N_("made an invitation link"), "invitation.closed": N_("closed an invitation link"),
    "suspicion.settled": N_("settled a sign of fraud"),
}
ACTORS = {"shopper": N_("the shopper"), "system": N_("Tessera"), "device": N_("a phone")}
ROLES = {"cashier": N_("cashier"), "manager": N_("manager"), "owner": N_("owner")}
SESSIONS = {"till": N_("at the till"), "console": N_("in the console")}
# Where a card or an enrolment came from.
SOURCES = {"poster": N_("from the poster or link"), "link": N_("from the poster or link"), "till": N_("from the till"),
           "api": N_("from a program"), "console": N_("from the console"), "command": N_("from the command line"),
           "demo": N_("from the demo"), "bearer": N_("without a name")}
SCOPES = {
    "cards:read": N_("find cards and read them"), "cards:write": N_("issue, block and replace cards"),
    "sales:write": N_("record sales, refunds and undos"), "reports:read": N_("read operations"),
    "admin": N_("do all of this, and correct points"),
}
