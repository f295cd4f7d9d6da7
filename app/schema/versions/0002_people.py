"""Who is asking and who is served: audit, idempotency, limits, staff, keys, customers, consents."""
from app.schema.sql import append_only, run

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    run("""
CREATE TABLE audit_entries(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  acting_business_id BIGINT NOT NULL REFERENCES businesses(id),
  actor_kind TEXT NOT NULL,               -- staff | api_key | shopper | system
  actor_id BIGINT,
  action TEXT NOT NULL,                   -- room.verb: card.block, program.rules_changed
  subject_kind TEXT,
  subject_id BIGINT,
  details TEXT NOT NULL DEFAULT '{}',     -- JSON; never a secret, a whole phone or a name
  at BIGINT NOT NULL
);
CREATE INDEX audit_entries_business ON audit_entries(business_id, id);
CREATE TABLE idempotency_keys(
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  key TEXT NOT NULL,
  fingerprint $BLOB NOT NULL,             -- SHA-256 of method, path and the body's bytes
  status BIGINT,                          -- NULL only inside the transaction that works on it
  answer TEXT,                            -- JSON: what must be equal again; no names
  created_at BIGINT NOT NULL,
  PRIMARY KEY(business_id, key)
)$KEYED;
CREATE INDEX idempotency_keys_created ON idempotency_keys(created_at);
-- one row a counted event; a limit is the number of rows of a subject inside its window
CREATE TABLE limit_hits(
  id $ID,
  scope TEXT NOT NULL,                    -- sms.phone, sms.cashier, sign_in.account, link.address, …
  subject TEXT NOT NULL,                  -- an id or a keyed hash; never a phone or an address
  at BIGINT NOT NULL
);
CREATE INDEX limit_hits_subject ON limit_hits(scope, subject, at);
CREATE INDEX limit_hits_at ON limit_hits(at);
CREATE TABLE customers(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  phone_sealed $BLOB,                     -- NULL: anonymous, or e-mail only
  phone_hash $BLOB,                       -- keyed, one key a business
  phone_server_hash $BLOB,                -- keyed, server-wide: limits and suppression
  phone_last4_hash $BLOB,                 -- keyed, one key a business
  email_sealed $BLOB,
  email_hash $BLOB,
  name_sealed $BLOB,
  name_folded TEXT,                       -- NFKC, casefold: search (SQLite's LIKE knows no Cyrillic)
  birthday_on TEXT,                       -- YYYY-MM-DD
  language TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  erased_at BIGINT
);
CREATE UNIQUE INDEX customers_phone ON customers(business_id, phone_hash) WHERE phone_hash IS NOT NULL;
CREATE INDEX customers_last4 ON customers(business_id, phone_last4_hash) WHERE phone_last4_hash IS NOT NULL;
CREATE INDEX customers_email ON customers(business_id, email_hash) WHERE email_hash IS NOT NULL;
CREATE INDEX customers_name ON customers(business_id, name_folded) WHERE name_folded IS NOT NULL;
CREATE TABLE consent_texts(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  purpose TEXT NOT NULL,                  -- terms | marketing
  language TEXT NOT NULL,
  version BIGINT NOT NULL,
  text TEXT NOT NULL,
  sha256 $BLOB NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE(business_id, purpose, language, version)
);
CREATE TABLE consents(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  customer_id BIGINT NOT NULL REFERENCES customers(id),
  consent_text_id BIGINT NOT NULL REFERENCES consent_texts(id),
  purpose TEXT NOT NULL,
  granted BIGINT NOT NULL,                -- 1 given, 0 withdrawn or not given
  channel TEXT NOT NULL,                  -- activation | card_page | api | pass_back | console
  actor_kind TEXT NOT NULL,
  actor_id BIGINT,
  at BIGINT NOT NULL
);
CREATE INDEX consents_customer ON consents(customer_id, purpose, id);
CREATE TABLE staff(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  location_id BIGINT REFERENCES locations(id),
  name TEXT NOT NULL,
  email_sealed $BLOB NOT NULL,
  email_hash $BLOB NOT NULL UNIQUE,       -- keyed, server-wide: an address signs in to one business
  role TEXT NOT NULL,                     -- owner | manager | cashier
  password_hash TEXT,                     -- argon2id; NULL until the one-time link is used
  language TEXT,
  created_at BIGINT NOT NULL,
  disabled_at BIGINT
);
CREATE INDEX staff_business ON staff(business_id);
CREATE TABLE sessions(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  staff_id BIGINT NOT NULL REFERENCES staff(id),
  location_id BIGINT REFERENCES locations(id),   -- where a till session stands
  token_hash $BLOB NOT NULL UNIQUE,
  kind TEXT NOT NULL,                     -- console | till
  created_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  revoked_at BIGINT
);
CREATE INDEX sessions_staff ON sessions(staff_id);
CREATE TABLE sign_in_links(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  staff_id BIGINT NOT NULL REFERENCES staff(id),
  token_hash $BLOB NOT NULL UNIQUE,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  consumed_at BIGINT
);
CREATE TABLE api_keys(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  location_id BIGINT REFERENCES locations(id),
  name TEXT NOT NULL,
  key_hash $BLOB NOT NULL UNIQUE,
  hint TEXT NOT NULL,                     -- its last four characters, to tell keys apart
  scopes TEXT NOT NULL,                   -- space separated
  created_at BIGINT NOT NULL,
  created_by BIGINT,
  used_at BIGINT,
  revoked_at BIGINT
);
CREATE INDEX api_keys_business ON api_keys(business_id);
""")
    append_only("audit_entries")


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
