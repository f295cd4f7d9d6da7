from dataclasses import replace
from datetime import UTC, datetime

from app.cards.rules import Card
from app.customers.topics import Topic, Wish
from app.profiles.rules import preferred, reachable, switches

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
CARD = Card(1, 1, 1, 1, 1, "", "", "active", "till", None, AT, AT, None, None, None)
NEWS = Topic(7, "news", {"en": "News"})


def test_an_active_card_stands_for_its_account_then_a_live_one_then_the_newest():
    old, blocked, ended = replace(CARD, id=1), replace(CARD, id=2, status="blocked"), replace(CARD, id=3, status="expired")
    assert preferred([ended, blocked, old]) == old
    assert preferred([ended, blocked]) == blocked
    assert preferred([replace(ended, id=4), ended]) == replace(ended, id=4)
    assert preferred([]) is None


def test_only_channels_that_reach_the_person_are_offered():
    assert reachable(True, False) == ["sms", "wallet"]
    assert reachable(False, True) == ["mail", "wallet"]


def test_a_topic_is_on_where_any_channel_that_reaches_the_person_brings_it():
    wishes = [Wish(None, "sms", True), Wish(None, "mail", True), Wish(NEWS, "sms", False), Wish(NEWS, "mail", True)]
    assert switches(wishes, ["sms"]) == ({"sms": True}, [(NEWS, False)])
    assert switches(wishes, ["sms", "mail"]) == ({"sms": True, "mail": True}, [(NEWS, True)])
