"""The strict checker notices every defect that we can make: each test spoils one good pass in one way."""
import copy
import hashlib
import io
import json
import struct
import zipfile
import zlib
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder

from app.certificates import cms
from app.certificates.cms import Cms
from app.certificates.signer import PassSigner
from app.demo.certificates import make_demo_certificates
from app.passes.bundle import Bundle
from app.passes.check import BadPass, check_pkpass
from tests.passes.conftest import CARD, NOON, PASS_TYPE, TEAM


class Unsigned:
    """A signer that leaves the signature to the test."""

    def __init__(self, signature=b""):
        self.signature = signature

    def sign(self, manifest, now):
        return self.signature(manifest) if callable(self.signature) else self.signature


@pytest.fixture(scope="session")
def files(design):
    """The design's pictures and words, to be bundled anew."""
    archive = zipfile.ZipFile(io.BytesIO(design.bundle.build(b"{}", Unsigned(), NOON)))
    return {name: archive.read(name) for name in archive.namelist() if name not in ("pass.json", "manifest.json", "signature")}


@pytest.fixture(scope="session")
def card(design):
    return json.loads(design.pass_json(CARD))


@pytest.fixture
def refused(demo, signer, files, card):
    """Asserts that a pass of these parts, signed properly, is refused with these words."""
    def refuse(said, *, changed=None, files=files, signer=signer, raw=None, **expected):
        text = raw if raw is not None else json.dumps(changed if changed is not None else card, ensure_ascii=False).encode()
        with pytest.raises(BadPass, match=said):
            check_pkpass(Bundle(files).build(text, signer, NOON), root_pem=demo.root.read_bytes(), **expected)
    return refuse


def spoiled(card, path, value):
    """A copy of `card` with `value` at `path` (keys and indexes), or without the last of them when the value is absent."""
    whole = copy.deepcopy(card)
    at = whole
    for step in path[:-1]:
        at = at[step]
    if value is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return whole


def test_the_unspoiled_pass_is_accepted(demo, signer, files, card):
    contents = check_pkpass(Bundle(files).build(json.dumps(card).encode(), signer, NOON), root_pem=demo.root.read_bytes(), now=NOON,
                            pass_type_identifier=PASS_TYPE, team_identifier=TEAM, serial_number=CARD.serial_number,
                            authentication_token=CARD.authentication_token)
    assert contents.card == card
    assert contents.field("points")["value"] == 320


