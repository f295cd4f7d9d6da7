from pathlib import Path

import pytest

from app import secrets
from app.errors import SettingsError
from app.settings import TABLE, load

GOOD = {"TESSERA_URL": "https://cards.example.com"}


def test_a_public_address_is_all_that_a_server_on_sqlite_needs() -> None:
    settings = load(GOOD)
    assert settings.is_sqlite
    assert settings.is_https
    assert settings.address("/c/x") == "https://cards.example.com/c/x"
    assert settings.link("/a/x") == "https://cards.example.com/a/x"


def test_a_demo_needs_nothing_at_all() -> None:
    assert load({}, demo=True).url == "http://127.0.0.1:8000"


@pytest.mark.parametrize(("environ", "word"), [
    ({}, "TESSERA_URL is missing"),
    ({"TESSERA_URL": "http://cards.example.com"}, "https://"),
    ({"TESSERA_URL": "cards.example.com"}, "must look like"),
    ({**GOOD, "PORT": "eighty"}, "PORT"),
    ({**GOOD, "PORT": "70000"}, "PORT"),
    ({**GOOD, "DATABASE_URL": "mysql://x"}, "postgresql://"),
    ({**GOOD, "DATABASE_URL": "postgres://h/d"}, "TESSERA_SECRET_KEY is missing"),
    ({**GOOD, "TESSERA_PROXIES": "proxy.local"}, "proxy.local"),
    ({**GOOD, "TESSERA_SMS": "pigeon:"}, "pigeon"),
    ({**GOOD, "TESSERA_SMS": "twilio://AC1@api.twilio.com?from=+15005550006"}, "needs its account SID and token"),
    ({**GOOD, "TESSERA_SMS": "twilio://AC1:t@api.twilio.com"}, "needs from or service"),
    ({**GOOD, "TESSERA_SMS": "vonage://k:s@"}, "needs from"),
    ({**GOOD, "TESSERA_SMS": "smsru://sms.ru"}, "needs its api_id"),
    ({**GOOD, "TESSERA_SMS": "webhook+http://sms.example.com/"}, "there is no gateway"),
    ({**GOOD, "TESSERA_SMS": "smsc://l:p@?api=http://smsc.example.com"}, "fake on this machine"),
    ({**GOOD, "TESSERA_APPLE_CERTIFICATE_PEM": "x"}, "all three"),
    ({**GOOD, "TESSERA_APPLE_KEY": "/no/such/file"}, "cannot be read"),
    ({**GOOD, "TESSERA_UPL": "x"}, "TESSERA_UPL is not a setting"),
    ({**GOOD, "TESSERA_WORKERS": "2"}, "needs PostgreSQL"),
])
def test_a_wrong_setting_stops_the_start_with_a_sentence(environ: dict[str, str], word: str) -> None:
    with pytest.raises(SettingsError, match=word):
        load(environ)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as told:
        load({"PORT": "x", "TESSERA_LOG": "loud"})
    assert len(str(told.value).splitlines()) == 3


def test_postgres_urls_of_hosts_are_accepted() -> None:
    settings = load({**GOOD, "DATABASE_URL": "postgres://h/d", "TESSERA_SECRET_KEY": secrets.new_key()})
    assert settings.database_url == "postgresql://h/d"


def test_every_setting_stands_in_the_operators_table() -> None:
    page = (Path(__file__).parents[1] / "docs" / "operator.md").read_text("utf-8")
    assert [name for name, _, _ in TABLE if f"`{name}`" not in page] == []


@pytest.mark.parametrize(("text", "address"), [
    ("127.0.0.1:2197", "https://127.0.0.1:2197"), ("https://api.push.apple.com:2197/", "https://api.push.apple.com:2197")])
def test_the_push_servers_address_may_be_a_bare_host_and_port(text, address):
    assert load({"TESSERA_APNS": text}, demo=True).apns == address


def test_a_push_server_without_tls_is_refused():
    with pytest.raises(SettingsError, match="TESSERA_APNS"):
        load({"TESSERA_APNS": "http://127.0.0.1:2197"}, demo=True)


@pytest.mark.parametrize("text", [
    "twilio://AC1:t@api.twilio.com?from=+15005550006", "twilio://SK1:s@?service=MG1&account=AC1&token=t", "vonage://k:s@?from=Coffee",
    "smsc://login:p%2Cw@smsc.kz", "smsc://apikey@", "smsru://id@?api=http://127.0.0.1:1", "smsaero://me@example.com:key@gate.smsaero.ru",
    "webhook+https://u:s@sms.example.com/send", "webhook+http://u:s@127.0.0.1:9/send"])
def test_every_gateway_that_is_documented_is_accepted(text):
    assert load({**GOOD, "TESSERA_SMS": f"console:,{text}"}).sms == ("console:", text)


@pytest.mark.goal("A7")
def test_a_mistake_in_a_gateways_address_is_told_without_its_secrets():
    with pytest.raises(SettingsError) as told:
        load({**GOOD, "TESSERA_SMS": "twilio://AC-canary:token-canary@,pigeon://canary:canary@x,smsc://:canary@?api=https://canary"})
    assert "canary" not in str(told.value)
