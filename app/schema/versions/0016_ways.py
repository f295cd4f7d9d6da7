"""More ways to a card: codes told at the till, plastic numbers, mail."""
revision, down_revision = "0016", "0015"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
