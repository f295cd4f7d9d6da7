"""SQL on role_limits."""
from app.db import Database, Transaction


async def cashier_refund_most(reader: Database | Transaction, business_id: int) -> int | None:
    return await reader.fetch_val("SELECT cashier_refund_most_minor FROM role_limits WHERE business_id = :business_id",
                                  {"business_id": business_id})


async def set_cashier_refund_most(tx: Transaction, business_id: int, most_minor: int | None, at: int) -> None:
    await tx.execute("INSERT INTO role_limits(business_id, cashier_refund_most_minor, changed_at) "
                     "VALUES (:business_id, CAST(:most AS BIGINT), :at) "
                     "ON CONFLICT (business_id) DO UPDATE SET cashier_refund_most_minor = excluded.cashier_refund_most_minor, "
                     "changed_at = excluded.changed_at", {"business_id": business_id, "most": most_minor, "at": at})
