"""What a business uploads: certificate, key and intermediate in whichever form they come, put together and checked.

Nothing here awaits; it takes a tenth of a second (the key's primes are checked), so callers use a thread.
"""
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key, pkcs12
from cryptography.x509.oid import NameOID

from app.certificates.signer import PassSigner, Wrong, checked_key, generation_of, is_issuer, read_certificate, read_key, read_wwdr
from app.text import N_

KEY_BITS = 2048             # what Apple's portal asks for, and what phones verify


@dataclass(frozen=True, slots=True)
class Upload:
    """Files as they were sent, b"" for one that was not. certificate: PEM, DER or PKCS#12 (which holds the key too); key: PEM or DER."""

    certificate: bytes = field(repr=False)
    key: bytes = field(default=b"", repr=False)
    wwdr: bytes = field(default=b"", repr=False)
    password: str = field(default="", repr=False)


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
    """Put together what was sent with what is here, and check it. Raises Wrong with a sentence for the first thing that is wrong."""
    certificate, key, others = _opened(upload)
    if not key and not upload.key:
        key, request_id = _known(certificate, known_keys)
    else:
        key, request_id = key or read_key(upload.key, upload.password or None), None
    signer = PassSigner.checked(certificate, key, _wwdr(certificate, upload, others, settings_wwdr))
    if now > signer.not_after:
        raise Wrong("certificate", N_("This certificate expired on %(day)s. Make a new one in Apple's portal for the same pass type."),
                    day=signer.not_after.date().isoformat())
    return Read(signer, request_id)


def _opened(upload: Upload) -> tuple[x509.Certificate, rsa.RSAPrivateKey | None, list[x509.Certificate]]:
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


def _known(certificate: x509.Certificate, known_keys: Sequence[KnownKey]) -> tuple[rsa.RSAPrivateKey, int]:
    """The key of a signing request that was made here."""
    for each in known_keys:
        key = load_der_private_key(each.der, None, unsafe_skip_rsa_key_validation=True)
        if isinstance(key, rsa.RSAPrivateKey) and key.public_key() == certificate.public_key():
            return key, each.certificate_id
    raise Wrong("key", N_("The key is missing: no signing request that was made here belongs to this certificate. "
                          "Upload the key beside it, or make a signing request here and have Apple issue a certificate for it."))


def _wwdr(certificate: x509.Certificate, upload: Upload, others: Sequence[x509.Certificate], settings_wwdr: bytes) -> x509.Certificate:
    """The intermediate that issued the certificate: the one sent beside it, else one that is at hand."""
    if upload.wwdr:
        return read_wwdr(upload.wwdr)
    at_hand = [*others, *([read_wwdr(settings_wwdr)] if settings_wwdr else [])]
    for each in at_hand:
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


def key_der(key: rsa.RSAPrivateKey) -> bytes:
    """PKCS#8, in the clear: to be sealed at once."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()
