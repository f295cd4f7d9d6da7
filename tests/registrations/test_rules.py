import pytest

from app.registrations.rules import Changed, is_identifier, is_push_token, listing, log_lines, pass_token, seen_number, serial_in


@pytest.mark.parametrize(("header", "token"), [
    ("ApplePass abc", "abc"), ("applepass  abc ", "abc"), ("Bearer abc", ""), ("ApplePass", ""), ("", ""), ("abc", ""),
    ("ApplePass a b", "a b")])
def test_only_the_applepass_scheme_carries_a_token(header, token):
    assert pass_token(header) == token


@pytest.mark.parametrize("tag", [None, "", "garbage", "-1", "1e3", "2026-11-22T00:00:00+00:00", "9" * 19, "٣", "1 ", "0x10"])
def test_a_tag_that_we_never_gave_means_nothing_seen(tag):
    assert seen_number(tag) == 0


def test_our_own_tag_is_the_number_it_was():
    assert seen_number("4294967338") == 4294967338


def test_the_tag_is_a_string_and_the_highest_number_of_what_is_listed():
    assert listing([Changed("b", 12), Changed("a", 7)]) == {"serialNumbers": ["a", "b"], "lastUpdated": "12"}


def test_nothing_changed_is_no_answer_at_all():
    assert listing([]) is None


@pytest.mark.parametrize(("text", "is_good"), [
    ("b33e3a3dccb3030333e3333da33333a3", True), ("x" * 255, True), ("", False), ("x" * 256, False), ("a\0b", False), ("имя", False),
    ("a b", False)])
def test_identifiers_are_visible_ascii_of_a_bearable_length(text, is_good):
    assert is_identifier(text) is is_good


@pytest.mark.parametrize(("token", "is_good"), [("ab" * 32, True), ("a" * 512, True), ("", False), ("a" * 513, False), ("a\n", False)])
def test_push_tokens_are_visible_ascii_of_a_bearable_length(token, is_good):
    assert is_push_token(token) is is_good


def test_a_report_is_cut_to_fifty_lines_without_control_characters():
    lines = log_lines(["a\x1b[31m\nb", "   ", *["x" * 5000] * 100])
    assert lines[0] == "a [31m b" and len(lines) == 49 and len(lines[1]) == 2000


@pytest.mark.parametrize(("line", "serial"), [
    ("Get pass task (pass type pass.x, serial number AB-12, if-modified-since (null); with web service url …", "AB-12"),
    ("Server requested update to serial number 'AB-12', but the pass was unchanged.", "AB-12"), ("something else", None)])
def test_a_report_says_which_pass_it_is_about(line, serial):
    assert serial_in(line) == serial
