"""Gateways, their reports, texts of a business, and its list of who wants none."""
revision, down_revision = "0015", "0014"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
