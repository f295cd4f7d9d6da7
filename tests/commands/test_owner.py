import asyncio
import re

import pytest

from app import control, settings, start
from app.commands import web
from app.console import founding
from app.programs import service as programs
from app.staff import service as staff
from tests.commands.conftest import Run


def test_an_empty_server_gets_its_first_business_and_its_owner_signs_in_once(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("migrate")
    capsys.readouterr()
    assert run("owner", "anna@example.com", "--business", "Кофе у дома") == 0
    said = capsys.readouterr().out
    token = re.search(r"https://cards\.example\.com/console/link/(\S+)", said)
    assert token, said

    async def look() -> None:
        async with start.opened(settings.load()) as here:
            now = here.clock.now()
            assert await staff.peek_link(here.db, here.ring, token[1], now) == ("anna", "anna@example.com")
            found = await programs.find_program_by_slugs(here.db, "kofe-u-doma")
            assert found is not None
            assert found.rules == founding.FIRST_RULES
            _, owner = await staff.use_link(here.db, here.ring, token[1], "a long enough password", now)
            assert (owner.role, owner.business_id) == ("owner", found.business_id)
            with pytest.raises(staff.LinkGone):
                await staff.use_link(here.db, here.ring, token[1], "a long enough password", now)

    asyncio.run(look())


@pytest.mark.parametrize(("arguments", "words"), [
    (("anna@example.com", "--business", "Coffee"), "This word of the address is taken"),
    (("boris@example.com", "--business", "Tea", "--time-zone", "Mars/Base"), "Name the time zone as in Europe/Moscow"),
    (("boris@example.com", "--business", "Tea", "--slug", "Чай"), "small Latin letters"),
    (("not an address", "--business", "Tea"), "address"),
])
def test_what_cannot_be_made_is_said_and_nothing_is_written(run: Run, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...],
                                                            words: str) -> None:
    run("migrate")
    run("owner", "first@example.com", "--business", "Coffee")
    assert run("owner", *arguments) == 1
    assert words in capsys.readouterr().err

    async def count() -> int:
        async with start.opened(settings.load()) as here:
            return len(await programs.list_businesses(here.db))

    assert asyncio.run(count()) == 1


def test_the_command_is_handed_to_the_server_that_holds_the_file(run: Run) -> None:
    """The server's own function answers, and the command opens no database beside it."""
    run("migrate")

    async def both() -> dict[str, object] | None:
        here = settings.load()
        lock = start.process_lock(here)
        lock.acquire()
        try:
            async with start.opened(here) as context, control.answering(context, web.ACTS):
                wanted = {"business": "Tea", "mail": "anna@example.com", "slug": None, "country": "RU", "currency": "RUB",
                          "time_zone": "Europe/Moscow", "language": "ru"}
                return await control.ask(here.data, "owner", wanted)
        finally:
            lock.release()

    answer = asyncio.run(both())
    assert answer is not None
    assert "error" not in answer


@pytest.mark.parametrize(("name", "slug"), [
    ("Кофе у дома", "kofe-u-doma"), ("Leaf & Line", "leaf-line"), ("Çay Evi", "cay-evi"), ("咖啡", "business"),
    ("x" * 60, "x" * 40),
])
def test_a_business_gets_a_word_for_its_addresses(name: str, slug: str) -> None:
    assert founding.slug_of(name) == slug


def test_an_owner_who_lost_everything_gets_a_way_back_and_nobody_else_does(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("migrate")
    run("owner", "anna@example.com", "--business", "Coffee")
    capsys.readouterr()
    assert run("owner", "nobody@example.com", "--again") == 1
    assert "No owner of any business" in capsys.readouterr().err
    assert run("owner", "Anna@Example.com", "--again") == 0
    token = re.search(r"/console/link/(\S+)", capsys.readouterr().out)
    assert token

    async def look() -> None:
        async with start.opened(settings.load()) as here:
            now = here.clock.now()
            assert len(await programs.list_businesses(here.db)) == 1
            _, owner = await staff.use_link(here.db, here.ring, token[1], "a long enough password", now)
            assert owner.role == "owner"

    asyncio.run(look())
