"""Where data leaves the server to: which field goes to which host in which country, made from the settings (goal N6)."""
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.google.accounts import TOKENS
from app.settings import Settings
from app.sms.addresses import parse_address

# Whose hosts the program knows by itself; anybody else's is the operator's to know.
COUNTRIES = {"api.push.apple.com": "US", "walletobjects.googleapis.com": "US", "oauth2.googleapis.com": "US", "pay.google.com": "US",
             "api.twilio.com": "US", "rest.nexmo.com": "US", "smsc.ru": "RU", "www2.smsc.ru": "RU", "smsc.kz": "KZ", "sms.ru": "RU",
             "gate.smsaero.ru": "RU"}
# The host of a gateway whose address names none.
GATEWAY_HOSTS = {"twilio": "api.twilio.com", "vonage": "rest.nexmo.com", "smsc": "smsc.ru", "smsru": "sms.ru", "smsaero": "gate.smsaero.ru"}
MESSAGE = ("telephone number", "text of the message: the business's name and a one-time link or code", "sender's name")
MAIL = ("e-mail address", "text of the mail: the business's name and a one-time link or code")
PUSH = ("push token of a phone", "pass type; the push itself is empty")
OBJECT = ("card number and balance, under a random name", "no name, no telephone number, no address of a card page")
ACCOUNT = ("signed name of the business's own service account",)
KEYS = ("nothing: Google's public keys are fetched",)


@dataclass(frozen=True, slots=True)
class Destination:
    """what: what it is for; host; country: ISO, "" where only the operator knows; fields: what of a person goes there."""

    what: str
    host: str
    country: str
    fields: tuple[str, ...]


def destinations(settings: Settings) -> list[Destination]:
    """Every host that the server itself opens a connection to, with these settings; the database and the browser's own ways apart."""
    found = [_to("Apple Push Notification service", settings.apns, PUSH)]
    if settings.google_api:
        found += [_to("Google Wallet API", settings.google_api, OBJECT), _to("Google OAuth", TOKENS, ACCOUNT),
                  _to("Google Wallet keys", settings.google_keys, KEYS)]
    found += [_gateway(address) for address in settings.sms if not address.startswith("console:")]
    if settings.smtp:
        found.append(_to("Mail server", settings.smtp, MAIL))
    return found


def _to(what: str, address: str, fields: tuple[str, ...]) -> Destination:
    host = urlsplit(address).hostname or ""
    return Destination(what, host, COUNTRIES.get(host, ""), fields)


def _gateway(address: str) -> Destination:
    kind, _, rest = address.partition("+")
    if kind == "webhook":
        return _to("SMS gateway (webhook)", rest, MESSAGE)
    name = address.partition(":")[0]
    return _to(f"SMS gateway ({name})", parse_address(address, GATEWAY_HOSTS[name]).base, MESSAGE)
