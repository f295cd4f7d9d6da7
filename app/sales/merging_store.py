"""SQL of a merge: what hangs on an account beside its points goes to the account that stays. Every table here names its business."""
from app.db import Transaction

# Rows that simply change hands.
_HANDED_ON = ("vouchers", "favourites", "rule_uses", "promo_uses")
_BOUGHT = """
INSERT INTO bought(account_id, sku, business_id, times, last_at)
SELECT CAST(:keep AS BIGINT), sku, business_id, times, last_at FROM bought WHERE account_id = :lose AND business_id = :business_id
ON CONFLICT (account_id, sku) DO UPDATE SET times = bought.times + excluded.times,
  last_at = CASE WHEN bought.last_at > excluded.last_at THEN bought.last_at ELSE excluded.last_at END"""
# What happened to both of them happened once: this year's birthday gift is not given again.
_HAPPENED = """
UPDATE happenings SET account_id = :keep WHERE account_id = :lose AND business_id = :business_id AND NOT EXISTS (
  SELECT 1 FROM happenings k WHERE k.account_id = :keep AND k.event = happenings.event AND k.key = happenings.key)"""
_INVITATION = """
UPDATE invitations SET account_id = :keep WHERE account_id = :lose AND business_id = :business_id
AND NOT EXISTS (SELECT 1 FROM invitations k WHERE k.account_id = :keep)"""
_GIVER = "UPDATE referrals SET giver_account_id = :keep WHERE giver_account_id = :lose AND business_id = :business_id"
_FRIEND = """
UPDATE referrals SET friend_account_id = :keep WHERE friend_account_id = :lose AND business_id = :business_id
AND NOT EXISTS (SELECT 1 FROM referrals k WHERE k.friend_account_id = :keep)"""
_OWN_FRIEND = """
UPDATE referrals SET status = 'refused', reason = 'self', ended_at = :now WHERE giver_account_id = :keep AND business_id = :business_id
AND status = 'waiting' AND friend_account_id IN (:keep, :lose)"""
_NO_OFFERS = "DELETE FROM offer_rounds WHERE account_id = :lose AND business_id = :business_id"


async def hand_on(tx: Transaction, business_id: int, keep: int, lose: int, now: int) -> None:
    """Vouchers, favourites, uses of rules and codes, what was bought and what happened, invitations and friends."""
    values = {"business_id": business_id, "keep": keep, "lose": lose}
    for table in _HANDED_ON:
        await tx.execute(f"UPDATE {table} SET account_id = :keep WHERE account_id = :lose AND business_id = :business_id", values)
    for statement in (_BOUGHT, _HAPPENED, _INVITATION, _GIVER, _FRIEND, _NO_OFFERS):
        await tx.execute(statement, values)
    await tx.execute(_OWN_FRIEND, {**values, "now": now})
