"""Where a business wants to be told, and every telling."""
revision, down_revision = "0024", "0023"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
