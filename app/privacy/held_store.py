"""SQL over everything that is held of one person, table by table as `held` says."""
from collections.abc import Mapping, Sequence
from typing import Any

from app.db import Database, Row, Transaction
from app.privacy.held import DELETE, HELD, KEEP, Held

Reader = Database | Transaction
Ids = Mapping[str, Sequence[int]]
AT_ONCE = 500               # ids in one statement


async def ids_of(reader: Reader, business_id: int, customer_id: int) -> dict[str, list[int]]:
    """kind (customer, account, card, …) → ids of all that is the person's: also of whom and what was merged into them."""
    ids: dict[str, list[int]] = {}
    ids["customer"] = await _ids(reader, "SELECT id FROM customers WHERE business_id = :business_id AND (id = :customer_id "
                                 "OR merged_into = :customer_id)", business_id, customer_id=customer_id)
    # By programme, as the index of accounts begins with it; merged ones may have lost their customer.
    own = await _many(reader, "SELECT id FROM accounts WHERE program_id IN (SELECT id FROM programs WHERE business_id = :business_id) "
                      "AND customer_id IN ({ids})", business_id, ids["customer"])
    merged = await _many(reader, "SELECT id FROM accounts WHERE business_id = :business_id AND merged_into IN ({ids})", business_id, own)
    ids["account"] = sorted({*own, *merged})
    ids["card"] = await _many(reader, "SELECT id FROM cards WHERE business_id = :business_id AND account_id IN ({ids})", business_id,
                              ids["account"])
    for kind, table, column, of in (("pass", "passes", "card_id", "card"), ("enrolment", "enrolments", "card_id", "card"),
                                    ("operation", "operations", "account_id", "account")):
        ids[kind] = await _many(reader, f"SELECT id FROM {table} WHERE business_id = :business_id AND {column} IN ({{ids}})", business_id,
                                ids[of])
    ids["lot"] = sorted(set(await _many(reader, "SELECT lot_id AS id FROM entries WHERE business_id = :business_id "
                                        "AND lot_id IS NOT NULL AND operation_id IN ({ids})", business_id, ids["operation"])))
    await add_waiting(reader, business_id, ids)
    return ids


async def add_waiting(reader: Reader, business_id: int, ids: dict[str, list[int]]) -> None:
    """Enrolments of the same number that have no card yet, and the messages of all of them."""
    waiting = await _many(
        reader, "SELECT e.id FROM enrolments e JOIN customers c ON c.phone_hash = e.phone_hash OR c.email_hash = e.email_hash "
        "WHERE e.business_id = :business_id AND c.business_id = :business_id AND e.status = 'pending' AND c.id IN ({ids})", business_id,
        ids["customer"])
    ids["enrolment"] = sorted({*ids["enrolment"], *waiting})
    messages = "SELECT id FROM messages WHERE business_id = :business_id AND {column} IN ({{ids}})"
    ids["message"] = sorted({*await _many(reader, messages.format(column="card_id"), business_id, ids["card"]),
                             *await _many(reader, messages.format(column="enrolment_id"), business_id, ids["enrolment"])})


async def _ids(reader: Reader, query: str, business_id: int, **values: Any) -> list[int]:
    return [row["id"] for row in await reader.fetch_all(query, {"business_id": business_id, **values})]


async def _many(reader: Reader, query: str, business_id: int, ids: Sequence[int]) -> list[int]:
    return [row["id"] for row in await _all(reader, query, business_id, ids)]


async def _all(reader: Reader, query: str, business_id: int, ids: Sequence[int], **values: Any) -> list[Row]:
    """The rows for all ids, some ids a statement: the ids are numbers of ours, so they may stand in the text."""
    found: list[Row] = []
    named = {**({"business_id": business_id} if ":business_id" in query else {}), **values}
    for start in range(0, len(ids), AT_ONCE):
        part = ",".join(str(int(each)) for each in ids[start:start + AT_ONCE])
        found += await reader.fetch_all(query.replace("{ids}", part), named)
    return found


def _whose(held: Held) -> str:
    return f"{held.by[0]} IN ({{ids}})" + (" AND business_id = :business_id" if held.has_business else "")


