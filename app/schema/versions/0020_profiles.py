"""What a shopper changes alone: another number, a second phone, the language."""
from app.schema.sql import run

revision, down_revision = "0020", "0019"


def upgrade() -> None:
    run("""
-- another number for the person of a card: the old one was proven when the row was made, the new one is by its code
CREATE TABLE number_changes(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  card_id BIGINT NOT NULL REFERENCES cards(id),
  phone_sealed $BLOB,                     -- the new number; NULL once the change is over
  code_hash $BLOB NOT NULL,
  tries BIGINT NOT NULL DEFAULT 0,
  staff_id BIGINT,                        -- who vouched for a person whose old number is lost; NULL: a code proved the old one
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  proven_at BIGINT,                       -- the new number's code was typed, and the number is another customer's: they may merge
  ended_at BIGINT
);
CREATE INDEX number_changes_card ON number_changes(card_id);
CREATE INDEX number_changes_end ON number_changes(expires_at);
-- what is said to a number that was lost, a while after somebody vouched for its owner
CREATE TABLE number_notices(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  card_id BIGINT NOT NULL REFERENCES cards(id),
  phone_sealed $BLOB NOT NULL,
  language TEXT NOT NULL,
  due_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX number_notices_due ON number_notices(due_at);
-- one-time links that open a card on another phone
CREATE TABLE handovers(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  card_id BIGINT NOT NULL REFERENCES cards(id),
  token_hash $BLOB NOT NULL UNIQUE,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  consumed_at BIGINT
);
CREATE INDEX handovers_card ON handovers(card_id);
CREATE INDEX handovers_end ON handovers(expires_at);
ALTER TABLE customers ADD COLUMN language_at BIGINT;
""")


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
