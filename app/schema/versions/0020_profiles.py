"""What a shopper changes alone: another number, a second phone."""
revision, down_revision = "0020", "0019"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
