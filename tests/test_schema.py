"""What must hold of the tables themselves, on both engines, however many revisions made them."""
import sqlite3
from typing import Any

import pytest
import sqlalchemy
from alembic import command
from alembic.config import Config

from app.audit import service as audit
from app.db import Database, forbidden_constraints, write_transaction
from app.ledger import sealing
from app.sales import service as sales
from app.sales.rules import SaleRequest
from app.schema import migrate
from tests import engines
from tests.money import NOON, make_bed

APPEND_ONLY = ("audit_entries", "chain", "day_seals", "entries", "level_changes", "operations", "operator_acts")
# NULL: mail to the operator, what the operator did to no business in particular, and how the operator signs in; the server's own pass
# type; a number that no business may text; what the server itself spends.
MAY_LACK_A_BUSINESS = {"mails", "operator_acts", "pass_types", "sms_alerts", "suppressions", "totp_keys", "recovery_codes", "passkeys",
                       "sign_in_steps"}
# A row of these belongs to the server, or to a row (an account, a push token, a message) that names its business.
WITHOUT_A_BUSINESS = {"alembic_version", "meta", "businesses", "limit_hits", "balances", "latest_updates", "cursors", "push_targets",
                      "device_logs", "sms_spend", "sms_gateways", "sms_balances", "demo_messages", "google_nonces", "image_files",
                      "used_challenges", "operators", "operator_sessions", "operator_links"}
KEPT = {
    "0001": ["INSERT INTO businesses(slug, name, country, currency, time_zone, language, created_at) "
             "VALUES ('coffee', 'Кофе', 'RU', 'RUB', 'Europe/Moscow', 'ru', 1)",
             "INSERT INTO locations(business_id, name, created_at) VALUES (1, 'River', 1)",
             "INSERT INTO programs(business_id, slug, kind, name, number_prefix, rules_version, design_version, created_at) "
             "VALUES (1, 'points', 'points', 'Points', '472', 1, 1, 1)"],
    "0002": ["INSERT INTO customers(business_id, phone_sealed, phone_hash, language, created_at) VALUES (1, '\\x00', '\\x01', 'ru', 1)",
             "INSERT INTO audit_entries(business_id, acting_business_id, actor_kind, action, at) VALUES (1, 1, 'system', 'a.b', 1)",
             "INSERT INTO idempotency_keys(business_id, key, fingerprint, created_at) VALUES (1, 'k', '\\x02', 1)"],
    "0003": ["INSERT INTO accounts(business_id, program_id, customer_id, created_at) VALUES (1, 1, 1, 1)",
             "INSERT INTO balances(account_id, unit, amount) VALUES (1, 'points', 5)",
             "INSERT INTO cards(business_id, program_id, account_id, number, code, status, source, created_at) "
             "VALUES (1, 1, 1, '4720000000000000', '9000000000000000', 'active', 'api', 1)"],
    "0004": ["INSERT INTO pass_types(short_id, pass_type_identifier, team_identifier, created_at) VALUES ('s', 'pass.x', 'T', 1)"],
    "0005": ["INSERT INTO suppressions(phone_server_hash, reason, created_at) VALUES ('\\x03', 'stop', 1)"],
    "0006": ["INSERT INTO rewards(business_id, program_id, key, kind, names, created_at) VALUES (1, 1, 'coffee', 'product', '{}', 1)"],
}


async def test_nothing_in_the_schema_can_undo_the_commit_of_others(db: Database) -> None:
    assert await forbidden_constraints(db) == []


async def columns(db: Database) -> dict[str, dict[str, bool]]:
    """table → column → whether it may be NULL"""
    if db.engine == "postgresql":
        found = await db.fetch_all("SELECT table_name, column_name, is_nullable FROM information_schema.columns "
                                   "WHERE table_schema = 'public'")
        rows = [(row["table_name"], row["column_name"], row["is_nullable"] == "YES") for row in found]
    else:
        rows = []
        for (table,) in await db.fetch_all("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"):
            rows += [(table, row["name"], not (row["notnull"] or row["pk"])) for row in await db.fetch_all(f"PRAGMA table_info({table})")]
    tables: dict[str, dict[str, bool]] = {}
    for table, column, may_lack in rows:
        tables.setdefault(table, {})[column] = may_lack
    return tables


async def test_every_row_names_its_business(db: Database) -> None:
    tables = await columns(db)
    assert {table for table in tables if "business_id" not in tables[table]} == WITHOUT_A_BUSINESS
    assert {table for table in tables if tables[table].get("business_id")} == MAY_LACK_A_BUSINESS


