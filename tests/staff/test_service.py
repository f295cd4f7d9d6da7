"""Who may come in, for how long, and what ends it; on both engines."""
import pytest

from app import secrets
from app.clock import FixedClock
from app.db import write_transaction
from app.errors import Forbidden, Invalid, NotFound, TooMany
from app.programs import service as programs
from app.secrets import KeyRing
from app.staff import keys, passwords, service
from app.web.principal import Principal, system

PASSWORD = "three calm words"


@pytest.fixture
async def business(db, clock: FixedClock) -> int:
    return await write_transaction(db, lambda tx: programs.create_business(
        tx, slug="coffee", name="Coffee corner", country="RU", currency="RUB", time_zone="Europe/Moscow", language="ru", now=clock.now()))


async def member(db, ring: KeyRing, business: int, clock: FixedClock, email: str = "anna@example.com", role: str = "manager") -> int:
    password_hash = await passwords.hash_password(PASSWORD)
    return await write_transaction(db, lambda tx: service.create_staff(
        tx, ring, business, email=email, name="Anna", role=role, now=clock.now(), password_hash=password_hash))


async def test_the_right_password_opens_a_session_of_that_kind_alone(db, ring, clock, business) -> None:
    staff_id = await member(db, ring, business, clock)
    token, principal = await service.sign_in(db, ring, " Anna@Example.com", PASSWORD, "console", "10.0.0.1", clock.now())
    assert (principal.id, principal.role, principal.business_id) == (staff_id, "manager", business)
    found = await service.principal_of_session(db, ring, token, "console", clock.now())
    assert found == principal
    assert await service.principal_of_session(db, ring, token, "till", clock.now()) is None
    assert await service.principal_of_session(db, ring, token[:-1] + "x", "console", clock.now()) is None
    assert token.encode() not in bytes(str(await db.fetch_all("SELECT * FROM sessions")), "utf-8")


async def test_an_unknown_address_and_a_wrong_password_hear_the_same_words(db, ring, clock, business) -> None:
    await member(db, ring, business, clock)
    told = []
    for email, password in (("anna@example.com", "wrong words here"), ("nobody@example.com", PASSWORD), ("not an address", PASSWORD)):
        with pytest.raises(service.WrongPassword) as raised:
            await service.sign_in(db, ring, email, password, "console", "10.0.0.1", clock.now())
        told.append((raised.value.detail, raised.value.code))
    assert len(set(told)) == 1
    assert await db.fetch_all("SELECT id FROM sessions") == []


@pytest.mark.goal("A6")
async def test_after_ten_tries_even_the_right_password_waits_but_never_for_good(db, ring, clock, business) -> None:
    await member(db, ring, business, clock)
    for _ in range(10):
        with pytest.raises(service.WrongPassword):
            await service.sign_in(db, ring, "anna@example.com", "wrong words here", "console", "10.0.0.1", clock.now())
    with pytest.raises(TooMany) as raised:
        await service.sign_in(db, ring, "anna@example.com", PASSWORD, "console", "10.9.9.9", clock.now())
    assert raised.value.retry_after
    clock.advance(minutes=16)
    await service.sign_in(db, ring, "anna@example.com", PASSWORD, "console", "10.0.0.1", clock.now())


async def test_a_cashier_has_a_till_and_no_console(db, ring, clock, business) -> None:
    await member(db, ring, business, clock, role="cashier")
    with pytest.raises(Forbidden):
        await service.sign_in(db, ring, "anna@example.com", PASSWORD, "console", "10.0.0.1", clock.now())
    token, _ = await service.sign_in(db, ring, "anna@example.com", PASSWORD, "till", "10.0.0.1", clock.now())
    assert await service.principal_of_session(db, ring, token, "till", clock.now()) is not None


async def test_a_session_ends_by_itself_when_idle_and_after_its_whole_life(db, ring, clock, business) -> None:
    await member(db, ring, business, clock)
    token, _ = await service.sign_in(db, ring, "anna@example.com", PASSWORD, "console", "10.0.0.1", clock.now())
    for _ in range(7):
        clock.advance(hours=3)
        assert await service.principal_of_session(db, ring, token, "console", clock.now()) is not None
    clock.advance(hours=3, minutes=1)
    assert await service.principal_of_session(db, ring, token, "console", clock.now()) is None
    token, _ = await service.sign_in(db, ring, "anna@example.com", PASSWORD, "console", "10.0.0.1", clock.now())
    clock.advance(hours=4, minutes=1)
    assert await service.principal_of_session(db, ring, token, "console", clock.now()) is None


@pytest.mark.goal("A5")
async def test_signing_out_a_new_password_a_new_role_and_leaving_end_sessions_at_once(db, ring, clock, business) -> None:
    staff_id = await member(db, ring, business, clock)
    await member(db, ring, business, clock, "olga@example.com", "owner")
    boss = Principal(business, business, "staff", 99, "Olga", "owner")

    async def fresh(password: str = PASSWORD) -> tuple[str, Principal]:
        return await service.sign_in(db, ring, "anna@example.com", password, "console", "10.0.0.1", clock.now())

    async def lives(token: str) -> bool:
        return await service.principal_of_session(db, ring, token, "console", clock.now()) is not None

    token, who = await fresh()
    await service.sign_out(db, who, clock.now())
    assert not await lives(token)
    token, who = await fresh()
    await service.change_password(db, ring, who, PASSWORD, "four other calm words", clock.now())
    assert not await lives(token)
    token, _ = await fresh("four other calm words")
    await service.change_staff(db, boss, staff_id, name="Anna", role="owner", location_id=None, now=clock.now())
    assert not await lives(token)
    token, _ = await fresh("four other calm words")
    await service.disable(db, boss, staff_id, clock.now())
    assert not await lives(token)
    with pytest.raises(service.WrongPassword):
        await fresh("four other calm words")


