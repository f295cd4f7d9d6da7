"""`verify`: recomputes every balance, lot and hash; works beside a running server."""
import argparse
import asyncio
import os
import sys

from app import start
from app.commands import shared
from app.settings import Settings

VERIFY_SECONDS = 3600.0      # a large ledger takes longer than a report may


def arguments(parser: argparse.ArgumentParser) -> None:
    pass


def run(args: argparse.Namespace) -> int:
    return asyncio.run(verify(shared.marked_settings()))


async def verify(here: Settings) -> int:
    """Prints one line a finding; 1 where there is a fault."""
    from app.ledger.verify import verify as verify_ledger

    async with start.opened(here, readonly=True, report_seconds=VERIFY_SECONDS) as context:
        findings = await verify_ledger(context.db, context.clock.now(), workers=os.cpu_count() or 1)
    for finding in findings:
        print(finding.sentence, file=sys.stderr if finding.is_fault else sys.stdout)
    faults = sum(finding.is_fault for finding in findings)
    if faults:
        print(f"{faults} findings. Keep this database as it is, make a copy, and compare it with your last good backup.",
              file=sys.stderr)
        return 1
    print("Everything fits.")
    return 0
