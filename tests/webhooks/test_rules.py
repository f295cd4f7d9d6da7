import hmac
import ipaddress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Invalid
from app.webhooks import rules

LAN = (ipaddress.ip_network("192.168.1.0/24"),)


@pytest.mark.goal("B12")
@pytest.mark.parametrize("text", [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.5", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "192.0.0.9", "192.0.2.1", "198.18.0.1", "192.88.99.1", "203.0.113.9", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::7f00:1", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "2002:7f00:1::",
    "2002:808:808::1", "2001:0:4136:e378::1", "2001:db8::1", "2001:20::1", "3fff::1", "100::1", "fc00::1", "fd12::1", "fe80::1", "fec0::1",
    "ff02::1", "ff0e::1", "5f00::1"])
def test_no_address_inside_and_no_other_spelling_of_one_is_told(text):
    address = ipaddress.ip_address(text)
    assert not rules.is_public(address) and not rules.is_open(address, True, ()) and not rules.is_open(address, True, LAN[:0])


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450:4010::5b", "2001:4860:4860::8888"])
def test_addresses_of_the_internet_are_told_by_tls_alone(text):
    address = ipaddress.ip_address(text)
    assert rules.is_open(address, True, ()) and not rules.is_open(address, False, LAN)


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_what_is_called_public_is_global_to_the_library_too(address):
    assert not rules.is_public(address) or (address.is_global and not address.is_private and not address.is_multicast)


@pytest.mark.goal("B12")
@pytest.mark.parametrize("url", [
    "", "crm.example.com", "//crm.example.com/", "http://crm.example.com/", "ftp://crm.example.com/", "file:///etc/passwd", "gopher://x.com/",
    "HTTPS:crm", "https://", "https:///x", "https://user@crm.example.com/", "https://user:word@crm.example.com/", "https://crm.example.com:0/",
    "https://crm.example.com:70000/", "https://crm.example.com:x/", "https://2130706433/", "https://0x7f000001/", "https://0x7f.0.0.1/",
    "https://0177.0.0.1/", "https://127.1/", "https://1.2.3/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[fe80::1%25eth0]/",
    "https://127.0.0.1/", "https://10.0.0.1./", "https://localhost/", "https://localhost./", "https://crm/", "https://x.localhost/",
    "https://printer.local/", "https://vault.internal/", "https://crm..example.com/", "https://-crm.example.com/",
    "https://crm.exa mple.com/", "https://crm.example.com/\r\nX: y", "https://crm.example.com\\@10.0.0.1/", "https://ex%61mple.com/",
    "https://crm。example.com/", "https://１２７.0.0.1/", "https://crm.example.com/" + "x" * 500, "https://ⓒrm.example.com/"])
def test_an_address_that_is_none_or_leads_inside_is_refused_when_it_is_typed(url):
    with pytest.raises(Invalid) as refused:
        rules.parse_place(url)
    assert [wrong.field for wrong in refused.value.fields] == ["url"]


@pytest.mark.parametrize(("url", "authority", "target"), [
    ("https://crm.example.com", "crm.example.com", "/"), ("https://CRM.example.com:443/a?b=c#d", "crm.example.com", "/a?b=c"),
    ("https://crm.example.com:8443/?x", "crm.example.com:8443", "/?x"),
    ("https://xn--e1afmkfd.xn--p1ai/hook", "xn--e1afmkfd.xn--p1ai", "/hook"),
    ("https://[2606:4700::1111]:444/", "[2606:4700::1111]:444", "/")])
def test_an_address_is_taken_apart_as_http_wants_it(url, authority, target):
    place = rules.parse_place(url)
    assert (place.is_tls, place.authority, place.target) == (True, authority, target)


def test_an_operator_may_open_a_network_inside_and_no_other():
    assert rules.parse_place("http://192.168.1.20/1c", LAN).port == 80
    with pytest.raises(Invalid):
        rules.parse_place("http://192.168.2.20/1c", LAN)
    assert rules.is_open(ipaddress.ip_address("192.168.1.20"), False, LAN)
    assert not rules.is_open(ipaddress.ip_address("127.0.0.1"), True, LAN)


def test_a_signature_is_over_the_time_and_the_body_for_each_secret():
    told = rules.signature(["new", "old"], 1_700_000_000, b'{"a":1}')
    [v1, v2] = [hmac.digest(secret, b'1700000000.{"a":1}', "sha256").hex() for secret in (b"new", b"old")]
    assert told == f"t=1700000000,v1={v1},v1={v2}"


def test_kinds_are_kept_once_and_in_one_order_and_others_are_refused():
    assert rules.check_kinds(["tier.changed", "card.created", "tier.changed"]) == ("card.created", "tier.changed")
    for wrong in ([], ["card.created", "ping"], ["card.*"]):
        with pytest.raises(Invalid):
            rules.check_kinds(wrong)


def test_while_a_place_is_away_its_line_waits_longer_and_longer_up_to_an_hour_and_a_bit():
    pauses = [rules.waits_after(None, failures, 1, 0.5).webhook for failures in range(1, 30)]
    assert pauses[:3] == [timedelta(seconds=5), timedelta(seconds=10), timedelta(seconds=20)]
    assert pauses == sorted(pauses) and pauses[-1] == timedelta(hours=1)
    assert [rules.waits_after(503, 1, 1, jitter).webhook.total_seconds() for jitter in (0, 0.999)] == pytest.approx([3.75, 6.25], abs=0.01)


def test_the_first_in_line_steps_aside_after_five_tries_that_met_nobody():
    assert [rules.waits_after(None, 9, tries, 0.5).delivery > timedelta() for tries in range(1, 7)] == [False] * 4 + [True, False]


def test_a_refused_delivery_steps_aside_and_after_three_the_line_slows():
    first, third = rules.waits_after(500, 1, 1, 0.5), rules.waits_after(500, 3, 1, 0.5)
    assert first == (timedelta(), timedelta(seconds=5)) and third.webhook == timedelta(seconds=20)


def test_a_receiver_may_ask_for_a_pause_of_up_to_an_hour():
    assert rules.waits_after(429, 1, 1, 0.5, retry_after=120).webhook == timedelta(minutes=2)
    assert rules.waits_after(503, 1, 1, 0.5, retry_after=999_999).webhook == timedelta(hours=1)
    assert rules.waits_after(500, 1, 1, 0.5, retry_after=120).webhook == timedelta()


@pytest.mark.parametrize(("status", "failures", "days", "why"), [
    (410, 1, 0, "gone"), (503, 9, 4, ""), (503, 10, 2.9, ""), (503, 10, 3, "failing"), (None, 50, 3, "failing")])
def test_an_address_is_paused_when_it_is_gone_or_failed_often_for_three_days(status, failures, days, why):
    assert rules.should_pause(status, failures, timedelta(days=days)) == why
