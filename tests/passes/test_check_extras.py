"""What only some passes carry is checked as strictly as the rest: each test spoils one value of a card that has everything."""
import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.passes.check_card import check_card
from app.passes.check_rules import BadPass
from tests.passes.conftest import CARD


def public_key(key) -> str:
    return base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


GOOD_KEY = public_key(ec.generate_private_key(ec.SECP256R1()))
EVERYTHING = {
    "expirationDate": "2027-01-01T00:00:00+03:00", "maxDistance": 250, "voided": False, "sharingProhibited": True,
    "locations": [{"latitude": 55.75, "longitude": 37.61, "altitude": 150.5, "relevantText": "Coffee is near"}] * 10,
    "relevantDates": [{"startDate": "2026-12-31T10:00:00+03:00", "endDate": "2027-01-01T10:00:00+03:00"}, {"date": "2027-01-07T12:00Z"}],
    "featuredActions": [{"identifier": "order", "type": "order", "url": "https://coffee.example/order"},
                        {"identifier": "where", "type": "place", "placeIdentifier": "I6FD7682FD36BB3BE"}],
    "nfc": {"message": "9029581036472915", "encryptionPublicKey": GOOD_KEY, "requiresAuthentication": True},
    "associatedStoreIdentifiers": [123456789], "appLaunchURL": "coffee://card?id=1",
    "beacons": [{"proximityUUID": "f7826da6-4fa2-4e98-8024-bc5b71e0893e", "major": 65535, "minor": 0, "relevantText": "Hello"}],
    "userInfo": {"shop": 1}, "semantics": {"balance": {"amount": "1", "currencyCode": "RUB"}}}


@pytest.fixture(scope="session")
def plain(design):
    return {key: value for key, value in json.loads(design.pass_json(CARD)).items() if key not in EVERYTHING}


def test_a_card_with_everything_is_taken(plain):
    assert check_card(plain | EVERYTHING) == "storeCard"


@pytest.mark.parametrize("url", ["tel:+79161234567", "tel://+79161234567"])
def test_a_tile_may_call(plain, url):
    check_card(plain | {"featuredActions": [{"identifier": "call", "type": "call", "url": url}]})


