"""Questions of the retention table about people: ids of customers, as conditions that rows name."""
# Whose account moved since: sales and the like, not what time does by itself.
MOVED = ("SELECT a.customer_id FROM operations o JOIN accounts a ON a.id = o.account_id WHERE o.at >= :before "
         "AND o.kind NOT IN ('expiry', 'closing') AND a.customer_id IS NOT NULL")
JOINED = ("SELECT a.customer_id FROM cards k JOIN accounts a ON a.id = k.account_id WHERE (k.created_at >= :before "
          "OR k.activated_at >= :before) AND a.customer_id IS NOT NULL")
LISTED = ("SELECT p.customer_id FROM import_people p JOIN imports i ON i.id = p.import_id WHERE i.created_at < :before "
          "AND p.state = 'in' AND p.is_new_card = 1")
HAS_JOINED = ("SELECT a.customer_id FROM cards k JOIN accounts a ON a.id = k.account_id WHERE k.status IN ('active', 'blocked') "
              "AND a.customer_id IS NOT NULL")
