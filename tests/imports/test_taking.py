"""A list goes in: cards that scan by their old numbers, balances as lots, nobody twice; and goes back where nobody used it."""
import pytest

from app.cards import service as cards
from app.cards.rules import CardProvisional
from app.context import Context
from app.customers import service as customers
from app.db import write_transaction
from app.enrolment import store as enrolment_store
from app.imports import service, working
from app.imports.rules import Options
from app.ledger import sealing, verify
from app.ledger import service as ledger
from app.sales import service as sales
from app.sales.rules import SaleRequest
from app.segments import service as segments
from tests.conftest import Shop
from tests.imports.lists import HEAD, count, said, taken, tried
from tests.shops import make_card

ANNA = ("8 916 123-45-67", "Анна", "2000 0001", "1 250,75")
BORIS = ("+79161234568", "Борис", "20000002", "")


async def the_card(here: Context, shop: Shop, text: str) -> cards.Card:
    found = await cards.find(here.db, here.ring, shop.cashier, text, "RU", here.clock.now())
    assert len(found.cards) == 1, found
    return found.cards[0]


async def assert_whole(here: Context, shop: Shop) -> None:
    await sealing.seal_pending(here.db)
    assert await verify.verify(here.db, here.clock.now()) == []


async def test_a_dry_run_counts_and_writes_nothing_but_its_own_rows(here: Context, shop: Shop) -> None:
    tables = ("customers", "cards", "aliases", "operations", "enrolments", "updates", "events")
    before = {table: await count(here, table) for table in tables}
    found = await tried(here, shop, [HEAD, ANNA, BORIS, ("12", "Вера", "", ""), ANNA])
    assert (found.state, found.rows_total, found.new_rows, found.duplicate_rows, found.wrong_rows) == ("checked", 4, 2, 1, 1)
    assert found.loaded == 1250
    assert [(row, kind) for row, kind, _ in await said(here, found)] == [(4, "mistake"), (5, "note")]
    assert before == {table: await count(here, table) for table in before}


async def test_an_old_number_scans_at_the_till_and_the_card_earns_and_keeps_its_balance(here: Context, shop: Shop) -> None:
    found = await taken(here, shop, [HEAD, ANNA, BORIS])
    assert (found.state, found.rows_done) == ("done", 2)
    card = await the_card(here, shop, "2000-0001")
    assert (card.status, card.source) == ("provisional", "import")
    assert (card.provisional_until - here.clock.now()).days > 4 * 365
    assert await ledger.balances(here.db, card.account_id) == {"points": 1250}
    await sales.sell(here.db, shop.key_principal, SaleRequest(card.id, 100_000), None, here.clock.now())
    assert await ledger.balances(here.db, card.account_id) == {"points": 1300}
    with pytest.raises(CardProvisional):
        await sales.sell(here.db, shop.key_principal, SaleRequest(card.id, 100_000, redeem=10), None, here.clock.now())
    await assert_whole(here, shop)


async def test_an_imported_card_may_be_used_as_often_as_its_owner_comes(here: Context, shop: Shop) -> None:
    await taken(here, shop, [HEAD, ANNA])
    card = await the_card(here, shop, "20000001")
    for _ in range(12):
        await sales.sell(here.db, shop.key_principal, SaleRequest(card.id, 10_000), None, here.clock.now())
    assert (await ledger.balances(here.db, card.account_id))["points"] == 1250 + 12 * 5


async def test_an_imported_person_waits_for_an_invitation_and_hears_nothing_before(here: Context, shop: Shop) -> None:
    await taken(here, shop, [HEAD, ANNA])
    card = await the_card(here, shop, "20000001")
    waiting = await enrolment_store.find_pending_of_card(here.db, shop.business_id, card.id)
    assert waiting is not None
    assert await count(here, "messages") == 0


async def test_whoever_is_known_gets_the_old_number_and_the_balance_on_the_card_they_have(here: Context, shop: Shop) -> None:
    mine = await make_card(here, shop, phone="+79161234567", name="Анна", points=10)
    found = await taken(here, shop, [HEAD, ("89161234567", "Анна Ивановна", "20000001", "90")])
    assert (found.known_rows, found.new_rows) == (1, 0)
    assert (await the_card(here, shop, "20000001")).id == mine.id
    assert await ledger.balances(here.db, mine.account_id) == {"points": 100}
    assert (await customers.get(here.db, here.ring, shop.business_id, mine.customer_id)).name == "Анна"
    assert (2, "note", "name_kept") in await said(here, found)
    await assert_whole(here, shop)