POINTS, WORTH = ("storeCard", "headerFields", 0), ("storeCard", "primaryFields", 0)
DEFECTS = [
    # a key missing, null or unknown
    *[(key, ((key,), ...), f"lacks {key}") for key in ("formatVersion", "passTypeIdentifier", "teamIdentifier", "serialNumber",
                                                       "organizationName", "description", "barcodes")],
    ("description null", (("description",), None), "description is null"),
    ("description empty", (("description",), " "), "description is not a text"),
    ("unknown top-level key", (("loyalty",), True), "the key loyalty, which"),
    ("event key", (("sellURL",), "https://x.example"), "the key sellURL"),
    ("deprecated barcode", (("barcode",), {}), "the key barcode"),
    ("formatVersion text", (("formatVersion",), "1"), "formatVersion must be the number 1"),
    # identifiers
    ("serial with a slash", (("serialNumber",), "a/b"), "serialNumber does not fit"),
    ("pass type without pass.", (("passTypeIdentifier",), "com.example"), r"does not begin with pass\."),
    ("team too short", (("teamIdentifier",), "ABC"), "ten letters and digits"),
    ("wrong pass type", (("passTypeIdentifier",), "pass.other"), "certificate's UID is pass.demo"),
    ("wrong team", (("teamIdentifier",), "OTHER12345"), "certificate's OU is DEMO123456"),
    ("token < 16", (("authenticationToken",), "short"), "shorter than 16"),
    ("token without service", (("webServiceURL",), ...), "go together"),
    ("service over http", (("webServiceURL",), "http://cards.example.com/apple/x1"), "is not https"),
    ("service with a slash at its end", (("webServiceURL",), "https://cards.example.com/"), "without a slash"),
    # styles and fields
    ("two styles", (("coupon",), {}), "this one has 2"),
    ("no style", (("storeCard",), ...), "this one has 0"),
    ("foreign place", (("storeCard", "footerFields"), []), "footerFields is no place"),
    ("field without a key", ((*POINTS, "key"), ...), "has no key"),
    ("field value missing", ((*POINTS, "value"), ...), "points has no value"),
    ("field value null", ((*POINTS, "value"), None), "value is null"),
    ("field value true", ((*POINTS, "value"), True), "neither a text nor a number"),
    ("field label missing", ((*POINTS, "label"), ...), "points has no label"),
    ("unknown field key", ((*POINTS, "colour"), "red"), "points has the key colour"),
    ("empty changeMessage", ((*POINTS, "changeMessage"), ""), "changeMessage without %@"),
    ("second changeMessage", ((*WORTH, "changeMessage"), "%@"), "More than one field has a changeMessage"),
    ("duplicate field keys", ((*WORTH, "key"), "points"), "Two fields have the key points"),
    ("currencyCode on a string", ((*WORTH, "value"), "320 ₽"), "worth formats a number"),
    ("currencyCode and numberStyle", ((*WORTH, "numberStyle"), "PKNumberStyleDecimal"), "both numberStyle and currencyCode"),
    ("currency that is none", ((*WORTH, "currencyCode"), "₽"), "no ISO 4217"),
    ("numberStyle that is none", ((*POINTS, "numberStyle"), "Decimal"), "numberStyle that does not exist"),
    ("alignment on the primary field", ((*WORTH, "textAlignment"), "PKTextAlignmentLeft"), "may not be aligned"),
    ("justified", ((*POINTS, "textAlignment"), "PKTextAlignmentJustified"), "textAlignment that does not exist"),
    ("detectors on the front", ((*POINTS, "dataDetectorTypes"), []), "on the back only"),
    ("detector that is none", (("storeCard", "backFields", 0, "dataDetectorTypes"), ["Link"]), "a kind of data that does not exist"),
    ("markup", (("storeCard", "backFields", 0, "attributedValue"), "<b>x</b>"), "markup other than links"),
    # dates, colours, places
    ("date without zone", (("storeCard", "auxiliaryFields", 1, "value"), "2026-11-30T12:00:00"), "hours, minutes and a zone"),
    ("date that does not exist", (("storeCard", "auxiliaryFields", 1, "value"), "2026-02-30T12:00:00Z"), "does not exist"),
    ("dateStyle alone", (("storeCard", "auxiliaryFields", 1, "timeStyle"), ...), "both dateStyle and timeStyle"),
    ("end without zone", (("expirationDate",), "2026-11-30T12:00:00"), "expirationDate is not a date"),
    ("end that is a day", (("expirationDate",), "2026-11-30"), "expirationDate is not a date"),
    ("colour in hex", (("backgroundColor",), "#0f4546"), r"backgroundColor is not written as rgb"),
    ("colour with dashes", (("labelColor",), "rgb(255-255-255)"), "labelColor is not written"),
    ("colour out of range", (("labelColor",), "rgb(256, 0, 0)"), "labelColor is not written"),
    ("eleven locations", (("locations",), [{"latitude": 1.0, "longitude": 1.0}] * 11), "more than ten"),
    ("place off the Earth", (("locations", 0, "latitude"), 91), "not on Earth"),
    ("place as text", (("locations", 0, "latitude"), "55"), "is not a number"),
    ("voided as text", (("voided",), "true"), "neither true nor false"),
    # barcodes
    ("no barcode", (("barcodes",), []), "barcodes is empty"),
    ("barcode format", (("barcodes", 0, "format"), "QR"), "format that does not exist"),
    ("barcode for iOS 27 only", (("barcodes", 0, "format"), "PKBarcodeFormatEAN13"), "shows nothing before iOS 27"),
    ("no messageEncoding", (("barcodes", 0, "messageEncoding"), ...), "needs format, message, messageEncoding and altText"),
    ("utf-8 barcode", (("barcodes", 0, "messageEncoding"), "utf-8"), "other than iso-8859-1"),
    ("barcode in Cyrillic", (("barcodes", 0, "message"), "карта"), "a scanner cannot type"),
    ("the card number as text", (("barcodes", 0, "altText"), "4729 5810 3647 2919"), "another text than it holds"),
    ("no altText", (("barcodes", 0, "altText"), ...), "needs format, message, messageEncoding and altText"),
]


