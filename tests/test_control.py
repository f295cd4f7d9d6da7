import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from app import control
from app.context import Context
from app.errors import FieldError, Invalid, Refused


async def double(here: Context, number: int) -> dict[str, Any]:
    return {"lines": [str(2 * number)]}


async def refuse(here: Context) -> dict[str, Any]:
    raise Refused("There are %(count)s reasons.", params={"count": 2})


ACTS = {"double": double, "refuse": refuse}


async def test_a_command_gets_its_answer_from_the_running_server(here: Context) -> None:
    async with control.answering(here, ACTS):
        assert await control.ask(here.settings.data, "double", {"number": 21}) == {"lines": ["42"]}


async def test_only_its_owner_may_open_the_socket_and_it_goes_with_the_server(here: Context) -> None:
    path = here.settings.data / control.NAME
    async with control.answering(here, ACTS):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


async def test_where_no_server_runs_there_is_no_answer(here: Context) -> None:
    assert await control.ask(here.settings.data, "double", {"number": 1}) is None


async def test_a_socket_left_behind_by_a_killed_server_is_no_server(here: Context) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(here.settings.data / control.NAME))
    assert await control.ask(here.settings.data, "double", {"number": 1}) is None
    async with control.answering(here, ACTS):
        assert await control.ask(here.settings.data, "double", {"number": 1}) == {"lines": ["2"]}


async def test_a_refusal_comes_back_as_its_sentence(here: Context) -> None:
    async with control.answering(here, ACTS):
        assert await control.ask(here.settings.data, "refuse", {}) == {"error": "There are 2 reasons."}


async def test_an_unknown_command_is_told_so(here: Context) -> None:
    async with control.answering(here, ACTS):
        answer = await control.ask(here.settings.data, "explode", {})
    assert answer is not None
    assert "does not know this command" in answer["error"]


async def test_rubbish_on_the_socket_ends_the_call_and_not_the_server(here: Context) -> None:
    async with control.answering(here, ACTS):
        reader, writer = await asyncio.open_unix_connection(str(here.settings.data / control.NAME))
        writer.write(b"not json\n")
        assert await reader.read() == b""
        writer.close()
        assert await control.ask(here.settings.data, "double", {"number": 2}) == {"lines": ["4"]}


async def test_a_folder_with_a_long_name_has_a_socket_too(here: Context, tmp_path: Path) -> None:
    from dataclasses import replace

    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    far = replace(here, settings=replace(here.settings, data=folder))
    async with control.answering(far, ACTS):
        assert await control.ask(folder, "double", {"number": 3}) == {"lines": ["6"]}


@pytest.mark.parametrize(("failure", "words"), [
    (Refused("Plain."), "Plain."),
    (Invalid(fields=[FieldError("slug", "slug", "Use small letters.")]), "Some of the fields need another look. Use small letters."),
])
def test_a_failure_is_one_readable_line(failure: Exception, words: str) -> None:
    assert control.sentence(failure) == words
    assert "\n" not in json.loads(json.dumps(control.sentence(failure)))
