"""Shoppers: what is kept is sealed, what is searched is folded, what was agreed remembers its words; on both engines."""
import pytest

from app.clock import FixedClock
from app.customers import rules, service
from app.db import write_transaction
from app.errors import Invalid, NotFound
from app.programs import service as programs
from app.web.principal import shopper

PHONE = "+79161231234"


@pytest.fixture
async def business(db, clock: FixedClock) -> int:
    return await write_transaction(db, lambda tx: programs.create_business(
        tx, slug="coffee", name="Coffee corner", country="RU", currency="RUB", time_zone="Europe/Moscow", language="ru", now=clock.now()))


@pytest.fixture
async def anna(db, ring, clock, business) -> int:
    return await write_transaction(db, lambda tx: service.create(
        tx, ring, business, e164=PHONE, name="Анна Ёлкина", language="ru", now=clock.now()))


async def test_nothing_personal_lies_open_in_the_table(db, ring, clock, business, anna) -> None:
    [row] = await db.fetch_all("SELECT phone_sealed, phone_hash, phone_server_hash, phone_last4_hash, name_sealed FROM customers")
    kept = b"".join(bytes(value) for value in row)
    for secret in ("9161231234", "1234", "Анна"):
        assert secret.encode() not in kept


async def test_a_customer_is_found_by_phone_and_shown_masked(db, ring, business, anna) -> None:
    found = await service.find_by_phone(db, ring, business, PHONE)
    assert found is not None
    assert (found.id, found.name, found.phone_masked) == (anna, "Анна Ёлкина", "+7916•••1234")
    assert await service.find_by_phone(db, ring, business + 1, PHONE) is None
    assert await service.phone_of(db, ring, business, anna) == PHONE
    with pytest.raises(NotFound):
        await service.get(db, ring, business + 1, anna)


async def test_a_phone_belongs_to_one_customer_of_a_business(db, ring, clock, business, anna) -> None:
    with pytest.raises(service.PhoneTaken):
        await write_transaction(db, lambda tx: service.create(tx, ring, business, e164=PHONE, language="en", now=clock.now()))


async def test_two_customers_may_lack_a_phone(db, ring, clock, business) -> None:
    made = [await write_transaction(db, lambda tx: service.create(tx, ring, business, language="en", now=clock.now())) for _ in range(2)]
    assert len(set(made)) == 2


@pytest.mark.parametrize("typed", ["анна", "АННА", "елк", "Ёлк", "1234", "8 916 123-12-34", "анна елкина"])
async def test_search_finds_by_name_last_digits_and_phone(db, ring, business, anna, typed: str) -> None:
    assert [found.id for found in await service.search(db, ring, business, typed, "RU")] == [anna]


@pytest.mark.parametrize("typed", ["нна", "%", "_", "!", "9999", "8 916 123-12-35", ""])
async def test_search_takes_no_wildcards_and_finds_nothing_else(db, ring, business, anna, typed: str) -> None:
    assert await service.search(db, ring, business, typed, "RU") == []


async def test_consents_are_separate_and_remember_their_words(db, ring, clock, business, anna) -> None:
    who = shopper(business, anna)

    async def answer(granted: bool) -> None:
        async def act(tx) -> None:
            texts = await service.current_texts(tx, business, "ru")
            await service.record_consent(tx, who, anna, "terms", True, texts["terms"].id, "activation", clock.now())
            await service.record_consent(tx, who, anna, "marketing", granted, texts["marketing"].id, "activation", clock.now())
        await write_transaction(db, act)

    await answer(False)
    assert [(one.purpose, one.granted) for one in await service.consents_of(db, business, anna)] == [("terms", True), ("marketing", False)]
    await answer(True)
    newest = {one.purpose: one for one in await service.consents_of(db, business, anna)}
    assert newest["marketing"].granted
    assert newest["marketing"].text == rules.DEFAULT_TEXTS["marketing", "ru"]
    assert await db.fetch_val("SELECT COUNT(*) FROM consents") == 4
    assert await db.fetch_val("SELECT COUNT(*) FROM consent_texts") == 2


async def test_reading_the_texts_writes_nothing(db, ring, business) -> None:
    texts = await service.current_texts(db, business, "en")
    assert texts["terms"].text
    assert await db.fetch_val("SELECT COUNT(*) FROM consent_texts") == 0


async def test_erasing_leaves_a_row_and_nothing_personal(db, ring, clock, business, anna) -> None:
    await write_transaction(db, lambda tx: service.erase(tx, business, anna, clock.now()))
    found = await service.get(db, ring, business, anna)
    assert (found.name, found.phone_masked) == (None, None)
    assert await service.find_by_phone(db, ring, business, PHONE) is None


@pytest.mark.goal("B8")
@pytest.mark.parametrize(("typed", "kept"), [
    ("  Anna   Maria ", "Anna Maria"), ("", None), ("   ", None), (None, None), ("Ame\u0301lie", "Amélie"),
    ("محمد", "محمد"), ("👩‍👩‍👧 Anna", "👩‍👩‍👧 Anna"),
    ("O'Neil <b>", "O'Neil <b>"), ("{{7*7}}", "{{7*7}}"), ("я" * 100, "я" * 100)])
def test_names_are_kept_as_people_write_them(typed: str | None, kept: str | None) -> None:
    assert rules.clean_name(typed) == kept


@pytest.mark.goal("B8")
@pytest.mark.parametrize("typed", ["x" * 101, "x" * 65536, "a\x00b", "a\ud800b", "a\u202eb", "a" + "\u0301" * 40, "\x1b[31mred"])
def test_names_that_would_break_a_page_are_refused_with_a_sentence(typed: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules.clean_name(typed)
    assert refused.value.fields[0].field == "name"
