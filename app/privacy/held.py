"""Where a person is in the database: every table with a reference to one, what of it is handed out, and what an erasure does to it.

The one truth for the export, the erasure and the documentation; a test walks the schema and fails on a table that is not here.
"""
from dataclasses import dataclass, field

# By what a row belongs to a person: the column, and the kind of ids that it holds.
CUSTOMER, ACCOUNT, CARD, PASS = ("customer_id", "customer"), ("account_id", "account"), ("card_id", "card"), ("pass_id", "pass")
ENROLMENT, OPERATION, OWN_CARD = ("enrolment_id", "enrolment"), ("operation_id", "operation"), ("id", "card")
DELETE, KEEP = "delete", "keep"


@dataclass(frozen=True, slots=True)
class Held:
    """A table that says something of a person.

    by: (column, kind of ids); section: its name in an export, '' for what is not handed out (`why` says why); opened: sealed column
    → purpose, handed out under the column's name without its ending; withheld: further columns that stay here (ids, hashes and sealed
    values always do); erased: DELETE, KEEP, or the columns that are emptied, with what stands there afterwards; why: what is kept, and why.
    """

    table: str
    by: tuple[str, str]
    section: str = ""
    opened: dict[str, str] = field(default_factory=dict)
    withheld: tuple[str, ...] = ()
    erased: str | dict[str, str] = KEEP
    why: str = ""
    has_business: bool = True


