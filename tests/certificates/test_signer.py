"""What an operator gets told about a pass certificate, before a phone refuses it without a word."""
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization

from app.certificates.signer import PassSigner
from app.demo.certificates import make_demo_certificates
from app.errors import SettingsError, Unavailable
from tests.passes.conftest import NOON, PASS_TYPE, TEAM


def load(files, password=None, wwdr=None, **expected):
    return PassSigner.load(files.certificate.read_bytes(), files.key.read_bytes(), password, (wwdr or files.wwdr).read_bytes(), **expected)


@pytest.fixture(scope="session")
def other(tmp_path_factory):
    folder = tmp_path_factory.mktemp("other")
    return make_demo_certificates(folder, pass_type_identifier="pass.other", team_identifier="OTHER12345", now=NOON)


def encrypted(key_pem, password):
    key = serialization.load_pem_private_key(key_pem, None)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.BestAvailableEncryption(password.encode()))


def test_the_identifiers_are_read_from_the_certificate(signer):
    assert (signer.pass_type_identifier, signer.team_identifier) == (PASS_TYPE, TEAM)


def test_certificates_are_taken_as_der_too_as_apples_portal_hands_them_out(demo, signer):
    der = signer.certificate.public_bytes(serialization.Encoding.DER)
    wwdr = signer.wwdr.public_bytes(serialization.Encoding.DER)
    assert PassSigner.load(der, demo.key.read_bytes(), None, wwdr).pass_type_identifier == PASS_TYPE


def test_an_encrypted_key_is_opened_with_its_password(demo, noon, signer):
    key = encrypted(demo.key.read_bytes(), "пароль")
    opened = PassSigner.load(demo.certificate.read_bytes(), key, "пароль", demo.wwdr.read_bytes())
    assert opened.sign(b"{}", noon) == signer.sign(b"{}", noon)


@pytest.mark.parametrize(("password", "sentence"), [(None, "no password is set"), ("wrong", "the password is wrong")])
def test_a_missing_or_wrong_password_is_said_in_a_sentence_that_does_not_repeat_it(demo, password, sentence):
    with pytest.raises(SettingsError, match=sentence) as told:
        PassSigner.load(demo.certificate.read_bytes(), encrypted(demo.key.read_bytes(), "right"), password, demo.wwdr.read_bytes())
    assert "right" not in str(told.value)


def test_a_password_for_a_key_without_one_is_said(demo):
    with pytest.raises(SettingsError, match="the key is not encrypted"):
        load(demo, password="needless")


def test_a_key_of_another_certificate_is_refused(demo, other):
    with pytest.raises(SettingsError, match="does not belong to the pass certificate"):
        PassSigner.load(demo.certificate.read_bytes(), other.key.read_bytes(), None, demo.wwdr.read_bytes())


def test_a_wwdr_of_another_generation_is_refused_and_the_right_one_named(demo, other):
    with pytest.raises(SettingsError, match="did not issue the pass certificate, whose issuer is generation G4"):
        load(demo, wwdr=other.wwdr)


def test_the_root_in_place_of_wwdr_is_refused(demo):
    with pytest.raises(SettingsError, match="did not issue"):
        load(demo, wwdr=demo.root)


def test_a_pass_type_identifier_other_than_the_uid_is_refused(demo):
    with pytest.raises(SettingsError, match=r"is for pass\.demo\.tessera\.loyalty .its UID., but .* pass\.wrong"):
        load(demo, pass_type_identifier="pass.wrong")


def test_a_team_other_than_the_ou_is_refused(demo):
    with pytest.raises(SettingsError, match=r"belongs to team DEMO123456 .its OU."):
        load(demo, team_identifier="WRONG12345")


def test_the_expected_identifiers_are_accepted(demo):
    assert load(demo, pass_type_identifier=PASS_TYPE, team_identifier=TEAM).team_identifier == TEAM


def test_a_certificate_that_is_no_pass_certificate_is_refused(tmp_path):
    files = make_demo_certificates(tmp_path, pass_type_identifier=PASS_TYPE, team_identifier=TEAM, now=NOON, subject_uid="com.example.app")
    with pytest.raises(SettingsError, match="not a Pass Type ID certificate"):
        load(files)


def test_an_elliptic_key_is_refused_since_apple_issues_none(tmp_path):
    files = make_demo_certificates(tmp_path, pass_type_identifier=PASS_TYPE, team_identifier=TEAM, now=NOON, elliptic=True)
    with pytest.raises(SettingsError, match="RSA key of 2048 bits"):
        load(files)


@pytest.mark.parametrize("part", ["certificate", "key", "wwdr"])
def test_a_file_that_is_something_else_is_named(demo, part):
    content = {name: getattr(demo, name).read_bytes() for name in ("certificate", "key", "wwdr")} | {part: b"<html>not found</html>"}
    with pytest.raises(SettingsError, match=r"Reading the (pass certificate|private key|WWDR certificate)"):
        PassSigner.load(content["certificate"], content["key"], None, content["wwdr"])


@pytest.mark.goal("F15")
@pytest.mark.parametrize("moment", [NOON - timedelta(days=2), NOON + timedelta(days=366)])
def test_nothing_is_signed_outside_the_certificates_validity(signer, moment):
    with pytest.raises(Unavailable, match="pass certificate has expired"):
        signer.sign(b"{}", moment)


@pytest.mark.goal("F15")
@pytest.mark.parametrize(("days", "level", "words"), [
    (10, "good", "355 days more"), (304, "good", "61 days more"), (305, "soon", "60 days more"), (358, "soon", "7 days more"),
    (364, "soon", "1 day more"), (366, "wrong", "expired on 2027-11-22"), (-1, "wrong", "begins on 2026-11-22")])
def test_doctor_counts_the_certificates_last_days(signer, days, level, words):
    finding = signer.findings(NOON + timedelta(days=days, seconds=-1 if days > 0 else 0))[1]
    assert finding.level == level
    assert words in finding.sentence
