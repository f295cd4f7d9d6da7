"""A card as Apple's pass.json, and a design's words as pass.strings. The same card gives the same bytes.

Apple, "Pass", "PassFieldContent", "Creating a Store Card Pass"; texts in pass.json stand in the business's language, so that a
phone that speaks none of ours shows words and not names of entries.
"""
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date
from typing import Any, NamedTuple

import msgspec

from app.designs.prepared import OTHER, PreparedDesign, PreparedField, Words
from app.designs.preview import operation_amount
from app.designs.rules import CardFace, Format, HistoryLine, Nfc, Value
from app.designs.stamps import draw_stamps
from app.passes.bundle import Bundle
from app.passes.wallet_model import PLACES, pass_dictionary
from app.programs.words import percent
from app.web.formats import in_fours

MOST_LOCATIONS = 10
NFC_BYTES = 64
BARCODES = {"qr": "PKBarcodeFormatQR", "aztec": "PKBarcodeFormatAztec", "pdf417": "PKBarcodeFormatPDF417",
            "code128": "PKBarcodeFormatCode128"}
Near = tuple[tuple[str, str], ...]      # what the lock screen says near a place, as (language, text)
encode = msgspec.json.Encoder().encode


class PassLocation(msgspec.Struct, frozen=True):
    """A place where the lock screen may suggest the card: degrees. near: its own words, which the design was made with; empty for those
    of the design."""

    latitude: float
    longitude: float
    near: Near = ()


class PassCard(msgspec.Struct, frozen=True):
    """What Apple's pass of one card holds: who it is, and what it shows.

    serial_number: letters, digits and hyphens; authentication_token: at least 16 characters, never changed once issued;
    web_service_url: without a slash at its end; locations: the first ten count.
    """

    pass_type_identifier: str
    team_identifier: str
    serial_number: str
    authentication_token: str
    web_service_url: str
    face: CardFace
    locations: tuple[PassLocation, ...] = ()


class _Slot(NamedTuple):
    """A field as JSON in pieces, with its card's value to come between them; a field without `source` is whole in `before`."""

    before: bytes
    after: bytes
    source: str | None
    format: Format


