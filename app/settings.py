"""Reads the environment once, refuses to start on a bad value with a sentence per mistake, is frozen afterwards.

Every setting is a row of TABLE, which `docs/operator.md` repeats and a test compares.
"""
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.errors import SettingsError

DEFAULT_PORT = 8000
APNS = "https://api.push.apple.com"
GOOGLE_API = "https://walletobjects.googleapis.com/walletobjects/v1"
GOOGLE_SAVE = "https://pay.google.com/gp/v/save/"
GOOGLE_KEYS = "https://pay.google.com/gp/m/issuer/keys"
# Name, default, what it is; documented in docs/operator.md.
TABLE = (
    ("PORT", str(DEFAULT_PORT), "port that the server listens on"),
    ("DATABASE_URL", "", "postgresql://…; empty: SQLite in TESSERA_DATA"),
    ("TESSERA_DATA", "data", "folder of the SQLite file, its lock, the key and caches"),
    ("TESSERA_URL", "", "public address, https outside demo; links and passes are made from it"),
    ("TESSERA_LINK_URL", "", "a short host for links in SMS; empty: TESSERA_URL"),
    ("TESSERA_HOST", "127.0.0.1", "address that `web` listens on"),
    ("TESSERA_DEMO_HOST", "127.0.0.1", "address that `run --demo` listens on; anything but loopback warns on every page"),
    ("TESSERA_SECRET_KEY", "", "key ring, newest first, separated by commas; made by itself only with SQLite"),
    ("TESSERA_PROXIES", "", "addresses or networks whose X-Forwarded-For and -Proto are believed, separated by commas"),
    ("TESSERA_APPLE_CERTIFICATE", "", "pass type certificate, PEM file; _PEM: its content"),
    ("TESSERA_APPLE_KEY", "", "its private key, PEM file; _PEM: its content"),
    ("TESSERA_APPLE_KEY_PASSWORD", "", "the key's password, if it has one"),
    ("TESSERA_APPLE_WWDR", "", "Apple's intermediate certificate (G4), PEM file; _PEM: its content"),
    ("TESSERA_APNS", APNS, "Apple's push service"),
    ("TESSERA_APNS_CA", "", "root of a test push server, PEM file; _PEM: its content"),
    ("TESSERA_APNS_PUSH", "background", "kind of push: background (with priority 5), or plain (neither is named, and APNs takes 10)"),
    ("TESSERA_SPREAD", "1200", "cards a minute that learn of a change of their whole programme, after the first thousand"),
    ("TESSERA_GOOGLE_ISSUER", "", "Google Wallet issuer id, digits"),
    ("TESSERA_GOOGLE_ACCOUNT", "", "key of its service account, JSON file; _PEM: its content"),
    ("TESSERA_GOOGLE_API", GOOGLE_API, "Google Wallet's REST address"),
    ("TESSERA_GOOGLE_TOKEN", "", "where access tokens come from; empty: what the service account's key names"),
    ("TESSERA_GOOGLE_SAVE", GOOGLE_SAVE, "where save links lead"),
    ("TESSERA_GOOGLE_KEYS", GOOGLE_KEYS, "where the root keys of Google's callbacks are"),
    ("TESSERA_SMTP", "", "mail server, smtp://user:password@host:587 (STARTTLS) or smtps://…:465; empty: no mail"),
    ("TESSERA_MAIL_FROM", "", "sender of mail, such as cards@example.com"),
    ("TESSERA_OPERATOR", "", "who is written to about the server's own certificate, a mail address"),
    ("TESSERA_SMS", "console:", "SMS gateways as URLs, tried in order, separated by commas"),
    ("TESSERA_SMS_COUNTRIES", "", "further countries that may be texted, ISO codes separated by commas"),
    ("TESSERA_SMS_PRICE", "0", "what one SMS part costs, in minor units of the business's currency"),
    ("TESSERA_SMS_MESSAGE_CAP", "5000", "most that one message may cost, minor units; a business may set less, of this and the next two"),
    ("TESSERA_SMS_DAY_CAP", "100000", "most that SMS may cost a business in a day, minor units"),
    ("TESSERA_SMS_MONTH_CAP", "1000000", "most that SMS may cost a business in a month, minor units"),
    ("TESSERA_SMS_SERVER_DAY_CAP", "1000000", "most that SMS of all businesses together may cost in a day (UTC), minor units"),
    ("TESSERA_SMS_SERVER_MONTH_CAP", "10000000", "most that SMS of all businesses together may cost in a month (UTC), minor units"),
    ("TESSERA_WEBHOOK_PRIVATE", "", "private addresses or networks that webhooks may tell, also by plain http, separated by commas"),
    ("TESSERA_KEY_RATE", "50", "calls a second of one API key, twice as many in a burst; each process counts its own; 0: no limit"),
    ("TESSERA_WORKERS", "1", "web processes; more than one only with PostgreSQL"),
    ("TESSERA_LOG", "info", "debug, info, warning or error"),
)
FILES = ("TESSERA_APPLE_CERTIFICATE", "TESSERA_APPLE_KEY", "TESSERA_APPLE_WWDR", "TESSERA_APNS_CA", "TESSERA_GOOGLE_ACCOUNT")
# Begins of the gateways that app/sms knows; the rest of the URL is the gateway's own.
GATEWAYS: tuple[str, ...] = ("twilio://", "vonage://", "smsc://", "smsru://", "smsaero://", "webhook+https://")
# What the user, the password and an option of each are; app/sms reads them.
GATEWAY_PARTS = {"twilio": ("account SID", "token", ("from", "service")), "vonage": ("key", "secret", ("from",)),
                 "smsc": ("login", "", ()), "smsru": ("api_id", "", ()), "smsaero": ("mail address", "key", ())}
