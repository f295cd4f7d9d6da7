import pytest

from app import secrets
from app.errors import SettingsError
from app.secrets import CannotOpen, KeyRing


def test_what_was_sealed_opens_again_and_only_for_its_purpose_and_row() -> None:
    ring = KeyRing([secrets.new_key()])
    sealed = ring.seal_text("customer.phone", "+79161231234", b"17")
    assert b"7916" not in sealed
    assert ring.open_text("customer.phone", sealed, b"17") == "+79161231234"
    for purpose, context in (("customer.name", b"17"), ("customer.phone", b"18")):
        with pytest.raises(CannotOpen):
            ring.open(purpose, sealed, context)


def test_after_a_new_key_in_front_old_values_open_and_new_ones_use_it() -> None:
    old, new = secrets.new_key(), secrets.new_key()
    sealed = KeyRing([old]).seal("x", b"value")
    both = KeyRing([new, old])
    assert both.open("x", sealed) == b"value"
    assert not both.is_current(sealed)
    assert both.is_current(both.seal("x", b"value"))
    with pytest.raises(CannotOpen):
        KeyRing([new]).open("x", sealed)


def test_a_flipped_bit_is_noticed() -> None:
    ring = KeyRing([secrets.new_key()])
    sealed = bytearray(ring.seal("x", b"value"))
    sealed[-1] ^= 1
    with pytest.raises(CannotOpen):
        ring.open("x", bytes(sealed))


def test_lookup_hashes_are_stable_and_differ_by_purpose(ring: KeyRing) -> None:
    assert ring.lookup_hash("a", "t") == ring.lookup_hash("a", "t")
    assert ring.lookup_hash("a", "t") != ring.lookup_hash("b", "t")
    assert len(ring.lookup_hash("a", "t")) == 32


@pytest.mark.parametrize("keys", [[], ["short"], ["!" * 43]])
def test_a_key_that_is_none_stops_the_start_with_advice(keys: list[str]) -> None:
    with pytest.raises(SettingsError, match="TESSERA_SECRET_KEY"):
        KeyRing(keys)


def test_a_link_token_has_seventy_bits_and_no_letter_that_looks_like_another() -> None:
    token = secrets.new_token()
    assert secrets.is_token(token)
    assert not set("0OIl") & set(secrets.TOKEN_ALPHABET)
    assert len(secrets.TOKEN_ALPHABET) ** 12 > 2**70
    assert not secrets.is_token(token + "x")
    assert not secrets.is_token("0" * 12)
