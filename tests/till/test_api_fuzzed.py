"""Goal B1: whoever reads the document and tries all of it finds nothing that the server does otherwise."""
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.web.principal import SCOPES
from tests.till.fuzzing import findings
from tests.till.served import Served, serving

NIGHT_SECONDS = 3_600
NOBODY, GONE = "no key", "a revoked key"
ROLES = {**{scope: frozenset({scope}) for scope in SCOPES}, "a till": frozenset({"cards:read", "sales:write"}),
         "everything": frozenset(SCOPES)}
# Seconds of a run in `make test`: most for those who are let in furthest.
SECONDS = {"admin": 7, "a till": 4, "cards:write": 2}
# Tried by turns, so that none uses up the time of the others: borders of every field; examples, drawn bodies, and calls that follow calls.
TURNS = ({"examples": False, "fuzzing": False, "stateful": False}, {"coverage": False})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("fuzzed")
    with serving(folder, ROLES, GONE, NOBODY) as made:
        yield made


@pytest.mark.goal("B1")
@pytest.mark.parametrize("turn", TURNS, ids=["borders", "the rest"])
@pytest.mark.parametrize("role", [*ROLES, GONE, NOBODY])
def test_whoever_tries_all_that_the_document_says_finds_nothing(served: Served, role: str, turn: dict[str, bool]) -> None:
    is_night = bool(os.environ.get("TESSERA_NIGHTLY"))
    seconds = NIGHT_SECONDS // (len(served.keys) * len(TURNS)) if is_night else SECONDS.get(role, 1)
    assert findings(served, role, {
        "max-time": seconds, "phases": {name: {"enabled": enabled} for name, enabled in turn.items()},
        "generation": {"max-examples": 100 if is_night else 10, "deterministic": not is_night, "database": "none",
                       "no-shrink": not is_night}}) == []
