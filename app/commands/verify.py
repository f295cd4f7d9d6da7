"""`verify`: recomputes every balance, lot and hash; works beside a running server."""
import argparse
import asyncio
import sys

from app import start
from app.commands import shared
from app.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    pass


def run(args: argparse.Namespace) -> int:
    return asyncio.run(verify(shared.fitting_settings()))


async def verify(here: Settings) -> int:
    """Prints one line a finding; 1 where there is any."""
    from app.ledger import service as ledger

    async with start.opened(here, readonly=True) as context:
        report = await ledger.verify(context.db)
    for finding in report.findings:
        print(finding, file=sys.stderr)
    if report.findings:
        print(f"{len(report.findings)} findings. Keep this database as it is, make a copy, and compare it with your last good backup.",
              file=sys.stderr)
        return 1
    print("Everything fits.")
    return 0
