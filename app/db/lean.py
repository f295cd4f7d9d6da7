"""`databases` without a quarter of a second of SQLAlchemy in every start.

The package imports two names of SQLAlchemy, for annotations and for query objects that nobody here makes: stores write SQL
text, which our sessions hand to the engine as it is. So it is imported over a stand-in that holds these two names and is
taken away again; alembic, when it runs, gets the real one. Does nothing where SQLAlchemy is there already.
"""
import sys
from types import ModuleType


class ClauseElement:
    """Stands for SQLAlchemy's query objects; none is ever made."""


def text(query: str) -> object:
    """Nothing calls it: our sessions take SQL text as it is."""
    raise TypeError(f"not a query of ours: {query[:40]}")


def _import() -> None:
    if "sqlalchemy" in sys.modules or "databases" in sys.modules:
        return
    stand_in, sql = ModuleType("sqlalchemy"), ModuleType("sqlalchemy.sql")
    stand_in.text, sql.ClauseElement = text, ClauseElement  # type: ignore[attr-defined]
    sys.modules["sqlalchemy"], sys.modules["sqlalchemy.sql"] = stand_in, sql
    try:
        import databases  # noqa: F401
    finally:
        del sys.modules["sqlalchemy"], sys.modules["sqlalchemy.sql"]


_import()
