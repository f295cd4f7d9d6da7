"""Promo codes: what stands against one is said in a sentence, and their limits are exact however many tills ask at once."""
import asyncio
from datetime import date, timedelta

import pytest

from app.benefits import promo
from app.benefits.rules import (
    CodeEnded,
    CodeNotYet,
    CodeOfAnotherProgram,
    CodesTaken,
    CodeUsedByYou,
    CodeUsedUp,
    KeyTaken,
    UnknownCode,
)
from app.db import write_transaction
from app.errors import Invalid
from tests.benefits.giving import add_batch, add_reward, claim, operation
from tests.benefits.test_rewards import count
from tests.money import NOON, add_card, make_bed


async def strangers(bed, number):
    return [(await add_card(bed.db, bed.business_id, bed.program_id))[0] for _ in range(number)]


async def batch_of(bed, key="summer"):
    return await promo.get_batch(bed.db, bed.business_id, bed.program_id, key)


async def test_a_typed_code_is_found_as_people_write_it_and_names_its_batch(bed):
    await add_reward(bed)
    await add_batch(bed, "SUMMER10", reward="coffee", uses=None, per_person=None)
    found = await promo.find_promo(bed.db, bed.business_id, bed.program_id, "ѕummer-10", bed.account_id, NOON)
    assert (found.batch, found.reward, found.code) == ("summer", "coffee", "SUMMER10")


async def test_drawn_codes_are_as_many_as_were_asked_for(bed):
    batch = await add_batch(bed, *promo.draw(450, 10), count=450)
    codes = await promo.codes_of(bed.db, batch)
    assert batch.codes == len(codes) == len({code for _, code, _ in codes}) == 450
    assert [code for _, code, _ in await promo.codes_of(bed.db, batch, skip=440)] == [code for _, code, _ in codes[440:]]


async def test_a_drawn_code_that_exists_already_is_replaced_by_a_spare_one(bed):
    await add_batch(bed, "AAAACCCC", key="older")
    batch = await add_batch(bed, "AAAACCCC", "AAAADDDD", "AAAAEEEE", count=2)
    assert {code for _, code, _ in await promo.codes_of(bed.db, batch)} == {"AAAADDDD", "AAAAEEEE"}


async def test_codes_and_short_names_that_exist_are_refused_and_leave_nothing(bed):
    await add_batch(bed, "SUMMER10")
    with pytest.raises(CodesTaken) as refused:
        await add_batch(bed, "WINTER", "SUMMER10", key="winter")
    assert refused.value.params == {"codes": "SUMMER10"}
    with pytest.raises(KeyTaken):
        await add_batch(bed, "AUTUMN")
    with pytest.raises(Invalid):
        await add_batch(bed, "AUTUMN", key="autumn", reward="nothing")
    assert (await count(bed, "promo_batches"), await count(bed, "promo_codes")) == (1, 1)


async def test_another_business_may_have_the_same_code_and_neither_sees_the_others(bed):
    other = await make_bed(bed.db, "leaf")
    await add_batch(bed, "SUMMER10", "OURS")
    await add_batch(other, "SUMMER10", key="theirs")
    assert (await promo.find_promo(bed.db, bed.business_id, bed.program_id, "SUMMER10", None, NOON)).batch == "summer"
    for code in ("OURS", "NOBODYS", "", "x" * 400):
        with pytest.raises(UnknownCode):
            await promo.find_promo(bed.db, other.business_id, other.program_id, code, None, NOON)


async def test_a_code_of_another_programme_says_so(bed):
    await add_batch(bed, "SUMMER10")
    with pytest.raises(CodeOfAnotherProgram):
        await promo.find_promo(bed.db, bed.business_id, bed.program_id + 99, "SUMMER10", None, NOON)


async def test_a_code_counts_from_its_first_to_its_last_day_and_no_further(bed):
    await add_batch(bed, "SUMMER10", starts_on=date(2026, 11, 24), ends_on=date(2026, 11, 25), uses=None, per_person=None)
    for days, refusal in ((0, CodeNotYet), (4, CodeEnded)):
        with pytest.raises(refusal):
            await claim(bed, "SUMMER10", now=NOON + timedelta(days=days))
    await claim(bed, "SUMMER10", now=NOON + timedelta(days=2))
    assert (await batch_of(bed)).used == 1


