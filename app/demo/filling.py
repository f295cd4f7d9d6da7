"""Fills a demo's database at its first start, and brings demo.json up to date at every other."""
from datetime import datetime, timedelta

from app.clock import local_day
from app.context import Context
from app.demo import business, demo_file, history, plan, programmes, receiver, regulars, tablet
from app.demo.business import Business
from app.demo.demo_file import Shown


async def prepare(here: Context) -> None:
    """Called on the open database before the first answer; demo.json is written last, so that it says: everything is there."""
    if demo_file.path(here.settings).exists():
        demo_file.write(here.settings, demo_file.read(here.settings))
        await receiver.attach(here, business.COFFEE.slug)
        return
    print("Filling in thirty days of a coffee shop (once) ...", flush=True)
    now = here.clock.now()
    began_at = now - timedelta(days=plan.DAYS, hours=1)
    coffee = await business.found_coffee(here, began_at)
    leaf = await business.found_leaf(here, began_at)
    await history.live_through(here, coffee, now)
    await tablet.give_pins(here, coffee)
    shown = await fill_kinds(here, coffee, leaf, began_at, now)
    await receiver.attach(here, business.COFFEE.slug)
    demo_file.write(here.settings, await demo_file.tell(here, coffee, leaf, shown))


async def fill_kinds(here: Context, coffee: Business, leaf: Business, began_at: datetime, now: datetime) -> list[Shown]:
    """The other kinds of programmes beside the first one, and the coalition; returns each with the card that stands for it."""
    old_town = await business.found_old_town(here, began_at)
    of_coffee = await programmes.open_all(here, coffee, programmes.of_coffee(local_day(now, business.ZONE)), began_at)
    of_leaf = await programmes.open_all(here, leaf, programmes.of_leaf(), began_at)
    club_code = await programmes.furnish_coffee(here, coffee, of_coffee, began_at)
    await regulars.form_old_town(here, old_town, (coffee, leaf), (business.COFFEE.slug, business.LEAF.slug), began_at)
    cards = await regulars.live(here, coffee, leaf, old_town, of_coffee | of_leaf, club_code, now, history.SEED)
    await programmes.announce(here, coffee, of_coffee, now)
    return [Shown(shop, program_id, cards[slug], club_code if slug == "roastery" else None)
            for shop, made in ((coffee, of_coffee), (leaf, of_leaf), (old_town, {"oldtown": old_town.program_id}))
            for slug, program_id in made.items()]
