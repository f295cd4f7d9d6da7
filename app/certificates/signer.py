"""The certificate that signs passes: read once, checked against the identifiers and Apple's intermediate, then only used.

Reading a key costs 36 ms, a hundred and forty signatures' worth, so it happens when settings or an upload are read and never
per pass. What is wrong is said in a sentence that names the way out; a phone refuses a wrong pass without any.
"""
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key, load_pem_private_key
from cryptography.x509.oid import NameOID

from app.certificates.cms import Cms
from app.certificates.rules import WARN_DAYS
from app.errors import SettingsError, Unavailable
from app.text import N_

PASS_SIGNING = x509.ObjectIdentifier("1.2.840.113635.100.4.14")      # extended key usage of a pass certificate
PASS_TYPE = x509.ObjectIdentifier("1.2.840.113635.100.6.1.16")       # extension that repeats the pass type identifier
# Apple's intermediates for other things; G1 ended in 2023. A generation that comes after today's is not refused.
OTHER_GENERATIONS = {"Apple Worldwide Developer Relations", "G2", "G3", "G5", "G6"}


class CertificateExpired(Unavailable):
    """The pass certificate is outside its validity: nothing new can be signed, what was signed goes on working."""

    code = "pass_certificate_expired"
    detail = N_("Wallet passes cannot be made just now: the pass certificate has expired. The operator must replace it.")


class Wrong(SettingsError):
    """A file that would make phones refuse the passes. field: certificate, key, password or wwdr; sentence: an English msgid."""

    def __init__(self, field: str, sentence: str, **params: Any) -> None:
        super().__init__(sentence % params if params else sentence)
        self.field, self.sentence, self.params = field, sentence, params


@dataclass(frozen=True)
class Finding:
    """One line of `doctor`: `wrong` stops passes now, `soon` will stop them, `good` is as it should be."""

    level: Literal["good", "soon", "wrong"]
    sentence: str


class PassSigner:
    """A pass certificate with its key and the intermediate that issued it."""

    def __init__(self, certificate: x509.Certificate, key: rsa.RSAPrivateKey, wwdr: x509.Certificate) -> None:
        self.certificate, self.wwdr = certificate, wwdr
        self.pass_type_identifier = _named(certificate, NameOID.USER_ID)
        self.team_identifier = _named(certificate, NameOID.ORGANIZATIONAL_UNIT_NAME)
        # Whichever of the two ends first: a phone checks both.
        self.not_before = max(certificate.not_valid_before_utc, wwdr.not_valid_before_utc)
        self.not_after = min(certificate.not_valid_after_utc, wwdr.not_valid_after_utc)
        self.key = key
        self._cms = Cms(certificate, key, [wwdr])

    @classmethod
    def load(cls, certificate_pem: bytes, key_pem: bytes, password: str | None, wwdr_pem: bytes, *,
             pass_type_identifier: str | None = None, team_identifier: str | None = None, is_key_checked: bool = False) -> "PassSigner":
        """Read and check the three files (PEM, or DER as Apple's portal hands them out).

        The identifiers, where given, must be those in the certificate. is_key_checked: the key was read before, which spares the
        35 ms of checking its primes. Raises SettingsError with a sentence for the first thing
        that would make a phone refuse the passes: `Wrong`, which can be said in other languages. Being expired is no such thing
        here: the server must start to say so (`findings`).
        """
        certificate = read_certificate(certificate_pem)
        wwdr = read_wwdr(wwdr_pem)
        key = read_key(key_pem, password, is_checked=is_key_checked)
        return cls.checked(certificate, key, wwdr, pass_type_identifier=pass_type_identifier, team_identifier=team_identifier)

    @classmethod
    def checked(cls, certificate: x509.Certificate, key: rsa.RSAPrivateKey, wwdr: x509.Certificate, *,
                pass_type_identifier: str | None = None, team_identifier: str | None = None) -> "PassSigner":
        """The same of what was read already."""
        if key.public_key() != certificate.public_key():
            raise Wrong("key", N_("The private key does not belong to the pass certificate. "
                                  "Use the key that its signing request was made with."))
        signer = cls(certificate, key, wwdr)
        _check_identifiers(signer, pass_type_identifier, team_identifier)
        _check_purpose(signer)
        _check_chain(certificate, wwdr)
        return signer

    @cached_property
    def chain_pem(self) -> bytes:
        """The certificate and its intermediate, as a TLS client shows them."""
        return self.certificate.public_bytes(Encoding.PEM) + self.wwdr.public_bytes(Encoding.PEM)

    def is_valid(self, now: datetime) -> bool:
        """Whether it may sign at `now`."""
        return self.not_before <= now <= self.not_after

    def sign(self, manifest: bytes, now: datetime) -> bytes:
        """The pass's `signature` file. Raises CertificateExpired when `now` is outside the certificate's validity: iOS would refuse it."""
        if not self.is_valid(now):
            raise CertificateExpired
        return self._cms.sign(manifest, now)

    def findings(self, now: datetime) -> list[Finding]:
        """What `doctor` says about this certificate at `now`: its names, its chain, and how long both certificates still live."""
        renew = "Make a new one in Apple's portal for the same pass type; installed passes stay."
        return [Finding("good", f"The pass certificate is for {self.pass_type_identifier}, team {self.team_identifier}, "
                                "and was issued by the WWDR certificate beside it."),
                _life(self.certificate, "pass certificate", renew, now),
                _life(self.wwdr, "WWDR certificate", "Download the current one from Apple's certificate authority page.", now)]