async def test_both_engines_have_the_same_tables_and_columns(db: Database, tmp_path: Any) -> None:
    with sqlite3.connect(engines.sqlite_url(tmp_path, migrated=True).removeprefix("sqlite:///")) as here:
        names = [name for (name,) in here.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")]
        expected = {name: {row[1]: not (row[3] or row[5]) for row in here.execute(f"PRAGMA table_info({name})")} for name in names}
    here.close()
    assert await columns(db) == expected


@pytest.mark.goal("M2")
async def test_what_was_booked_and_who_did_it_can_be_added_to_and_never_changed(db: Database) -> None:
    bed = await make_bed(db)
    await sales.sell(db, bed.key, SaleRequest(bed.card_id, 10_000), None, NOON)
    await sealing.seal_pending(db)
    await write_transaction(db, lambda tx: audit.record(tx, bed.manager, "card.block", "card", bed.card_id, now=NOON))
    whose = {"business": bed.business_id, "account": bed.account_id}
    await db.execute("INSERT INTO level_changes(business_id, account_id, level, reason, actor_kind, at) "
                     "VALUES (:business, :account, 'silver', 'reached', 'system', 1)", whose)
    await db.execute("INSERT INTO day_seals(business_id, local_day, first_seq, last_seq, head, root, created_at) "
                     "VALUES (:business, '2026-11-22', 1, 1, :hash, :hash, 1)", {"business": bed.business_id, "hash": bytes(32)})
    await db.execute("INSERT INTO operators(id, name, email_sealed, email_hash, created_at) VALUES (1, 'Operator', :hash, :hash, 1)",
                     {"hash": bytes(32)})
    await db.execute("INSERT INTO operator_acts(operator_id, business_id, action, at) VALUES (1, :business, 'business.closed', 1)",
                     {"business": bed.business_id})
    for table in APPEND_ONLY:
        before = [tuple(row) for row in await db.fetch_all(f"SELECT * FROM {table}")]
        assert before, f"{table} is empty, so that nothing is shown"
        truncate = [f"TRUNCATE {table} CASCADE"] if db.engine == "postgresql" else []
        for statement in (f"UPDATE {table} SET business_id = business_id", f"DELETE FROM {table}",
                          f"UPDATE {table} SET business_id = 0 WHERE business_id = {bed.business_id}", *truncate):
            with pytest.raises(Exception, match="append-only"):
                await write_transaction(db, lambda tx, statement=statement: tx.execute(statement))
        assert [tuple(row) for row in await db.fetch_all(f"SELECT * FROM {table}")] == before


def upgrade_to(connection: Any, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.FOLDER))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    connection.commit()


def contents(connection: Any) -> dict[str, list[dict[str, Any]]]:
    tables = [name for name in sqlalchemy.inspect(connection).get_table_names() if name != "alembic_version"]
    return {table: [dict(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table}").mappings()] for table in tables}


def still_there(kept: dict[str, list[dict[str, Any]]], now: dict[str, list[dict[str, Any]]]) -> bool:
    """Every row with every value that it had; a revision may add columns."""
    return all([{name: row[name] for name in before} for before, row in zip(rows, now[table], strict=True)] == rows
               for table, rows in kept.items())


@pytest.mark.goal("F13")
def test_each_revision_keeps_every_row_of_the_one_before(engine_url: str) -> None:
    with migrate._connection(engine_url) as connection:
        kept: dict[str, list[dict[str, Any]]] = {}
        for revision in migrate.revisions():
            upgrade_to(connection, revision)
            now = contents(connection)
            assert still_there(kept, now), f"revision {revision} changed rows of earlier ones"
            for statement in KEPT.get(revision, []):
                connection.exec_driver_sql(statement)
            connection.commit()
            kept = contents(connection)
    assert sum(map(len, kept.values())) == sum(map(len, KEPT.values()))
    migrate.upgrade(engine_url)
    with migrate._connection(engine_url) as connection:
        assert contents(connection) == kept


@pytest.mark.goal("F13")
def test_a_revision_that_fails_half_way_leaves_nothing_of_itself(engine_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with migrate._connection(engine_url) as connection:
        upgrade_to(connection, "0002")
        tables = set(sqlalchemy.inspect(connection).get_table_names())
        from app.schema import sql

        def fails(_table: str) -> None:
            raise ConnectionResetError
        with monkeypatch.context() as patched:
            patched.setattr(sql, "append_only", fails)
            with pytest.raises(ConnectionResetError):
                upgrade_to(connection, "0003")
        connection.rollback()
        assert set(sqlalchemy.inspect(connection).get_table_names()) == tables
    migrate.upgrade(engine_url)
    with migrate._connection(engine_url) as connection:
        assert migrate._stored(connection) == migrate.newest_revision()
