"""A kept pass says which Last-Modified it had, and its pass.json, which names a token and a person, lies sealed."""
from app.schema.sql import run

revision, down_revision = "0014", "0013"


def upgrade() -> None:
    run("""
ALTER TABLE signed_passes RENAME COLUMN pass_json TO pass_json_sealed;
ALTER TABLE signed_passes ADD COLUMN modified_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX signed_passes_business ON signed_passes(business_id);
ALTER TABLE mails RENAME COLUMN sealed TO text_sealed;
""")


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
