"""API keys that end and change, and businesses to try things in."""
revision, down_revision = "0027", "0026"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
