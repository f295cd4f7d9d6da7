"""What a till did without a network, as it arrived, and what a manager has to decide."""
revision, down_revision = "0023", "0022"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
