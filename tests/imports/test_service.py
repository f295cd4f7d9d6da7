"""What a list may bring besides phones and points, what is refused, and what is forgotten when."""
import asyncio
import io
from datetime import timedelta
from typing import Any

import openpyxl
import pytest
from msgspec.structs import replace

from app.cards import service as cards
from app.context import Context
from app.customers import service as customers
from app.errors import Forbidden, Invalid, NotFound
from app.imports import reading, service, working
from app.imports.rules import Options
from app.ledger import service as ledger
from app.programs.terms import Conversion, Level, Levels, Said, Stamps
from app.questions import editing
from app.questions import service as questions
from app.questions.rules import Choice, QuestionWish
from app.segments import service as segments
from app.standing import service as standing
from tests import engines
from tests.conftest import Shop
from tests.imports.lists import HEAD, count, csv_of, receive, said, taken, tried
from tests.shops import RULES, make_card, make_shop
from tests.test_schema import columns

ANNA = ("+79161234567", "Анна", "20000001", "120")


@pytest.fixture
def database_url(tmp_path: Any) -> str:
    """Both engines are asked in test_taking; here one is enough."""
    return engines.sqlite_url(tmp_path, migrated=True)


async def the_card(here: Context, shop: Shop, text: str = "20000001") -> cards.Card:
    [card] = (await cards.find(here.db, here.ring, shop.cashier, text, "RU", here.clock.now())).cards
    return card


async def test_a_workbook_goes_in_like_any_list(here: Context, shop: Shop) -> None:
    book, made = openpyxl.Workbook(), io.BytesIO()
    for row in (HEAD, (79161234567, "Анна", "0020000001", 120.0)):
        book.active.append(row)
    book.save(made)
    import_id = await receive(here, shop, made.getvalue(), "C:\\lists\\base.xlsx")
    found = await service.get(here.db, shop.business_id, import_id)
    assert (found.name, found.reading["form"], found.reading["sheet"]) == ("base.xlsx", "xlsx", "Sheet")
    await service.choose(here.db, shop.who, import_id, found.mapping, Options(), here.clock.now())
    await working.go_on(here)
    await service.start(here.db, shop.who, import_id, here.clock.now())
    await working.go_on(here)
    assert (await ledger.balances(here.db, (await the_card(here, shop, "0020000001")).account_id)) == {"points": 120}


async def test_answers_to_own_questions_are_columns_and_bring_no_bonus(here: Context, shop: Shop) -> None:
    now = here.clock.now()
    drink = QuestionWish("drink", "choice", {"en": "Drink", "ru": "Напиток"},
                         (Choice("tea", {"ru": "Чай", "en": "Tea"}), Choice("coffee", {"ru": "Кофе", "en": "Coffee"})), "later", 50)
    await editing.create(here.db, shop.who, shop.program_id, drink, now)
    oleg = ("+79161234568", "Олег", "2", "", "Какао", "ru")
    found = await taken(here, shop, [(*HEAD, "Напиток", "Language"), (*ANNA, "Чай", "ru"), oleg])
    assert list(found.mapping)[4:] == ["q_drink", "language"]
    card = await the_card(here, shop)
    [answer] = await questions.answers_of(here.db, here.ring, shop.business_id, card.customer_id)
    assert answer.value == "tea"
    assert await ledger.balances(here.db, card.account_id) == {"points": 120}
    assert await said(here, found) == [(3, "note", "answer")] and found.rows_done == 2


async def test_a_level_holds_for_a_year_and_stamps_are_kept(here: Context) -> None:
    levels = Levels((Level("guest", Said("Guest", "Гость"), 0), Level("gold", Said("Gold", "Золото"), 100_000)))
    shop = await make_shop(here, "tea", "Tea", replace(RULES, levels=levels, stamps=Stamps(Conversion(6, ("coffee",)))))
    await taken(here, shop, [(*HEAD, "Уровень", "Штампы"), (*ANNA, "золото", "3")])
    card = await the_card(here, shop)
    assert await ledger.balances(here.db, card.account_id) == {"points": 120, "stamps": 3}
    [line] = await standing.history(here.db, shop.business_id, card.account_id)
    assert (line.level, line.reason, line.until) == ("gold", "by_hand", here.clock.now() + timedelta(days=365))


async def test_what_was_missing_of_somebody_known_is_filled_in_and_what_was_there_stays(here: Context, shop: Shop) -> None:
    mine = await make_card(here, shop, phone="+79161234567", name=None)
    await segments.tag(here.db, shop.who, mine.customer_id, "old", here.clock.now())
    head = ("Телефон", "Имя", "Дата рождения", "Почта", "Метки")
    await taken(here, shop, [head, ("+79161234567", "Анна", "31.12.1990", "anna@example.com", "VIP")])
    person = await customers.get(here.db, here.ring, shop.business_id, mine.customer_id)
    assert (person.name, str(person.birthday_on), person.has_email) == ("Анна", "1990-12-31", True)
    assert await segments.tags_of(here.db, shop.business_id, mine.customer_id) == ["old", "vip"]
    await taken(here, shop, [head, ("+79161234567", "", "01.01.1980", "other@example.com", "")])
    again = await customers.get(here.db, here.ring, shop.business_id, mine.customer_id)
    assert str(again.birthday_on) == "1990-12-31"
    assert await customers.find_by_email(here.db, here.ring, shop.business_id, "other@example.com") is None


async def test_a_list_gives_nobody_another_card_whose_card_is_blocked(here: Context, shop: Shop) -> None:
    mine = await make_card(here, shop, phone="+79161234567")
    await cards.block(here.db, shop.who, mine.id, None, here.clock.now())
    found = await taken(here, shop, [HEAD, ANNA])
    assert await said(here, found) == [(2, "mistake", "ended_card")]
    assert await count(here, "cards") == 1 and await count(here, "aliases") == 0 and await count(here, "import_people") == 0


