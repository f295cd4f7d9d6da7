"""A cash register on the application."""
import pytest

from tests.till.calling import Till


@pytest.fixture
def till(client, here, shop):
    return Till(client, here, shop)
