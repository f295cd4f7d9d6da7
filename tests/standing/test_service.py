"""Levels over real rows, and what rules learn of a person, on both engines."""
import dataclasses
from datetime import UTC, date, datetime, timedelta

import pytest

from app.cards import service as cards
from app.cards.rules import Card
from app.clock import to_ms
from app.db import Database, write_transaction
from app.errors import Forbidden, Invalid, NotFound
from app.ledger import service as ledger
from app.ledger.operations import Draft
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.programs.terms import Caps, Earn, Favourite, Level, Levels, Membership, Offers, Package, Plan, Rule, Said, Visits, When
from app.segments import service as segments
from app.standing import service as standing
from app.standing.rules import Standing
from app.web.principal import system
from tests.money import NOON, Bed, add_card, make_bed

DAY = timedelta(days=1)
LEVELS = Levels((Level("green", Said("Green"), 0), Level("silver", Said("Silver"), 1_000), Level("gold", Said("Gold"), 5_000)),
                window="rolling", window_days=90, grace_days=30)
TIERS = ProgramRules(levels=LEVELS)


def asks(key: str, *, caps: Caps = Caps(), **conditions: object) -> Rule:
    return Rule(key, Said(key), Earn(10), When(**conditions), caps=caps)        # type: ignore[arg-type]


async def card_of(bed: Bed) -> Card:
    return await cards.get_card(bed.db, bed.business_id, bed.card_id)


async def stands(bed: Bed, at: datetime = NOON, now: datetime = NOON) -> Standing:
    program = await programs.get_program(bed.db, bed.business_id, bed.program_id)
    return await standing.standing_of(bed.db, program, program.rules, await card_of(bed), at, now)


async def moved(bed: Bed, amount: int, now: datetime = NOON, kind: str = "sale") -> str | None:
    """An operation that gives (> 0) or takes progress, or only happens, and the level after it."""
    async def act(tx) -> str | None:  # type: ignore[no-untyped-def]
        program = await programs.get_program(tx, bed.business_id, bed.program_id)
        purse = await ledger.purse_of(tx, bed.account_id, now, now, "progress")
        if amount > 0:
            ledger.put(purse, amount, program.rules, now, program.time_zone)
        elif amount < 0:
            purse.spend(-amount, "issued")
        who = system(bed.business_id)
        draft = Draft(kind, program.id, bed.account_id, bed.card_id, to_ms(now), 1)
        operation = await ledger.post(tx, who, draft, purse, now)
        progress = await ledger.progress_of(tx, bed.account_id, now, now)
        return await standing.after(tx, who, program, program.rules, bed.account_id, operation.id, progress, now)

    return await write_transaction(bed.db, act)


async def expire_and_review(bed: Bed, now: datetime) -> None:
    await ledger.expire_due(bed.db, now)
    await standing.review_due(bed.db, now)


async def told(bed: Bed) -> list[tuple[str, int]]:
    """The events of changed levels."""
    rows = await bed.db.fetch_all("SELECT details, card_id FROM events WHERE kind = 'tier.changed' ORDER BY id")
    return [(row[0], row[1]) for row in rows]


async def changes_shown(bed: Bed) -> int:
    """How often the card was noted as changed, whether or not the change has its number yet."""
    return await bed.db.fetch_val("SELECT (SELECT COUNT(*) FROM updates WHERE card_id = :id) + (SELECT COUNT(*) FROM update_queue "
                                  "WHERE card_id = :id)", {"id": bed.card_id})


async def reasons(bed: Bed) -> list[tuple[str | None, str]]:
    return [(row.level, row.reason) for row in await standing.history(bed.db, bed.business_id, bed.account_id)][::-1]


# Levels.
async def test_a_level_goes_up_at_once_and_the_event_and_the_pass_say_so(db: Database) -> None:
    bed = await make_bed(db, rules=TIERS)
    assert await moved(bed, 999) == "green"
    assert await told(bed) == []
    assert await moved(bed, 4_001) == "gold"
    assert await told(bed) == [('{"from":"green","to":"gold"}', bed.card_id)]
    assert await reasons(bed) == [("gold", "reached")]
    level = await standing.level_now(db, TIERS, bed.account_id, NOON)
    assert level is not None and level.key == "gold"


