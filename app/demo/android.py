"""A saved loyalty object as Google Wallet draws it: plain values for the template, made of nothing but class and object.

Google, "Loyalty cards: template": logo, issuer and programme on top, points and secondary points, the code, the hero image;
behind the details button the texts, links and messages.
"""
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from markupsafe import Markup

from app.clock import to_ms
from app.designs.colours import BLACK, WHITE, contrast
from app.money import minor_digits
from app.web.formats import money
from app.web.templating import qr_svg

GROUND = "#3c4043"      # where a class names no colour; Google takes the hero's or the logo's
MICROS = 1_000_000
CODES = {"AZTEC": "Aztec", "PDF_417": "PDF417", "CODE_128": "Code128"}
HEX = re.compile(r"#(?:[0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})")
Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pair:
    """A label and what stands beside it; address: where a link leads."""

    label: str
    text: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One card. logo, hero: addresses, "" for none; is_light: dark text on `ground`; state: Google's word; code: its SVG, with
    code_text below; period_seconds: how often the code changes, 0 for never; ends: the last moment of the card, None for none."""

    object_id: str
    issuer: str
    program: str
    ground: str
    is_light: bool
    logo: str
    hero: str
    values: tuple[Pair, ...]
    code: Markup
    code_text: str
    is_wide: bool
    period_seconds: int
    state: str
    ends: datetime | None
    modules: tuple[Pair, ...]
    links: tuple[Pair, ...]
    messages: tuple[Pair, ...]


def drawn(stored: Body, loyalty_class: Body, language: str, now: datetime, own: str = "") -> Drawn:
    """own: the begin of addresses that the page may load as its own."""
    barcode, period_ms = code_at(stored, now)
    ground = loyalty_class.get("hexBackgroundColor", GROUND)
    ground = _long(ground) if HEX.fullmatch(ground) else GROUND
    modules = [*loyalty_class.get("textModulesData", ()), *stored.get("textModulesData", ())]
    links = [*loyalty_class.get("linksModuleData", {}).get("uris", ()), *stored.get("linksModuleData", {}).get("uris", ())]
    messages = [*loyalty_class.get("messages", ()), *stored.get("messages", ())]
    ends = _moment(stored.get("validTimeInterval", {}).get("end", {}).get("date"))
    return Drawn(
        object_id=stored["id"], issuer=said(loyalty_class, "issuerName", language), program=said(loyalty_class, "programName", language),
        ground=ground, is_light=contrast(ground, BLACK) > contrast(ground, WHITE),
        logo=_image(loyalty_class.get("programLogo"), own), hero=_image(stored.get("heroImage") or loyalty_class.get("heroImage"), own),
        values=_values(stored, loyalty_class, language), code=code_svg(barcode.get("type", ""), barcode.get("value", "")),
        code_text=barcode.get("alternateText") or stored.get("accountId") or barcode.get("value", ""),
        is_wide=barcode.get("type") in ("PDF_417", "CODE_128"), period_seconds=period_ms // 1000,
        state="EXPIRED" if ends and ends <= now else stored["state"], ends=ends,
        modules=tuple(Pair(said(one, "header", language), said(one, "body", language)) for one in modules),
        links=tuple(Pair("", said(one, "description", language) or one["uri"], one["uri"]) for one in links),
        messages=tuple(Pair(said(one, "header", language), said(one, "body", language)) for one in reversed(messages)))


def said(body: Body, name: str, language: str) -> str:
    """A text in `language` where it was translated, else in its own; Google's localized twin goes before the plain one."""
    twin = body.get("localized" + name[0].upper() + name[1:])
    if not twin:
        return body.get(name, "")
    every = {one["language"].partition("-")[0]: one["value"] for one in (twin["defaultValue"], *twin.get("translatedValues", ()))}
    return every.get(language, twin["defaultValue"]["value"])


def _values(stored: Body, loyalty_class: Body, language: str) -> tuple[Pair, ...]:
    """What stands between the title and the code."""
    made = [Pair(said(stored[name], "label", language), balance(stored[name].get("balance", {}), language))
            for name in ("loyaltyPoints", "secondaryLoyaltyPoints") if name in stored]
    for name in ("accountName", "accountId"):
        if name in stored:
            made.append(Pair(said(loyalty_class, f"{name}Label", language), stored[name]))
    return tuple(made)


def balance(told: Body, language: str) -> str:
    """The one kind of value that a balance holds."""
    if "money" in told:
        currency = told["money"]["currencyCode"]
        return money(int(told["money"]["micros"]) * 10 ** minor_digits(currency) // MICROS, currency, language)
    return next((str(told[kind]) for kind in ("string", "int", "double") if kind in told), "")


def code_at(stored: Body, now: datetime) -> tuple[dict[str, Any], int]:
    """The code that is drawn now: `{type, value, alternateText}` and its period in ms, 0 for one that stands still.

    A rotating code goes before a still one, as on the phone.
    """
    turning = stored.get("rotatingBarcode")
    if not turning:
        return dict(stored.get("barcode", {})), 0
    details = turning["totpDetails"]
    period, value = int(details["periodMillis"]), turning["valuePattern"]
    for number, parameter in enumerate(details.get("parameters", ())):
        code = totp(bytes.fromhex(parameter["key"]), to_ms(now) // period, parameter["valueLength"])
        value = value.replace(f"{{totp_value_{number}}}", code)
    value = value.replace("{totp_timestamp_millis}", str(to_ms(now))).replace("{totp_timestamp_seconds}", str(to_ms(now) // 1000))
    return {**turning, "value": value}, period


def totp(key: bytes, counter: int, digits: int) -> str:
    """RFC 4226 with SHA-1, padded with zeros."""
    made = hmac.digest(key, counter.to_bytes(8, "big"), hashlib.sha1)
    place = made[-1] & 15
    return str((int.from_bytes(made[place:place + 4], "big") & 0x7FFFFFFF) % 10**digits).zfill(digits)


@lru_cache(maxsize=64)
def code_svg(kind: str, value: str) -> Markup:
    """The code as a drawing; nothing for a kind that no phone draws here, or for no value."""
    if not value or kind not in (*CODES, "QR_CODE"):
        return Markup("")
    if kind == "QR_CODE":
        return qr_svg(value)
    import zxingcpp

    image: Any = zxingcpp.create_barcode(value, getattr(zxingcpp.BarcodeFormat, CODES[kind])).to_image(scale=1, add_quiet_zones=False)
    rows = [bytes(row) for row in memoryview(image).tolist()]
    tall = max(len(rows), len(rows[0]) // 4)        # a code of bars alone is one row high
    runs = "".join(f"M{run.start()} {y + .5:g}h{run.end() - run.start()}" for y, row in enumerate(rows) for run in re.finditer(b"\0+", row))
    return Markup('<svg viewBox="0 0 {0} {1}" role="img" aria-label="{2}" shape-rendering="crispEdges" preserveAspectRatio="none">'
                  '<path stroke="#000" d="{3}"/></svg>').format(len(rows[0]), len(rows) if len(rows) > 1 else tall, kind, runs)


def _moment(text: str | None) -> datetime | None:
    """ISO 8601; one without a zone is read as UTC."""
    found = datetime.fromisoformat(text) if text else None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found


def _image(image: Body | None, own: str) -> str:
    """Google fetches and keeps pictures; this page may load those of its own server alone."""
    address: str = (image or {}).get("sourceUri", {}).get("uri", "")
    return address.removeprefix(own) if own and address.startswith(own + "/") else ""


def _long(colour: str) -> str:
    return (colour if len(colour) == 7 else "#" + "".join(letter * 2 for letter in colour[1:])).lower()
