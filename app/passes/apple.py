"""A card as Apple's pass.json, and a design's words as pass.strings. The same card gives the same bytes.

Apple, "Pass", "PassFieldContent", "Creating a Store Card Pass"; texts in pass.json stand in the business's language, so that a
phone that speaks none of ours shows words and not names of entries.
"""
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from app.designs.prepared import PreparedDesign, Words
from app.designs.rules import CardFace
from app.passes.bundle import Bundle
from app.passes.wallet_model import PLACES, pass_dictionary

MOST_LOCATIONS = 10
encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class PassLocation:
    """A place where the lock screen may suggest the card: degrees."""

    latitude: float
    longitude: float


@dataclass(frozen=True)
class PassCard:
    """What Apple's pass of one card holds: who it is, and what it shows.

    serial_number: letters, digits and hyphens; authentication_token: at least 16 characters, never changed once issued;
    web_service_url: without a slash at its end; locations: the first ten count; expires_at: the card's own end, aware, or None.
    """

    pass_type_identifier: str
    team_identifier: str
    serial_number: str
    authentication_token: str
    web_service_url: str
    face: CardFace
    locations: tuple[PassLocation, ...] = ()
    expires_at: datetime | None = None


class AppleDesign:
    """A prepared design as Apple's passes need it: the fixed part of pass.json, and the bundle of pictures and words."""

    def __init__(self, design: PreparedDesign) -> None:
        self._sources = _sources(design)
        whole = _with_sources(pass_dictionary(design), self._sources, design)
        fields = whole.pop(design.style)
        values = {field.key: field.value for field in design.fields}
        self._style = design.style
        self._fixed = whole
        # (place, [(field, the card's value that belongs in it or None, whether the value is money)])
        self._places = [(place, [(field, values[field["key"]], "currencyCode" in field) for field in fields[place]])
                        for place in PLACES.values() if place in fields]
        self._location_text = self._sources[_identity(design.location)]
        self.bundle = Bundle({**design.images, **_strings(design, self._sources)})

    def pass_json(self, card: PassCard) -> bytes:
        """pass.json of `card`, compact, UTF-8; keys always in the same order, none without a value."""
        face = card.face
        whole: dict[str, Any] = {
            **self._fixed, "passTypeIdentifier": card.pass_type_identifier, "teamIdentifier": card.team_identifier,
            "serialNumber": card.serial_number, "webServiceURL": card.web_service_url, "authenticationToken": card.authentication_token,
            "barcodes": [_barcode(face.barcode_message)], self._style: self._fields(face)}
        if card.locations:
            whole["locations"] = [{"latitude": place.latitude, "longitude": place.longitude, "relevantText": self._location_text}
                                  for place in card.locations[:MOST_LOCATIONS]]
        if card.expires_at is not None:
            whole["expirationDate"] = card.expires_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if face.is_voided:
            whole["voided"] = True
        return encode(whole)

    def _fields(self, face: CardFace) -> dict[str, list[dict[str, Any]]]:
        values = face.values()
        places = {}
        for place, fields in self._places:
            shown = []
            for field, source, is_money in fields:
                if source is None:
                    shown.append(field)
                elif (value := values[source]) is not None:
                    filled = {**field, "value": f"{value.isoformat()}T12:00:00Z" if isinstance(value, date) else value}
                    if is_money:
                        filled["currencyCode"] = face.currency
                    shown.append(filled)
            if shown:
                places[place] = shown
        return places


def build_pass_json(design: AppleDesign, card: PassCard) -> bytes:
    """pass.json of `card` drawn with `design`, deterministic byte for byte."""
    return design.pass_json(card)


def _barcode(message: str) -> dict[str, str]:
    # Digits survive every scanner and keyboard; the text under the code is what a cashier can type.
    spaced = " ".join([message[at:at + 4] for at in range(0, len(message), 4)])
    return {"format": "PKBarcodeFormatQR", "message": message, "messageEncoding": "iso-8859-1", "altText": spaced}


def _identity(words: Words) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(words.items()))


def _sources(design: PreparedDesign) -> dict[tuple[tuple[str, str], ...], str]:
    """Each set of translations → the text of pass.json that stands for it: the business's language, which is its entry in pass.strings.

    Two that read alike in that language but not in another could not be told apart; the later one stands under an invisible mark.
    """
    sources: dict[tuple[tuple[str, str], ...], str] = {}
    for words in _all_words(design):
        if (identity := _identity(words)) not in sources:
            text = words[design.language]
            while text in sources.values():
                text += "\u2060"        # word joiner
            sources[identity] = text
    return sources


def _all_words(design: PreparedDesign) -> list[Words]:
    fields = [words for field in design.fields for words in (field.label, field.text, field.changes) if words is not None]
    return [design.name, design.logo_text, design.description, design.location, *fields]


def _with_sources(whole: dict[str, Any], sources: Mapping[tuple[tuple[str, str], ...], str], design: PreparedDesign) -> dict[str, Any]:
    """The dictionary with every translated text replaced by what stands for it."""
    whole["organizationName"] = sources[_identity(design.name)]
    whole["logoText"] = sources[_identity(design.logo_text)]
    whole["description"] = sources[_identity(design.description)]
    known = {field.key: field for field in design.fields}
    for place in PLACES.values():
        for field in whole[design.style].get(place, []):
            prepared = known[field["key"]]
            field["label"] = sources[_identity(prepared.label)]
            if prepared.text:
                field["value"] = sources[_identity(prepared.text)]
            if prepared.changes:
                field["changeMessage"] = sources[_identity(prepared.changes)]
    return whole


def _strings(design: PreparedDesign, sources: Mapping[tuple[tuple[str, str], ...], str]) -> dict[str, bytes]:
    """pass.strings per language: every language translates the same texts. UTF-8 without a mark, which all readers tried take."""
    files = {}
    for language in design.languages:
        lines = [f'"{_escaped(text)}" = "{_escaped(dict(identity)[language])}";\n' for identity, text in sorted(sources.items())]
        files[f"{language}.lproj/pass.strings"] = "".join(lines).encode()
    return files


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
