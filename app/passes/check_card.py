"""Checks pass.json of a store card, coupon or generic pass: keys, types, limits, dates, colours, fields, barcodes.

Apple, "Pass", "PassFields", "PassFieldContent", "Pass.Barcodes"; where Apple leaves it open, what this project promises:
one header and one primary field, at most three below, one field that may announce its change, readable barcode text.
"""
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from app.passes.check_extras import EXTRAS, check_together, moment, text
from app.passes.check_rules import need

STYLES = ("storeCard", "coupon", "generic")
FOREIGN_STYLES = ("eventTicket", "boardingPass", "posterGeneric")
COLOUR = re.compile(r"rgb\(([0-9]{1,3}), ?([0-9]{1,3}), ?([0-9]{1,3})\)")
OLD_CODES = {f"PKBarcodeFormat{name}" for name in ("QR", "PDF417", "Aztec", "Code128")}
NEW_CODES = {f"PKBarcodeFormat{name}" for name in ("EAN13", "Code39", "Codabar", "I2of5")}      # from iOS 27 on
NUMBER_STYLES = {f"PKNumberStyle{name}" for name in ("Decimal", "Percent", "Scientific", "SpellOut")}
DATE_STYLES = {f"PKDateStyle{name}" for name in ("None", "Short", "Medium", "Long", "Full")}
ALIGNMENTS = {f"PKTextAlignment{name}" for name in ("Left", "Center", "Right", "Natural")}
DETECTORS = {f"PKDataDetectorType{name}" for name in ("PhoneNumber", "Link", "Address", "CalendarEvent")}
MOST_FIELDS = {"headerFields": 1, "primaryFields": 1, "secondaryFields": 3, "auxiliaryFields": 3, "backFields": 30}
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def check_card(card: Any) -> str:
    """Raises BadPass with the first thing wrong in pass.json; returns the style (`storeCard`, …)."""
    need(isinstance(card, dict), "pass.json is not an object.")
    _no_nulls(card, "pass.json")
    for key in ("formatVersion", "passTypeIdentifier", "teamIdentifier", "serialNumber", "organizationName", "description", "barcodes"):
        need(key in card, f"pass.json lacks {key}.")
    styles = [key for key in (*STYLES, *FOREIGN_STYLES) if key in card]
    need(len(styles) == 1, f"A pass has one style; this one has {len(styles)}.")
    need(styles[0] in STYLES, f"{styles[0]} is no style of a loyalty card.")
    for key, value in card.items():
        if key == styles[0]:
            continue
        need(key in TOP_LEVEL, f"pass.json has the key {key}, which this kind of pass does not know.")
        TOP_LEVEL[key](value, key)
    need(("webServiceURL" in card) == ("authenticationToken" in card), "webServiceURL and authenticationToken go together.")
    check_together(card)
    _check_fields(card[styles[0]])
    return styles[0]


def _no_nulls(value: Any, where: str) -> None:
    need(value is not None, f"{where} is null; a key without a value is left out.")
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        _no_nulls(inner, f"{where}.{key}")


def _check_fields(style: Any) -> None:
    need(isinstance(style, dict), "The style is not an object.")
    keys: list[str] = []
    announcing = 0
    for place, fields in style.items():
        need(place in MOST_FIELDS, f"{place} is no place for fields.")
        need(isinstance(fields, list) and len(fields) <= MOST_FIELDS[place], f"{place} holds more than {MOST_FIELDS[place]} fields.")
        for field in fields:
            _check_field(field, place)
            keys.append(field["key"])
            announcing += "changeMessage" in field
    for key in keys:
        need(keys.count(key) == 1, f"Two fields have the key {key}.")
    need(len(style.get("secondaryFields", [])) + len(style.get("auxiliaryFields", [])) <= 3,
         "More than three secondary and auxiliary fields: they share one row.")
    need(announcing <= 1, "More than one field has a changeMessage: changing together they show none of their words.")


def _check_field(field: Any, place: str) -> None:
    need(isinstance(field, dict) and isinstance(field.get("key"), str) and bool(field["key"]), f"A field of {place} has no key.")
    name = f"The field {field['key']}"
    for key in field:
        need(key in FIELD_KEYS, f"{name} has the key {key}, which fields do not know.")
    need("value" in field, f"{name} has no value.")
    value = field["value"]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    need(is_number or (isinstance(value, str) and bool(value)), f"{name} has a value that is neither a text nor a number.")
    need(isinstance(field.get("label"), str) and bool(field["label"].strip()), f"{name} has no label, so nobody hears what it is.")
    if "numberStyle" in field or "currencyCode" in field:
        need(is_number, f"{name} formats a number, but its value is a text.")
        need(not ("numberStyle" in field and "currencyCode" in field), f"{name} has both numberStyle and currencyCode.")
    if "dateStyle" in field or "timeStyle" in field:
        need(field.get("dateStyle") in DATE_STYLES and field.get("timeStyle") in DATE_STYLES, f"{name} needs both dateStyle and timeStyle.")
        moment(value, name)
    if "changeMessage" in field:
        need(isinstance(field["changeMessage"], str) and "%@" in field["changeMessage"], f"{name} has a changeMessage without %@.")
    _check_looks(field, place, name)