async def test_names_are_updated_where_that_was_chosen(here: Context, shop: Shop) -> None:
    mine = await make_card(here, shop, phone="+79161234567", name="Анна")
    await taken(here, shop, [HEAD, ("89161234567", "Анна Ивановна", "", "")], Options(names="update"))
    assert (await customers.get(here.db, here.ring, shop.business_id, mine.customer_id)).name == "Анна Ивановна"


async def test_the_same_list_twice_doubles_nothing(here: Context, shop: Shop) -> None:
    rows = [HEAD, ANNA, BORIS]
    await taken(here, shop, rows)
    again = await taken(here, shop, rows)
    assert (again.known_rows, again.new_rows) == (2, 0)
    card = await the_card(here, shop, "20000001")
    assert await ledger.balances(here.db, card.account_id) == {"points": 1250}
    assert (2, "note", "balance_again") in await said(here, again)
    assert await count(here, "cards") == 2


async def test_two_old_cards_of_one_person_become_one_card_with_both_balances(here: Context, shop: Shop) -> None:
    found = await taken(here, shop, [HEAD, ("89161234567", "Анна", "20000001", "100"), ("89161234567", "Анна", "20000009", "50"),
                                     ("89161234567", "Анна", "20000001", "100")])
    assert (found.new_rows, found.duplicate_rows) == (1, 2)
    card = await the_card(here, shop, "20000009")
    assert card.id == (await the_card(here, shop, "20000001")).id
    assert await ledger.balances(here.db, card.account_id) == {"points": 150}


async def test_an_old_number_of_somebody_else_keeps_the_row_out(here: Context, shop: Shop) -> None:
    mine = await make_card(here, shop, phone="+79160000001", name="Олег")
    await write_transaction(here.db, lambda tx: cards.add_alias(tx, mine, "20000001", here.clock.now()))
    found = await taken(here, shop, [HEAD, ANNA, BORIS, ("+79161234569", "Глеб", "20000002", "")])
    assert found.wrong_rows == 2
    assert [(row, code) for row, _, code in await said(here, found)] == [(2, "alias_taken"), (4, "alias_twice")]
    assert await customers.find_by_phone(here.db, here.ring, shop.business_id, "+79161234567") is None
    assert (await the_card(here, shop, "20000001")).id == mine.id


async def test_a_balance_may_have_an_end_of_its_own(here: Context, shop: Shop) -> None:
    await taken(here, shop, [(*HEAD, "Действует до"), (*ANNA, "31.12.2026")])
    card = await the_card(here, shop, "20000001")
    assert await here.db.fetch_val("SELECT expires_at FROM lots WHERE account_id = :id", {"id": card.account_id}) == 1798750800000


async def test_tags_and_visits_make_groups(here: Context, shop: Shop) -> None:
    await taken(here, shop, [(*HEAD, "Метки", "Последний визит"), (*ANNA, "VIP, кофе", "01.11.2026"), (*BORIS, "", "2020-01-05")])
    anna, boris = await the_card(here, shop, "20000001"), await the_card(here, shop, "20000002")
    assert await segments.tags_of(here.db, shop.business_id, anna.customer_id) == ["active", "vip", "кофе"]
    assert await segments.tags_of(here.db, shop.business_id, boris.customer_id) == ["passive"]


