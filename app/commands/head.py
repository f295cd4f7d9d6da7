"""`head`: prints each business's newest link and the seals of its days, to be kept on paper or published."""
import argparse
import asyncio
import sys

from app import start
from app.commands import shared
from app.settings import Settings

DAYS = 7


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--business", metavar="SLUG", help="only this business")
    parser.add_argument("--days", type=int, default=DAYS, metavar="N", help=f"how many finished days ({DAYS})")


def run(args: argparse.Namespace) -> int:
    return asyncio.run(_head(shared.marked_settings(), args.business, args.days))


async def _head(settings: Settings, slug: str | None, days: int) -> int:
    from app.ledger import chain_store, day_seals
    from app.programs import service as programs

    async with start.opened(settings, readonly=True) as here:
        found = [business for business in await programs.list_businesses(here.db) if slug in (None, business.slug)]
        if not found:
            print(f"There is no business “{slug}”." if slug else "There is no business yet.", file=sys.stderr)
            return 1
        for business in found:
            seq, newest = await chain_store.head(here.db.connection(), business.id)
            print(f"{business.slug}  now  {seq}  {newest.hex()}")
            for seal in await day_seals.list_days(here.db, business.id, days):
                print(f"{business.slug}  {seal.day}  {seal.last_seq}  {seal.head.hex()}  root {seal.root.hex()}")
    return 0
