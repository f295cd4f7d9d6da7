"""Gateways, their reports, texts of a business, and its list of who wants none."""
from app.schema.sql import run

revision, down_revision = "0015", "0014"


def upgrade() -> None:
    # Texts, choices and watch of a business.
    run("""
CREATE TABLE sms_texts(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  purpose TEXT NOT NULL,                  -- activation | card_link | code | till_code | invitation
  language TEXT NOT NULL,
  text TEXT NOT NULL,                     -- with {brand} and {link}
  most_parts BIGINT NOT NULL,             -- what the owner allows one message to take: 1 or 2
  created_at BIGINT NOT NULL,
  created_by BIGINT,                      -- of the staff
  replaced_at BIGINT                      -- NULL: in use
);
CREATE UNIQUE INDEX sms_texts_in_use ON sms_texts(business_id, purpose, language) WHERE replaced_at IS NULL;
CREATE TABLE sms_choices(
  business_id BIGINT PRIMARY KEY REFERENCES businesses(id),
  sender TEXT,                            -- NULL: the gateway's own
  message_cap_minor BIGINT,               -- NULL: the server's; never above it
  day_cap_minor BIGINT,
  month_cap_minor BIGINT,
  changed_at BIGINT NOT NULL
);
CREATE TABLE sms_pauses(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  kind TEXT NOT NULL,                     -- block | location | poster
  subject TEXT NOT NULL,                  -- as limits count it: an id or a keyed hash
  hint TEXT NOT NULL,                     -- of a block: how its numbers begin; of a poster: its word
  paused_at BIGINT NOT NULL,
  until_at BIGINT NOT NULL,
  lifted_at BIGINT
);
CREATE INDEX sms_pauses_subject ON sms_pauses(business_id, kind, subject);
CREATE TABLE sms_refusals(
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  day TEXT NOT NULL,                      -- the business's
  reason TEXT NOT NULL,
  count BIGINT NOT NULL,
  PRIMARY KEY(business_id, day, reason)
);
CREATE TABLE sms_alerts(
  id $ID,
  business_id BIGINT REFERENCES businesses(id),   -- NULL: of the whole server
  kind TEXT NOT NULL,                     -- spend_80 | spend_100 | paused
  subject TEXT NOT NULL,                  -- the purse, or the pause
  details TEXT NOT NULL,                  -- JSON
  at BIGINT NOT NULL,
  told_at BIGINT                          -- when the mails to the owners were queued
);
CREATE UNIQUE INDEX sms_alerts_once ON sms_alerts(kind, subject);
CREATE INDEX sms_alerts_waiting ON sms_alerts(id) WHERE told_at IS NULL;
-- 0: nobody waits for it, so quiet hours hold at once
ALTER TABLE messages ADD COLUMN now_asked BIGINT NOT NULL DEFAULT 1;
-- the last two digits
ALTER TABLE suppressions ADD COLUMN phone_hint TEXT NOT NULL DEFAULT '';
ALTER TABLE suppressions ADD COLUMN lifted_why TEXT;
""")
    # Gateways, and what becomes of a message after one took it.
    run("""
CREATE TABLE sms_gateways(                -- of the server; a row for each that TESSERA_SMS names
  name TEXT PRIMARY KEY,                  -- twilio, or twilio-2 for a second one
  resting_until BIGINT,                   -- asked again after; NULL: at work
  why TEXT,                               -- its own word for the last failure
  failed_at BIGINT,
  failures BIGINT NOT NULL DEFAULT 0,     -- tries since one was taken
  balance_minor BIGINT,                   -- NULL: never told
  currency TEXT NOT NULL DEFAULT '',      -- of the balance, which is the gateway's and no business's
  asked_at BIGINT,                        -- for the balance; NULL: to be asked now
  low_since BIGINT                        -- when the balance went under three days of use
);
CREATE TABLE sms_balances(                -- what was told: how fast the money goes
  gateway TEXT NOT NULL,
  at BIGINT NOT NULL,
  balance_minor BIGINT NOT NULL,
  PRIMARY KEY(gateway, at)
);
CREATE TABLE sms_callbacks(
  business_id BIGINT PRIMARY KEY REFERENCES businesses(id),
  secret_sealed $BLOB NOT NULL,           -- stands in the address that gateways report to
  secret_hash $BLOB NOT NULL UNIQUE,
  created_at BIGINT NOT NULL
);
CREATE TABLE sms_early_reports(           -- came before the gateway's answer to the send did
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  gateway TEXT NOT NULL,
  provider_id TEXT NOT NULL,
  message_id BIGINT,                      -- where a signed report names it
  state TEXT NOT NULL,
  code TEXT NOT NULL,
  cost_minor BIGINT,
  currency TEXT NOT NULL,
  at BIGINT NOT NULL
);
CREATE INDEX sms_early_reports_business ON sms_early_reports(business_id, at);
-- when the gateway is asked what became of it; NULL: not at all
ALTER TABLE messages ADD COLUMN poll_at BIGINT;
ALTER TABLE messages ADD COLUMN polls BIGINT NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN polled_at BIGINT;
CREATE INDEX messages_polled ON messages(poll_at) WHERE poll_at IS NOT NULL;
CREATE INDEX messages_made ON messages(created_at);
""")


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
