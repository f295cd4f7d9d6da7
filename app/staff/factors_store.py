"""SQL on totp_keys, recovery_codes, passkeys, sign_in_steps, used_challenges and sign_in_rules."""
from collections.abc import Sequence
from typing import Any

from app.db import Database, Row, Transaction
from app.staff.rules import Account

Reader = Database | Transaction
_OWN = "account_kind = :account_kind AND account_id = :account_id"


def _of(account: Account) -> dict[str, Any]:
    return {"account_kind": account.kind, "account_id": account.id}


def _whose(account: Account) -> dict[str, Any]:
    return {**_of(account), "business_id": account.business_id}


async def totp_key(reader: Reader, account: Account) -> Row | None:
    return await reader.fetch_one(f"SELECT key_sealed, last_step FROM totp_keys WHERE {_OWN}", _of(account))


async def set_totp_key(tx: Transaction, account: Account, sealed: bytes, last_step: int, now: int) -> None:
    """In the place of an earlier one."""
    await delete_totp_key(tx, account)
    await tx.execute("INSERT INTO totp_keys(business_id, account_kind, account_id, key_sealed, last_step, created_at) "
                     "VALUES (CAST(:business_id AS BIGINT), :account_kind, :account_id, :sealed, :last_step, :now)",
                     {**_whose(account), "sealed": sealed, "last_step": last_step, "now": now})


async def use_step(tx: Transaction, account: Account, step: int) -> bool:
    """Whether this half minute's code was not used yet, nor a later one's: of two who bring it at once, one hears yes."""
    return await tx.fetch_one(f"UPDATE totp_keys SET last_step = :step WHERE {_OWN} AND last_step < :step RETURNING id",
                              {**_of(account), "step": step}) is not None


async def delete_totp_key(tx: Transaction, account: Account) -> None:
    await tx.execute(f"DELETE FROM totp_keys WHERE {_OWN}", _of(account))


async def set_recovery_codes(tx: Transaction, account: Account, hashes: Sequence[bytes], now: int) -> None:
    """In the place of all earlier ones."""
    await delete_recovery_codes(tx, account)
    for code_hash in hashes:
        await tx.execute("INSERT INTO recovery_codes(business_id, account_kind, account_id, code_hash, created_at) "
                         "VALUES (CAST(:business_id AS BIGINT), :account_kind, :account_id, :code_hash, :now)",
                         {**_whose(account), "code_hash": code_hash, "now": now})


async def use_recovery_code(tx: Transaction, account: Account, code_hash: bytes, now: int) -> bool:
    return await tx.fetch_one(f"UPDATE recovery_codes SET used_at = :now WHERE {_OWN} AND code_hash = :code_hash AND used_at IS NULL "
                              "RETURNING id", {**_of(account), "code_hash": code_hash, "now": now}) is not None


async def recovery_codes_left(reader: Reader, account: Account) -> int:
    return await reader.fetch_val(f"SELECT COUNT(*) FROM recovery_codes WHERE {_OWN} AND used_at IS NULL", _of(account))


async def delete_recovery_codes(tx: Transaction, account: Account) -> None:
    await tx.execute(f"DELETE FROM recovery_codes WHERE {_OWN}", _of(account))


async def passkeys(reader: Reader, account: Account) -> list[Row]:
    return await reader.fetch_all(f"SELECT * FROM passkeys WHERE {_OWN} ORDER BY id", _of(account))


async def passkey_by_credential(reader: Reader, account_kind: str, credential_id: bytes) -> Row | None:
    return await reader.fetch_one("SELECT * FROM passkeys WHERE credential_id = :credential_id AND account_kind = :account_kind",
                                  {"credential_id": credential_id, "account_kind": account_kind})