@pytest.mark.parametrize(("change", "said"), [(change, said) for _, change, said in DEFECTS], ids=[name for name, _, _ in DEFECTS])
def test_a_defect_of_pass_json_is_noticed(refused, card, change, said):
    refused(said, changed=spoiled(card, *change))


def test_four_fields_below_are_too_many(refused, card):
    more = [*card["storeCard"]["secondaryFields"], {"key": "extra", "label": "Extra", "value": "x"}]
    refused("More than three secondary and auxiliary fields", changed=spoiled(card, ("storeCard", "secondaryFields"), more))


def test_two_header_fields_are_too_many(refused, card):
    twice = card["storeCard"]["headerFields"] * 2
    refused("headerFields holds more than 1", changed=spoiled(card, ("storeCard", "headerFields"), twice))


def test_a_service_over_http_is_accepted_on_this_machine_alone(demo, signer, files, card):
    for host in ("127.0.0.1:8000", "localhost", "[::1]:8000"):
        text = json.dumps(spoiled(card, ("webServiceURL",), f"http://{host}/apple/x1")).encode()
        check_pkpass(Bundle(files).build(text, signer, NOON), root_pem=demo.root.read_bytes())


@pytest.mark.parametrize(("raw", "said"), [
    (b'{"a": 1', "not JSON"), (b"\xff", "not JSON in UTF-8"), (b"[]", "not an object"),
    (b'{"formatVersion":1,"formatVersion":1}', "a key twice"),
    (b'{"formatVersion": NaN}', "NaN is not a number")])
def test_a_pass_json_that_is_no_proper_object_is_noticed(refused, raw, said):
    refused(said, raw=raw)


@pytest.mark.parametrize(("key", "value"), [("pass_type_identifier", "pass.x"), ("team_identifier", "X"), ("serial_number", "other"),
                                            ("authentication_token", "t" * 20)])
def test_a_pass_other_than_the_expected_one_is_noticed_without_saying_its_token(refused, key, value):
    refused("is not the expected one: the new pass would not replace the old", **{key: value})


# ---- pictures and words

def png(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * (width + 1) * height)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("name", "content", "said"), [
    ("icon.png", None, "icon.png is missing"), ("icon@3x.png", None, "icon@3x.png is missing"),
    ("icon.png", png(30, 30), "30 × 30 pixels instead of 29 × 29"), ("strip@2x.png", png(750, 246), "instead of 750 × 288"),
    ("logo.png", png(161, 50), "161 × 50"), ("logo@2x.png", b"GIF89a", "not a whole PNG"),
    ("strip.png", png(375, 144)[:-12], "not a whole PNG"),
    ("thumbnail.png", png(90, 90), "no picture of a store card"), ("notes.txt", b"x", "does not belong in a pass")])
def test_a_defect_of_the_pictures_is_noticed(refused, files, name, content, said):
    changed = {**files, name: content} if content is not None else {each: files[each] for each in files if each != name}
    refused(said, files=changed)


@pytest.mark.parametrize(("content", "said"), [
    ("\ufeff".encode() + b'"a" = "b";', "byte order mark"), ('"a" = "b";'.encode("utf-16"), "byte order mark"),
    (b'"a" = "\xff";', "not UTF-8"),
    (b'"a" = "He said "hi"";', "a quote is not escaped"), (b'"a" = "b"', "a semicolon is missing"),
    (b'"a" = "b";\n"a" = "c";', "has a text twice"), (b'"a" = "b";', "do not translate the same texts")])
def test_a_defect_of_the_words_is_noticed(refused, files, content, said):
    refused(said, files={**files, "ru.lproj/pass.strings": content})


# ---- archive and manifest

def rewritten(name, change):
    """A change of one member's bytes, for `rezipped`."""
    return lambda found: [(each, change(body) if each == name else body) for each, body in found]


