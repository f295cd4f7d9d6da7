"""control.sock: how a command that writes hands its work to the server that holds the SQLite file.

One line of JSON each way over a socket in TESSERA_DATA that only its owner may open (0600). The server runs the same function
that the command would have run by itself.
"""
import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from app.context import Context
from app.errors import SettingsError, TesseraError

log = logging.getLogger("tessera.control")

NAME = "control.sock"
LINE_BYTES = 16 * 1024 * 1024       # a pass travels in an answer
ANSWER_SECONDS = 600.0              # `rekey` of a large database takes its time

Act = Callable[..., Awaitable[dict[str, Any]]]


@contextlib.contextmanager
def _short(folder: Path) -> Iterator[str]:
    """The socket's address, however long the folder's name is: 108 bytes are all that an address may have."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{held}/{NAME}"
    finally:
        os.close(held)


@contextlib.asynccontextmanager
async def answering(here: Context, acts: Mapping[str, Act]) -> AsyncIterator[None]:
    """Takes commands from entry to exit. acts: what may be asked for, by the command's name; each is called `act(here, **arguments)`."""
    folder = here.settings.data
    # Ours to remove: whoever holds the process lock is the only server of this folder.
    (folder / NAME).unlink(missing_ok=True)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = json.loads(await reader.readline())
            writer.write(json.dumps(await _act(here, acts, asked)).encode() + b"\n")
            await writer.drain()
        except (ValueError, ConnectionError) as exc:
            log.warning("a command broke off: %s", exc)
        finally:
            writer.close()

    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        with _short(folder) as address:
            listener.bind(address)
    finally:
        os.umask(mask)
    server = await asyncio.start_unix_server(answer, sock=listener, limit=LINE_BYTES)
    try:
        yield
    finally:
        server.close()
        (folder / NAME).unlink(missing_ok=True)


async def _act(here: Context, acts: Mapping[str, Act], asked: Mapping[str, Any]) -> dict[str, Any]:
    act = acts.get(asked.get("command", ""))
    if act is None:
        return {"error": "The running server does not know this command. Is it an older version?"}
    try:
        return await act(here, **asked["arguments"])
    except (TesseraError, SettingsError) as exc:
        return {"error": sentence(exc)}


def sentence(failure: Exception) -> str:
    """What a person at the command line reads about a failure."""
    if not isinstance(failure, TesseraError):
        return str(failure)
    lines = [failure.detail % failure.params if failure.params else failure.detail]
    lines += [detail % failure.params if failure.params else detail for _, _, detail in failure.fields]
    return " ".join(lines)


async def ask(folder: Path, command: str, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
    """The running server's answer, or None where no server takes commands in `folder`."""
    if not (folder / NAME).exists():
        return None
    try:
        with _short(folder) as address:
            reader, writer = await asyncio.open_unix_connection(address, limit=LINE_BYTES)
    except (ConnectionRefusedError, FileNotFoundError):
        return None         # left behind by a server that was killed
    try:
        writer.write(json.dumps({"command": command, "arguments": arguments}).encode() + b"\n")
        await writer.drain()
        line = await asyncio.wait_for(reader.readline(), ANSWER_SECONDS)
    finally:
        writer.close()
    if not line:
        return {"error": "The server stopped before it answered. Look whether the work was done, then try again."}
    return json.loads(line)
