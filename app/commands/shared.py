"""What several commands need: the settings that fit the data, and handing work to a running server."""
import asyncio
import base64
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app import control, settings, start
from app.errors import SettingsError
from app.installation import store
from app.settings import Settings


def fitting_settings() -> Settings:
    """The environment's settings, as a demo's where the data is a demo's, so that a command works on either.

    Raises SettingsError where there is no database yet.
    """
    return asyncio.run(load_fitting())


def marked_settings() -> Settings:
    """For commands that make no links: a public address need not be set, and the data says whether it is a demo's."""
    return asyncio.run(load_as_marked(settings.load(demo=True)))


async def load_fitting() -> Settings:
    """As `fitting_settings`, for whoever is on a loop already."""
    try:
        lenient = settings.load(demo=True)
    except SettingsError:
        settings.load()         # tells every mistake, those that a demo may make as well
        raise
    meta = await _meta(lenient)
    if meta.get("demo") != "1":
        return settings.load()
    from app.demo import equipment

    return equipment.equipped(lenient)


async def load_as_marked(lenient: Settings) -> Settings:
    """`lenient` as what its database says it is, a demo or not; a new one is not."""
    return replace(lenient, demo=(await _meta(lenient)).get("demo") == "1")


async def _meta(lenient: Settings) -> dict[str, str]:
    if lenient.is_sqlite and not lenient.database_file.exists():
        raise SettingsError(f"There is no database in {lenient.data}. TESSERA_DATA chooses the folder; `python -m app migrate` makes one.")
    async with start.reading(lenient) as db:
        return await store.all_meta(db) if await store.stored_revision(db) else {}


async def hand_over(here: Settings, command: str, act: control.Act, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`act`'s answer: made by the server that runs on the data folder, or here where none runs.

    With PostgreSQL always here: any number of processes may write. An answer with `error` says why nothing was done.
    """
    if not here.is_sqlite:
        async with start.opened(here) as context:
            return await act(context, **arguments)
    answer = await control.ask(here.data, command, arguments)
    if answer is not None:
        return answer
    lock = start.process_lock(here)
    lock.acquire()
    try:
        async with start.opened(here) as context:
            return await act(context, **arguments)
    finally:
        lock.release()


def said(answer: Mapping[str, Any]) -> int:
    """Prints an answer's `lines`, or its `error`; the exit code."""
    if "error" in answer:
        print(answer["error"], file=sys.stderr)
        return 1
    for line in answer.get("lines", ()):
        print(line)
    return int(answer.get("exit", 0))


def packed(data: bytes) -> str:
    """Bytes as an answer may carry them."""
    return base64.b64encode(data).decode()


def unpacked(text: str) -> bytes:
    return base64.b64decode(text)