async def test_a_late_sale_is_judged_by_the_level_of_its_moment(db: Database) -> None:
    bed = await make_bed(db, rules=TIERS)
    await moved(bed, 1_000, NOON - 3 * DAY)
    await moved(bed, 4_000, NOON)
    levels = [(await stands(bed, at, NOON)).level for at in (NOON - 4 * DAY, NOON - DAY, NOON)]
    assert levels == ["green", "silver", "gold"]
    assert await standing.level_at(db, bed.account_id, NOON - DAY) == "silver"
    assert await standing.level_at(db, bed.account_id, NOON - 4 * DAY) is None


async def test_a_refund_takes_the_level_at_once(db: Database) -> None:
    bed = await make_bed(db, rules=TIERS)
    await moved(bed, 5_000)
    assert await moved(bed, -1, kind="refund") == "silver"
    assert await reasons(bed) == [("gold", "reached"), ("silver", "lost")]


async def test_a_window_that_passes_leaves_the_level_for_its_grace_and_then_takes_it(db: Database) -> None:
    bed = await make_bed(db, rules=TIERS)
    await moved(bed, 5_000, NOON)
    await moved(bed, 1_500, NOON + 60 * DAY)
    passed = NOON + 91 * DAY
    await expire_and_review(bed, passed)
    assert await reasons(bed) == [("gold", "reached"), ("gold", "grace")]
    assert (await stands(bed, passed, passed)).level == "gold"
    await standing.review_due(db, passed + DAY)
    assert len(await reasons(bed)) == 2
    over, before = passed + 31 * DAY, await changes_shown(bed)
    await standing.review_due(db, over)
    assert await changes_shown(bed) == before + 1
    assert await reasons(bed) == [("gold", "reached"), ("gold", "grace"), ("silver", "lost")]
    assert [details for details, _ in await told(bed)] == ['{"from":"green","to":"gold"}', '{"from":"gold","to":"silver"}']
    await standing.review_due(db, over + timedelta(minutes=5))
    assert len(await reasons(bed)) == 3


async def test_an_expiry_that_was_committed_behind_a_review_is_seen_by_the_next_one(db: Database) -> None:
    bed = await make_bed(db, rules=TIERS)
    await moved(bed, 5_000)
    passed = NOON + 91 * DAY
    await standing.review_due(db, passed + timedelta(seconds=5))
    await expire_and_review(bed, passed)
    await standing.review_due(db, passed + timedelta(seconds=10))
    assert await reasons(bed) == [("gold", "reached"), ("gold", "grace")]


async def test_a_sale_before_the_review_of_a_passed_window_begins_the_grace_and_no_loss(db: Database) -> None:
    bed = await make_bed(db, rules=TIERS)
    await moved(bed, 5_000)
    assert await moved(bed, 100, NOON + 91 * DAY) == "gold"
    assert await reasons(bed) == [("gold", "reached"), ("gold", "grace")]


async def test_a_purchase_within_the_grace_keeps_the_level(db: Database) -> None:
    bed = await make_bed(db, rules=TIERS)
    await moved(bed, 5_000)
    await expire_and_review(bed, NOON + 91 * DAY)
    assert await moved(bed, 5_000, NOON + 95 * DAY) == "gold"
    await standing.review_due(db, NOON + 130 * DAY)
    assert await reasons(bed) == [("gold", "reached"), ("gold", "grace"), ("gold", "reached")]


async def test_a_manager_sets_a_level_until_a_day_and_spending_does_not_move_it(db: Database) -> None:
    bed = await make_bed(db, rules=TIERS)
    await standing.set_by_hand(db, bed.manager, bed.card_id, "gold", " the mayor ", NOON + 10 * DAY, NOON)
    assert await moved(bed, 1_000, NOON + DAY) == "gold"
    [row] = await standing.history(db, bed.business_id, bed.account_id)
    assert (row.level, row.reason, row.until, row.note, row.actor_id) == ("gold", "by_hand", NOON + 10 * DAY, "the mayor", bed.manager.id)
    await standing.review_due(db, NOON + 10 * DAY - timedelta(minutes=1))
    assert (await stands(bed, NOON + 10 * DAY, NOON + 10 * DAY)).level == "gold"
    await standing.review_due(db, NOON + 10 * DAY)
    assert (await stands(bed, NOON + 10 * DAY, NOON + 10 * DAY)).level == "silver"
    assert await reasons(bed) == [("gold", "by_hand"), ("silver", "by_hand_ended")]
    assert await db.fetch_val("SELECT COUNT(*) FROM audit_entries WHERE action = 'card.level_set'") == 1


