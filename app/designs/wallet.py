"""What a business may set beside words and colours, for the phones' wallets: what there is, and which of it a wallet would refuse.

Apple, "Pass", "Pass.RelevantDates", "Pass.NFC", "Pass.FeaturedActions"; what is checked here is what phones refuse without a word.
"""
import base64
import re
import unicodedata
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import SplitResult, urlsplit

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from app.errors import FieldError
from app.text import N_

Barcode = Literal["qr", "aztec", "pdf417", "code128"]

MOST_ACTIONS, MOST_SPANS, MOST_NEAR, MOST_APPS = 2, 10, 10, 5
LONGEST_SPAN = timedelta(hours=24)
LONGEST_URL, LONGEST_NEAR, LONGEST_PLACE = 300, 100, 100
MOST_METRES = 10_000
# Apple's words for tiles that make sense on a card of a shop; `place` takes a place of Apple's maps instead of an address.
ACTIONS = ("membershipBenefits", "viewOffersRewards", "addToBalance", "shop", "order", "bookAppointment", "call", "place")
PHONE = re.compile(r"\+?[0-9][0-9 ()-]{3,23}")
MAIL = re.compile(r"[^\s@<>\"',;:]{1,64}@[^\s@<>\"',;:]+\.[^\s@<>\"',;:.]{2,}")
PLACE = re.compile(r"[A-Za-z0-9._-]+")
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,8})?")
ASCII_URL = re.compile(r"[!-~]+")
NOT_HTTPS = N_("Type the whole address, with https:// at its beginning.")


class Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of up to two tiles under the pass (iOS 27, `featuredActions`). type: Apple's word; url: https, tel or mailto; place:
    an Apple Maps place id, for the type `place` only."""

    type: str
    url: str = ""
    place: str = ""


class RelevantSpan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the lock screen may suggest the card: RFC 3339 with a zone, at most 24 hours apart (`relevantDates`, iOS 18)."""

    start: str
    end: str