SPAN = {"startDate": "2026-12-31T10:00:00+03:00", "endDate": "2026-12-31T12:00:00+03:00"}
ORDER = EVERYTHING["featuredActions"][0]
NFC = EVERYTHING["nfc"]
DEFECTS = {
    # spans
    "no spans": ("relevantDates", [], "not a list of objects"),
    "a span without an end": ("relevantDates", [{"startDate": SPAN["startDate"]}], "a start without an end"),
    "a span without a zone": ("relevantDates", [SPAN | {"endDate": "2026-12-31T12:00:00"}], "endDate in relevantDates is not a date"),
    "a span that ends first": ("relevantDates", [SPAN | {"endDate": "2026-12-31T09:00:00+03:00"}], "ends before it begins"),
    "a span that ends first, by its zone": ("relevantDates", [SPAN | {"endDate": "2026-12-31T12:00:00+09:00"}], "ends before it begins"),
    "a span of 25 hours": ("relevantDates", [SPAN | {"endDate": "2027-01-01T11:00:00+03:00"}], "more than 24 hours"),
    "a span of iOS 18's other name": ("relevantDates", [{"relevantDate": SPAN["startDate"]}], "has the key relevantDate"),
    "a date beside a span": ("relevantDates", [SPAN | {"date": SPAN["startDate"]}], "a date beside a start"),
    "a day for a date": ("relevantDates", [{"date": "2026-12-31"}], "A date in relevantDates is not a date"),
    # tiles
    "three tiles": ("featuredActions", [ORDER | {"identifier": str(n)} for n in range(3)], "more than two actions"),
    "two tiles of one name": ("featuredActions", [ORDER, ORDER], "two actions called order"),
    "a tile without a name": ("featuredActions", [{"type": "order", "url": "https://x.example"}], "An identifier in featuredActions"),
    "a tile of no type": ("featuredActions", [ORDER | {"type": "dance"}], "a type that does not exist"),
    "a tile that leads nowhere": ("featuredActions", [{"identifier": "a", "type": "shop"}], "A url in featuredActions is not an address"),
    "a tile to javascript": ("featuredActions", [ORDER | {"url": "javascript:alert(1)"}], "leads to javascript:"),
    "a tile over http": ("featuredActions", [ORDER | {"url": "http://coffee.example"}], "leads to http:"),
    "a call to a page": ("featuredActions", [ORDER | {"type": "call"}], "leads to https:"),
    "a place with a page": ("featuredActions", [{"identifier": "a", "type": "place", "url": "https://x.example"}], "a place with a url"),
    "a place without its id": ("featuredActions", [{"identifier": "a", "type": "place"}], "A placeIdentifier in featuredActions"),
    "a page with a place's id": ("featuredActions", [ORDER | {"placeIdentifier": "I6"}], "where there is no place"),
    "a tile with a colour": ("featuredActions", [ORDER | {"colour": "red"}], "has the key colour"),
    # NFC
    "a message of 65 bytes": ("nfc", NFC | {"message": "9" * 65}, "longer than 64 bytes"),
    "a message of 33 Cyrillic letters": ("nfc", NFC | {"message": "ы" * 33}, "longer than 64 bytes"),
    "no message": ("nfc", {"encryptionPublicKey": GOOD_KEY}, "The message of nfc"),
    "no key": ("nfc", {"message": "1"}, "not a public key"),
    "a key that is no Base64": ("nfc", NFC | {"encryptionPublicKey": "ключ"}, "not a public key"),
    "a key in PEM": ("nfc", NFC | {"encryptionPublicKey": "-----BEGIN PUBLIC KEY-----"}, "not a public key"),
    "a key on another curve": ("nfc", NFC | {"encryptionPublicKey": public_key(ec.generate_private_key(ec.SECP384R1()))}, "curve P-256"),
    "a key for another purpose": ("nfc", NFC | {"encryptionPublicKey": public_key(x25519.X25519PrivateKey.generate())}, "curve P-256"),
    "authentication in words": ("nfc", NFC | {"requiresAuthentication": "yes"}, "requiresAuthentication of nfc"),
    "a foreign key of nfc": ("nfc", NFC | {"aid": "x"}, "has the key aid"),
    # places and ends
    "eleven places": ("locations", [{"latitude": 1, "longitude": 1}] * 11, "more than ten places"),
    "an altitude in words": ("locations", [{"latitude": 1, "longitude": 1, "altitude": "high"}], "An altitude in locations"),
    "wallet-py3k's distance": ("locations", [{"latitude": 1, "longitude": 1, "distance": 5}], "has the key distance"),
    "an empty text near a place": ("locations", [{"latitude": 1, "longitude": 1, "relevantText": ""}], "A relevantText in locations"),
    "no distance at all": ("maxDistance", 0, "metres above zero"),
    "a distance in words": ("maxDistance", "250", "maxDistance is not a number"),
    "an end without a zone": ("expirationDate", "2027-01-01T00:00:00", "expirationDate is not a date"),
    "an end that does not exist": ("expirationDate", "2027-02-29T00:00:00Z", "does not exist"),
    "a beacon without its number": ("beacons", [{"major": 1}], "proximityUUID in beacons"),
    "a beacon beyond 16 bits": ("beacons", [EVERYTHING["beacons"][0] | {"minor": 65536}], "outside 0 to 65535"),
    # the business's own app
    "an app of no number": ("associatedStoreIdentifiers", [], "not a list of App Store numbers"),
    "an app by its name": ("associatedStoreIdentifiers", ["coffee"], "not a list of App Store numbers"),
    "an app called true": ("associatedStoreIdentifiers", [True], "not a list of App Store numbers"),
    "an address without a scheme": ("appLaunchURL", "coffee", "appLaunchURL is not an address"),
    "an address with a space": ("appLaunchURL", "coffee://a b", "appLaunchURL is not an address"),
}


@pytest.mark.parametrize(("key", "value", "said"), DEFECTS.values(), ids=DEFECTS)
def test_a_defect_of_what_only_some_passes_carry_is_noticed(plain, key, value, said):
    with pytest.raises(BadPass, match=said):
        check_card(plain | EVERYTHING | {key: value})


def test_an_address_for_an_app_without_the_app_is_noticed(plain):
    with pytest.raises(BadPass, match="needs associatedStoreIdentifiers"):
        check_card(plain | {"appLaunchURL": "coffee://card"})


@pytest.mark.parametrize("key", ["groupingIdentifier", "preferredStyleSchemes", "sellURL", "upgradeURL", "stripColor", "personalization",
                                 "exprirationDate", "relevantDate", "upcomingPassInformation"])
def test_keys_of_other_kinds_of_pass_are_noticed(plain, key):
    with pytest.raises(BadPass, match=f"the key {key}"):
        check_card(plain | {key: "x"})
