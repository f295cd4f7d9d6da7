"""`python -m app phone install ADDRESS`: tries an installation without an iPhone. Speaks HTTP only, opens no database."""
import json
import sys
from pathlib import Path
from typing import TextIO

import httpx2

from app.demo.phone import Phone, PhoneError, Step
from app.text import N_
from app.web.i18n import translate


async def install(address: str, root_pem: bytes | None, *, language: str = "en", out: TextIO | None = None,
                  transport: httpx2.AsyncBaseTransport | None = None) -> int:
    """Add the pass behind `address` (a card page `/c/{token}` or a .pkpass) to a phone that lives for this call.

    root_pem: what the pass must chain to; None: its own chain is taken on trust, and that is said. Prints each step.
    Returns the exit code: 0 when it is registered, fetched from the update service and verified, else 1.
    """
    out = out or sys.stdout
    if root_pem is None:
        out.write(translate(language, N_("No root given: the chain that the pass brings is taken on trust. Use --root FILE.")) + "\n")
    phone = Phone(root_pem=root_pem, transport=transport)
    try:
        held = await phone.install(address)
        # What the list did not name is fetched all the same: the service must hand out what it registered.
        if held.service and not held.last_modified:
            await phone.refresh(*held.key)
        is_done = bool(held.service)
    except PhoneError:
        is_done = False  # the step that failed says why
    finally:
        for step in phone.steps:
            out.write(line(step, language) + "\n")
        await phone.close()
    done, failed = N_("The phone has the card, registered, fetched and verified."), N_("The phone could not take the card.")
    out.write(translate(language, done if is_done else failed) + "\n")
    return 0 if is_done else 1


def line(step: Step, language: str) -> str:
    """One step as a terminal shows it."""
    text = translate(language, step.text, **step.params)
    return f"{step.at:%H:%M:%S} {'✓' if step.is_good else '✗'} {text}" + (f" ({step.detail})" if step.detail else "")


def find_root(data: Path, address: str) -> bytes | None:
    """The demo's root certificate, if `data` is the data folder of the demo that `address` belongs to (its demo.json says so)."""
    try:
        told = json.loads((data / "demo.json").read_bytes())
        return (data / told["apple"]["root"]).read_bytes() if address.startswith(told["url"]) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
