"""Fills a demo's database at its first start, and brings demo.json up to date at every other."""
from datetime import timedelta

from app.context import Context
from app.demo import business, demo_file, history, plan


async def prepare(here: Context) -> None:
    """Called on the open database before the first answer; demo.json is written last, so that it says: everything is there."""
    if demo_file.path(here.settings).exists():
        demo_file.write(here.settings, demo_file.read(here.settings))
        return
    print("Filling in thirty days of a coffee shop (once) ...", flush=True)
    now = here.clock.now()
    began_at = now - timedelta(days=plan.DAYS, hours=1)
    coffee = await business.found_coffee(here, began_at)
    leaf = await business.found_leaf(here, began_at)
    await history.live_through(here, coffee, now)
    demo_file.write(here.settings, demo_file.tell(here, coffee, leaf))
