"""The questionnaire of a programme and what people answered."""
revision, down_revision = "0017", "0016"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