LOOPBACK = ("127.0.0.1", "::1", "localhost")
KNOWN = {name for name, _, _ in TABLE} | {name + "_PEM" for name in FILES}

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Where the demo's own receiver listens.
DEMO_RECEIVERS: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.1/32"),)


@dataclass(frozen=True)
class Settings:
    """What the environment said, checked. PEM fields hold content, whichever twin gave it."""

    demo: bool
    port: int
    host: str
    url: str
    link_url: str
    data: Path
    database_url: str
    secret_keys: tuple[str, ...]
    proxies: tuple[Network, ...]
    apple_certificate: bytes
    apple_key: bytes
    apple_key_password: str
    apple_wwdr: bytes
    apns: str
    apns_ca: bytes
    apns_push: str
    spread_a_minute: int
    google_issuer: str
    google_account: bytes
    google_api: str
    google_token: str
    google_save: str
    google_keys: str
    smtp: str
    mail_from: str
    operator: str
    sms: tuple[str, ...]
    sms_countries: tuple[str, ...]
    sms_price_minor: int
    sms_message_cap_minor: int
    sms_day_cap_minor: int
    sms_month_cap_minor: int
    sms_server_day_cap_minor: int
    sms_server_month_cap_minor: int
    webhook_private: tuple[Network, ...]
    key_rate: int
    workers: int
    log: str

    @property
    def is_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    @property
    def database_file(self) -> Path:
        """The SQLite file; only with SQLite."""
        return self.data / "tessera.db"

    @property
    def is_https(self) -> bool:
        return self.url.startswith("https://")

    @property
    def is_loopback(self) -> bool:
        return self.host in LOOPBACK

    def address(self, path: str) -> str:
        """A public address, never made from the Host header."""
        return self.url + path

    def link(self, path: str) -> str:
        """An address for an SMS, on the short host where there is one."""
        return self.link_url + path


def load(environ: Mapping[str, str] | None = None, *, demo: bool = False) -> Settings:
    """The settings of this process; raises SettingsError with one sentence per mistake, all at once."""
    reader = _Reader(os.environ if environ is None else environ)
    reader.refuse_unknown()
    port = reader.number("PORT", 1, 65535)
    url = reader.url("TESSERA_URL", f"http://127.0.0.1:{port}" if demo else "", demo)
    data = Path(reader.text("TESSERA_DATA"))
    settings: dict[str, Any] = dict(
        demo=demo, port=port, host=reader.text("TESSERA_DEMO_HOST" if demo else "TESSERA_HOST"), url=url,
        link_url=reader.url("TESSERA_LINK_URL", url, demo), data=data, database_url=reader.database(data),
        secret_keys=reader.listed("TESSERA_SECRET_KEY"), proxies=reader.networks("TESSERA_PROXIES"),
        apple_certificate=reader.pem("TESSERA_APPLE_CERTIFICATE"), apple_key=reader.pem("TESSERA_APPLE_KEY"),
        apple_key_password=reader.text("TESSERA_APPLE_KEY_PASSWORD"), apple_wwdr=reader.pem("TESSERA_APPLE_WWDR"),
        apns=reader.apns(), apns_ca=reader.pem("TESSERA_APNS_CA"),
        apns_push=reader.choice("TESSERA_APNS_PUSH", ("background", "plain")), spread_a_minute=reader.number("TESSERA_SPREAD", 1, 10**6),
        **reader.google(demo), **reader.mail(),
        sms=reader.gateways(), sms_countries=tuple(code.upper() for code in reader.listed("TESSERA_SMS_COUNTRIES")),
        sms_price_minor=reader.number("TESSERA_SMS_PRICE", 0, 10**6),
        sms_message_cap_minor=reader.number("TESSERA_SMS_MESSAGE_CAP", 0, 10**9),
        sms_day_cap_minor=reader.number("TESSERA_SMS_DAY_CAP", 0, 10**12),
        sms_month_cap_minor=reader.number("TESSERA_SMS_MONTH_CAP", 0, 10**12),
        sms_server_day_cap_minor=reader.number("TESSERA_SMS_SERVER_DAY_CAP", 0, 10**12),
        sms_server_month_cap_minor=reader.number("TESSERA_SMS_SERVER_MONTH_CAP", 0, 10**12),
        webhook_private=reader.networks("TESSERA_WEBHOOK_PRIVATE") or (DEMO_RECEIVERS if demo else ()),
        key_rate=reader.number("TESSERA_KEY_RATE", 0, 10_000),
        workers=reader.number("TESSERA_WORKERS", 1, 64),
        log=reader.choice("TESSERA_LOG", ("debug", "info", "warning", "error")),
    )
    reader.check_together(settings)
    if reader.mistakes:
        raise SettingsError("\n".join(reader.mistakes))
    return Settings(**settings)