def rezipped(files, change=lambda found: found):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in change(list(files.items())):
            archive.writestr(name, content)
    return out.getvalue()


@pytest.fixture(scope="session")
def members(files, card, signer):
    archive = zipfile.ZipFile(io.BytesIO(Bundle(files).build(json.dumps(card).encode(), signer, NOON)))
    return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(("change", "said"), [
    (lambda found: [*found, ("extra.png", b"x")], "No entry in the manifest for extra.png"),
    (lambda found: [each for each in found if each[0] != "logo.png"], "lists logo.png, which the archive does not have"),
    (rewritten("pass.json", lambda body: body + b" "), "hash of pass.json is not that of the file"),
    (rewritten("manifest.json", lambda body: body.replace(b"icon", b"ICON")), "No entry in the manifest for icon"),
    (rewritten("manifest.json", lambda body: body + b"\n"), "changed after it was signed"),
    (rewritten("manifest.json", lambda body: b"[]"), "manifest.json is not an object"),
    (lambda found: [each for each in found if each[0] != "signature"], "signature is missing"),
    (lambda found: [each for each in found if each[0] != "manifest.json"], "manifest.json is missing"),
    (rewritten("signature", lambda body: b""), "signature is empty"),
    (lambda found: [(f"card/{name}", body) for name, body in found], "does not lie at the root"),
    (lambda found: [*found, ("en.lproj/", b"")], "has a folder entry"),
    (lambda found: [*found, ("icon.png", b"x")], "in the archive twice"),
    (lambda found: [*found, ("huge.png", b"\0" * 5_000_000)], "5000000 are allowed")])
def test_a_defect_of_the_archive_is_noticed(demo, members, change, said):
    with pytest.raises(BadPass, match=said):
        check_pkpass(rezipped(members, change), root_pem=demo.root.read_bytes())


def test_a_line_of_windows_in_the_manifest_is_noticed(demo, members):
    manifest = members["manifest.json"].replace(b",", b",\n")
    with pytest.raises(BadPass, match="changed after it was signed"):
        check_pkpass(rezipped({**members, "manifest.json": manifest}), root_pem=demo.root.read_bytes())


@pytest.mark.parametrize("data", [b"", b"<html>", b"PK\x03\x04", b"PK\x03\x04" + b"\0" * 100])
def test_what_is_no_archive_is_noticed(demo, data):
    with pytest.raises(BadPass, match=r"ZIP|damaged"):
        check_pkpass(data, root_pem=demo.root.read_bytes())


def test_a_flipped_byte_anywhere_in_the_archive_is_noticed_or_changes_nothing(demo, members, files, card, signer):
    whole = Bundle(files).build(json.dumps(card).encode(), signer, NOON)
    root = demo.root.read_bytes()
    good = check_pkpass(whole, root_pem=root)
    for at in range(0, len(whole), 1499):
        torn = bytearray(whole)
        torn[at] ^= 0x20
        try:
            contents = check_pkpass(bytes(torn), root_pem=root)
        except BadPass:
            continue
        assert contents.card == good.card and dict(contents.files) == dict(good.files)


# ---- signatures

@pytest.fixture(scope="session")
def built_by(demo):
    """A signer of cryptography's builder with other options or certificates."""
    def build(options, certificates=("wwdr",), folder=demo):
        def sign(manifest):
            certificate = x509.load_pem_x509_certificate(folder.certificate.read_bytes())
            builder = PKCS7SignatureBuilder().set_data(manifest).add_signer(
                certificate, load_pem_private_key(folder.key.read_bytes(), None), hashes.SHA256())
            for name in certificates:
                builder = builder.add_certificate(x509.load_pem_x509_certificate(getattr(folder, name).read_bytes()))
            return builder.sign(Encoding.DER, options)
        return Unsigned(sign)
    return build


DETACHED, BINARY = PKCS7Options.DetachedSignature, PKCS7Options.Binary


def test_a_signature_with_the_manifest_inside_is_noticed(refused, built_by):
    refused("must be detached", signer=built_by([BINARY]))


def test_a_signature_without_a_signing_time_is_noticed(refused, built_by):
    refused("must contain a signing date", signer=built_by([DETACHED, BINARY, PKCS7Options.NoAttributes]))


