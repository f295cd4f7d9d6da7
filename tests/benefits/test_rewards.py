"""The catalogue: made, changed, closed; a stock that two tills cannot both take; codes that are handed out once."""
import asyncio

import pytest

from app.benefits import rewards as catalogue
from app.benefits import service as benefits
from app.benefits.rules import KeyTaken, OutOfStock, RewardClosed, RewardWish, StockMoved
from app.errors import Invalid, NotFound
from app.programs.terms import Said
from tests.benefits.giving import add_reward, give, use
from tests.money import NOON, add_card, make_bed


async def count(bed, table):
    return await bed.db.fetch_val(f"SELECT COUNT(*) FROM {table}")


async def stock_of(bed, key="coffee"):
    return (await catalogue.get_reward(bed.db, bed.business_id, bed.program_id, key)).stock


async def test_a_reward_is_kept_as_it_was_asked_for(bed):
    made = await add_reward(bed, "coffee", kind="product", sku="C1", unit="points", cost=100, value=9_000, days=14, stock=5, position=2)
    read = await catalogue.get_reward(bed.db, bed.business_id, bed.program_id, "coffee")
    assert read == made
    assert (read.names, read.unit, read.cost, read.value) == (Said("Coffee", "COFFEE"), "points", 100, 9_000)
    assert (read.sku, read.days, read.stock) == ("C1", 14, 5)


async def test_the_list_follows_the_positions_and_leaves_closed_ones_out(sqlite_bed):
    bed = sqlite_bed
    for key, position in (("tea", 2), ("coffee", 1), ("cake", 1)):
        await add_reward(bed, key, position=position)
    await catalogue.close_reward(bed.db, bed.manager, bed.program_id, "cake", NOON)
    listed = await catalogue.list_rewards(bed.db, bed.business_id, bed.program_id)
    assert [reward.key for reward in listed] == ["coffee", "tea"]
    everything = await catalogue.list_rewards(bed.db, bed.business_id, bed.program_id, open_only=False)
    assert [(reward.key, reward.is_closed) for reward in everything] == [("coffee", False), ("cake", True), ("tea", False)]
    await catalogue.close_reward(bed.db, bed.manager, bed.program_id, "cake", NOON, closed=False)
    assert not (await catalogue.get_reward(bed.db, bed.business_id, bed.program_id, "cake")).is_closed


async def test_a_short_name_is_given_once_a_programme_and_a_refusal_leaves_nothing(bed):
    await add_reward(bed)
    before = await count(bed, "rewards"), await count(bed, "audit_entries")
    with pytest.raises(KeyTaken):
        await add_reward(bed)
    with pytest.raises(Invalid):
        await add_reward(bed, "tea", days=0)
    assert (await count(bed, "rewards"), await count(bed, "audit_entries")) == before


async def test_another_business_sees_changes_and_closes_nothing_of_ours(sqlite_bed):
    bed = sqlite_bed
    await add_reward(bed)
    other = await make_bed(bed.db, "leaf")
    assert await catalogue.list_rewards(bed.db, other.business_id, bed.program_id) == []
    wish = RewardWish("coffee", "service", Said("Tea"))
    for act in (catalogue.close_reward(bed.db, other.manager, bed.program_id, "coffee", NOON),
                catalogue.change_reward(bed.db, other.manager, bed.program_id, wish, NOON, stock_was=None)):
        with pytest.raises(NotFound):
            await act
    assert (await catalogue.get_reward(bed.db, bed.business_id, bed.program_id, "coffee")).names.en == "Coffee"


async def test_a_changed_stock_is_refused_where_tills_took_some_meanwhile(bed):
    await add_reward(bed, stock=5)
    await give(bed, "coffee")
    wish = RewardWish("coffee", "service", Said("Espresso"), stock=10)
    with pytest.raises(StockMoved):
        await catalogue.change_reward(bed.db, bed.manager, bed.program_id, wish, NOON, stock_was=5)
    unchanged = await catalogue.get_reward(bed.db, bed.business_id, bed.program_id, "coffee")
    assert (unchanged.names.en, unchanged.stock) == ("Coffee", 4)
    assert (await catalogue.change_reward(bed.db, bed.manager, bed.program_id, wish, NOON, stock_was=4)).stock == 10