class AppleDesign:
    """A prepared design as Apple's passes need it: the fixed part of pass.json as bytes, and the bundle of pictures and words."""

    def __init__(self, design: PreparedDesign, stamps: tuple[int, int] | None = None, near: Collection[Near] = ()) -> None:
        """stamps: (stamped, places) of the picture, for a design that shows them (`preview.stamps_of`); near: of the places that have words
        of their own. A language that these lack says the design's."""
        self._language = design.language
        spoken = {own: {language: dict(own).get(language, text) for language, text in design.location.items()} for own in ((), *near)}
        self._sources = _sources(design, spoken.values())
        whole = _with_sources(pass_dictionary(design), self._sources, design)
        fields = whole.pop(design.style)
        known = {field.key: field for field in design.fields}
        self._head = encode(whole)[:-1] + b","
        self._style = b',"' + design.style.encode() + b'":{'
        self._places = [(b'"' + place.encode() + b'":[', [_slot(field, known[field["key"]]) for field in fields[place]])
                        for place in PLACES.values() if place in fields]
        self._near = {own: self._sources[_identity(words)] for own, words in spoken.items()}
        self._barcode, self._nfc = BARCODES[design.wallet.barcode], design.wallet.nfc
        self._terms = {key: self._sources[_identity(words)] for key, words in design.terms.items()}
        self._operations = {kind: b',"label":' + encode(self._sources[_identity(words)]) + b',"dataDetectorTypes":[]}'
                            for kind, words in design.operations.items()}
        picture = draw_stamps(design.colours, stamps[1], stamps[0]) if stamps else {}
        self.bundle = Bundle({**design.images, **picture, **_strings(design, self._sources)})

    def pass_json(self, card: PassCard) -> bytes:
        """pass.json of `card`, compact, UTF-8; keys always in the same order, none without a value."""
        face = card.face
        own: dict[str, Any] = {
            "passTypeIdentifier": card.pass_type_identifier, "teamIdentifier": card.team_identifier, "serialNumber": card.serial_number,
            "webServiceURL": card.web_service_url, "authenticationToken": card.authentication_token,
            "barcodes": [_barcode(self._barcode, face.barcode_message)]}
        if self._nfc is not None:
            own["nfc"] = _nfc(self._nfc, face.barcode_message)
        if card.locations:
            own["locations"] = [{"latitude": place.latitude, "longitude": place.longitude, "relevantText": self._near[place.near]}
                                for place in card.locations[:MOST_LOCATIONS]]
        if face.expires_at is not None:
            own["expirationDate"] = face.expires_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if face.is_voided:
            own["voided"] = True
        return b"".join((self._head, encode(own)[1:-1], self._style, self._fields(face), b"}}"))

    def _fields(self, face: CardFace) -> bytes:
        values = face.values()
        places = []
        for name, slots in self._places:
            shown = []
            for before, after, source, kind in slots:
                if source is None:
                    shown.append(before)
                elif (value := values[source]) is None:
                    continue
                elif kind == "history":
                    shown += [self._operation(line, at, face.currency) for at, line in enumerate(face.history, 1)]
                else:
                    filled = encode(self._written(value, kind))
                    currency = b',"currencyCode":' + encode(face.currency) if kind == "money" else b""
                    shown.append(b"".join((before, filled, currency, after)))
            if shown:
                places.append(name + b",".join(shown) + b"]")
        return b",".join(places)

    def _operation(self, line: HistoryLine, at: int, currency: str) -> bytes:
        """One of the last operations as a field: what it was, which pass.strings translates, over its day and amount, which need no words.

        One field for all of them would need a text of its own in each language for each card.
        """
        amount = operation_amount(line, currency, self._language)
        text = f"{line.on.isoformat()} · {amount}" if amount else line.on.isoformat()
        label = self._operations.get(line.kind) or self._operations[OTHER]
        return b"".join((b'{"key":"history', str(at).encode(), b'","value":', encode(text), label))

    def _written(self, value: Value, kind: Format) -> Value:
        """A value as pass.json has it: a day at noon, a share as text, a word of the programme's as what pass.strings translates."""
        if isinstance(value, date):
            return f"{value.isoformat()}T12:00:00Z"
        if kind == "percent" and isinstance(value, int):
            # As text: Apple's style for shares would round 7.5 %.
            return percent(value, self._language)
        return self._terms[str(value)] if kind == "term" else value


def _slot(field: dict[str, Any], prepared: PreparedField) -> _Slot:
    """A field of the dictionary, encoded once; where it shows a card's value, this (and its currency) is cut out."""
    if prepared.value is None:
        return _Slot(encode(field), b"", None, prepared.format)
    others = {key: value for key, value in field.items() if key not in ("key", "value", "currencyCode")}
    return _Slot(encode({"key": field["key"]})[:-1] + b',"value":', b"," + encode(others)[1:], prepared.value,
                 prepared.format)


def _barcode(kind: str, message: str) -> dict[str, str]:
    # Digits survive every scanner and keyboard; the text under the code is what a cashier can type.
    return {"format": kind, "message": message, "messageEncoding": "iso-8859-1", "altText": in_fours(message)}


def _nfc(wish: Nfc, message: str) -> dict[str, Any]:
    """What a reader gets by a tap: the same as by a scan."""
    assert len(message.encode()) <= NFC_BYTES
    return {"message": message, "encryptionPublicKey": wish.public_key,
            **({"requiresAuthentication": True} if wish.requires_authentication else {})}


def _identity(words: Words) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(words.items()))


def _sources(design: PreparedDesign, near: Iterable[Words] = ()) -> dict[tuple[tuple[str, str], ...], str]:
    """Each set of translations → the text of pass.json that stands for it: the business's language, which is its entry in pass.strings.

    Two that read alike in that language but not in another could not be told apart; the later one stands under an invisible mark.
    """
    sources: dict[tuple[tuple[str, str], ...], str] = {}
    for words in (*_all_words(design), *near):
        if (identity := _identity(words)) not in sources:
            text = words[design.language]
            while text in sources.values():
                text += "\u2060"        # word joiner
            sources[identity] = text
    return sources


def _all_words(design: PreparedDesign) -> list[Words]:
    fields = [words for field in design.fields for words in (field.label, field.text, field.changes) if words is not None]
    return [design.name, design.logo_text, design.description, design.location, *fields, *design.terms.values(),
            *design.operations.values()]


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
