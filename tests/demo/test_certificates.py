"""The certificates that demo mode makes for itself."""
import ssl
import stat
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from app.demo.certificates import DemoCertificates, make_demo_certificates

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> DemoCertificates:
    folder = tmp_path_factory.mktemp("demo") / "certs"
    return make_demo_certificates(folder, pass_type_identifier="pass.demo.tessera.loyalty", team_identifier="DEMO123456", now=NOON)


def read(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_the_pass_certificate_has_the_subject_that_apple_writes(files):
    assert read(files.certificate).subject.rfc4514_string({x509.NameOID.USER_ID: "UID"}) == (
        "C=US,O=Tessera Demo,OU=DEMO123456,CN=Pass Type ID: pass.demo.tessera.loyalty,UID=pass.demo.tessera.loyalty")


def test_the_pass_certificate_has_apples_extensions(files):
    extensions = read(files.certificate).extensions
    usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH, x509.ObjectIdentifier("1.2.840.113635.100.4.14")]
    named = extensions.get_extension_for_oid(x509.ObjectIdentifier("1.2.840.113635.100.6.1.16")).value
    assert named.public_bytes() == b"\x0c\x19pass.demo.tessera.loyalty"
    assert extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_the_pass_certificate_lives_a_year_and_its_key_is_rsa_2048(files):
    certificate = read(files.certificate)
    assert certificate.not_valid_before_utc < NOON
    assert certificate.not_valid_after_utc == NOON + timedelta(days=365)
    assert certificate.public_key().key_size == 2048


def test_the_chain_leads_through_a_fourth_generation_to_the_root(files):
    certificate, wwdr, root = read(files.certificate), read(files.wwdr), read(files.root)
    certificate.verify_directly_issued_by(wwdr)
    wwdr.verify_directly_issued_by(root)
    assert "OU=G4" in wwdr.subject.rfc4514_string()
    assert wwdr.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    authority = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert authority == wwdr.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.key_identifier


def test_openssl_accepts_the_chain(files):
    for purpose, leaf in (("sslclient", files.certificate), ("sslserver", files.apns)):
        done = subprocess.run(["openssl", "verify", "-x509_strict", "-attime", str(int(NOON.timestamp())), "-purpose", purpose, "-CAfile",
                               files.root, "-untrusted", files.wwdr, leaf], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_apns_certificate_is_for_this_machine_only(files):
    names = read(files.apns).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]


def test_tls_contexts_load_both_pairs(files):
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(files.certificate, files.key)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.apns, files.apns_key)


def test_keys_are_readable_by_their_owner_alone_also_when_they_replace_open_ones(tmp_path):
    (tmp_path / "pass.key").write_text("old")
    (tmp_path / "pass.key").chmod(0o644)
    files = make_demo_certificates(tmp_path, pass_type_identifier="pass.demo", team_identifier="DEMO123456", now=NOON)
    assert files.exist()
    assert {stat.S_IMODE(key.stat().st_mode) for key in (files.key, files.apns_key)} == {0o600}
    assert b"PRIVATE KEY" in files.key.read_bytes()


def test_a_folder_that_lacks_one_file_is_not_complete(files, tmp_path):
    assert files.exist()
    assert not DemoCertificates(tmp_path).exist()
