"""The pass object model of `wallet-py3k`, and the only module that imports it.

Its classes are the vocabulary for describing a card, used once per design version. What it writes is then cleaned and completed:
it knows only the deprecated `barcode`, spells `expirationDate` wrongly, forces texts to the left, and writes empty keys, which
phones take for values. Its `create()` is never called: a process per pass, with the key's password in the process list.
"""
import re
from typing import Any

from wallet.models import Coupon, CurrencyField, DateField, Field, Generic, NumberField, Pass, StoreCard

from app.designs.colours import rgb
from app.designs.prepared import PreparedDesign, PreparedField
from app.designs.rules import Action, WalletExtras

STYLES = {"storeCard": StoreCard, "coupon": Coupon, "generic": Generic}
EMPTY: tuple[Any, ...] = ("", None, [], {})
PLACES = {"header": "headerFields", "primary": "primaryFields", "secondary": "secondaryFields", "auxiliary": "auxiliaryFields",
          "back": "backFields"}
# What phones make tappable in fields of the back; sums and spans in the rules are no telephone numbers. None: whatever they find.
DETECTED: dict[str, list[str] | None] = {
    "rules": [], "phone": ["PKDataDetectorTypePhoneNumber"], "mail": ["PKDataDetectorTypeLink"], "site": ["PKDataDetectorTypeLink"],
    "addresses": ["PKDataDetectorTypeAddress"], "page": ["PKDataDetectorTypeLink"], "stop": ["PKDataDetectorTypeLink"]}
# A placeholder: the card's own value takes its place.
VALUE = "-"


def pass_dictionary(design: PreparedDesign) -> dict[str, Any]:
    """pass.json of `design` without anything of a card: fields hold VALUE where a card's value belongs, texts in the design's language."""
    language = design.language
    style = STYLES[design.style]()
    for field in design.fields:
        getattr(style, PLACES[field.place]).append(_field(field, language))
    model = Pass(style, organizationName=design.name[language])
    model.description, model.logoText = design.description[language], design.logo_text[language]
    model.backgroundColor, model.foregroundColor = rgb(design.colours.brand), rgb(design.colours.on_brand)
    model.labelColor = rgb(design.colours.label)
    whole = _cleaned(model.json_dict())
    del whole["suppressStripShine"]     # phones have drawn none for years; the model cannot leave it out
    return {**whole, **_extras(design.wallet)}


def _extras(wallet: WalletExtras) -> dict[str, Any]:
    """What the business set beside colours and words; a key that it did not set is left out."""
    return _cleaned({
        "sharingProhibited": not wallet.sharing or None, "maxDistance": wallet.max_distance,
        "relevantDates": [{"startDate": span.start, "endDate": span.end} for span in wallet.relevant],
        "associatedStoreIdentifiers": list(wallet.app_store_ids), "appLaunchURL": wallet.app_url,
        "featuredActions": [_action(action, at) for at, action in enumerate(wallet.actions, 1)]})


def _action(action: Action, at: int) -> dict[str, str]:
    """A tile under the pass (iOS 27); older phones ignore it."""
    url = re.sub("^tel:(//)?", "tel://", action.url)
    return {"identifier": f"action{at}", "type": action.type, "placeIdentifier": action.place, "url": url}


def _field(field: PreparedField, language: str) -> Field:
    value, label = field.text[language] if field.text else VALUE, field.label[language]
    if field.format == "money":
        made = CurrencyField(field.key, value, label, currencyCode=VALUE)
    elif field.format == "number":
        made = NumberField(field.key, value, label)
    elif field.format == "day":
        made = DateField(field.key, value, label)
        # The day is the business's, whatever zone the phone is in.
        made.dateStyle, made.timeStyle, made.ignoresTimeZone = "PKDateStyleMedium", "PKDateStyleNone", True
        made.isRelative = None
    else:
        made = Field(field.key, value, label)
    made.textAlignment = None
    if field.changes:
        made.changeMessage = field.changes[language]
    if field.place == "back":
        made.dataDetectorTypes = DETECTED.get(field.key)
    return made


def _cleaned(value: Any) -> Any:
    """Without the keys that hold nothing, all the way down; `dataDetectorTypes: []` says something, so it stays."""
    if isinstance(value, dict):
        return {key: _cleaned(inner) for key, inner in value.items() if inner not in EMPTY or (key == "dataDetectorTypes" and inner == [])}
    return [_cleaned(inner) for inner in value] if isinstance(value, list) else value
