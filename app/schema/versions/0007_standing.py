"""What the jobs of standing look things up by: passed windows, birthdays, activations, announced rules, and when a basket is due."""
from app.schema.sql import run

revision, down_revision = "0007", "0006"


def upgrade() -> None:
    run("""
-- accounts that bought something under a programme with personal offers, and when their next basket is made
CREATE TABLE offer_rounds(
  account_id BIGINT PRIMARY KEY REFERENCES accounts(id),
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  program_id BIGINT NOT NULL REFERENCES programs(id),
  due_at BIGINT NOT NULL
);
CREATE INDEX offer_rounds_due ON offer_rounds(due_at);
-- the few operations that time makes, without a look at all sales
CREATE INDEX operations_expiries ON operations(recorded_at) WHERE kind = 'expiry';
CREATE INDEX customers_birthday ON customers(business_id, SUBSTR(birthday_on, 6, 5)) WHERE birthday_on IS NOT NULL;
CREATE INDEX cards_activated ON cards(program_id, activated_at) WHERE activated_at IS NOT NULL;
CREATE INDEX rules_versions_announced ON rules_versions(program_id, starts_at) WHERE starts_at IS NOT NULL;
CREATE INDEX products_added ON products(business_id, added_at);
""")


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
