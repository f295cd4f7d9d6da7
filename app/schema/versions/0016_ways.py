"""More ways to a card: a code on the till's screen, a code told to the cashier, plastic numbers, mail."""
from app.schema.sql import run

revision, down_revision = "0016", "0015"


def upgrade() -> None:
    run("""
-- email_sealed: emptied when it ends, as the phone; email_hash: only where the mail is the way to the person; mail_id: the newest mail,
-- which the outbox forgets in its own time; plastic_id: the plastic card whose number the card will have
ALTER TABLE enrolments ADD COLUMN email_sealed $BLOB;
ALTER TABLE enrolments ADD COLUMN email_hash $BLOB;
ALTER TABLE enrolments ADD COLUMN mail_id BIGINT;
ALTER TABLE enrolments ADD COLUMN plastic_id BIGINT;
CREATE UNIQUE INDEX enrolments_waiting_mail ON enrolments(program_id, email_hash) WHERE status = 'pending' AND email_hash IS NOT NULL;
CREATE UNIQUE INDEX enrolments_waiting_plastic ON enrolments(plastic_id) WHERE status = 'pending' AND plastic_id IS NOT NULL;
-- which ways a programme allows; no row: what rules.WAYS says
CREATE TABLE program_ways(
  program_id BIGINT PRIMARY KEY REFERENCES programs(id),
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  screen BIGINT NOT NULL,
  code BIGINT NOT NULL,
  plastic BIGINT NOT NULL,
  mail BIGINT NOT NULL,
  anonymous BIGINT NOT NULL,
  changed_at BIGINT NOT NULL
);
-- a QR code on a till's screen: used once, by whoever stands before it
CREATE TABLE screen_links(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  program_id BIGINT NOT NULL REFERENCES programs(id),
  location_id BIGINT REFERENCES locations(id),
  staff_id BIGINT REFERENCES staff(id),
  card_id BIGINT REFERENCES cards(id),    -- a card that exists is handed over; NULL: a new one
  token_hash $BLOB NOT NULL UNIQUE,
  token_sealed $BLOB,                     -- the till draws it as often as its page is opened; emptied at the first use
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  consumed_at BIGINT,
  enrolment_id BIGINT REFERENCES enrolments(id)
);
CREATE INDEX screen_links_business ON screen_links(business_id, id);
-- the digits that a shopper reads out to the cashier
CREATE TABLE told_codes(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  enrolment_id BIGINT NOT NULL REFERENCES enrolments(id),
  code_hash $BLOB NOT NULL,
  tries BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT
);
CREATE INDEX told_codes_enrolment ON told_codes(enrolment_id);
CREATE INDEX told_codes_business ON told_codes(business_id);
-- plastic cards that are printed before anybody has them
CREATE TABLE plastic_batches(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  program_id BIGINT NOT NULL REFERENCES programs(id),
  name TEXT NOT NULL,
  cards BIGINT NOT NULL,
  made_by BIGINT,
  created_at BIGINT NOT NULL,
  closed_at BIGINT                        -- a lost box: none of its cards can be activated any more
);
CREATE INDEX plastic_batches_business ON plastic_batches(business_id, id);
CREATE TABLE plastic_cards(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  program_id BIGINT NOT NULL REFERENCES programs(id),
  batch_id BIGINT NOT NULL REFERENCES plastic_batches(id),
  number TEXT NOT NULL,
  code_hash $BLOB NOT NULL,               -- of number and check code
  card_id BIGINT REFERENCES cards(id),    -- once it is activated
  activated_at BIGINT
);
CREATE UNIQUE INDEX plastic_cards_number ON plastic_cards(number);
CREATE INDEX plastic_cards_batch ON plastic_cards(batch_id);
-- whoever wants no mail from a business; survives an erasure
CREATE TABLE mail_suppressions(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  email_hash $BLOB NOT NULL,
  reason TEXT NOT NULL,                   -- not_me
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX mail_suppressions_address ON mail_suppressions(business_id, email_hash);
""")


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
