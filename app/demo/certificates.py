"""Certificates that stand in for Apple's, so that everything can be tried without an account.

A root of our own, an intermediate in the place of Apple's WWDR G4, a pass certificate with the subject and the extensions that
Apple writes (reference: Apple, "Pass Type ID certificate"; the OIDs are Apple's own), and a server certificate for the APNs that
demo mode runs itself. No phone trusts them, which is the point: nothing made with them can be mistaken for the real thing.
"""
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PASS_SIGNING = x509.ObjectIdentifier("1.2.840.113635.100.4.14")      # extended key usage of a pass certificate
PASS_TYPE = x509.ObjectIdentifier("1.2.840.113635.100.6.1.16")       # extension that repeats the pass type identifier
YEAR = timedelta(days=365)

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class DemoCertificates:
    """Where the files lie: certificates are PEM, keys are unencrypted PKCS#8 PEM that only their owner may read (0600)."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "root.pem"

    @property
    def wwdr(self) -> Path:
        return self.folder / "wwdr.pem"

    @property
    def certificate(self) -> Path:
        return self.folder / "pass.pem"

    @property
    def key(self) -> Path:
        return self.folder / "pass.key"

    @property
    def apns(self) -> Path:
        return self.folder / "apns.pem"

    @property
    def apns_key(self) -> Path:
        return self.folder / "apns.key"

    def exist(self) -> bool:
        """Whether every file is there, so that a second start keeps them."""
        return all(path.exists() for path in (self.root, self.wwdr, self.certificate, self.key, self.apns, self.apns_key))


class _Issued(NamedTuple):
    certificate: x509.Certificate
    key: PrivateKey


def make_demo_certificates(folder: Path, *, pass_type_identifier: str, team_identifier: str, now: datetime,
                           subject_uid: str | None = None, subject_ou: str | None = None, elliptic: bool = False,
                           others: Mapping[str, str] = MappingProxyType({})) -> DemoCertificates:
    """Write root, intermediate, pass and APNs certificates into `folder` (made if missing), replacing what lies there.

    The pass certificate lives from an hour before `now` for a year. `subject_uid` and `subject_ou` put other names into it than the
    identifiers say, `elliptic` gives it a P-256 key: mistakes that operators make, for the tests that they are noticed.
    others: name → a further pass type of the same team and authorities, written as `name`.pem and `name`.key.
    """
    folder.mkdir(parents=True, exist_ok=True)
    start = now - timedelta(hours=1)
    root = _authority("Tessera Demo Root CA", None, start, path_length=1)
    wwdr = _authority("Tessera Demo Worldwide Developer Relations CA", root, start, path_length=0)
    key = ec.generate_private_key(ec.SECP256R1()) if elliptic else _new_key()
    leaf = _pass_certificate(wwdr, key, subject_uid or pass_type_identifier, subject_ou or team_identifier, start)
    apns = _server_certificate(root, start)
    files = DemoCertificates(folder)
    for name, identifier in others.items():
        other = _pass_certificate(wwdr, _new_key(), identifier, team_identifier, start)
        _write(folder / f"{name}.pem", other.certificate.public_bytes(serialization.Encoding.PEM), 0o644)
        _write(folder / f"{name}.key", _key_pem(other.key), 0o600)
    for path, issued in ((files.root, root), (files.wwdr, wwdr), (files.certificate, leaf), (files.apns, apns)):
        _write(path, issued.certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    for path, issued in ((files.key, leaf), (files.apns_key, apns)):
        _write(path, _key_pem(issued.key), 0o600)
    return files


def _authority(common_name: str, parent: _Issued | None, start: datetime, path_length: int) -> _Issued:
    unit = "G4" if parent else "Certification Authority"
    subject = _name(CN=common_name, OU=unit, O="Tessera Demo", C="US")
    usage = _key_usage(key_cert_sign=True, crl_sign=True)
    extensions = [(x509.BasicConstraints(ca=True, path_length=path_length), True), (usage, True)]
    return _issue(subject, _new_key(), parent, start, 10 * YEAR, extensions)


def _pass_certificate(issuer: _Issued, key: PrivateKey, pass_type: str, unit: str, start: datetime) -> _Issued:
    subject = _name(UID=pass_type, CN=f"Pass Type ID: {pass_type}", OU=unit, O="Tessera Demo", C="US")
    encoded = pass_type.encode()
    assert len(encoded) < 128
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_key_usage(digital_signature=True), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, PASS_SIGNING]), False),
        (x509.UnrecognizedExtension(PASS_TYPE, bytes((12, len(encoded))) + encoded), False),   # a DER UTF8String
    ]
    return _issue(subject, key, issuer, start, YEAR + timedelta(hours=1), extensions)


def _server_certificate(issuer: _Issued, start: datetime) -> _Issued:
    names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
                                     x509.IPAddress(ipaddress.ip_address("::1"))]
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_key_usage(digital_signature=True), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectAlternativeName(names), False),
    ]
    return _issue(_name(CN="Tessera demo APNs", O="Tessera Demo", C="US"), _new_key(), issuer, start, YEAR, extensions)


def _issue(subject: x509.Name, key: PrivateKey, issuer: _Issued | None, start: datetime, life: timedelta,
           extensions: list[tuple[x509.ExtensionType, bool]]) -> _Issued:
    """Sign a certificate; without an issuer it signs itself. Every one carries key identifiers, by which a chain is recognised."""
    signing_key = issuer.key if issuer else key
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer.certificate.subject if issuer else subject)
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(start).not_valid_after(start + life)
               .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
               .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return _Issued(builder.sign(signing_key, hashes.SHA256()), key)


def _name(**parts: str) -> x509.Name:
    oids = {"UID": NameOID.USER_ID, "CN": NameOID.COMMON_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
            "O": NameOID.ORGANIZATION_NAME, "C": NameOID.COUNTRY_NAME}
    return x509.Name([x509.NameAttribute(oids[part], value) for part, value in parts.items()])


def _key_usage(digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(digital_signature=digital_signature, key_cert_sign=key_cert_sign, crl_sign=crl_sign, content_commitment=False,
                         key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False)


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _key_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _write(path: Path, content: bytes, mode: int) -> None:
    # Unlinked first: the mode of an existing file would stay as it was.
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
