"""A stand-in for Apple's certificate authority, whose certificates can have every mistake that files have."""
from datetime import datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from app.certificates.signer import PASS_SIGNING, PASS_TYPE


def key(number: int, bits: int = 2048) -> rsa.RSAPrivateKey:
    """The same key for the same number: making one takes a tenth of a second."""
    return _key(number, bits)


@cache
def _key(number: int, bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def key_pem(number: int, bits: int = 2048) -> bytes:
    return key(number, bits).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def packed(certificate: x509.Certificate, private: rsa.RSAPrivateKey | None, others: list[x509.Certificate], password: str) -> bytes:
    """A .p12 file."""
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
    return pkcs12.serialize_key_and_certificates(b"card", private, certificate, others, BestAvailableEncryption(password.encode()))


def name(**parts: str) -> x509.Name:
    oids = {"UID": NameOID.USER_ID, "CN": NameOID.COMMON_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME}
    return x509.Name([x509.NameAttribute(oids[part], value) for part, value in parts.items()])


class Authority:
    """A root and one intermediate; `generation` is the latter's OU, as Apple writes it."""

    def __init__(self, now: datetime, number: int = 100, generation: str = "G4", days: int = 3650) -> None:
        self.now, self.key = now, key(number)
        above, subject, begins = name(CN="Root"), name(CN="Worldwide Developer Relations", OU=generation), now - timedelta(days=2)
        self.root = self._authority(above, above, key(99).public_key(), begins, days)
        self.certificate = self._authority(subject, above, self.key.public_key(), begins, days)

    def _authority(self, subject: x509.Name, issuer: x509.Name, public: rsa.RSAPublicKey, begins: datetime, days: int) -> x509.Certificate:
        usage = x509.KeyUsage(digital_signature=False, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
                              data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False)
        builder = self._builder(subject, issuer, public, key(99).public_key(), begins, days)
        return builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).add_extension(
            usage, critical=True).sign(key(99), hashes.SHA256())

    def issue(self, public: rsa.RSAPublicKey, uid: str = "pass.coffee.card", team: str = "COFFEE1234", *, days: int = 365,
              start: datetime | None = None, usages: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.CLIENT_AUTH, PASS_SIGNING),
              repeated: str | None = None) -> x509.Certificate:
        """A pass certificate for a key; repeated: what the extension says the pass type is."""
        begins = start or self.now - timedelta(hours=1)
        text = (repeated or uid).encode()
        builder = self._builder(name(UID=uid, OU=team, CN=f"Pass Type ID: {uid}"), self.certificate.subject, public,
                                self.key.public_key(), begins, days)
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        return builder.add_extension(x509.UnrecognizedExtension(PASS_TYPE, bytes((12, len(text))) + text), critical=False).sign(
            self.key, hashes.SHA256())

    def answer(self, request_pem: str, **given) -> x509.Certificate:
        """The certificate for a signing request."""
        return self.issue(x509.load_pem_x509_csr(request_pem.encode()).public_key(), **given)

    @staticmethod
    def _builder(subject, issuer, public, issuers, begins: datetime, days: int) -> x509.CertificateBuilder:
        return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
                .serial_number(x509.random_serial_number()).not_valid_before(begins).not_valid_after(begins + timedelta(days=days))
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
                .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuers), critical=False))
