"""What stands around a demo's server: certificates in place of Apple's, our APNs in place of theirs, and our Google."""
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.clock import SystemClock
from app.demo.certificates import DemoCertificates, make_demo_certificates
from app.settings import APNS, GOOGLE_API, GOOGLE_KEYS, GOOGLE_SAVE, Settings
from app.start import write_secret

if TYPE_CHECKING:
    from app.demo.fakes.apns import FakeApns
    from app.demo.fakes.google import FakeGoogle

PASS_TYPE_IDENTIFIER = "pass.example.tessera.demo"      # noqa: S105  (a name, not a password)
TEAM_IDENTIFIER = "TESSERADEM"
GOOGLE_ISSUER = "3388000000022222228"
FOLDER = "certificates"
# Google's addresses on the server's own port: they stay where they are, and reach it from wherever the server is reached.
GOOGLE_PATH = "/demo/google"


def certificates(data: Path) -> DemoCertificates:
    return DemoCertificates(data / FOLDER)


def make_certificates(data: Path) -> DemoCertificates:
    """The folder's own certificates, made at its first start."""
    made = certificates(data)
    if made.exist():
        return made
    return make_demo_certificates(made.folder, pass_type_identifier=PASS_TYPE_IDENTIFIER, team_identifier=TEAM_IDENTIFIER,
                                  now=SystemClock().now())


def google_account(data: Path) -> Path:
    """The key file of the demo's service account."""
    return data / FOLDER / "google.json"


def make_google_account(settings: Settings) -> dict[str, str]:
    """The folder's own service account, made at its first start; its file names where tokens come from at this one."""
    from app.demo.fakes.google_accounts import new_account

    path, token_uri = google_account(settings.data), google_addresses(settings)["token"]
    told = json.loads(path.read_text("utf-8")) if path.exists() else new_account(token_uri)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_secret(path, json.dumps({**told, "token_uri": token_uri}, indent=2) + "\n")
    return {**told, "token_uri": token_uri}


def google_addresses(settings: Settings) -> dict[str, str]:
    """What Google's own clients are told: api is their `api_endpoint`, below which the paths begin with walletobjects/v1."""
    base = settings.address(GOOGLE_PATH)
    return {"api": base, "token": f"{base}/token"}


def equipped(settings: Settings) -> Settings:
    """The demo's settings with its certificates and its account at Google, unless the environment names others; as they are where
    none were made yet."""
    return _with_google(_with_apple(settings))


def _with_google(settings: Settings, root: str = "") -> Settings:
    """root: where the server reaches our Google; "": where everybody else does. An address that the environment names stays."""
    account = google_account(settings.data)
    if settings.google_issuer or not account.exists():
        return settings
    base = settings.address(GOOGLE_PATH)
    root = root or base
    ours = {"api": (GOOGLE_API, f"{root}/walletobjects/v1"), "token": ("", f"{root}/token"), "save": (GOOGLE_SAVE, f"{base}/save/"),
            "keys": (GOOGLE_KEYS, f"{root}/issuer/keys")}
    named: dict[str, Any] = {f"google_{name}": own for name, (default, own) in ours.items()
                             if getattr(settings, f"google_{name}") == default}
    return replace(settings, google_issuer=GOOGLE_ISSUER, google_account=account.read_bytes(), **named)


def _with_apple(settings: Settings) -> Settings:
    made = certificates(settings.data)
    if settings.apple_certificate or not made.exist():
        return settings
    return replace(settings, apple_certificate=made.certificate.read_bytes(), apple_key=made.key.read_bytes(), apple_key_password="",
                   apple_wwdr=made.wwdr.read_bytes(), apns_ca=settings.apns_ca or made.root.read_bytes())


@asynccontextmanager
async def surrounded(settings: Settings) -> AsyncIterator[tuple[Settings, "FakeApns"]]:
    """The demo's settings and our APNs, at which they point; it runs on a free port of this machine as long as the block."""
    from app.demo.fakes.apns import FakeApns

    made = make_certificates(settings.data)
    fake = FakeApns(made.apns, made.apns_key, made.root, strangers=True)
    await fake.start()
    try:
        told = equipped(settings)
        # A test server that TESSERA_APNS names is told instead; the simulated phone then hears nothing.
        yield told if settings.apns != APNS else replace(told, apns=f"https://{fake.address}", apns_ca=made.root.read_bytes()), fake
    finally:
        await fake.stop()


@asynccontextmanager
async def with_google(settings: Settings) -> AsyncIterator[tuple[Settings, "FakeGoogle"]]:
    """The settings and our Google, which remembers in the data folder what was saved; on a free port as long as the block.

    The server calls it on that port, not on its own: TESSERA_URL may lead around the world. Where the environment names an issuer,
    the settings stay as they are, and nobody asks ours.
    """
    from app.demo.fakes.google import FakeGoogle

    fake = FakeGoogle(folder=settings.data / "google")
    await fake.start()
    try:
        account = make_google_account(settings)
        fake.accounts.admit(account, frozenset({GOOGLE_ISSUER}))
        fake.accounts.audiences.add(account["token_uri"])
        yield _with_google(settings, fake.root), fake
    finally:
        await fake.stop()
