"""A programme as Google's loyalty class and a card as its loyalty object. The same card gives the same body.

Google, "LoyaltyClass", "LoyaltyObject". Nothing personal goes in: no name, no phone, no address of a card's page.
"""
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date
from typing import Any, NamedTuple

import msgspec

from app.designs.prepared import PreparedDesign, PreparedField, Words
from app.designs.preview import written
from app.designs.rules import CardFace, Value
from app.money import minor_digits
from app.web import formats

# What a screen shows of each text; Google cuts what is longer wherever it likes.
ISSUER_NAME, PROGRAM_NAME, LABEL, HEADER, BODY, LINK = 20, 20, 9, 35, 500, 20
MOST_MODULES = MOST_LOCATIONS = 10
INT32 = 2**31
MICROS = 1_000_000
# Never sent, whatever a design says: who somebody is, what they bought, and the address of the card's page.
PERSONAL = frozenset({"name", "history", "page_link", "stop_link"})
# Value → what stands above it where the design's own label is longer than Google shows.
SHORT: Mapping[str, Words] = {
    "balance": {"en": "Points", "ru": "Баллы"}, "worth": {"en": "Worth", "ru": "Скидка"}, "money": {"en": "Balance", "ru": "Баланс"},
    "stamps": {"en": "Stamps", "ru": "Штампы"}, "visits": {"en": "Visits", "ru": "Визиты"}, "donated": {"en": "Given", "ru": "Отдано"},
    "discount": {"en": "Discount", "ru": "Скидка"}, "rate": {"en": "Cashback", "ru": "Кешбэк"},
    "vouchers": {"en": "Coupons", "ru": "Купоны"}, "level": {"en": "Level", "ru": "Уровень"},
    "valid_until": {"en": "Until", "ru": "До"}, "expires_on": {"en": "Until", "ru": "До"}, "voucher_until": {"en": "Until", "ru": "До"}}
POINTS = ("loyaltyPoints", "secondaryLoyaltyPoints")
SYMBOLOGIES = {"qr": "QR_CODE", "aztec": "AZTEC", "pdf417": "PDF_417", "code128": "CODE_128"}
TURNING = ("QR_CODE", "PDF_417")        # what Google draws a rotating code as
CODE_LENGTH = 8
# Every status but `active` lies among Google's expired passes; "erased" sends three members and nothing else.
STATES = {"active": "ACTIVE", "provisional": "INACTIVE", "blocked": "INACTIVE", "replaced": "INACTIVE", "expired": "EXPIRED",
          "erased": "INACTIVE"}
SUFFIX = re.compile(r"[A-Za-z0-9._-]{1,44}")
_encode = msgspec.json.Encoder(order="deterministic").encode

Body = dict[str, Any]


class Pictures(NamedTuple):
    """Public addresses of a logo (square) and a hero (3 : 1); a new picture has a new address, for Google keeps what it fetched."""

    logo: str
    hero: str


class ClassFacts(NamedTuple):
    """What a class has beside its design. names: language → text; locations: (latitude, longitude); callback: https or ""."""

    class_id: str
    issuer_names: Words
    program_names: Words
    country: str
    pictures: Pictures
    locations: tuple[tuple[float, float], ...] = ()
    callback: str = ""


class Rotating(NamedTuple):
    """A code that changes: the card's own key, and how long each code holds."""

    key: bytes
    period_seconds: int


class ObjectFacts(NamedTuple):
    """What an object has beside its face. status: the card's; is_over: its own end has passed; hero: an address of its own picture,
    "" for the class's; messages: those that were added and shall stay, as Google takes them."""

    object_id: str
    class_id: str
    status: str
    hero: str = ""
    rotating: Rotating | None = None
    is_over: bool = False
    messages: tuple[Mapping[str, Any], ...] = ()


def make_id(issuer_id: str, suffix: str) -> str:
    """`issuer.suffix`, for ever. suffix: random, for it stands in save links and addresses."""
    assert issuer_id.isdigit() and SUFFIX.fullmatch(suffix)
    return f"{issuer_id}.{suffix}"


def issuer_of(google_id: str) -> str:
    """The digits before the first dot: a suffix may hold dots, too."""
    return google_id.partition(".")[0]


