"""The settings of a database, with their limits; the same names on both engines, each uses what concerns it."""
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """All lengths in seconds unless the name says pages or counts connections."""

    wait_seconds: float = 5.0          # for the writer, for a pooled connection, for a row's lock
    body_seconds: float = 2.0          # a transaction that awaits something else is cut off after this
    report_seconds: float = 30.0       # a readonly transaction, from its beginning
    statement_seconds: float = 30.0    # PostgreSQL: one statement
    look_up_seconds: float = 0.25      # SQLite: one statement outside a transaction; longer belongs in a report
    reports: int = 2                   # SQLite: readonly transactions at once
    checkpoint_pages: int = 4000       # SQLite: 16 000 gives more rate and a p99 of 0.3 s
    batch_size: int = 64               # SQLite: transactions in one COMMIT
    batch_seconds: float = 0.02        # SQLite: a batch older than this takes nobody more
    pool_min: int = 1                  # PostgreSQL: connections kept open
    pool_max: int = 10                 # PostgreSQL: connections at most, listener and leaders not counted
    readonly: bool = False             # a command that only reads beside a running server
    plain_rows: bool = False           # SQLite: rows are tuples without names, a fifth faster; for reading a whole ledger
