"""What is asked of a person reads the account's own rows, however many the business has."""
from app.db import Database
from app.programs.rules import ProgramRules
from app.programs.terms import Caps, Earn, Favourite, Level, Levels, Offers, Package, Rule, Said, Visits, When
from app.standing import needs, store

EVERYTHING = ProgramRules(
    levels=Levels((Level("gold", Said("Gold"), 1),)), favourite=Favourite(), offers=Offers(),
    visits=Visits((Package("ten", Said("Ten"), 10, 100),), a_day=1),
    rules=(Rule("first", Said("First"), Earn(1), When(first_purchase=True, birthday_before=1), caps=Caps(day=1, person=1, campaign=1)),))


async def test_every_part_of_the_question_is_answered_by_an_index_of_the_account(sqlite_db: Database) -> None:
    text, named, names = store._query(needs.of(EVERYTHING))
    plan = await sqlite_db.fetch_all(f"EXPLAIN QUERY PLAN {text}", {**named, **dict.fromkeys(names, 1)})
    read = [row[3] for row in plan if "USING" in row[3]]
    assert {step.split(" USING ")[1].removeprefix("COVERING ").split(" (")[0] for step in read} == {
        "INDEX level_changes_account", "INTEGER PRIMARY KEY", "INDEX accounts_merged", "INDEX operations_account", "INDEX operations_of",
        "INDEX favourites_account", "INDEX personal_offers_account", "PRIMARY KEY", "INDEX rule_uses_account"}


async def test_a_rule_that_is_paused_asks_nothing() -> None:
    [first] = EVERYTHING.rules
    asked = needs.of(ProgramRules(rules=(first, Rule("vip", Said("VIP"), Earn(1), When(segments=("vips",)), paused=True))))
    assert (asked.first_purchase, asked.birthday, asked.segments, asked.person_caps) == (True, True, (), ("first",))
