"""What a mail looks like, when it is tried again, and what a server's refusal means."""
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

GIVE_UP_AFTER = timedelta(days=3)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=6)
SUBJECT_MOST, TEXT_MOST, ADDRESS_MOST = 200, 20_000, 254
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+")
_ENHANCED = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")


@dataclass(frozen=True, slots=True)
class Mail:
    """to: one bare address; subject: one line; text: plain, of any language."""

    to: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a try. is_sent; is_final: no further try would help; why: a code or a short word, never an address.

    is_server: it was the mail server that could not be reached or used, so that other mails would fare no better just now.
    """

    is_sent: bool
    is_final: bool = False
    is_server: bool = False
    why: str = ""


def is_address(text: str) -> bool:
    """Whether mail can be sent there: ASCII, one address, nothing around it."""
    return len(text) <= ADDRESS_MOST and _ADDRESS.fullmatch(text) is not None


def one_line(text: str) -> str:
    """Without line ends and other controls, which would begin a header of their own."""
    return " ".join(_CONTROLS.sub(" ", text).split())[:SUBJECT_MOST]


def message(mail: Mail, sender: str, message_id: str, at: datetime) -> bytes:
    """The mail as it goes out. sender: a bare address or `Name <address>`; the same id each time, so that a second copy is one mail."""
    made = EmailMessage(policy=SMTP)
    name, address = parseaddr(sender)
    made["From"] = f"{one_line(name)} <{address}>" if name else address
    made["To"] = mail.to
    made["Subject"] = one_line(mail.subject)
    made["Date"] = format_datetime(at)
    made["Message-ID"] = message_id
    made["Auto-Submitted"] = "auto-generated"       # RFC 3834: no holiday replies
    made.set_content(mail.text[:TEXT_MOST].replace("\x00", ""))
    return made.as_bytes()


def sender_address(sender: str) -> str:
    """The bare address of a sender, for the envelope."""
    return parseaddr(sender)[1]


def pause_after(tries: int) -> timedelta:
    """How long to wait after the `tries`-th try (from 1) before the next: doubles from a minute to six hours."""
    return min(FIRST_PAUSE * 2 ** min(tries - 1, 20), LONGEST_PAUSE)


def refusal(code: int, text: bytes) -> str:
    """A server's refusal for the log: its codes alone, since servers repeat addresses in words."""
    enhanced = _ENHANCED.search(text.decode("ascii", "replace"))
    return f"{code} {enhanced[0]}" if enhanced else str(code)
