"""Transactions on both engines: rooms call `write_transaction(db, act)` and write SQL with `:names` in their stores."""
import app.db.lean
import app.db.library  # noqa: F401  (both before the modules below import databases and sqlite3)
from app.db.database import Database, forbidden_constraints, open_database
from app.db.failures import CommitFailed, TooSlow, Unreachable, WriterBusy
from app.db.leader import Leader
from app.db.lock import AlreadyRunning, ProcessLock
from app.db.options import Options
from app.db.transaction import Row, Transaction, write_transaction

__all__ = ["AlreadyRunning", "CommitFailed", "Database", "Leader", "Options", "ProcessLock", "Row", "TooSlow", "Transaction",
           "Unreachable", "WriterBusy", "forbidden_constraints", "open_database", "write_transaction"]
