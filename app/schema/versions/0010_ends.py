"""Lots are found by what ends and what wakes, account by account, and an account's ended ones without a look at its others."""
from app.schema.sql import run

revision, down_revision = "0010", "0009"


def upgrade() -> None:
    run("""
DROP INDEX lots_alive;
CREATE INDEX lots_alive ON lots(account_id, unit, expires_at) WHERE remaining <> 0;
DROP INDEX lots_ending;
CREATE INDEX lots_ending ON lots(expires_at, account_id) WHERE remaining > 0 AND expires_at IS NOT NULL;
DROP INDEX lots_pending;
CREATE INDEX lots_pending ON lots(available_at, account_id) WHERE remaining <> 0 AND available_at IS NOT NULL;
""")


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
