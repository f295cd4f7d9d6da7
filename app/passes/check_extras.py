"""Checks what only some passes carry: spans when they matter, tiles, NFC, places, the business's own app. Apple, "Pass"."""
import base64
import binascii
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from app.passes.check_rules import BadPass, need

MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})")
LONGEST_SPAN = timedelta(hours=24)
MOST_LOCATIONS, MOST_ACTIONS, NFC_BYTES = 10, 2, 64
ACTIONS = {"viewSchedule", "watchTrailer", "listenToMusic", "call", "place", "addToBalance", "order", "shop", "membershipBenefits",
           "bookAppointment", "bookCar", "bookFlight", "bookStay", "viewOffersRewards"}


def moment(value: Any, key: str) -> datetime:
    """The date `value`. Raises BadPass unless it has hours, minutes and a zone, and exists."""
    need(isinstance(value, str) and MOMENT.fullmatch(value) is not None, f"{key} is not a date with hours, minutes and a zone.")
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise BadPass(f"{key} is a date that does not exist.") from None


def number(value: Any, key: str) -> None:
    need(isinstance(value, int | float) and not isinstance(value, bool), f"{key} is not a number.")


def text(value: Any, key: str) -> None:
    need(isinstance(value, str) and bool(value.strip()), f"{key} is not a text with something in it.")


def objects(value: Any, key: str) -> None:
    need(isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value), f"{key} is not a list of objects.")


def known(value: dict[str, Any], keys: set[str], key: str) -> None:
    for name in value:
        need(name in keys, f"{key} has the key {name}, which it does not know.")


def address(value: Any, key: str, schemes: tuple[str, ...] = ()) -> None:
    """A URL with a scheme (one of `schemes`, if there are any) and something behind it."""
    need(isinstance(value, str) and value.isascii() and not re.search(r"\s", value), f"{key} is not an address.")
    parts = urlsplit(value)
    need(bool(parts.scheme) and bool(parts.netloc or parts.path), f"{key} is not an address.")
    need(not schemes or parts.scheme in schemes, f"{key} leads to {parts.scheme}:, where no tile leads.")


def _relevant_dates(value: Any, key: str) -> None:
    objects(value, key)
    for each in value:
        known(each, {"startDate", "endDate", "date"}, key)
        if "date" in each:
            need(len(each) == 1, f"{key} has a date beside a start or an end.")
            moment(each["date"], f"A date in {key}")
            continue
        need(each.keys() == {"startDate", "endDate"}, f"{key} has a start without an end, or the other way round.")
        start, end = moment(each["startDate"], f"A startDate in {key}"), moment(each["endDate"], f"An endDate in {key}")
        need(start < end, f"{key} has a span that ends before it begins.")
        need(end - start <= LONGEST_SPAN, f"{key} has a span of more than 24 hours.")


def _actions(value: Any, key: str) -> None:
    objects(value, key)
    need(len(value) <= MOST_ACTIONS, f"{key} has more than two actions.")
    names = [each.get("identifier") for each in value]
    for each in value:
        known(each, {"identifier", "type", "url", "placeIdentifier"}, key)
        text(each.get("identifier"), f"An identifier in {key}")
        need(names.count(each["identifier"]) == 1, f"{key} has two actions called {each['identifier']}.")
        need(each.get("type") in ACTIONS, f"{key} has an action of a type that does not exist.")
        if each["type"] == "place":
            need("url" not in each, f"{key} has a place with a url; a place has a placeIdentifier.")
            text(each.get("placeIdentifier"), f"A placeIdentifier in {key}")
        else:
            need("placeIdentifier" not in each, f"{key} has a placeIdentifier where there is no place.")
            address(each.get("url"), f"A url in {key}", ("tel",) if each["type"] == "call" else ("https", "tel", "mailto"))


def _nfc(value: Any, key: str) -> None:
    need(isinstance(value, dict), f"{key} is not an object.")
    known(value, {"message", "encryptionPublicKey", "requiresAuthentication"}, key)
    text(value.get("message"), f"The message of {key}")
    need(len(value["message"].encode()) <= NFC_BYTES, f"The message of {key} is longer than 64 bytes.")
    need(isinstance(value.get("requiresAuthentication", True), bool), f"requiresAuthentication of {key} is neither true nor false.")
    try:
        public = load_der_public_key(base64.b64decode(value.get("encryptionPublicKey", ""), validate=True))
    except (binascii.Error, ValueError, TypeError, UnsupportedAlgorithm):
        raise BadPass(f"encryptionPublicKey of {key} is not a public key (SubjectPublicKeyInfo) in Base64.") from None
    need(isinstance(public, ec.EllipticCurvePublicKey) and isinstance(public.curve, ec.SECP256R1),
         f"encryptionPublicKey of {key} is not a key on the curve P-256.")


def _locations(value: Any, key: str) -> None:
    need(isinstance(value, list) and 1 <= len(value) <= MOST_LOCATIONS, f"{key} holds more than ten places, or none.")
    for place in value:
        need(isinstance(place, dict), f"{key} is not a list of objects.")
        known(place, {"latitude", "longitude", "altitude", "relevantText"}, key)
        number(place.get("latitude"), f"A latitude in {key}")
        number(place.get("longitude"), f"A longitude in {key}")
        number(place.get("altitude", 0), f"An altitude in {key}")
        need(abs(place["latitude"]) <= 90 and abs(place["longitude"]) <= 180, f"{key} has a place that is not on Earth.")
        text(place.get("relevantText", "-"), f"A relevantText in {key}")


def _beacons(value: Any, key: str) -> None:
    objects(value, key)
    for each in value:
        known(each, {"proximityUUID", "major", "minor", "relevantText"}, key)
        try:
            UUID(each.get("proximityUUID", ""))
        except (ValueError, AttributeError, TypeError):
            raise BadPass(f"A proximityUUID in {key} is no UUID.") from None
        for part in ("major", "minor"):
            held = each.get(part, 0)
            number(held, f"A {part} in {key}")
            need(isinstance(held, int) and 0 <= held <= 65_535, f"A {part} in {key} lies outside 0 to 65535.")
        text(each.get("relevantText", "-"), f"A relevantText in {key}")


def _distance(value: Any, key: str) -> None:
    number(value, key)
    need(value > 0, f"{key} is not a distance in metres above zero.")


def _stores(value: Any, key: str) -> None:
    need(isinstance(value, list) and bool(value) and all(type(each) is int and each > 0 for each in value),
         f"{key} is not a list of App Store numbers.")


def check_together(card: dict[str, Any]) -> None:
    """Raises BadPass where one key needs another that is not there."""
    need("appLaunchURL" not in card or "associatedStoreIdentifiers" in card, "appLaunchURL needs associatedStoreIdentifiers beside it.")


EXTRAS: dict[str, Callable[[Any, str], object]] = {
    "relevantDates": _relevant_dates, "featuredActions": _actions, "nfc": _nfc, "locations": _locations, "beacons": _beacons,
    "maxDistance": _distance, "associatedStoreIdentifiers": _stores, "appLaunchURL": address, "expirationDate": moment,
}
