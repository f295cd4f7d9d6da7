"""The database's schema: alembic revisions in SQL text, only ever added to. `migrate.py` runs them."""
