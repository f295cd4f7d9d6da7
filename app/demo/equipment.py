"""What stands around a demo's server: certificates in place of Apple's, and our APNs in place of theirs."""
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.clock import SystemClock
from app.demo.certificates import DemoCertificates, make_demo_certificates
from app.settings import APNS, Settings

if TYPE_CHECKING:
    from app.demo.fakes.apns import FakeApns

PASS_TYPE_IDENTIFIER = "pass.example.tessera.demo"      # noqa: S105  (a name, not a password)
TEAM_IDENTIFIER = "TESSERADEM"
FOLDER = "certificates"


def certificates(data: Path) -> DemoCertificates:
    return DemoCertificates(data / FOLDER)


def make_certificates(data: Path) -> DemoCertificates:
    """The folder's own certificates, made at its first start."""
    made = certificates(data)
    if made.exist():
        return made
    return make_demo_certificates(made.folder, pass_type_identifier=PASS_TYPE_IDENTIFIER, team_identifier=TEAM_IDENTIFIER,
                                  now=SystemClock().now())


def equipped(settings: Settings) -> Settings:
    """The demo's settings with its certificates, unless the environment names others; as they are where none were made yet."""
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
