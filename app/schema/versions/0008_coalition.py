"""A participation is offered by the coalition and accepted by the member before it holds."""
from app.schema.sql import run

revision, down_revision = "0008", "0007"


def upgrade() -> None:
    run("""
-- NULL: offered, and not accepted yet
ALTER TABLE participations ADD COLUMN accepted_at BIGINT;
""")


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