def _life(certificate: x509.Certificate, name: str, advice: str, now: datetime) -> Finding:
    end = certificate.not_valid_after_utc
    on = end.astimezone(UTC).date().isoformat()
    if now < (start := certificate.not_valid_before_utc):
        return Finding("wrong", f"The {name} is not valid yet: it begins on {start.date().isoformat()}. Check the clock.")
    if now > end:
        return Finding("wrong", f"The {name} expired on {on}; no pass can be made or updated. {advice}")
    days = (end - now) // timedelta(days=1)
    left = f"The {name} is valid until {on}, {days} {'day' if days == 1 else 'days'} more."
    return Finding("soon", f"{left} {advice}") if days <= WARN_DAYS[0] else Finding("good", left)


def _check_identifiers(signer: PassSigner, pass_type_identifier: str | None, team_identifier: str | None) -> None:
    if not signer.pass_type_identifier.startswith("pass.") or not signer.team_identifier:
        raise Wrong("certificate", N_("This is not a Pass Type ID certificate: its subject needs UID=pass.… and OU= the team. "
                                      "Certificates of apps and of Merchant IDs do not sign passes."))
    if pass_type_identifier is not None and pass_type_identifier != signer.pass_type_identifier:
        raise Wrong("certificate", N_(
            "The pass certificate is for %(found)s (its UID), but the pass type identifier is set to %(wanted)s. "
            "Phones refuse such passes: set the one or replace the other."), found=signer.pass_type_identifier, wanted=pass_type_identifier)
    if team_identifier is not None and team_identifier != signer.team_identifier:
        raise Wrong("certificate", N_(
            "The pass certificate belongs to team %(found)s (its OU), but the team identifier is set to %(wanted)s. "
            "Phones refuse such passes: set the one or replace the other."), found=signer.team_identifier, wanted=team_identifier)


def _check_purpose(signer: PassSigner) -> None:
    """Where the certificate says what it is for, it must be for signing passes, and of the type that its subject names."""
    extensions = signer.certificate.extensions
    try:
        usages = list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        usages = [PASS_SIGNING]
    if PASS_SIGNING not in usages:
        raise Wrong("certificate", N_("Apple did not issue this certificate for signing passes. "
                                      "Make one under Certificates, “Pass Type ID Certificate”."))
    repeated = [each.value.value for each in extensions if each.oid == PASS_TYPE and isinstance(each.value, x509.UnrecognizedExtension)]
    if repeated and signer.pass_type_identifier.encode() not in repeated[0]:
        raise Wrong("certificate", N_("The certificate names two pass types: its subject says %(found)s, its extension another. "
                                      "Phones refuse such passes; make the certificate again."), found=signer.pass_type_identifier)