async def append_passkey(tx: Transaction, account: Account, row: dict[str, Any]) -> int | None:
    """The new row's id, or None where that key is known already."""
    return await tx.fetch_val(
        "INSERT INTO passkeys(business_id, account_kind, account_id, name_sealed, credential_id, public_key, sign_count, transports, "
        "created_at) VALUES (CAST(:business_id AS BIGINT), :account_kind, :account_id, :name_sealed, :credential_id, :public_key, "
        ":sign_count, :transports, :created_at) ON CONFLICT (credential_id) DO NOTHING RETURNING id", {**_whose(account), **row})


async def rename_passkey(tx: Transaction, account: Account, passkey_id: int, sealed: bytes) -> bool:
    return await tx.fetch_one(f"UPDATE passkeys SET name_sealed = :sealed WHERE id = :id AND {_OWN} RETURNING id",
                              {**_of(account), "id": passkey_id, "sealed": sealed}) is not None


async def note_passkey_use(tx: Transaction, passkey_id: int, sign_count: int, now: int) -> None:
    await tx.execute("UPDATE passkeys SET sign_count = :sign_count, used_at = :now WHERE id = :id",
                     {"id": passkey_id, "sign_count": sign_count, "now": now})


async def delete_passkey(tx: Transaction, account: Account, passkey_id: int) -> bool:
    return await tx.fetch_one(f"DELETE FROM passkeys WHERE id = :id AND {_OWN} RETURNING id",
                              {**_of(account), "id": passkey_id}) is not None


async def delete_passkeys(tx: Transaction, account: Account) -> None:
    await tx.execute(f"DELETE FROM passkeys WHERE {_OWN}", _of(account))


async def use_challenge(tx: Transaction, challenge_hash: bytes, expires_at: int) -> bool:
    """Whether this challenge was not answered yet."""
    return await tx.fetch_one("INSERT INTO used_challenges(challenge_hash, expires_at) VALUES (:challenge_hash, :expires_at) "
                              "ON CONFLICT (challenge_hash) DO NOTHING RETURNING expires_at",
                              {"challenge_hash": challenge_hash, "expires_at": expires_at}) is not None


async def is_required(reader: Reader, business_id: int) -> bool:
    return bool(await reader.fetch_val("SELECT second_factor FROM sign_in_rules WHERE business_id = :business_id",
                                       {"business_id": business_id}))


async def set_required(tx: Transaction, business_id: int, is_required: bool, now: int) -> None:
    await tx.execute("INSERT INTO sign_in_rules(business_id, second_factor, changed_at) VALUES (:business_id, :second_factor, :now) "
                     "ON CONFLICT (business_id) DO UPDATE SET second_factor = excluded.second_factor, changed_at = excluded.changed_at",
                     {"business_id": business_id, "second_factor": int(is_required), "now": now})


async def append_step(tx: Transaction, account: Account, row: dict[str, Any]) -> None:
    await tx.execute(
        "INSERT INTO sign_in_steps(business_id, account_kind, account_id, token_hash, kind, must_set_up, key_sealed, created_at, "
        "expires_at) VALUES (CAST(:business_id AS BIGINT), :account_kind, :account_id, :token_hash, :kind, :must_set_up, :key_sealed, "
        ":created_at, :expires_at)", {**_whose(account), **row})


async def live_step(reader: Reader, token_hash: bytes, now: int) -> Row | None:
    return await reader.fetch_one("SELECT * FROM sign_in_steps WHERE token_hash = :token_hash AND consumed_at IS NULL "
                                  "AND expires_at > :now", {"token_hash": token_hash, "now": now})


async def consume_step(tx: Transaction, step_id: int, now: int) -> bool:
    return await tx.fetch_one("UPDATE sign_in_steps SET consumed_at = :now WHERE id = :id AND consumed_at IS NULL RETURNING id",
                              {"id": step_id, "now": now}) is not None


async def end_steps_of(tx: Transaction, account: Account, now: int) -> None:
    await tx.execute(f"UPDATE sign_in_steps SET consumed_at = :now WHERE {_OWN} AND consumed_at IS NULL", {**_of(account), "now": now})
