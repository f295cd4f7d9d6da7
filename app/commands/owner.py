"""`owner MAIL --business NAME`: how a real server begins. Makes a business and its owner, prints a one-time sign-in link.

`owner MAIL --again`: the way back of an owner who lost the password, the phone and the mailbox.
"""
import argparse
import asyncio
from functools import partial
from typing import Any

from app import secrets
from app.commands import shared
from app.context import Context
from app.db import Transaction, write_transaction


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("mail", metavar="MAIL", help="the owner's e-mail address, with which they sign in")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--business", metavar="NAME", help="the business's name, as shoppers know it")
    which.add_argument("--again", action="store_true", help="no new business: a new link for an owner who cannot sign in any more; "
                       "their password, app, passkeys and recovery codes are void once it is used")
    parser.add_argument("--slug", help="its name in addresses: letters, digits, hyphens (made from the name unless told)")
    parser.add_argument("--country", default="RU", help="ISO code of its country: the region of phone numbers (RU unless told)")
    parser.add_argument("--currency", default="RUB", help="ISO code of its currency (RUB unless told)")
    parser.add_argument("--time-zone", default="Europe/Moscow", help="IANA name of its time zone (Europe/Moscow unless told)")
    parser.add_argument("--language", default="ru", choices=("en", "ru"), help="its own language (ru unless told)")


def run(args: argparse.Namespace) -> int:
    return shared.said(asyncio.run(shared.hand_over(shared.fitting_settings(), "owner", act, vars(args))))


async def act(here: Context, **wanted: Any) -> dict[str, Any]:
    """A business whose slug exists already is not made twice: the answer says so, and nothing is written."""
    from app.staff import service as staff

    token = secrets.new_secret()
    if wanted.get("again"):
        return await _again(here, wanted["mail"], token)
    await write_transaction(here.db, partial(_make, here, wanted, token))
    return {"lines": [f"{wanted['business']} is made. Its owner signs in here, once, within {staff.rules.LINK_SECONDS // 86400} days:",
                      here.settings.address(f"/console/link/{token}")]}


async def _again(here: Context, email: str, token: str) -> dict[str, Any]:
    from app.staff import links, rules

    name = await write_transaction(here.db, partial(links.way_back, ring=here.ring, email=email, token=token, now=here.clock.now()))
    if name is None:
        return {"error": "No owner of any business signs in with this address. Check it; `owner MAIL --business NAME` makes a business."}
    return {"lines": [f"{name} signs in here, once, within {rules.LINK_SECONDS // 86400} days, and begins with a new password alone:",
                      here.settings.address(f"/console/link/{token}")]}


async def _make(here: Context, wanted: dict[str, Any], token: str, tx: Transaction) -> None:
    from app.console import founding
    from app.staff import service as staff

    now = here.clock.now()
    founded = await founding.found(tx, founding.Wish(
        wanted["slug"] or founding.slug_of(wanted["business"]), wanted["business"], wanted["country"].upper(), wanted["currency"].upper(),
        wanted["time_zone"], wanted["language"]), now)
    staff_id = await staff.create_staff(tx, here.ring, founded.business_id, email=wanted["mail"], name=wanted["mail"].partition("@")[0],
                                        role="owner", language=wanted["language"], now=now)
    await staff.create_link(tx, here.ring, founded.business_id, staff_id, token, now)
