"""API keys that end and change, and businesses to try things in."""
from app.schema.sql import run

revision, down_revision = "0027", "0026"


def upgrade() -> None:
    run("""
-- expires_at: refused from then on; per_second: calls, 0 for no limit, NULL: the server's own
ALTER TABLE api_keys ADD COLUMN expires_at BIGINT;
ALTER TABLE api_keys ADD COLUMN per_second BIGINT;
-- till | web: where the sales of its program are made, unless a sale says it
ALTER TABLE api_keys ADD COLUMN channel TEXT NOT NULL DEFAULT 'till';
-- after a rotation the secret before it works until old_until_at
ALTER TABLE api_keys ADD COLUMN old_key_hash $BLOB;
ALTER TABLE api_keys ADD COLUMN old_until_at BIGINT;
ALTER TABLE api_keys ADD COLUMN rotated_at BIGINT;
CREATE UNIQUE INDEX api_keys_old ON api_keys(old_key_hash) WHERE old_key_hash IS NOT NULL;
-- a business to try things in: whose copy it is, and when it was emptied by another taking its place
ALTER TABLE businesses ADD COLUMN sandbox_of BIGINT REFERENCES businesses(id);
ALTER TABLE businesses ADD COLUMN sandbox_ended_at BIGINT;
CREATE UNIQUE INDEX businesses_sandbox ON businesses(sandbox_of) WHERE sandbox_of IS NOT NULL AND sandbox_ended_at IS NULL;
-- in a sandbox: the row that each was copied from
ALTER TABLE locations ADD COLUMN copy_of BIGINT REFERENCES locations(id);
ALTER TABLE programs ADD COLUMN copy_of BIGINT REFERENCES programs(id);
CREATE UNIQUE INDEX locations_copy ON locations(business_id, copy_of) WHERE copy_of IS NOT NULL;
CREATE UNIQUE INDEX programs_copy ON programs(business_id, copy_of) WHERE copy_of IS NOT NULL;
""")


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