HELD = (
    Held("customers", ("id", "customer"), "profile",
         {"phone_sealed": "customer.phone", "email_sealed": "customer.email", "name_sealed": "customer.name"}, ("name_folded",),
         {"phone_sealed": "NULL", "phone_hash": "NULL", "phone_server_hash": "NULL", "phone_last4_hash": "NULL", "email_sealed": "NULL",
          "email_hash": "NULL", "name_sealed": "NULL", "name_folded": "NULL", "birthday_on": "NULL", "tags": "'[]'", "language_at": "NULL"},
         "the row stays as the pseudonym that accounts point to"),
    Held("consents", CUSTOMER, "consents", why="the proof that the data was held lawfully, under the pseudonym"),
    Held("wishes", CUSTOMER, "topics", erased=DELETE),
    Held("answers", CUSTOMER, "answers", {"value_sealed": "question.answer"}, erased=DELETE),
    Held("answer_bonuses", CUSTOMER, "answer_bonuses", why="that a bonus was given once; no answer stands there"),
    Held("erasures", CUSTOMER, why="written by the erasure itself: keyed hashes, to erase again what an older backup brings back"),
    Held("staff", CUSTOMER, erased={"customer_id": "NULL"}, why="whose own card it is, among those who work there"),
    Held("accounts", ("id", "account"), "accounts", why="the ledger"),
    Held("balances", ACCOUNT, "balances", why="the ledger", has_business=False),
    Held("lots", ("id", "lot"), "points", why="the ledger"),
    Held("operations", ACCOUNT, "operations", why="the ledger"),
    Held("operation_texts", OPERATION, "operation_texts", withheld=("salt",),
         why="emptied where somebody wrote them by hand or they name the person"),
    Held("receipts", OPERATION, "receipts", why="the shop's receipt numbers, which its books need"),
    Held("entries", OPERATION, "entries", why="the ledger"),
    Held("chain", OPERATION, why="hashes of the ledger"),
    Held("updates", CARD, why="a numbered list of which pass changed when; forgotten by the retention table"),
    Held("update_queue", CARD, why="the same, not yet numbered"),
    Held("latest_updates", CARD, why="the newest number of a card's pass", has_business=False),
    Held("events", CUSTOMER, why="what happened, told to the business's own systems by ids alone; forgotten by the retention table"),
    Held("level_changes", ACCOUNT, "levels", why="part of what the ledger explains; never changed"),
    Held("favourites", ACCOUNT, "favourites", erased=DELETE),
    Held("bought", ACCOUNT, "bought", erased=DELETE),
    Held("personal_offers", ACCOUNT, "offers", erased=DELETE),
    Held("offer_rounds", ACCOUNT, "offer_rounds", erased=DELETE),
    Held("rule_uses", ACCOUNT, "rule_uses", why="part of what the ledger explains"),
    Held("happenings", ACCOUNT, "occasions", why="that a gift was given once"),
    Held("vouchers", ACCOUNT, "vouchers", withheld=("code",), why="the ledger; open ones become void"),
    Held("promo_uses", ACCOUNT, "promo_codes", why="that a code was used"),
    Held("invitations", ACCOUNT, "invitations", erased={"ends_at": "0"}, why="a random code that leads nowhere any more"),
    Held("referrals", ("giver_account_id", "account"), "invited_friends", why="that a reward was given once"),
    Held("referrals", ("friend_account_id", "account"), "invited_by", why="that a reward was given once"),
    Held("approvals", CARD, why="what managers asked of each other", erased=DELETE),
    Held("cards", OWN_CARD, "cards", withheld=("code",), erased={"totp_key_sealed": "NULL"},
         why="the ledger's card numbers, ended for good"),
    Held("retired_codes", CARD, why="random codes that must not be given to somebody else"),
    Held("aliases", CARD, "former_numbers", erased=DELETE),
    Held("presentations", CARD, why="the newest moving code of a card that was shown", erased=DELETE),
    Held("plastic_cards", CARD, "plastic", why="the number of a printed card, ended for good"),
    Held("page_links", CARD, "page_links", erased=DELETE),
    Held("page_codes", CARD, "page_codes", erased=DELETE),
    Held("page_sessions", CARD, "page_sessions", erased=DELETE),
    Held("handovers", CARD, "handovers", erased=DELETE),
    Held("number_changes", CARD, "number_changes", {"phone_sealed": "number_changes.phone"}, erased=DELETE),
    Held("number_notices", CARD, "number_notices", {"phone_sealed": "number_notices.phone"}, erased=DELETE),
    Held("offline_items", CARD, "offline", withheld=("digest",), erased={"body_sealed": "NULL", "reason_sealed": "NULL"},
         why="that a till without a network did something, and who decided about it"),
    Held("passes", CARD, "passes", why="phones must be able to fetch that the pass is void"),
    Held("signed_passes", PASS, why="a kept drawing of the pass", erased=DELETE),
    Held("registrations", PASS, "devices", withheld=("push_token",),
         why="phones must be told that the pass is void; forgotten by the retention table"),
    Held("google_objects", CARD, "google_wallet", why="Google's object is written over with nothing"),
    Held("enrolments", ("id", "enrolment"), "enrolments",
         {"phone_sealed": "enrolment.phone", "name_sealed": "enrolment.name", "email_sealed": "enrolment.email"},
         erased={"phone_sealed": "NULL", "phone_hash": "NULL", "phone_server_hash": "NULL", "phone_hint": "''", "name_sealed": "NULL",
                 "email_sealed": "NULL", "email_hash": "NULL"}, why="that somebody joined, and by which way"),
    Held("activation_links", ENROLMENT, "activation_links", erased=DELETE),
    Held("screen_links", ENROLMENT, why="a used code of a till's screen"),
    Held("told_codes", ENROLMENT, "told_codes", erased=DELETE),
    Held("messages", ("id", "message"), "messages", {"phone_sealed": "sms.phone", "text_sealed": "sms.text"},
         erased={"phone_sealed": "NULL", "text_sealed": "NULL", "phone_hint": "''", "phone_server_hash": ":nothing"},
         why="that a message was sent, and what it cost"),
    Held("import_people", ACCOUNT, "imported", erased={"alias": "NULL"}, why="that a row of a list became this account"),
    Held("campaign_people", ACCOUNT, "campaigns", why="whether an account was invited, for the comparison with those who were not"),
    Held("card_reads", CARD, "looked_at", why="who looked at whose card, to be answered after a breach; forgotten by the retention table"),
)
# Columns that point to a person, or to what is a person's; a table with one of them must be in HELD.
REFERENCES = frozenset((
    "customer_id", "account_id", "giver_account_id", "friend_account_id", "card_id", "pass_id", "enrolment_id", "phone_hash",
    "phone_server_hash", "email_hash", "phone_sealed", "email_sealed", "name_sealed"))
# Tables with such a column that are about nobody here, or about nobody in particular.
ELSEWHERE = {
    "operators": "who runs the server: no shopper",
    "totp_keys": "how staff and operators sign in", "recovery_codes": "how staff and operators sign in",
    "passkeys": "how staff and operators sign in", "sign_in_steps": "how staff and operators sign in",
    "suppressions": "a keyed hash of a number that wants no messages: it must outlive the person's card",
    "mail_suppressions": "a keyed hash of an address that wants no mail: it must outlive the person's card",
}
EMPTIED_TEXTS = ("reason", "note", "comment", "gift")       # of an operation: what somebody wrote by hand
