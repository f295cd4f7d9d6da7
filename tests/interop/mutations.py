"""The 24 ways to spoil a pass that makers and readers of passes were tried with: who notices which is known, ours must notice all."""
import copy
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder

from app.certificates.signer import PassSigner
from app.demo.certificates import DemoCertificates
from tests.interop.gallery import NOON, files_of, packed, sha1

GENERATOR, PASS_JS = "passkit-generator", "pass-js"
BOTH = {GENERATOR, PASS_JS}
Files = dict[str, bytes]


class Mutation(NamedTuple):
    """said: a part of our checker's sentence; noticed: which of the others notice it too."""

    name: str
    said: str
    noticed: set[str]
    spoil: Callable[[Files, DemoCertificates], Files]


def on_card(change: Callable[[dict[str, Any]], object]) -> Callable[[Files, DemoCertificates], Files]:
    """A change of pass.json, with a manifest and a signature that fit it."""
    def spoil(files: Files, certificates: DemoCertificates) -> Files:
        card = json.loads(files["pass.json"])
        change(card)
        return sealed({**files, "pass.json": json.dumps(card).encode()}, certificates)
    return spoil


def sealed(files: Files, certificates: DemoCertificates) -> Files:
    """The files with a manifest and a signature that fit them."""
    manifest = manifest_of(files)
    signer = PassSigner.load(certificates.certificate.read_bytes(), certificates.key.read_bytes(), None, certificates.wwdr.read_bytes())
    return {**files, "manifest.json": manifest, "signature": signer.sign(manifest, NOON)}


def manifest_of(files: Files) -> bytes:
    return json.dumps({name: sha1(content) for name, content in files.items() if name not in ("manifest.json", "signature")}).encode()


def signed_otherwise(files: Files, certificates: DemoCertificates, options: tuple[PKCS7Options, ...] = (), with_wwdr: bool = True) -> Files:
    """Signed as a library does that was told too little; it asks the machine what time it is."""
    builder = PKCS7SignatureBuilder().set_data(files["manifest.json"]).add_signer(
        x509.load_pem_x509_certificate(certificates.certificate.read_bytes()),
        load_pem_private_key(certificates.key.read_bytes(), None), hashes.SHA256())
    if with_wwdr:
        builder = builder.add_certificate(x509.load_pem_x509_certificate(certificates.wwdr.read_bytes()))
    return {**files, "signature": builder.sign(Encoding.DER, [PKCS7Options.DetachedSignature, PKCS7Options.Binary, *options])}


def header(card: dict[str, Any]) -> dict[str, Any]:
    return card["storeCard"]["headerFields"][0]


def locations(count: int) -> list[dict[str, float]]:
    return [{"latitude": 1.0, "longitude": float(number)} for number in range(count)]


MUTATIONS = [
    Mutation("unknown top-level key", "the key loyalty", {GENERATOR}, on_card(lambda card: card.update(loyalty=True))),
    Mutation("unknown field key", "has the key colour", {GENERATOR}, on_card(lambda card: header(card).update(colour="red"))),
    Mutation("field value missing", "has no value", BOTH, on_card(lambda card: header(card).pop("value"))),
    Mutation("field value null", "value is null", {GENERATOR}, on_card(lambda card: header(card).update(value=None))),
    Mutation("token < 16", "shorter than 16", BOTH, on_card(lambda card: card.update(authenticationToken="short"))),
    Mutation("bad colour", "is not written as rgb", BOTH, on_card(lambda card: card.update(backgroundColor="rgb(255-255-255)"))),
    Mutation("non-ISO date", "expirationDate is not a date", BOTH, on_card(lambda card: card.update(expirationDate="next Tuesday"))),
    Mutation("bad barcode format", "format that does not exist", BOTH, on_card(lambda card: card["barcodes"][0].update(format="QR"))),
    Mutation("no messageEncoding", "needs format, message", {PASS_JS}, on_card(lambda card: card["barcodes"][0].pop("messageEncoding"))),
    Mutation("description missing", "lacks description", {PASS_JS}, on_card(lambda card: card.pop("description"))),
    Mutation("serial missing", "lacks serialNumber", {PASS_JS}, on_card(lambda card: card.pop("serialNumber"))),
    Mutation("icon missing", "icon.png is missing", {PASS_JS}, lambda files, made: sealed(
        {name: content for name, content in files.items() if not name.startswith("icon")}, made)),
    Mutation("empty changeMessage", "without %@", {GENERATOR}, on_card(lambda card: header(card).update(changeMessage=""))),
    Mutation("deprecated barcode", "the key barcode", {GENERATOR}, on_card(lambda card: card.update(barcode=card["barcodes"][0]))),
    Mutation("duplicate field keys", "Two fields have the key", set(), on_card(
        lambda card: card["storeCard"]["backFields"].append(copy.deepcopy(card["storeCard"]["backFields"][0])))),
    Mutation("two styles", "this one has 2", set(), on_card(lambda card: card.update(coupon={}))),
    Mutation("11 locations", "more than ten places", set(), on_card(lambda card: card.update(locations=locations(11)))),
    Mutation("date without zone", "hours, minutes and a zone", set(), on_card(
        lambda card: card.update(expirationDate="2027-01-01T12:00:00"))),
    Mutation("currencyCode on a string", "formats a number", set(), on_card(
        lambda card: header(card).update(value="320", currencyCode="RUB") or header(card).pop("numberStyle", None))),
    Mutation("hash", "hash of icon.png", set(), lambda files, made: {**files, "icon.png": files["icon@2x.png"]}),
    Mutation("unlisted file", "No entry in the manifest", set(), lambda files, made: {**files, "logo@9x.png": b"x"}),
    Mutation("no WWDR", "must enclose the pass certificate and WWDR", set(), lambda files, made: signed_otherwise(
        files, made, with_wwdr=False)),
    Mutation("no signingTime", "must contain a signing date", set(), lambda files, made: signed_otherwise(
        files, made, (PKCS7Options.NoAttributes,))),
    Mutation("wrong UID", "certificate's UID", set(), on_card(lambda card: card.update(passTypeIdentifier="pass.of.others"))),
]


def mutated(data: bytes, certificates: DemoCertificates) -> Mapping[str, bytes]:
    """Mutation's name → the pass spoiled in that way."""
    return {each.name: packed(each.spoil(files_of(data), certificates)) for each in MUTATIONS}
