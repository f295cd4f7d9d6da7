"""SQL on the columns of customers that a questionnaire fills in."""
from app.db import Transaction


async def set_birthday(tx: Transaction, business_id: int, customer_id: int, birthday_on: str | None) -> None:
    await tx.execute("UPDATE customers SET birthday_on = CAST(:birthday_on AS TEXT) WHERE id = :id AND business_id = :business_id",
                     {"id": customer_id, "business_id": business_id, "birthday_on": birthday_on})


async def set_email(tx: Transaction, business_id: int, customer_id: int, email_sealed: bytes | None, email_hash: bytes | None, *,
                    is_known: bool) -> None:
    """Unless it is known, the hash stays only where it is the address's own already."""
    kept = ":email_hash" if is_known else "CASE WHEN email_hash = :email_hash THEN email_hash END"
    await tx.execute(f"UPDATE customers SET email_sealed = :email_sealed, email_hash = {kept} "
                     "WHERE id = :id AND business_id = :business_id",
                     {"id": customer_id, "business_id": business_id, "email_sealed": email_sealed, "email_hash": email_hash})