async def test_a_crash_midway_loses_nothing_and_takes_nothing_twice(here: Context, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [(f"8916{number:07d}", f"Имя {number}", 3_000_000 + number, 5) for number in range(40)]
    found = await tried(here, shop, [HEAD, *people])
    await service.start(here.db, shop.who, found.id, here.clock.now())
    real, calls = working.taking.take, 0

    async def breaks(*given):  # type: ignore[no-untyped-def]
        nonlocal calls
        calls += 1
        if calls == 30:
            raise RuntimeError("the power went")
        return await real(*given)

    monkeypatch.setattr(working.taking, "take", breaks)
    with pytest.raises(RuntimeError):
        await working.go_on(here)
    midway = await service.get(here.db, shop.business_id, found.id)
    assert midway.state == "running" and 0 < midway.rows_done < 40
    assert await count(here, "cards") == midway.rows_done
    await working.go_on(here)
    after = await service.get(here.db, shop.business_id, found.id)
    assert (after.state, after.rows_done, await count(here, "cards")) == ("done", 40, 40)
    await assert_whole(here, shop)


async def test_all_or_nothing_takes_nothing_while_a_row_is_wrong(here: Context, shop: Shop) -> None:
    found = await tried(here, shop, [HEAD, ANNA, ("12", "Вера", "", "")], Options(mode="all"))
    with pytest.raises(service.ImportWrong):
        await service.start(here.db, shop.who, found.id, here.clock.now())
    assert await count(here, "cards") == 0


async def test_all_or_nothing_goes_back_when_the_base_changed_after_the_trial(here: Context, shop: Shop) -> None:
    people = [(f"8916{number:07d}", f"Имя {number}", 3_000_000 + number, 5) for number in range(30)]
    found = await tried(here, shop, [HEAD, *people], Options(mode="all"))
    mine = await make_card(here, shop, phone="+79169999999")
    await write_transaction(here.db, lambda tx: cards.add_alias(tx, mine, "3000029", here.clock.now()))
    await service.start(here.db, shop.who, found.id, here.clock.now())
    await working.go_on(here)
    after = await service.get(here.db, shop.business_id, found.id)
    assert (after.state, after.undone_rows) == ("undone", 29)
    assert await here.db.fetch_val("SELECT COUNT(*) FROM cards WHERE status = 'provisional'") == 0
    await assert_whole(here, shop)


async def test_undone_it_leaves_no_card_no_number_and_nobody(here: Context, shop: Shop) -> None:
    found = await taken(here, shop, [HEAD, ANNA, BORIS])
    await service.undo(here.db, shop.who, found.id, here.clock.now())
    await working.go_on(here)
    after = await service.get(here.db, shop.business_id, found.id)
    assert (after.state, after.undone_rows, after.kept_rows) == ("undone", 2, 0)
    assert await count(here, "aliases") == 0
    assert await here.db.fetch_val("SELECT COUNT(*) FROM customers WHERE phone_hash IS NOT NULL") == 0
    assert await here.db.fetch_val("SELECT COALESCE(SUM(amount), 0) FROM balances") == 0
    await assert_whole(here, shop)
    again = await taken(here, shop, [HEAD, ANNA, BORIS])
    assert again.new_rows == 2 and (await the_card(here, shop, "20000001")).status == "provisional"


async def test_what_was_used_since_stays_and_is_said_row_by_row(here: Context, shop: Shop) -> None:
    found = await taken(here, shop, [HEAD, ANNA, BORIS])
    card = await the_card(here, shop, "20000001")
    await sales.sell(here.db, shop.key_principal, SaleRequest(card.id, 100_000), None, here.clock.now())
    await service.undo(here.db, shop.who, found.id, here.clock.now())
    await working.go_on(here)
    after = await service.get(here.db, shop.business_id, found.id)
    assert (after.undone_rows, after.kept_rows) == (1, 1)
    assert (2, "mistake", "used") in await said(here, after)
    assert (await the_card(here, shop, "20000001")).status == "provisional"
    await assert_whole(here, shop)


async def test_undone_a_known_card_gives_back_balance_and_old_number_and_keeps_its_own(here: Context, shop: Shop) -> None:
    mine = await make_card(here, shop, phone="+79161234567", name="Анна", points=10)
    found = await taken(here, shop, [HEAD, ("89161234567", "", "20000001", "90")])
    await service.undo(here.db, shop.who, found.id, here.clock.now())
    await working.go_on(here)
    assert await ledger.balances(here.db, mine.account_id) == {"points": 10}
    assert await count(here, "aliases") == 0
    assert (await cards.get_card(here.db, shop.business_id, mine.id)).status == "active"
    await assert_whole(here, shop)


async def test_a_known_card_that_was_used_since_keeps_what_the_list_gave(here: Context, shop: Shop) -> None:
    mine = await make_card(here, shop, phone="+79161234567", name="Анна", points=10)
    found = await taken(here, shop, [HEAD, ("89161234567", "", "20000001", "90")])
    await sales.sell(here.db, shop.key_principal, SaleRequest(mine.id, 10_000), None, here.clock.now())
    await service.undo(here.db, shop.who, found.id, here.clock.now())
    await working.go_on(here)
    assert await ledger.balances(here.db, mine.account_id) == {"points": 105}
    assert (await the_card(here, shop, "20000001")).id == mine.id
    assert (2, "mistake", "used") in await said(here, found)


async def test_another_business_sees_nothing_of_a_list(here: Context, shop: Shop, other_shop: Shop) -> None:
    found = await taken(here, shop, [HEAD, ANNA])
    for act in (service.start, service.undo):
        with pytest.raises(service.NotFound):
            await act(here.db, other_shop.who, found.id, here.clock.now())
    assert await service.newest(here.db, other_shop.business_id) == []


async def test_a_list_sent_with_another_mapping_is_tried_anew(here: Context, shop: Shop) -> None:
    found = await tried(here, shop, [HEAD, ANNA, BORIS])
    await service.choose(here.db, shop.who, found.id, ["phone", "", "", ""], Options(), here.clock.now())
    await working.go_on(here)
    after = await service.get(here.db, shop.business_id, found.id)
    assert (after.state, after.new_rows, after.duplicate_rows, after.loaded) == ("checked", 2, 0, 0)
