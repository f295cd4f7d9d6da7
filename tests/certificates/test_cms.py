"""The signature of a pass, held against OpenSSL and against cryptography's own builder."""
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder

from tests.passes.conftest import NOON

MANIFEST = b'{"pass.json":"da39a3ee5e6b4b0d3255bfef95601890afd80709"}'


def builders_signature(demo, manifest):
    """What cryptography writes for the present second; detached, binary, without S/MIME capabilities."""
    certificate = x509.load_pem_x509_certificate(demo.certificate.read_bytes())
    key = load_pem_private_key(demo.key.read_bytes(), None)
    wwdr = x509.load_pem_x509_certificate(demo.wwdr.read_bytes())
    builder = PKCS7SignatureBuilder().set_data(manifest).add_signer(certificate, key, hashes.SHA256()).add_certificate(wwdr)
    return builder.sign(Encoding.DER, [PKCS7Options.DetachedSignature, PKCS7Options.Binary, PKCS7Options.NoCapabilities])


def verify(tool, demo, folder: Path, manifest, signature):
    (folder / "manifest").write_bytes(manifest)
    (folder / "signature").write_bytes(signature)
    return subprocess.run(["openssl", tool, "-verify", "-binary", "-inform", "DER", "-in", folder / "signature",
                           "-content", folder / "manifest", "-CAfile", demo.root, "-purpose", "any",
                           "-attime", str(int(NOON.timestamp())), "-out", "/dev/null"], capture_output=True, text=True, check=False)


@pytest.fixture
def openssl_print(signer, noon, tmp_path):
    (tmp_path / "signature").write_bytes(signer.sign(MANIFEST, noon))
    return subprocess.run(["openssl", "cms", "-cmsout", "-print", "-inform", "DER", "-in", tmp_path / "signature"],
                          capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("manifest", [MANIFEST, b"{}", b'{\n  "pass.json": "00"\n}\n', b"line\r\nline\nline\r" * 300])
def test_the_signature_is_byte_for_byte_what_cryptographys_builder_writes(demo, signer, manifest):
    while True:     # the builder asks the clock itself, so both must fall into one second
        now = datetime.now(UTC)
        theirs = builders_signature(demo, manifest)
        if int(datetime.now(UTC).timestamp()) == int(now.timestamp()):
            break
    assert signer._cms.sign(manifest, now) == theirs


@pytest.mark.parametrize("tool", ["smime", "cms"])
@pytest.mark.parametrize("manifest", [MANIFEST, b'{\n "pass.json": "00",\r\n "icon.png": "00"\n}\n'])
def test_openssl_accepts_the_signature_also_over_a_manifest_with_line_ends(demo, signer, noon, tmp_path, tool, manifest):
    done = verify(tool, demo, tmp_path, manifest, signer.sign(manifest, noon))
    assert done.returncode == 0, done.stderr
    assert "erification successful" in done.stderr


@pytest.mark.parametrize("tool", ["smime", "cms"])
def test_openssl_refuses_the_signature_over_any_other_bytes(demo, signer, noon, tmp_path, tool):
    assert verify(tool, demo, tmp_path, MANIFEST + b"\n", signer.sign(MANIFEST, noon)).returncode != 0


def test_the_signature_is_detached_and_carries_one_signing_time(openssl_print):
    assert "eContent: <ABSENT>" in openssl_print
    assert openssl_print.count("signingTime") == 1
    assert "Nov 22 12:00:00 2026 GMT" in openssl_print


def test_the_signature_encloses_the_pass_certificate_and_wwdr_and_not_the_root(openssl_print):
    assert openssl_print.count("d.certificate:") == 2
    assert "CN=Tessera Demo Root CA" not in "".join(line for line in openssl_print.splitlines() if "subject:" in line)


def test_the_digest_is_sha_256_and_there_are_no_mail_capabilities(openssl_print):
    assert "algorithm: sha256 (2.16.840.1.101.3.4.2.1)" in openssl_print
    assert "SMIME" not in openssl_print.split("signerInfos:")[1].upper().replace("S/MIME", "SMIME")


def test_the_signing_time_is_utc_whatever_zone_the_clock_speaks(signer, noon):
    from zoneinfo import ZoneInfo
    assert signer.sign(MANIFEST, noon.astimezone(ZoneInfo("Asia/Tokyo"))) == signer.sign(MANIFEST, noon)


def test_two_threads_signing_in_different_seconds_never_mix_their_times(signer, noon):
    moments = [noon + timedelta(seconds=number) for number in range(4)]
    right = {moment: signer.sign(MANIFEST, moment) for moment in moments}
    wrong = []

    def work(offset):
        for number in range(200):
            moment = moments[(number + offset) % 4]
            if signer.sign(MANIFEST, moment) != right[moment]:
                wrong.append(moment)

    threads = [threading.Thread(target=work, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