async def test_a_one_time_link_sets_the_password_once(db, ring, clock, business) -> None:
    async def act(tx) -> None:
        staff_id = await service.create_staff(tx, ring, business, email="o@example.com", name="Olga", role="owner", now=clock.now())
        await service.create_link(tx, ring, business, staff_id, link, clock.now())

    link = secrets.new_secret()
    await write_transaction(db, act)
    assert await service.peek_link(db, ring, link, clock.now()) == ("Olga", "o@example.com")
    with pytest.raises(Invalid):
        await service.use_link(db, ring, link, "short", clock.now())
    token, principal = await service.use_link(db, ring, link, PASSWORD, clock.now())
    assert await service.principal_of_session(db, ring, token, "console", clock.now()) == principal
    for again in (link, "never-made"):
        with pytest.raises(service.LinkGone):
            await service.use_link(db, ring, again, PASSWORD, clock.now())


async def test_the_last_owner_stays(db, ring, clock, business) -> None:
    staff_id = await member(db, ring, business, clock, role="owner")
    boss = Principal(business, business, "staff", staff_id, "Anna", "owner")
    with pytest.raises(service.LastOwner):
        await service.disable(db, boss, staff_id, clock.now())
    with pytest.raises(service.LastOwner):
        await service.change_staff(db, boss, staff_id, name="Anna", role="manager", location_id=None, now=clock.now())


async def test_a_manager_cannot_touch_an_owner_nor_anybody_of_another_business(db, ring, clock, business) -> None:
    owner = await member(db, ring, business, clock, role="owner")
    with pytest.raises(Forbidden):
        await service.disable(db, Principal(business, business, "staff", 7, "M", "manager"), owner, clock.now())
    with pytest.raises(NotFound):
        await service.disable(db, system(business + 1), owner, clock.now())


async def test_an_address_signs_in_to_one_business_only(db, ring, clock, business) -> None:
    await member(db, ring, business, clock)
    with pytest.raises(service.AddressTaken):
        await member(db, ring, business, clock, "ANNA@example.com")


async def test_a_key_is_shown_once_works_and_dies_at_once_when_revoked(db, ring, clock, business) -> None:
    boss = system(business)
    key_id, plain = await service.create_key(db, ring, boss, "till 2", frozenset({"cards:read", "sales:write"}), None, clock.now())
    principal = await service.principal_of_key(db, ring, plain, clock.now())
    assert principal is not None
    assert (principal.kind, principal.id, principal.scopes) == ("api_key", key_id, {"cards:read", "sales:write"})
    assert plain not in str([tuple(row) for row in await db.fetch_all("SELECT * FROM api_keys")])
    [listed] = await service.list_keys(db, business)
    assert listed.hint == plain[-4:]
    await service.revoke_key(db, boss, key_id, clock.now())
    assert await service.principal_of_key(db, ring, plain, clock.now()) is None
    for wrong in ("", "tsk_", plain[:-1], "x" * 200):
        assert await service.principal_of_key(db, ring, wrong, clock.now()) is None
    with pytest.raises(NotFound):
        await service.revoke_key(db, system(business + 1), key_id, clock.now())


async def test_a_key_in_memory_never_outlives_its_revocation_elsewhere_for_long(db, ring, clock, business) -> None:
    _, plain = await service.create_key(db, ring, system(business), "till", frozenset({"admin"}), None, clock.now())
    await service.principal_of_key(db, ring, plain, clock.now())
    await db.execute("UPDATE api_keys SET revoked_at = 1")
    clock.advance(milliseconds=keys.KEPT_MS)
    assert await service.principal_of_key(db, ring, plain, clock.now()) is None


@pytest.mark.parametrize("scopes", [frozenset(), frozenset({"everything"})])
async def test_a_key_without_known_scopes_is_refused(sqlite_db, ring, clock, scopes) -> None:
    with pytest.raises(Invalid):
        await service.create_key(sqlite_db, ring, system(1), "till", scopes, None, clock.now())


@pytest.mark.goal("A6")
async def test_right_passwords_never_count_as_tries(db, ring, clock, business) -> None:
    await member(db, ring, business, clock)
    for _ in range(12):
        await service.sign_in(db, ring, "anna@example.com", PASSWORD, "console", "10.0.0.1", clock.now())
    for _ in range(10):
        with pytest.raises(service.WrongPassword):
            await service.sign_in(db, ring, "anna@example.com", "not this one", "console", "10.0.0.1", clock.now())
    with pytest.raises(TooMany):
        await service.sign_in(db, ring, "anna@example.com", PASSWORD, "console", "10.0.0.1", clock.now())
