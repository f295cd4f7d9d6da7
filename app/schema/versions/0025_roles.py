"""Who may do what: people kept to programmes, businesses that the server closed, what each may use of it, and the server's operators."""
from app.schema.sql import append_only, run

revision, down_revision = "0025", "0024"


def upgrade() -> None:
    run("""
-- ids of the programmes that a person is kept to, space separated; empty: all
ALTER TABLE staff ADD COLUMN program_ids TEXT NOT NULL DEFAULT '';
-- since when the server's operator lets nobody of the business in; NULL: open
ALTER TABLE businesses ADD COLUMN closed_at BIGINT;
-- what a business lets its people do; no row, NULL: as much as they like
CREATE TABLE role_limits(
  business_id BIGINT PRIMARY KEY REFERENCES businesses(id),
  cashier_refund_most_minor BIGINT,       -- of one sale, without a manager
  changed_at BIGINT NOT NULL
);
-- what a business may use of the server; NULL: as much as it likes
CREATE TABLE business_limits(
  business_id BIGINT PRIMARY KEY REFERENCES businesses(id),
  messages_day BIGINT,
  cards BIGINT,
  key_per_second BIGINT,
  storage_bytes BIGINT,
  changed_at BIGINT NOT NULL
);
-- who runs the server: no business's, and no staff
CREATE TABLE operators(
  id $ID,
  name TEXT NOT NULL,
  email_sealed $BLOB NOT NULL,
  email_hash $BLOB NOT NULL UNIQUE,
  password_hash TEXT,                     -- argon2id; NULL until the one-time link is used
  created_at BIGINT NOT NULL,
  disabled_at BIGINT
);
CREATE TABLE operator_sessions(
  id $ID,
  operator_id BIGINT NOT NULL REFERENCES operators(id),
  token_hash $BLOB NOT NULL UNIQUE,
  created_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  revoked_at BIGINT
);
CREATE TABLE operator_links(
  id $ID,
  operator_id BIGINT NOT NULL REFERENCES operators(id),
  token_hash $BLOB NOT NULL UNIQUE,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  consumed_at BIGINT
);
-- what operators did; what concerns a business stands in its audit_entries too
CREATE TABLE operator_acts(
  id $ID,
  operator_id BIGINT NOT NULL REFERENCES operators(id),
  business_id BIGINT REFERENCES businesses(id),
  action TEXT NOT NULL,
  details TEXT NOT NULL DEFAULT '{}',     -- JSON; never a secret or a person
  at BIGINT NOT NULL
);
""")
    append_only("operator_acts")


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
