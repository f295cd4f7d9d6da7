"""Rotating codes through the service: a key a card, live codes at a till, guesses, and what a live code permits."""
import pytest

from app.cards import rotation, rotation_rules, service
from app.cards.rotation import LiveCodeNeeded
from app.cards.rules import in_fours
from app.db import write_transaction
from app.errors import Forbidden, Invalid, NotFound, TooMany
from app.programs import service as programs
from app.web.principal import Principal, shopper
from tests.cards.test_service import corner_of

PERIOD = 30


@pytest.fixture
async def corner(db, ring, clock):
    made = await corner_of(db, ring, clock)
    await rotation.choose(db, made.who, made.program_id, PERIOD, False, clock.now())
    return made


async def live_text(db, ring, clock, corner) -> str:
    program = await programs.get_program(db, corner.business_id, corner.program_id)
    return (await rotation.live_code(db, ring, corner.card, program, clock.now())).text


async def look(db, ring, clock, corner, text) -> service.Found:
    return await service.find(db, ring, corner.who, text, "RU", clock.now())


async def how(db, corner) -> str | None:
    return await db.fetch_val("SELECT how FROM presentations WHERE card_id = :id", {"id": corner.card.id})


async def check(db, clock, corner, who: Principal | None = None) -> None:
    program = await programs.get_program(db, corner.business_id, corner.program_id)
    await rotation.check_presented(db, who or corner.who, corner.card, program, clock.now())


async def test_a_card_gets_one_key_for_ever_which_lies_sealed(db, ring, clock, corner) -> None:
    first = await write_transaction(db, lambda tx: rotation.key_of(tx, ring, corner.card))
    assert len(first) == 20
    assert await write_transaction(db, lambda tx: rotation.key_of(tx, ring, corner.card)) == first
    sealed = bytes(await db.fetch_val("SELECT totp_key_sealed FROM cards WHERE id = :id", {"id": corner.card.id}))
    assert first not in sealed and ring.open("cards.totp", sealed, str(corner.card.id).encode()) == first


async def test_a_live_code_finds_its_card_and_is_remembered_as_shown(db, ring, clock, corner) -> None:
    text = await live_text(db, ring, clock, corner)
    assert len(text) == 24 and text.startswith(corner.card.code)
    assert (await look(db, ring, clock, corner, in_fours(text))).cards == (corner.card,)
    assert await how(db, corner) == "code"
    await check(db, clock, corner)


async def test_a_picture_of_a_code_is_refused_with_a_sentence_once_its_time_is_over(db, ring, clock, corner) -> None:
    text = await live_text(db, ring, clock, corner)
    clock.advance(seconds=2 * PERIOD)
    assert (await look(db, ring, clock, corner, text)) == service.Found(problem="outdated")
    assert await how(db, corner) is None
    with pytest.raises(LiveCodeNeeded):
        await check(db, clock, corner)


async def test_guessing_ends_after_ten_tries_for_right_codes_as_well(db, ring, clock, corner) -> None:
    text = await live_text(db, ring, clock, corner)
    wrong = text[:-1] + str((int(text[-1]) + 1) % 10)
    for _ in range(rotation_rules.TRIES):
        assert (await look(db, ring, clock, corner, wrong)).problem == "outdated"
    for tried in (wrong, text):
        with pytest.raises(TooMany):
            await look(db, ring, clock, corner, tried)
    assert await how(db, corner) is None
    clock.advance(minutes=10, seconds=1)
    assert (await look(db, ring, clock, corner, await live_text(db, ring, clock, corner))).cards


async def test_a_card_that_never_showed_a_live_code_believes_none(db, ring, clock, corner) -> None:
    assert (await look(db, ring, clock, corner, corner.card.code + "00000000")).problem == "outdated"


async def test_what_a_card_showed_permits_spending_for_five_minutes(db, ring, clock, corner) -> None:
    await look(db, ring, clock, corner, await live_text(db, ring, clock, corner))
    clock.advance(minutes=5)
    await check(db, clock, corner)
    clock.advance(milliseconds=1)
    with pytest.raises(LiveCodeNeeded):
        await check(db, clock, corner)
    # Whoever acts on the card's own page has shown it by that.
    await check(db, clock, corner, shopper(corner.business_id))


