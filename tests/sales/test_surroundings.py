"""What a card shows and what a cashier hears, read from a real account of every kind."""
from datetime import date

import pytest
from msgspec.structs import replace

from app.cards import service as cards
from app.designs import service as designs
from app.passes import faces
from app.programs import service as programs
from app.programs import terms as t
from app.programs.kinds import KINDS
from app.programs.rules import ProgramRules
from app.programs.terms import Said
from app.sales import surroundings
from app.sales.words import about_card, hints
from tests.money import NOON
from tests.sales.conftest import make_till

SILVER = t.Level("silver", Said("Silver", "Серебро"), 50_000, discount_bp=500, background="#123456")
LEVELS = ProgramRules(discount_bp=100, levels=t.Levels((t.Level("basic", Said("Basic", "Базовый"), 0), SILVER)))


async def face(till, ring):
    card = await cards.get_card(till.db, till.bed.business_id, till.bed.card_id)
    program = await programs.get_program(till.db, till.bed.business_id, till.bed.program_id)
    rewards = await faces.reward_names(till.db, program)
    return await faces.face_of(till.db, ring, card, program, till.now, has_rewards=bool(rewards))


async def found(till):
    card = await cards.get_card(till.db, till.bed.business_id, till.bed.card_id)
    program = await programs.get_program(till.db, till.bed.business_id, till.bed.program_id)
    return about_card(await surroundings.look_up(till.db, program, card, till.now), "en")


async def test_a_stamp_card_shows_its_stamps_and_then_the_voucher(db, ring):
    till = await make_till(db, replace(KINDS["stamps"].rules("RUB"), stamps=t.Stamps(t.Conversion(2, ("gift",)))))
    await till.reward("gift", "text")
    await till.sell(10_000)
    shown = await face(till, ring)
    assert (shown.stamps, shown.stamps_size, shown.vouchers) == (1, 2, 0)
    assert await found(till) == ["One more purchase and there is a gift: “gift”."]
    assert hints(await till.quote(10_000), "en") == ["The stamp card is full: a voucher for “gift”."]
    await till.sell(10_000)
    shown = await face(till, ring)
    assert (shown.stamps, shown.vouchers, shown.voucher_until) == (0, 1, date(2027, 2, 20))
    assert (await found(till))[0] == "A voucher can be used: “gift”, until 20\u00a0February\u00a02027."


async def test_a_level_its_discount_its_colour_and_what_is_missing_are_shown(db, ring):
    till = await make_till(db, LEVELS)
    shown = await face(till, ring)
    assert (shown.level, shown.discount_bp, shown.next_minor) == ("basic", 100, 50_000)
    assert hints(await till.quote(20_000), "en") == ["302\u00a0₽ more to the level “Silver”."]
    await till.sell(60_000)
    shown = await face(till, ring)
    assert (shown.level, shown.discount_bp, shown.next_minor) == ("silver", 500, None)
    program = await programs.get_program(till.db, till.bed.business_id, till.bed.program_id)
    drawing = designs.Drawing(designs.first_content(program), "discount")
    assert faces.key_for(program, drawing, {}, shown).content.background == "#123456"


async def test_money_that_came_back_and_what_waits_are_shown_apart(sqlite_db, ring):
    till = await make_till(sqlite_db, replace(KINDS["cashback"].rules("RUB"), pending_days=14))
    await till.sell(100_000)
    shown = await face(till, ring)
    assert (shown.money_minor, shown.pending_minor, shown.rate_bp, shown.worth_minor) == (0, 5_000, 500, 0)
    till.later(days=15)
    shown = await face(till, ring)
    assert (shown.money_minor, shown.pending_minor, shown.worth_minor) == (5_000, None, 5_000)


async def test_what_was_given_to_the_fund_is_shown(sqlite_db, ring):
    till = await make_till(sqlite_db, KINDS["charity"].rules("RUB"))
    await till.sell(100_000)
    await till.sell(100_000)
    assert (await face(till, ring)).donated_minor == 2_000


@pytest.mark.parametrize("kind", KINDS)
async def test_a_new_card_of_every_kind_is_drawn_and_quoted(sqlite_db, ring, kind):
    till = await make_till(sqlite_db, KINDS[kind].rules("RUB"))
    shown = await face(till, ring)
    assert (shown.balance, shown.worth_minor, shown.is_voided, shown.expires_on) == (0, 0, False, None)
    assert len(hints(await till.quote(100_000), "ru")) <= 5
    assert till.now == NOON
