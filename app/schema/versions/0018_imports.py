"""Lists of an existing base, and invitations in batches."""
revision, down_revision = "0018", "0017"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