@pytest.mark.parametrize("way", ["page", "sms"])
async def test_a_confirmation_permits_spending_as_a_live_code_does(db, ring, clock, corner, way) -> None:
    await write_transaction(db, lambda tx: rotation.confirm(tx, corner.card, way, clock.now()))
    assert await how(db, corner) == way
    await check(db, clock, corner)


async def test_a_still_code_and_a_phone_find_the_card_and_permit_nothing(db, ring, clock, corner) -> None:
    for text in (corner.card.code, corner.card.number, "+79161231234"):
        assert (await look(db, ring, clock, corner, text)).cards == (corner.card,)
    with pytest.raises(LiveCodeNeeded):
        await check(db, clock, corner)


async def test_a_programme_may_let_still_codes_spend(db, ring, clock, corner) -> None:
    await rotation.choose(db, corner.who, corner.program_id, PERIOD, True, clock.now())
    await check(db, clock, corner)


async def test_without_rotation_a_late_wallets_live_code_counts_as_a_still_one(db, ring, clock, corner) -> None:
    text = await live_text(db, ring, clock, corner)
    await rotation.choose(db, corner.who, corner.program_id, 0, False, clock.now())
    clock.advance(hours=1)
    assert (await look(db, ring, clock, corner, text)).cards == (corner.card,)
    assert await how(db, corner) is None


async def test_a_reissued_codes_live_code_is_said_to_be_replaced(db, ring, clock, corner) -> None:
    text = await live_text(db, ring, clock, corner)
    await service.reissue(db, corner.who, corner.card.id, None, clock.now())
    assert (await look(db, ring, clock, corner, text)).problem == "retired"


async def test_an_ended_card_has_no_key_and_confirms_nothing(db, ring, clock, corner) -> None:
    await look(db, ring, clock, corner, await live_text(db, ring, clock, corner))
    await service.replace(db, corner.who, corner.card.id, None, "472", clock.now())
    assert await how(db, corner) is None
    assert await db.fetch_val("SELECT totp_key_sealed FROM cards WHERE id = :id", {"id": corner.card.id}) is None


async def test_an_old_number_of_24_digits_is_found_as_it_is(db, ring, clock, corner) -> None:
    number = "9" + "1" * 23
    await write_transaction(db, lambda tx: service.add_alias(tx, corner.card, number, clock.now()))
    assert (await look(db, ring, clock, corner, number)).cards == (corner.card,)


async def test_choosing_is_audited_and_only_managers_choose(db, ring, clock, corner) -> None:
    assert await rotation.choose(db, corner.who, corner.program_id, 60, True, clock.now())
    assert not await rotation.choose(db, corner.who, corner.program_id, 60, True, clock.now())
    assert await db.fetch_val("SELECT COUNT(*) FROM audit_entries WHERE action = 'program.rotation'") == 2
    cashier = Principal(corner.business_id, corner.business_id, "staff", 2, "Cashier", "cashier")
    with pytest.raises(Forbidden):
        await rotation.choose(db, cashier, corner.program_id, 0, False, clock.now())
    with pytest.raises(Invalid):
        await rotation.choose(db, corner.who, corner.program_id, 10, False, clock.now())
    elsewhere = Principal(999, 999, "staff", 3, "Owner", "owner")
    with pytest.raises(NotFound):
        await rotation.choose(db, elsewhere, corner.program_id, 0, False, clock.now())
    program = await programs.get_program(db, corner.business_id, corner.program_id)
    assert (program.rotation_seconds, bool(program.static_redeems)) == (60, True)


async def test_a_programme_without_rotation_costs_its_sales_no_look_at_the_database(db, clock, corner) -> None:
    await rotation.choose(db, corner.who, corner.program_id, 0, False, clock.now())
    program = await programs.get_program(db, corner.business_id, corner.program_id)
    assert not await rotation.needs_presentation(None, corner.who, corner.card, program, clock.now())
