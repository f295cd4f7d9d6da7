"""Every kind of programme is at work in the demo, and what its pages need is there."""
import random
from datetime import UTC, datetime, timedelta

import pytest

from app.context import Context
from app.demo import business, demo_file, filling, members, programmes
from app.demo.demo_file import Shown
from app.ledger.verify import verify
from app.programs import service as programs
from app.programs.kinds import KINDS

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
# One engine is enough: what was written is the same on both, and writing takes seconds.
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.mark.parametrize("hour", [0, 6, 12, 23])
def test_members_buy_after_they_joined_and_never_in_the_future(hour: int) -> None:
    now = NOW.replace(hour=hour)
    stories = members.draw_stories(random.Random(1), "C", 30, 9, now, business.ZONE)
    assert [(story, bought) for story in stories for bought in story.purchases
            if not story.member.joined_at < bought.at < now - timedelta(minutes=4)] == []
    assert len({story.member.phone for story in stories}) == 30
    receipts = [bought.receipt for story in stories for bought in story.purchases]
    assert len(set(receipts)) == len(receipts)


def test_the_same_seed_draws_the_same_members() -> None:
    drawn = [members.draw_stories(random.Random(seed), "C", 5, 4, NOW, business.ZONE) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.fixture
async def filled(here: Context) -> list[Shown]:
    now = here.clock.now()
    began_at = now - timedelta(days=31)
    coffee, leaf = await business.found_coffee(here, began_at), await business.found_leaf(here, began_at)
    return await filling.fill_kinds(here, coffee, leaf, began_at, now)


async def test_every_kind_has_a_programme_and_the_ledger_agrees_with_itself(here: Context, filled: list[Shown]) -> None:
    now = here.clock.now()
    kinds = {(await programs.get_program(here.db, shown.shop.id, shown.program_id)).kind for shown in filled}
    assert kinds | {"points"} == set(KINDS)
    assert await here.db.fetch_val("SELECT MAX(at) FROM operations") <= now.timestamp() * 1000
    assert [finding for finding in await verify(here.db, now) if finding.is_fault and "sealed" not in finding.sentence] == []


@ON_SQLITE
async def test_what_the_console_shows_is_there(here: Context, filled: list[Shown]) -> None:
    kinds = {row[0] for row in await here.db.fetch_all("SELECT DISTINCT kind FROM operations")}
    assert kinds >= {"sale", "refund", "adjustment", "welcome", "event", "purchase", "visit", "freeze"}
    for table, least in (("vouchers", 10), ("level_changes", 5), ("referrals", 2), ("approvals", 1), ("segments", 3), ("promo_uses", 4),
                         ("participations", 2), ("products", 5), ("favourites", 1), ("promo_batches", 2)):
        assert await here.db.fetch_val(f"SELECT COUNT(*) FROM {table}") >= least, table
    statuses = {row[0] for row in await here.db.fetch_all("SELECT DISTINCT status FROM vouchers")}
    assert statuses >= {"open", "used"}
    assert filled[0].shop.program_id < min(shown.program_id for shown in filled)


@ON_SQLITE
async def test_a_script_finds_each_programme_and_a_card_of_it(here: Context, filled: list[Shown]) -> None:
    told = [await demo_file.program(here, shown) for shown in filled]
    assert all(one["card"]["page"].startswith(here.settings.url) and one["enrol"].startswith(here.settings.url) for one in told)
    assert len({one["card"]["code"] for one in told}) == len(told)
    [club] = [one for one in told if one["kind"] == "club"]
    assert "?friend=" in club["enrol"]
    assert {one.slug for one in programmes.of_coffee(NOW.date())} >= {"coffees", "circle", "gift"}
