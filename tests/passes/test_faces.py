"""What a card shows of its account: the last operations, when it ends as a whole, where the shops are."""
from datetime import UTC, date, datetime, timedelta

from msgspec.structs import replace

from app.cards import service as cards
from app.clock import to_ms
from app.designs import service as designs
from app.designs.rules import HistoryLine
from app.ledger.expiry import expire_due
from app.passes import faces
from app.programs import service as programs
from app.programs import terms as t
from app.programs.kinds import KINDS
from app.programs.rules import ProgramRules
from app.programs.terms import Said
from app.sales import purchases
from tests.money import RULES
from tests.sales.conftest import make_till


async def drawn(till, ring):
    await till.db.execute("DELETE FROM design_versions")        # the bed's is none; its kind's stands in
    card = await cards.get_card(till.db, till.bed.business_id, till.bed.card_id)
    program = await programs.get_program(till.db, till.bed.business_id, till.bed.program_id)
    return await faces.drawn(till.db, ring, card, program, till.now)


async def face(till, ring):
    return (await drawn(till, ring))[1]


async def block(till, status="blocked"):
    await till.db.execute("UPDATE cards SET status = :status WHERE id = :id", {"status": status, "id": till.bed.card_id})


async def test_the_last_five_operations_are_shown_newest_first_with_the_business_s_days(db, ring):
    till = await make_till(db)
    await till.sell(100_000)
    till.later(hours=13)            # after midnight in Moscow
    sale = await till.sell(50_000)
    await till.adjust(7)
    await till.undo(sale)
    shown = (await face(till, ring)).history
    day = date(2026, 11, 23)
    assert shown == (HistoryLine(day, "undo", -25, "points"), HistoryLine(day, "adjustment", 7, "points"),
                     HistoryLine(day, "sale", 25, "points"), HistoryLine(date(2026, 11, 22), "sale", 50, "points"))
    for _ in range(3):
        await till.sell(10_000)
    assert len((await face(till, ring)).history) == 5


async def test_a_purchase_that_moves_nothing_shows_what_was_paid(sqlite_db, ring):
    till = await make_till(sqlite_db, KINDS["discount"].rules("RUB"))
    await till.sell(100_000)
    [line] = (await face(till, ring)).history
    assert (line.kind, line.unit) == ("sale", "paid")
    assert 0 < line.amount <= 100_000


async def test_a_card_that_is_blocked_shows_no_operations_and_one_that_was_replaced_nothing_at_all(sqlite_db, ring):
    till = await make_till(sqlite_db)
    await till.sell(100_000)
    await block(till)
    shown = await face(till, ring)
    assert shown.is_voided and shown.history == ()
    await block(till, "replaced")
    shown = await face(till, ring)
    assert shown.is_voided and {name for name, value in shown.values().items() if value} == set()
    assert shown.expires_at is None


async def test_a_membership_card_ends_with_its_membership_and_stays_ended(sqlite_db, ring):
    till = await make_till(sqlite_db, KINDS["membership"].rules("RUB"))
    assert (await face(till, ring)).expires_at is None
    await purchases.buy_plan(till.db, till.who, till.bed.card_id, "month", till.key(), till.now)
    end = (await face(till, ring)).expires_at
    assert end == datetime(2026, 12, 22, 21, 0, tzinfo=UTC)
    till.later(days=40)
    assert (await face(till, ring)).expires_at == end
    await purchases.buy_plan(till.db, till.who, till.bed.card_id, "month", till.key(), till.now)
    renewed = (await face(till, ring)).expires_at
    assert renewed is not None and renewed > till.now


async def test_a_membership_card_that_is_good_for_something_else_goes_on(sqlite_db, ring):
    rules = replace(KINDS["membership"].rules("RUB"), earn_points=5)
    till = await make_till(sqlite_db, rules)
    await purchases.buy_plan(till.db, till.who, till.bed.card_id, "month", till.key(), till.now)
    assert (await face(till, ring)).expires_at is None


async def test_a_gift_card_ends_with_the_last_of_its_money_and_stays_ended(db, ring):
    rules = KINDS["gift"].rules("RUB")
    till = await make_till(db, replace(rules, gift=replace(rules.gift, days=30)))
    amount = rules.gift.amounts[0]
    for _ in range(2):
        await purchases.load_gift(till.db, till.who, till.bed.card_id, amount, till.key(), till.now)
        till.later(days=5)
    end = (await face(till, ring)).expires_at
    assert end is not None and end > till.now
    till.later(days=60)
    await expire_due(till.db, till.now)
    shown = await face(till, ring)
    assert shown.money_minor == 0 and shown.expires_at is not None and shown.expires_at <= till.now


async def test_a_gift_card_whose_money_lasts_for_ever_has_no_end(sqlite_db, ring):
    rules = KINDS["gift"].rules("RUB")
    till = await make_till(sqlite_db, replace(rules, gift=replace(rules.gift, days=None)))
    await purchases.load_gift(till.db, till.who, till.bed.card_id, rules.gift.amounts[0], till.key(), till.now)
    assert (await face(till, ring)).expires_at is None


async def test_a_card_for_coupons_alone_ends_with_the_last_of_them(sqlite_db, ring):
    each = t.Rule("each", Said("Each", "Каждый"), t.GiveVoucher("coupon", 30))
    till = await make_till(sqlite_db, ProgramRules(rules=(each,)))
    await till.reward("coupon")
    assert (await face(till, ring)).expires_at is None
    await till.sell(10_000)
    first = (await face(till, ring)).expires_at
    till.later(days=3)
    await till.sell(10_000)
    assert (await face(till, ring)).expires_at == first + timedelta(days=3)
    await till.change_rules(ProgramRules(earn_points=5, rules=(each,)))
    assert (await face(till, ring)).expires_at is None


async def test_a_programme_whose_end_was_announced_ends_its_cards_then(sqlite_db, ring):
    till = await make_till(sqlite_db, RULES)
    end = datetime(2027, 1, 31, 21, 0, tzinfo=UTC)
    await sqlite_db.execute("UPDATE programs SET earns_until_at = :at, spends_until_at = :at", {"at": to_ms(end)})
    assert (await face(till, ring)).expires_at == end


async def test_the_addresses_of_open_shops_stand_on_the_back_once_each(sqlite_db, ring):
    till = await make_till(sqlite_db)
    for name, address, closed in (("A", "Pushkin Street 1", None), ("B", "", None), ("C", "Pushkin Street 1", None), ("D", "Old Lane", 1)):
        await sqlite_db.execute(
            "INSERT INTO locations(business_id, name, address, created_at, closed_at) VALUES (:id, :name, :address, 0, :closed)",
            {"id": till.bed.business_id, "name": name, "address": address, "closed": closed})
    key, _ = await drawn(till, ring)
    [addresses] = [field.text for field in (await designs.ready(key)).fields if field.key == "addresses"]
    assert addresses["en"].split("\n")[-1] == "Pushkin Street 1" and addresses["en"].count("Pushkin Street 1") == 1
    assert "Old Lane" not in addresses["ru"]
