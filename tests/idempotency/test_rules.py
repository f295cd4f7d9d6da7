import pytest

from app.idempotency.rules import KeyMalformed, KeyRequired, fingerprint, parse_key


def test_a_request_is_told_from_another_by_method_path_and_every_byte_of_the_body():
    same = fingerprint("POST", "/api/v1/sales", b'{"amount":1}')
    assert fingerprint("POST", "/api/v1/sales", b'{"amount":1}') == same
    others = [("PUT", "/api/v1/sales", b'{"amount":1}'), ("POST", "/api/v1/sales/x/undo", b'{"amount":1}'),
              ("POST", "/api/v1/sales", b'{"amount": 1}')]
    assert all(fingerprint(*other) != same for other in others)


def test_a_part_of_the_path_never_passes_for_a_part_of_the_body():
    assert fingerprint("POST", "/a\nb", b"c") != fingerprint("POST", "/a", b"b\nc")


def test_a_key_is_1_to_255_visible_ascii_characters():
    assert parse_key("k" * 255, "POST", "/", b"").text == "k" * 255
    for wrong in ("", "k" * 256, "two words", "ключ", "a\x7f", "tab\t"):
        with pytest.raises(KeyMalformed):
            parse_key(wrong, "POST", "/", b"")


def test_a_request_without_a_key_has_none_unless_it_needs_one():
    assert parse_key(None, "POST", "/", b"") is None
    with pytest.raises(KeyRequired):
        parse_key(None, "POST", "/", b"", required=True)
