"""How long what is kept: one table, shown in the console and the documentation, and run every day.

A row's length is the room's own constant where the room forgets by itself; a business may choose another where `least` and `most` say
so. What is in no row is kept as long as the business is (the ledger, consents, the record of acts) or lives for minutes in memory.
"""
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from app.card_pages import service as card_pages
from app.enrolment import rules as enrolment
from app.idempotency import rules as idempotency
from app.imports import service as imports
from app.limits import service as limits
from app.mail import service as mail
from app.privacy.people_store import HAS_JOINED, JOINED, LISTED, MOVED
from app.registrations import service as registrations
from app.text import N_
from app.updates import service as updates

DAY_MS = 86_400_000
DELETE, EMPTY, FORGET, END = "delete", "empty", "forget", "end"
DOES = {DELETE: N_("deleted"), EMPTY: N_("emptied"), FORGET: N_("the person is erased"), END: N_("ended, and the number emptied")}


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of thing.

    key; what; since: after what the days count; days: None where nothing happens unless a business says so; does; table and where: which
    rows are over, told by `:before` (epoch ms); keys: the columns that name a row; changes: column → value, of EMPTY; room: the function
    that the room runs itself ('' for this room's); least, most: what a business may choose, None: the same for everybody.
    """

    key: str
    what: str
    since: str
    days: int | None
    does: str
    table: str
    where: str
    keys: tuple[str, ...] = ("id",)
    changes: Mapping[str, str] | None = None
    room: str = ""
    least: int | None = None
    most: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether a business may choose the days."""
        return self.least is not None


def _days(length: timedelta) -> int:
    return length // timedelta(days=1)


TABLE = (
    Row("enrolments", N_("Cards that somebody asked for and never activated"), N_("the request"), _days(enrolment.LIFE), END, "enrolments",
        # An enrolment knows its own end: minutes at a till's screen, thirty days by a message, years in a list.
        "status = 'pending' AND expires_at <= :now", room="enrolment"),
    Row("message_texts", N_("Texts and numbers of messages that arrived or failed"), N_("the last state"), 0, EMPTY, "messages",
        "final_at < :before AND (phone_sealed IS NOT NULL OR text_sealed IS NOT NULL)",
        changes={"phone_sealed": "NULL", "text_sealed": "NULL"}),
    Row("offline_items", N_("What tills did without a network, once it is done or decided"), N_("the decision"), 90, DELETE,
        "offline_items", "settled_at < :before", least=7, most=400),
    Row("messages", N_("Traces of a number at a message: its hash and last digits"), N_("the last state"), 90, EMPTY, "messages",
        "final_at < :before AND phone_hint <> ''", changes={"phone_hint": "''", "phone_server_hash": ":nothing"}, least=7, most=400),
    Row("shopper_mails", N_("Mails to shoppers"), N_("it was sent or given up"), 7, DELETE, "mails",
        "kind IN ('enrolment', 'page_code') AND created_at < :before AND (sent_at IS NOT NULL OR failed_at IS NOT NULL)",
        least=1, most=90),
    Row("mails", N_("Mails to staff"), N_("it was sent or given up"), _days(mail.KEPT), DELETE, "mails",
        "kind NOT IN ('enrolment', 'page_code') AND created_at < :before AND (sent_at IS NOT NULL OR failed_at IS NOT NULL)", room="mail"),
    Row("lists", N_("The rows of a list that was taken in, as they stood in the file"), N_("it was taken in"), _days(imports.KEPT_FOR),
        DELETE, "import_blocks", "import_id IN (SELECT id FROM imports WHERE forgotten_at IS NULL AND changed_at < :before "
        "AND state IN ('done', 'undone', 'mapping', 'checked'))", ("import_id", "number"), room="imports"),
    Row("page_links", N_("Addresses of card pages that were withdrawn"), N_("the withdrawal"), 30, DELETE, "page_links",
        "revoked_at < :before"),
    Row("page_sessions", N_("Browsers and codes of card pages"), N_("the end"), _days(card_pages.KEPT), DELETE, "page_sessions",
        "expires_at < :before", room="card_pages"),
    Row("devices", N_("Phones that hold an erased card"), N_("the erasure"), 30, DELETE, "registrations",
        "pass_id IN (SELECT p.id FROM passes p JOIN cards k ON k.id = p.card_id JOIN accounts a ON a.id = k.account_id "
        "JOIN customers u ON u.id = a.customer_id WHERE u.erased_at < :before)"),
    Row("device_logs", N_("What phones report of their passes"), N_("receipt"), _days(registrations.LOGS_KEPT), DELETE, "device_logs",
        "received_at < :before", room="registrations"),
    Row("sessions", N_("Sign-ins of staff"), N_("the end"), 30, DELETE, "sessions", "expires_at < :before", room="staff"),
    Row("sign_in_links", N_("One-time links of staff"), N_("the end"), 30, DELETE, "sign_in_links", "expires_at < :before"),
    Row("sign_in_steps", N_("Sign-ins that wait for the second factor"), N_("the end"), 1, DELETE, "sign_in_steps",
        "expires_at < :before"),
    Row("used_challenges", N_("Answers of passkeys that were taken, as keyed hashes"), N_("the end"), 1, DELETE, "used_challenges",
        "expires_at < :before", ("challenge_hash",)),
    Row("pairings", N_("Codes that paired tablets"), N_("the end"), 30, DELETE, "device_pairings", "expires_at < :before"),
    Row("pin_links", N_("One-time links for PINs of staff"), N_("the end"), 30, DELETE, "pin_links", "expires_at < :before"),
    Row("limits", N_("Counters against guessing and fraud: keyed hashes of numbers and addresses"), N_("the count"),
        _days(limits.KEPT_FOR), DELETE, "limit_hits", "at < :before", room="limits"),
    Row("idempotency", N_("Answers to tills that may ask again"), N_("the answer"), _days(idempotency.KEPT), DELETE, "idempotency_keys",
        "created_at < :before", ("business_id", "key"), room="idempotency"),
    Row("updates", N_("The numbered list of which pass changed"), N_("the numbering"), _days(updates.KEPT_FOR), DELETE, "updates",
        "at < :before", ("number",), room="updates"),
    Row("events", N_("What happened, for the business's own systems: ids alone"), N_("the event"), 90, DELETE, "events", "at < :before",
        least=1, most=400),
    Row("deliveries", N_("What webhooks told, and the answers: ids alone"), N_("the event"), 30, DELETE, "deliveries",
        "created_at < :before AND state <> 'waiting'", least=4, most=400),
    Row("reads", N_("Who of the staff and which key looked at whose card"), N_("the look"), 400, DELETE, "card_reads",
        "hour_at < :before", ("business_id", "actor_kind", "actor_id", "hour_at", "card_id"), least=90, most=1825),
    Row("demo", N_("The simulated phone's messages of a demo"), N_("receipt"), 30, DELETE, "demo_messages", "at < :before"),
    # Last: an erasure takes much of what the rows above speak of along.
    Row("imported", N_("People of a list who never activated their card"), N_("it was taken in"), 730, FORGET, "customers",
        f"erased_at IS NULL AND id IN ({LISTED}) AND id NOT IN ({HAS_JOINED}) AND id NOT IN ({MOVED})", least=30, most=1825),
    Row("inactive", N_("Shoppers whose card was not used"), N_("the last visit"), None, FORGET, "customers",
        f"erased_at IS NULL AND merged_into IS NULL AND id IN ({HAS_JOINED}) AND id NOT IN ({MOVED}) "
        f"AND id NOT IN ({JOINED})", least=180, most=3650),
)
BY_KEY = {row.key: row for row in TABLE}
# What no row touches, and why: shown under the table.
KEPT = (
    N_("The ledger, its receipts and its hashes: the books of the business, under a number once a person is erased."),
    N_("Consents with the texts that were read: the proof that data was held lawfully."),
    N_("The record of who did what: it names staff and row numbers, and cannot be changed."),
    N_("The list of erasures and of numbers that want no messages: keyed hashes."),
)
