"""Where a change of a whole programme began, so that one that replaces another goes round; and a queue of pushes for each pass type."""
from app.schema.sql import run

revision, down_revision = "0013", "0012"


def upgrade() -> None:
    run("""
ALTER TABLE spreads ADD COLUMN from_card_id BIGINT NOT NULL DEFAULT 0;
DROP INDEX push_targets_due;
CREATE INDEX push_targets_due ON push_targets(pass_type_id, due_at) WHERE wanted_number > sent_number;
""")


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
