"""What tests of passes share: a card with everything on it, its design, and certificates (four RSA keys take a quarter of a second)."""
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from app.certificates.signer import PassSigner
from app.context import Context
from app.demo.certificates import DemoCertificates, make_demo_certificates
from app.designs.prepared import prepare
from app.designs.rules import CardFace, default_content
from app.passes.apple import AppleDesign, PassCard, PassLocation
from tests.passes.pockets import Pocket, make_pocket

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


SENTENCES = {"en": ["Every 100 ₽ you pay gives 7 points.", "1 point is 1 ₽ off."],
             "ru": ["За каждые 100 ₽ — 7 баллов.", "1 балл — 1 ₽ скидки."]}
FACE = CardFace("9029581036472915", 320, 32_050, "RUB", "Анна", 120, date(2026, 11, 30), "https://cards.example.com/c/abcdefghijkl")
CARD = PassCard(PASS_TYPE, TEAM, "3f1c0a8e-77", "q7Yx0m2Vt5Lw9Rk4Jd8Hs1Bn6Cf3Gz_-", "https://cards.example.com/apple/x1", FACE,
                (PassLocation(55.7558, 37.6173), PassLocation(55.7601, 37.6186)))


@pytest.fixture(scope="session")
def design() -> AppleDesign:
    return AppleDesign(prepare(default_content("Coffee corner", "Кофейный угол"), SENTENCES))


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> DemoCertificates:
    """Certificates of a server whose clock is the shared one."""
    folder = tmp_path_factory.mktemp("served")
    return make_demo_certificates(folder, pass_type_identifier=PASS_TYPE, team_identifier=TEAM, now=NOON - timedelta(days=1))


@pytest.fixture
async def pocket(here: Context, served: DemoCertificates) -> Pocket:
    return await make_pocket(here, served)
