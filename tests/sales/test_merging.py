"""Two cards become one, on both engines: nothing is lost, nothing is there twice, and the lost card's past goes on on the kept one."""
import asyncio
from typing import Any

import msgspec
import pytest

from app.benefits import promo, rewards
from app.benefits import service as benefits
from app.benefits.rules import CodeUsedByYou, RewardWish, Terms
from app.cards import service as cards
from app.cards.rules import CardBlocked, CardEnded
from app.context import Context
from app.customers import service as customers
from app.db import write_transaction
from app.errors import Forbidden, NotFound, TesseraError
from app.idempotency.rules import Key
from app.ledger import service as ledger
from app.programs import service as programs
from app.programs.terms import Level, Levels, Referral, Said
from app.referrals import service as referrals
from app.sales import service as sales
from app.sales.merging import OtherProgram, SameCard, merge
from app.sales.rules import OwnCard, RefundRequest, SaleRequest
from app.standing import service as standings
from app.web.principal import Principal
from tests.conftest import Shop
from tests.shops import RULES, make_card
from tests.till.calling import on_sqlite, written

ANNA, BORIS = "+79161231111", "+79161232222"
LEVELS = Levels((Level("silver", Said("Silver"), 0), Level("gold", Said("Gold"), 100_000), Level("black", Said("Black"), 10**9)))


async def points(here: Context, account_id: int) -> int:
    return (await ledger.balances(here.db, account_id)).get("points", 0)


async def two(here: Context, shop: Shop) -> tuple[cards.Card, cards.Card]:
    return await make_card(here, shop, phone=ANNA, points=100), await make_card(here, shop, phone=BORIS, name="Борис", points=70)


async def levels(here: Context, shop: Shop) -> None:
    await programs.change_rules(here.db, shop.who, shop.program_id, msgspec.structs.replace(RULES, levels=LEVELS), here.clock.now())


async def checked(here: Context, shop: Shop) -> None:
    """Stored balances equal entries and lots, of every account and unit."""
    rows = await here.db.fetch_all(
        "SELECT b.account_id, b.unit, b.amount, (SELECT COALESCE(SUM(e.amount), 0) FROM entries e WHERE e.account_id = b.account_id "
        "AND e.unit = b.unit) AS entries, (SELECT COALESCE(SUM(l.remaining), 0) FROM lots l WHERE l.account_id = b.account_id "
        "AND l.unit = b.unit) AS lots FROM balances b")
    assert all(int(row["amount"]) == int(row["entries"]) == int(row["lots"]) for row in rows)


async def test_everything_goes_to_the_kept_card_and_the_old_plastic_still_scans(here: Context, shop: Shop) -> None:
    keep, lose = await two(here, shop)
    now, db = here.clock.now(), here.db
    sale = await sales.sell(db, shop.cashier, SaleRequest(lose.id, 40_000), None, now)
    await write_transaction(db, lambda tx: cards.add_alias(tx, lose, "OLD-77", now))
    done = await merge(db, shop.who, keep.id, lose.id, None, now)
    assert done.operation.kind == "merge_in" and done.operation.balances["points"] == 190
    assert (await points(here, keep.account_id), await points(here, lose.account_id)) == (190, 0)
    gone = await cards.get_card(db, shop.business_id, lose.id)
    assert (gone.status, gone.replaced_by) == ("replaced", keep.id)
    for text in (lose.number, lose.code, "OLD-77", keep.code, ANNA, BORIS):
        found = await cards.find(db, here.ring, shop.cashier, text, "RU", now)
        assert [card.id for card in found.cards] == [keep.id], text
    # A sale of the lost card is refunded from the kept one.
    back = await sales.refund(db, shop.cashier, RefundRequest(sale.operation.id, 40_000), None, now)
    assert (back.operation.account_id, await points(here, keep.account_id)) == (keep.account_id, 170)
    with pytest.raises(CardEnded):
        await sales.sell(db, shop.cashier, SaleRequest(lose.id, 10_000), None, now)
    await checked(here, shop)
    actions = [row["action"] for row in await db.fetch_all("SELECT action FROM audit_entries ORDER BY id")]
    assert actions.count("card.merge") == 1


