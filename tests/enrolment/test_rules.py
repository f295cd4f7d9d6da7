from datetime import timedelta

import pytest

from app.enrolment import rules
from app.enrolment.rules import Enrolment, Link
from app.programs.kinds import KINDS
from app.programs.rules import ProgramRules

DAY = 86_400_000


def enrolment(status: str = "pending", expires_at: int = 30 * DAY) -> Enrolment:
    return Enrolment(1, 1, 1, None, b"sealed", "34", None, "ru", "poster", None, None, status, 0, expires_at)


def link(consumed_at: int | None = None, expires_at: int = 7 * DAY) -> Link:
    return Link(1, 1, 0, expires_at, consumed_at)


def test_the_headline_says_what_a_purchase_gives_and_the_gift_is_not_left_out():
    program = ProgramRules(earn_points=5, earn_per_minor=10_000, worth_minor=100, largest_share_bp=5000, welcome_points=50)
    headline, sentences = rules.promise(program, "RUB", "ru")
    assert headline.replace("\u00a0", " ") == "5 баллов за каждые 100 ₽"
    assert [sentence.replace("\u00a0", " ") for sentence in sentences] == [
        "1 балл — 1 ₽ скидки.", "Баллами можно оплатить до 50 % чека.", "50 баллов в подарок при вступлении."]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_kind_promises_something_in_few_words_and_never_twice(kind, language):
    rewards = {reward.key: reward.names for reward in KINDS[kind].rewards}
    headline, sentences = rules.promise(KINDS[kind].rules("RUB"), "RUB", language, rewards)
    assert 0 < len(headline) <= 90 and len(sentences) <= 3
    assert len({headline, *sentences}) == 1 + len(sentences)


def test_a_programme_that_gives_nothing_for_purchases_promises_nothing():
    program = ProgramRules(earn_points=0, earn_per_minor=10_000, worth_minor=100)
    assert rules.promise(program, "RUB", "en")[0] == "Purchases give no points at the moment."


@pytest.mark.parametrize(("settings", "days"), [({}, 7), ({"link_days": 1}, 1), ({"link_days": 30}, 30), ({"link_days": 31}, 7),
                                                ({"link_days": 0}, 7), ({"link_days": "3"}, 7), ({"link_days": True}, 7)])
def test_a_link_lives_seven_days_unless_the_business_says_otherwise_within_a_month(settings, days):
    assert rules.link_life(settings) == timedelta(days=days)


def test_a_link_works_until_it_is_used_or_either_life_is_over():
    assert rules.is_alive(enrolment(), link(), 7 * DAY - 1)
    assert not rules.is_alive(enrolment(), link(), 7 * DAY)
    assert not rules.is_alive(enrolment(), link(consumed_at=5), 6)
    assert not rules.is_alive(enrolment(expires_at=5), link(), 5)
    assert not any(rules.is_alive(enrolment(status), link(), 6) for status in ("activated", "expired", "cancelled", "refused"))


@pytest.mark.parametrize(("text", "poster"), [("door", "door"), ("till-2_a.b", "till-2_a.b"), ("", ""), ("a" * 41, ""), ("a b", ""),
                                              ("дверь", ""), ("<b>", ""), ("x\n", "")])
def test_a_poster_is_a_short_plain_word_or_none(text, poster):
    assert rules.poster_of(text) == poster


@pytest.mark.parametrize(("status", "message", "told"), [
    ("pending", None, "queued"), ("pending", "queued", "queued"), ("pending", "submitting", "queued"), ("pending", "accepted", "sent"),
    ("pending", "unknown", "sent"), ("pending", "delivered", "delivered"), ("pending", "undelivered", "failed"),
    ("pending", "rejected", "failed"), ("pending", "expired", "failed"), ("activated", "delivered", "activated"),
    ("expired", "delivered", "expired"), ("cancelled", None, "cancelled"), ("refused", "delivered", "cancelled")])
def test_the_till_is_told_one_of_the_words_of_the_api(status, message, told):
    assert rules.told_status(status, message) == told
