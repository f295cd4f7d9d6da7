"""`retention`: does now what the daily job does by the retention table; `--dry-run` only says what that would be."""
import argparse
import asyncio
from typing import Any

from app.commands import shared
from app.context import Context
from app.privacy import policy, retention


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="say what is over, and leave it")


def run(args: argparse.Namespace) -> int:
    here = shared.marked_settings()
    return shared.said(asyncio.run(shared.hand_over(here, "retention", act, {"dry_run": args.dry_run})))


async def act(here: Context, dry_run: bool) -> dict[str, Any]:
    """A line for each row of the table: how many things are over, and what becomes of them."""
    due = await (retention.plan if dry_run else retention.run)(here)
    lines = [f"{each.row.key:<16}{each.things:>8}  {each.row.what}: {_when(each.row)}{policy.DOES[each.row.does]}" for each in due]
    return {"lines": [*lines, "Nothing was changed." if dry_run else "Done."]}


def _when(row: policy.Row) -> str:
    return "" if row.days is None else f"{row.days} days after {row.since}, "
