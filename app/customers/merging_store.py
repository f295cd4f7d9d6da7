"""SQL of a merge of two customers: their rows, consents, accounts of other programmes, and staff whose card it is."""
from app.db import Row, Transaction

# By the programmes of the business, as the index of accounts begins with them; neither engine would find a customer's otherwise.
_OURS = "program_id IN (SELECT id FROM programs WHERE business_id = :business_id)"


async def find(tx: Transaction, business_id: int, customer_id: int) -> Row | None:
    return await tx.fetch_one("SELECT * FROM customers WHERE id = :id AND business_id = :business_id",
                              {"id": customer_id, "business_id": business_id})


async def move_accounts(tx: Transaction, business_id: int, keep_id: int, lose_id: int) -> None:
    """Accounts of programmes that the kept customer has none of; and those that were merged away, which show nothing any more."""
    await tx.execute(
        f"UPDATE accounts SET customer_id = :keep WHERE customer_id = :lose AND {_OURS} AND merged_into IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM accounts k WHERE k.customer_id = :keep AND k.program_id = accounts.program_id)",
        {"keep": keep_id, "lose": lose_id, "business_id": business_id})
    await tx.execute("UPDATE staff SET customer_id = :keep WHERE customer_id = :lose AND business_id = :business_id",
                     {"keep": keep_id, "lose": lose_id, "business_id": business_id})


async def has_accounts(tx: Transaction, business_id: int, customer_id: int) -> bool:
    return await tx.fetch_one(f"SELECT id FROM accounts WHERE customer_id = :id AND {_OURS} "
                              "AND merged_into IS NULL LIMIT 1", {"id": customer_id, "business_id": business_id}) is not None


async def drop_phone(tx: Transaction, business_id: int, customer_id: int) -> None:
    await tx.execute("UPDATE customers SET phone_sealed = NULL, phone_hash = NULL, phone_server_hash = NULL, phone_last4_hash = NULL "
                     "WHERE id = :id AND business_id = :business_id", {"id": customer_id, "business_id": business_id})


async def set_phone(tx: Transaction, business_id: int, customer_id: int, source: Row) -> None:
    """source: the row that had the number; it is sealed for the business, not for the customer."""
    await tx.execute(
        "UPDATE customers SET phone_sealed = :sealed, phone_hash = :hash, phone_server_hash = :server_hash, phone_last4_hash = :last4 "
        "WHERE id = :id AND business_id = :business_id",
        {"id": customer_id, "business_id": business_id, "sealed": source["phone_sealed"], "hash": source["phone_hash"],
         "server_hash": source["phone_server_hash"], "last4": source["phone_last4_hash"]})


async def fill(tx: Transaction, business_id: int, keep_id: int, lost: Row) -> None:
    """Name, e-mail address and birthday where the kept customer has none."""
    for columns in (("name_sealed", "name_folded"), ("email_sealed", "email_hash"), ("birthday_on",)):
        if lost[columns[0]] is not None:
            changes = ", ".join(f"{column} = :{column}" for column in columns)
            await tx.execute(f"UPDATE customers SET {changes} WHERE id = :id AND business_id = :business_id AND {columns[0]} IS NULL",
                             {"id": keep_id, "business_id": business_id, **{column: lost[column] for column in columns}})


async def move_consents(tx: Transaction, business_id: int, keep_id: int, lose_id: int) -> None:
    """Answers to what the kept customer was never asked; its own stand, whatever the other said."""
    await tx.execute(
        "UPDATE consents SET customer_id = :keep WHERE customer_id = :lose AND business_id = :business_id "
        "AND NOT EXISTS (SELECT 1 FROM consents k WHERE k.customer_id = :keep AND k.purpose = consents.purpose)",
        {"keep": keep_id, "lose": lose_id, "business_id": business_id})


async def move_wishes(tx: Transaction, business_id: int, keep_id: int, lose_id: int) -> None:
    """What the other wanted to hear and what not: it travels with the consent that it belongs to; the kept customer's own wishes stand."""
    await tx.execute(
        "UPDATE wishes SET customer_id = :keep WHERE customer_id = :lose AND business_id = :business_id AND NOT EXISTS "
        "(SELECT 1 FROM wishes k WHERE k.customer_id = :keep AND k.topic_id = wishes.topic_id AND k.channel = wishes.channel)",
        {"keep": keep_id, "lose": lose_id, "business_id": business_id})


async def set_merged(tx: Transaction, business_id: int, keep_id: int, lose_id: int) -> None:
    """Whoever was merged into the lost one before is led on, so that one step is always enough."""
    await tx.execute("UPDATE customers SET merged_into = :keep WHERE (id = :lose OR merged_into = :lose) AND business_id = :business_id",
                     {"keep": keep_id, "lose": lose_id, "business_id": business_id})


async def hand_account(tx: Transaction, business_id: int, customer_id: int, account_id: int, from_account_id: int) -> None:
    """An account that was nobody's becomes this customer's, in place of the one that was merged into it."""
    await tx.execute("UPDATE accounts SET customer_id = NULL WHERE id = :id AND business_id = :business_id",
                     {"id": from_account_id, "business_id": business_id})
    await tx.execute("UPDATE accounts SET customer_id = :customer_id WHERE id = :id AND business_id = :business_id",
                     {"id": account_id, "customer_id": customer_id, "business_id": business_id})
