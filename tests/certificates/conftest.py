"""Tests of certificates share those of the passes that are signed with them."""
from tests.passes.conftest import demo, noon, pocket, served, signer

__all__ = ["demo", "noon", "pocket", "served", "signer"]
