"""The certificate that signs passes: read once, checked against the identifiers and Apple's intermediate, then only used.

Reading a key costs 36 ms, a hundred and forty signatures' worth, so it happens when settings or an upload are read and never
per pass. What is wrong is said in a sentence that names the way out; a phone refuses a wrong pass without any.
"""
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key, load_pem_private_key
from cryptography.x509.oid import NameOID

from app.certificates.cms import Cms
from app.certificates.rules import WARN_DAYS
from app.errors import SettingsError, Unavailable
from app.text import N_


class CertificateExpired(Unavailable):
    """The pass certificate is outside its validity: nothing new can be signed, what was signed goes on working."""

    code = "pass_certificate_expired"
    detail = N_("Wallet passes cannot be made just now: the pass certificate has expired. The operator must replace it.")


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
        that would make a phone refuse the passes. Being expired is no such thing here: the server must start to say so (`findings`).
        """
        certificate = _certificate(certificate_pem, "the pass certificate")
        wwdr = _certificate(wwdr_pem, "the WWDR certificate")
        key = _key(key_pem, password, is_key_checked)
        if key.public_key() != certificate.public_key():
            raise SettingsError("The private key does not belong to the pass certificate. "
                                "Use the key that its signing request was made with.")
        signer = cls(certificate, key, wwdr)
        _check_identifiers(signer, pass_type_identifier, team_identifier)
        _check_chain(certificate, wwdr)
        return signer

    @property
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
        raise SettingsError("This is not a Pass Type ID certificate: its subject needs UID=pass.… and OU= the team. "
                            "Certificates of apps and of Merchant IDs do not sign passes.")
    if pass_type_identifier is not None and pass_type_identifier != signer.pass_type_identifier:
        raise SettingsError(f"The pass certificate is for {signer.pass_type_identifier} (its UID), but the pass type identifier is set "
                            f"to {pass_type_identifier}. Phones refuse such passes: set the one or replace the other.")
    if team_identifier is not None and team_identifier != signer.team_identifier:
        raise SettingsError(f"The pass certificate belongs to team {signer.team_identifier} (its OU), but the team identifier is set "
                            f"to {team_identifier}. Phones refuse such passes: set the one or replace the other.")


def _check_chain(certificate: x509.Certificate, wwdr: x509.Certificate) -> None:
    """The intermediate must be the generation that issued the certificate: G4 today, and nothing but the key identifiers tells surely."""
    generation = next((str(unit.value) for unit in certificate.issuer.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)), "unknown")
    try:
        authority = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        subject = wwdr.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.key_identifier
        if authority == subject:
            certificate.verify_directly_issued_by(wwdr)
            return
    except (x509.ExtensionNotFound, ValueError, TypeError, InvalidSignature):
        pass    # all of them mean what the sentence below says
    raise SettingsError(f"The WWDR certificate did not issue the pass certificate, whose issuer is generation {generation}. "
                        f"Download the WWDR certificate of generation {generation} from Apple's certificate authority page.")


def _named(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    return next((str(part.value) for part in certificate.subject.get_attributes_for_oid(oid)), "")


def _certificate(content: bytes, name: str) -> x509.Certificate:
    try:
        if b"-----BEGIN" in content:
            return x509.load_pem_x509_certificate(content)
        return x509.load_der_x509_certificate(content)
    except ValueError:
        raise SettingsError(f"Reading {name} failed: it must be a certificate, as PEM text or as the .cer file from Apple.") from None


def _key(content: bytes, password: str | None, is_checked: bool) -> rsa.RSAPrivateKey:
    load = load_pem_private_key if b"-----BEGIN" in content else load_der_private_key
    try:
        key = load(content, password.encode() if password else None, unsafe_skip_rsa_key_validation=is_checked)
    except TypeError:
        raise SettingsError("The private key of the pass certificate is encrypted and no password is set." if not password else
                            "A password is set for the private key of the pass certificate, but the key is not encrypted.") from None
    except ValueError:
        raise SettingsError("Reading the private key of the pass certificate failed: "
                            "the password is wrong or the file is not a key.") from None
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < 2048:
        raise SettingsError("The pass certificate needs an RSA key of 2048 bits: Apple issues no other. "
                            "Make the signing request again.")
    return key
