"""Opens uploaded files in a child process, within limits.

A file that a password protects says itself how often the password is hashed, a thousand million times if its maker likes, and while
that is worked out nothing else in the process runs. The child does it in its own time, five seconds of it. What comes back is plain:
certificates as DER, the key as PKCS#8, checked.
"""
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

from app.certificates.signer import Wrong, checked_key, read_certificate, read_key, read_wwdr
from app.text import N_

ROOT = Path(__file__).parents[2]
CHILD = "import sys; sys.path.insert(0, sys.argv[1]); from app.certificates.opening import main; main()"
MEMORY, CPU_SECONDS = 512 * 1024 * 1024, 5
SECONDS = 20.0          # on the clock, beside the child's own limit on its processor's time


@dataclass(frozen=True, slots=True)
class Upload:
    """Files as they were sent, b"" for one that was not. certificate: PEM, DER or PKCS#12 (which holds the key too); key: PEM or DER."""

    certificate: bytes = field(repr=False)
    key: bytes = field(default=b"", repr=False)
    wwdr: bytes = field(default=b"", repr=False)
    password: str = field(default="", repr=False)


class Opened(msgspec.Struct, tag=True, forbid_unknown_fields=True):
    """certificate, others (that came in the same file), wwdr: DER; key: PKCS#8 DER in the clear. wwdr, key: None where none was sent."""

    certificate: bytes
    key: bytes | None
    others: list[bytes]
    wwdr: bytes | None


class Told(msgspec.Struct, tag=True, forbid_unknown_fields=True):
    """What the child found wrong."""

    field: str
    sentence: str
    params: dict[str, Any]


def opened(upload: Upload) -> Opened:
    """The files, read in a child; blocks, so use a thread. Raises Wrong, also where the child went beyond its limits."""
    try:
        done = subprocess.run([sys.executable, "-I", "-c", CHILD, str(ROOT)], input=msgspec.json.encode(upload), capture_output=True,
                              env={}, timeout=SECONDS, check=False)
        answer = msgspec.json.decode(done.stdout, type=Opened | Told) if done.returncode == 0 else None
    except (subprocess.TimeoutExpired, BrokenPipeError, msgspec.DecodeError):
        answer = None
    if answer is None:
        raise Wrong("certificate", N_("These files cannot be read in a few seconds. Export them anew, as Apple’s portal or Keychain Access "
                                      "makes them."))
    if isinstance(answer, Told):
        raise Wrong(answer.field, answer.sentence, **answer.params)
    return answer


def main() -> None:
    """The child: from standard input to standard output."""
    import resource

    for what, most in ((resource.RLIMIT_CPU, CPU_SECONDS), (resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(what, (most, most))
    upload = msgspec.json.decode(sys.stdin.buffer.read(), type=Upload)
    try:
        answer: Opened | Told = read_files(upload)
    except Wrong as wrong:
        answer = Told(wrong.field, wrong.sentence, wrong.params)
    sys.stdout.buffer.write(msgspec.json.encode(answer))


def read_files(upload: Upload) -> Opened:
    """What the child does, without its limits. Raises Wrong."""
    certificate, key, others = _certificate(upload)
    if key is None and upload.key:
        key = read_key(upload.key, upload.password or None)
    wwdr = read_wwdr(upload.wwdr) if upload.wwdr else None
    return Opened(_der(certificate), key_der(key) if key else None, [_der(each) for each in others], _der(wwdr) if wwdr else None)


def _certificate(upload: Upload) -> tuple[x509.Certificate, rsa.RSAPrivateKey | None, list[x509.Certificate]]:
    """Certificate, the key that came in the same file, and further certificates of it."""
    if not upload.certificate:
        raise Wrong("certificate", N_("Choose the certificate that Apple made: a file such as pass.cer."))
    if b"-----BEGIN" in upload.certificate:
        return read_certificate(upload.certificate), None, []
    try:
        return x509.load_der_x509_certificate(upload.certificate), None, []
    except ValueError:
        return _unpacked(upload)


def _unpacked(upload: Upload) -> tuple[x509.Certificate, rsa.RSAPrivateKey | None, list[x509.Certificate]]:
    """A PKCS#12 file, as Keychain exports it (.p12)."""
    try:
        key, certificate, others = pkcs12.load_key_and_certificates(upload.certificate, upload.password.encode() or None)
    except ValueError as error:
        if "password" in str(error).lower():
            raise Wrong("password", N_("The password does not open this .p12 file. Type the one that it was exported with.")) from None
        return read_certificate(upload.certificate), None, []
    if certificate is None or key is None:
        raise Wrong("certificate", N_("This .p12 file lacks the certificate or its key. Export both together: in Keychain Access, "
                                      "choose the certificate with its key below it."))
    return certificate, checked_key(key), others


def key_der(key: rsa.RSAPrivateKey) -> bytes:
    """PKCS#8, in the clear: to be sealed at once."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)
