"""How people sign in: second factors, passkeys, sessions that can be seen and ended."""
from app.schema.sql import run

revision, down_revision = "0026", "0025"


def upgrade() -> None:
    run("""
-- device_id: the paired till that the session is bound to, whose rows other revisions own; agent: a browser's short name;
-- address: where it was used, its last part left out; training: 1 where nothing counts; locked_at: idle, waits for a PIN;
-- factor: how its owner came in; confirmed_at: when they last showed that it is still they
ALTER TABLE sessions ADD COLUMN device_id BIGINT;
ALTER TABLE sessions ADD COLUMN agent TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN training BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN locked_at BIGINT;
ALTER TABLE sessions ADD COLUMN factor TEXT NOT NULL DEFAULT 'password';
ALTER TABLE sessions ADD COLUMN confirmed_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX sessions_device ON sessions(device_id) WHERE device_id IS NOT NULL;
-- purpose: invitation | reset; clears_factors: 1 where whoever uses it begins with a password alone (made by the server's operator)
ALTER TABLE sign_in_links ADD COLUMN purpose TEXT NOT NULL DEFAULT 'invitation';
ALTER TABLE sign_in_links ADD COLUMN clears_factors BIGINT NOT NULL DEFAULT 0;
-- What a business asks of its people; no row: nothing beyond a password.
CREATE TABLE sign_in_rules(
  business_id BIGINT PRIMARY KEY REFERENCES businesses(id),
  second_factor BIGINT NOT NULL DEFAULT 0,   -- 1: owners and managers need one from their next sign-in
  changed_at BIGINT NOT NULL
);
-- Factors belong to an account: account_kind staff (then business_id is set) or operator (of the server).
CREATE TABLE totp_keys(
  id $ID,
  business_id BIGINT REFERENCES businesses(id),
  account_kind TEXT NOT NULL,
  account_id BIGINT NOT NULL,
  key_sealed $BLOB NOT NULL,
  last_step BIGINT NOT NULL,              -- the newest half minute whose code was used: no code works twice
  created_at BIGINT NOT NULL,
  UNIQUE (account_kind, account_id)
);
CREATE TABLE recovery_codes(
  id $ID,
  business_id BIGINT REFERENCES businesses(id),
  account_kind TEXT NOT NULL,
  account_id BIGINT NOT NULL,
  code_hash $BLOB NOT NULL,
  created_at BIGINT NOT NULL,
  used_at BIGINT
);
CREATE INDEX recovery_codes_account ON recovery_codes(account_kind, account_id);
CREATE TABLE passkeys(
  id $ID,
  business_id BIGINT REFERENCES businesses(id),
  account_kind TEXT NOT NULL,
  account_id BIGINT NOT NULL,
  name_sealed $BLOB NOT NULL,             -- as its owner calls it
  credential_id $BLOB NOT NULL UNIQUE,
  public_key $BLOB NOT NULL,              -- COSE
  sign_count BIGINT NOT NULL,
  transports TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  used_at BIGINT
);
CREATE INDEX passkeys_account ON passkeys(account_kind, account_id);
-- Between the password and the second factor: a browser that knows the password and is nobody yet.
CREATE TABLE sign_in_steps(
  id $ID,
  business_id BIGINT REFERENCES businesses(id),
  account_kind TEXT NOT NULL,
  account_id BIGINT NOT NULL,
  token_hash $BLOB NOT NULL UNIQUE,
  kind TEXT NOT NULL,                     -- of the session that it leads to
  must_set_up BIGINT NOT NULL,            -- 1: the account has no factor yet and its business wants one
  key_sealed $BLOB,                       -- a TOTP key that is being set up
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  consumed_at BIGINT
);
CREATE INDEX sign_in_steps_expires ON sign_in_steps(expires_at);
-- Answers to passkey challenges that were taken: none is taken twice.
CREATE TABLE used_challenges(
  challenge_hash $BLOB PRIMARY KEY,
  expires_at BIGINT NOT NULL
);
""")


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