async def test_a_person_without_a_phone_has_a_card_that_their_old_number_finds(here: Context, shop: Shop) -> None:
    found = await taken(here, shop, [HEAD, ("", "Анна", "20000001", "120"), ("", "Олег", "20000001", "5")])
    assert (found.new_rows, found.duplicate_rows) == (1, 1)
    card = await the_card(here, shop)
    assert (card.status, await ledger.balances(here.db, card.account_id)) == ("provisional", {"points": 120})
    await service.undo(here.db, shop.who, found.id, here.clock.now())
    await working.go_on(here)
    assert await count(here, "aliases") == 0
    assert (await cards.get_card(here.db, shop.business_id, card.id)).status == "expired"


async def test_only_managers_of_the_business_bring_lists(here: Context, shop: Shop, other_shop: Shop) -> None:
    with pytest.raises(Forbidden):
        await receive(here, shop._replace(who=shop.cashier), csv_of([HEAD, ANNA]))
    with pytest.raises(NotFound):
        await receive(here, shop._replace(who=other_shop.who), csv_of([HEAD, ANNA]))
    assert await count(here, "imports") == await count(here, "import_blocks") == 0


async def test_a_file_that_turns_out_broken_midway_leaves_nothing(here: Context, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    real = reading.lines

    async def breaks(source: Any):  # type: ignore[no-untyped-def]
        async for line in real(source):
            if isinstance(line, dict) and "rows" in line:
                raise reading.refused("broken")
            yield line

    monkeypatch.setattr(reading, "lines", breaks)
    with pytest.raises(Invalid):
        await receive(here, shop, csv_of([HEAD, *[(f"8916{number:07d}", "", "", "") for number in range(500)]]))
    assert await count(here, "imports") == await count(here, "import_blocks") == 0


async def test_no_phone_of_a_list_stands_readable_anywhere_after_its_dry_run(here: Context, shop: Shop) -> None:
    phones = ["+7916123456" + str(end) for end in range(8)]
    rows = [(phones[0], "Анна", "1", "5"), ("+8" + phones[1][2:], "Олег", "2", "5"), (phones[0], "Ещё Анна", "3", "5"),
            (phones[2] + "0", "Ира", "4", "5"), (phones[3] + " доб. 5", "Лев", "5", "5"), (phones[4], "Яна", phones[4], "пять")]
    found = await tried(here, shop, [HEAD, *rows])
    assert found.wrong_rows == 4
    # A list without names above its columns: its first person is read as those.
    nameless = await tried(here, shop, [(phones[5], "Юра", "6", "5"), (phones[6], "Ева", "7", "5")], mapping=["phone", "name", "alias", ""])
    assert nameless.columns[0] == "+•••••••••••"
    [meant] = [each.params for each in await service.noted(here.db, found) if "meant" in each.params]
    assert meant == {"meant": "•••61"}
    for table in await columns(here.db):
        for row in await here.db.fetch_all(f"SELECT * FROM {table}"):
            for name, value in dict(row).items():
                read = value.decode("latin-1") if isinstance(value, bytes) else str(value)
                digits = "".join(letter for letter in read if letter.isdecimal())
                assert not any(phone[2:] in digits for phone in phones), (table, name)


async def test_rows_are_sealed_and_forgotten_after_a_month_and_the_way_back_stays(here: Context, shop: Shop) -> None:
    found = await taken(here, shop, [HEAD, ANNA])
    content = bytes(await here.db.fetch_val("SELECT content_sealed FROM import_blocks"))
    assert "Анна".encode() not in content and b"79161234567" not in content
    await service.forget_old(here.db, here.clock.now() + timedelta(days=29))
    assert await count(here, "import_blocks") == 1
    await service.forget_old(here.db, here.clock.now() + timedelta(days=31))
    assert await count(here, "import_blocks") == await count(here, "import_seen") == await count(here, "import_mistakes") == 0
    assert await service.sample(here.db, here.ring, await service.get(here.db, shop.business_id, found.id)) == []
    await service.undo(here.db, shop.who, found.id, here.clock.now())
    await working.go_on(here)
    assert (await service.get(here.db, shop.business_id, found.id)).undone_rows == 1


async def test_a_list_cannot_start_before_its_trial_nor_twice(here: Context, shop: Shop) -> None:
    import_id = await receive(here, shop, csv_of([HEAD, ANNA]))
    for act in (service.start, service.undo):
        with pytest.raises(service.ImportBusy):
            await act(here.db, shop.who, import_id, here.clock.now())
    found = await taken(here, shop, [HEAD, ANNA])
    with pytest.raises(service.ImportBusy):
        await service.start(here.db, shop.who, found.id, here.clock.now())
    with pytest.raises(service.ImportBusy):
        await service.choose(here.db, shop.who, found.id, found.mapping, Options(), here.clock.now())


async def test_two_runs_at_once_take_every_row_in_once(here: Context, shop: Shop) -> None:
    found = await tried(here, shop, [HEAD, *[(f"8916{number:07d}", "", 3_000_000 + number, 5) for number in range(60)]])
    await service.start(here.db, shop.who, found.id, here.clock.now())
    await asyncio.gather(working.go_on(here), working.go_on(here), working.go_on(here))
    await working.go_on(here)
    after = await service.get(here.db, shop.business_id, found.id)
    assert (after.state, after.rows_done, await count(here, "cards"), await count(here, "operations")) == ("done", 60, 60, 60)
    # Whoever came second would have found a balance there already, and said so.
    assert await said(here, after) == []
