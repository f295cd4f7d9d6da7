"""Tests of certificates share those of the passes that are signed with them."""
import pytest

from app.certificates import opening
from tests.passes.conftest import demo, noon, pocket, served, signer

__all__ = ["demo", "noon", "pocket", "served", "signer"]


@pytest.fixture
def same_process(monkeypatch):
    """Uploads are read without their child, which takes a third of a second and is tested by itself."""
    monkeypatch.setattr(opening, "opened", opening.read_files)
