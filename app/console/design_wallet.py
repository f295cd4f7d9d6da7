"""What a business sets for phones' wallets, as a form: rows of text that come back as they were typed.

A row that is empty is none, and the rest moves up, so that a mistake is told beside the row that has it.
"""
from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from app.designs.rules import LANGUAGES
from app.designs.wallet import ACTIONS, MOST_ACTIONS, Action, Barcode, Nfc, RelevantSpan, WalletExtras, moment
from app.text import N_

SPANS = 4               # rows that the form offers
PLAIN = ("phone", "mail", "site", "app_url")
BARCODES: tuple[tuple[Barcode, str], ...] = (("qr", "QR"), ("aztec", "Aztec"), ("pdf417", "PDF417"), ("code128", "Code 128"))
ACTION_WORDS = (
    ("", N_("No button")), ("membershipBenefits", N_("What members get")), ("viewOffersRewards", N_("Offers and rewards")),
    ("addToBalance", N_("Top up")), ("shop", N_("Shop")), ("order", N_("Order")), ("bookAppointment", N_("Book a time")),
    ("call", N_("Call")), ("place", N_("Show on the map")))
NAMES = (
    *(f"wallet.{name}" for name in ("barcode", "sharing", "max_distance", "app_store_ids", "nfc", "nfc_asks", *PLAIN)),
    *(f"wallet.near.{language}" for language in LANGUAGES),
    *(f"wallet.relevant.{at}.{part}" for at in range(SPANS) for part in ("start", "end")),
    *(f"wallet.actions.{at}.{part}" for at in range(MOST_ACTIONS) for part in ("type", "to")))

assert [key for key, _ in ACTION_WORDS[1:]] == list(ACTIONS)


def values_of(extras: WalletExtras, zone: str) -> dict[str, str]:
    """The form's fields of `extras`; zone: in which the form tells times."""
    values = dict.fromkeys(NAMES, "")
    values |= {f"wallet.{name}": getattr(extras, name) for name in PLAIN}
    values |= {f"wallet.near.{language}": text for language, text in extras.near if language in LANGUAGES}
    for at, span in enumerate(extras.relevant[:SPANS]):
        values |= {f"wallet.relevant.{at}.start": _typed(span.start, zone), f"wallet.relevant.{at}.end": _typed(span.end, zone)}
    for at, action in enumerate(extras.actions):
        values |= {f"wallet.actions.{at}.type": action.type, f"wallet.actions.{at}.to": action.place or action.url}
    return values | {
        "wallet.barcode": extras.barcode, "wallet.sharing": "1" if extras.sharing else "",
        "wallet.max_distance": "" if extras.max_distance is None else str(extras.max_distance),
        "wallet.app_store_ids": ", ".join(map(str, extras.app_store_ids)), "wallet.nfc": extras.nfc.public_key if extras.nfc else "",
        "wallet.nfc_asks": "1" if extras.nfc and extras.nfc.requires_authentication else ""}


def moved_up(values: Mapping[str, str]) -> dict[str, str]:
    """The same fields with no empty row above a filled one."""
    done = dict(values)
    for kind, parts, most in (("relevant", ("start", "end"), SPANS), ("actions", ("type", "to"), MOST_ACTIONS)):
        rows = [[values[f"wallet.{kind}.{at}.{part}"] for part in parts] for at in range(most)]
        filled = [row for row in rows if any(row)]
        for at, row in enumerate([*filled, *[[""] * len(parts)] * (most - len(filled))]):
            done |= {f"wallet.{kind}.{at}.{part}": text for part, text in zip(parts, row, strict=True)}
    return done


def extras_of(values: Mapping[str, str], zone: str, before: WalletExtras) -> WalletExtras:
    """What the form means. A number or a time that is none becomes one that `designs.rules.validate` refuses with its sentence.

    before: what was set until now; texts near shops in languages that the form does not have, and times beyond its rows, stay.
    """
    barcode: Barcode = next((key for key, _ in BARCODES if key == values["wallet.barcode"]), "qr")
    others = tuple((language, text) for language, text in before.near if language not in LANGUAGES)
    near = tuple((language, text) for language in LANGUAGES if (text := values[f"wallet.near.{language}"]))
    spans = [(values[f"wallet.relevant.{at}.start"], values[f"wallet.relevant.{at}.end"]) for at in range(SPANS)]
    actions = [(values[f"wallet.actions.{at}.type"], values[f"wallet.actions.{at}.to"]) for at in range(MOST_ACTIONS)]
    return WalletExtras(
        barcode=barcode, sharing=bool(values["wallet.sharing"]), near=(*near, *others), max_distance=_number(values["wallet.max_distance"]),
        relevant=(*[RelevantSpan(_meant(start, zone), _meant(end, zone)) for start, end in spans if start or end],
                  *before.relevant[SPANS:]),
        actions=tuple([_action(kind, to) for kind, to in actions if kind or to]),
        nfc=Nfc("".join(values["wallet.nfc"].split()), bool(values["wallet.nfc_asks"])) if values["wallet.nfc"] else None,
        app_store_ids=tuple([_number(part) or 0 for part in values["wallet.app_store_ids"].replace(",", " ").split()]),
        **{name: values[f"wallet.{name}"] for name in PLAIN})


def _action(kind: str, to: str) -> Action:
    if kind == "call" and not to.startswith("tel:"):
        to = "tel:" + "".join([sign for sign in to if sign not in " ()-"])       # as people write a number
    return Action(kind, place=to) if kind == "place" else Action(kind, url=to)


def _number(text: str) -> int | None:
    """None for nothing; 0, which nothing here may be, for what is no number."""
    if not text:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else 0


def _typed(stored: str, zone: str) -> str:
    at = moment(stored)
    return at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M") if at else stored


def _meant(typed: str, zone: str) -> str:
    try:
        return datetime.fromisoformat(typed).replace(tzinfo=ZoneInfo(zone)).isoformat()
    except ValueError:
        return ""
