"""Verifies a pass's signature: the structure (RFC 5652), the chain up to the trusted root, the signed attributes, the key."""
import hashlib
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from app.certificates import der
from app.passes.check_rules import BadPass, need

DATA, SIGNED_DATA = der.oid("1.2.840.113549.1.7.1"), der.oid("1.2.840.113549.1.7.2")
CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME = (der.oid(f"1.2.840.113549.1.9.{number}") for number in (3, 4, 5))
SHA256 = der.oid("2.16.840.1.101.3.4.2.1")
_Kind = TypeVar("_Kind", bound=x509.ExtensionType)
PASS_SIGNING = x509.ObjectIdentifier("1.2.840.113635.100.4.14")


class Signature(NamedTuple):
    """Who signed, by the certificate's subject, and when."""

    uid: str
    unit: str
    signed_at: datetime


class _SignerInfo(NamedTuple):
    identifier: bytes
    attributes: bytes
    signature: bytes


def check_signature(signature: bytes, manifest: bytes, root_pem: bytes | None) -> Signature:
    """Verify `signature` (DER) over the exact bytes of `manifest`. Raises BadPass with the first thing that is wrong.

    root_pem None: the chain is walked as far as the enclosed intermediate, which is then taken on trust.
    """
    need(bool(signature), "The signature is empty.")
    try:
        certificates, signer = _read(signature)
        attributes = _attributes(signer.attributes)
        signed_at = datetime.strptime(attributes[SIGNING_TIME].decode(), "%y%m%d%H%M%SZ").replace(tzinfo=UTC)
    except (ValueError, IndexError) as problem:
        raise problem if isinstance(problem, BadPass) else BadPass(f"The signature is not a readable CMS structure: {problem}.") from None
    need(attributes[CONTENT_TYPE] == DATA[2:], "The signed content type is not plain data.")
    need(attributes[MESSAGE_DIGEST] == hashlib.sha256(manifest).digest(), "The manifest was changed after it was signed.")
    leaf = _check_chain(certificates, signer.identifier, x509.load_pem_x509_certificate(root_pem) if root_pem else None, signed_at)
    key = leaf.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise BadPass("The pass certificate has no RSA key.")
    try:
        key.verify(signer.signature, der.tlv(der.SET, signer.attributes), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise BadPass("The signature was not made with the pass certificate's key.") from None
    return Signature(_named(leaf, NameOID.USER_ID), _named(leaf, NameOID.ORGANIZATIONAL_UNIT_NAME), signed_at)


def _read(signature: bytes) -> tuple[list[x509.Certificate], _SignerInfo]:
    [outer] = der.read(signature)
    kind, wrapped = der.read(outer.content)
    need(kind.whole == SIGNED_DATA, "The signature is not CMS SignedData.")
    [content] = der.read(wrapped.content)
    _, _, enclosed, *rest = der.read(content.content)
    parts = der.read(enclosed.content)
    need(parts[0].whole == DATA and len(parts) == 1, "The signature contains the manifest; it must be detached.")
    need(len(rest) == 2 and rest[0].tag == der.CONTEXT_0, "The signature encloses no certificates.")
    certificates = [x509.load_der_x509_certificate(each.whole) for each in der.read(rest[0].content)]
    signers = der.read(rest[1].content)
    need(len(signers) == 1, f"The signature has {len(signers)} signers instead of one.")
    fields = der.read(signers[0].content)
    _, identifier, digest, attributes, *_, value = fields
    need(attributes.tag == der.CONTEXT_0 and len(fields) == 6, "Signature must contain a signing date: it has no signed attributes.")
    need(der.read(digest.content)[0].whole == SHA256, "The digest is not SHA-256.")
    return certificates, _SignerInfo(identifier.whole, attributes.content, value.content)


def _attributes(content: bytes) -> dict[bytes, bytes]:
    """Type → content of the one value, for each signed attribute."""
    found = {}
    values = der.read(content)
    for attribute in values:
        kind, held = der.read(attribute.content)
        [value] = der.read(held.content)
        need(kind.whole not in found, "A signed attribute stands twice.")
        found[kind.whole] = value.content
    need(SIGNING_TIME in found, "Signature must contain a signing date.")
    need(CONTENT_TYPE in found and MESSAGE_DIGEST in found, "The signature lacks the digest or the content type.")
    need([value.whole for value in values] == sorted(value.whole for value in values), "The signed attributes are not in DER order.")
    return found


def _check_chain(certificates: list[x509.Certificate], identifier: bytes, root: x509.Certificate | None, at: datetime) -> x509.Certificate:
    """The signer's certificate, having walked from it to `root`, each link valid `at` that time."""
    leaves = [each for each in certificates if _identifier(each) == identifier]
    need(len(leaves) == 1, "The signer's certificate is not in the signature.")
    [leaf] = leaves
    others = [each for each in certificates if each is not leaf and each != root]
    need(len(certificates) == 2 and len(others) == 1, "The signature must enclose the pass certificate and WWDR, and nothing else.")
    [wwdr] = others
    links = [(leaf, wwdr, "pass certificate")] + ([(wwdr, root, "WWDR certificate")] if root else [])
    for child, parent, name in links:
        need(_issued_by(child, parent) and _is_authority(parent), f"The {name} comes from another issuer.")
        try:
            child.verify_directly_issued_by(parent)
        except (ValueError, TypeError, InvalidSignature):
            raise BadPass(f"The {name} was not signed by its issuer.") from None
        need(child.not_valid_before_utc <= at <= child.not_valid_after_utc, f"The {name} was not valid at the signing time.")
    usage = _extension(leaf, x509.ExtendedKeyUsage)
    need(usage is not None and PASS_SIGNING in usage, "The certificate is not meant for signing passes.")
    return leaf


def _identifier(certificate: x509.Certificate) -> bytes:
    """IssuerAndSerialNumber as the certificate's own bytes have it."""
    [outer] = der.read(certificate.public_bytes(Encoding.DER))
    fields = [field for field in der.read(der.read(outer.content)[0].content) if field.tag != der.CONTEXT_0]
    return der.tlv(der.SEQUENCE, fields[2].whole + fields[0].whole)


def _is_authority(certificate: x509.Certificate) -> bool:
    held = _extension(certificate, x509.BasicConstraints)
    return held is not None and held.ca


def _issued_by(child: x509.Certificate, parent: x509.Certificate) -> bool:
    """Whether the key identifiers agree; names alone do not tell Apple's generations apart."""
    authority, subject = _extension(child, x509.AuthorityKeyIdentifier), _extension(parent, x509.SubjectKeyIdentifier)
    return authority is not None and subject is not None and authority.key_identifier == subject.digest


def _extension(certificate: x509.Certificate, kind: type[_Kind]) -> _Kind | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _named(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    return next((str(part.value) for part in certificate.subject.get_attributes_for_oid(oid)), "")