def _check_chain(certificate: x509.Certificate, wwdr: x509.Certificate) -> None:
    """The intermediate must be the generation that issued the certificate: G4 today, and nothing but the key identifiers tells surely."""
    generation = generation_of(certificate)
    if generation in OTHER_GENERATIONS:
        raise Wrong("certificate", N_("The certificate was issued by Apple's generation %(generation)s, which is not for passes. "
                                      "Make a Pass Type ID certificate; Apple issues it under G4."), generation=generation)
    if not is_issuer(wwdr, certificate):
        raise Wrong("wwdr", N_(
            "The WWDR certificate did not issue the pass certificate, whose issuer is generation %(generation)s. "
            "Download the WWDR certificate of generation %(generation)s from Apple's certificate authority page."), generation=generation)


def generation_of(certificate: x509.Certificate) -> str:
    """The generation of Apple's intermediate that issued it, as its issuer's OU says: "G4"."""
    units = certificate.issuer.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    return str(units[0].value) if units else "unknown"


def is_issuer(wwdr: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Whether the one issued the other: by key identifiers, then by signature."""
    try:
        authority = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        subject = wwdr.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.key_identifier
        if authority != subject:
            return False
        certificate.verify_directly_issued_by(wwdr)
    except (x509.ExtensionNotFound, ValueError, TypeError, InvalidSignature):
        return False
    return True


def _named(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    return next((str(part.value) for part in certificate.subject.get_attributes_for_oid(oid)), "")


def read_certificate(content: bytes) -> x509.Certificate:
    """PEM or DER. Raises Wrong."""
    try:
        return _certificate(content)
    except ValueError:
        raise Wrong("certificate", N_("Reading the pass certificate failed: it must be a certificate, as PEM text or as the .cer file "
                                      "from Apple.")) from None


def read_wwdr(content: bytes) -> x509.Certificate:
    """PEM or DER. Raises Wrong."""
    try:
        return _certificate(content)
    except ValueError:
        raise Wrong("wwdr", N_("Reading the WWDR certificate failed: it must be a certificate, as PEM text or as the .cer file "
                               "from Apple.")) from None


def _certificate(content: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(content) if b"-----BEGIN" in content else x509.load_der_x509_certificate(content)


def read_key(content: bytes, password: str | None, *, is_checked: bool = False) -> rsa.RSAPrivateKey:
    """PEM or DER. Raises Wrong, which never repeats the password."""
    load = load_pem_private_key if b"-----BEGIN" in content else load_der_private_key
    try:
        key = load(content, password.encode() if password else None, unsafe_skip_rsa_key_validation=is_checked)
    except TypeError:
        if not password:
            raise Wrong("password", N_("The private key of the pass certificate is encrypted and no password is set.")) from None
        raise Wrong("password", N_("A password is set for the private key of the pass certificate, but the key is not "
                                   "encrypted.")) from None
    except (ValueError, UnsupportedAlgorithm):
        raise Wrong("key", N_("Reading the private key of the pass certificate failed: "
                              "the password is wrong or the file is not a key.")) from None
    return checked_key(key)


def checked_key(key: object) -> rsa.RSAPrivateKey:
    """Raises Wrong for anything but an RSA key of 2048 bits; of more only as many as sign in a moment."""
    if not isinstance(key, rsa.RSAPrivateKey) or not 2048 <= key.key_size <= 4096:
        raise Wrong("key", N_("The pass certificate needs an RSA key of 2048 bits: Apple issues no other. "
                              "Make the signing request again."))
    return key
