"""Second factors: what a right password opens where there is one, codes that work once, limits, and links that open no more than that."""

import pytest
from argon2 import PasswordHasher

from app import secrets
from app.clock import FixedClock
from app.db import write_transaction
from app.errors import TooMany
from app.programs import service as programs
from app.secrets import KeyRing
from app.staff import doors, factors, links, own, own_sessions, passwords, service, steps, totp, tries
from app.web.principal import Principal

PASSWORD, EMAIL = "three calm words", "anna@example.com"
KEY = b"k" * totp.KEY_BYTES
# What stands behind these is asked of both engines by the others.
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def _quick(monkeypatch, request) -> None:
    """Passwords are hashed in a millisecond: here it is counted what they open."""
    if "sqlite_db" not in request.fixturenames:
        quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        monkeypatch.setattr(passwords, "_hasher", lambda: quick)


async def nothing(*_) -> None:
    """Nobody is told."""


@pytest.fixture
async def business(db, clock: FixedClock) -> int:
    return await write_transaction(db, lambda tx: programs.create_business(
        tx, slug="coffee", name="Coffee corner", country="RU", currency="RUB", time_zone="Europe/Moscow", language="ru", now=clock.now()))


@pytest.fixture
async def anna(db, ring: KeyRing, business: int, clock: FixedClock) -> Principal:
    password_hash = await passwords.hash_password(PASSWORD)
    await write_transaction(db, lambda tx: service.create_staff(
        tx, ring, business, email=EMAIL, name="Anna", role="owner", now=clock.now(), password_hash=password_hash))
    _, who = await service.sign_in(db, ring, EMAIL, PASSWORD, "console", "10.0.0.1", clock.now())
    return who


def code(clock: FixedClock, key: bytes = KEY) -> str:
    return totp.code_at(key, totp.step_of(clock.now()))


async def password_of(db, ring, clock) -> steps.Step:
    with pytest.raises(doors.SecondStep) as raised:
        await service.sign_in(db, ring, EMAIL, PASSWORD, "console", "10.0.0.1", clock.now())
    return await steps.find(db, ring, raised.value.token, clock.now())


async def with_app(db, ring, clock, who) -> list[str]:
    codes = await own.add_app(db, ring, who, KEY, code(clock), clock.now(), nothing)
    clock.advance(minutes=1)
    return list(codes)


async def test_a_password_alone_opens_nothing_where_there_is_an_app_and_its_code_opens_a_session(db, ring, clock, anna) -> None:
    codes = await with_app(db, ring, clock, anna)
    assert len(codes) == len(set(codes)) == 10
    before = await db.fetch_val("SELECT COUNT(*) FROM sessions")
    step = await password_of(db, ring, clock)
    assert await db.fetch_val("SELECT COUNT(*) FROM sessions") == before
    token, who, shown = await doors.finish(db, ring, step, code(clock), "10.0.0.1", clock.now())
    assert who.id == anna.id and not shown
    assert await service.principal_of_session(db, ring, token, "console", clock.now()) is not None
    with pytest.raises(steps.StepGone):
        await doors.finish(db, ring, step, code(clock), "10.0.0.1", clock.now())


async def test_a_code_and_a_recovery_code_work_once_each(db, ring, clock, anna) -> None:
    codes = await with_app(db, ring, clock, anna)
    used = code(clock)
    await doors.finish(db, ring, await password_of(db, ring, clock), used, "10.0.0.1", clock.now())
    with pytest.raises(factors.WrongCode):
        await doors.finish(db, ring, await password_of(db, ring, clock), used, "10.0.0.1", clock.now())
    typed = codes[0].upper()
    await doors.finish(db, ring, await password_of(db, ring, clock), typed, "10.0.0.1", clock.now())
    with pytest.raises(factors.WrongCode):
        await doors.finish(db, ring, await password_of(db, ring, clock), typed, "10.0.0.1", clock.now())
    held = await factors.of(db, ring, own_sessions.account_of(anna))
    assert (held.has_app, held.codes_left) == (True, 9)


@ON_SQLITE
async def test_nothing_that_opens_the_account_lies_readable_in_the_database(db, ring, clock, anna) -> None:
    codes = await with_app(db, ring, clock, anna)
    text = str([tuple(row) for table in ("totp_keys", "recovery_codes") for row in await db.fetch_all(f"SELECT * FROM {table}")])
    assert str(KEY)[2:-1] not in text and codes[0] not in text