async def test_two_customers_become_one_that_keeps_its_own_words_and_takes_what_it_lacks(here: Context, shop: Shop) -> None:
    now = here.clock.now()
    keep, lose = await make_card(here, shop, phone=None, name=None), await make_card(here, shop, phone=BORIS, name="Борис")
    texts = await write_transaction(here.db, lambda tx: customers.current_texts(tx, shop.business_id, "ru"))

    async def answer(customer_id: int, purpose: str, granted: bool) -> None:
        await write_transaction(here.db, lambda tx: customers.record_consent(
            tx, shop.who, customer_id, purpose, granted, texts[purpose].id, "api", now))

    await answer(keep.customer_id, "marketing", False)
    await answer(lose.customer_id, "marketing", True)
    await answer(lose.customer_id, "terms", True)
    await merge(here.db, shop.who, keep.id, lose.id, None, now)
    one = await customers.find_by_phone(here.db, here.ring, shop.business_id, BORIS)
    assert one is not None and (one.id, one.name) == (keep.customer_id, "Борис")
    given = {each.purpose: each.granted for each in await customers.consents_of(here.db, shop.business_id, keep.customer_id)}
    assert given == {"marketing": False, "terms": True}
    assert [each.id for each in await customers.search(here.db, here.ring, shop.business_id, "бор", "RU")] == [keep.customer_id]
    # An erasure takes both rows.
    await write_transaction(here.db, lambda tx: customers.erase(tx, shop.business_id, keep.customer_id, now))
    left = await here.db.fetch_val("SELECT COUNT(*) FROM customers WHERE phone_sealed IS NOT NULL OR name_sealed IS NOT NULL")
    assert left == 0


async def test_the_same_request_again_merges_nothing_again(here: Context, shop: Shop) -> None:
    keep, lose = await two(here, shop)
    key = Key("merge-1", b"f" * 32)
    first = await merge(here.db, shop.who, keep.id, lose.id, key, here.clock.now())
    again = await merge(here.db, shop.who, keep.id, lose.id, key, here.clock.now())
    assert (again.is_replay, again.operation.id, again.operation.balances) == (True, first.operation.id, first.operation.balances)
    assert await points(here, keep.account_id) == 170


async def test_sales_on_both_cards_during_a_merge_are_counted_once_or_refused(here: Context, shop: Shop) -> None:
    keep, lose = await two(here, shop)
    now = here.clock.now()

    async def sell(card: cards.Card) -> int:
        try:
            await sales.sell(here.db, shop.cashier, SaleRequest(card.id, 20_000), None, now)
        except CardEnded:
            return 0
        return 10

    async def merging() -> int:
        await merge(here.db, shop.who, keep.id, lose.id, None, now)
        return 0

    acts = [sell(keep), sell(lose), sell(keep), merging(), sell(lose), sell(keep), sell(lose)]
    gained = sum(await asyncio.gather(*acts))
    assert gained >= 30
    assert await points(here, keep.account_id) == 170 + gained
    assert await points(here, lose.account_id) == 0
    await checked(here, shop)


async def test_two_merges_in_opposite_directions_leave_one_card(here: Context, shop: Shop) -> None:
    keep, lose = await two(here, shop)
    now = here.clock.now()

    async def tried(one: int, other: int) -> bool:
        try:
            await merge(here.db, shop.who, one, other, None, now)
        except TesseraError:
            return False
        return True

    done = await asyncio.gather(tried(keep.id, lose.id), tried(lose.id, keep.id))
    assert sorted(done) == [False, True]
    statuses = {(await cards.get_card(here.db, shop.business_id, each.id)).status for each in (keep, lose)}
    assert statuses == {"active", "replaced"}
    assert await points(here, keep.account_id) + await points(here, lose.account_id) == 170