def class_body(design: PreparedDesign, facts: ClassFacts) -> Body:
    """The whole LoyaltyClass. Every write asks for review anew: Google refuses its own `APPROVED` back, and approves at once."""
    language, issuers, names = design.language, facts.issuer_names, facts.program_names
    body: Body = {
        "id": facts.class_id, "reviewStatus": "UNDER_REVIEW",
        "issuerName": cut(issuers[language], ISSUER_NAME), "localizedIssuerName": localized(issuers, language, ISSUER_NAME),
        "programName": cut(names[language], PROGRAM_NAME), "localizedProgramName": localized(names, language, PROGRAM_NAME),
        "programLogo": image(facts.pictures.logo, issuers, language),
        "heroImage": image(facts.pictures.hero, design.description, language),
        "hexBackgroundColor": design.colours.brand,
        # Whoever has the link may save the card: it is shown to a till, which knows cards and not accounts.
        "multipleDevicesAndHoldersAllowedStatus": "MULTIPLE_HOLDERS",
        "textModulesData": _class_texts(design), "linksModuleData": {"uris": _links(design)},
        "merchantLocations": [{"latitude": latitude, "longitude": longitude} for latitude, longitude in facts.locations[:MOST_LOCATIONS]]}
    if re.fullmatch("[A-Za-z]{2}", facts.country):
        body["countryCode"] = facts.country.upper()
    if facts.callback:
        body["callbackOptions"] = {"url": facts.callback}
    return body


def object_body(design: PreparedDesign, face: CardFace, facts: ObjectFacts) -> Body:
    """The whole LoyaltyObject of a card."""
    values, state = face.values(), STATES[facts.status]
    body: Body = {"id": facts.object_id, "classId": facts.class_id, "state": "EXPIRED" if facts.is_over and state == "ACTIVE" else state}
    for name in POINTS:
        field = next((field for field in design.fields if field.google == name and field.value not in PERSONAL), None)
        if field is not None and field.value is not None and (value := values[field.value]) is not None:
            label = _short(field, design.languages)
            body[name] = {"label": cut(label[design.language], LABEL), "localizedLabel": localized(label, design.language, LABEL),
                          "balance": _balance(design, field, value, face.currency)}
    body["textModulesData"] = _object_texts(design, face, values)
    if facts.hero:
        body["heroImage"] = image(facts.hero, design.description, design.language)
    if face.expires_at is not None:
        body["validTimeInterval"] = {"end": {"date": face.expires_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}}
    body |= _code(SYMBOLOGIES[design.wallet.barcode], face.barcode_message, facts.rotating)
    if facts.messages:
        body["messages"] = [dict(message) for message in facts.messages]
    return body


def shred_body(object_id: str, class_id: str) -> Body:
    """All that is left of an erased card: Google deletes nothing, so everything else is written over with nothing."""
    return {"id": object_id, "classId": class_id, "state": "INACTIVE"}


def fingerprint(body: Body) -> bytes:
    """Of what a body says for long; messages are sent one by one, and whether anybody is told of a change passes with the request."""
    return hashlib.sha256(_encode({key: value for key, value in body.items() if key not in ("messages", "notifyPreference")})).digest()


def outline(body: Body) -> tuple[str, ...]:
    """Which members a body has, and of which kind its balances are: a PATCH keeps what is left out and joins what is nested."""
    kinds = [f"{name}.{kind}" for name in POINTS if name in body for kind in body[name]["balance"]]
    return tuple(sorted([key for key in body if key not in ("messages", "notifyPreference")] + kinds))


def method_for(before: Sequence[str], body: Body) -> str:
    """`PATCH`, or `PUT` where something has to go that Google holds. before: the outline of what it took last."""
    return "PUT" if set(before) - set(outline(body)) else "PATCH"


def cut(text: str, most: int) -> str:
    """At most so many letters, an ellipsis for the rest."""
    text = text.strip()
    return text if len(text) <= most else text[:most - 1].rstrip() + "…"


def localized(words: Words, language: str, most: int) -> Body:
    """LocalizedString: `language` for everybody, the others for those who speak them."""
    others = [{"language": other, "value": cut(text, most)} for other, text in sorted(words.items()) if other != language and text.strip()]
    made: Body = {"defaultValue": {"language": language, "value": cut(words[language], most)}}
    return made | {"translatedValues": others} if others else made


def image(address: str, words: Words, language: str) -> Body:
    return {"sourceUri": {"uri": address}, "contentDescription": localized(words, language, HEADER)}


def module(key: str, header: Words, body: Words, language: str) -> Body:
    """A row of text in every language; a message is one, too."""
    return {"id": re.sub(r"[^A-Za-z0-9_-]", "_", key), "header": cut(header[language], HEADER), "body": cut(body[language], BODY),
            "localizedHeader": localized(header, language, HEADER), "localizedBody": localized(body, language, BODY)}


