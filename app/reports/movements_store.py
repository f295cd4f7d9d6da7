"""SQL of what moved in a month: balances by the business's books, vouchers, promo codes."""
from app.db import Database, Row, Transaction

Reader = Database | Transaction


async def by_book(reader: Reader, business_id: int, program_id: int, since: int, until: int) -> list[Row]:
    """unit, book, amount of what came onto cards (> 0) from each book of the business in a time, less what went back."""
    return await reader.fetch_all(
        "SELECT e.unit, e.book, -SUM(e.amount) AS amount FROM operations o JOIN entries e ON e.operation_id = o.id "
        "WHERE o.business_id = :business_id AND o.program_id = :program_id AND o.at >= :since AND o.at < :until "
        "AND e.account_id IS NULL GROUP BY e.unit, e.book",
        {"business_id": business_id, "program_id": program_id, "since": since, "until": until})


async def vouchers(reader: Reader, business_id: int, program_id: int, since: int, until: int) -> Row:
    """issued, used and ended in a time."""
    row = await reader.fetch_one(
        "SELECT COALESCE(SUM(CASE WHEN v.created_at >= :since AND v.created_at < :until THEN 1 ELSE 0 END), 0) AS issued, "
        "COALESCE(SUM(CASE WHEN v.status = 'used' AND o.at >= :since AND o.at < :until THEN 1 ELSE 0 END), 0) AS used, "
        "COALESCE(SUM(CASE WHEN v.status = 'expired' AND v.ends_at >= :since AND v.ends_at < :until THEN 1 ELSE 0 END), 0) AS ended "
        "FROM vouchers v LEFT JOIN operations o ON o.id = v.used_by "
        "WHERE v.business_id = :business_id AND v.program_id = :program_id",
        {"business_id": business_id, "program_id": program_id, "since": since, "until": until})
    assert row is not None
    return row


async def promo_uses(reader: Reader, business_id: int, program_id: int, since: int, until: int) -> int:
    """How often codes were used in a time, those that were taken back left out."""
    return int(await reader.fetch_val(
        "SELECT COUNT(*) FROM promo_uses u JOIN promo_codes c ON c.id = u.promo_code_id JOIN promo_batches b ON b.id = c.batch_id "
        "WHERE u.business_id = :business_id AND b.program_id = :program_id AND u.at >= :since AND u.at < :until "
        "AND u.taken_back_at IS NULL",
        {"business_id": business_id, "program_id": program_id, "since": since, "until": until}))
