"""Where a change of a whole programme began: one that replaces another goes on from there and round to the same card."""
from app.schema.sql import run

revision, down_revision = "0013", "0012"


def upgrade() -> None:
    run("""
ALTER TABLE spreads ADD COLUMN from_card_id BIGINT NOT NULL DEFAULT 0;
""")


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
