"""Caps hold when tills race for the rest of a campaign, and refunds free them."""
import asyncio
from typing import NamedTuple

import pytest

from app.clock import to_ms
from app.db import Database, write_transaction
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.programs.terms import Caps, Earn, Rule, Said, When
from app.standing import service as standing
from app.standing.service import CampaignUsedUp
from tests.money import NOON, Bed, add_card, make_bed

RULES = ProgramRules(rules=(Rule("lucky", Said("Lucky"), Earn(10), When(), caps=Caps(campaign=100)),
                            Rule("daily", Said("Daily"), Earn(10), When(), caps=Caps(day=50)),
                            Rule("free", Said("Free"), Earn(10))))


class Gave(NamedTuple):
    rule: str
    amount: int


async def operation(bed: Bed, of: int | None = None, account: tuple[int, int] | None = None) -> int:
    account_id, card_id = account or (bed.account_id, bed.card_id)
    return await bed.db.fetch_val(
        "INSERT INTO operations(business_id, acting_business_id, program_id, account_id, card_id, kind, of_operation_id, at, recorded_at, "
        "rules_version, actor_kind) VALUES (:b, :b, :p, :a, :c, :kind, CAST(:of AS BIGINT), :at, :at, 1, 'system') RETURNING id",
        {"b": bed.business_id, "p": bed.program_id, "a": account_id, "c": card_id, "kind": "refund" if of else "sale", "of": of,
         "at": to_ms(NOON)})


async def count(bed: Bed, *gave: Gave, account: tuple[int, int] | None = None) -> int:
    sale = await operation(bed, account=account)
    program = await programs.get_program(bed.db, bed.business_id, bed.program_id)
    account_id = account[0] if account else bed.account_id
    await write_transaction(bed.db, lambda tx: standing.count_uses(tx, program, RULES, account_id, sale, gave, NOON))
    return sale


async def take_back(bed: Bed, sale: int, part: tuple[int, int] = (1, 1)) -> None:
    refund = await operation(bed, sale)
    program = await programs.get_program(bed.db, bed.business_id, bed.program_id)
    await write_transaction(bed.db, lambda tx: standing.take_back_uses(tx, program, sale, refund, part))


async def total(bed: Bed) -> int:
    return await bed.db.fetch_val("SELECT amount FROM rule_totals WHERE rule = 'lucky'")


async def test_only_rules_with_a_cap_beyond_one_receipt_are_counted(db: Database) -> None:
    bed = await make_bed(db, rules=RULES)
    await count(bed, Gave("lucky", 20), Gave("free", 10), Gave("lucky", 5), Gave("daily", 7), Gave("daily", 0))
    rows = await db.fetch_all("SELECT rule, amount, local_day FROM rule_uses ORDER BY rule")
    assert [tuple(row) for row in rows] == [("daily", 7, "2026-11-22"), ("lucky", 25, "2026-11-22")]
    assert await total(bed) == 25


async def test_tills_racing_for_the_rest_of_a_campaign_never_give_more_than_there_is(db: Database) -> None:
    bed = await make_bed(db, rules=RULES)
    accounts = [await add_card(db, bed.business_id, bed.program_id) for _ in range(6)]
    done = await asyncio.gather(*(count(bed, Gave("lucky", 30), account=account) for account in accounts), return_exceptions=True)
    assert [type(one) for one in done if not isinstance(one, int)] == [CampaignUsedUp] * 3
    assert await total(bed) == 90
    assert await db.fetch_val("SELECT CAST(SUM(amount) AS BIGINT) FROM rule_uses") == 90


async def test_more_than_the_whole_campaign_is_refused_at_its_first_receipt_too(sqlite_db: Database) -> None:
    bed = await make_bed(sqlite_db, rules=RULES)
    with pytest.raises(CampaignUsedUp):
        await count(bed, Gave("lucky", 101))
    assert await total(bed) is None


async def test_refunds_free_a_cap_in_proportion_and_whole_at_the_end(db: Database) -> None:
    bed = await make_bed(db, rules=RULES)
    sale = await count(bed, Gave("lucky", 25), Gave("daily", 10))
    await take_back(bed, sale, (1, 3))
    assert await total(bed) == 17                                       # 25 · 1/3 rounded down is 8
    await take_back(bed, sale, (2, 3))
    assert await total(bed) == 9
    await take_back(bed, sale)
    assert await total(bed) == 0
    await take_back(bed, sale)
    assert await total(bed) == 0
    rows = await db.fetch_all("SELECT rule, CAST(SUM(amount) AS BIGINT) FROM rule_uses GROUP BY rule ORDER BY rule")
    assert [tuple(row) for row in rows] == [("daily", 0), ("lucky", 0)]


async def test_a_refund_frees_the_day_of_the_sale(sqlite_db: Database) -> None:
    bed = await make_bed(sqlite_db, rules=RULES)
    sale = await count(bed, Gave("daily", 10))
    await take_back(bed, sale)
    rows = await sqlite_db.fetch_all("SELECT local_day, amount FROM rule_uses ORDER BY operation_id")
    assert [tuple(row) for row in rows] == [("2026-11-22", 10), ("2026-11-22", -10)]
