"""Passes, the links of card pages, registrations of devices, and pushes to them."""
from app.schema.sql import run

revision, down_revision = "0004", "0003"


def upgrade() -> None:
    run("""
CREATE TABLE pass_types(
  id $ID,
  business_id BIGINT REFERENCES businesses(id),   -- NULL: the server's own, for every business without one
  short_id TEXT NOT NULL UNIQUE,          -- in webServiceURL: a device keeps its tag per service
  pass_type_identifier TEXT NOT NULL UNIQUE,
  team_identifier TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE TABLE passes(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  card_id BIGINT NOT NULL REFERENCES cards(id),
  pass_type_id BIGINT NOT NULL REFERENCES pass_types(id),
  serial_number TEXT NOT NULL,            -- never changed once issued; nor are type and token
  authentication_token_sealed $BLOB NOT NULL,
  version BIGINT NOT NULL DEFAULT 0,      -- counts the pass.json that were built and differ
  fingerprint $BLOB,                      -- SHA-256 of the newest pass.json and its design version
  modified_at BIGINT NOT NULL DEFAULT 0,  -- Last-Modified of the version: whole seconds, in ms, never twice the same
  created_at BIGINT NOT NULL,
  UNIQUE(pass_type_id, serial_number),
  UNIQUE(card_id, pass_type_id)
);
CREATE TABLE page_links(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  card_id BIGINT NOT NULL REFERENCES cards(id),
  strength TEXT NOT NULL,                 -- card: from the SMS; pass: on the pass's back, which people share
  token_hash $BLOB NOT NULL UNIQUE,
  token_sealed $BLOB NOT NULL,
  created_at BIGINT NOT NULL,
  revoked_at BIGINT
);
CREATE INDEX page_links_card ON page_links(card_id, strength);
-- codes by SMS that open a card page's stronger side for ten minutes
CREATE TABLE page_codes(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  card_id BIGINT NOT NULL REFERENCES cards(id),
  code_hash $BLOB NOT NULL,
  tries BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  consumed_at BIGINT
);
CREATE INDEX page_codes_card ON page_codes(card_id);
-- the cookie of a browser that activated a card or typed its code
CREATE TABLE page_sessions(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  card_id BIGINT NOT NULL REFERENCES cards(id),
  token_hash $BLOB NOT NULL UNIQUE,
  strength TEXT NOT NULL,                 -- seen: may find its card again; confirmed: a code was typed
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE TABLE registrations(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  pass_id BIGINT NOT NULL REFERENCES passes(id),
  pass_type_id BIGINT NOT NULL REFERENCES pass_types(id),
  device_library_identifier TEXT NOT NULL,
  push_token TEXT NOT NULL,
  number BIGINT NOT NULL DEFAULT 0,       -- its own update number: brings an old file that is added late up to date
  version_pushed BIGINT NOT NULL DEFAULT 0,    -- update number last pushed
  version_fetched BIGINT NOT NULL DEFAULT 0,   -- update number last seen by a fetch
  repushes BIGINT NOT NULL DEFAULT 0,
  fetched_at BIGINT,
  created_at BIGINT NOT NULL,
  renewed_at BIGINT NOT NULL,
  UNIQUE(device_library_identifier, pass_id)
);
CREATE INDEX registrations_pass ON registrations(pass_id);
CREATE INDEX registrations_token ON registrations(pass_type_id, push_token);
-- one row a distinct push token and pass type: what it should know of, and what it was told
CREATE TABLE push_targets(
  pass_type_id BIGINT NOT NULL REFERENCES pass_types(id),
  push_token TEXT NOT NULL,
  wanted_number BIGINT NOT NULL,
  sent_number BIGINT NOT NULL DEFAULT 0,
  bucket_level BIGINT NOT NULL,           -- pushes left, × 1000
  bucket_at BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  claimed_until BIGINT,
  tries BIGINT NOT NULL DEFAULT 0,
  sent_at BIGINT,
  last_status BIGINT,
  last_reason TEXT,
  PRIMARY KEY(pass_type_id, push_token)
);
CREATE INDEX push_targets_due ON push_targets(due_at) WHERE wanted_number > sent_number;
-- what devices report about us: the best diagnosis there is
CREATE TABLE device_logs(
  id $ID,
  pass_type_id BIGINT NOT NULL REFERENCES pass_types(id),
  serial_number TEXT,
  message TEXT NOT NULL,
  received_at BIGINT NOT NULL
);
CREATE INDEX device_logs_received ON device_logs(received_at);
""")


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