async def test_a_level_by_hand_needs_a_manager_a_reason_a_known_level_and_an_end_ahead(db: Database) -> None:
    bed, other = await make_bed(db, rules=TIERS), await make_bed(db, "leaf")
    with pytest.raises(Forbidden):
        await standing.set_by_hand(db, bed.cashier(), bed.card_id, "gold", "a friend", None, NOON)
    with pytest.raises(NotFound):
        await standing.set_by_hand(db, other.manager, bed.card_id, "gold", "a friend", None, NOON)
    with pytest.raises(Invalid) as refused:
        await standing.set_by_hand(db, bed.manager, bed.card_id, "platinum", " ", NOON, NOON)
    assert [error.field for error in refused.value.fields] == ["level", "reason", "until"]
    with pytest.raises(Invalid):
        await standing.set_by_hand(db, other.manager, other.card_id, None, "no levels here", None, NOON)
    assert await reasons(bed) == []
    assert await db.fetch_val("SELECT COUNT(*) FROM audit_entries") == 0


async def test_a_clock_that_was_set_back_hides_no_change_of_a_level(sqlite_db: Database) -> None:
    bed = await make_bed(sqlite_db, rules=TIERS)
    await moved(bed, 1_000, NOON)
    await moved(bed, 4_000, NOON - timedelta(hours=1))
    assert (await stands(bed)).level == "gold"


async def test_what_is_missing_to_the_next_level_is_told(sqlite_db: Database) -> None:
    bed = await make_bed(sqlite_db, rules=TIERS)
    await moved(bed, 400)
    following = await standing.next_level(sqlite_db, TIERS, bed.account_id, "base", NOON)
    assert following is not None and (following.level.key, following.missing) == ("silver", 600)
    assert await standing.next_level(sqlite_db, ProgramRules(), bed.account_id, None, NOON) is None


# What rules learn.
async def test_rules_that_ask_nothing_of_the_person_read_nothing(sqlite_db: Database) -> None:
    bed = await make_bed(sqlite_db)
    assert await stands(bed) == Standing()


async def test_everything_that_rules_ask_is_read_at_once(db: Database) -> None:
    bed = await make_bed(db, rules=ProgramRules(
        levels=LEVELS, favourite=Favourite(), offers=Offers(), membership=Membership((Plan("year", Said("Year"), 365, 100),)),
        visits=Visits((Package("ten", Said("Ten"), 10, 100),), a_day=1),
        rules=(asks("cake", birthday_before=3), asks("welcome", first_purchase=True), asks("vip", segments=("vips",)),
               asks("capped", caps=Caps(day=30, person=100, campaign=500)))))
    await db.execute("UPDATE customers SET birthday_on = '1990-02-28' WHERE id = :id", {"id": bed.customer_id})
    await segments.create(db, bed.manager, "vips", "VIPs", segments.Filter(tags=("vip",)), NOON)
    await segments.tag(db, bed.manager, bed.customer_id, "vip", NOON)
    await standing.set_product(db, bed.manager, "cake", "Cake", None, True, NOON - DAY)
    await standing.choose_favourite(db, bed.key, bed.card_id, "cake", NOON - DAY)
    await db.execute("INSERT INTO personal_offers(business_id, account_id, sku, discount_bp, why, starts_at, ends_at) "
                     "VALUES (:b, :a, 'tea', 1500, 'new', :from, :to), (:b, :a, 'milk', 900, 'new', 1, 2)",
                     {"b": bed.business_id, "a": bed.account_id, "from": to_ms(NOON - DAY), "to": to_ms(NOON + DAY)})
    program = await programs.get_program(db, bed.business_id, bed.program_id)
    found = await stands(bed)
    assert found == Standing(level="green", is_member=False, birthday=date(1990, 2, 28), is_first=True, favourite="cake",
                             segments=frozenset({"vips"}), offers={"tea": 1500})
    await moved(bed, 1_000)
    operation, gave = await db.fetch_val("SELECT MAX(id) FROM operations"), [Gave("capped", 20)]
    await write_transaction(db, lambda tx: standing.count_uses(tx, program, program.rules, bed.account_id, operation, gave, NOON))
    found = await stands(bed)
    assert (found.level, found.is_first) == ("silver", False)
    assert found.uses == {("capped", "day"): 20, ("capped", "person"): 20, ("capped", "campaign"): 20}
    tomorrow = await stands(bed, NOON + DAY, NOON + DAY)
    assert tomorrow.uses == {("capped", "person"): 20, ("capped", "campaign"): 20}
    assert tomorrow.offers == {}


