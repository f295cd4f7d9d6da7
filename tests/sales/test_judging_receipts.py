"""The table of worked receipts (receipts.toml): each is judged, and its rules are said as the table says."""
import tomllib
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from app.errors import TesseraError
from app.programs.checks import validate
from app.programs.rules import ProgramRules, explain
from app.programs.words import SPACE
from app.sales.judgement import Judgement, Receipt
from app.sales.judging import judge, judge_event
from app.standing.rules import Standing

TABLE = tomllib.loads((Path(__file__).parent / "receipts.toml").read_text("utf-8"))
RECEIPTS, EVENTS = TABLE["receipt"], TABLE["event"]
BASE = {"earn_points": 5, "earn_per_minor": 10_000, "worth_minor": 100, "largest_share_bp": 5_000}
ZONE = "Europe/Moscow"
NOON = datetime(2026, 11, 22, 12)
OF_A_RECEIPT = ("lines", "channel", "tenders", "promo", "rewards", "visits", "catalogue")


def rules_of(case: dict[str, Any]) -> ProgramRules:
    """The base with what the case changes; a rule without a name is called as its key."""
    changed = case.get("rules", {})
    named = [{"name": {"en": rule["key"]}, **rule} for rule in changed.get("rules", ())]
    return msgspec.convert({**BASE, **changed, "rules": named}, ProgramRules)


def standing_of(case: dict[str, Any], rules: ProgramRules) -> Standing:
    shopper = dict(case.get("shopper", {}))
    held = {unit: shopper.pop(unit) for unit in ("points", "money", "stamps", "visits") if unit in shopper}
    uses = {tuple(key.split()): amount for key, amount in shopper.pop("used", {}).items()}
    segments = frozenset(shopper.pop("segments", ()))
    return Standing(spendable=held.pop(rules.unit, 0), held=held, uses=uses, segments=segments, **shopper)


def moment_of(case: dict[str, Any]) -> datetime:
    return case.get("at", NOON).replace(tzinfo=ZoneInfo(case.get("zone", ZONE))).astimezone(UTC)


def receipt_of(case: dict[str, Any]) -> Receipt:
    sent = {name: case[name] for name in OF_A_RECEIPT if name in case}
    return msgspec.convert({"amount": case["amount"], "at": moment_of(case), "zone": case.get("zone", ZONE), "business_zone": ZONE,
                            "location_id": case.get("location"), **sent}, Receipt)


def judged(case: dict[str, Any]) -> Judgement:
    rules, redeem = rules_of(case), case.get("redeem", 0)
    return judge(rules, receipt_of(case), standing_of(case, rules), None if redeem == "most" else redeem)


def entries_of(found: Any, unit: str) -> dict[str, int]:
    """The account's side of the entries that a judgement means, by unit and book."""
    entries: Counter[str] = Counter()
    for gain in found.gains:
        entries[f"{gain.unit} issued"] += gain.amount
    for taken, amount in getattr(found, "takes", {}).items():
        entries[f"{taken} redeemed"] -= amount
    if getattr(found, "points", 0):
        entries[f"{unit} redeemed"] -= found.points
    return {name: amount for name, amount in entries.items() if amount}


def named(case: dict[str, Any]) -> str:
    return case["name"]


@pytest.mark.parametrize("case", RECEIPTS, ids=named)
def test_a_receipt_comes_out_as_worked_by_hand(case):
    expected = dict(case["expected"])
    if "refused" in expected:
        with pytest.raises(TesseraError) as refused:
            judged(case)
        assert refused.value.code == expected["refused"]
        return
    found = judged(case)
    said = {"discount": found.discount, "to_pay": found.to_pay, "spent": found.spent_minor, "lines": [line.net for line in found.lines],
            "vouchers": [given.reward for given in found.given if not given.at_once],
            "rewards": [given.reward for given in found.given if given.at_once]}
    assert {name: said[name] for name in expected} == expected
    assert entries_of(found, rules_of(case).unit) == case["entries"]


@pytest.mark.parametrize("case", [case for case in RECEIPTS if "refused" not in case["expected"]], ids=named)
def test_the_lines_of_a_receipt_add_up_to_it(case):
    found = judged(case)
    assert sum(line.amount for line in found.lines) == found.amount == case["amount"]
    assert sum(line.discount for line in found.lines) == found.discount
    assert sum(line.net for line in found.lines) == found.amount - found.discount
    assert sum(line.paid for line in found.lines) == found.to_pay
    unit = rules_of(case).unit
    assert sum(line.earned.get(unit, 0) for line in found.lines) == found.to_earn == found.gained(unit)


@pytest.mark.parametrize("case", EVENTS, ids=named)
def test_an_event_brings_what_was_worked_by_hand(case):
    rules = rules_of(case)
    found = judge_event(rules, case["event"], case.get("quantity", 1), moment_of(case), standing_of(case, rules), ZONE)
    assert [given.reward for given in found.given] == case["expected"]["vouchers"]
    assert entries_of(found, rules.unit) == case["entries"]


@pytest.mark.parametrize("case", RECEIPTS + EVENTS, ids=named)
def test_the_rules_of_the_table_make_sense_and_are_said_as_it_says(case):
    validate(rules_of(case))
    for language, sentence in case["sentence"].items():
        said = [text.replace(SPACE, " ") for text in explain(rules_of(case), "RUB", language)]
        assert [text for text in said if sentence in text], f"{sentence!r} is not among {said}"


def test_every_receipt_has_a_name_of_its_own():
    names = [case["name"] for case in RECEIPTS + EVENTS]
    assert len(set(names)) == len(names) > 100
