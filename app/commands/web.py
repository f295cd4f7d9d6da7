"""`web`: the server. With SQLite it also migrates and runs the jobs, being the one process that may write."""
import argparse
import asyncio
import contextlib
import gc
import importlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.routing import BaseRoute

from app import control, jobs, logs, server, settings, start
from app.context import Context
from app.schema import migrate
from app.settings import Settings


async def _late(command: str, context: Context, **arguments: Any) -> dict[str, Any]:
    """A command's act, imported when it is asked for: a start does not pay for it."""
    return await importlib.import_module(f"app.commands.{command}").act(context, **arguments)


# What a command hands to a running server.
ACTS: Mapping[str, control.Act] = {command: partial(_late, command) for command in (
    "owner", "operator", "issue", "rekey", "retention", "import")}


@dataclass(frozen=True)
class Stage:
    """What one kind of server has around the application: settings, work before the first answer, routes, lifespans, a greeting."""

    settings: Settings
    greet: Callable[[Context], None]
    prepare: Callable[[Context], Awaitable[None]] | None = None
    routes: Sequence[BaseRoute] = ()
    lifespans: Sequence[Any] = ()


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=int, help="web processes on one socket, with PostgreSQL (as TESSERA_WORKERS)")


def run(args: argparse.Namespace) -> int:
    chosen = {} if args.workers is None else {"TESSERA_WORKERS": str(args.workers)}
    here = settings.load({**os.environ, **chosen})
    logs.configure(here.log)
    if here.is_sqlite:
        return run_alone(here, _plain)
    with server.bind(here.host, here.port) as listener:
        work = partial(serve_beside_others, here, listener)
        if here.workers > 1:
            return server.supervise(here.workers, work)
        asyncio.run(work())
    return 0


@contextlib.asynccontextmanager
async def _plain(here: Settings) -> AsyncIterator[Stage]:
    yield Stage(here, _greet)


def _greet(context: Context) -> None:
    here = context.settings
    print(f"Tessera answers at {here.url} (listening on {here.host}:{here.port}).", flush=True)


def run_alone(here: Settings, set_up: Callable[[Settings], contextlib.AbstractAsyncContextManager[Stage]]) -> int:
    """SQLite: everything in this process, under the lock that refuses a second server before it touches anything."""
    start.data_folder(here)
    start.key_ring(here)
    lock = start.process_lock(here)
    lock.acquire()
    # A tenth of a start goes into looking for garbage among modules that all stay.
    gc.disable()
    try:
        with server.bind(here.host, here.port) as listener:
            asyncio.run(_serve_alone(here, listener, set_up))
    finally:
        gc.enable()
        lock.release()
    return 0


async def _serve_alone(here: Settings, listener: socket.socket,
                       set_up: Callable[[Settings], contextlib.AbstractAsyncContextManager[Stage]]) -> None:
    async with set_up(here) as stage:
        await start.migrate_when_needed(here)
        await _open_and_serve(stage, listener)


async def _open_and_serve(stage: Stage, listener: socket.socket) -> None:
    from app.main import create_app

    async with start.opened(stage.settings) as context:
        app = create_app(context, more_routes=stage.routes,
                         more_lifespans=[*stage.lifespans, jobs.running, partial(control.answering, acts=ACTS)])
        server.collect_rarely()
        if stage.prepare:
            await stage.prepare(context)
        await _serve(app, context, listener, stage.greet)


async def serve_beside_others(here: Settings, listener: socket.socket) -> None:
    """PostgreSQL: one of any number of web processes; `worker` runs the jobs and `migrate` the migrations."""
    from app.main import create_app

    migrate.check_revision(await start.stored_revision(here))
    async with start.opened(here) as context:
        app = create_app(context, more_lifespans=[jobs.numbering])
        await _serve(app, context, listener, _greet)


async def _serve(app: Any, context: Context, listener: socket.socket, greet: Callable[[Context], None]) -> None:
    await server.serve(app, listener, guard=context.extras["guard"], ready=partial(greet, context),
                       before_shutdown=context.extras["broker"].close)
