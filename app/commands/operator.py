"""`operator MAIL`: a one-time link for whoever runs the server, to set a password for /operator."""
import argparse
import asyncio
from typing import Any

from app import secrets
from app.commands import shared
from app.context import Context
from app.db import write_transaction


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("mail", metavar="MAIL", help="the operator's e-mail address, with which they sign in at /operator")


def run(args: argparse.Namespace) -> int:
    return shared.said(asyncio.run(shared.hand_over(shared.fitting_settings(), "operator", act, vars(args))))


async def act(here: Context, *, mail: str) -> dict[str, Any]:
    """Repeated for the same address, earlier links end: the way back in for an operator who forgot the password."""
    from app.operators import rules, service

    token = secrets.new_secret()
    await write_transaction(here.db, lambda tx: service.invite(tx, here.ring, mail, token, here.clock.now()))
    return {"lines": [f"{mail} sets a password here, once, within {rules.LINK_SECONDS // 3600} hours:",
                      here.settings.address(f"/operator/link/{token}")]}
