"""What a business uploads, put together with what is here, and checked. Nothing awaits; it starts a child and takes half a second."""
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from app.certificates import opening
from app.certificates.opening import Opened, Upload, key_der
from app.certificates.signer import PassSigner, Wrong, generation_of, is_issuer, read_key, read_wwdr
from app.text import N_

__all__ = ["KnownKey", "Read", "Upload", "key_der", "new_request", "pem", "read"]

KEY_BITS = 2048             # what Apple's portal asks for, and what phones verify


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key that lies here already. certificate_id: its row; der: PKCS#8."""

    certificate_id: int
    der: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Read:
    """A checked upload. request_id: the row whose signing request it answers, None where the key came with it."""

    signer: PassSigner
    request_id: int | None


def read(upload: Upload, known_keys: Sequence[KnownKey], settings_wwdr: bytes, now: datetime) -> Read:
    """Raises Wrong with a sentence for the first thing that is wrong."""
    files = opening.opened(upload)
    certificate, request_id = x509.load_der_x509_certificate(files.certificate), None
    if files.key is None:
        key, request_id = _known(certificate, known_keys)
    else:
        key = read_key(files.key, None, is_checked=True)
    signer = PassSigner.checked(certificate, key, _wwdr(certificate, files, settings_wwdr))
    if now > signer.not_after:
        raise Wrong("certificate", N_("This certificate expired on %(day)s. Make a new one in Apple's portal for the same pass type."),
                    day=signer.not_after.date().isoformat())
    return Read(signer, request_id)


def _known(certificate: x509.Certificate, known_keys: Sequence[KnownKey]) -> tuple[rsa.RSAPrivateKey, int]:
    """The key of a signing request that was made here."""
    for each in known_keys:
        key = read_key(each.der, None, is_checked=True)
        if key.public_key() == certificate.public_key():
            return key, each.certificate_id
    raise Wrong("key", N_("The key is missing: no signing request that was made here belongs to this certificate. "
                          "Upload the key beside it, or make a signing request here and have Apple issue a certificate for it."))


def _wwdr(certificate: x509.Certificate, files: Opened, settings_wwdr: bytes) -> x509.Certificate:
    """The intermediate that issued the certificate: the one sent beside it, else one that is at hand."""
    if files.wwdr is not None:
        return x509.load_der_x509_certificate(files.wwdr)
    at_hand = [x509.load_der_x509_certificate(each) for each in files.others]
    for each in [*at_hand, *([read_wwdr(settings_wwdr)] if settings_wwdr else [])]:
        if is_issuer(each, certificate):
            return each
    raise Wrong("wwdr", N_("Upload the WWDR certificate of generation %(generation)s too; Apple's certificate authority page has it."),
                generation=generation_of(certificate))


def new_request(name: str) -> tuple[str, bytes]:
    """A signing request (PEM) and its fresh key (PKCS#8 DER). name: the business; Apple replaces the subject by its own."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64] or "Tessera")])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return made.public_bytes(Encoding.PEM).decode(), key_der(key)


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()
