"""Every statement that SQLite is asked, in transactions and alone."""
from typing import Any

import pytest

from app.db import sqlite


def listen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list that grows with each statement from here on."""
    asked: list[str] = []
    plain = sqlite.is_read

    def noted(query: str) -> bool:
        asked.append(query)
        return plain(query)

    monkeypatch.setattr(sqlite, "is_read", noted)
    for name in ("fetch_one", "fetch_all", "fetch_val"):
        method = getattr(sqlite.SQLiteTransaction, name)

        def told(self: Any, query: str, *values: Any, _method: Any = method) -> Any:
            asked.append(query)
            return _method(self, query, *values)

        monkeypatch.setattr(sqlite.SQLiteTransaction, name, told)
    return asked
