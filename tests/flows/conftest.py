"""What the ways from poster to phone share."""
from datetime import timedelta

import pytest

from app.demo.certificates import DemoCertificates, make_demo_certificates
from tests.flows import phones


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> DemoCertificates:
    return make_demo_certificates(tmp_path_factory.mktemp("flow"), pass_type_identifier=phones.TOPIC, team_identifier=phones.TEAM,
                                  now=phones.NOW - timedelta(days=1))
