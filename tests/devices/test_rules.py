import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from app.devices import rules
from app.devices.rules import Device, check_key, check_pin, clean_code, is_plain, verify
from app.errors import Invalid

KEY = ec.generate_private_key(ec.SECP256R1())


def spki(key) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def device(public_key: bytes, location_id: int | None = None) -> Device:
    return Device(1, 1, location_id, "Till", public_key, 1, 0, None, 0, 0)


def signed(data: bytes) -> bytes:
    """As a browser gives it: r and s, 32 bytes each."""
    r, s = decode_dss_signature(KEY.sign(data, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def test_a_device_is_known_by_what_it_signed():
    assert verify(device(spki(KEY)), b"7|sale|12.50", signed(b"7|sale|12.50"))


def test_another_text_another_key_and_a_torn_signature_prove_nothing():
    signature = signed(b"7|sale|12.50")
    own, other = device(spki(KEY)), device(spki(ec.generate_private_key(ec.SECP256R1())))
    assert not verify(own, b"7|sale|99.50", signature)
    assert not verify(other, b"7|sale|12.50", signature)
    assert not verify(own, b"7|sale|12.50", signature[:-1])
    assert not verify(own, b"7|sale|12.50", bytes(64))
    assert not verify(device(b""), b"7|sale|12.50", signature)


@pytest.mark.parametrize("key", [
    b"?", b"x" * 5000, spki(ec.generate_private_key(ec.SECP384R1())), spki(ed25519.Ed25519PrivateKey.generate())],
    ids=["nothing", "too long", "another curve", "another kind"])
def test_what_is_no_key_of_a_till_is_refused(key):
    with pytest.raises(Invalid):
        check_key(key)
    assert not verify(device(key), b"x", signed(b"x"))


def test_a_browser_may_have_no_key():
    assert check_key(b"") == b""
    assert check_key(spki(KEY)) == spki(KEY)


@pytest.mark.parametrize("pin", [
    "1234", "4321", "0000", "7777", "1212", "2580", "1984", "2026", "123456", "111222", "135791", "890123", "147258", "121212"])
def test_a_pin_that_is_tried_first_is_refused(pin):
    with pytest.raises(Invalid, match="look"):
        check_pin(pin)


@pytest.mark.parametrize("pin", ["4071", "83920", "506182", "9137"])
def test_a_pin_that_is_no_pattern_is_taken(pin):
    assert check_pin(pin) == pin


@pytest.mark.parametrize("pin", ["", "12", "407", "4071829", "40a1", "４０７１", " 4071"])
def test_what_is_no_pin_is_refused(pin):
    with pytest.raises(Invalid):
        check_pin(pin)


def test_nine_in_ten_pins_are_free_to_choose():
    assert sum(is_plain(f"{number:04}") for number in range(10_000)) < 1_000


def test_a_code_is_read_however_it_was_typed():
    assert clean_code(" k7m29 - qxf3h ") == "K7M29QXF3H"
    assert rules.shown_code("K7M29QXF3H") == "K7M29-QXF3H"
    assert clean_code(rules.shown_code(rules.code_of(bytes(range(10))))) == rules.code_of(bytes(range(10)))


@pytest.mark.parametrize("text", ["", "K7M29QXF3", "K7M29QXF3HH", "K7M29QXF3O", "К7М29QXF3H", "../../etc"])
def test_what_cannot_be_a_code_is_none(text):
    assert clean_code(text) == ""


def test_people_of_one_location_work_at_its_tills_and_at_those_that_stand_anywhere():
    assert device(b"", None).takes(3)
    assert device(b"", 3).takes(3)
    assert device(b"", 3).takes(None)
    assert not device(b"", 3).takes(4)
