"""A phone that asks for a pass that it has hears so without a drawing, and never instead of a change."""
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime

import pytest

from app.cards import service as cards
from app.designs.rules import default_content
from app.passes import service, unchanged
from app.updates import spreads


@pytest.fixture
def drawings(monkeypatch):
    """How often a pass was drawn."""
    count, true = [], service._pass_json

    def counted(*given):
        count.append(1)
        return true(*given)

    monkeypatch.setattr(service, "_pass_json", counted)
    return count


async def has(pocket, built):
    return (await pocket.build(unless=format_datetime(built.modified_at, usegmt=True))).data is None


async def test_an_unchanged_pass_is_drawn_once_a_minute_however_often_it_is_asked_for(pocket, drawings):
    first = await pocket.build()
    drawn = len(drawings)
    assert [await has(pocket, first) for _ in range(5)] == [True] * 5 and len(drawings) == drawn
    pocket.here.clock.advance(seconds=60)
    assert await has(pocket, first) and len(drawings) == drawn + 1


async def test_a_change_of_the_card_is_seen_at_once(pocket):
    first = await pocket.build()
    assert await has(pocket, first)
    await cards.block(pocket.here.db, pocket.who, pocket.card.id, None, pocket.now)
    assert not await has(pocket, first)


async def test_a_change_of_the_programme_is_seen_before_its_spread_reaches_the_card(pocket):
    first = await pocket.build()
    assert await has(pocket, first)
    content = default_content("Coffee corner", "Кофейный угол", language="ru", background="#191a1c", label="#ffb4a8", accent="#e5484d")
    await service.publish_design(pocket.here.db, pocket.who, pocket.program.id, content, pocket.now)
    assert (await spreads.progress(pocket.here.db, pocket.who.business_id, pocket.program.id)).told == 0
    assert not await has(pocket, first)


async def test_an_older_date_gets_the_pass_whole_also_where_it_is_known(pocket):
    first = await pocket.build()
    older = format_datetime(first.modified_at - timedelta(seconds=1), usegmt=True)
    assert (await pocket.build(unless=older)).data is not None


async def test_what_is_remembered_does_not_grow_without_end(pocket, monkeypatch):
    monkeypatch.setattr(unchanged, "MOST", 1)
    held = await service.ensure(pocket.here, pocket.card, pocket.now)
    for card_id in range(3):
        unchanged.note(pocket.here, replace(held, card_id=card_id), (7, 0, 0), pocket.now)
    assert len(pocket.here.extras[unchanged.EXTRA]) == 1
    tag = unchanged.tag_of(held.modified_at)
    assert (seen := unchanged.find(pocket.here, 2, tag, pocket.now)) and seen.mark == (7, 0, 0)
    assert unchanged.find(pocket.here, 2, tag, pocket.now - timedelta(seconds=1)) is None
    assert unchanged.find(pocket.here, 2, None, pocket.now) is None
