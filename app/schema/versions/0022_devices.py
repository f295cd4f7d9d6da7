"""Tills that a business knows: paired devices, PINs, training."""
from app.schema.sql import run

revision, down_revision = "0022", "0021"

# devices: token_hash of the cookie, another one from each PIN on; public_key: SPKI of P-256, empty where the browser keeps no keys;
# counter: the newest number of an operation that it signed offline. device_pairings: code_hash of what a QR code and a person's fingers
# bring alike. pins: one a person, argon2id over a keyed hash. No row in till_rules: nothing chosen.
TABLES = """
CREATE TABLE devices (
    id $ID,
    business_id BIGINT NOT NULL REFERENCES businesses(id),
    location_id BIGINT REFERENCES locations(id),
    name TEXT NOT NULL,
    agent TEXT NOT NULL,
    token_hash $BLOB NOT NULL UNIQUE,
    public_key $BLOB NOT NULL,
    counter BIGINT NOT NULL DEFAULT 0,
    paired_by BIGINT NOT NULL REFERENCES staff(id),
    paired_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX devices_by_business ON devices (business_id);
CREATE TABLE device_pairings (
    id $ID,
    business_id BIGINT NOT NULL REFERENCES businesses(id),
    location_id BIGINT REFERENCES locations(id),
    name TEXT NOT NULL,
    code_hash $BLOB NOT NULL UNIQUE,
    created_by BIGINT NOT NULL REFERENCES staff(id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX device_pairings_by_end ON device_pairings (expires_at);
CREATE TABLE pins (
    staff_id BIGINT PRIMARY KEY REFERENCES staff(id),
    business_id BIGINT NOT NULL REFERENCES businesses(id),
    pin_hash TEXT NOT NULL,
    set_at BIGINT NOT NULL
);
CREATE TABLE pin_links (
    id $ID,
    business_id BIGINT NOT NULL REFERENCES businesses(id),
    staff_id BIGINT NOT NULL REFERENCES staff(id),
    token_hash $BLOB NOT NULL UNIQUE,
    created_by BIGINT NOT NULL REFERENCES staff(id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    consumed_at BIGINT
);
CREATE INDEX pin_links_by_staff ON pin_links (staff_id);
CREATE TABLE till_rules (
    business_id BIGINT PRIMARY KEY REFERENCES businesses(id),
    idle_minutes BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
"""


def upgrade() -> None:
    run(TABLES)


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
