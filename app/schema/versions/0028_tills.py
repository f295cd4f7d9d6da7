"""How a till begins at each location."""
from app.schema.sql import run

revision, down_revision = "0028", "0027"

# What the scan page opens on: camera, or field for a till with a scanner that types.
COLUMNS = """
ALTER TABLE locations ADD COLUMN till_start TEXT NOT NULL DEFAULT 'camera';
"""


def upgrade() -> None:
    run(COLUMNS)


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
