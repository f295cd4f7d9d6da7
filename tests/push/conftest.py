import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from app.demo.certificates import DemoCertificates, make_demo_certificates
from app.demo.fakes.apns import FakeApns
from app.push.apns import ApnsClient, tls_context
from app.push.apns_connection import Limits

TOPIC, OTHER_TOPIC = "pass.example.tessera.test", "pass.example.other.test"

# Real waits, but short ones. A dead connection is noticed in a tenth of a second only where a test asks for that:
# a busy machine is no black hole.
QUICK = Limits(connect=5.0, answer=20.0, silence=2.0, pong=2.0, tick=0.02, keep_alive=5.0, idle=60.0, attempt_gap=0.01, patience=5.0)
SHARP = replace(QUICK, silence=0.05, pong=0.05)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> DemoCertificates:
    return make_demo_certificates(
        tmp_path_factory.mktemp("apns"), pass_type_identifier=TOPIC, team_identifier="TESSERA001", now=datetime.now(UTC))


@pytest.fixture(scope="session")
def more_certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, DemoCertificates]:
    """Of another pass type, and a second one of the first."""
    return {topic: make_demo_certificates(tmp_path_factory.mktemp("more"), pass_type_identifier=topic, team_identifier="TESSERA001",
                                          now=datetime.now(UTC)) for topic in (TOPIC, OTHER_TOPIC)}


@pytest.fixture
async def apns(certificates: DemoCertificates) -> AsyncIterator[FakeApns]:
    fake = FakeApns(certificates.apns, certificates.apns_key, certificates.root)
    await fake.start()
    yield fake
    await fake.stop()


def chain_of(certificates: DemoCertificates) -> bytes:
    return certificates.certificate.read_bytes() + certificates.wwdr.read_bytes()


def key_of(certificates: DemoCertificates) -> RSAPrivateKey:
    return load_pem_private_key(certificates.key.read_bytes(), None)


def tls_of(certificates: DemoCertificates, ca: DemoCertificates | None = None) -> ssl.SSLContext:
    """As these certificates' owner, who trusts the root of `ca`, or their own."""
    return tls_context(chain_of(certificates), key_of(certificates), (ca or certificates).root.read_bytes())


def client_for(fake: FakeApns, certificates: DemoCertificates, limits: Limits = QUICK, **other) -> ApnsClient:
    return ApnsClient(fake.address, tls_of(certificates), limits=limits, jitter=lambda: 0.0, **other)


@pytest.fixture
async def client(apns: FakeApns, certificates: DemoCertificates) -> AsyncIterator[ApnsClient]:
    client = client_for(apns, certificates)
    yield client
    await client.close()


@pytest.fixture
def chain_file(certificates: DemoCertificates, tmp_path: Path) -> Path:
    path = tmp_path / "chain.pem"
    path.write_bytes(chain_of(certificates))
    return path


@pytest.fixture
async def world(db, certificates: DemoCertificates, more_certificates: dict[str, DemoCertificates], tmp_path: Path):  # type: ignore[no-untyped-def]
    from tests.push import worlds

    async for made in worlds.living(db, certificates, more_certificates, tmp_path):
        yield made
