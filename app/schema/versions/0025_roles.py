"""Who may do what: roles, programmes, limits, operators of the server."""
revision, down_revision = "0025", "0024"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
