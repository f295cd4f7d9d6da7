"""`owner MAIL --business NAME`: how a real server begins. Makes a business and its owner, prints a one-time sign-in link."""
import argparse
from typing import Any

from app.commands import shared
from app.context import Context


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("mail", metavar="MAIL", help="the owner's e-mail address, with which they sign in")
    parser.add_argument("--business", required=True, metavar="NAME", help="the business's name, as shoppers know it")
    parser.add_argument("--slug", help="its name in addresses: letters, digits, hyphens (made from the name unless told)")
    parser.add_argument("--country", default="RU", help="ISO code of its country: the region of phone numbers (RU unless told)")
    parser.add_argument("--currency", default="RUB", help="ISO code of its currency (RUB unless told)")
    parser.add_argument("--time-zone", default="Europe/Moscow", help="IANA name of its time zone (Europe/Moscow unless told)")
    parser.add_argument("--language", default="ru", choices=("en", "ru"), help="its own language (ru unless told)")


def run(args: argparse.Namespace) -> int:
    import asyncio

    here = shared.fitting_settings()
    return shared.said(asyncio.run(shared.hand_over(here, "owner", act, vars(args))))
