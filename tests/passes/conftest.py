"""Certificates made once for all tests of passes: four RSA keys take a quarter of a second."""
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.demo.certificates import DemoCertificates, make_demo_certificates
from app.passes.certificates import PassSigner

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PASS_TYPE, TEAM = "pass.demo.tessera.loyalty", "DEMO123456"


@pytest.fixture(scope="session")
def noon() -> datetime:
    return NOON


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoCertificates:
    folder: Path = tmp_path_factory.mktemp("certificates")
    return make_demo_certificates(folder, pass_type_identifier=PASS_TYPE, team_identifier=TEAM, now=NOON)


@pytest.fixture(scope="session")
def signer(demo: DemoCertificates) -> PassSigner:
    return PassSigner.load(demo.certificate.read_bytes(), demo.key.read_bytes(), None, demo.wwdr.read_bytes())
