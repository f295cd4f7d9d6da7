"""`verify`: recomputes every balance, lot and hash; works beside a running server. `verify --receipt FILE` needs no database."""
import argparse
import asyncio
import os
import sys
from pathlib import Path

from app import start
from app.commands import shared
from app.settings import Settings

VERIFY_SECONDS = 3600.0      # a large ledger takes longer than a report may


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--receipt", type=Path, metavar="FILE", help="only check this receipt of a card page")
    parser.add_argument("--root", metavar="HASH", help="with --receipt: the root of its day, as it was printed or published")


def run(args: argparse.Namespace) -> int:
    if args.receipt is not None:
        return _receipt(args.receipt, args.root)
    return asyncio.run(verify(shared.marked_settings()))


def _receipt(path: Path, root: str | None) -> int:
    """Says what the receipt proves; 1 where it does not prove it."""
    from app.ledger import proofs

    try:
        proof = proofs.parse(path.read_bytes())
        proofs.check(proof)
    except OSError as exc:
        print(f"{path} cannot be read: {exc.strerror}.", file=sys.stderr)
        return 2
    except proofs.Broken as exc:
        print(exc, file=sys.stderr)
        return 1
    print(f"{proof.business}: operation {proof.seq} of the chain, hash {proof.hash}.")
    if proof.day is None:
        print("The receipt fits its hash. Its day was not over when it was made: fetch it again to prove it against a root.")
        return 1 if root else 0
    if root is not None and root.lower() != proof.day.root:
        print(f"The receipt belongs to another root of {proof.day.day}: {proof.day.root}.", file=sys.stderr)
        return 1
    print(f"It belongs to {proof.day.day}, root {proof.day.root}.")
    print("That is the root you gave." if root else "Compare this root with the published one, or give it with --root.")
    return 0


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
