import sqlite3
import subprocess
import sys
from pathlib import Path

import aiosqlite.core
import alembic.ddl.sqlite
import pysqlite3
from sqlalchemy import create_engine

from app.db import library


def test_one_process_holds_one_sqlite_library_and_it_has_the_fix():
    assert sqlite3 is pysqlite3
    assert aiosqlite.core.sqlite3.sqlite_version == sqlite3.sqlite_version == library.VERSION
    engine = create_engine("sqlite://")
    assert engine.dialect.dbapi.sqlite_version == library.VERSION
    assert isinstance(alembic.ddl.sqlite.SQLiteImpl.__dialect__, str) and engine.dialect.name == "sqlite"
    engine.dispose()
    assert library.is_safe() and tuple(map(int, library.VERSION.split("."))) >= (3, 51, 3)


def test_importing_any_module_of_the_program_first_puts_the_library_in_place():
    program = """
import app.errors, sqlite3, sqlite3.dbapi2, pysqlite3, sys
assert sqlite3 is pysqlite3 and sqlite3.dbapi2 is pysqlite3.dbapi2
assert "_sqlite3" not in sys.modules, "the interpreter's own library was loaded as well"
assert "asyncpg" not in sys.modules, "a server on SQLite needs no client of PostgreSQL"
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=15, cwd=Path(__file__).parents[2])


def test_a_start_loads_no_sqlalchemy_and_a_migration_after_it_loads_the_real_one(tmp_path):
    program = f"""
import sys
import app.db
assert "databases" in sys.modules and "sqlalchemy" not in sys.modules and "sqlalchemy.sql" not in sys.modules
from app.schema import migrate
migrate.upgrade("sqlite:///{tmp_path}/a.db")
import sqlalchemy
assert sqlalchemy.__version__ and sqlalchemy.text("SELECT 1").text == "SELECT 1"
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, cwd=Path(__file__).parents[2])