class Nfc(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Tap to present; needs a certificate that Apple entitled. public_key: Base64 of an EC P-256 SubjectPublicKeyInfo."""

    public_key: str
    requires_authentication: bool = False


class WalletExtras(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a business may set beside words and colours.

    barcode: how the code is drawn everywhere; app_store_ids with app_url: the business's own app on the back; sharing: whether the
    pass offers its Share button; near: what the lock screen says near a location, as (language, text), empty for the template's words;
    max_distance: metres, None for the phone's own; contacts on the back: phone, mail, site.
    """

    barcode: Barcode = "qr"
    sharing: bool = False
    near: tuple[tuple[str, str], ...] = ()
    max_distance: int | None = None
    relevant: tuple[RelevantSpan, ...] = ()
    actions: tuple[Action, ...] = ()
    nfc: Nfc | None = None
    app_store_ids: tuple[int, ...] = ()
    app_url: str = ""
    phone: str = ""
    mail: str = ""
    site: str = ""


def wrong_extras(extras: WalletExtras) -> list[FieldError]:
    """What a wallet could not use, a sentence for each; fields are named `wallet.phone`, `wallet.actions.0`, `wallet.near.en`, …"""
    return [*_wrong_contacts(extras), *_wrong_near(extras), *_wrong_spans(extras), *_wrong_actions(extras), *_wrong_app(extras),
            *_wrong_nfc(extras)]


def wrong_near(field: str, text: str) -> FieldError | None:
    """What a lock screen could not say near a shop; None for a text that it can."""
    if not text.strip():
        return FieldError(field, "required", N_("Type something here, or leave the text out."))
    if len(text) > LONGEST_NEAR:
        return FieldError(field, "too_long", N_("This is longer than a lock screen can show. Shorten it."))
    if is_unprintable(text):
        return FieldError(field, "characters", N_("There are characters in here that no card can show. Type the text anew."))
    return None


def moment(text: str) -> datetime | None:
    """An RFC 3339 moment; None for anything else, and for one without a zone."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read if "T" in text and read.tzinfo is not None else None


def is_unprintable(text: str, lines: bool = False) -> bool:
    """Whether `text` has characters that no card can show; lines: line ends are fine."""
    return any(unicodedata.category(letter) in ("Cc", "Cs", "Co", "Cn") and not (lines and letter == "\n") for letter in text)


def _error(field: str, code: str, sentence: str) -> FieldError:
    return FieldError(f"wallet.{field}", code, sentence)


def _wrong_contacts(extras: WalletExtras) -> list[FieldError]:
    wrong = []
    if extras.phone and not PHONE.fullmatch(extras.phone):
        wrong.append(_error("phone", "phone", N_("Type a phone number in digits, such as +7 495 123-45-67.")))
    if extras.mail and not (len(extras.mail) <= 254 and MAIL.fullmatch(extras.mail)):
        wrong.append(_error("mail", "mail", N_("Type a mail address, such as hello@example.com.")))
    if extras.site and not _is_web(extras.site):
        wrong.append(_error("site", "url", NOT_HTTPS))
    return wrong


def _wrong_near(extras: WalletExtras) -> list[FieldError]:
    wrong = []
    languages = [language for language, _ in extras.near]
    if len(extras.near) > MOST_NEAR or len(set(languages)) < len(languages):
        wrong.append(_error("near", "many", N_("There is one text for each language, and there are ten languages at most.")))
    for language, text in extras.near:
        if not LANGUAGE.fullmatch(language):
            wrong.append(_error("near", "language", N_("A text near a shop names its language, such as en.")))
        elif (error := wrong_near(f"wallet.near.{language}", text)) is not None:
            wrong.append(error)
    if extras.max_distance is not None and not 1 <= extras.max_distance <= MOST_METRES:
        wrong.append(_error("max_distance", "range", N_("Type a distance from 1 to 10,000 metres, or nothing.")))
    return wrong


def _wrong_spans(extras: WalletExtras) -> list[FieldError]:
    wrong = []
    if len(extras.relevant) > MOST_SPANS:
        wrong.append(_error("relevant", "many", N_("A card can hold ten times at most.")))
    for at, span in enumerate(extras.relevant):
        start, end = moment(span.start), moment(span.end)
        if start is None or end is None:
            wrong.append(_error(f"relevant.{at}", "moment", N_("Type day and time of the beginning and of the end.")))
        elif not timedelta() < end - start <= LONGEST_SPAN:
            wrong.append(_error(f"relevant.{at}", "span", N_("The end comes after the beginning, by 24 hours at most.")))
    return wrong


def _wrong_actions(extras: WalletExtras) -> list[FieldError]:
    wrong = []
    if len(extras.actions) > MOST_ACTIONS:
        wrong.append(_error("actions", "many", N_("A card can hold two buttons at most.")))
    for at, action in enumerate(extras.actions):
        if (sentence := _wrong_action(action)) is not None:
            wrong.append(_error(f"actions.{at}", "action", sentence))
    return wrong


def _wrong_action(action: Action) -> str | None:
    if action.type not in ACTIONS:
        return N_("Choose what the button does.")
    if action.type == "place":
        is_place = bool(PLACE.fullmatch(action.place)) and len(action.place) <= LONGEST_PLACE and not action.url
        return None if is_place else N_("Type the place’s identifier in Apple Maps: letters and digits, no address.")
    if action.place:
        return N_("Only the button for a place takes a place.")
    if action.type == "call":
        return None if _is_call(action.url) else N_("Type tel: and the phone number, such as tel:+74951234567.")
    return None if _is_web(action.url) or _is_mail(action.url) else N_("Type the whole address, with https:// or mailto: at its beginning.")


def _wrong_app(extras: WalletExtras) -> list[FieldError]:
    wrong = []
    if len(extras.app_store_ids) > MOST_APPS or len(set(extras.app_store_ids)) < len(extras.app_store_ids) or any(
            not 0 < number < 10**12 for number in extras.app_store_ids):
        wrong.append(_error("app_store_ids", "app", N_("Type the app’s number in the App Store, digits only; five apps at most.")))
    if extras.app_url and not extras.app_store_ids:
        wrong.append(_error("app_url", "app", N_("An address for the app needs the app’s number in the App Store.")))
    elif extras.app_url and not _is_app_address(extras.app_url):
        wrong.append(_error("app_url", "url", N_("Type the address that your app opens, such as coffee://card or https://example.com/card.")))
    return wrong


def _wrong_nfc(extras: WalletExtras) -> list[FieldError]:
    if extras.nfc is None or _is_p256(extras.nfc.public_key):
        return []
    return [_error("nfc", "key", N_("Paste the public key of your reader: an elliptic-curve key (P-256) in Base64, without its first and "
                                    "last line."))]


def _is_p256(text: str) -> bool:
    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
    except (ValueError, UnsupportedAlgorithm):
        return False
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)


def _is_web(url: str) -> bool:
    address = _split(url)
    return address is not None and address.scheme == "https" and bool(address.hostname) and "@" not in address.netloc


def _is_mail(url: str) -> bool:
    return url.startswith("mailto:") and len(url) <= LONGEST_URL and MAIL.fullmatch(url.removeprefix("mailto:")) is not None


def _is_call(url: str) -> bool:
    return re.fullmatch(r"tel:(//)?\+?[0-9-]{3,20}", url) is not None


def _is_app_address(url: str) -> bool:
    address = _split(url)
    if address is None or address.scheme in ("", "http", "javascript", "data", "file"):
        return False
    return address.scheme != "https" or _is_web(url)


def _split(url: str) -> SplitResult | None:
    if len(url) > LONGEST_URL or not ASCII_URL.fullmatch(url):
        return None
    try:
        address = urlsplit(url)
        address.port     # noqa: B018 (read for its check)
    except ValueError:
        return None
    return address
