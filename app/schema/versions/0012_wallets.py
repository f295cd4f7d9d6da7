"""Pictures, certificates, kept passes, changes of whole programmes, Google's side, rotating codes, and mail to those who run it."""
from app.schema.sql import run

revision, down_revision = "0012", "0011"


def upgrade() -> None:
    run("""
-- a business's uploaded logo, icon or strip; a design names it by digest, and never loses it
CREATE TABLE images(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  kind TEXT NOT NULL,                     -- logo | icon | strip
  digest TEXT NOT NULL,                   -- hex SHA-256 of the re-encoded original
  width BIGINT NOT NULL,
  height BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  UNIQUE(business_id, kind, digest)
);
-- what was made of it: every size that a wallet asks for
CREATE TABLE image_files(
  image_id BIGINT NOT NULL REFERENCES images(id),
  name TEXT NOT NULL,                     -- logo@2x.png, google-hero.png, …
  digest TEXT NOT NULL,                   -- hex SHA-256 of the content, in public addresses
  content $BLOB NOT NULL,
  PRIMARY KEY(image_id, name)
);
CREATE INDEX image_files_digest ON image_files(digest);
-- certificates that businesses brought for their own pass types; the server's own lies in its settings
CREATE TABLE certificates(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  pass_type_id BIGINT REFERENCES pass_types(id),    -- NULL: a signing request that waits for its certificate
  certificate TEXT,                       -- PEM
  wwdr TEXT,                              -- PEM
  request TEXT,                           -- PEM of the signing request that we made, if we did
  key_sealed $BLOB NOT NULL,              -- PKCS#8 DER
  serial_number TEXT,
  not_before BIGINT,
  not_after BIGINT,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  retired_at BIGINT
);
CREATE INDEX certificates_business ON certificates(business_id);
CREATE INDEX certificates_type ON certificates(pass_type_id);
-- the last signed version of a pass that somebody fetched: served when nothing new can be signed
CREATE TABLE signed_passes(
  pass_id BIGINT PRIMARY KEY REFERENCES passes(id),
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  version BIGINT NOT NULL,
  pass_json $BLOB NOT NULL,               -- deflated
  manifest $BLOB NOT NULL,                -- deflated; names the other files by their SHA-1
  signature $BLOB NOT NULL,
  signed_at BIGINT NOT NULL
);
-- the files that many passes share, by the hash that manifests name
CREATE TABLE pass_files(
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  sha1 TEXT NOT NULL,
  content $BLOB NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY(business_id, sha1)
);
-- a change of a whole programme (its design, its rules, its name): cards are told one after another
CREATE TABLE spreads(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  program_id BIGINT NOT NULL REFERENCES programs(id),
  after_card_id BIGINT NOT NULL DEFAULT 0,
  told BIGINT NOT NULL DEFAULT 0,
  due_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  finished_at BIGINT
);
CREATE INDEX spreads_open ON spreads(due_at) WHERE finished_at IS NULL;
CREATE INDEX spreads_program ON spreads(program_id);
CREATE INDEX device_logs_serial ON device_logs(serial_number, received_at);
-- Google: issuers that businesses brought; the server's own lies in its settings
CREATE TABLE google_issuers(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  issuer_id TEXT NOT NULL,                -- digits
  client_email TEXT NOT NULL,
  account_sealed $BLOB NOT NULL,          -- JSON of the service account
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  retired_at BIGINT
);
CREATE INDEX google_issuers_business ON google_issuers(business_id);
CREATE TABLE google_classes(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  program_id BIGINT NOT NULL REFERENCES programs(id),
  issuer_id TEXT NOT NULL,
  class_id TEXT NOT NULL UNIQUE,          -- issuer.suffix, for ever
  fingerprint $BLOB,                      -- SHA-256 of the body that Google took last
  wanted BIGINT NOT NULL DEFAULT 1,       -- counts changes
  sent BIGINT NOT NULL DEFAULT 0,
  review_status TEXT,                     -- as Google answered
  due_at BIGINT NOT NULL,
  claimed_until BIGINT,
  tries BIGINT NOT NULL DEFAULT 0,
  last_status BIGINT,
  last_reason TEXT,
  is_created BIGINT NOT NULL DEFAULT 0,
  callback_at BIGINT,                     -- when a callback about it was last believed
  created_at BIGINT NOT NULL,
  UNIQUE(program_id, issuer_id)
);
CREATE INDEX google_classes_due ON google_classes(due_at) WHERE wanted > sent;
CREATE TABLE google_objects(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  card_id BIGINT NOT NULL UNIQUE REFERENCES cards(id),
  class_row_id BIGINT NOT NULL REFERENCES google_classes(id),
  object_id TEXT NOT NULL UNIQUE,
  is_created BIGINT NOT NULL DEFAULT 0,
  fingerprint $BLOB,
  shown TEXT,                             -- JSON: what the object last showed of what may notify (balance, level, …)
  wanted_number BIGINT NOT NULL DEFAULT 0,
  sent_number BIGINT NOT NULL DEFAULT 0,
  due_at BIGINT NOT NULL,
  claimed_until BIGINT,
  tries BIGINT NOT NULL DEFAULT 0,
  last_status BIGINT,
  last_reason TEXT,
  notified_at BIGINT,                     -- the two newest notifying requests: at most two in 24 hours
  notified_before_at BIGINT,
  has_users BIGINT NOT NULL DEFAULT 0,    -- somebody holds it, as Google said last
  reconcile_at BIGINT,                    -- ask Google (hasUsers) at or after this
  saved_at BIGINT,
  removed_at BIGINT,
  shred BIGINT NOT NULL DEFAULT 0,        -- 1: asked for, 2: done
  created_at BIGINT NOT NULL
);
CREATE INDEX google_objects_due ON google_objects(due_at) WHERE wanted_number > sent_number;
CREATE INDEX google_objects_class ON google_objects(class_row_id);
CREATE INDEX google_objects_reconcile ON google_objects(reconcile_at) WHERE reconcile_at IS NOT NULL;
CREATE TABLE google_nonces(
  nonce TEXT PRIMARY KEY,
  expires_at BIGINT NOT NULL
);
-- rotating codes: a key per card, and who showed a live code when
ALTER TABLE cards ADD COLUMN totp_key_sealed $BLOB;
-- rotation_seconds 0: the code stands still; static_redeems 1: with rotation, a still code redeems unasked
ALTER TABLE programs ADD COLUMN rotation_seconds BIGINT NOT NULL DEFAULT 0;
ALTER TABLE programs ADD COLUMN static_redeems BIGINT NOT NULL DEFAULT 0;
CREATE TABLE presentations(
  card_id BIGINT PRIMARY KEY REFERENCES cards(id),
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  how TEXT NOT NULL,                      -- code: a live code was scanned; page: confirmed on the card's page; sms: by a code in a message
  at BIGINT NOT NULL
);
-- mail to the people who run a server or a business; addresses and texts are sealed
CREATE TABLE mails(
  id $ID,
  business_id BIGINT REFERENCES businesses(id),     -- NULL: to the operator
  kind TEXT NOT NULL,
  dedupe TEXT UNIQUE,                     -- the same word is sent once
  sealed $BLOB NOT NULL,                  -- JSON: to, subject, text
  due_at BIGINT NOT NULL,
  claimed_until BIGINT,
  tries BIGINT NOT NULL DEFAULT 0,
  sent_at BIGINT,
  failed_at BIGINT,
  last_error TEXT,
  created_at BIGINT NOT NULL
);
CREATE INDEX mails_due ON mails(due_at) WHERE sent_at IS NULL AND failed_at IS NULL;
-- the design of levels goes by the field's name
UPDATE design_versions SET template = 'tiers' WHERE template = 'levels';
""")


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
