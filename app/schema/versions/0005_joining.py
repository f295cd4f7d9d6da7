"""Messages, enrolments and their one-time links."""
from app.schema.sql import run

revision, down_revision = "0005", "0004"


def upgrade() -> None:
    run("""
CREATE TABLE enrolments(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  program_id BIGINT NOT NULL REFERENCES programs(id),
  card_id BIGINT REFERENCES cards(id),    -- the provisional card; NULL from a poster until activation
  phone_sealed $BLOB,                     -- emptied when it ends without a card
  phone_hash $BLOB,
  phone_server_hash $BLOB,
  phone_hint TEXT NOT NULL DEFAULT '',    -- the last two digits
  name_sealed $BLOB,
  language TEXT NOT NULL,
  source TEXT NOT NULL,                   -- poster | till | api
  poster TEXT,                            -- ?from= of the poster or link
  location_id BIGINT REFERENCES locations(id),
  actor_kind TEXT NOT NULL,
  actor_id BIGINT,
  status TEXT NOT NULL,                   -- pending | activated | expired | cancelled | refused
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  ended_at BIGINT
);
CREATE UNIQUE INDEX enrolments_waiting ON enrolments(program_id, phone_hash) WHERE status = 'pending' AND phone_hash IS NOT NULL;
CREATE INDEX enrolments_business ON enrolments(business_id, id);
CREATE INDEX enrolments_ending ON enrolments(expires_at) WHERE status = 'pending';
CREATE TABLE activation_links(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  enrolment_id BIGINT NOT NULL REFERENCES enrolments(id),
  token_hash $BLOB NOT NULL UNIQUE,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  consumed_at BIGINT
);
CREATE INDEX activation_links_enrolment ON activation_links(enrolment_id);
CREATE TABLE messages(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  enrolment_id BIGINT REFERENCES enrolments(id),
  card_id BIGINT REFERENCES cards(id),
  purpose TEXT NOT NULL,                  -- activation | card_link | code
  phone_sealed $BLOB,                     -- emptied with the text at a final state
  phone_server_hash $BLOB NOT NULL,
  phone_hint TEXT NOT NULL DEFAULT '',
  text_sealed $BLOB,
  language TEXT NOT NULL,
  segments BIGINT NOT NULL,
  reserved_minor BIGINT NOT NULL DEFAULT 0,
  gateway TEXT,
  provider_id TEXT,
  -- queued | submitting | accepted | delivered | undelivered | expired | rejected | unknown | cancelled
  state TEXT NOT NULL,
  reason TEXT,
  tries BIGINT NOT NULL DEFAULT 0,
  due_at BIGINT NOT NULL,
  claimed_until BIGINT,
  created_at BIGINT NOT NULL,
  sent_at BIGINT,
  final_at BIGINT
);
CREATE INDEX messages_due ON messages(due_at) WHERE state IN ('queued', 'submitting');
CREATE INDEX messages_enrolment ON messages(enrolment_id) WHERE enrolment_id IS NOT NULL;
CREATE INDEX messages_provider ON messages(gateway, provider_id) WHERE provider_id IS NOT NULL;
CREATE TABLE sms_spend(
  scope TEXT NOT NULL,                    -- server | business:<id>
  period TEXT NOT NULL,                   -- YYYY-MM-DD or YYYY-MM, the business's (server: UTC)
  reserved_minor BIGINT NOT NULL,
  PRIMARY KEY(scope, period)
);
CREATE TABLE suppressions(
  id $ID,
  business_id BIGINT REFERENCES businesses(id),   -- NULL: server-wide
  phone_server_hash $BLOB NOT NULL,       -- survives an erasure
  reason TEXT NOT NULL,                   -- not_me | stop | bounced
  created_at BIGINT NOT NULL,
  lifted_at BIGINT
);
CREATE INDEX suppressions_phone ON suppressions(phone_server_hash);
-- the simulated shopper's inbox; only a demo database ever has rows here
CREATE TABLE demo_messages(
  id $ID,
  phone TEXT NOT NULL,
  text TEXT NOT NULL,
  note TEXT,                              -- why nothing was sent, where a limit refused silently
  at BIGINT NOT NULL
);
""")


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
