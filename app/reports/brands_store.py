"""SQL of a month's purchases by location."""
from app.db import Database, Row, Transaction


async def sales_by_location(reader: Database | Transaction, business_id: int, since: int, until: int) -> list[Row]:
    """location_id (0: none), sales, amount, paid (money), by_points of purchases that were not undone."""
    return await reader.fetch_all(
        "SELECT COALESCE(o.location_id, 0) AS location_id, COUNT(*) AS sales, SUM(o.amount_minor - o.discount_minor) AS amount, "
        "SUM(o.to_pay_minor) AS paid, SUM(o.spent_minor) AS by_points FROM operations o WHERE o.business_id = :business_id "
        "AND o.acting_business_id = :business_id AND o.at >= :since AND o.at < :until AND o.kind = 'sale' AND NOT EXISTS ("
        "SELECT 1 FROM operations u WHERE u.of_operation_id = o.id AND u.kind = 'undo') GROUP BY COALESCE(o.location_id, 0)",
        {"business_id": business_id, "since": since, "until": until})