def _check_looks(field: dict[str, Any], place: str, name: str) -> None:
    need(field.get("numberStyle", "PKNumberStyleDecimal") in NUMBER_STYLES, f"{name} has a numberStyle that does not exist.")
    currency = str(field.get("currencyCode", "EUR"))
    need(re.fullmatch("[A-Z]{3}", currency) is not None, f"{name} has a currencyCode that is no ISO 4217 code.")
    need(field.get("textAlignment", "PKTextAlignmentNatural") in ALIGNMENTS, f"{name} has a textAlignment that does not exist.")
    need("textAlignment" not in field or place not in ("primaryFields", "backFields"), f"{name} may not be aligned there.")
    need("dataDetectorTypes" not in field or place == "backFields", f"{name} may detect data on the back only.")
    detectors = field.get("dataDetectorTypes", [])
    need(isinstance(detectors, list) and set(detectors) <= DETECTORS, f"{name} detects a kind of data that does not exist.")
    for key in ("isRelative", "ignoresTimeZone"):
        need(isinstance(field.get(key, True), bool), f"{name} has a {key} that is neither true nor false.")
    markup = re.sub(r"<a href='[^'<>]*'>([^<>]*)</a>", r"\1", str(field.get("attributedValue", "")))
    need("<" not in markup, f"{name} has markup other than links.")


def _flag(value: Any, key: str) -> None:
    need(isinstance(value, bool), f"{key} is neither true nor false.")


def _version(value: Any, key: str) -> None:
    need(value == 1 and isinstance(value, int) and not isinstance(value, bool), f"{key} must be the number 1.")


def _serial_number(value: Any, key: str) -> None:
    need(isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9-]{1,64}", value) is not None, f"{key} does not fit into an address.")


def _pass_type(value: Any, key: str) -> None:
    need(isinstance(value, str) and value.startswith("pass."), f"{key} does not begin with pass.")


def _team(value: Any, key: str) -> None:
    need(isinstance(value, str) and re.fullmatch(r"[A-Z0-9]{10}", value) is not None, f"{key} is not ten letters and digits.")


def _token(value: Any, key: str) -> None:
    need(isinstance(value, str) and len(value) >= 16, f"{key} is shorter than 16 characters.")


def _colour(value: Any, key: str) -> None:
    match = COLOUR.fullmatch(value) if isinstance(value, str) else None
    need(match is not None and all(int(part) <= 255 for part in match.groups()), f"{key} is not written as rgb(r, g, b).")


def _web_service(value: Any, key: str) -> None:
    need(isinstance(value, str), f"{key} is not an address.")
    address = urlsplit(value)
    need(address.scheme == "https" or (address.scheme == "http" and address.hostname in LOOPBACK),
         f"{key} is not https; phones refuse it (http is for this machine alone).")
    need(bool(address.hostname) and not value.endswith("/"), f"{key} must be an address without a slash at its end.")


def _barcodes(value: Any, key: str) -> None:
    need(isinstance(value, list) and bool(value), f"{key} is empty.")
    parts = {"format", "message", "messageEncoding", "altText"}
    for code in value:
        need(isinstance(code, dict) and code.keys() == parts, f"{key} needs format, message, messageEncoding and altText, no more.")
        need(code["format"] in OLD_CODES | NEW_CODES, f"{key} has a format that does not exist.")
        message, typed = code["message"], code["altText"]
        need(isinstance(message, str) and message.isascii() and bool(message), f"{key} has a message that a scanner cannot type.")
        need(code["messageEncoding"] == "iso-8859-1", f"{key} has a messageEncoding other than iso-8859-1.")
        need(isinstance(typed, str) and typed.replace(" ", "") == message, f"{key} shows another text than it holds.")
    need(any(code["format"] in OLD_CODES for code in value), f"{key} shows nothing before iOS 27.")


def _object(value: Any, key: str) -> None:
    need(isinstance(value, dict), f"{key} is not an object.")


TOP_LEVEL: dict[str, Callable[[Any, str], object]] = {
    "formatVersion": _version, "passTypeIdentifier": _pass_type, "teamIdentifier": _team, "serialNumber": _serial_number,
    "organizationName": text, "description": text, "logoText": text, "webServiceURL": _web_service, "authenticationToken": _token,
    "barcodes": _barcodes, "backgroundColor": _colour, "foregroundColor": _colour, "labelColor": _colour, "suppressStripShine": _flag,
    "voided": _flag, "sharingProhibited": _flag, "userInfo": _object, "semantics": _object, **EXTRAS,
}
FIELD_KEYS = {"key", "value", "label", "attributedValue", "changeMessage", "dataDetectorTypes", "textAlignment", "numberStyle",
              "currencyCode", "dateStyle", "timeStyle", "isRelative", "ignoresTimeZone", "semantics"}
