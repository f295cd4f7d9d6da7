"""How people sign in: second factors, passkeys, sessions that can be seen and ended."""
revision, down_revision = "0026", "0025"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
