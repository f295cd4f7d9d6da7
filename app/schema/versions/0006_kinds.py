"""Every kind of programme: pending and moved lots, levels, rewards, vouchers, promo codes, referrals, participations, approvals."""
from app.schema.sql import append_only, run

revision, down_revision = "0006", "0005"


def upgrade() -> None:
    run("""
-- NULL: at once; before it the lot is pending and pays for nothing
ALTER TABLE lots ADD COLUMN available_at BIGINT;
-- the lot whose points these are, after a freeze or a merge
ALTER TABLE lots ADD COLUMN moved_from BIGINT REFERENCES lots(id);
-- the rule that gave it, where one did
ALTER TABLE lots ADD COLUMN rule TEXT;
DROP INDEX lots_alive;
CREATE INDEX lots_alive ON lots(account_id, unit) WHERE remaining <> 0;
CREATE INDEX lots_pending ON lots(available_at) WHERE remaining <> 0 AND available_at IS NOT NULL;
CREATE INDEX lots_moved ON lots(moved_from) WHERE moved_from IS NOT NULL;
ALTER TABLE accounts ADD COLUMN merged_into BIGINT REFERENCES accounts(id);
ALTER TABLE customers ADD COLUMN merged_into BIGINT REFERENCES customers(id);
-- NULL: from created_at on; later: announced before it holds
ALTER TABLE rules_versions ADD COLUMN starts_at BIGINT;
-- closing: earning is frozen from here on
ALTER TABLE programs ADD COLUMN earns_until_at BIGINT;
-- closing: balances end and cards are voided here
ALTER TABLE programs ADD COLUMN spends_until_at BIGINT;
-- JSON: brand and legal entity, for reports
ALTER TABLE locations ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';
-- JSON: the business's own words (vip, partner)
ALTER TABLE customers ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';
-- their own card, which they may not credit
ALTER TABLE staff ADD COLUMN customer_id BIGINT REFERENCES customers(id);

-- which level an account holds since when, and why; the newest row at a moment is the level of that moment
CREATE TABLE level_changes(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  account_id BIGINT NOT NULL REFERENCES accounts(id),
  level TEXT,                             -- the key of a level of the rules; NULL: none
  reason TEXT NOT NULL,                   -- reached | lost | grace | by_hand | by_hand_ended | merged
  until_at BIGINT,                        -- grace and by_hand: kept until then; NULL: no end
  note TEXT,                              -- by_hand: why
  actor_kind TEXT NOT NULL,
  actor_id BIGINT,
  operation_id BIGINT REFERENCES operations(id),
  at BIGINT NOT NULL
);
CREATE INDEX level_changes_account ON level_changes(account_id, at, id);
CREATE INDEX level_changes_until ON level_changes(until_at) WHERE until_at IS NOT NULL;
-- what a shopper chose; the newest row counts
CREATE TABLE favourites(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  account_id BIGINT NOT NULL REFERENCES accounts(id),
  sku TEXT NOT NULL,
  at BIGINT NOT NULL,
  until_at BIGINT NOT NULL
);
CREATE INDEX favourites_account ON favourites(account_id, id);
-- how often a rule with a cap gave something; amount < 0: a refund took it back
CREATE TABLE rule_uses(
  operation_id BIGINT NOT NULL REFERENCES operations(id),
  rule TEXT NOT NULL,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  program_id BIGINT NOT NULL REFERENCES programs(id),
  account_id BIGINT NOT NULL REFERENCES accounts(id),
  local_day TEXT NOT NULL,                -- YYYY-MM-DD, the business's
  amount BIGINT NOT NULL,
  PRIMARY KEY(operation_id, rule)
)$KEYED;
CREATE INDEX rule_uses_account ON rule_uses(account_id, rule, local_day);
-- what a campaign with a cap has given to everybody
CREATE TABLE rule_totals(
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  program_id BIGINT NOT NULL REFERENCES programs(id),
  rule TEXT NOT NULL,
  amount BIGINT NOT NULL,
  PRIMARY KEY(program_id, rule)
)$KEYED;
-- goods as tills name them
CREATE TABLE products(
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  sku TEXT NOT NULL,
  name TEXT NOT NULL,
  category TEXT,
  can_be_favourite BIGINT NOT NULL DEFAULT 0,
  added_at BIGINT NOT NULL,
  PRIMARY KEY(business_id, sku)
)$KEYED;
CREATE TABLE bought(
  account_id BIGINT NOT NULL REFERENCES accounts(id),
  sku TEXT NOT NULL,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  times BIGINT NOT NULL,
  last_at BIGINT NOT NULL,
  PRIMARY KEY(account_id, sku)
)$KEYED;
-- a shopper's basket of offers; renewed by the job
CREATE TABLE personal_offers(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  account_id BIGINT NOT NULL REFERENCES accounts(id),
  sku TEXT NOT NULL,
  discount_bp BIGINT NOT NULL,
  why TEXT NOT NULL,                      -- frequent | new
  starts_at BIGINT NOT NULL,
  ends_at BIGINT NOT NULL
);
CREATE INDEX personal_offers_account ON personal_offers(account_id, ends_at);
-- what can be given: the catalogue of a programme
CREATE TABLE rewards(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  program_id BIGINT NOT NULL REFERENCES programs(id),
  key TEXT NOT NULL,                      -- how rules name it
  kind TEXT NOT NULL,                     -- product | service | delivery | text | discount | money_off
  names TEXT NOT NULL,                    -- JSON: {"en": …, "ru": …}
  unit TEXT,                              -- what it costs in the catalogue; NULL: not for sale there
  cost BIGINT NOT NULL DEFAULT 0,
  value BIGINT NOT NULL DEFAULT 0,        -- discount: basis points; money_off: minor units; else what it costs the business, minor units
  sku TEXT,                               -- product: the line that becomes free
  days BIGINT NOT NULL DEFAULT 30,        -- how long a voucher for it lives
  level TEXT,                             -- from this level on; NULL: everybody
  stock BIGINT,                           -- how many are left; NULL: as many as wanted
  position BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  closed_at BIGINT,
  UNIQUE(program_id, key)
);
-- texts of gifts that differ piece by piece (tickets, partner codes), handed out once each
CREATE TABLE reward_codes(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  reward_id BIGINT NOT NULL REFERENCES rewards(id),
  code_sealed $BLOB NOT NULL,
  voucher_id BIGINT
);
CREATE INDEX reward_codes_free ON reward_codes(reward_id, id) WHERE voucher_id IS NULL;
-- a right to a reward that one account holds
CREATE TABLE vouchers(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  program_id BIGINT NOT NULL REFERENCES programs(id),
  account_id BIGINT NOT NULL REFERENCES accounts(id),
  rewards TEXT NOT NULL,                  -- JSON: keys of the rewards it may become; more than one: chosen when it is used
  code TEXT NOT NULL UNIQUE,              -- 10 digits for the till, the last a check digit
  source TEXT NOT NULL,                   -- the rule, conversion, catalogue, welcome, birthday, referral, coupon
  status TEXT NOT NULL,                   -- open | used | void | expired
  starts_at BIGINT NOT NULL,
  ends_at BIGINT,                         -- NULL: no end
  issued_by BIGINT REFERENCES operations(id),
  used_by BIGINT REFERENCES operations(id),
  reward_id BIGINT REFERENCES rewards(id),    -- what it became
  created_at BIGINT NOT NULL
);
CREATE INDEX vouchers_account ON vouchers(account_id, status);
CREATE INDEX vouchers_issued ON vouchers(issued_by) WHERE issued_by IS NOT NULL;
CREATE INDEX vouchers_used ON vouchers(used_by) WHERE used_by IS NOT NULL;
CREATE INDEX vouchers_ending ON vouchers(ends_at) WHERE status = 'open' AND ends_at IS NOT NULL;
-- promo codes come in batches that share their terms
CREATE TABLE promo_batches(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  program_id BIGINT NOT NULL REFERENCES programs(id),
  key TEXT NOT NULL,                      -- how rules name it (condition `promo`)
  name TEXT NOT NULL,
  kind TEXT NOT NULL,                     -- code (typed or told) | coupon (printed, one QR code each)
  reward TEXT,                            -- what a code gives by itself: the key of a reward; NULL: rules decide
  uses BIGINT,                            -- how often each code may be used; NULL: without limit
  per_person BIGINT,
  total BIGINT,                           -- stock of the batch; NULL: without limit
  used BIGINT NOT NULL DEFAULT 0,
  starts_at BIGINT NOT NULL,
  ends_at BIGINT,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  closed_at BIGINT,
  UNIQUE(program_id, key)
);
CREATE TABLE promo_codes(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  batch_id BIGINT NOT NULL REFERENCES promo_batches(id),
  code TEXT NOT NULL,                     -- folded: capitals without spaces and hyphens
  used BIGINT NOT NULL DEFAULT 0,
  UNIQUE(business_id, code)
);
CREATE INDEX promo_codes_batch ON promo_codes(batch_id, id);
CREATE TABLE promo_uses(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  promo_code_id BIGINT NOT NULL REFERENCES promo_codes(id),
  account_id BIGINT REFERENCES accounts(id),      -- NULL: a bearer's coupon
  operation_id BIGINT REFERENCES operations(id),
  actor_kind TEXT NOT NULL,
  actor_id BIGINT,
  at BIGINT NOT NULL,
  taken_back_at BIGINT
);
CREATE INDEX promo_uses_code ON promo_uses(promo_code_id, account_id);
CREATE INDEX promo_uses_operation ON promo_uses(operation_id) WHERE operation_id IS NOT NULL;
-- things that happened once and gave something: a birthday's year, a review, an activation
CREATE TABLE happenings(
  account_id BIGINT NOT NULL REFERENCES accounts(id),
  event TEXT NOT NULL,
  key TEXT NOT NULL,                      -- what makes it this one: a year, the caller's own number
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  operation_id BIGINT REFERENCES operations(id),
  at BIGINT NOT NULL,
  PRIMARY KEY(account_id, event, key)
)$KEYED;
CREATE TABLE invitations(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  program_id BIGINT NOT NULL REFERENCES programs(id),
  account_id BIGINT REFERENCES accounts(id),      -- who invites; NULL: the business (a closed club)
  code TEXT NOT NULL UNIQUE,              -- ?friend= of the enrolment page
  uses BIGINT,                            -- NULL: without limit
  used BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  ends_at BIGINT
);
CREATE UNIQUE INDEX invitations_account ON invitations(account_id) WHERE account_id IS NOT NULL;
CREATE TABLE referrals(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  program_id BIGINT NOT NULL REFERENCES programs(id),
  invitation_id BIGINT NOT NULL REFERENCES invitations(id),
  giver_account_id BIGINT NOT NULL REFERENCES accounts(id),
  friend_account_id BIGINT NOT NULL UNIQUE REFERENCES accounts(id),
  status TEXT NOT NULL,                   -- waiting | rewarded | refused
  reason TEXT,                            -- refused: self | loop | known | farming | too_late
  first_sale_id BIGINT REFERENCES operations(id),
  settles_at BIGINT,                      -- when that sale can no longer be returned
  created_at BIGINT NOT NULL,
  ended_at BIGINT
);
CREATE INDEX referrals_settling ON referrals(settles_at) WHERE status = 'waiting' AND settles_at IS NOT NULL;
CREATE INDEX referrals_giver ON referrals(giver_account_id, created_at);
ALTER TABLE enrolments ADD COLUMN invitation_id BIGINT REFERENCES invitations(id);
-- coalition: a business of its own that others take part in (design rule 13)
CREATE TABLE participations(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),            -- the coalition
  member_business_id BIGINT NOT NULL REFERENCES businesses(id),
  earns BIGINT NOT NULL DEFAULT 1,
  spends BIGINT NOT NULL DEFAULT 1,
  fee_bp BIGINT NOT NULL DEFAULT 0,       -- what the coalition keeps of a cleared amount
  started_at BIGINT NOT NULL,
  ended_at BIGINT
);
CREATE UNIQUE INDEX participations_pair ON participations(business_id, member_business_id) WHERE ended_at IS NULL;
CREATE INDEX participations_member ON participations(member_business_id) WHERE ended_at IS NULL;
-- what one manager asked for and another one must confirm
CREATE TABLE approvals(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  kind TEXT NOT NULL,                     -- adjustment
  card_id BIGINT NOT NULL REFERENCES cards(id),
  request TEXT NOT NULL,                  -- JSON: unit, amount, reason
  status TEXT NOT NULL,                   -- waiting | approved | refused | expired
  asked_kind TEXT NOT NULL,
  asked_id BIGINT,
  asked_name TEXT NOT NULL DEFAULT '',
  asked_at BIGINT NOT NULL,
  decided_id BIGINT,
  decided_at BIGINT,
  operation_id BIGINT REFERENCES operations(id)
);
CREATE INDEX approvals_waiting ON approvals(business_id, id) WHERE status = 'waiting';
CREATE TABLE segments(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  key TEXT NOT NULL,
  name TEXT NOT NULL,
  filter TEXT NOT NULL,                   -- JSON of segments.rules.Filter
  created_at BIGINT NOT NULL,
  closed_at BIGINT,
  UNIQUE(business_id, key)
);
-- the end of a business's local day: the last link, and the root over the day's hashes that receipts are proved against
CREATE TABLE day_seals(
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  local_day TEXT NOT NULL,
  first_seq BIGINT NOT NULL,
  last_seq BIGINT NOT NULL,
  head $BLOB NOT NULL,
  root $BLOB NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY(business_id, local_day)
)$KEYED;
-- signs that a pattern of fraud shows (goals S6, S7)
CREATE TABLE suspicions(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  kind TEXT NOT NULL,
  subject_kind TEXT NOT NULL,             -- staff | api_key | account
  subject_id BIGINT NOT NULL,
  period TEXT NOT NULL,                   -- the local day that it was seen in: once a day each
  details TEXT NOT NULL DEFAULT '{}',
  at BIGINT NOT NULL,
  seen_at BIGINT,
  UNIQUE(business_id, kind, subject_kind, subject_id, period)
);
""")
    append_only("level_changes")
    append_only("day_seals")


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