async def rows(reader: Reader, business_id: int, held: Held, ids: Ids) -> list[Row]:
    return await _all(reader, f"SELECT * FROM {held.table} WHERE {_whose(held)}", business_id, ids.get(held.by[1], ()))


async def forget(tx: Transaction, business_id: int, ids: Ids) -> dict[str, int]:
    """Deletes and empties as `held` says, the newest tables first; table → rows that went or were emptied."""
    removed: dict[str, int] = {}
    for held in reversed(HELD):
        if held.erased == KEEP:
            continue
        if held.erased == DELETE:
            text = f"DELETE FROM {held.table} WHERE {_whose(held)} RETURNING {held.by[0]}"
        else:
            assert isinstance(held.erased, dict)
            changes = ", ".join(f"{column} = {value}" for column, value in held.erased.items())
            text = f"UPDATE {held.table} SET {changes} WHERE {_whose(held)} RETURNING {held.by[0]}"
        values = {"nothing": b""} if ":nothing" in text else {}
        count = len(await _all(tx, text, business_id, ids.get(held.by[1], ()), **values))
        if count:
            removed[held.table] = count
    return removed


async def cancel_messages(tx: Transaction, business_id: int, ids: Ids, now: int) -> int:
    """What still waits to be sent to the person is not; returns how many."""
    return len(await _all(tx, "UPDATE messages SET state = 'cancelled', final_at = :now WHERE business_id = :business_id "
                          "AND state = 'queued' AND id IN ({ids}) RETURNING id", business_id, ids["message"], now=now))


async def texts_of(reader: Reader, business_id: int, ids: Ids) -> list[Row]:
    """operation_id and content of the person's operations that have texts."""
    return await _all(reader, "SELECT operation_id, content FROM operation_texts WHERE business_id = :business_id AND content IS NOT NULL "
                      "AND operation_id IN ({ids})", business_id, ids["operation"])


async def empty_texts(tx: Transaction, business_id: int, operation_ids: Sequence[int]) -> None:
    """Salt and texts go, the row stays: the chain holds their hash, and says so."""
    await _all(tx, "UPDATE operation_texts SET salt = NULL, content = NULL WHERE business_id = :business_id AND operation_id IN ({ids}) "
               "RETURNING operation_id", business_id, operation_ids)


async def device_logs(tx: Transaction, ids: Ids) -> int:
    """What phones wrote about the person's passes goes."""
    return len(await _all(tx, "DELETE FROM device_logs WHERE serial_number IN (SELECT serial_number FROM passes WHERE id IN ({ids})) "
                          "RETURNING id", 0, ids["pass"]))


async def mails(tx: Transaction, business_id: int, ids: Ids) -> int:
    """Mails with the person's links go."""
    return len(await _all(tx, "DELETE FROM mails WHERE business_id = :business_id AND id IN (SELECT mail_id FROM enrolments "
                          "WHERE id IN ({ids}) AND mail_id IS NOT NULL) RETURNING id", business_id, ids["enrolment"]))


async def lists(tx: Transaction, business_id: int, ids: Ids) -> int:
    """The rows of lists that are in and named the person go, as a whole: one row cannot be taken out of what is sealed together."""
    return len(await _all(
        tx, "DELETE FROM import_blocks WHERE business_id = :business_id AND import_id IN (SELECT p.import_id FROM import_people p "
        "JOIN imports i ON i.id = p.import_id WHERE p.account_id IN ({ids}) AND i.state IN ('done', 'undone')) RETURNING number",
        business_id, ids["account"]))


async def names(reader: Reader, business_id: int) -> dict[str, dict[int, str]]:
    """Column of a reference → id → how people call it: what an export says in place of our row ids."""
    found = {"program_id": "SELECT id, name AS said FROM programs WHERE business_id = :business_id",
             "location_id": "SELECT id, name AS said FROM locations WHERE business_id = :business_id",
             "question_id": "SELECT id, key AS said FROM questions WHERE business_id = :business_id",
             "topic_id": "SELECT id, key AS said FROM topics WHERE business_id = :business_id",
             "campaign_id": "SELECT id, name AS said FROM campaigns WHERE business_id = :business_id"}
    return {column: {row["id"]: row["said"] for row in await reader.fetch_all(query, {"business_id": business_id})}
            for column, query in found.items()}