def _class_texts(design: PreparedDesign) -> list[Body]:
    """What all cards share: rules and the business's own words, long ones over several rows."""
    made = []
    for field in design.fields:
        if field.text is not None and field.google == "textModulesData" and field.value is None:
            for at, part in enumerate(_parts(field.text, design.languages)):
                made.append(module(f"{field.key}-{at + 1}" if at else field.key, field.label, part, design.language))
    return made[:MOST_MODULES]


def _parts(text: Words, languages: Iterable[str]) -> list[Words]:
    """A long text in pieces that each fit a row, cut between lines and, where languages go line by line, at the same ones."""
    lines = {language: text[language].split("\n") for language in languages}
    if all(len(text[language]) <= BODY for language in lines):
        return [text]
    count = max(len(own) for own in lines.values())
    if any(len(own) != count for own in lines.values()):
        return [text]
    parts: list[dict[str, list[str]]] = []
    for at in range(count):
        if not parts or any(len("\n".join([*parts[-1][language], own[at]])) > BODY for language, own in lines.items()):
            parts.append({language: [] for language in lines})
        for language, own in lines.items():
            parts[-1][language].append(own[at])
    return [{language: "\n".join(own) for language, own in part.items()} for part in parts]


def _object_texts(design: PreparedDesign, face: CardFace, values: Mapping[str, Value | None]) -> list[Body]:
    """A row for each value that is neither of the two balances; the level first: Google knows levels of classes alone, not of cards."""
    made = []
    shown = [field for field in design.fields if field.value is not None and field.value not in PERSONAL
             and field.google is not None and field.google not in POINTS]
    for field in sorted(shown, key=lambda field: field.value != "level"):
        assert field.value is not None
        if (value := values[field.value]) is not None:
            texts = {language: said(design, field, value, face.currency, language) for language in design.languages}
            made.append(module(field.key, field.label, texts, design.language))
    return made[:MOST_MODULES]


def said(design: PreparedDesign, field: PreparedField, value: Value, currency: str, language: str) -> str:
    """A field's value as people read it."""
    if field.format == "term":
        return design.terms[str(value)][language]
    return written(value, field.format, currency, language)


def _short(field: PreparedField, languages: Iterable[str]) -> Words:
    """What a balance is called: the design's own label where all of it can be read."""
    own = SHORT.get(field.value or "", {})
    if all(len(field.label[language]) <= LABEL for language in languages):
        return field.label
    return {language: own.get(language, field.label[language]) for language in languages}


def _balance(design: PreparedDesign, field: PreparedField, value: Value, currency: str) -> Body:
    """One of Google's kinds of balance; whole numbers and money as such, for only those are shown in the reader's own way."""
    if field.format == "money" and isinstance(value, int | float):
        minor = round(value * 10 ** minor_digits(currency))
        return {"money": {"micros": str(minor * (MICROS // 10 ** minor_digits(currency))), "currencyCode": currency}}
    if field.format == "number" and isinstance(value, int) and -INT32 <= value < INT32:
        return {"int": value}
    if isinstance(value, date):
        return {"string": formats.day_of_year(value, design.language)}
    return {"string": said(design, field, value, currency, design.language)}


def _links(design: PreparedDesign) -> list[Body]:
    """The business's site, phone and mail."""
    wallet, found = design.wallet, []
    if wallet.site.startswith(("https://", "http://")):
        host = re.sub(r"^https?://(www\.)?", "", wallet.site).rstrip("/")
        found.append({"uri": wallet.site, "description": cut(host, LINK), "id": "site"})
    digits = re.sub(r"[^0-9+]", "", wallet.phone)
    if digits:
        found.append({"uri": f"tel:{digits}", "description": cut(wallet.phone, LINK), "id": "phone"})
    if "@" in wallet.mail:
        found.append({"uri": f"mailto:{wallet.mail}", "description": cut(wallet.mail, LINK), "id": "mail"})
    return found


def _code(kind: str, message: str, rotating: Rotating | None) -> Body:
    """The code that a till reads. One that turns has no still twin beside it: that would be what a thief copies."""
    text = formats.in_fours(message)
    if rotating is None:
        return {"barcode": {"type": kind, "value": message, "alternateText": text}}
    return {"rotatingBarcode": {
        "type": kind if kind in TURNING else TURNING[0], "valuePattern": f"{message}{{totp_value_0}}", "alternateText": text,
        "totpDetails": {"algorithm": "TOTP_SHA1", "periodMillis": str(rotating.period_seconds * 1000),
                        "parameters": [{"key": rotating.key.hex(), "valueLength": CODE_LENGTH}]}}}