class Gave:
    """What a judgement says of a rule."""

    def __init__(self, rule: str, amount: int) -> None:
        self.rule, self.amount = rule, amount


async def test_a_sale_that_was_undone_was_no_first_purchase(db: Database) -> None:
    bed = await make_bed(db, rules=ProgramRules(rules=(asks("welcome", first_purchase=True),)))
    await moved(bed, 0)
    assert not (await stands(bed)).is_first
    sale = await db.fetch_val("SELECT MAX(id) FROM operations")
    await db.execute("INSERT INTO operations(business_id, acting_business_id, program_id, account_id, card_id, kind, of_operation_id, at, "
                     "recorded_at, rules_version, actor_kind) SELECT business_id, acting_business_id, program_id, account_id, card_id, "
                     "'undo', id, at, at, 1, 'system' FROM operations WHERE id = :id", {"id": sale})
    assert (await stands(bed)).is_first


async def test_what_was_bought_with_a_card_that_was_merged_into_this_one_counts_as_bought_with_it(db: Database) -> None:
    bed = await make_bed(db, rules=ProgramRules(rules=(asks("welcome", first_purchase=True),)))
    empty, _ = await add_card(db, bed.business_id, bed.program_id)
    used, card = await add_card(db, bed.business_id, bed.program_id)
    await moved(dataclasses.replace(bed, account_id=used, card_id=card), 0)
    for account, is_first in ((empty, True), (used, False)):
        await db.execute("UPDATE accounts SET merged_into = :into WHERE id = :id", {"into": bed.account_id, "id": account})
        assert (await stands(bed)).is_first == is_first


async def test_visits_of_the_businesss_local_day_are_counted(db: Database) -> None:
    bed = await make_bed(db, rules=ProgramRules(visits=Visits((Package("ten", Said("Ten"), 10, 100),), a_day=1)))
    at = datetime(2026, 11, 22, 20, 30, tzinfo=UTC)          # 23:30 in Moscow

    async def visit(tx) -> None:  # type: ignore[no-untyped-def]
        purse = await ledger.purse_of(tx, bed.account_id, at, at, "visits")
        purse.earn(10, None, "loaded")
        await ledger.post(tx, bed.manager, Draft("purchase", bed.program_id, bed.account_id, bed.card_id, to_ms(at), 1), purse, at)
        purse = await ledger.purse_of(tx, bed.account_id, at, at, "visits")
        purse.spend(2)
        await ledger.post(tx, bed.manager, Draft("visit", bed.program_id, bed.account_id, bed.card_id, to_ms(at), 1), purse, at)

    await write_transaction(db, visit)
    assert (await stands(bed, at, at)).visits_today == 2
    assert (await stands(bed, at + timedelta(hours=1), at + timedelta(hours=1))).visits_today == 0


async def test_a_member_is_one_while_the_membership_lasts(db: Database) -> None:
    bed = await make_bed(db, rules=ProgramRules(membership=Membership((Plan("year", Said("Year"), 365, 100),))))

    async def join(tx) -> None:  # type: ignore[no-untyped-def]
        purse = await ledger.purse_of(tx, bed.account_id, NOON, NOON, "membership")
        purse.earn(1, to_ms(NOON + 30 * DAY))
        await ledger.post(tx, bed.manager, Draft("purchase", bed.program_id, bed.account_id, bed.card_id, to_ms(NOON), 1), purse, NOON)

    await write_transaction(db, join)
    assert [(await stands(bed, NOON + days * DAY, NOON + days * DAY)).is_member for days in (0, 29, 30)] == [True, True, False]


async def test_a_closing_programme_is_closed_from_its_moment_on(sqlite_db: Database) -> None:
    bed = await make_bed(sqlite_db)
    await sqlite_db.execute("UPDATE programs SET earns_until_at = :at", {"at": to_ms(NOON)})
    assert [(await stands(bed, at)).is_closed for at in (NOON - DAY, NOON)] == [False, True]


async def test_another_account_of_the_business_changes_nothing(sqlite_db: Database) -> None:
    bed = await make_bed(sqlite_db, rules=TIERS)
    await moved(bed, 5_000)
    account, _ = await add_card(sqlite_db, bed.business_id, bed.program_id)
    held = await standing.level_now(sqlite_db, TIERS, account, NOON)
    assert held is not None and held.key == "green"
