"""Tills that a business knows: paired devices, PINs, training."""
revision, down_revision = "0022", "0021"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