@ON_SQLITE
@pytest.mark.goal("A6")
async def test_codes_are_guessed_ten_times_in_a_quarter_of_an_hour_and_fifty_times_a_day_and_the_right_one_comes_in_later(
        db, ring, clock, anna) -> None:
    await with_app(db, ring, clock, anna)
    refused = 0
    for _ in range(96):
        step = await password_of(db, ring, clock)
        for _ in range(11):
            try:
                await doors.finish(db, ring, step, "not it", "10.0.0.1", clock.now())
            except factors.WrongCode:
                refused += 1
            except TooMany:
                break
        clock.advance(minutes=15)
        if refused >= 50:
            break
    assert refused == 50
    clock.advance(hours=24)
    await doors.finish(db, ring, await password_of(db, ring, clock), code(clock), "10.0.0.1", clock.now())


async def test_a_step_ends_after_ten_minutes_and_with_a_new_password(db, ring, clock, anna) -> None:
    await with_app(db, ring, clock, anna)
    with pytest.raises(doors.SecondStep) as raised:
        await service.sign_in(db, ring, EMAIL, PASSWORD, "console", "10.0.0.1", clock.now())
    link = await reset_link(db, ring, clock)
    with pytest.raises(doors.SecondStep):
        await service.use_link(db, ring, link, "another calm phrase", clock.now())
    with pytest.raises(steps.StepGone):
        await steps.find(db, ring, raised.value.token, clock.now())
    with pytest.raises(doors.SecondStep) as raised:
        await service.sign_in(db, ring, EMAIL, "another calm phrase", "console", "10.0.0.1", clock.now())
    clock.advance(minutes=10)
    for token in (raised.value.token, "", "never made"):
        with pytest.raises(steps.StepGone):
            await steps.find(db, ring, token, clock.now())


async def reset_link(db, ring, clock, email: str = EMAIL) -> str:
    sent: list[links.Reset] = []

    async def send(tx, wanted) -> None:
        sent.append(wanted)

    await links.begin_reset(db, ring, email, clock.now(), send)
    return sent[-1].token if sent else ""


async def test_a_reset_ends_every_session_lives_an_hour_and_no_mailbox_alone_opens_an_account_with_an_app(db, ring, clock, anna) -> None:
    await with_app(db, ring, clock, anna)
    step = await password_of(db, ring, clock)
    token, _, _ = await doors.finish(db, ring, step, code(clock), "10.0.0.1", clock.now())
    link = await reset_link(db, ring, clock)
    with pytest.raises(doors.SecondStep):
        await service.use_link(db, ring, link, "another calm phrase", clock.now())
    assert await service.principal_of_session(db, ring, token, "console", clock.now()) is None
    late = await reset_link(db, ring, clock)
    clock.advance(hours=1)
    with pytest.raises(service.LinkGone):
        await service.use_link(db, ring, late, PASSWORD, clock.now())


@ON_SQLITE
async def test_three_resets_an_hour_and_the_last_ones_still_work(db, ring, clock, anna) -> None:
    made = [await reset_link(db, ring, clock) for _ in range(4)]
    assert all(made[:3]) and made[3] == ""
    await service.use_link(db, ring, made[0], "another calm phrase", clock.now())
    with pytest.raises(service.LinkGone):
        await service.use_link(db, ring, made[1], "another calm phrase", clock.now())
    assert await reset_link(db, ring, clock, "nobody@example.com") == await reset_link(db, ring, clock, "no address") == ""


@ON_SQLITE
async def test_the_operators_link_lets_a_person_begin_again_who_lost_everything(db, ring, clock, anna) -> None:
    await with_app(db, ring, clock, anna)
    link = secrets.new_secret()
    await write_transaction(db, lambda tx: service.create_link(tx, ring, anna.business_id, anna.id, link, clock.now(), clears_factors=True))
    _, who = await service.use_link(db, ring, link, "another calm phrase", clock.now())
    assert who.id == anna.id
    held = await factors.of(db, ring, own_sessions.account_of(anna))
    assert not held.has_any and held.codes_left == 0


async def test_where_a_business_wants_a_second_factor_sessions_stand_and_the_next_sign_in_sets_one_up(db, ring, clock, anna) -> None:
    token, _ = await service.sign_in(db, ring, EMAIL, PASSWORD, "console", "10.0.0.1", clock.now())
    await own.require(db, anna, True, clock.now())
    assert await service.principal_of_session(db, ring, token, "console", clock.now()) is not None
    step = await password_of(db, ring, clock)
    assert step.key is not None
    with pytest.raises(factors.WrongCode):
        await doors.finish(db, ring, step, "000000", "10.0.0.1", clock.now())
    _, _, codes = await doors.finish(db, ring, step, code(clock, step.key), "10.0.0.1", clock.now())
    assert len(codes) == 10
    assert (await password_of(db, ring, clock)).key is None
    await own.require(db, anna, False, clock.now())


@ON_SQLITE
async def test_the_last_factor_takes_the_recovery_codes_with_it(db, ring, clock, anna) -> None:
    await with_app(db, ring, clock, anna)
    await own.remove_app(db, anna, clock.now(), nothing)
    assert await db.fetch_val("SELECT COUNT(*) FROM recovery_codes") == 0
    await service.sign_in(db, ring, EMAIL, PASSWORD, "console", "10.0.0.1", clock.now())


