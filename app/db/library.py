"""Which SQLite library this process uses: the bundled newer one, put in place before anything imports `sqlite3`.

SQLite before 3.51.3 can corrupt a WAL file when two connections write and checkpoint at the same instant
(sqlite.org, "The WAL-reset bug"), and a distribution's Python brings an older one. The `pysqlite3` wheel bundles its
own; two libraries in one process would not see each other's locks, so aiosqlite and SQLAlchemy must get it as well.
Where no wheel fits the platform, the interpreter's own library stays and `doctor` warns.
"""
import sys
from types import ModuleType

SAFE_VERSION = (3, 51, 3)


def _install() -> ModuleType:
    """Make `import sqlite3` mean the bundled library; returns the module that is in use afterwards."""
    try:
        import pysqlite3
        import pysqlite3.dbapi2
    except ImportError:
        import sqlite3
        return sqlite3
    # The package itself is a thin copy of its dbapi2 and leaves some names out; the submodule has them all.
    sys.modules["sqlite3"] = pysqlite3
    sys.modules["sqlite3.dbapi2"] = pysqlite3.dbapi2
    return pysqlite3


_library = _install()
VERSION: str = _library.sqlite_version


def is_safe() -> bool:
    """Whether this library has the fix of the WAL-reset bug."""
    return tuple(int(part) for part in VERSION.split(".")) >= SAFE_VERSION
