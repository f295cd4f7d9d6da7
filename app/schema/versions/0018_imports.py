"""Lists of an existing base, what came of their rows, and invitations in batches."""
from app.schema.sql import run

revision, down_revision = "0018", "0017"


def upgrade() -> None:
    run("""
CREATE TABLE imports(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  program_id BIGINT NOT NULL REFERENCES programs(id),
  name TEXT NOT NULL,                     -- the file's
  reading TEXT NOT NULL,                  -- JSON: form, encoding, delimiter, sheet
  columns TEXT NOT NULL,                  -- JSON: the first row
  mapping TEXT NOT NULL,                  -- JSON: what each column is, in their order; "" for one that is left out
  options TEXT NOT NULL,                  -- JSON: imports/rules.py, Options
  -- reading | mapping | checking | checked | running | done | undoing | undone
  state TEXT NOT NULL,
  at_block BIGINT NOT NULL DEFAULT 0,     -- how far the dry run, or then the run, has come: the block and the row in it
  at_row BIGINT NOT NULL DEFAULT 0,
  rows_total BIGINT NOT NULL DEFAULT 0,
  rows_checked BIGINT NOT NULL DEFAULT 0,
  rows_done BIGINT NOT NULL DEFAULT 0,
  new_rows BIGINT NOT NULL DEFAULT 0,
  known_rows BIGINT NOT NULL DEFAULT 0,
  duplicate_rows BIGINT NOT NULL DEFAULT 0,
  wrong_rows BIGINT NOT NULL DEFAULT 0,
  loaded BIGINT NOT NULL DEFAULT 0,       -- opening balances of the programme's unit
  undone_rows BIGINT NOT NULL DEFAULT 0,
  kept_rows BIGINT NOT NULL DEFAULT 0,    -- used since, so that an undo left them
  actor_kind TEXT NOT NULL,
  actor_id BIGINT,
  created_at BIGINT NOT NULL,
  changed_at BIGINT NOT NULL,             -- of the state
  finished_at BIGINT,
  forgotten_at BIGINT                     -- the file's rows are gone
);
CREATE INDEX imports_business ON imports(business_id, id);
CREATE INDEX imports_open ON imports(id) WHERE state IN ('checking', 'running', 'undoing');
CREATE TABLE import_blocks(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  import_id BIGINT NOT NULL REFERENCES imports(id),
  number BIGINT NOT NULL,
  size BIGINT NOT NULL,                   -- rows
  content_sealed $BLOB NOT NULL,          -- the rows as they stand in the file, deflated
  UNIQUE(import_id, number)
);
-- who and which number a file has named already, by keyed hash; the dry run's alone
CREATE TABLE import_seen(
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  import_id BIGINT NOT NULL REFERENCES imports(id),
  hash $BLOB NOT NULL,
  row_number BIGINT NOT NULL,
  PRIMARY KEY(import_id, hash)
)$KEYED;
CREATE TABLE import_mistakes(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  import_id BIGINT NOT NULL REFERENCES imports(id),
  row_number BIGINT NOT NULL,
  phase TEXT NOT NULL,                    -- check | run | undo
  kind TEXT NOT NULL,                     -- mistake: the row stays out; note: it went in
  field TEXT NOT NULL,
  code TEXT NOT NULL,                     -- imports/words.py has the sentence
  params TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX import_mistakes_row ON import_mistakes(import_id, row_number, id);
CREATE TABLE import_people(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  import_id BIGINT NOT NULL REFERENCES imports(id),
  row_number BIGINT NOT NULL,
  customer_id BIGINT NOT NULL REFERENCES customers(id),
  account_id BIGINT NOT NULL REFERENCES accounts(id),
  card_id BIGINT NOT NULL REFERENCES cards(id),
  operation_id BIGINT REFERENCES operations(id),    -- the opening balance
  enrolment_id BIGINT REFERENCES enrolments(id),
  alias TEXT,                             -- the old number that this row gave the card
  is_new_card BIGINT NOT NULL,
  may_write BIGINT NOT NULL,              -- the list says that they agreed to hear from the business
  state TEXT NOT NULL,                    -- in | undone | kept
  UNIQUE(import_id, row_number)
);
CREATE INDEX import_people_account ON import_people(account_id);
CREATE TABLE campaigns(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  program_id BIGINT NOT NULL REFERENCES programs(id),
  name TEXT NOT NULL,
  import_id BIGINT REFERENCES imports(id),          -- either a list or a segment
  segment TEXT,                           -- its key
  tag TEXT,                               -- of the list's people, those with this tag
  way TEXT NOT NULL,                      -- sms | mail
  held_out_bp BIGINT NOT NULL,            -- the share that is not invited
  per_hour BIGINT NOT NULL,
  statement TEXT,                         -- the owner's words on where the people agreed; NULL: the list's column says it
  -- gathering | ready | running | paused | stopped | done
  state TEXT NOT NULL,
  why TEXT,                               -- why it rests: code of campaigns/words.py
  rests_until BIGINT,
  gathered_to BIGINT NOT NULL DEFAULT 0,
  actor_kind TEXT NOT NULL,
  actor_id BIGINT,
  created_at BIGINT NOT NULL,
  started_at BIGINT,
  finished_at BIGINT
);
CREATE INDEX campaigns_business ON campaigns(business_id, id);
CREATE INDEX campaigns_open ON campaigns(id) WHERE state IN ('gathering', 'running');
CREATE TABLE campaign_people(
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  campaign_id BIGINT NOT NULL REFERENCES campaigns(id),
  account_id BIGINT NOT NULL REFERENCES accounts(id),
  customer_id BIGINT NOT NULL REFERENCES customers(id),
  is_held_out BIGINT NOT NULL,
  state TEXT NOT NULL,                    -- waiting | sent | failed | suppressed | not_allowed | member | held_out
  why TEXT,
  enrolment_id BIGINT REFERENCES enrolments(id),
  due_at BIGINT NOT NULL DEFAULT 0,
  tries BIGINT NOT NULL DEFAULT 0,
  sent_at BIGINT,
  PRIMARY KEY(campaign_id, account_id)
);
CREATE INDEX campaign_people_waiting ON campaign_people(campaign_id, due_at, account_id) WHERE state = 'waiting';
CREATE INDEX campaign_people_sent ON campaign_people(campaign_id, sent_at) WHERE sent_at IS NOT NULL;
""")


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
