"""Accounts, cards, operations, entries, lots, the chain, numbered updates and the events outbox."""
from app.schema.sql import append_only, run

revision, down_revision = "0003", "0002"


def upgrade() -> None:
    run("""
-- who owns the points of a programme; a card only points here
CREATE TABLE accounts(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  program_id BIGINT NOT NULL REFERENCES programs(id),
  customer_id BIGINT REFERENCES customers(id),
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX accounts_customer ON accounts(program_id, customer_id) WHERE customer_id IS NOT NULL;
CREATE TABLE balances(
  account_id BIGINT NOT NULL REFERENCES accounts(id),
  unit TEXT NOT NULL,                     -- points | money | stamps | visits
  amount BIGINT NOT NULL,                 -- the sum of its entries and of its lots' remainders
  PRIMARY KEY(account_id, unit)
)$KEYED;
CREATE TABLE cards(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  program_id BIGINT NOT NULL REFERENCES programs(id),
  account_id BIGINT NOT NULL REFERENCES accounts(id),
  number TEXT NOT NULL UNIQUE,            -- 16 digits: 3 of the programme, 12 random, Luhn
  code TEXT NOT NULL UNIQUE,              -- the barcode: 9, 14 random, Luhn
  status TEXT NOT NULL,                   -- provisional | active | blocked | replaced | expired | erased
  source TEXT NOT NULL,                   -- poster | till | api | console | demo | command
  issued_by_kind TEXT,
  issued_by_id BIGINT,
  location_id BIGINT REFERENCES locations(id),
  created_at BIGINT NOT NULL,
  activated_at BIGINT,
  provisional_until BIGINT,
  blocked_at BIGINT,
  replaced_by BIGINT REFERENCES cards(id)
);
CREATE INDEX cards_account ON cards(account_id);
CREATE INDEX cards_business ON cards(business_id, id);
CREATE INDEX cards_provisional ON cards(provisional_until) WHERE provisional_until IS NOT NULL;
CREATE TABLE retired_codes(
  code TEXT PRIMARY KEY,                  -- a barcode that was re-issued: never given out again
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  card_id BIGINT NOT NULL REFERENCES cards(id),
  retired_at BIGINT NOT NULL
);
CREATE TABLE aliases(
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  value TEXT NOT NULL,                    -- an old plastic card's number, exactly as scanned
  card_id BIGINT NOT NULL REFERENCES cards(id),
  created_at BIGINT NOT NULL,
  PRIMARY KEY(business_id, value)
)$KEYED;
CREATE TABLE operations(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  acting_business_id BIGINT NOT NULL REFERENCES businesses(id),
  program_id BIGINT NOT NULL REFERENCES programs(id),
  account_id BIGINT NOT NULL REFERENCES accounts(id),
  card_id BIGINT NOT NULL REFERENCES cards(id),
  location_id BIGINT REFERENCES locations(id),
  kind TEXT NOT NULL,                     -- sale | undo | refund | adjustment | welcome | expiry | return | reversal
  of_operation_id BIGINT REFERENCES operations(id),
  at BIGINT NOT NULL,                     -- when it happened
  recorded_at BIGINT NOT NULL,            -- when it reached us
  rules_version BIGINT NOT NULL,
  amount_minor BIGINT NOT NULL DEFAULT 0,
  discount_minor BIGINT NOT NULL DEFAULT 0,
  spent_minor BIGINT NOT NULL DEFAULT 0,      -- what points paid
  to_pay_minor BIGINT NOT NULL DEFAULT 0,     -- what money paid
  pay_back_minor BIGINT NOT NULL DEFAULT 0,   -- money handed back by a refund
  shortfall BIGINT NOT NULL DEFAULT 0,        -- earned points that a refund could not take back and waived
  actor_kind TEXT NOT NULL,
  actor_id BIGINT,
  text_hash $BLOB                         -- SHA-256 of salt and texts; NULL where there are none
);
CREATE INDEX operations_account ON operations(account_id, id);
CREATE INDEX operations_business ON operations(business_id, at, id);
CREATE INDEX operations_of ON operations(of_operation_id) WHERE of_operation_id IS NOT NULL;
-- texts and their salts: rows that an erasure may empty without touching the chain
CREATE TABLE operation_texts(
  operation_id BIGINT PRIMARY KEY REFERENCES operations(id),
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  salt $BLOB,
  content TEXT                            -- JSON: receipt, reason, lines, actor's name
);
CREATE TABLE receipts(
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  location_id BIGINT NOT NULL,            -- 0: none
  local_day TEXT NOT NULL,                -- YYYY-MM-DD, the location's
  kind TEXT NOT NULL,                     -- sale | refund
  number TEXT NOT NULL,
  operation_id BIGINT NOT NULL REFERENCES operations(id),
  PRIMARY KEY(business_id, location_id, local_day, kind, number)
)$KEYED;
CREATE INDEX receipts_number ON receipts(business_id, number);
CREATE TABLE lots(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  account_id BIGINT NOT NULL REFERENCES accounts(id),
  unit TEXT NOT NULL,
  operation_id BIGINT NOT NULL REFERENCES operations(id),
  granted BIGINT NOT NULL,
  remaining BIGINT NOT NULL,              -- negative: a debt
  expires_at BIGINT,                      -- NULL: never
  created_at BIGINT NOT NULL
);
CREATE INDEX lots_alive ON lots(account_id) WHERE remaining <> 0;
CREATE INDEX lots_ending ON lots(expires_at) WHERE remaining > 0 AND expires_at IS NOT NULL;
CREATE TABLE entries(
  operation_id BIGINT NOT NULL REFERENCES operations(id),
  line BIGINT NOT NULL,                   -- 1, 2, … within its operation
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  account_id BIGINT REFERENCES accounts(id),   -- NULL: the business's side
  book TEXT NOT NULL,                     -- account | issued | redeemed | expired | adjusted | returned
  unit TEXT NOT NULL,
  amount BIGINT NOT NULL,
  lot_id BIGINT REFERENCES lots(id),
  PRIMARY KEY(operation_id, line)
)$KEYED;
CREATE TABLE chain(
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  seq BIGINT NOT NULL,
  operation_id BIGINT NOT NULL REFERENCES operations(id),
  hash $BLOB NOT NULL,
  PRIMARY KEY(business_id, seq)
)$KEYED;
CREATE UNIQUE INDEX chain_operation ON chain(operation_id);
-- "this card changed", in commit order; the newest number is Apple's update tag
CREATE TABLE updates(
  number BIGINT PRIMARY KEY,
  business_id BIGINT NOT NULL,
  card_id BIGINT NOT NULL,
  registration_id BIGINT,                 -- set where a registration took the number for itself
  at BIGINT NOT NULL
);
-- PostgreSQL only: committed changes that wait for the one runner to number them
CREATE TABLE update_queue(
  id $ID,
  business_id BIGINT NOT NULL,
  card_id BIGINT NOT NULL,
  registration_id BIGINT,
  at BIGINT NOT NULL
);
CREATE TABLE latest_updates(
  card_id BIGINT PRIMARY KEY,
  number BIGINT NOT NULL
);
-- how far a reader of updates or events has come
CREATE TABLE cursors(
  name TEXT PRIMARY KEY,
  number BIGINT NOT NULL
);
-- what others are told (webhooks read it); ids only, nothing personal
CREATE TABLE events(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  kind TEXT NOT NULL,                     -- card.created, card.activated, operation.created, …
  card_id BIGINT,
  operation_id BIGINT,
  customer_id BIGINT,
  enrolment_id BIGINT,
  details TEXT NOT NULL DEFAULT '{}',
  at BIGINT NOT NULL
);
""")
    append_only("entries")
    append_only("operations")
    append_only("chain")


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
