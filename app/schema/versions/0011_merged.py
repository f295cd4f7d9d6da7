"""The accounts that were merged into one are found from it, and each of them names the one that lives on, in one step."""
from app.schema.sql import run

revision, down_revision = "0011", "0010"


def upgrade() -> None:
    run("""
CREATE INDEX accounts_merged ON accounts(merged_into) WHERE merged_into IS NOT NULL;
""")
    # A merge of merged ones led on step by step; the newest end of each way is the account that has none.
    run("""
WITH RECURSIVE way(id, into_id) AS (
  SELECT id, merged_into FROM accounts WHERE merged_into IS NOT NULL
  UNION SELECT w.id, a.merged_into FROM way w JOIN accounts a ON a.id = w.into_id WHERE a.merged_into IS NOT NULL)
UPDATE accounts SET merged_into = (
  SELECT w.into_id FROM way w JOIN accounts e ON e.id = w.into_id WHERE w.id = accounts.id AND e.merged_into IS NULL)
WHERE merged_into IN (SELECT id FROM accounts WHERE merged_into IS NOT NULL);
""")


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
