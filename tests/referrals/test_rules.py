"""Why a friend brings nothing, without a database."""
import pytest

from app.errors import Invalid
from app.programs.terms import Referral
from app.referrals import rules
from app.referrals.rules import Facts

TERMS = Referral(giver=100, friend=50, a_month=3)


@pytest.mark.parametrize(("facts", "reason"), [
    (Facts(), None), (Facts(is_self=True, is_known=True), "self"), (Facts(is_loop=True, is_known=True), "loop"),
    (Facts(is_known=True, in_month=9), "known"), (Facts(in_month=2), None), (Facts(in_month=3), "farming"),
    (Facts(idle_today=4), None), (Facts(idle_today=5), "farming"), (Facts(same_issuer=2), None), (Facts(same_issuer=3), "farming")])
def test_a_friend_brings_nothing_where_it_is_no_friend_or_no_new_one(facts: Facts, reason: str | None) -> None:
    assert rules.refusal(facts, TERMS) == reason


@pytest.mark.parametrize("uses", [0, -1, 100_001])
def test_an_invitation_is_for_one_or_more(uses: int) -> None:
    with pytest.raises(Invalid):
        rules.check_uses(uses)
    rules.check_uses(None)
    rules.check_uses(1)
