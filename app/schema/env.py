"""alembic's environment: the connection is handed over by `migrate.py`, which holds the lock."""
from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=None, transaction_per_migration=True, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
