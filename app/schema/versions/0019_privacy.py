"""Documents of consent, topics and channels, how long things are kept, what was erased, and who looked at whose card."""
from app.schema.sql import append_only, run

revision, down_revision = "0019", "0018"


def upgrade() -> None:
    run("""
-- the document behind the sentence of a box; sha256 covers all that was shown. '' for a sentence that says everything itself
ALTER TABLE consent_texts ADD COLUMN title TEXT NOT NULL DEFAULT '';
ALTER TABLE consent_texts ADD COLUMN long_text TEXT NOT NULL DEFAULT '';
-- 1: whoever agreed to an earlier version is asked again
ALTER TABLE consent_texts ADD COLUMN ask_again BIGINT NOT NULL DEFAULT 0;
ALTER TABLE consent_texts ADD COLUMN created_by BIGINT;
-- what a business asks beyond the terms and the news, such as sharing with partners
CREATE TABLE consent_purposes(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  key TEXT NOT NULL,
  names TEXT NOT NULL,                    -- JSON: language → name
  created_at BIGINT NOT NULL,
  closed_at BIGINT,
  UNIQUE(business_id, key)
);
CREATE TABLE topics(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  key TEXT NOT NULL,
  names TEXT NOT NULL,                    -- JSON: language → name
  created_at BIGINT NOT NULL,
  closed_at BIGINT,
  UNIQUE(business_id, key)
);
-- what a shopper said of a topic and a channel; none: as the consent says
CREATE TABLE wishes(
  customer_id BIGINT NOT NULL REFERENCES customers(id),
  topic_id BIGINT NOT NULL,               -- 0: the channel as a whole
  channel TEXT NOT NULL,                  -- sms | mail | wallet
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  wanted BIGINT NOT NULL,
  actor_kind TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY(customer_id, topic_id, channel)
)$KEYED;
-- a business's own length for a row of the retention table
CREATE TABLE retention(
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  key TEXT NOT NULL,
  days BIGINT NOT NULL,
  changed_at BIGINT NOT NULL,
  PRIMARY KEY(business_id, key)
)$KEYED;
-- who was erased, told by keyed hashes alone: erased again where an older backup brings them back
CREATE TABLE erasures(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  customer_id BIGINT NOT NULL,            -- the pseudonym that the ledger keeps
  customer_created_at BIGINT NOT NULL,    -- an older backup may give the number to somebody else
  phone_hash $BLOB,
  email_hash $BLOB,
  actor_kind TEXT NOT NULL,
  actor_id BIGINT,
  cards BIGINT NOT NULL,
  removed TEXT NOT NULL,                  -- JSON: table → rows that went or were emptied
  at BIGINT NOT NULL,
  UNIQUE(business_id, customer_id)
);
-- whose card was looked at by whom, by the hour
CREATE TABLE card_reads(
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  actor_kind TEXT NOT NULL,               -- staff | api_key
  actor_id BIGINT NOT NULL,
  hour_at BIGINT NOT NULL,
  card_id BIGINT NOT NULL,
  PRIMARY KEY(business_id, actor_kind, actor_id, hour_at, card_id)
)$KEYED;
-- a person's rows are found without a walk through everybody's
CREATE INDEX customers_merged ON customers(merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX enrolments_card ON enrolments(card_id) WHERE card_id IS NOT NULL;
CREATE INDEX messages_card ON messages(card_id) WHERE card_id IS NOT NULL;
CREATE INDEX campaign_people_account ON campaign_people(account_id);
""")
    # What a person agreed to must be what was printed for them years later.
    append_only("consent_texts")


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