async def test_the_higher_level_is_kept_and_progress_of_both_counts(here: Context, shop: Shop) -> None:
    await levels(here, shop)
    keep, lose = await two(here, shop)
    db, now = here.db, here.clock.now()
    await sales.sell(db, shop.cashier, SaleRequest(keep.id, 60_000), None, now)
    await sales.sell(db, shop.cashier, SaleRequest(lose.id, 60_000), None, now)
    await merge(db, shop.who, keep.id, lose.id, None, now)
    assert await standings.level_at(db, keep.account_id, now) == "gold"
    third = await make_card(here, shop, phone="+79161235555")
    await standings.set_by_hand(db, shop.who, third.id, "black", "a friend of the house", None, now)
    await merge(db, shop.who, keep.id, third.id, None, now)
    assert await standings.level_at(db, keep.account_id, now) == "black"
    [told] = await db.fetch_all("SELECT card_id, details FROM events WHERE kind = 'tier.changed' ORDER BY id DESC LIMIT 1")
    assert (told["card_id"], told["details"]) == (keep.id, '{"from":"gold","to":"black"}'), "whoever listens hears of it"
    assert await ledger.progress_of(db, keep.account_id, now, now) == 120_000


@on_sqlite
async def test_vouchers_gifts_and_friends_go_along_and_are_not_there_twice(here: Context, shop: Shop) -> None:
    db, now = here.db, here.clock.now()
    keep, lose = await two(here, shop)
    friend = await make_card(here, shop, phone="+79161234444")
    await programs.change_rules(db, shop.who, shop.program_id, msgspec.structs.replace(RULES, referral=Referral(10, 10)), now)
    program = await programs.get_program(db, shop.business_id, shop.program_id)

    async def act(tx: Any) -> None:
        values = {"b": shop.business_id, "p": shop.program_id, "keep": keep.account_id, "lose": lose.account_id}
        await tx.execute("INSERT INTO vouchers(business_id, program_id, account_id, rewards, code, source, status, starts_at, created_at) "
                         "VALUES (:b, :p, :lose, '[]', '1234567890', 'welcome', 'open', 1, 1)", {n: values[n] for n in ("b", "p", "lose")})
        for account, key in (("keep", "2026"), ("lose", "2026"), ("lose", "2025")):
            await tx.execute("INSERT INTO happenings(account_id, event, key, business_id, at) VALUES (:a, 'birthday', :key, :b, 1)",
                             {"a": values[account], "key": key, "b": shop.business_id})
        invitation = await referrals.invitation_of(tx, program, lose.account_id, "CODEOFLOSER", now)
        await referrals.accept(tx, program, invitation.id, friend, now)
        for account in ("keep", "lose"):
            await tx.execute("INSERT INTO bought(account_id, sku, business_id, times, last_at) VALUES (:a, 'latte', :b, 2, :a)",
                             {"a": values[account], "b": shop.business_id})

    await write_transaction(db, act)
    await merge(db, shop.who, keep.id, lose.id, None, now)

    async def of_kept(text: str) -> Any:
        return await db.fetch_val(text, {"keep": keep.account_id})

    assert await of_kept("SELECT COUNT(*) FROM vouchers WHERE account_id = :keep") == 1
    assert await of_kept("SELECT COUNT(*) FROM happenings WHERE account_id = :keep AND event = 'birthday'") == 2
    assert await of_kept("SELECT code FROM invitations WHERE account_id = :keep") == "CODEOFLOSER"
    assert await of_kept("SELECT giver_account_id FROM referrals WHERE giver_account_id = :keep") == keep.account_id
    assert await of_kept("SELECT times FROM bought WHERE account_id = :keep") == 4
    # The friend turns out to be the giver.
    await merge(db, shop.who, keep.id, friend.id, None, now)
    assert await db.fetch_val("SELECT reason FROM referrals") == "self"