def test_a_signature_without_wwdr_is_noticed(refused, built_by):
    refused("must enclose the pass certificate and WWDR", signer=built_by([DETACHED, BINARY], certificates=()))


def test_a_signature_without_certificates_is_noticed(refused, built_by):
    refused("encloses no certificates|not in the signature", signer=built_by([DETACHED, BINARY, PKCS7Options.NoCerts]))


def test_a_signature_with_the_root_inside_is_noticed(refused, built_by):
    refused("and nothing else", signer=built_by([DETACHED, BINARY], certificates=("wwdr", "root")))


def test_a_signature_over_another_manifest_is_noticed(refused, signer):
    refused("changed after it was signed", signer=Unsigned(signer.sign(b"{}", NOON)))


@pytest.mark.parametrize("signature", [b"\x30\x00", b"rubbish", b"\x30\x82\x00\x05", b"\x02\x01\x01", b"\x30\x03\x06\x01\x00"])
def test_a_signature_that_cannot_be_read_is_noticed(refused, signature):
    refused("not a readable CMS structure|not CMS SignedData", signer=Unsigned(signature))


@pytest.fixture(scope="session")
def strangers(tmp_path_factory):
    """Certificates of the same names from another root."""
    return make_demo_certificates(tmp_path_factory.mktemp("strangers"), pass_type_identifier=PASS_TYPE, team_identifier=TEAM, now=NOON)


def test_a_chain_to_another_root_is_noticed(refused, strangers):
    signer = PassSigner.load(strangers.certificate.read_bytes(), strangers.key.read_bytes(), None, strangers.wwdr.read_bytes())
    refused("WWDR certificate comes from another issuer", signer=signer)


def test_a_wwdr_that_did_not_issue_the_certificate_is_noticed(refused, demo, strangers):
    key = load_pem_private_key(demo.key.read_bytes(), None)
    certificate, wwdr = (x509.load_pem_x509_certificate(path.read_bytes()) for path in (demo.certificate, strangers.wwdr))
    refused("pass certificate comes from another issuer", signer=Cms(certificate, key, [wwdr]))


def test_a_key_that_is_not_the_certificates_is_noticed(refused, demo, strangers, signer):
    refused("not made with the pass certificate's key",
            signer=Cms(signer.certificate, load_pem_private_key(strangers.key.read_bytes(), None), [signer.wwdr]))


def test_attributes_in_another_order_are_noticed(refused, signer):
    def reordered(manifest):
        whole = signer.sign(manifest, NOON)
        attributes = cms._attributes(b"261122120000Z", hashlib.sha256(manifest).digest())
        at = whole.index(attributes)
        digest = attributes[-49:]
        return whole[:at] + digest + attributes[:-49] + whole[at + len(attributes):]

    refused("not in DER order", signer=Unsigned(reordered))


@pytest.mark.parametrize("moment", [NOON - timedelta(days=1), NOON + timedelta(days=366)])
def test_a_signing_time_outside_the_certificates_validity_is_noticed(refused, signer, moment):
    refused("was not valid at the signing time", signer=Unsigned(lambda manifest: signer._cms.sign(manifest, moment)))


def test_a_signing_time_in_the_future_is_noticed(refused):
    refused("lies in the future", now=NOON - timedelta(seconds=1))


def test_a_server_certificate_cannot_sign_passes(refused, demo):
    key = load_pem_private_key(demo.apns_key.read_bytes(), None)
    certificate, wwdr = (x509.load_pem_x509_certificate(path.read_bytes()) for path in (demo.apns, demo.wwdr))
    refused("comes from another issuer", signer=Cms(certificate, key, [wwdr]))


def test_without_a_root_the_chain_that_the_pass_brings_is_followed(files, card, strangers):
    signer = PassSigner.load(strangers.certificate.read_bytes(), strangers.key.read_bytes(), None, strangers.wwdr.read_bytes())
    contents = check_pkpass(Bundle(files).build(json.dumps(card).encode(), signer, NOON), root_pem=None)
    assert contents.serial_number == CARD.serial_number
