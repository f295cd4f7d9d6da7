"""What is signed, in which order things are done, what is missing, and who may have acted."""
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import FieldError, Invalid, Refused
from app.offline import rules
from app.offline.rules import Item, Session
from app.programs.rules import ProgramRules

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ITEM = Item(7, "k" * 22, 1_000, "sale", "4729581036472919", "stf_x", "", amount=490, to_pay=0)


def test_every_part_of_an_operation_is_signed():
    base = rules.signed_text("dev_a", ITEM)
    changed = [{"counter": 8}, {"key": "l" * 22}, {"at": 1_001}, {"kind": "visit"}, {"card": "4"}, {"staff": "stf_y"}, {"amount": 491},
               {"points": 1}, {"to_pay": None}, {"visits": 1}, {"receipt": "A"}]
    texts = {rules.signed_text("dev_a", Item(**{name: change.get(name, getattr(ITEM, name)) for name in ITEM.__struct_fields__}))
             for change in changed}
    assert len(texts) == len(changed) == len(ITEM.__struct_fields__) - 1        # all but the signature itself
    assert base not in texts and rules.signed_text("dev_b", ITEM) != base
    assert base.decode() == "\n".join(["tessera-offline-1", "dev_a", "7", "k" * 22, "1000", "sale", "4729581036472919", "490", "0", "0",
                                       "0", "", "stf_x"])


@given(st.sets(st.integers(1, 40)), st.integers(0, 20), st.integers(1, 45))
def test_numbers_are_reached_one_after_another_and_what_is_missing_below_is_named(held, newest, oldest):
    rising = sorted(each for each in held if each > newest)
    gone = {number for first, last in rules.missing(newest, oldest, rising) for number in range(first, last + 1)}
    assert gone == set(range(newest + 1, oldest)) - set(rising)
    reached = rules.after(max(newest, oldest - 1), rising)
    assert all(number in held for number in range(max(newest, oldest - 1) + 1, reached + 1)) and reached + 1 not in held


def test_whoever_was_signed_in_there_then_is_believed_and_nobody_else():
    shift = Session(10 * 3_600_000, 28 * 3_600_000, None, 5)
    over = shift._replace(revoked_at=14 * 3_600_000)
    assert rules.worked([shift], None, 12 * 3_600_000) == shift
    assert rules.worked([shift], None, 40 * 3_600_000) == shift         # nobody could sign in again without a network
    assert rules.worked([over], None, 12 * 3_600_000) == over
    assert rules.worked([over], None, 15 * 3_600_000) is None
    assert rules.worked([shift], None, 9 * 3_600_000) is None
    assert rules.worked([shift], 11 * 3_600_000, 12 * 3_600_000) is None
    assert rules.worked([], None, 12 * 3_600_000) is None


def test_a_refusal_is_named_by_its_first_field_or_itself():
    assert rules.why_of(Invalid(fields=[FieldError("at", "too_old", "x")])) == "too_old"
    assert rules.why_of(Refused(code="card_blocked")) == "card_blocked"


def test_points_are_worth_what_they_pay_rounded_down():
    assert rules.worth(7, ProgramRules(worth_minor=50, worth_points=3)) == 116
    assert rules.worth(7_000, ProgramRules(unit="money")) == 7_000


@pytest.mark.parametrize(("hours", "at"), [(0, NOON), (71, NOON - timedelta(hours=71)), (72, NOON), (-1, NOON)])
def test_what_is_too_old_or_still_to_come_is_decided_as_of_now(hours, at):
    assert rules.decided_at(NOON - timedelta(hours=hours), NOON) == at


@pytest.mark.parametrize("reason", ["", " \n ", "x" * 301])
def test_a_reason_says_something_and_is_short(reason):
    with pytest.raises(Invalid):
        rules.check_reason(reason)
