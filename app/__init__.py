# First of all imports: every module after this one gets the same, newer SQLite (see app/db/library.py).
import app.db.library  # noqa: F401
