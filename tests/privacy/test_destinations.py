"""Which field goes to which country is made from the code, is what the documentation says, and nothing else is reached for (goal N6)."""
import re
import socket
from pathlib import Path

import pytest

from app import secrets
from app.privacy.destinations import COUNTRIES, destinations
from app.settings import GATEWAYS, load

ROOT = Path(__file__).parents[2]
SMS = ("twilio://AC1:t@api.twilio.com?from=+15005550006", "vonage://k:s@rest.nexmo.com?from=Name", "smsc://l:p@smsc.ru", "smsru://id@sms.ru",
       "smsaero://a@b.ru:k@gate.smsaero.ru", "webhook+https://u:s@sms.example.com/x")
EVERYTHING = {"TESSERA_URL": "https://cards.example.com", "TESSERA_DATA": "/tmp", "TESSERA_SECRET_KEY": secrets.new_key(),
              "TESSERA_SMTP": "smtp://u:p@mail.example.com:587", "TESSERA_MAIL_FROM": "a@example.com", "TESSERA_SMS": ",".join(SMS)}
# Addresses in the source that nobody connects to: examples, names of rights and of formats, links that a browser follows.
NOT_REACHED = {"www.googleapis.com", "www.w3.org", "example.com", "www.postgresql.org", "www.sqlite.org"}


@pytest.mark.goal("N6")
def test_the_documentation_names_every_destination_and_what_goes_there():
    page = (ROOT / "docs" / "privacy.md").read_text("utf-8")
    for one in destinations(load(EVERYTHING)):
        assert f"| {one.what} | `{one.host}` | {one.country or 'yours to know'} | {'; '.join(one.fields)} |" in page
    assert page.count("| SMS gateway (") == len(GATEWAYS)


@pytest.mark.goal("N6")
def test_a_setting_that_names_another_host_moves_the_destination():
    moved = destinations(load({**EVERYTHING, "TESSERA_SMS": "smsc://l:p@www2.smsc.ru", "TESSERA_APNS": "https://127.0.0.1:2197"}))
    assert {"www2.smsc.ru", "127.0.0.1"} <= {one.host for one in moved} and "api.push.apple.com" not in {one.host for one in moved}


@pytest.mark.goal("N6")
def test_every_host_in_the_source_is_a_known_destination():
    found = {}
    for path in (ROOT / "app").rglob("*.py"):
        if "demo" in path.parts:
            continue
        for host in re.findall(r"https?://([a-z0-9.-]+\.[a-z]{2,})", path.read_text("utf-8")):
            if not host.endswith((".example.com", ".example", "example.org")):
                found.setdefault(host, path.name)
    assert set(found) - set(COUNTRIES) - NOT_REACHED == set(), found


@pytest.mark.goal("N6")
def test_the_suite_itself_cannot_leave_this_machine():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outward, pytest.raises(AssertionError, match="stay on this machine"):
        outward.connect(("192.0.2.1", 9))