async def test_a_batch_closed_early_ends_at_once_and_a_late_sale_of_before_still_counts(bed):
    await add_batch(bed, "SUMMER10", uses=None, per_person=None, now=NOON - timedelta(days=1))
    await promo.close_batch(bed.db, bed.manager, bed.program_id, "summer", NOON)
    with pytest.raises(CodeEnded):
        await claim(bed, "SUMMER10")
    await claim(bed, "SUMMER10", now=NOON - timedelta(hours=1))
    closed = await batch_of(bed)
    await promo.close_batch(bed.db, bed.manager, bed.program_id, "summer", NOON + timedelta(hours=1))
    assert (await batch_of(bed)) == closed and closed.state(NOON) == "closed"


async def test_a_single_use_code_is_used_up_for_everybody_else(bed):
    [stranger] = await strangers(bed, 1)
    await add_batch(bed, "ONCE1")
    await claim(bed, "ONCE1")
    with pytest.raises(CodeUsedUp):
        await claim(bed, "ONCE1", account_id=stranger)
    with pytest.raises(CodeUsedByYou):
        await claim(bed, "ONCE1")
    assert (await count(bed, "promo_uses"), (await batch_of(bed)).used) == (1, 1)


async def test_a_person_uses_at_most_so_many_codes_of_a_batch(bed):
    [stranger] = await strangers(bed, 1)
    await add_batch(bed, "CODEA", "CODEB", "CODEC", per_person=2)
    await claim(bed, "CODEA")
    await claim(bed, "CODEB")
    with pytest.raises(CodeUsedByYou):
        await claim(bed, "CODEC")
    await claim(bed, "CODEC", account_id=stranger)


async def test_tills_racing_for_the_last_use_give_it_once(bed):
    accounts = await strangers(bed, 6)
    await add_batch(bed, "RACE1", uses=4, total=3, per_person=None)
    answers = await asyncio.gather(*(claim(bed, "RACE1", account_id=account) for account in accounts), return_exceptions=True)
    assert sum(isinstance(answer, CodeUsedUp) for answer in answers) == 3
    assert (await count(bed, "promo_uses"), (await batch_of(bed)).used) == (3, 3)


async def test_a_person_racing_with_themselves_stays_within_their_limit(bed):
    await add_batch(bed, *(f"RACE{number}" for number in range(6)), per_person=1)
    answers = await asyncio.gather(*(claim(bed, f"RACE{number}") for number in range(6)), return_exceptions=True)
    assert sum(isinstance(answer, CodeUsedByYou) for answer in answers) == 5
    assert (await count(bed, "promo_uses"), (await batch_of(bed)).used) == (1, 1)
    assert sum([used for _, _, used in await promo.codes_of(bed.db, await batch_of(bed))]) == 1


async def test_what_an_operation_used_may_be_used_again_after_it_is_taken_back(bed):
    await add_batch(bed, "ONCE1", total=1)
    sale = await operation(bed)
    await claim(bed, "ONCE1", operation_id=sale)
    for expected in (1, 0):
        assert await write_transaction(bed.db, lambda tx: promo.release_promo(tx, sale, NOON)) == expected
    assert (await batch_of(bed)).used == 0
    await claim(bed, "ONCE1")
    with pytest.raises(CodeUsedByYou):
        await claim(bed, "ONCE1")


async def test_a_batch_says_how_it_stands(sqlite_bed):
    await add_batch(sqlite_bed, "CODEA", "CODEB", starts_on=date(2026, 11, 24), ends_on=date(2026, 11, 25), per_person=None)
    batch = await batch_of(sqlite_bed)
    assert [batch.state(NOON + timedelta(days=days)) for days in (0, 2, 4)] == ["announced", "open", "ended"] and batch.most == 2
    for code in ("CODEA", "CODEB"):
        await claim(sqlite_bed, code, now=NOON + timedelta(days=2))
    assert (await batch_of(sqlite_bed)).state(NOON + timedelta(days=2)) == "used_up"


async def test_an_export_holds_every_code_and_how_often_it_was_used(sqlite_bed):
    batch = await add_batch(sqlite_bed, "SUMMER10", "WINTER20", uses=None, per_person=None)
    await claim(sqlite_bed, "SUMMER10")
    lines = promo.export_lines(await promo.codes_of(sqlite_bed.db, batch))
    assert lines == '"code","used"\r\n"SUMM-ER10","1"\r\n"WINT-ER20","0"\r\n'
