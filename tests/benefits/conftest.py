"""A business by plain rows, on the engines that a test asks for."""
import pytest

from tests.money import Bed, make_bed


@pytest.fixture
async def bed(db) -> Bed:
    """On both engines."""
    return await make_bed(db)


@pytest.fixture
async def sqlite_bed(sqlite_db) -> Bed:
    return await make_bed(sqlite_db)
