"""`worker`: runs the jobs. With SQLite the web process does that already, so this one only waits."""
import argparse
import asyncio
import signal

from app import jobs, logs, settings, start
from app.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    pass


def run(args: argparse.Namespace) -> int:
    here = settings.load()
    logs.configure(here.log)
    asyncio.run(_wait(here) if here.is_sqlite else _work(here))
    return 0


def _stopping() -> asyncio.Event:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


async def _wait(here: Settings) -> None:
    """Hosts start every line of a Procfile and start again what ends; so this neither fails nor ends."""
    stopping = _stopping()
    print("With SQLite the web process runs the jobs itself; this worker waits quietly. DATABASE_URL=postgresql://… gives it work.",
          flush=True)
    await stopping.wait()


async def _work(here: Settings) -> None:
    stopping = _stopping()
    async with start.opened(here) as context:
        print("This worker runs the jobs as soon as no other one does.", flush=True)
        async with jobs.numbering(context):
            await jobs.lead(context, stopping)