@ON_SQLITE
async def test_somebody_whose_access_was_taken_away_finishes_no_step(db, ring, clock, anna, business) -> None:
    await with_app(db, ring, clock, anna)
    step = await password_of(db, ring, clock)
    await db.execute("UPDATE staff SET disabled_at = 1")
    with pytest.raises(doors.NobodyThere):
        await doors.finish(db, ring, step, code(clock), "10.0.0.1", clock.now())


@ON_SQLITE
@pytest.mark.goal("A5")
async def test_confirming_gives_the_session_another_id_and_the_old_one_is_dead(db, ring, clock, anna) -> None:
    token, who = await service.sign_in(db, ring, EMAIL, PASSWORD, "console", "10.0.0.1", clock.now())
    assert await own_sessions.is_fresh(db, who, clock.now())
    clock.advance(minutes=10)
    assert not await own_sessions.is_fresh(db, who, clock.now())
    with pytest.raises(tries.WrongPassword):
        await own_sessions.confirm(db, ring, who, "not this one", "10.0.0.1", clock.now())
    newer = await own_sessions.confirm(db, ring, who, PASSWORD, "10.0.0.1", clock.now())
    assert await service.principal_of_session(db, ring, token, "console", clock.now()) is None
    assert await service.principal_of_session(db, ring, newer, "console", clock.now()) == who
    assert await own_sessions.is_fresh(db, who, clock.now())
    await own.add_app(db, ring, who, KEY, code(clock), clock.now(), nothing)
    clock.advance(minutes=1)
    with pytest.raises(factors.WrongCode):
        await own_sessions.confirm(db, ring, who, PASSWORD, "10.0.0.1", clock.now())
    await own_sessions.confirm(db, ring, who, code(clock), "10.0.0.1", clock.now())


@pytest.mark.goal("A5")
async def test_one_session_or_all_others_end_at_once_and_nobody_elses(db, ring, clock, anna, business) -> None:
    opened = [await service.sign_in(db, ring, EMAIL, PASSWORD, "console", "203.0.113.9", clock.now(), agent="Firefox, Linux")
              for _ in range(3)]
    token, me = opened[0]
    listed = await own_sessions.listed(db, me, clock.now())
    assert len(listed) == 4 and listed[0].is_this and not any(each.is_this for each in listed[1:])
    assert (listed[0].agent, listed[0].address) == ("Firefox, Linux", "203.0.113.x")
    await own_sessions.end(db, me, opened[1][1].session_id, clock.now())
    assert await service.principal_of_session(db, ring, opened[1][0], "console", clock.now()) is None
    stranger = Principal(business, business, "staff", 99, "Olga", "owner", session_id=98)
    with pytest.raises(service.NotFound):
        await own_sessions.end(db, stranger, opened[2][1].session_id, clock.now())
    assert await own_sessions.end_others(db, me, clock.now()) == 2
    assert await service.principal_of_session(db, ring, opened[2][0], "console", clock.now()) is None
    assert await service.principal_of_session(db, ring, token, "console", clock.now()) == me


@pytest.mark.usefixtures("hashed_as_in_production")
async def test_a_weaker_hash_grows_at_the_next_sign_in(sqlite_db, ring, clock) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)
    business = await write_transaction(sqlite_db, lambda tx: programs.create_business(
        tx, slug="tea", name="Tea", country="RU", currency="RUB", time_zone="Europe/Moscow", language="ru", now=clock.now()))
    await write_transaction(sqlite_db, lambda tx: service.create_staff(
        tx, ring, business, email=EMAIL, name="Anna", role="owner", now=clock.now(), password_hash=weak))
    await service.sign_in(sqlite_db, ring, EMAIL, PASSWORD, "console", "10.0.0.1", clock.now())
    kept = await sqlite_db.fetch_val("SELECT password_hash FROM staff")
    assert kept != weak and kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$") and not passwords.is_outdated(kept)
    await service.sign_in(sqlite_db, ring, EMAIL, PASSWORD, "console", "10.0.0.1", clock.now())
    assert await sqlite_db.fetch_val("SELECT password_hash FROM staff") == kept


async def test_two_who_bring_one_code_at_once_are_one(sqlite_db, ring, clock) -> None:
    """The row itself judges: of two statements with the same half minute, one changes it."""
    from app.staff import factors_store
    from app.staff.rules import Account

    account = Account("operator", 7, None)
    await write_transaction(sqlite_db, lambda tx: factors.keep_app(tx, ring, account, KEY, code(clock), clock.now()))
    step = totp.step_of(clock.now()) + 1
    heard = [await write_transaction(sqlite_db, lambda tx: factors_store.use_step(tx, account, step)) for _ in range(2)]
    assert heard == [True, False]
