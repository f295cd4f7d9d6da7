"""`import` tries a list and says what would happen; with `--go` it is in, and the console knows of it."""
import asyncio
from pathlib import Path

import pytest

from app import settings, start
from app.programs import service as programs
from tests.commands.conftest import Run

LIST = "Телефон;Имя;Карта;Баллы\r\n+79161234567;Анна;20000001;120\r\n12;Олег;20000002;5\r\n"


@pytest.fixture
def program(run: Run, capsys: pytest.CaptureFixture[str]) -> str:
    run("migrate")
    assert run("owner", "anna@example.com", "--business", "Coffee") == 0

    async def look() -> str:
        async with start.opened(settings.load()) as here:
            [business] = await programs.list_businesses(here.db)
            [found] = await programs.list_programs(here.db, business.id)
            return here.ids.encode("program", found.id)

    found = asyncio.run(look())
    capsys.readouterr()
    return found


async def cards() -> int:
    async with start.opened(settings.load()) as here:
        return await here.db.fetch_val("SELECT COUNT(*) FROM aliases")


def test_a_list_is_tried_first_and_taken_in_when_told(run: Run, program: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "base.csv"
    file.write_bytes(LIST.encode("cp1251"))
    assert run("import", str(file), "--program", program) == 0
    said = capsys.readouterr().out
    assert "2 rows, csv cp1251 ;" in said and "new 1 · known 0 · twice in the list 0 · wrong 1 · opening balances 120" in said
    assert "row 3: This is not a mobile number" in said and "Nothing was changed." in said and "/console/imports/imp_" in said
    assert asyncio.run(cards()) == 0
    assert run("import", str(file), "--program", program, "--go", "--map", "Баллы=") == 0
    said = capsys.readouterr().out
    assert "opening balances 0" in said and "It is in." in said
    assert asyncio.run(cards()) == 1


@pytest.mark.parametrize(("arguments", "words"), [
    (("--program", "prg_0000000000000"), "There is no programme"), (("--map", "Phone=phone"), "The list has no column “Phone”"),
    (("--go", "--whole"), "shall go in as a whole or not at all")])
def test_what_cannot_be_is_said_and_nothing_goes_in(run: Run, program: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                                   arguments: tuple[str, ...], words: str) -> None:
    file = tmp_path / "base.csv"
    file.write_text(LIST)
    assert run("import", str(file), *(() if "--program" in arguments else ("--program", program)), *arguments) == 1
    assert words in capsys.readouterr().err
    assert asyncio.run(cards()) == 0
