"""The `signature` file of a pass: detached CMS SignedData over the bytes of the manifest (RFC 5652; Apple, "Building a Pass").

The whole structure is laid out once per certificate; a signature then fills in three pieces of known length (signing time, digest,
RSA signature) around one `private_key.sign`. That is byte for byte what `PKCS7SignatureBuilder` writes (detached, binary, without
S/MIME capabilities), which is the oracle in the tests, and a fifth less work.
"""
import hashlib
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from app.certificates import der

DATA, SIGNED_DATA = der.oid("1.2.840.113549.1.7.1"), der.oid("1.2.840.113549.1.7.2")
CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME = (der.oid(f"1.2.840.113549.1.9.{number}") for number in (3, 4, 5))
SHA256 = der.tlv(der.SEQUENCE, der.oid("2.16.840.1.101.3.4.2.1") + b"\x05\x00")
RSA_ENCRYPTION = der.tlv(der.SEQUENCE, der.oid("1.2.840.113549.1.1.1") + b"\x05\x00")
VERSION_1 = b"\x02\x01\x01"

TIME_MARK, DIGEST_MARK = b"\xf1" * 13, b"\xf2" * 32


class Cms:
    """Signs with one RSA key; safe to use from several threads."""

    def __init__(self, certificate: x509.Certificate, key: rsa.RSAPrivateKey, chain: list[x509.Certificate]) -> None:
        """chain: the other certificates to enclose (for a pass WWDR, never the root)."""
        self._sign, self._padding, self._hash = key.sign, padding.PKCS1v15(), hashes.SHA256()
        self._stamp = (0, b"")
        signature_mark = b"\xf3" * (key.key_size // 8)
        attributes = _attributes(TIME_MARK, DIGEST_MARK)
        # What is signed carries the tag of a SET, what is sent the tag [0] (RFC 5652, 5.4).
        self._signed = _cut(der.tlv(der.SET, attributes), TIME_MARK, DIGEST_MARK)
        whole = _signed_data(certificate, chain, attributes, signature_mark)
        self._whole = _cut(whole, TIME_MARK, DIGEST_MARK, signature_mark)

    def sign(self, data: bytes, now: datetime) -> bytes:
        """DER of the SignedData over `data`, which it does not contain; `now` (aware, before 2050) becomes the signing time."""
        stamp, digest = self._time(now), hashlib.sha256(data).digest()
        before, between, after = self._signed
        signature = self._sign(b"".join((before, stamp, between, digest, after)), self._padding, self._hash)
        before, between, behind, end = self._whole
        return b"".join((before, stamp, between, digest, behind, signature, end))

    def _time(self, now: datetime) -> bytes:
        second = int(now.timestamp())
        # One tuple, replaced as a whole: another thread never sees the second of one and the text of the other.
        known, text = self._stamp
        if known != second:
            assert now.year < 2050, "UTCTime ends in 2049"
            text = now.astimezone(UTC).strftime("%y%m%d%H%M%SZ").encode()
            self._stamp = (second, text)
        return text


def _attributes(stamp: bytes, digest: bytes) -> bytes:
    """The signed attributes, in DER SET OF order (shorter encodings first): some verifiers refuse any other."""
    return b"".join((
        der.tlv(der.SEQUENCE, CONTENT_TYPE + der.tlv(der.SET, DATA)),
        der.tlv(der.SEQUENCE, SIGNING_TIME + der.tlv(der.SET, der.tlv(der.UTC_TIME, stamp))),
        der.tlv(der.SEQUENCE, MESSAGE_DIGEST + der.tlv(der.SET, der.tlv(der.OCTET_STRING, digest)))))


def _signed_data(certificate: x509.Certificate, chain: list[x509.Certificate], attributes: bytes, signature: bytes) -> bytes:
    signer_info = der.tlv(der.SEQUENCE, b"".join((
        VERSION_1, issuer_and_serial_number(certificate), SHA256, der.tlv(der.CONTEXT_0, attributes), RSA_ENCRYPTION,
        der.tlv(der.OCTET_STRING, signature))))
    certificates = sorted(each.public_bytes(Encoding.DER) for each in (certificate, *chain))
    content = der.tlv(der.SEQUENCE, b"".join((
        VERSION_1, der.tlv(der.SET, SHA256), der.tlv(der.SEQUENCE, DATA), der.tlv(der.CONTEXT_0, b"".join(certificates)),
        der.tlv(der.SET, signer_info))))
    return der.tlv(der.SEQUENCE, SIGNED_DATA + der.tlv(der.CONTEXT_0, content))


def issuer_and_serial_number(certificate: x509.Certificate) -> bytes:
    """How a SignerInfo names its certificate; taken from the certificate's own bytes, so that no string changes its type."""
    [outer] = der.read(certificate.public_bytes(Encoding.DER))
    fields = der.read(der.read(outer.content)[0].content)
    start = 1 if fields[0].tag == der.CONTEXT_0 else 0      # a version is there in all but v1 certificates
    serial_number, _, issuer = fields[start:start + 3]
    return der.tlv(der.SEQUENCE, issuer.whole + serial_number.whole)


def _cut(whole: bytes, *marks: bytes) -> list[bytes]:
    """The pieces between the marks, each of which must stand in `whole` once and in this order."""
    pieces = []
    for mark in marks:
        before, found, whole = whole.partition(mark)
        assert found and mark not in whole, "a mark occurs by chance"
        pieces.append(before)
    return [*pieces, whole]