@on_sqlite
async def test_what_cannot_be_merged_is_refused_and_leaves_nothing(here: Context, shop: Shop, other_shop: Shop) -> None:
    db, now = here.db, here.clock.now()
    keep, lose = await two(here, shop)
    elsewhere = await make_card(here, other_shop)
    blocked = await make_card(here, shop, phone="+79161236666")
    await cards.block(db, shop.who, blocked.id, None, now)
    second = await cards.replace(db, shop.who, lose.id, None, "472", now)

    async def act(tx: Any) -> int:
        return await programs.create_program(tx, shop.business_id, slug="second", name="Second", rules=RULES, now=now)

    other = await make_card(here, shop._replace(program_id=await write_transaction(db, act)), phone="+79161237777")
    manager = (await db.fetch_one("SELECT id FROM staff WHERE role = 'manager' AND business_id = :b", {"b": shop.business_id}))["id"]
    own = await make_card(here, shop, phone="+79161238888")
    await write_transaction(db, lambda tx: tx.execute("UPDATE staff SET customer_id = :c WHERE id = :id",
                                                      {"c": own.customer_id, "id": manager}))
    managing = Principal(shop.business_id, shop.business_id, "staff", manager, "Manager", "manager")
    before = await written(here)
    cases = [(shop.cashier, keep.id, lose.id, Forbidden), (shop.who, keep.id, keep.id, SameCard), (shop.who, second.id, lose.id, SameCard),
             (shop.who, keep.id, elsewhere.id, NotFound), (shop.who, keep.id, 999_999, NotFound),
             (shop.who, keep.id, other.id, OtherProgram), (shop.who, keep.id, blocked.id, CardBlocked),
             (managing, keep.id, own.id, OwnCard), (managing, own.id, keep.id, OwnCard)]
    for who, one, two_, refused in cases:
        with pytest.raises(refused):
            await merge(db, who, one, two_, None, now)
    # Whoever would merge a card of their own is on record.
    assert await written(here) == before | {"audit_entries": before["audit_entries"] + 2}


@on_sqlite
async def test_customers_with_cards_of_a_second_programme_each_stay_apart_until_those_are_merged_too(here: Context, shop: Shop) -> None:
    db, now = here.db, here.clock.now()
    second = shop._replace(program_id=await write_transaction(db, lambda tx: programs.create_program(
        tx, shop.business_id, slug="second", name="Second", rules=RULES, now=now)))
    keep, lose = await two(here, shop)
    others = []
    for card in (keep, lose):
        async def act(tx: Any, card: cards.Card = card) -> cards.Card:
            account = await ledger.open_account(tx, shop.business_id, second.program_id, card.customer_id, now)
            numbers = cards.IssuedNumbers.draw("473")
            return await cards.issue(tx, here.ring, shop.who, program_id=second.program_id, account_id=account, status="active",
                                     source="api", numbers=numbers, now=now)

        others.append(await write_transaction(db, act))
    await merge(db, shop.who, keep.id, lose.id, None, now)
    boris = await customers.find_by_phone(db, here.ring, shop.business_id, BORIS)
    assert boris is not None and boris.id == lose.customer_id
    await merge(db, shop.who, others[0].id, others[1].id, None, now)
    boris = await customers.find_by_phone(db, here.ring, shop.business_id, BORIS)
    assert boris is not None and boris.id == keep.customer_id


async def test_a_voucher_and_a_promo_code_of_the_lost_card_are_the_kept_ones(here: Context, shop: Shop) -> None:
    db, now = here.db, here.clock.now()
    keep, lose = await two(here, shop)
    await rewards.create_reward(db, shop.who, shop.program_id, RewardWish("ten", "discount", Said("Ten"), value=1_000), now)
    await promo.create_batch(db, shop.who, shop.program_id, Terms("radio", "Radio", reward="ten", uses=None), ["RADIO"], now)
    await sales.sell(db, shop.cashier, SaleRequest(lose.id, 10_000, promo_code="RADIO"), None, now)
    program = await programs.get_program(db, shop.business_id, shop.program_id)
    voucher = await write_transaction(db, lambda tx: benefits.issue(
        tx, shop.who, program, lose.account_id, ("ten",), "gift", None, now, code=benefits.draw_codes(1)[0]))
    await merge(db, shop.who, keep.id, lose.id, None, now)
    with pytest.raises(CodeUsedByYou):
        await sales.sell(db, shop.cashier, SaleRequest(keep.id, 10_000, promo_code="RADIO"), None, now)
    found = await benefits.find_voucher(db, shop.business_id, voucher.code)
    assert found is not None
    sale = (await sales.sell(db, shop.cashier, SaleRequest(keep.id, 10_000, vouchers=((found.id, None),)), None, now)).operation
    assert sale.discount_minor == 1_000
