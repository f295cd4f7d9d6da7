"""What a mail looks like on its way, and how often it is tried."""
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest

from app.mail import rules
from app.mail.rules import Mail

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def read(mail, sender="Tessera <cards@example.com>"):
    return message_from_bytes(rules.message(mail, sender, "<1.2.tessera@example.com>", NOON), policy=policy.default)


def test_a_mail_arrives_as_it_was_written_in_any_language():
    made = read(Mail("anna@example.com", "Сертификат кончается", "Осталось 7 дней.\n\nСм. консоль."))
    assert (made["from"], made["to"], made["subject"]) == ("Tessera <cards@example.com>", "anna@example.com", "Сертификат кончается")
    assert made.get_content_type() == "text/plain"
    assert made.get_content().replace("\r\n", "\n") == "Осталось 7 дней.\n\nСм. консоль.\n"
    assert made["message-id"] == "<1.2.tessera@example.com>"
    assert made["auto-submitted"] == "auto-generated"


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\x00\n", "\u2028", "\x85", "\x0b", "\x0c"])
def test_no_subject_and_no_sender_begins_a_header_of_its_own(break_):
    made = read(Mail("anna@example.com", f"News{break_}Bcc: all@example.com", "x"), f"Shop{break_}Bcc: all@example.com <cards@example.com>")
    assert made["bcc"] is None
    assert made["subject"] == "News Bcc: all@example.com"
    assert set(made.keys()) <= {"From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Type",
                                "Content-Transfer-Encoding", "MIME-Version"}


@pytest.mark.parametrize("address", ["", "anna", "anna@", "a b@example.com", "anna@example.com\nBcc: b@example.com", "<anna@example.com>",
                                     "anna@example.com, eve@example.com", "анна@example.com", "anna@exa mple.com", "a" * 65 + "@b.com"])
def test_what_is_not_one_plain_address_is_none(address):
    assert not rules.is_address(address)


@pytest.mark.parametrize("address", ["anna@example.com", "o'hara+tessera@mail.example.co.uk", "root@localhost"])
def test_addresses_as_people_have_them_are_taken(address):
    assert rules.is_address(address)


def test_the_pauses_double_from_a_minute_to_six_hours():
    assert [rules.pause_after(tries) // timedelta(minutes=1) for tries in (1, 2, 3, 4, 9, 10, 500)] == [1, 2, 4, 8, 256, 360, 360]


def test_a_refusal_is_kept_as_its_codes_without_the_address_that_servers_repeat():
    assert rules.refusal(550, b"5.1.1 <anna@example.com>: user unknown") == "550 5.1.1"
    assert rules.refusal(421, b"anna@example.com is busy") == "421"
