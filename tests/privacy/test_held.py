"""Every table that says something of a person is on the list that the export and the erasure go by (goals N3 and N4)."""
from pathlib import Path

import pytest

from app.commands.store import SEALED
from app.privacy.held import DELETE, ELSEWHERE, HELD, KEEP, REFERENCES
from tests.test_schema import columns


@pytest.mark.goal("N3")
async def test_every_table_that_points_to_a_person_is_listed(db):
    tables = await columns(db)
    pointing = {table for table, has in tables.items() if REFERENCES & set(has)}
    assert pointing - set(ELSEWHERE) <= {held.table for held in HELD}, "say in app/privacy/held.py what becomes of it"
    assert {held.table for held in HELD} <= set(tables)


async def test_what_is_listed_is_there(db):
    tables = await columns(db)
    for held in HELD:
        has = tables[held.table]
        named = {held.by[0], *held.opened, *held.withheld, *(held.erased if isinstance(held.erased, dict) else ())}
        assert named <= set(has), held.table
        assert held.has_business == ("business_id" in has), held.table


@pytest.mark.goal("N3")
async def test_whatever_is_kept_back_or_kept_says_why(db):
    for held in HELD:
        assert held.why or (held.section and held.erased != KEEP) or held.erased == DELETE, held.table


async def test_sealed_values_are_opened_by_the_purpose_that_sealed_them(db):
    purposes = {(each.table, each.column): (each.purpose, each.context) for each in SEALED}
    for held in HELD:
        for column, purpose in held.opened.items():
            assert purposes[held.table, column] == (purpose, "business_id")


@pytest.mark.goal("N4")
async def test_an_erasure_reaches_every_sealed_value_and_hash_of_a_person(db):
    tables = await columns(db)
    for held in HELD:
        personal = {column for column in tables[held.table] if column.startswith(("phone_", "email_", "name_"))}
        if personal and held.table not in ("erasures", "staff"):        # hashes alone; an employee's own address
            assert held.erased == DELETE or personal <= set(held.erased), held.table


def test_the_documentation_says_of_every_table_what_is_handed_out_and_what_goes():
    page = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text("utf-8")
    for held in HELD:
        goes = "deleted" if held.erased == DELETE else f"kept: {held.why}" if held.erased == KEEP else "emptied: " + ", ".join(held.erased)
        assert f"| {held.table} | {held.section or 'no'} | {goes} |" in page, held.table