async def test_a_change_that_leaves_the_stock_alone_takes_nothing_from_it(sqlite_bed):
    await add_reward(sqlite_bed, stock=5)
    await give(sqlite_bed, "coffee")
    wish = RewardWish("coffee", "service", Said("Espresso"), stock=5)
    changed = await catalogue.change_reward(sqlite_bed.db, sqlite_bed.manager, sqlite_bed.program_id, wish, NOON, stock_was=5)
    assert (changed.names.en, changed.stock) == ("Espresso", 4)


async def test_of_tills_racing_for_the_last_reward_one_gets_it(bed):
    await add_reward(bed, stock=1)
    accounts = [(await add_card(bed.db, bed.business_id, bed.program_id))[0] for _ in range(6)]
    answers = await asyncio.gather(*(give(bed, "coffee", account_id=account) for account in accounts), return_exceptions=True)
    assert sum(isinstance(answer, OutOfStock) for answer in answers) == 5
    assert (await stock_of(bed), await count(bed, "vouchers")) == (0, 1)


async def test_a_reward_without_stock_is_refused_and_leaves_nothing(bed):
    await add_reward(bed, stock=0)
    with pytest.raises(OutOfStock):
        await give(bed, "coffee")
    assert (await stock_of(bed), await count(bed, "vouchers")) == (0, 0)


async def test_a_closed_reward_is_not_given_any_more_and_open_vouchers_stay_good(bed):
    await add_reward(bed)
    voucher = await give(bed, "coffee")
    await catalogue.close_reward(bed.db, bed.manager, bed.program_id, "coffee", NOON)
    with pytest.raises(RewardClosed):
        await give(bed, "coffee")
    assert (await use(bed, voucher)).key == "coffee"


async def test_tickets_are_handed_out_once_each_and_are_the_stock(bed, ring):
    await add_reward(bed, "ticket", kind="text")
    await catalogue.add_pieces(bed.db, ring, bed.manager, bed.program_id, "ticket", ["SEAT-1", "SEAT-2"], NOON)
    assert await stock_of(bed, "ticket") == 2
    other_account, _ = await add_card(bed.db, bed.business_id, bed.program_id)
    first, second = await give(bed, "ticket"), await give(bed, "ticket", account_id=other_account)
    assert await benefits.pieces_of(bed.db, ring, bed.business_id, bed.account_id) == {first.id: "SEAT-1"}
    assert await benefits.pieces_of(bed.db, ring, bed.business_id, other_account) == {second.id: "SEAT-2"}
    with pytest.raises(OutOfStock):
        await give(bed, "ticket")
    more = await catalogue.add_pieces(bed.db, ring, bed.manager, bed.program_id, "ticket", ["SEAT-3"], NOON)
    assert more.stock == 1


async def test_tickets_lie_sealed_in_the_database_and_open_only_for_their_business(sqlite_bed, ring):
    bed = sqlite_bed
    await add_reward(bed, "ticket", kind="text")
    await catalogue.add_pieces(bed.db, ring, bed.manager, bed.program_id, "ticket", ["SEAT-1"], NOON)
    sealed = bytes(await bed.db.fetch_val("SELECT code_sealed FROM reward_codes"))
    assert b"SEAT" not in sealed
    assert ring.open_text("benefits.reward_code", sealed, str(bed.business_id).encode()) == "SEAT-1"
    details = await bed.db.fetch_val("SELECT details FROM audit_entries WHERE action = 'reward.codes_added'")
    assert "SEAT" not in details


async def test_a_ticket_that_its_holder_saw_is_not_given_to_anybody_else(bed, ring):
    await add_reward(bed, "ticket", kind="text")
    await catalogue.add_pieces(bed.db, ring, bed.manager, bed.program_id, "ticket", ["SEAT-1"], NOON)
    await give(bed, "ticket", days=1)
    await benefits.expire_due(bed.db, NOON.replace(year=2027))
    assert await stock_of(bed, "ticket") == 0
    with pytest.raises(OutOfStock):
        await give(bed, "ticket")


async def test_a_discount_takes_no_codes_of_its_own(sqlite_bed, ring):
    bed = sqlite_bed
    await add_reward(bed, "ten", kind="discount", value=1_000)
    with pytest.raises(Invalid):
        await catalogue.add_pieces(bed.db, ring, bed.manager, bed.program_id, "ten", ["A"], NOON)
    assert await count(bed, "reward_codes") == 0
