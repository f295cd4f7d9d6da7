"""`run --demo`: everything in one process and one folder, with no question asked and no account needed."""
import argparse
import contextlib
from collections.abc import AsyncIterator
from functools import partial

from app import logs, settings
from app.commands import shared, web
from app.context import Context
from app.errors import SettingsError
from app.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--demo", action="store_true", required=True, help="demo data, fakes of Apple's servers, a simulated phone")


def run(args: argparse.Namespace) -> int:
    here = settings.load(demo=True)
    if not here.is_sqlite:
        raise SettingsError("The demo keeps its data in a folder of its own: unset DATABASE_URL.")
    # A person reads this terminal: addresses and our mistakes, not a line a request.
    logs.configure("error" if here.log == "info" else here.log)
    return web.run_alone(here, set_up)


@contextlib.asynccontextmanager
async def set_up(here: Settings) -> AsyncIterator[web.Stage]:
    """The demo around the server: certificates, our APNs, the inbox, the phone. Nothing of it is imported otherwise."""
    from app.demo import android_pages, equipment, filling, pages, phone_pages, receiver, tablet

    await _clear_unfinished(here)
    async with equipment.surrounded(here) as (told, apns), equipment.with_google(told) as (demo, google):
        yield web.Stage(demo, _greet, prepare=filling.prepare, routes=[*pages.routes, *phone_pages.routes, *android_pages.routes,
                                                       *tablet.routes, *receiver.routes],
                        lifespans=[partial(phone_pages.living, apns=apns), partial(android_pages.living, google=google)])


async def _clear_unfinished(here: Settings) -> None:
    """A first start that was broken off leaves half a history: a demo's database without its demo.json is made anew."""
    from app.demo import demo_file

    if demo_file.path(here).exists() or not here.database_file.exists() or not (await shared.load_as_marked(here)).demo:
        return
    for ending in ("", "-wal", "-shm"):
        here.database_file.with_name(here.database_file.name + ending).unlink(missing_ok=True)


def _greet(context: Context) -> None:
    from app.demo import demo_file

    told = demo_file.read(context.settings)
    if context.settings.is_loopback:        # whoever opens the page may read the file too: the doors say how to come in
        context.extras |= {"demo_till": told["till"], "demo_console": told["console"],
                           "demo_pins": told["tablet"].get("pin")}
    print(f"""
Tessera demo, in {context.settings.data.absolute()}

  Enrolment page   {told["enrol"]}
  Till             {told["till"]["url"]}   {told["till"]["email"]}  {told["till"]["password"]}
  Shared tablet    {told["tablet"]["url"]}   PIN {told["tablet"].get("pin", "as chosen")}
  Console          {told["console"]["url"]}   {told["console"]["email"]}  {told["console"]["password"]}
  Demo phone       {told["phone"]}
  Android phone    {context.settings.address("/demo/android")}
  SMS inbox        {context.settings.address("/demo/sms")}
  Webhooks         {context.settings.address("/demo/webhooks")}

Ctrl+C stops it; everything stays for the next start.
""", flush=True)
