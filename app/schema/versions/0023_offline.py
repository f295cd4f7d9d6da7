"""What a till did without a network, as it arrived, and what a manager has to decide."""
from app.schema.sql import run

revision, down_revision = "0023", "0022"

# offline_items: is_slot 1: the operation that stands under this number of its till, 0: something beside it that needs a look; until:
# of a gap, its last number; digest: SHA-256 of what was signed; body_sealed: what was signed, until it is applied; happened_at: as the
# till's clock said; staff_id: who acted, once that was believed. offline_rules: no row, nothing is spent without a network.
TABLES = """
CREATE TABLE offline_items (
    id $ID,
    business_id BIGINT NOT NULL REFERENCES businesses(id),
    device_id BIGINT NOT NULL REFERENCES devices(id),
    counter BIGINT NOT NULL,
    until BIGINT,
    digest $BLOB NOT NULL,
    is_slot BIGINT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    why TEXT,
    body_sealed $BLOB,
    card_id BIGINT REFERENCES cards(id),
    staff_id BIGINT REFERENCES staff(id),
    operation_id BIGINT REFERENCES operations(id),
    happened_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    settled_at BIGINT,
    settled_by BIGINT REFERENCES staff(id),
    reason_sealed $BLOB,
    UNIQUE (device_id, counter, digest, is_slot)
);
CREATE UNIQUE INDEX offline_items_slot ON offline_items (device_id, counter) WHERE is_slot = 1;
CREATE INDEX offline_items_waiting ON offline_items (device_id, counter) WHERE state = 'waiting';
CREATE INDEX offline_items_conflicts ON offline_items (business_id, id) WHERE state = 'conflict';
CREATE INDEX offline_items_settled ON offline_items (business_id, settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX offline_items_card ON offline_items (card_id) WHERE card_id IS NOT NULL;
CREATE TABLE offline_rules (
    business_id BIGINT PRIMARY KEY REFERENCES businesses(id),
    redeem_most_minor BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
"""


def upgrade() -> None:
    run(TABLES)


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