class _Reader:
    """Reads values and collects the mistakes, so that a start tells all of them at once."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.mistakes: list[str] = []
        self.defaults = {name: default for name, default, _ in TABLE}

    def refuse_unknown(self) -> None:
        for name in sorted(self.environ):
            if name.startswith("TESSERA_") and name not in KNOWN:
                self.mistakes.append(f"{name} is not a setting. docs/operator.md lists them; is it spelt right?")

    def text(self, name: str) -> str:
        return self.environ.get(name, "").strip() or self.defaults[name]

    def number(self, name: str, least: int, most: int) -> int:
        text = self.text(name)
        if text.isascii() and text.isdigit() and least <= int(text) <= most:
            return int(text)
        self.mistakes.append(f"{name} is “{text}”; it must be a whole number from {least} to {most}.")
        return least

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        text = self.text(name).lower()
        if text not in allowed:
            self.mistakes.append(f"{name} is “{text}”; it must be one of: {', '.join(allowed)}.")
        return text

    def listed(self, name: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in self.text(name).split(",") if part.strip())

    def url(self, name: str, default: str, demo: bool) -> str:
        text = (self.environ.get(name, "").strip() or default).rstrip("/")
        parts = urlsplit(text)
        if not text and name == "TESSERA_LINK_URL":
            return ""       # follows TESSERA_URL, whose own sentence is enough
        if not text:
            self.mistakes.append(f"{name} is missing. Set it to the public address, such as https://cards.example.com.")
        elif parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
            self.mistakes.append(f"{name} is “{text}”; it must look like https://cards.example.com.")
        elif parts.scheme == "http" and not demo:
            self.mistakes.append(f"{name} must begin with https:// (phones refuse anything else); plain http is for `run --demo`.")
        return text

    def database(self, data: Path) -> str:
        text = self.text("DATABASE_URL")
        if not text:
            return f"sqlite:///{data / 'tessera.db'}"
        if text.startswith("postgres://"):
            text = "postgresql://" + text.removeprefix("postgres://")
        if not text.startswith("postgresql://"):
            self.mistakes.append("DATABASE_URL must begin with postgresql://; leave it empty for SQLite in TESSERA_DATA.")
        return text

    def networks(self, name: str) -> tuple[Network, ...]:
        found = []
        for part in self.listed(name):
            try:
                found.append(ipaddress.ip_network(part, strict=False))
            except ValueError:
                self.mistakes.append(f"{name}: “{part}” is not an address or a network such as 10.0.0.0/8.")
        return tuple(found)

    def pem(self, name: str) -> bytes:
        """A certificate or a key; hosts that take one line a variable write the text's line ends as \\n."""
        content = self.file(name)
        return content.replace(b"\\n", b"\n") if self.environ.get(name + "_PEM") else content

    def file(self, name: str) -> bytes:
        content, path = self.environ.get(name + "_PEM", "").strip(), self.text(name)
        if content and path:
            self.mistakes.append(f"{name} and {name}_PEM are both set. Keep one of them.")
        if content or not path:
            return content.encode()
        try:
            return Path(path).read_bytes()
        except OSError as exc:
            self.mistakes.append(f"{name}: the file {path} cannot be read ({exc.strerror}).")
            return b""

    def apns(self) -> str:
        """An https address; a bare `host:port` means one."""
        text = self.text("TESSERA_APNS").rstrip("/")
        return text if "://" in text else f"https://{text}"

    def google(self, demo: bool) -> dict[str, Any]:
        """Google's five; http is for a fake on this machine only."""
        issuer, account = self.text("TESSERA_GOOGLE_ISSUER"), self.file("TESSERA_GOOGLE_ACCOUNT")
        if issuer and not (issuer.isascii() and issuer.isdigit()):
            self.mistakes.append(f"TESSERA_GOOGLE_ISSUER is “{issuer}”; it must be the digits that Google's console shows.")
        if bool(issuer) != bool(account):
            self.mistakes.append("Google needs both: TESSERA_GOOGLE_ISSUER and TESSERA_GOOGLE_ACCOUNT.")
        made: dict[str, Any] = {"google_issuer": issuer, "google_account": account}
        for name in ("api", "token", "save", "keys"):
            text = self.text(f"TESSERA_GOOGLE_{name.upper()}")
            if text and urlsplit(text).scheme != "https" and not (demo or urlsplit(text).hostname in LOOPBACK):
                self.mistakes.append(f"TESSERA_GOOGLE_{name.upper()} must begin with https://.")
            made[f"google_{name}"] = text if name == "save" else text.rstrip("/")
        return made

    def mail(self) -> dict[str, str]:
        smtp, sender, operator = (self.text(f"TESSERA_{name}") for name in ("SMTP", "MAIL_FROM", "OPERATOR"))
        if smtp and (urlsplit(smtp).scheme not in ("smtp", "smtps") or not urlsplit(smtp).hostname):
            self.mistakes.append("TESSERA_SMTP must look like smtp://user:password@mail.example.com:587, or begin with smtps://.")
        if smtp and "@" not in sender:
            self.mistakes.append("TESSERA_MAIL_FROM is missing: mail needs a sender, such as cards@example.com.")
        if operator and "@" not in operator:
            self.mistakes.append(f"TESSERA_OPERATOR is “{operator}”; it must be a mail address.")
        return {"smtp": smtp, "mail_from": sender, "operator": operator}

    def gateways(self) -> tuple[str, ...]:
        """Addresses that app/sms can open. A mistake names the kind and never the address: its secrets would stand in the terminal."""
        found = self.listed("TESSERA_SMS")
        for gateway in found:
            kind = gateway.partition(":")[0]
            if gateway == "console:" or (gateway.startswith("webhook+http://") and urlsplit(gateway).hostname in LOOPBACK):
                continue
            if not gateway.startswith(GATEWAYS):
                self.mistakes.append(f"TESSERA_SMS: there is no gateway “{kind}:”. Known: console:, {', '.join(GATEWAYS)}…")
            elif kind in GATEWAY_PARTS:
                self.gateway_parts(kind, gateway)
        return found

    def gateway_parts(self, kind: str, gateway: str) -> None:
        user, password, options = GATEWAY_PARTS[kind]
        parts = urlsplit(gateway)
        userinfo, given = parts.netloc.rpartition("@")[0], dict(part.partition("=")[::2] for part in parts.query.split("&"))
        name, _, secret = userinfo.partition(":")
        if not name or (password and not secret):
            form = f"{kind}://{user}:{password}@…" if password else f"{kind}://{user}@…"
            self.mistakes.append(f"TESSERA_SMS: {kind}: needs its {user}{f' and {password}' if password else ''}, as in {form} "
                                 "(a comma, a colon, / ? # or % in one of them is written as %2C, %3A, %2F, %3F, %23, %25).")
        if options and not any(given.get(option) for option in options):
            self.mistakes.append(f"TESSERA_SMS: {kind}: needs {' or '.join(options)}, as in {kind}://…?{options[0]}=…")
        if (api := given.get("api")) and urlsplit(api).hostname not in LOOPBACK:
            self.mistakes.append(f"TESSERA_SMS: {kind}: api= is for a fake on this machine alone; another host stands behind the @.")

    def check_together(self, settings: dict[str, Any]) -> None:
        """What single values cannot show."""
        if settings["database_url"].startswith("postgresql") and not settings["secret_keys"]:
            self.mistakes.append("TESSERA_SECRET_KEY is missing. With PostgreSQL it is never made by itself; "
                                 "`python -m app doctor --new-key` prints one. Keep it safe: the data cannot be read without it.")
        if settings["workers"] > 1 and settings["database_url"].startswith("sqlite"):
            self.mistakes.append("TESSERA_WORKERS above 1 needs PostgreSQL: one process alone writes an SQLite file.")
        apple = [settings[name] for name in ("apple_certificate", "apple_key", "apple_wwdr")]
        if any(apple) and not all(apple):
            self.mistakes.append("Apple needs all three: TESSERA_APPLE_CERTIFICATE, TESSERA_APPLE_KEY and TESSERA_APPLE_WWDR.")
        if not settings["apns"].startswith("https://"):
            self.mistakes.append("TESSERA_APNS must begin with https://.")
