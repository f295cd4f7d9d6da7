"""Gifts that come piece by piece are found by their voucher, promo codes by who used them; and where a bearer's coupon was redeemed."""
from app.schema.sql import run

revision, down_revision = "0009", "0008"


def upgrade() -> None:
    run("""
-- where it was used, when no operation says so
ALTER TABLE promo_uses ADD COLUMN location_id BIGINT REFERENCES locations(id);
CREATE INDEX promo_uses_account ON promo_uses(account_id, promo_code_id) WHERE account_id IS NOT NULL AND taken_back_at IS NULL;
CREATE INDEX reward_codes_reward ON reward_codes(reward_id, id);
CREATE INDEX reward_codes_voucher ON reward_codes(voucher_id) WHERE voucher_id IS NOT NULL;
CREATE INDEX vouchers_open ON vouchers(program_id) WHERE status = 'open';
""")


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
