"""What a business uploads: every form in which a certificate comes, and every mistake, told beside its field."""
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from app.certificates.signer import Wrong
from app.certificates.uploads import KnownKey, Upload, key_der, new_request, read
from tests.certificates.authority import Authority, der, key, key_pem, packed, pem

pytestmark = pytest.mark.usefixtures("same_process")
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def apple():
    return Authority(NOW)


@pytest.fixture(scope="module")
def leaf(apple):
    return apple.issue(key(1).public_key())


def reading(upload, known=(), settings_wwdr=b""):
    return read(upload, known, settings_wwdr, NOW)


def refusal(upload, known=(), settings_wwdr=b""):
    with pytest.raises(Wrong) as told:
        reading(upload, known, settings_wwdr)
    return told.value.field, str(told.value)


@pytest.mark.parametrize("form", [pem, der])
def test_certificate_and_key_are_taken_as_text_and_as_bytes(apple, leaf, form):
    found = reading(Upload(form(leaf), key_pem(1), form(apple.certificate)))
    assert (found.signer.pass_type_identifier, found.signer.team_identifier) == ("pass.coffee.card", "COFFEE1234")
    assert found.request_id is None
    assert reading(Upload(form(leaf), key_der(key(1)), form(apple.certificate))).signer.key.private_numbers() == key(1).private_numbers()


def test_a_p12_as_keychain_exports_it_is_opened_with_its_password(apple, leaf):
    file = packed(leaf, key(1), [apple.certificate], "слово")
    assert reading(Upload(file, password="слово")).signer.certificate == leaf
    assert refusal(Upload(file, password="wrong"))[0] == "password"
    assert refusal(Upload(file))[0] == "password"


def test_a_p12_without_its_key_is_told_how_to_export_it(leaf):
    assert "lacks the certificate or its key" in refusal(Upload(packed(leaf, None, [], "x"), password="x"))[1]


def test_an_encrypted_key_is_opened_and_its_password_never_repeated(apple, leaf):
    sealed = key(1).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"right one"))
    upload = Upload(pem(leaf), sealed, pem(apple.certificate), "right one")
    assert reading(upload).signer.certificate == leaf
    field, sentence = refusal(Upload(pem(leaf), sealed, pem(apple.certificate), "left one"))
    assert (field, "left one" in sentence) == ("key", False)
    assert "right one" not in repr(upload)


def test_the_certificate_alone_finds_the_key_of_the_request_that_was_made_here(apple):
    request, made = new_request("Кофейный угол")
    certificate = apple.answer(request)
    found = reading(Upload(der(certificate), wwdr=pem(apple.certificate)), [KnownKey(6, key_der(key(1))), KnownKey(7, made)])
    assert found.request_id == 7
    assert refusal(Upload(der(certificate), wwdr=pem(apple.certificate)), [KnownKey(6, key_der(key(1)))])[0] == "key"


def test_a_signing_request_is_what_apples_portal_takes():
    request, _ = new_request("x" * 200)
    parsed = x509.load_pem_x509_csr(request.encode())
    assert (parsed.public_key().key_size, parsed.is_signature_valid) == (2048, True)
    assert b"PRIVATE" not in request.encode()
    assert request.startswith("-----BEGIN CERTIFICATE REQUEST-----")


def test_the_servers_wwdr_is_used_where_it_fits_and_asked_for_where_it_does_not(apple, leaf):
    assert reading(Upload(pem(leaf), key_pem(1)), settings_wwdr=pem(apple.certificate)).signer.wwdr == apple.certificate
    other = Authority(NOW, number=101)
    field, sentence = refusal(Upload(pem(leaf), key_pem(1)), settings_wwdr=pem(other.certificate))
    assert (field, "generation G4" in sentence) == ("wwdr", True)
    assert refusal(Upload(pem(leaf), key_pem(1), pem(other.certificate)))[0] == "wwdr"


@pytest.mark.parametrize("generation", ["G2", "G3", "G5", "G6", "Apple Worldwide Developer Relations"])
def test_generations_that_are_not_for_passes_are_named(generation):
    other = Authority(NOW, number=101, generation=generation)
    field, sentence = refusal(Upload(pem(other.issue(key(1).public_key())), key_pem(1), pem(other.certificate)))
    assert (field, generation in sentence, "G4" in sentence) == ("certificate", True, True)


def test_a_generation_that_apple_begins_one_day_is_taken_where_the_chain_fits():
    other = Authority(NOW, number=101, generation="G9")
    assert reading(Upload(pem(other.issue(key(1).public_key())), key_pem(1), pem(other.certificate))).signer


@pytest.mark.parametrize(("given", "words"), [
    ({"uid": "com.coffee.app"}, "not a Pass Type ID certificate"),
    ({"usages": (ExtendedKeyUsageOID.CLIENT_AUTH,)}, "for signing passes"),
    ({"repeated": "pass.other.card"}, "names two pass types"),
    ({"start": NOW - timedelta(days=400)}, "expired on 2026-10-18"),
])
def test_a_certificate_that_phones_would_refuse_is_refused_with_the_reason(apple, given, words):
    field, sentence = refusal(Upload(pem(apple.issue(key(1).public_key(), **given)), key_pem(1), pem(apple.certificate)))
    assert field == "certificate"
    assert words in sentence


def test_a_certificate_that_does_not_say_what_it_is_for_is_taken(apple):
    assert reading(Upload(pem(apple.issue(key(1).public_key(), usages=())), key_pem(1), pem(apple.certificate))).signer


def test_the_key_of_another_certificate_is_refused(apple, leaf):
    assert refusal(Upload(pem(leaf), key_pem(2), pem(apple.certificate)))[0] == "key"


def test_a_key_of_1024_bits_is_refused(apple):
    small = key(3, 1024)
    assert "2048 bits" in refusal(Upload(pem(apple.issue(small.public_key())), key_pem(3, 1024), pem(apple.certificate)))[1]


@pytest.mark.parametrize(("field", "content"), [
    ("certificate", b""), ("certificate", b"<html>"), ("certificate", b"-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----"),
    ("certificate", b"\x30\x82" + b"\x00" * 5000), ("key", b"<html>"), ("key", b"-----BEGIN PRIVATE KEY-----\n"), ("wwdr", b"<html>")])
def test_a_file_that_is_something_else_is_named_by_its_field(apple, leaf, field, content):
    given = {"certificate": pem(leaf), "key": key_pem(1), "wwdr": pem(apple.certificate)} | {field: content}
    assert refusal(Upload(**given))[0] == field
