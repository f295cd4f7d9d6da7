"""Documents of consent, topics and channels, what was erased."""
revision, down_revision = "0019", "0018"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
